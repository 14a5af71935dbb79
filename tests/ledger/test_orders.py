"""The steps of an order, and how orders are found."""

from dataclasses import replace

import pytest

from grodt.ledger.fills import record_fill
from grodt.ledger.order_life import transition
from grodt.ledger.orders import count_by_state, find_order, orders_decided, orders_in, touched_sessions
from grodt.ledger.unit import Write
from grodt.money import micros
from grodt.orders.states import OrderState
from tests.ledger.world import BOOK, NEXT, NOW, SESSION, count, fill, order, sent

S = OrderState


def test_an_order_moves_through_its_states_and_keeps_the_brokers_id(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    found = find_order(tx, one.client_order_id)
    assert found is not None
    assert (found.order, found.run_id, found.state, found.venue_order_id, found.average_fill_price) == (
        one,
        run.run_id,
        S.ACCEPTED,
        "v-AAPL",
        None,
    )
    transition(tx, one.client_order_id, S.PARTIALLY_FILLED, run_id="later", now=NOW, filled_quantity=40)
    transition(tx, one.client_order_id, S.CANCELLED, run_id="later", now=NOW, reason="corporate action")
    found = find_order(tx, one.client_order_id)
    assert found is not None
    assert (found.state, found.filled_quantity, found.venue_order_id, found.reason) == (S.CANCELLED, 40, "v-AAPL", "corporate action")
    assert find_order(tx, "other") is None


def test_repeating_a_state_changes_nothing(tx: Write) -> None:
    one = order()
    sent(tx, [one])
    before = count(tx, "order_events")
    transition(tx, one.client_order_id, S.ACCEPTED, run_id="r", now=NOW)
    assert count(tx, "order_events") == before


@pytest.mark.parametrize("new", [S.APPROVED, S.SENDING, S.UNKNOWN])
def test_an_illegal_step_is_refused(tx: Write, new: OrderState) -> None:
    one = order()
    sent(tx, [one])
    with pytest.raises(ValueError, match=f"{new} may not follow accepted"):
        transition(tx, one.client_order_id, new, run_id="r", now=NOW)


@pytest.mark.parametrize("end", [S.FILLED, S.REJECTED])
def test_terminal_states_absorb(tx: Write, end: OrderState) -> None:
    one = order()
    sent(tx, [one])
    transition(tx, one.client_order_id, end, run_id="r", now=NOW)
    for new in set(OrderState) - {end, S.SUBMITTED}:
        with pytest.raises(ValueError, match=r"may not follow|filled"):
            transition(tx, one.client_order_id, new, run_id="r", now=NOW)


@pytest.mark.parametrize(
    ("state", "filled"),
    [(S.PARTIALLY_FILLED, 39), (S.PARTIALLY_FILLED, 101), (S.PARTIALLY_FILLED, 100), (S.FILLED, 99), (S.PARTIALLY_FILLED, -1)],
)
def test_a_filled_quantity_grows_and_fits_order_and_state(tx: Write, state: OrderState, filled: int) -> None:
    one = order()
    sent(tx, [one])
    transition(tx, one.client_order_id, S.PARTIALLY_FILLED, run_id="r", now=NOW, filled_quantity=40)
    with pytest.raises(ValueError, match="filled"):
        transition(tx, one.client_order_id, state, run_id="r", now=NOW, filled_quantity=filled)


def test_filled_means_all_of_it(tx: Write) -> None:
    one = order()
    sent(tx, [one])
    transition(tx, one.client_order_id, S.FILLED, run_id="r", now=NOW)
    found = find_order(tx, one.client_order_id)
    assert found is not None
    assert found.filled_quantity == 100


def test_a_step_of_an_order_that_is_not_there_is_refused(tx: Write) -> None:
    with pytest.raises(ValueError, match="there is no order x"):
        transition(tx, "x", S.SENDING, run_id="r", now=NOW)


def test_orders_are_found_by_state_session_and_run(tx: Write) -> None:
    first = [order("AAPL"), order("MSFT")]
    later = [order("AAPL", session=NEXT)]
    sent(tx, first)
    sent(tx, later, NEXT)
    transition(tx, first[1].client_order_id, S.EXPIRED, run_id="demo-eod-2026-11-20", now=NOW, reason="no trade in session")
    assert [o.order for o in orders_in(tx, BOOK, {S.ACCEPTED, S.SENDING})] == [first[0], later[0]]
    assert [o.order for o in orders_in(tx, BOOK, [S.EXPIRED])] == [first[1]]
    assert orders_in(tx, BOOK, []) == ()
    assert [o.order for o in orders_decided(tx, BOOK, SESSION)] == first
    assert count_by_state(tx, BOOK) == {S.ACCEPTED: 2, S.EXPIRED: 1}
    assert touched_sessions(tx, BOOK, "demo-eod-2026-11-19") == {SESSION}
    assert touched_sessions(tx, BOOK, "demo-eod-2026-11-20") == {SESSION, NEXT}
    assert touched_sessions(tx, "us", "demo-eod-2026-11-20") == set()


def test_the_mean_fill_price_is_of_the_booked_fills(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    record_fill(tx, fill(one, 1, 30, "94"), BOOK, run.run_id, NOW)
    record_fill(tx, replace(fill(one, 2, 10, "96"), execution_id="e2"), BOOK, run.run_id, NOW)
    found = find_order(tx, one.client_order_id)
    assert found is not None
    assert (found.booked_quantity, found.booked_notional, found.average_fill_price) == (40, micros(3780), micros("94.5"))
