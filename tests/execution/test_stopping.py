"""What halts of a part stop: when orders are decided, and when one would be sent."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from grodt.errors import HaltActive
from grodt.execution import Sent
from grodt.execution.stopping import require_heeded, stops_of
from grodt.ledger.halts import Halt, halt
from grodt.ledger.orders import orders_of
from grodt.ledger.runs import Run
from grodt.orders.states import OrderState
from grodt.risk.exact import MOST_QUANTITY
from tests.brokers.world import BOOK, MON, TUE
from tests.execution.desk import Desk
from tests.execution.stocked import KNOWN, hold
from tests.execution.test_decision import state_of
from tests.ledger.by_hand import by_hand

_ACCEPTED, _DENIED, _APPROVED = OrderState.ACCEPTED, OrderState.DENIED, OrderState.APPROVED
A_PAUSE = Halt(1, "book", BOOK, "", "", "all", "pause", 0, False, "storm", "ann", KNOWN, None, None, None, None)


def _never(_strategies: frozenset[str]) -> Any:
    raise AssertionError("no strategy is halted")


def _stops(*halts: Halt, without: Any = _never) -> tuple[list[int], list[int], list[bool]]:
    found = stops_of(replace(state_of(3), halts=halts), without)
    assert found is not None
    return found.buyable.tolist(), found.sellable.tolist(), found.reducing.tolist()


ALL = MOST_QUANTITY


def test_nothing_is_stopped_where_no_halt_of_a_part_holds() -> None:
    assert stops_of(state_of(3), _never) is None


def test_a_side_of_the_book_is_stopped_in_every_symbol_and_one_of_a_symbol_in_it_alone() -> None:
    symbol = state_of(3).symbols[1]
    assert _stops(replace(A_PAUSE, side="buys")) == ([0, 0, 0], [ALL] * 3, [False] * 3)
    of_one = replace(A_PAUSE, scope="symbol", symbol=symbol)
    assert _stops(replace(of_one, side="sells")) == ([ALL] * 3, [ALL, 0, ALL], [False] * 3)
    assert _stops(replace(of_one, side="reduce_only")) == ([ALL] * 3, [ALL] * 3, [False, True, False])
    both = _stops(replace(of_one, side="sells"), replace(A_PAUSE, side="buys"))
    assert both == ([0, 0, 0], [ALL, 0, ALL], [False] * 3)


def test_a_book_that_may_only_reduce_is_control_28s_to_judge() -> None:
    assert _stops(replace(A_PAUSE, side="reduce_only")) == ([ALL] * 3, [ALL] * 3, [False] * 3)


def test_a_halted_strategy_leaves_what_is_wanted_without_it_and_all_that_are_halted_are_left_out_together() -> None:
    asked: list[frozenset[str]] = []

    def without(strategies: frozenset[str]) -> Any:
        asked.append(strategies)
        return np.array([30, -20, 0])

    trend, carry = (replace(A_PAUSE, scope="strategy", strategy=name) for name in ("trend", "carry"))
    assert _stops(trend, carry, without=without) == ([30, 0, 0], [0, 20, 0], [False] * 3)
    assert asked == [frozenset({"trend", "carry"})] * 2
    asked.clear()
    assert _stops(replace(trend, side="buys"), without=without) == ([30, 0, 0], [ALL] * 3, [False] * 3)
    assert asked == [frozenset({"trend"})]


def test_a_halted_strategy_stops_no_leg_and_no_order_in_place_of_one() -> None:
    trend, symbols = replace(A_PAUSE, scope="strategy", strategy="trend"), state_of(3).symbols
    sells = replace(A_PAUSE, scope="symbol", symbol=symbols[2], side="sells")
    found = stops_of(replace(state_of(3), halts=(trend, sells)), lambda _: np.zeros(3, dtype=np.int64), symbols[1:])
    assert found is not None
    assert found.sellable.tolist() == [0, ALL, 0]
    assert (found.leg_buyable.tolist(), found.leg_sellable.tolist()) == ([ALL] * 3, [ALL, ALL, 0])


# -- at the moment of sending


@pytest.fixture
def run(desk: Desk) -> Run:
    return desk.open(MON)


def _halt(desk: Desk, **changed: Any) -> Halt:
    with desk.real_ledger.write() as tx:
        return halt(tx, **{"scope": "book", "book": BOOK, "reason": "storm", "author": "ops", "now": desk.now(), **changed})


def _states(desk: Desk, run: Run) -> dict[str, OrderState]:
    with desk.real_ledger.read() as tx:
        return {each.order.symbol: each.state for each in orders_of(tx, run.run_id)}


@pytest.mark.parametrize(("side", "stopped"), [("buys", {"AAPL", "MSFT"}), ("sells", {"IBM"})])
def test_a_halted_side_is_not_sent_and_the_other_is(desk: Desk, run: Run, side: str, stopped: set[str]) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": -20, "MSFT": 30})
    _halt(desk, side=side)
    assert desk.send(run) == Sent(orders=3, accepted=3 - len(stopped), cancelled=len(stopped))
    assert {symbol for symbol, state in _states(desk, run).items() if state is _DENIED} == stopped


def test_only_reductions_are_sent_and_none_that_opens_or_crosses_zero(desk: Desk, run: Run) -> None:
    hold(desk.real_ledger, {"AAPL": (100, "100"), "CROS": (50, "100"), "SHRT": (-40, "100"), "PART": (30, "100")})
    desk.decide(run, {"AAPL": -100, "CROS": -60, "SHRT": 40, "OPEN": 10, "PART": 5})
    _halt(desk, side="reduce_only")
    assert desk.send(run).cancelled == 3
    assert _states(desk, run) == {"AAPL": _ACCEPTED, "CROS": _DENIED, "SHRT": _ACCEPTED, "OPEN": _DENIED, "PART": _DENIED}


def test_an_open_order_counts_as_done_before_a_reduction(desk: Desk, run: Run) -> None:
    """100 held, 80 already being sold: 20 more is a reduction, 30 more is not."""
    hold(desk.real_ledger, {"AAPL": (100, "100")})
    desk.decide(run, {"AAPL": -80})
    desk.send(run)
    _halt(desk, scope="symbol", symbol="AAPL", side="reduce_only")
    for quantity, state in ((-30, _DENIED), (-20, _ACCEPTED)):
        later = desk.open(TUE if quantity == -30 else TUE + timedelta(days=1))
        desk.decide(later, {"AAPL": quantity})
        desk.send(later)
        assert _states(desk, later) == {"AAPL": state}


def test_a_strategy_halted_while_its_book_is_sending_stops_the_rest_and_one_halted_before_was_heeded(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "MSFT": 30})
    desk.broker.before_send = lambda number: _halt(desk, scope="strategy", strategy="trend") and None
    with pytest.raises(HaltActive, match=r"AAPL-0 and what follows it .* on strategy trend of book demo by ops"):
        desk.send(run)
    assert _states(desk, run) == {"MSFT": _ACCEPTED, "AAPL": _APPROVED}
    with pytest.raises(HaltActive):  # nobody can tell what each strategy wanted of an order that was netted
        desk.send(desk.open(MON))


@pytest.mark.parametrize("minutes", [-60, 0, 60])
def test_a_strategy_halted_after_the_basket_was_committed_stops_it_whatever_the_clock_of_whoever_halts_says(
    desk: Desk, run: Run, minutes: int
) -> None:
    desk.decide(run, {"AAPL": 10})
    _halt(desk, scope="strategy", strategy="trend", now=desk.now() + timedelta(minutes=minutes))
    for _ in range(2):
        with pytest.raises(HaltActive, match=r"AAPL-0 and what follows it"):
            desk.send(desk.open(MON))
    assert desk.broker.sends == []


@pytest.mark.parametrize("minutes", [-60, 0, 60])
def test_a_strategy_halted_before_the_basket_was_committed_stops_nothing_when_it_sends(desk: Desk, minutes: int) -> None:
    _halt(desk, scope="strategy", strategy="trend", now=desk.now() + timedelta(minutes=minutes))
    run = desk.open(MON)
    desk.decide(run, {"AAPL": 10})
    assert desk.send(run) == Sent(orders=1, accepted=1)


def test_a_halt_of_a_strategy_that_the_audit_chain_does_not_have_as_it_stands_stops_the_basket(desk: Desk, run: Run) -> None:
    found = _halt(desk, scope="strategy", strategy="trend")
    desk.decide(run, {"AAPL": 10})
    by_hand(desk.real_ledger, f"UPDATE halt_starts SET reason = 'fair weather' WHERE halt_id = {found.halt_id}")
    with pytest.raises(HaltActive):
        desk.send(run)


def test_a_basket_is_not_committed_where_a_strategy_was_halted_since_the_halts_were_read(desk: Desk) -> None:
    before = _halt(desk, scope="strategy", strategy="trend")
    _halt(desk, side="buys")  # is judged order by order when it is sent
    with desk.real_ledger.read() as tx:
        require_heeded(tx, BOOK, [before], desk.now())
    _halt(desk, scope="strategy", strategy="carry", now=desk.now() - timedelta(hours=1))
    with desk.real_ledger.read() as tx, pytest.raises(HaltActive, match=r"on strategy carry of book demo .* nothing is ordered"):
        require_heeded(tx, BOOK, [before], desk.now())


def test_a_pause_that_is_over_stops_nothing(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10})
    _halt(desk, expires_at=desk.now() + timedelta(milliseconds=2))
    desk.now()
    assert desk.send(run) == Sent(orders=1, accepted=1)


def test_an_order_that_has_filled_is_not_sent_a_second_time(desk: Desk, run: Run) -> None:
    """Control 19, as when the broker denies an order that it has filled in part."""
    desk.decide(run, {"AAPL": 30, "IBM": 10})
    desk.broker.lose_before.add(0)

    def partly(number: int) -> None:
        if number == 0:
            with desk.real_ledger.write() as tx:
                tx.connection.execute(text("UPDATE order_status SET filled_quantity = 10 WHERE client_order_id LIKE '%AAPL%'"))

    desk.broker.before_send = partly
    with pytest.raises(HaltActive, match=r"children_exceed_parent: .*\(control 19: value is 40, limit 30\)"):
        desk.send(run)
    assert len(desk.broker.sends) == 1
