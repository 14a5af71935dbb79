"""Fills: facts from the broker, each booked once, by its execution id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, or_, select

from grodt.errors import DataError
from grodt.ledger.accounts import sent_elsewhere
from grodt.ledger.columns import day_text, instant_text
from grodt.ledger.order_life import Event, append_events
from grodt.ledger.postings import FLAT, fill_entry, holdings_of, post_all
from grodt.ledger.rows import insert_rows, rows_of
from grodt.ledger.tables_orders import orders
from grodt.ledger.tables_postings import fill_trades, fills
from grodt.ledger.transaction import Read, Write
from grodt.ledger.unbooked import described
from grodt.money import Micros
from grodt.orders.brackets import LEGS
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.orders.states import OrderState

_INT64_MAX = 2**63 - 1
#: A fill proves that the broker took an order whose answer we never saw.
_UNANSWERED = (OrderState.SENDING, OrderState.UNKNOWN)
#: Never at the broker, or refused by it.
_NOT_FILLED = (OrderState.PLANNED, OrderState.APPROVED, OrderState.REJECTED, OrderState.DENIED)
#: A late fill is booked, and the order stays over.
_STAYS = (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REPLACED)

# Statements that run once per session are built once: building one costs more than running it.
_LAST_NUMBER = select(func.coalesce(func.max(fills.c.number), 0)).where(fills.c.book == bindparam("of_book"))
_SAME = select(fills).where(fills.c.execution_id.in_(bindparam("execution_ids", expanding=True)))
_KNOWN = "SELECT execution_id FROM fills WHERE execution_id IN {keys}"
_IN_FILLS = "SELECT trade_id, execution_id FROM fill_trades WHERE trade_id IN {keys}"
_STANDS = (
    "SELECT o.client_order_id, o.book, o.symbol, o.side, o.quantity, s.state, s.filled_quantity, s.venue_order_id, s.reason, "
    "coalesce(o.other_leg, ''), "
    "coalesce((SELECT e.client_order_id FROM orders AS e WHERE e.client_order_id = o.protects AND e.run_id = o.run_id), ''), "
    "(SELECT coalesce(sum(f.quantity), 0) FROM fills AS f WHERE f.client_order_id = o.client_order_id) "
    "FROM orders AS o JOIN order_status AS s ON s.client_order_id = o.client_order_id WHERE o.client_order_id IN {keys}"
)
#: Columns of a row, as `_row` and `_fill` have them.
_FILL = tuple(fills.columns.keys())
_TRADE = tuple(fill_trades.columns.keys())
_SIDES = {side.value: side for side in Side}


class Overfilled(DataError):
    """The broker tells more fills of an order than were ordered: control 19 halts the book."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A fill that cannot be booked.

    Attributes:
        fill: as told.
        reason: why not, in words.
        ordered: how many shares its order may fill, where it would fill more; None: that is not why.
        besides: shares of these that are booked without it, of both legs of a bracket together.
    """

    fill: Fill
    reason: str
    ordered: int | None = None
    besides: int = 0


@dataclass(frozen=True, slots=True)
class Booking:
    """What became of fills: those that were booked now, and those that cannot be. Those that were booked before are in neither."""

    booked: tuple[Fill, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of fills.

    Attributes:
        sound: those that would be booked.
        refused: those that cannot be. Those that are booked are in neither.
        more: shares by which each of their orders, by our id, would have filled more than the ledger has it.
    """

    sound: tuple[Fill, ...]
    refused: tuple[Refused, ...]
    more: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BookedFill:
    """A fill with the run that booked it."""

    fill: Fill
    run_id: str


@dataclass(slots=True)
class _Standing:
    """What there is of an order while its fills are booked, one after the other."""

    client_order_id: str
    book: str
    symbol: str
    side: str
    ordered: int
    state: OrderState
    filled: int
    venue_order_id: str
    reason: str
    other: str
    entry: str
    booked: int


@dataclass(slots=True)
class _Judged:
    """Fills that can be booked and those that cannot, with what becomes of their orders."""

    progress: dict[str, _Standing]
    sound: list[Fill] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def record_fill(tx: Write, fill: Fill, book: str, run_id: str, now: datetime) -> bool:
    """Book one fill that is known to be sound; see `record_fills`. False if it is booked already.

    Raises:
        DataError: it cannot be booked; `Overfilled` where it is more than was ordered.
    """
    done = record_fills(tx, [fill], book, run_id, now)
    for each in done.refused:
        message = f"fill {fill.execution_id} of order {fill.client_order_id} ({fill.symbol}, book {book}, {fill.session}): {each.reason}"
        raise DataError(message) if each.ordered is None else Overfilled(message)
    return bool(done.booked)


def record_fills(tx: Write, told: Sequence[Fill], book: str, run_id: str, now: datetime) -> Booking:
    """Book fills, one after the other: the fact, its postings at average cost, and the order's progress.

    Fills may come twice, late and in any order. One that is known with other content, is of no order that was sent, does not match it or
    would overfill it is not booked, and says why; the others are.
    """
    judged = _judge(tx, told, book)
    held = holdings_of(tx, book, {fill.symbol for fill in told})
    number: int = tx.connection.execute(_LAST_NUMBER, {"of_book": book}).scalar_one()
    rows, made = [], []
    at = instant_text(now)
    for fill in judged.sound:
        holding = held.get(fill.symbol, FLAT)
        entry = fill_entry(fill, book, holding)
        held[fill.symbol] = holding.after(entry, fill.symbol)
        made.append(entry)
        number += 1
        rows.append(_row(fill, book, number, fill.notional, run_id, at))
    post_all(tx, made, run_id, now)
    insert_rows(tx, fills, _FILL, rows)
    insert_rows(
        tx, fill_trades, _TRADE, [(each, fill.execution_id) for fill in judged.sound if len(fill.trades) > 1 for each in fill.trades]
    )
    append_events(tx, judged.events, run_id=run_id, now=now)
    return Booking(tuple(judged.sound), tuple(_besides(judged.progress, each) for each in judged.refused))


def foreseen(tx: Read, told: Sequence[Fill], book: str) -> Foreseen:
    """What `record_fills` would book of fills as the ledger stands; it books none of them."""
    keys = {fill.client_order_id for fill in told}
    before = {key: order.filled for key, order in _standing(tx, keys).items()}
    judged = _judge(tx, told, book)
    more = {key: judged.progress[key].filled - filled for key, filled in before.items() if key in judged.progress}
    return Foreseen(tuple(judged.sound), tuple(judged.refused), more)


def fills_since(tx: Read, book: str, session: date) -> dict[str, Fill]:
    """The fills that traded in a session or later, by execution id."""
    found = _fills(tx, fills.c.book == book, fills.c.session >= session)
    return {booked.fill.execution_id: booked.fill for booked in found}


def fills_of(tx: Read, run_id: str) -> tuple[Fill, ...]:
    """The fills that a run booked, in the order they were booked."""
    return tuple(booked.fill for booked in _fills(tx, fills.c.run_id == run_id))


def fills_in(tx: Read, book: str, session: date) -> tuple[Fill, ...]:
    """The fills that traded in a session, in the order they were booked."""
    return tuple(booked.fill for booked in booked_fills(tx, book, session))


def booked_fills(tx: Read, book: str, session: date) -> tuple[BookedFill, ...]:
    """The fills that traded in a session with the run that booked each, in the order they were booked."""
    return _fills(tx, fills.c.book == book, fills.c.session == session)


def fills_of_order(tx: Read, client_order_id: str) -> tuple[BookedFill, ...]:
    """The fills of one order with the run that booked each, in the order they were booked."""
    return _fills(tx, fills.c.client_order_id == client_order_id)


def traded_until(tx: Read, book: str, session: date) -> list[tuple[date, str, str, int, Micros, Micros, Micros]]:
    """Session, symbol, side, quantity, price, notional and commission of a book's fills up to a session, in the order they traded."""
    columns = (fills.c.session, fills.c.symbol, fills.c.side, fills.c.quantity, fills.c.price, fills.c.notional, fills.c.commission)
    query = select(*columns).where(fills.c.book == book, fills.c.session <= session).order_by(fills.c.session, fills.c.number)
    return [tuple(row) for row in tx.connection.execute(query)]


def latest_prices(tx: Read, book: str, count: int, since: datetime | None = None) -> list[tuple[Micros, Micros]]:
    """Price of a book's latest fills, and the reference price of each one's order, of those booked after an instant; latest first.

    Without those of legs of brackets.
    """
    query = select(fills.c.price, orders.c.reference_price).join(orders, orders.c.client_order_id == fills.c.client_order_id)
    query = query.where(or_(orders.c.role.is_(None), orders.c.role.not_in(LEGS)))
    mine = query.where(fills.c.book == book) if since is None else query.where(fills.c.book == book, fills.c.recorded_at > since)
    return [tuple(row) for row in tx.connection.execute(mine.order_by(fills.c.number.desc()).limit(count))]


def fill_sessions(tx: Read, run_id: str) -> set[date]:
    """Sessions of the fills that a run booked: those whose export is stale."""
    return set(tx.connection.execute(select(fills.c.session).where(fills.c.run_id == run_id).distinct()).scalars())


def _judge(tx: Read, told: Sequence[Fill], book: str) -> _Judged:
    """Take fills into their orders, one after the other, as far as they can be booked and are not."""
    known = _known(tx, [fill.execution_id for fill in told])
    progress = _standing(tx, {fill.client_order_id for fill in told if fill.execution_id not in known})
    progress |= _standing(tx, {key for each in progress.values() for key in (each.other, each.entry) if key} - progress.keys())
    elsewhere = sent_elsewhere(tx, book, progress) if progress else {}
    trades = _trades(tx, [each for fill in told for each in fill.trades])
    judged = _Judged(progress)
    for fill in dict.fromkeys(told):
        before = known.get(fill.execution_id)
        if before == (fill, book):
            continue
        refusal = (
            _traded_before(fill, trades) or _refusal(progress, fill, book, elsewhere)
            if before is None
            else _told_before(fill, book, *before)
        )
        if refusal is not None:
            judged.refused.append(refusal)
            continue
        _advance(progress[fill.client_order_id], fill, judged.events)
        known[fill.execution_id] = (fill, book)
        trades |= dict.fromkeys(fill.trades, fill.execution_id)
        judged.sound.append(fill)
    return judged


def _known(tx: Read, execution_ids: Sequence[str]) -> dict[str, tuple[Fill, str]]:
    """Those of the fills that are booked, each with its book."""
    there = [key for (key,) in rows_of(tx, _KNOWN, execution_ids)]
    rows = tx.connection.execute(_SAME, {"execution_ids": there}) if there else ()
    return {row.execution_id: (_fill(row), row.book) for row in rows}


def _trades(tx: Read, trade_ids: Sequence[str]) -> dict[str, str]:
    """Execution ids of the booked fills that trades are in; a trade that is a fill by itself has the fill's id."""
    return {key: key for (key,) in rows_of(tx, _KNOWN, trade_ids)} | dict(rows_of(tx, _IN_FILLS, trade_ids))


def _traded_before(fill: Fill, trades: Mapping[str, str]) -> Refused | None:
    """That a trade of a fill is booked in another fill, as where a venue told a trade long after those that came later."""
    return next((Refused(fill, f"its trade {each} is booked in fill {trades[each]}") for each in fill.trades if each in trades), None)


def _standing(tx: Read, client_order_ids: set[str]) -> dict[str, _Standing]:
    """Those of the orders that there are, by our id."""
    return {
        key: _Standing(key, book, symbol, side, ordered, OrderState(state), filled, venue_order_id, reason, other, entry, booked)
        for key, book, symbol, side, ordered, state, filled, venue_order_id, reason, other, entry, booked in rows_of(
            tx, _STANDS, client_order_ids
        )
    }


def _told_before(fill: Fill, book: str, before: Fill, of: str) -> Refused:
    """That its execution is booked with other content."""
    where = "" if of == book else f" in book {of}"
    return Refused(
        fill, f"it is told as {described(fill)}, and was reported before with other content, which is booked{where}: {described(before)}"
    )


def _refusal(found: Mapping[str, _Standing], fill: Fill, book: str, elsewhere: Mapping[str, str]) -> Refused | None:
    """Why a fill that is not booked cannot be; None where it can. `elsewhere`: orders that were sent to an account of before, with it."""
    order = found.get(fill.client_order_id)
    if order is None:
        return Refused(fill, "we never sent that order")
    if (order.book, order.symbol, order.side) != (book, fill.symbol, fill.side):
        return Refused(fill, f"{fill.side} {fill.symbol} is not the order's {order.side} {order.symbol} of book {order.book}")
    if fill.client_order_id in elsewhere:
        return Refused(fill, f"that order was sent to account {elsewhere[fill.client_order_id]!r}, where the book is no more")
    if order.state in _NOT_FILLED:
        return Refused(fill, f"the order is {order.state} and cannot have filled")
    notional = fill.notional
    if not 0 < notional <= _INT64_MAX or not abs(fill.commission) <= _INT64_MAX:
        return Refused(fill, f"value {notional} micros is not positive or leaves 64 bits")
    filled, ordered = order.booked + fill.quantity, order.ordered
    if filled > ordered:
        return Refused(fill, f"{fill.quantity} shares more would make {filled} filled of {ordered} ordered", ordered)
    other = _booked(found, order.other)
    if filled + other > ordered:
        both = f"with it, both legs of the bracket would have filled {filled + other} of the {ordered} shares that one was to close"
        return Refused(fill, both, ordered)
    waits = found[order.entry].ordered - found[order.entry].booked if order.entry in found else 0
    if filled + other > max(ordered - waits, 0):
        more = f"with it, {filled + other} shares would be closed, and {order.entry} has opened {max(ordered - waits, 0)} of {ordered}"
        return Refused(fill, more, max(ordered - waits, 0))
    return None


def _booked(found: Mapping[str, _Standing], client_order_id: str) -> int:
    return found[client_order_id].booked if client_order_id in found else 0


def _besides(found: Mapping[str, _Standing], refused: Refused) -> Refused:
    """A refusal with what is booked without it."""
    order = found.get(refused.fill.client_order_id)
    return refused if order is None else replace(refused, besides=order.booked + _booked(found, order.other))


def _advance(order: _Standing, fill: Fill, events: list[Event]) -> None:
    """Take a fill into the order; adds its events. Its filled quantity may be ahead of our fills, where the broker told it first."""
    key, venue_order_id = order.client_order_id, order.venue_order_id
    if order.state in _UNANSWERED:
        events.append(Event(key, OrderState.ACCEPTED, order.filled, venue_order_id, "a fill proves it"))
    order.booked += fill.quantity
    order.filled = max(order.booked, order.filled)
    state = OrderState.PARTIALLY_FILLED
    if order.filled == order.ordered:
        state = OrderState.FILLED
    elif order.state in _STAYS:
        state = order.state
    order.reason = order.reason if state is order.state else ""
    order.state = state
    events.append(Event(key, state, order.filled, venue_order_id, order.reason))


def _row(fill: Fill, book: str, number: int, notional: int, run_id: str, at: str) -> tuple[Any, ...]:
    """As `_FILL` names it."""
    terms = (fill.symbol, fill.side.value, fill.quantity, fill.price, notional, fill.commission)
    when = (day_text(fill.session), instant_text(fill.filled_at))
    return (fill.execution_id, number, book, fill.client_order_id, *terms, *when, run_id, at)


def _fills(tx: Read, *where: ColumnElement[bool]) -> tuple[BookedFill, ...]:
    query = select(fills).where(*where).order_by(fills.c.number)
    return tuple(BookedFill(_fill(row), row.run_id) for row in tx.connection.execute(query).all())


def _fill(row: Row[Any]) -> Fill:
    execution_id, _, _, client_order_id, symbol, side, quantity, price, notional, commission, session, filled_at, *_ = row
    return Fill(
        execution_id,
        client_order_id,
        symbol,
        _SIDES[side],
        quantity,
        Micros(price),
        Micros(commission),
        session,
        filled_at,
        remainder=notional - quantity * price,
    )
