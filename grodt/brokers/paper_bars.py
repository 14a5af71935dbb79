"""Orders for the day at the paper broker: what one bar of a session that goes on does to its book, inside one transaction of its file.

An order works in the bars that are played after it was accepted, and that begin no earlier than it is to work; in the bar within which it
begins, it meets what is left of it. It fills at a bar's open (or close, as the terms say) and, where they cap participation, with a share
of that bar's volume; the rest works on in the next bar, and expires when the session ends.
"""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime

from grodt.bars.market import SessionMarket
from grodt.brokers.fills import FillTerms
from grodt.brokers.paper_session import Working, execute, last_session, reserve, working_orders
from grodt.errors import SessionError
from grodt.orders.states import OrderState


def play_bar(connection: sqlite3.Connection, bar: SessionMarket, terms: FillTerms, rests: Sequence[SessionMarket] = ()) -> None:
    """Play a bar, or leave the book alone if it was played before; see `PaperBroker.play_bar`."""
    session = bar.session.isoformat()
    begin, end = _text(bar.opens_at), _text(bar.closes_at)
    known = connection.execute("SELECT played_until, ended FROM days WHERE session = ?", (session,)).fetchone()
    if known is not None and (known[1] or known[0] >= end):
        return  # also where later sessions were played since: the ledger may have been restored to before them
    if last_session(connection) != bar.session:
        raise SessionError(f"session {session} was not begun at the paper broker, or a later one was; its bars cannot be played")
    if known is not None and known[0] > begin:
        raise SessionError(
            f"session {session} was played until {known[0]}, and the bar from {begin} to {end} overlaps that: the book's slots were "
            "changed within a session; put them back until it is over"
        )
    connection.execute(
        "INSERT INTO days VALUES (?, ?, 0) ON CONFLICT (session) DO UPDATE SET played_until = excluded.played_until", (session, end)
    )
    later = dict(connection.execute("SELECT client_order_id, works_from FROM starts WHERE works_from > ?", (begin,)))
    working = working_orders(connection, "day", "=", session)
    done = execute(connection, [order for order in working if order.client_order_id not in later], bar, terms, _after, is_bar=True)
    for rest in rests:
        own = [order for order in working if later.get(order.client_order_id) == _text(rest.opens_at)]
        done += execute(connection, own, rest, terms, _after, is_bar=True, before=done)
    reserve(connection)


def end_day(connection: sqlite3.Connection, session: date) -> None:
    """See `PaperBroker.end_day`."""
    day = session.isoformat()
    over = [
        (OrderState.EXPIRED.value, "the rest did not fill" if order.filled else "no trade before the close", order.number)
        for order in working_orders(connection, "day", "<=", day)
    ]
    connection.executemany("UPDATE orders SET state = ?, reason = ? WHERE number = ?", over)
    connection.execute("INSERT INTO days VALUES (?, '', 1) ON CONFLICT (session) DO UPDATE SET ended = 1", (day,))
    reserve(connection)


def has_ended(connection: sqlite3.Connection, session: date) -> bool:
    """Whether the session's orders for the day are over."""
    found = connection.execute("SELECT ended FROM days WHERE session = ?", (session.isoformat(),)).fetchone()
    return found is not None and bool(found[0])


def starts(connection: sqlite3.Connection, session: date) -> tuple[datetime, ...]:
    """See `PaperBroker.starts`."""
    query = "SELECT DISTINCT works_from FROM starts JOIN orders USING (client_order_id) WHERE session = ? ORDER BY 1"
    return tuple(datetime.fromisoformat(text) for (text,) in connection.execute(query, (session.isoformat(),)))


def _after(order: Working, quantity: int) -> tuple[str, int, int, str, int]:
    filled = order.filled + abs(quantity)
    state = OrderState.FILLED if filled == order.quantity else OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED
    return state.value, filled, order.executions + (quantity != 0), "", order.number


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
