"""What one session does to the paper broker's book, inside one transaction of its file."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, date

import numpy as np

from grodt.bars.corporate_actions import CorporateAction, entitlement, split
from grodt.bars.market import SessionMarket
from grodt.brokers.fills import FillTerms, fill_at_open
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
    by_kind: dict[tuple[str, str], CorporateAction] = {(action.symbol, action.kind): action for action in market.actions}
    if len(by_kind) < len(market.actions):
        raise DataError(f"session {session} has two corporate actions of one kind in one symbol; check corporate_actions")
    credit = 0
    for symbol in sorted({action.symbol for action in market.actions}):
        held = connection.execute("SELECT quantity FROM positions WHERE symbol = ?", (symbol,)).fetchone()
        before = held[0] if held else 0
        after = before
        dividend, division, delisting = (by_kind.get((symbol, kind)) for kind in ("dividend", "split", "delisting"))
        if dividend and before:
            due = (dividend.pay_date or dividend.ex_date).isoformat()
            connection.execute("INSERT INTO payments VALUES (?, ?, ?, ?)", (symbol, session, due, entitlement(before, dividend)))
        if division:
            price = market.previous_close.get(symbol, Micros(0))
            if before * division.ratio_new % division.ratio_old and price < 1:
                raise DataError(f"{symbol} {session}: a split leaves a fraction of {before} shares and no previous close prices it")
            outcome = split(before, division, price)
            credit += outcome.cash_in_lieu
            after = outcome.quantity
        if delisting:
            credit += entitlement(before, delisting)
            after = 0
        _hold(connection, {symbol: after - before})
        if division or delisting:
            connection.execute(
                "UPDATE orders SET state = 'cancelled', reason = 'corporate action' WHERE symbol = ? AND state = 'accepted'", (symbol,)
            )
    (paid,) = connection.execute("SELECT coalesce(sum(amount), 0) FROM payments WHERE due <= ?", (session,)).fetchone()
    connection.execute("DELETE FROM payments WHERE due <= ?", (session,))
    connection.execute("UPDATE account SET cash = cash + ?", (credit + paid,))


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
    prices, commissions = (array.tolist() for array in fill_at_open(signed, opens, terms))
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
    asked = (json.dumps([*change]),)
    held = dict(connection.execute("SELECT symbol, quantity FROM positions WHERE symbol IN (SELECT value FROM json_each(?))", asked))
    after = {symbol: held.get(symbol, 0) + quantity for symbol, quantity in change.items()}
    connection.executemany("DELETE FROM positions WHERE symbol = ?", [(symbol,) for symbol in after])
    connection.executemany("INSERT INTO positions VALUES (?, ?)", [(symbol, quantity) for symbol, quantity in after.items() if quantity])
