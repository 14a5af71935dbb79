"""Fills are booked once each, whatever the order and number of their arrivals."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.ledger.baskets import record_basket
from grodt.ledger.fills import Overfilled, booked_fills, fill_sessions, fills_in, fills_of, fills_since, record_fill, record_fills
from grodt.ledger.order_life import transition
from grodt.ledger.orders import find_order
from grodt.ledger.postings import Holding, cash, commission_total, holdings, realised
from grodt.ledger.unbooked import keep_unbooked, kept_of
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.verify import verify_ledger
from grodt.money import Micros, micros
from grodt.orders.order import Side
from grodt.orders.states import OrderState
from tests.examples import examples
from tests.ledger.world import BOOK, NEXT, NOW, SESSION, basket, count, fill, order, sent, started, unbalanced, undone

S = OrderState


def state(tx: Write, client_order_id: str) -> tuple[OrderState, int]:
    found = find_order(tx, client_order_id)
    assert found is not None
    return found.state, found.filled_quantity


def test_a_fill_books_shares_cost_cash_and_the_orders_progress(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    assert record_fill(tx, fill(one), BOOK, run.run_id, NOW)
    assert holdings(tx, BOOK) == {"AAPL": Holding(100, micros(9400))}
    assert cash(tx, BOOK) == micros("-9400.5")
    assert commission_total(tx, BOOK) == micros("0.5")
    assert state(tx, one.client_order_id) == (S.FILLED, 100)
    assert unbalanced(tx) == []


def test_a_fill_that_comes_again_changes_nothing(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    assert record_fill(tx, fill(one), BOOK, run.run_id, NOW)
    before = [count(tx, table) for table in ("fills", "entries", "postings", "order_events")]
    assert not record_fill(tx, fill(one), BOOK, "another run", NOW)
    assert [count(tx, table) for table in ("fills", "entries", "postings", "order_events")] == before


def test_a_fill_that_comes_again_with_other_content_is_bad_data(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    record_fill(tx, fill(one, quantity=50), BOOK, run.run_id, NOW)
    with pytest.raises(DataError, match="was reported before with other content"):
        record_fill(tx, fill(one, quantity=50, price="95"), BOOK, run.run_id, NOW)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client_order_id": "x"}, "we never sent that order"),
        ({"side": Side.SELL}, "sell AAPL is not the order's buy AAPL of book demo"),
        ({"symbol": "MSFT"}, "buy MSFT is not the order's buy AAPL"),
        ({"quantity": 101}, "101 shares more would make 101 filled of 100 ordered"),
        ({"price": Micros(0)}, "is not positive"),
        ({"price": Micros(2**62)}, "leaves 64 bits"),
    ],
)
def test_a_fill_that_does_not_fit_its_order_is_bad_data_and_not_booked(tx: Write, change: dict[str, object], words: str) -> None:
    one = order()
    run = sent(tx, [one])
    with pytest.raises(DataError, match=words):
        record_fill(tx, replace(fill(one), **change), BOOK, run.run_id, NOW)  # type: ignore[arg-type]
    assert count(tx, "fills") == count(tx, "entries") == 0


def test_an_order_that_was_never_sent_cannot_fill(tx: Write) -> None:
    one = order()
    run = started(tx)
    record_basket(tx, basket([one], run.run_id), run.run_id, NOW)
    with pytest.raises(DataError, match="the order is approved and cannot have filled"):
        record_fill(tx, fill(one), BOOK, run.run_id, NOW)


@pytest.mark.parametrize("before", [S.SENDING, S.UNKNOWN])
def test_a_fill_proves_that_the_broker_took_the_order(tx: Write, before: OrderState) -> None:
    one = order()
    run = started(tx)
    record_basket(tx, basket([one], run.run_id), run.run_id, NOW)
    for step in (S.SENDING, before):
        transition(tx, one.client_order_id, step, run_id=run.run_id, now=NOW)
    record_fill(tx, fill(one, quantity=60), BOOK, run.run_id, NOW)
    assert state(tx, one.client_order_id) == (S.PARTIALLY_FILLED, 60)


@pytest.mark.parametrize("end", [S.CANCELLED, S.EXPIRED])
def test_a_late_fill_is_booked_and_the_order_stays_over(tx: Write, end: OrderState) -> None:
    one = order()
    run = sent(tx, [one])
    transition(tx, one.client_order_id, end, run_id=run.run_id, now=NOW, reason="why")
    record_fill(tx, fill(one, quantity=60), BOOK, run.run_id, NOW)
    assert state(tx, one.client_order_id) == (end, 60)
    found = find_order(tx, one.client_order_id)
    assert found is not None
    assert found.reason == "why"
    record_fill(tx, fill(one, 2, quantity=40), BOOK, run.run_id, NOW)
    assert state(tx, one.client_order_id) == (S.FILLED, 100)


def test_the_broker_may_tell_the_filled_quantity_before_the_fills(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    transition(tx, one.client_order_id, S.PARTIALLY_FILLED, run_id=run.run_id, now=NOW, filled_quantity=70)
    record_fill(tx, fill(one, quantity=30), BOOK, run.run_id, NOW)
    assert state(tx, one.client_order_id) == (S.PARTIALLY_FILLED, 70)
    transition(tx, one.client_order_id, S.FILLED, run_id=run.run_id, now=NOW)
    record_fill(tx, fill(one, 2, quantity=70), BOOK, run.run_id, NOW)
    assert state(tx, one.client_order_id) == (S.FILLED, 100)


def test_fills_are_found_by_run_and_session(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    assert fills_since(tx, BOOK, SESSION) == {}
    made = [fill(one, 3, 30), fill(one, 7, 70)]
    record_fill(tx, made[0], BOOK, run.run_id, NOW)
    record_fill(tx, made[1], BOOK, "later", NOW)
    assert fills_in(tx, BOOK, NEXT) == tuple(made)
    assert [booked.run_id for booked in booked_fills(tx, BOOK, NEXT)] == [run.run_id, "later"]
    assert fills_in(tx, BOOK, SESSION) == fills_in(tx, "us", NEXT) == ()
    assert fills_of(tx, "later") == (made[1],)
    assert fill_sessions(tx, "later") == {NEXT}
    assert fills_since(tx, BOOK, NEXT) == {each.execution_id: each for each in made}
    assert fills_since(tx, BOOK, NEXT + timedelta(days=1)) == fills_since(tx, "us", NEXT) == {}


def test_money_beyond_the_exact_floats_is_exact(tx: Write) -> None:
    one = order(quantity=1)
    run = sent(tx, [one])
    price = 2**53 + 1
    record_fill(tx, fill(one, price=price, commission="0.000001"), BOOK, run.run_id, NOW)
    assert holdings(tx, BOOK)["AAPL"].cost == price
    assert cash(tx, BOOK) == -price - 1
    assert fills_in(tx, BOOK, NEXT)[0].price == price


@pytest.mark.parametrize(("side", "remainder"), [(Side.BUY, 3), (Side.BUY, -3), (Side.SELL, 3)])
def test_a_fill_of_several_trades_books_what_they_are_worth_together(ledger: Ledger, side: Side, remainder: int) -> None:
    one = order(side=side)
    back = order(side=Side.SELL if side is Side.BUY else Side.BUY, leg=1)
    sign = 1 if side is Side.BUY else -1
    made = replace(fill(one), remainder=remainder, trades=("AAPL:1", "AAPL:2"))
    with ledger.write() as tx:
        run = sent(tx, [one, back])
        assert record_fill(tx, made, BOOK, run.run_id, NOW)
        assert holdings(tx, BOOK) == {"AAPL": Holding(sign * 100, Micros(sign * (100 * micros("94") + remainder)))}
        assert cash(tx, BOOK) == -sign * (100 * micros("94") + remainder) - micros("0.5")
        assert not record_fill(tx, made, BOOK, run.run_id, NOW)
        record_fill(tx, replace(fill(back), remainder=7, trades=("AAPL:3", "AAPL:4")), BOOK, run.run_id, NOW)
        assert (holdings(tx, BOOK), realised(tx, BOOK)) == ({}, sign * (7 - remainder))
    with ledger.read() as tx:
        assert fills_since(tx, BOOK, NEXT)[made.execution_id] == made
        found = [finding for each in verify_ledger(tx, BOOK) if each.invariant not in (5, 8) for finding in each.findings]
        assert [each for each in found if "are one order at the broker" not in each] == []


def test_a_value_apart_from_the_price_is_found_where_no_trades_explain_it(ledger: Ledger) -> None:
    one = order()
    with ledger.write() as tx:
        run = sent(tx, [one])
        record_fill(tx, replace(fill(one), remainder=3), BOOK, run.run_id, NOW)
    with ledger.read() as tx:
        assert any("is 100 shares" in finding for each in verify_ledger(tx, BOOK) for finding in each.findings)


def test_a_trade_is_in_one_fill_however_it_is_told(tx: Write) -> None:
    one = order()
    run = sent(tx, [one])
    alone = replace(fill(one, quantity=10), execution_id="AAPL:2", trades=("AAPL:2",))
    pair = replace(fill(one, quantity=20), execution_id="AAPL:1+1", trades=("AAPL:1", "AAPL:3"))
    three = replace(fill(one, quantity=30), execution_id="AAPL:1+2", trades=("AAPL:1", "AAPL:2", "AAPL:3"))
    done = record_fills(tx, [alone, pair, three, replace(alone, execution_id="AAPL:3", trades=("AAPL:3",))], BOOK, run.run_id, NOW)
    assert done.booked == (alone, pair)
    assert [each.reason for each in done.refused] == [
        "its trade AAPL:1 is booked in fill AAPL:1+1",
        "its trade AAPL:3 is booked in fill AAPL:1+1",
    ]
    again = record_fills(tx, [replace(three, execution_id="AAPL:2+1", trades=("AAPL:2", "AAPL:4")), alone, pair], BOOK, run.run_id, NOW)
    assert again.booked == ()
    assert [each.reason for each in again.refused] == ["its trade AAPL:2 is booked in fill AAPL:2"]
    assert state(tx, one.client_order_id) == (S.PARTIALLY_FILLED, 30)


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), parts=st.lists(st.integers(1, 40), min_size=1, max_size=5), side=st.sampled_from(Side))
def test_arrival_order_and_repetition_of_an_orders_fills_do_not_matter(
    ledger: Ledger, data: st.DataObject, parts: list[int], side: Side
) -> None:
    one = order(side=side, quantity=sum(parts) + 1)
    made = [fill(one, number, quantity, 90_000_001 + number) for number, quantity in enumerate(parts, 1)]
    arrivals = data.draw(st.permutations(made + made))
    with undone(ledger) as tx:
        run = sent(tx, [one])
        booked = [record_fill(tx, each, BOOK, run.run_id, NOW) for each in arrivals]
        assert sum(booked) == len(parts)
        assert state(tx, one.client_order_id) == (S.PARTIALLY_FILLED, sum(parts))
        sign = 1 if side is Side.BUY else -1
        value = sum(each.quantity * each.price for each in made)
        assert holdings(tx, BOOK) == {"AAPL": Holding(sign * sum(parts), Micros(sign * value))}
        assert cash(tx, BOOK) == -sign * value - len(parts) * micros("0.5")
        assert realised(tx, BOOK) == 0
        assert unbalanced(tx) == []


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 60), st.sampled_from([90, 91])), min_size=1, max_size=8))
def test_of_any_fills_each_is_booked_or_refused_and_never_more_than_was_ordered(ledger: Ledger, told: list[tuple[int, int, int]]) -> None:
    one = order(quantity=100)
    made = [fill(one, number, quantity, str(price)) for number, quantity, price in told]
    with undone(ledger) as tx:
        run = sent(tx, [one])
        done = record_fills(tx, made, BOOK, run.run_id, NOW)
        refused = {each.fill for each in done.refused}
        assert set(done.booked) | refused == set(made)
        assert not refused & set(done.booked)
        assert sum(each.quantity for each in done.booked) == sum(each.quantity for each in fills_in(tx, BOOK, NEXT)) <= 100
        assert len({each.execution_id for each in done.booked}) == len(done.booked)
        keep = {each.fill: each.reason for each in done.refused}
        assert set(keep_unbooked(tx, BOOK, keep, run.run_id, NOW)) == refused
        assert keep_unbooked(tx, BOOK, keep, run.run_id, NOW) == ()
        assert {fill for contents in kept_of(tx, [each.execution_id for each in made]).values() for fill in contents} == refused
        again = record_fills(tx, made, BOOK, run.run_id, NOW)
        assert (again.booked, {each.fill for each in again.refused}) == ((), refused)
        assert unbalanced(tx) == []


def test_both_legs_of_a_bracket_together_fill_no_more_than_one_was_to_close(tx: Write) -> None:
    entry = order("AAPL", quantity=100)
    stop = replace(order("AAPL", Side.SELL, 100), client_order_id="stop", role="stop", other="take")
    take = replace(order("AAPL", Side.SELL, 100), client_order_id="take", role="take_profit", other="stop")
    run = sent(tx, [entry, stop, take])
    record_fill(tx, fill(entry, 1, 100), BOOK, run.run_id, NOW)
    assert record_fill(tx, fill(stop, 2, 60), BOOK, run.run_id, NOW)
    assert record_fill(tx, fill(take, 3, 40), BOOK, run.run_id, NOW)
    with pytest.raises(Overfilled, match="both legs of the bracket would have filled 101 of the 100 shares"):
        record_fill(tx, fill(take, 4, 1), BOOK, run.run_id, NOW)
