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
        legs: shares that legs close now, of a pair those of the larger; of attached ones, what their entry has filled.
        others: shares that other orders close.
        stops: what each live stop is for: "" what is held, else the entry that it is attached to.
        astray: ids of legs that close nothing, and wait for no entry.
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
        if len(set(of.stops)) < len(of.stops) or of.astray:
            found.append(f"{symbol} has live stops for {of.stops} and legs that close nothing {of.astray}")
    return found + _turned_round(home)


def unprotected(home: Home, session: date) -> list[str]:
    """Positions that stay, and entries that go out, without their whole stop after a session's cycle, and control 36 did not say so."""
    told = without_a_stop(home, session)
    bare = [
        f"{symbol}: {of.held:,} shares are held, orders close {of.others:,}, stops {of.stops} {of.legs:,}, and control 36 does not say why"
        for symbol, of in _closing(home).items()
        if (of.legs if of.stops else 0) < abs(of.held) - of.others and symbol not in told
    ]
    entries = _bare_entries(home, session) + _bare_rests(home, session)
    return bare + [each for symbol, each in entries if symbol not in told]


def _bare_entries(home: Home, session: date) -> list[tuple[str, str]]:
    """Orders of a session that open more shares than the stop that is attached to them closes, each with its symbol."""
    query = """SELECT client_order_id, symbol, CASE side WHEN 'buy' THEN 1 ELSE -1 END * quantity,
        coalesce((SELECT p.quantity FROM positions AS p WHERE p.symbol = orders.symbol), 0)
          + coalesce((SELECT sum(CASE o.side WHEN 'buy' THEN 1 ELSE -1 END * (o.quantity - o.filled_quantity)) FROM orders AS o
            WHERE o.symbol = orders.symbol AND o.side <> orders.side AND o.role NOT IN ('stop', 'take_profit')
              AND o.state IN ('accepted', 'partially_filled')), 0),
        coalesce((SELECT sum(o.quantity) FROM orders AS o
            WHERE o.entry = orders.client_order_id AND o.role = 'stop' AND o.state IN ('accepted', 'partially_filled')), 0)
      FROM orders WHERE session = ? AND role NOT IN ('stop', 'take_profit') AND state IN ('accepted', 'partially_filled')"""
    found = []
    for key, symbol, traded, before, attached in home.broker(query, session.isoformat()):
        opens = abs(traded) if traded * before >= 0 else max(abs(traded) - abs(before), 0)
        if attached != opens:
            found.append((symbol, f"{key} opens {opens:,} shares of {symbol}, and the stop attached to it closes {attached:,}"))
    return found


def _bare_rests(home: Home, session: date) -> list[tuple[str, str]]:
    """Orders of earlier sessions that may still add more shares to a position than their attached stops wait for, each with its symbol."""
    query = """SELECT client_order_id, symbol, CASE side WHEN 'buy' THEN 1 ELSE -1 END * (quantity - filled_quantity),
        coalesce((SELECT p.quantity FROM positions AS p WHERE p.symbol = orders.symbol), 0),
        coalesce((SELECT sum(min(o.quantity, orders.quantity - orders.filled_quantity)) FROM orders AS o
            WHERE o.entry = orders.client_order_id AND o.role = 'stop' AND o.state IN ('accepted', 'partially_filled')), 0)
      FROM orders WHERE session < ? AND role NOT IN ('stop', 'take_profit', 'close') AND state IN ('accepted', 'partially_filled')"""
    found = []
    for key, symbol, left, held, attached in home.broker(query, session.isoformat()):
        adds = abs(left) if left * held >= 0 else max(abs(left) - abs(held), 0)
        if attached < adds:
            found.append((symbol, f"{key} may add {adds:,} shares of {symbol}, and the stop attached to it waits for {attached:,}"))
    return found


def without_a_stop(home: Home, session: date) -> set[str]:
    """Symbols of which control 36 says that some of the position stays without its stop."""
    query = """SELECT symbol FROM risk_checks AS r WHERE run_id = ? AND control = 36 AND verdict <> 'pass'
      AND attempt = (SELECT max(attempt) FROM evidence AS e WHERE e.run_id = r.run_id)"""
    return {symbol for (symbol,) in home.sql(query, f"{home.book}-eod-{session}")}


def _closing(home: Home) -> dict[str, Closing]:
    """By symbol; all that are held or have a leg."""
    found = {symbol: Closing(quantity) for symbol, quantity in home.broker("SELECT symbol, quantity FROM positions")}
    query = """SELECT client_order_id, symbol, side, quantity - filled_quantity
        - coalesce((SELECT o.filled_quantity FROM orders AS o WHERE o.client_order_id = orders.other), 0)
        - min(quantity, coalesce((SELECT e.quantity - e.filled_quantity FROM orders AS e WHERE e.client_order_id = orders.entry), 0)),
        role, other, entry,
        EXISTS (SELECT 1 FROM orders AS e WHERE e.client_order_id = orders.entry AND e.state IN ('accepted', 'partially_filled'))
      FROM orders WHERE state IN ('accepted', 'partially_filled') ORDER BY number"""
    pairs: dict[str, dict[str, int]] = defaultdict(dict)
    for key, symbol, side, left, role, other, entry, waits in home.broker(query):
        of = found.setdefault(symbol, Closing())
        is_idle = waits and left == 0
        closes = is_idle or of.held > 0 if side == "sell" else of.held < 0
        if role not in ("stop", "take_profit"):
            of.others += left if closes else 0
            continue
        pair = min(key, other or key)
        pairs[symbol][pair] = max(pairs[symbol].get(pair, 0), left)
        of.stops += [entry] if role == "stop" else []
        of.astray += [] if closes and (left > 0 or is_idle) else [key]
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
