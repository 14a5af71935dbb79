"""What must hold of the legs of brackets, at a paper broker and in the ledger, whatever has failed."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from tests.cycles.driver import Home


@dataclass
class Closing:
    """What open orders of one symbol close.

    Attributes:
        held: signed shares.
        legs: shares that legs close, of a pair those of the larger.
        others: shares that other orders close.
        stops: ids of live stops.
        astray: ids of legs that close nothing.
    """

    held: int = 0
    legs: int = 0
    others: int = 0
    stops: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)


def loose(home: Home) -> list[str]:
    """Where open legs would close more than is held, two stops are live for one position, or a leg has closed more than was held."""
    if not (home.folder / "brokers").exists() or not (home.folder / "ledger.db").exists():
        return []
    found = []
    for symbol, of in _closing(home).items():
        if of.legs and of.legs + of.others > abs(of.held):
            found.append(f"legs of {symbol} close {of.legs:,} shares and other orders {of.others:,}, and {of.held:,} are held")
        if len(of.stops) > 1 or of.astray:
            found.append(f"{symbol} has live stops {of.stops} and legs that close nothing {of.astray}")
    return found + _turned_round(home)


def unprotected(home: Home, session: date) -> list[str]:
    """Positions that stay without their whole stop after a session's cycle, although control 36 did not say so."""
    told = without_a_stop(home, session)
    return [
        f"{symbol}: {of.held:,} shares are held, orders close {of.others:,}, stops {of.stops} {of.legs:,}, and control 36 does not say why"
        for symbol, of in _closing(home).items()
        if (of.legs if of.stops else 0) < abs(of.held) - of.others and symbol not in told
    ]


def without_a_stop(home: Home, session: date) -> set[str]:
    """Symbols of which control 36 says that some of the position stays without its stop."""
    query = """SELECT symbol FROM risk_checks AS r WHERE run_id = ? AND control = 36 AND verdict <> 'pass'
      AND attempt = (SELECT max(attempt) FROM evidence AS e WHERE e.run_id = r.run_id)"""
    return {symbol for (symbol,) in home.sql(query, f"{home.book}-eod-{session}")}


def _closing(home: Home) -> dict[str, Closing]:
    """By symbol; all that are held or have a leg."""
    found = {symbol: Closing(quantity) for symbol, quantity in home.broker("SELECT symbol, quantity FROM positions")}
    query = """SELECT client_order_id, symbol, side, quantity - filled_quantity
        - coalesce((SELECT o.filled_quantity FROM orders AS o WHERE o.client_order_id = orders.other), 0), role, other
      FROM orders WHERE state IN ('accepted', 'partially_filled') ORDER BY number"""
    pairs: dict[str, dict[str, int]] = defaultdict(dict)
    for key, symbol, side, left, role, other in home.broker(query):
        of = found.setdefault(symbol, Closing())
        closes = of.held > 0 if side == "sell" else of.held < 0
        if role not in ("stop", "take_profit"):
            of.others += left if closes else 0
            continue
        pair = min(key, other or key)
        pairs[symbol][pair] = max(pairs[symbol].get(pair, 0), left)
        of.stops += [key] if role == "stop" else []
        of.astray += [] if closes else [key]
    for symbol, of_pairs in pairs.items():
        found[symbol].legs = sum(of_pairs.values())
    return found


def _turned_round(home: Home) -> list[str]:
    """Fills of legs that closed more than was held then; actions come before a session's fills."""
    actions = """SELECT e.session, 0, 0, p.symbol, p.amount, '', e.entry_id FROM postings AS p JOIN entries AS e ON e.entry_id = p.entry_id
        WHERE p.account = 'position' AND e.kind <> 'fill'"""
    fills = """SELECT f.session, 1, f.number, f.symbol, CASE f.side WHEN 'buy' THEN f.quantity ELSE -f.quantity END, coalesce(o.role, ''),
        f.execution_id FROM fills AS f JOIN orders AS o ON o.client_order_id = f.client_order_id"""
    before: dict[str, int] = defaultdict(int)
    found = []
    for _, _, _, symbol, change, role, name in home.sql(f"{actions} UNION ALL {fills} ORDER BY 1, 2, 3"):
        had = before[symbol]
        if role in ("stop", "take_profit") and (had * change >= 0 or abs(change) > abs(had)):
            found.append(f"leg's fill {name} trades {change:,} shares of {symbol}, of which {had:,} were held")
        before[symbol] += change
    return found
