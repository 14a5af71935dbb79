"""orders, approve: the basket with its intents committed, or people asked for it, and the word that it may be sent."""

from dataclasses import dataclass

import numpy as np

from grodt.execution.approving import Answer, find_answer
from grodt.execution.changes import Changes, changes_of, expected_cost
from grodt.execution.judging import Judged
from grodt.execution.markets import read_figures
from grodt.execution.stopping import require_heeded
from grodt.execution.windows import Windows
from grodt.ledger.basket_requests import ask_for_basket, current_request
from grodt.ledger.baskets import record_basket
from grodt.ledger.halts import Halt
from grodt.ledger.requests import Request
from grodt.orders.basket import Basket
from tasks.cycle import Cycle
from tasks.signals import Opinion
from tasks.stage import stage


@dataclass(frozen=True, slots=True)
class Ordered:
    """The cycle's orders.

    Attributes:
        rows: how many.
        request: what people were asked about them; None where they are committed, or it is too late to ask.
        decided_with: halts that were active when those that people are asked about were decided.
    """

    rows: int
    request: Request | None = None
    decided_with: tuple[Halt, ...] = ()


@stage("orders", timeout_seconds=300)
def make_orders(cycle: Cycle, judged: Judged, opinion: Opinion) -> Ordered:
    """Commit the basket and the intent of each of its orders; where people must agree to it, ask them. Rows: orders."""
    basket, parts = judged.basket, cycle.parts
    people = 0 if judged.committed else _people(cycle, basket)
    if people:
        return _ask(cycle, judged, opinion, people)
    with parts.ledger.write(cycle.lease) as tx:
        now = parts.now()
        if not judged.committed:
            require_heeded(tx, cycle.book, opinion.state.halts, now)
        record_basket(tx, basket, cycle.run_id, now)
    cycle.tell("orders", f"{len(basket.orders)} orders, basket {basket.hash[:12]}")
    return Ordered(len(basket.orders))


@stage("approve", timeout_seconds=300)
def approve(cycle: Cycle, judged: Judged, ordered: Ordered) -> Answer:
    """Approve the basket by its hash: automatically, or in the names of those who have agreed to it. Rows: these people."""
    parts = cycle.parts
    answer = find_answer(
        parts.ledger,
        cycle.lease,
        judged.basket,
        cycle.opened,
        asked=ordered.request,
        decided_with=ordered.decided_with,
        now=parts.now(),
    )
    if answer.request is not None:
        cycle.tell("approve", str(answer))
    return answer


def _people(cycle: Cycle, basket: Basket) -> int:
    """How many must agree: what the rule says, and somebody at least once the run has asked, whatever the books file has become since."""
    wanted = cycle.parts.config.approval.rule().people_for(basket)
    with cycle.parts.ledger.read() as tx:
        asked = current_request(tx, cycle.opened)
    return wanted if asked is None or not basket.orders else max(wanted, 1)


def _ask(cycle: Cycle, judged: Judged, opinion: Opinion, people: int) -> Ordered:
    parts, basket, run = cycle.parts, judged.basket, cycle.opened
    now = parts.now()
    windows = Windows(parts.calendar, parts.hours, cycle.slot, cycle.opened.opened_at)
    expires_at = min(windows.latest(order.session, order.time_in_force, now) for order in basket.orders)
    changes = _changes(cycle, judged, opinion).plain()
    with parts.ledger.write(cycle.lease) as tx:
        asked = ask_for_basket(tx, basket, run=run, changes=changes, people=people, now=now, expires_at=expires_at)
    cycle.tell(
        "orders", f"{len(basket.orders)} orders, {'too late to ask people about them' if asked is None else f'basket {asked.short}'}"
    )
    return Ordered(len(basket.orders), asked, opinion.state.halts)


def _changes(cycle: Cycle, judged: Judged, opinion: Opinion) -> Changes:
    parts, state, orders = cycle.parts, opinion.state, judged.basket.orders
    terms = parts.config.broker.terms()
    symbols = sorted({order.symbol for order in orders})
    known = cycle.session if cycle.slot is None else parts.calendar.previous(cycle.session)  # a slot knows no bar of its own day
    place = (parts.lake, cycle.data, parts.config.source, parts.calendar, known, cycle.session)
    return changes_of(
        orders,
        symbols=state.symbols,
        position=state.position,
        working=state.working,
        price=np.asarray(opinion.closes.micros),
        equity=state.equity,
        cash=state.cash,
        cost=expected_cost(orders, terms, read_figures(*place, symbols) if terms.needs_figures else {}),
        evidence=judged.evidence,
    )
