"""Orders that are planned: those of a basket that people are asked about, before it is a basket of the ledger.

They stand in the request alone, whose row is never changed. A basket whose input changes is decided otherwise under the same ids, so only
what people have approved enters `orders`; there its first event is `planned`, at the instant of the question. What became of the others
follows from what people said, from the basket that took their place, and from the run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from grodt.ledger.basket_requests import KIND, current_request, superseding
from grodt.ledger.baskets import has_basket
from grodt.ledger.orders import LedgerOrder, OrderEvent, orders_decided, states_of
from grodt.ledger.requests import Request
from grodt.ledger.runs import Run, find_run, runs_in
from grodt.ledger.transaction import Read
from grodt.money import Micros
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState, require_transition


def planned_of(tx: Read, run: Run, now: datetime) -> tuple[LedgerOrder, ...]:
    """Orders that a run has asked people about and that are not in the ledger, in sending order; none where they are.

    Args:
        tx: a transaction.
        run: whose.
        now: instant, which says whether the question has expired.
    """
    asked = None if has_basket(tx, run.run_id) else current_request(tx, run)
    return () if asked is None else _orders(asked, life_of(tx, asked, now)[-1])


def orders_and_plans(tx: Read, book: str, session: date, now: datetime) -> tuple[LedgerOrder, ...]:
    """The orders that a book decided in a session, with those that people are asked about, by run and in sending order."""
    planned = [each for run in runs_in(tx, book, session) for each in planned_of(tx, run, now)]
    return tuple(sorted([*orders_decided(tx, book, session), *planned], key=lambda each: each.run_id))


def life_of(tx: Read, request: Request, now: datetime) -> tuple[OrderEvent, ...]:
    """The states that every order of a basket which people were asked about has reached outside the ledger's orders, oldest first.

    Raises:
        ValueError: the request is about no basket.
    """
    if request.kind != KIND:
        raise ValueError(f"request {request.short} is about a {request.kind}, not about a basket")
    life = tuple(_life(tx, request, now))
    for before, after in pairwise(life):
        require_transition(request.short, before.state, after.state)
    return life


def orders_in_words(tx: Read, request: Request, now: datetime) -> str:
    """What has become of the orders of a basket that people were asked about, in one line; "" of any other request."""
    if request.kind != KIND:
        return ""
    if has_basket(tx, request.subject["run_id"], request.request_id):
        counts = Counter(states_of(tx, request.subject["run_id"]).values())
        return ", ".join(f"{counts[state]:,} {state}" for state in OrderState if counts[state])
    reached = life_of(tx, request, now)[-1]
    return f"{len(request.subject['orders']):,} {reached.state}" + (f": {reached.reason}" if reached.reason else "")


def count_planned(requests: Iterable[Request]) -> int:
    """Orders of the baskets among requests that wait."""
    return sum(len(each.subject["orders"]) for each in requests if each.kind == KIND)


def _life(tx: Read, request: Request, now: datetime) -> Iterator[OrderEvent]:
    run = find_run(tx, request.subject["run_id"])
    planned = OrderEvent(OrderState.PLANNED, 0, "", request.subject["run_id"], request.asked_at)
    yield planned
    said, instead = request.state(now), superseding(tx, request)
    last = request.decisions[-1] if request.decisions else None
    if said == "rejected" and last is not None:
        yield replace(planned, state=OrderState.DENIED, reason=f"rejected by {last.person}: {last.reason}", at=last.at)
        return
    if said == "approved" and last is not None:
        yield replace(planned, state=OrderState.APPROVED, reason=f"by {' and '.join(request.agreed)}", at=last.at)
        if has_basket(tx, planned.run_id, request.request_id):
            return
    in_time = instead is not None and instead.asked_at < request.expires_at
    if said == "expired" and not in_time:
        reason, at = f"{request.missing} of {request.people} people had not agreed in time", request.expires_at
    elif instead is not None:
        reason, at = f"decided otherwise: basket {instead.short} stands in its place", instead.asked_at
    elif run is not None and run.state in ("done", "abandoned") and run.closed_at is not None:
        reason, at = f"its cycle was {run.state} without it", run.closed_at
    else:
        return
    yield replace(planned, state=OrderState.CANCELLED, reason=reason, at=at)


def _orders(request: Request, reached: OrderEvent) -> tuple[LedgerOrder, ...]:
    session = date.fromisoformat(request.subject["session"])
    return tuple(
        LedgerOrder(
            order=_order(each, request.book, session),
            run_id=reached.run_id,
            state=reached.state,
            filled_quantity=0,
            venue_order_id="",
            reason=reached.reason,
            basket_hash=request.request_id,
            booked_quantity=0,
            booked_notional=Micros(0),
        )
        for each in request.subject["orders"]
    )


def _order(asked: Mapping[str, Any], book: str, session: date) -> Order:
    """An order as `ask_for_basket` wrote it."""
    works_from = asked.get("works_from")
    return Order.recorded(
        **{**asked, "side": Side(asked["side"]), "works_from": None if works_from is None else datetime.fromisoformat(works_from)},
        book=book,
        session=session,
    )
