"""What a halt covers is cancelled at the broker, by whoever halts, without a lease and without a word about any order's state."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grodt.brokers.protocol import BrokerOrder
from grodt.errors import ConfigError, DataError, HaltActive
from grodt.execution.cancelling import cancel_covered, in_words
from grodt.ledger.cancels import Cancel, CancelOutcome, cancels_of
from grodt.ledger.halts import Halt, halt
from grodt.ledger.leases import acquire
from grodt.ledger.orders import find_order
from grodt.ledger.postings import holdings
from grodt.ledger.runs import Run
from grodt.money import micros
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, TUE, WED, market, order
from tests.execution.desk import Desk
from tests.execution.stocked import KNOWN, hold


@pytest.fixture
def run(desk: Desk) -> Run:
    return desk.open(MON)


def _halt(desk: Desk, **changed: Any) -> Halt:
    with desk.real_ledger.write() as tx:
        return halt(tx, **{"scope": "book", "book": BOOK, "reason": "storm", "author": "ops", "now": desk.now(), **changed})


def _cancel(desk: Desk) -> dict[str, str]:
    asked = cancel_covered(desk.ledger, desk.broker, BOOK, desk.now)
    return {each.client_order_id.split("-")[3]: each.outcome for each in asked}


def _at_broker(desk: Desk) -> dict[str, OrderState]:
    found = {name: desk.paper.find(order(name, 1).client_order_id) for name in ("AAPL", "IBM", "MSFT")}
    return {name: each.state for name, each in found.items() if each is not None}


def _state(desk: Desk, symbol: str) -> OrderState:
    with desk.real_ledger.read() as tx:
        found = find_order(tx, order(symbol, 1).client_order_id)
    assert found is not None
    return found.state


def test_the_orders_that_the_scope_and_side_cover_are_cancelled_and_the_rest_stay(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": -20, "MSFT": 30})
    desk.send(run)
    assert _cancel(desk) == {}
    _halt(desk, scope="symbol", symbol="AAPL", side="sells")
    _halt(desk, keep_orders=True)
    _halt(desk, scope="strategy", strategy="trend")
    assert _cancel(desk) == {}
    _halt(desk, scope="symbol", symbol="AAPL")
    assert _cancel(desk) == {"AAPL": "cancelled"}
    sells = _halt(desk, side="sells")
    assert _cancel(desk) == {"IBM": "cancelled"}
    assert _at_broker(desk) == {"AAPL": OrderState.CANCELLED, "IBM": OrderState.CANCELLED, "MSFT": OrderState.ACCEPTED}
    with desk.real_ledger.read() as tx:
        (kept,) = cancels_of(tx, sells.halt_id)
    assert (kept.client_order_id, kept.outcome, kept.reason) == ("demo-eod-20260302-IBM-0", "cancelled", "cancelled on request")


def test_only_reductions_stay_open(desk: Desk, run: Run) -> None:
    hold(desk.real_ledger, {"AAPL": (10, "100"), "IBM": (5, "100")})
    desk.decide(run, {"AAPL": -10, "IBM": -20, "MSFT": 30})
    desk.send(run)
    _halt(desk, side="reduce_only")
    assert _cancel(desk) == {"IBM": "cancelled", "MSFT": "cancelled"}


def test_another_process_may_hold_the_lease_and_no_state_of_an_order_is_written(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10})
    desk.send(run)
    with desk.real_ledger.write() as tx:
        acquire(tx, f"book:{BOOK}", "another", desk.now(), timedelta(hours=1))
    _halt(desk, kind="kill")
    assert _cancel(desk) == {"AAPL": "cancelled"}
    assert _state(desk, "AAPL") is OrderState.ACCEPTED
    assert _cancel(desk) == {}  # the broker has called it over
    desk.settle(desk.open(TUE), market(TUE, {"AAPL": "100"}))
    assert _state(desk, "AAPL") is OrderState.CANCELLED


def test_a_fill_that_comes_after_the_cancel_is_booked_and_the_order_stays_cancelled(desk: Desk, run: Run) -> None:
    """The broker had filled 4 of 10 when it cancelled the rest, and told of the fill a session later."""
    desk.decide(run, {"AAPL": 10})
    desk.send(run)
    key = order("AAPL", 10).client_order_id
    _halt(desk)
    assert _cancel(desk) == {"AAPL": "cancelled"}
    desk.settle(desk.open(TUE), market(TUE, {}))
    assert _state(desk, "AAPL") is OrderState.CANCELLED
    late = Fill("late", key, "AAPL", Side.BUY, 4, micros("100"), micros("0"), TUE, KNOWN)
    there = desk.paper.find(key)
    assert there is not None
    desk.paper.fills = lambda _since: (late,)  # type: ignore[method-assign]
    desk.paper.orders = lambda _ids: {key: replace(there, filled_quantity=4)}  # type: ignore[method-assign]
    desk.settle(desk.open(WED), market(WED, {}))
    with desk.real_ledger.read() as tx:
        found = find_order(tx, key)
        assert found is not None
        assert (found.state, found.filled_quantity, found.booked_quantity) == (OrderState.CANCELLED, 4, 4)
        assert holdings(tx, BOOK)["AAPL"].quantity == 4


def test_an_order_on_its_way_when_the_cancels_were_asked_for_is_cancelled_by_its_sender(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": 20, "MSFT": 30})
    asked: list[dict[str, str]] = []

    def halted(number: int) -> None:
        if number == 1:  # IBM is marked as being sent, and not there yet
            _halt(desk)
            asked.append(_cancel(desk))

    desk.broker.before_send = halted
    with pytest.raises(HaltActive):
        desk.send(run)
    assert asked == [{"MSFT": "cancelled", "IBM": "not_there"}]
    assert _cancel(desk) == {"IBM": "cancelled"}  # what a cycle does that a halt has ended
    assert _at_broker(desk) == {"IBM": OrderState.CANCELLED, "MSFT": OrderState.CANCELLED}


def test_an_order_without_an_answer_is_asked_about_again(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10})
    desk.send(run)
    made = _halt(desk)
    desk.broker.down = True
    assert _cancel(desk) == {"AAPL": "no_answer"}
    desk.broker.down = False
    assert _cancel(desk) == {"AAPL": "cancelled"}
    with desk.real_ledger.read() as tx:
        assert [each.outcome for each in cancels_of(tx, made.halt_id)] == ["cancelled"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("'many' is no number"), "'many' is no number"),
        (ConfigError("correct the key"), "correct the key"),
        (ValueError("amount nan is not finite"), "not understood: ValueError: amount nan is not finite"),
    ],
)
def test_an_order_whose_answer_cannot_be_used_leaves_the_others_to_be_cancelled(
    desk: Desk, run: Run, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": 20, "MSFT": 30})
    desk.send(run)
    made, find = _halt(desk), desk.paper.find

    def found(name: str) -> BrokerOrder | None:
        if "IBM" in name:
            raise error
        return find(name)

    monkeypatch.setattr(desk.paper, "find", found)
    assert _cancel(desk) == {"AAPL": "cancelled", "IBM": "no_answer", "MSFT": "cancelled"}
    with desk.real_ledger.read() as tx:
        assert [each.reason for each in cancels_of(tx, made.halt_id) if each.outcome == "no_answer"] == [said]


def test_an_order_that_has_filled_meanwhile_is_called_so(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10})
    desk.send(run)
    desk.paper.advance(market(MON, {}))
    desk.paper.advance(market(TUE, {"AAPL": "100"}))
    _halt(desk)
    assert _cancel(desk) == {"AAPL": "filled"}


def test_counts_in_words() -> None:
    outcomes: tuple[CancelOutcome, ...] = ("cancelled", "cancelled", "asked", "no_answer")
    assert (
        in_words(tuple(Cancel(1, f"o{number}", outcome, 0, "") for number, outcome in enumerate(outcomes)))
        == "2 cancelled, 1 asked for and still open, 1 without an answer"
    )
