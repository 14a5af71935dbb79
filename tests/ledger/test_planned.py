"""What becomes of orders that people are asked about, before and after they are orders of the ledger."""

from dataclasses import replace

import pytest

from grodt.ledger.acts import act
from grodt.ledger.basket_requests import ask_for_basket, record_approved
from grodt.ledger.orders import events_of, orders_of
from grodt.ledger.planned import life_of, orders_and_plans, orders_in_words, planned_of
from grodt.ledger.requests import Request
from grodt.ledger.runs import Run, close_run, pin_limits
from grodt.ledger.unit import Write
from grodt.ledger.verify import verify_ledger
from grodt.money import micros
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState
from tests.ledger.world import BOOK, MINUTE, NOW, SESSION, basket, order, started

S = OrderState
UNTIL = NOW + 60 * MINUTE
LATER = UNTIL + MINUTE


def _ask(tx: Write, run: Run, *orders: Order, limits: int = 1, minute: int = 0) -> Request:
    pin_limits(tx, run.run_id, limits)
    made = basket(orders or [order()], run.run_id)
    asked = ask_for_basket(tx, made, run=run, changes={}, people=1, now=NOW + minute * MINUTE, expires_at=UNTIL)
    assert asked is not None
    return asked


def _say(tx: Write, asked: Request, verdict: str) -> Request:
    return act(tx, asked.request_id, verdict, by="ann", reason="looked", now=NOW + MINUTE).request  # type: ignore[arg-type]


def _life(tx: Write, asked: Request, minutes: int = 2) -> list[tuple[OrderState, str, int]]:
    return [(each.state, each.reason, (each.at - NOW) // MINUTE) for each in life_of(tx, asked, NOW + minutes * MINUTE)]


def test_what_waits_is_planned_as_it_would_be_sent(tx: Write) -> None:
    run = started(tx)
    slice_of = replace(order("IBM", Side.SELL, 5), order_type="limit", time_in_force="day", price=micros("90.5"), works_from=NOW)
    asked = _ask(tx, run, slice_of, order("AAPL"))
    found = planned_of(tx, run, NOW)
    assert [each.order for each in found] == [slice_of, order("AAPL")]
    assert {(each.state, each.run_id, each.basket_hash, each.filled_quantity) for each in found} == {
        (S.PLANNED, run.run_id, asked.request_id, 0)
    }
    assert orders_and_plans(tx, BOOK, SESSION, NOW) == found
    assert orders_of(tx, run.run_id) == ()
    assert orders_in_words(tx, asked, NOW) == "2 planned"


def test_approved_they_are_so_before_the_cycle_records_them_and_their_life_in_the_ledger_begins_as_planned(tx: Write) -> None:
    run = started(tx)
    asked = _say(tx, _ask(tx, run), "approve")
    assert _life(tx, asked) == [(S.PLANNED, "", 0), (S.APPROVED, "by ann", 1)]
    assert [each.state for each in planned_of(tx, run, LATER)] == [S.APPROVED]
    record_approved(tx, basket([order()], run.run_id), asked, NOW + 5 * MINUTE)
    assert planned_of(tx, run, LATER) == ()
    assert [(each.state, each.at) for each in events_of(tx, order().client_order_id)] == [
        (S.PLANNED, NOW),
        (S.APPROVED, NOW + 5 * MINUTE),
    ]
    assert orders_and_plans(tx, BOOK, SESSION, LATER) == orders_of(tx, run.run_id)
    assert (_life(tx, asked)[-1][0], orders_in_words(tx, asked, LATER)) == (S.APPROVED, "1 approved")
    assert [each.findings for each in verify_ledger(tx, BOOK) if each.invariant == 4] == [()]


def test_rejected_they_are_denied_also_when_the_cycle_is_over(tx: Write) -> None:
    run = started(tx)
    asked = _say(tx, _ask(tx, run), "reject")
    close_run(tx, run.run_id, "done", LATER)
    assert _life(tx, asked) == [(S.PLANNED, "", 0), (S.DENIED, "rejected by ann: looked", 1)]
    assert orders_in_words(tx, asked, LATER) == "1 denied: rejected by ann: looked"


def test_without_enough_people_in_time_they_are_cancelled(tx: Write) -> None:
    asked = _ask(tx, started(tx))
    assert _life(tx, asked, 61) == [(S.PLANNED, "", 0), (S.CANCELLED, "1 of 1 people had not agreed in time", 60)]


@pytest.mark.parametrize("approved", [False, True])
def test_decided_otherwise_those_of_before_are_cancelled_and_the_others_planned(tx: Write, approved: bool) -> None:
    run = started(tx)
    first = _ask(tx, run)
    first = _say(tx, first, "approve") if approved else first
    second = _ask(tx, run, order(quantity=99), limits=2, minute=2)
    before = [(S.PLANNED, "", 0), (S.APPROVED, "by ann", 1)] if approved else [(S.PLANNED, "", 0)]
    assert _life(tx, first) == [*before, (S.CANCELLED, f"decided otherwise: basket {second.short} stands in its place", 2)]
    assert [(each.order.quantity, each.state) for each in planned_of(tx, run, NOW)] == [(99, S.PLANNED)]


@pytest.mark.parametrize("verdict", ["", "approve"])
def test_of_a_cycle_that_was_given_up_they_are_cancelled(tx: Write, verdict: str) -> None:
    run = started(tx)
    asked = _ask(tx, run)
    asked = _say(tx, asked, verdict) if verdict else asked
    close_run(tx, run.run_id, "abandoned", NOW + 2 * MINUTE)
    assert _life(tx, asked)[-1] == (S.CANCELLED, "its cycle was abandoned without it", 2)


def test_a_basket_that_nobody_is_asked_about_is_never_planned(tx: Write) -> None:
    run = started(tx)
    assert (planned_of(tx, run, NOW), orders_and_plans(tx, BOOK, SESSION, NOW)) == ((), ())
