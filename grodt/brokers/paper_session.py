"""What one session does to the paper broker's book, inside one transaction of its file."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, date

import numpy as np

from grodt.bars.corporate_actions import ActionKind, CorporateAction, by_ex_date, entitlement, renamed, split
from grodt.bars.market import SessionMarket
from grodt.brokers.fills import FillTerms, fill_session
from grodt.errors import DataError, SessionError
from grodt.money import Micros


def play(connection: sqlite3.Connection, market: SessionMarket, terms: FillTerms) -> None:
    """Play a session, or leave the book alone if it was played before; see `PaperBroker.advance`."""
    if connection.execute("SELECT 1 FROM sessions WHERE session = ?", (market.session.isoformat(),)).fetchone():
        return
    last = last_session(connection)
    if last is not None and market.session < last:
        raise SessionError(
            f"session {market.session} comes before {last}, the last one the paper broker played; "
            f"run from {last} on, or start a new account"
        )
    connection.execute("INSERT INTO sessions VALUES (?)", (market.session.isoformat(),))
    _apply_actions(connection, market)
    _work_orders(connection, market, terms)
    reserve(connection)


def last_session(connection: sqlite3.Connection) -> date | None:
    """The last session played, None before the first."""
    (last,) = connection.execute("SELECT max(session) FROM sessions").fetchone()
    return None if last is None else date.fromisoformat(last)


def reserve(connection: sqlite3.Connection) -> None:
    """Set aside what open orders will cost (sells: bring) at their reference prices."""
    connection.execute(
        "UPDATE account SET reserved = (SELECT coalesce(sum(CASE side WHEN 'buy' THEN 1 ELSE -1 END * quantity * reference_price), 0) "
        "FROM orders WHERE state = 'accepted')"
    )


def _apply_actions(connection: sqlite3.Connection, market: SessionMarket) -> None:
    session = market.session.isoformat()
    closes = dict(market.previous_close)
    credit = 0
    for actions in by_ex_date(market.actions):
        credit += _apply(connection, session, actions, closes)
        closes = renamed(closes, actions["symbol_change"].values())
    (paid,) = connection.execute("SELECT coalesce(sum(amount), 0) FROM payments WHERE due <= ?", (session,)).fetchone()
    connection.execute("DELETE FROM payments WHERE due <= ?", (session,))
    connection.execute("UPDATE account SET cash = cash + ?", (credit + paid,))


def _apply(
    connection: sqlite3.Connection,
    session: str,
    actions: Mapping[ActionKind, Mapping[str, CorporateAction]],
    closes: Mapping[str, Micros],
) -> int:
    """Play the actions of one ex date; returns what they pay at once."""
    dividends, splits, delistings, changes = (actions[kind] for kind in ("dividend", "split", "delisting", "symbol_change"))
    before = _held(connection, {symbol for of_kind in actions.values() for symbol in of_kind})
    after = dict(before)
    credit = 0
    for symbol, dividend in dividends.items():
        if symbol in before:
            due = (dividend.pay_date or dividend.ex_date).isoformat()
            owed = entitlement(before[symbol], dividend)
            connection.execute("INSERT INTO payments VALUES (?, ?, ?, ?)", (symbol, dividend.ex_date.isoformat(), due, owed))
    for symbol, division in splits.items():
        if symbol in before:
            price = closes.get(symbol, Micros(0))
            if before[symbol] * division.ratio_new % division.ratio_old and price < 1:
                raise DataError(f"{symbol} {session}: a split leaves a fraction of {before[symbol]} shares and no previous close prices it")
            outcome = split(before[symbol], division, price)
            credit += outcome.cash_in_lieu
            after[symbol] = outcome.quantity
    for symbol, delisting in delistings.items():
        if symbol in before:
            credit += entitlement(before[symbol], delisting)
            after[symbol] = 0
    moved: dict[str, int] = {}
    for symbol, change in changes.items():
        moved[change.new_symbol] = moved.get(change.new_symbol, 0) + after.pop(symbol, 0)
        moved.setdefault(symbol, 0)
    wanted = {symbol: after.get(symbol, 0) - before.get(symbol, 0) + moved.get(symbol, 0) for symbol in {*before, *moved}}
    _hold(connection, wanted)
    cancelled = [(symbol,) for symbol in sorted({*splits, *delistings, *changes})]
    connection.executemany(
        "UPDATE orders SET state = 'cancelled', reason = 'corporate action' WHERE symbol = ? AND state = 'accepted'", cancelled
    )
    return credit


def _work_orders(connection: sqlite3.Connection, market: SessionMarket, terms: FillTerms) -> None:
    session = market.session.isoformat()
    rows = connection.execute(
        "SELECT client_order_id, symbol, side, quantity FROM orders WHERE state = 'accepted' AND session < ? ORDER BY number", (session,)
    ).fetchall()
    expired = [(client,) for client, symbol, _, _ in rows if symbol not in market.open]
    connection.executemany("UPDATE orders SET state = 'expired', reason = 'no trade in session' WHERE client_order_id = ?", expired)
    traded = [row for row in rows if row[1] in market.open]
    if not traded:
        return
    signed = np.array([quantity if side == "buy" else -quantity for _, _, side, quantity in traded], dtype=np.int64)
    opens = np.array([market.open[symbol] for _, symbol, _, _ in traded], dtype=np.int64)
    fills = fill_session(signed, opens, terms)
    prices, commissions = fills.price.tolist(), fills.commission.tolist()
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM fills").fetchone()
    filled_at = market.opens_at.astimezone(UTC).isoformat()
    connection.executemany(
        "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (number + i, f"{client}-1", client, symbol, side, quantity, price, commission, session, filled_at)
            for i, ((client, symbol, side, quantity), price, commission) in enumerate(zip(traded, prices, commissions, strict=True), 1)
        ],
    )
    connection.executemany(
        "UPDATE orders SET state = 'filled', filled_quantity = quantity WHERE client_order_id = ?", [(row[0],) for row in traded]
    )
    change: dict[str, int] = {}
    for (_, symbol, _, _), quantity in zip(traded, signed.tolist(), strict=True):
        change[symbol] = change.get(symbol, 0) + quantity
    _hold(connection, change)
    # Python's integers: a whole basket's value may pass 64 bits where no single fill does.
    paid = sum(quantity * price for quantity, price in zip(signed.tolist(), prices, strict=True)) + sum(commissions)
    connection.execute("UPDATE account SET cash = cash - ?", (paid,))


def _hold(connection: sqlite3.Connection, change: Mapping[str, int]) -> None:
    """Add to positions; a flat one has no row."""
    held = _held(connection, change)
    after = {symbol: held.get(symbol, 0) + quantity for symbol, quantity in change.items()}
    connection.executemany("DELETE FROM positions WHERE symbol = ?", [(symbol,) for symbol in after])
    connection.executemany("INSERT INTO positions VALUES (?, ?)", [(symbol, quantity) for symbol, quantity in after.items() if quantity])


def _held(connection: sqlite3.Connection, symbols: Iterable[str]) -> dict[str, int]:
    asked = (json.dumps(sorted(symbols)),)
    return dict(connection.execute("SELECT symbol, quantity FROM positions WHERE symbol IN (SELECT value FROM json_each(?))", asked))
