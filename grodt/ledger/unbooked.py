"""What the broker tells and nobody can book, kept as facts: each told content of a fill once, with why, and each excess of an order once.

What is kept is evidence of the breaks that it makes. It is looked at again whenever it is told again, until people have corrected the
position of its symbol: from then on it has been dealt with, whatever it would be.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select

from grodt.ledger.rows import rows_of
from grodt.ledger.tables_postings import entries, fills, postings
from grodt.ledger.tables_unbooked import overfilled_orders, unbooked_fills
from grodt.ledger.transaction import Read, Write
from grodt.money import Micros, decimal
from grodt.orders.fill import Fill
from grodt.orders.order import Side


@dataclass(frozen=True, slots=True)
class Unbooked:
    """A fill as the broker told it, that is not booked.

    Attributes:
        fill: with its content of then.
        reason: why not, in words.
        run_id: the run that it was told first.
        recorded_at: when.
    """

    fill: Fill
    reason: str
    run_id: str
    recorded_at: datetime


def described(fill: Fill) -> str:
    """A fill's content in words."""
    commission = f", commission {decimal(fill.commission)}" if fill.commission else ""
    return f"{fill.side} {fill.quantity} {fill.symbol} at {decimal(fill.price)}{commission} in {fill.session}, {fill.filled_at.isoformat()}"


def kept_of(tx: Read, execution_ids: Iterable[str]) -> dict[str, dict[Fill, Unbooked]]:
    """What is kept of fills: of each execution, by the content that was told."""
    query = "SELECT DISTINCT client_order_id FROM unbooked_fills WHERE execution_id IN {keys}"
    asked = set(execution_ids)
    of_orders = [key for (key,) in rows_of(tx, query, asked)]
    found: dict[str, dict[Fill, Unbooked]] = {}
    for each in _kept(tx, unbooked_fills.c.client_order_id.in_(of_orders)) if of_orders else ():
        if each.fill.execution_id in asked:
            found.setdefault(each.fill.execution_id, {})[each.fill] = each
    return found


def kept_in(tx: Read, book: str, start: date, end: date) -> tuple[Unbooked, ...]:
    """What is kept of a book's fills that traded from start to end, both included, or that were kept from start on; in that order.

    Of a fill that traded long before, the broker may tell late.
    """
    kept_since = unbooked_fills.c.recorded_at >= datetime.combine(start, time(), UTC)
    told = unbooked_fills.c.session.between(start, end) | kept_since
    return _kept(tx, unbooked_fills.c.book == book, told)


def unbooked_by_order(tx: Read, client_order_ids: Iterable[str]) -> dict[str, tuple[Unbooked, ...]]:
    """Of each order the fills that are kept and of whose execution nothing is booked, each as it was told last."""
    query = (
        "SELECT DISTINCT client_order_id FROM unbooked_fills AS u WHERE client_order_id IN {keys} "
        "AND NOT EXISTS (SELECT 1 FROM fills AS f WHERE f.execution_id = u.execution_id)"
    )
    keys = [key for (key,) in rows_of(tx, query, client_order_ids)]
    if not keys:
        return {}
    booked = select(fills.c.execution_id).where(fills.c.execution_id == unbooked_fills.c.execution_id).exists()
    last: dict[str, Unbooked] = {}
    for each in _kept(tx, unbooked_fills.c.client_order_id.in_(keys), ~booked):
        last[each.fill.execution_id] = each
    found: dict[str, tuple[Unbooked, ...]] = {}
    for each in last.values():
        found[each.fill.client_order_id] = (*found.get(each.fill.client_order_id, ()), each)
    return found


def keep_unbooked(tx: Write, book: str, told: Mapping[Fill, str], run_id: str, now: datetime) -> tuple[Fill, ...]:
    """Keep fills that cannot be booked, each with why; returns those that were not kept before with that content."""
    known = kept_of(tx, {fill.execution_id for fill in told})
    new = tuple(fill for fill in told if fill not in known.get(fill.execution_id, {}))
    numbers = {execution_id: len(contents) for execution_id, contents in known.items()}
    rows = []
    for fill in new:
        numbers[fill.execution_id] = numbers.get(fill.execution_id, 0) + 1
        rows.append(
            {
                "execution_id": fill.execution_id,
                "number": numbers[fill.execution_id],
                "book": book,
                "client_order_id": fill.client_order_id,
                "symbol": fill.symbol,
                "session": fill.session,
                "told": _content(fill),
                "reason": told[fill],
                "run_id": run_id,
                "recorded_at": now,
            }
        )
    if rows:
        tx.connection.execute(insert(unbooked_fills), rows)
    return new


def is_dealt_with(tx: Read, book: str, kept: Unbooked) -> bool:
    """Whether people have corrected the position of its symbol since the fill was kept."""
    query = (
        select(func.count())
        .select_from(entries)
        .join(postings, postings.c.entry_id == entries.c.entry_id)
        .where(entries.c.book == book, entries.c.kind == "correction", entries.c.recorded_at >= kept.recorded_at)
        .where(postings.c.account == "position", postings.c.symbol == kept.fill.symbol)
    )
    return bool(tx.connection.execute(query).scalar_one())


def is_told_and_corrected(tx: Read, book: str, fill: Fill, kept: Mapping[str, Mapping[Fill, Unbooked]]) -> bool:
    """Whether people have corrected the position since the fill, or a trade that it is made of, was kept.

    Args:
        tx, book: whose.
        fill: as it is told now.
        kept: see `kept_of`, of its execution and its trades.
    """
    before = {key: kept[key] for key in (fill.execution_id, *fill.trades) if key in kept}
    return any(is_dealt_with(tx, book, each) for contents in before.values() for each in contents.values())


def most_told(tx: Read, client_order_ids: Sequence[str]) -> dict[str, int]:
    """Of each order that was found overfilled: the most shares that it was found with."""
    query = "SELECT client_order_id, max(shares) FROM overfilled_orders WHERE client_order_id IN {keys} GROUP BY client_order_id"
    return dict(rows_of(tx, query, client_order_ids))


def record_overfilled(tx: Write, found: Mapping[str, int], run_id: str, now: datetime) -> None:
    """Keep that orders, by our id, were found with more shares filled and open than were ordered, and than they were found with before."""
    known = most_told(tx, list(found))
    more = {key: shares for key, shares in found.items() if shares > known.get(key, 0)}
    rows = [{"client_order_id": key, "shares": shares, "run_id": run_id, "recorded_at": now} for key, shares in more.items()]
    if rows:
        tx.connection.execute(insert(overfilled_orders), rows)


def _kept(tx: Read, *where: ColumnElement[bool]) -> tuple[Unbooked, ...]:
    query = select(unbooked_fills).where(*where)
    query = query.order_by(unbooked_fills.c.recorded_at, unbooked_fills.c.execution_id, unbooked_fills.c.number)
    return tuple(_unbooked(row) for row in tx.connection.execute(query))


def _content(fill: Fill) -> str:
    return json.dumps(
        {
            "side": fill.side.value,
            "quantity": fill.quantity,
            "price": fill.price,
            "commission": fill.commission,
            "filled_at": fill.filled_at.isoformat(),
            "unreadable": fill.unreadable,
        }
        | ({"remainder": fill.remainder} if fill.remainder else {})
        | ({"trades": fill.trades} if fill.trades else {})
    )


def _unbooked(row: Row[Any]) -> Unbooked:
    told = json.loads(row.told)
    fill = Fill(
        execution_id=row.execution_id,
        client_order_id=row.client_order_id,
        symbol=row.symbol,
        side=Side(told["side"]),
        quantity=told["quantity"],
        price=Micros(told["price"]),
        commission=Micros(told["commission"]),
        session=row.session,
        filled_at=datetime.fromisoformat(told["filled_at"]),
        unreadable=told["unreadable"],
        remainder=told.get("remainder", 0),
        trades=tuple(told.get("trades", ())),
    )
    return Unbooked(fill, row.reason, row.run_id, row.recorded_at)
