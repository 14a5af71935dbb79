"""Baskets: the orders that a run decided, and who approved them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select

from grodt.errors import ConfigError
from grodt.ledger.halts import Halt
from grodt.ledger.orders import order_of_row
from grodt.ledger.sequence import came_first
from grodt.ledger.strategies import record_attribution
from grodt.ledger.tables_orders import basket_approvals, baskets, order_events, order_status, orders, withdrawals
from grodt.ledger.tables_people import requests
from grodt.ledger.transaction import Read, Write
from grodt.orders.basket import Basket
from grodt.orders.order import Order
from grodt.orders.states import OrderState


@dataclass(frozen=True, slots=True)
class Approval:
    """A basket's approval."""

    basket_hash: str
    by: str
    at: datetime


def record_basket(tx: Write, basket: Basket, run_id: str, now: datetime, *, planned_at: datetime | None = None) -> None:
    """Commit a basket and its orders, each `approved`, and whose they are. Recording the same again changes nothing.

    Args:
        tx: the transaction.
        basket: as it is sent.
        run_id: whose.
        now: instant.
        planned_at: when people were asked about it, which is when its orders were planned; None: nobody was.

    Raises:
        ConfigError: the run has made another basket.
        ValueError: it is another run's basket, or holds another book's order.
    """
    if basket.run_id != run_id or any(order.book != basket.book for order in basket.orders):
        raise ValueError(f"basket {basket.hash} of run {basket.run_id} and book {basket.book} does not belong to run {run_id}")
    found = tx.connection.execute(select(baskets.c.basket_hash).where(baskets.c.run_id == run_id)).scalar_one_or_none()
    if found == basket.hash:
        return
    if found is not None:
        raise ConfigError(
            f"run {run_id} has made basket {found} and would now make {basket.hash}: its input changed; what was made is what is sent"
        )
    tx.connection.execute(
        insert(baskets).values(
            run_id=run_id,
            basket_hash=basket.hash,
            book=basket.book,
            kind=basket.kind,
            session=basket.session,
            order_count=len(basket.orders),
            recorded_at=now,
        )
    )
    if basket.orders:
        _record_orders(tx, basket, run_id, now, planned_at)
    if basket.withdraws:
        rows = [
            {"run_id": run_id, "client_order_id": each, "booked_quantity": basket.withdrawn_filled.get(each)} for each in basket.withdraws
        ]
        tx.connection.execute(insert(withdrawals), rows)
    record_attribution(tx, run_id, basket.book, basket.session, basket.whose, now)


def _record_orders(tx: Write, basket: Basket, run_id: str, now: datetime, planned_at: datetime | None) -> None:
    tx.connection.execute(
        insert(orders),
        [
            {
                "client_order_id": order.client_order_id,
                "run_id": run_id,
                "sequence": sequence,
                "book": order.book,
                "session": order.session,
                "symbol": order.symbol,
                "side": order.side.value,
                "quantity": order.quantity,
                "reference_price": order.reference_price,
                "order_type": order.order_type,
                "time_in_force": order.time_in_force,
                "price": order.price,
                "works_from": order.works_from,
                "role": order.role or None,
                "protects": order.protects or None,
                "other_leg": order.other or None,
                "other_price": order.other_price,
                "recorded_at": now,
            }
            for sequence, order in enumerate(basket.orders)
        ],
    )
    first: dict[str, Any] = {"state": OrderState.APPROVED.value, "filled_quantity": 0, "venue_order_id": "", "reason": ""}
    planned = [] if planned_at is None else [first | {"state": OrderState.PLANNED.value, "recorded_at": planned_at}]
    for event in (*planned, first | {"recorded_at": now}):
        tx.connection.execute(
            insert(order_events), [{"client_order_id": o.client_order_id, "run_id": run_id} | event for o in basket.orders]
        )
    tx.connection.execute(
        insert(order_status), [{"client_order_id": o.client_order_id, "book": basket.book} | first for o in basket.orders]
    )


def has_basket(tx: Read, run_id: str, basket_hash: str | None = None) -> bool:
    """Whether a run's basket is recorded; with a hash, whether that one is."""
    query = select(baskets.c.run_id).where(baskets.c.run_id == run_id)
    return tx.connection.execute(query if basket_hash is None else query.where(baskets.c.basket_hash == basket_hash)).first() is not None


def basket_of(tx: Read, run_id: str) -> Basket | None:
    """The basket a run made, as it was made."""
    head = tx.connection.execute(select(baskets).where(baskets.c.run_id == run_id)).first()
    if head is None:
        return None
    asked = tx.connection.execute(select(requests.c.subject).where(requests.c.request_id == head.basket_hash)).scalar_one_or_none()
    rows = tx.connection.execute(select(orders).where(orders.c.run_id == run_id).order_by(orders.c.sequence))
    first = tx.connection.execute(
        select(withdrawals.c.client_order_id, withdrawals.c.booked_quantity).where(withdrawals.c.run_id == run_id)
    ).all()
    return Basket(
        book=head.book,
        kind=head.kind,
        session=head.session,
        run_id=run_id,
        orders=_orders_of_basket(rows.all()),
        hash=head.basket_hash,
        basis="" if asked is None else json.loads(asked)["basis"],
        withdraws=tuple(sorted(each.client_order_id for each in first)),
        withdrawn_filled={each.client_order_id: each.booked_quantity for each in first if each.booked_quantity is not None},
    )


def approve_basket(tx: Write, basket_hash: str, by: str, now: datetime) -> None:
    """Approve a basket. Approving it again in the same name changes nothing.

    Raises:
        ConfigError: there is no such basket.
    """
    if tx.connection.execute(select(baskets.c.run_id).where(baskets.c.basket_hash == basket_hash)).first() is None:
        raise ConfigError(f"there is no basket {basket_hash}; `grodt orders` lists those that wait")
    known = select(basket_approvals).where(basket_approvals.c.basket_hash == basket_hash, basket_approvals.c.approved_by == by)
    if tx.connection.execute(known).first() is None:
        tx.connection.execute(insert(basket_approvals).values(basket_hash=basket_hash, approved_by=by, approved_at=now))


def approvals_of(tx: Read, basket_hash: str) -> tuple[Approval, ...]:
    """Who approved a basket, first one first; none where nobody has yet."""
    query = (
        select(basket_approvals)
        .where(basket_approvals.c.basket_hash == basket_hash)
        .order_by(basket_approvals.c.approved_at, basket_approvals.c.approved_by)
    )
    return tuple(Approval(row.basket_hash, row.approved_by, row.approved_at) for row in tx.connection.execute(query))


def older_than_basket(tx: Read, run_id: str, halts: Iterable[Halt]) -> frozenset[int]:
    """Numbers of the halts that were committed before a run's basket, in the order of commits: whoever's clock was wrong changes nothing.

    One that the audit chain does not have as it stands in the file is not among them.
    """
    mine: dict[str, str | int] = {"run_id": run_id}
    return frozenset(each.halt_id for each in halts if came_first(tx, "halt_starts", {"halt_id": each.halt_id}, "baskets", mine))


def traded_cycles(tx: Read, book: str, since: datetime | None = None) -> int:
    """Baskets of a book with an order in them, of those recorded after an instant."""
    query = select(func.count()).select_from(baskets).where(baskets.c.book == book, baskets.c.order_count > 0)
    return int(tx.connection.execute(query if since is None else query.where(baskets.c.recorded_at > since)).scalar_one())


def _orders_of_basket(rows: Sequence[Row[Any]]) -> tuple[Order, ...]:
    """All orders of one run."""
    ids = {row.client_order_id for row in rows}
    return tuple(order_of_row(row, attached=row.protects in ids) for row in rows)
