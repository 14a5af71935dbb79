"""The replay's session loop: known answers by hand, halts, orders that do not fill, and one answer with and without evidence."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.corporate_actions import CorporateAction
from grodt.brokers.fills import FillTerms
from grodt.errors import DataError
from grodt.money import micros, micros_from_float
from grodt.replay.engine import Course, Plan, replay
from grodt.replay.history import History
from grodt.replay.working import Reached
from grodt.signals.panel import FloatArray
from grodt.targets.construction import Construction
from tests.examples import examples
from tests.replay.histories import EQUAL, day, forecasts_of, history_of, plan_of
from tests.signals.worlds import closes, random_closes, same

NAN = float("nan")


def _at_most(gross: float) -> Construction:
    return replace(EQUAL, gross_cap=gross, weight_cap=gross)


def _orders(course: Course) -> list[tuple[int, int, int]]:
    """Row, column and signed quantity of every order."""
    return [
        (batch.row, column, quantity)
        for batch in course.orders.batches
        for column, quantity in zip(batch.columns.tolist(), batch.quantity.tolist(), strict=True)
    ]


def test_half_of_the_equity_in_each_of_two_symbols_decided_at_the_close_and_filled_at_the_next_open() -> None:
    close = np.array([[10.0, 20.0], [12.0, 20.0], [11.0, 22.0]])
    opens = np.array([[10.0, 20.0], [11.0, 21.0], [12.5, 20.5]])
    history = history_of(close, opens)
    said = np.array([[1.0, 1.0], [1.0, NAN], [1.0, NAN]])
    terms = FillTerms(slippage_bps=Decimal(100), commission_bps=Decimal(10))
    course = replay(history, forecasts_of(history, said), plan_of("10000", _at_most(0.9), terms))
    # 0.45 · 10,000 at 10 and at 20 is 450 and 225 shares; they cost 11.11 and 21.21 with 1 % of slippage, 0.1 % of commission.
    assert _orders(course)[:2] == [(0, 0, 450), (0, 1, 225)]
    paid = 450 * 11.11 + 225 * 21.21
    fees = 450 * 11.11 / 1000 + 225 * 21.21 / 1000
    assert course.cash[1] == pytest.approx(1e6 * (10_000 - paid - round(450 * 11.11 / 1000, 4) - round(225 * 21.21 / 1000, 4)), abs=1)
    assert course.commission[1] == pytest.approx(1e6 * fees, abs=200)
    equity = course.cash[1] + micros(str(450 * 12 + 225 * 20))
    assert course.equity[1] == equity
    assert course.net[1] == pytest.approx((450 * 12 + 225 * 20) / (equity / 1e6))
    # Then all of 0.9 of it in the first symbol; its buy waits a session, because a sale pays for nothing in its own basket (control 15).
    wanted = int(0.9 * int(course.equity[2]) / 1e6 // 11)
    assert _orders(course)[2:] == [(1, 1, -225), (2, 0, wanted - 450)]
    assert course.held.tolist() == [0, 2, 1]


def test_an_order_in_a_symbol_that_does_not_trade_expires_and_is_decided_anew() -> None:
    close = np.array([[10.0, 10.0], [10.0, NAN], [10.0, 10.0], [10.0, 10.0]])
    history = history_of(close)
    course = replay(history, forecasts_of(history, np.ones((4, 2))), plan_of("1000", _at_most(0.4)))
    first = course.orders.batches[0]
    assert dict(zip(first.columns.tolist(), first.state.tolist(), strict=True)) == {0: Reached.FILLED, 1: Reached.EXPIRED}
    assert _orders(course) == [(0, 0, 20), (0, 1, 20), (1, 0, 20), (2, 0, -20), (2, 1, 20)]
    assert course.account.position.tolist() == [20, 20]


def test_a_session_that_risk_stops_orders_nothing_and_the_next_one_goes_on() -> None:
    close = np.array([[10.0, 10.0], [NAN, NAN], [10.0, 10.0], [10.0, 10.0]])
    history = history_of(close)
    course = replay(history, forecasts_of(history, np.ones((4, 2))), plan_of("1000", _at_most(0.8), completeness=0.5))
    assert [(each.session, each.reason.split(":")[0]) for each in course.halts] == [(day(1), "data_stale")]
    assert {row for row, _, _ in _orders(course)} == {0, 2}


def test_more_orders_than_may_be_sent_stop_after_those_that_may() -> None:
    history = history_of(np.full((3, 4), 10.0))
    course = replay(history, forecasts_of(history, np.ones((3, 4))), plan_of("1000", _at_most(0.8), cycle_messages=3))
    assert len(course.orders.batches[0].columns) == 3
    assert course.halts[0].reason == "messages_above_limit: 4 orders, and 3 may be sent (control 20)"


def test_sells_are_sent_before_buys_and_the_largest_first() -> None:
    close = np.array([[10.0, 10.0, 10.0]] * 3)
    history = history_of(close)
    said = np.array([[1.0, NAN, NAN], [NAN, 1.0, 1.0], [NAN, 1.0, 1.0]])
    course = replay(history, forecasts_of(history, said), plan_of("1000", _at_most(0.4)))
    assert [(column, quantity > 0) for _, column, quantity in _orders(course)[1:]] == [(0, False), (1, True), (2, True)]


def test_dividends_are_owed_until_they_are_paid_and_a_split_changes_shares_alone() -> None:
    close = np.array([[10.0], [10.0], [5.0], [5.0], [5.0]])
    split = CorporateAction("S0000", day(2), "split", ratio_new=2, ratio_old=1)
    dividend = CorporateAction("S0000", day(2), "dividend", pay_date=day(4), cash_per_share=micros("0.5"))
    history = history_of(close, actions={2: [split]}, cancels={2: np.array([0])})
    said = np.array([[1.0], [1.0], [1.0], [1.0], [1.0]])
    plan = plan_of("1000", replace(_at_most(0.5), no_trade_band=0.2))
    course = replay(history, forecasts_of(history, said), plan)
    assert course.account.position.tolist() == [100]
    assert course.equity.tolist() == [micros(1000)] * 5

    later = history_of(np.full((5, 1), 10.0), actions={2: [dividend]})
    owed = replay(later, forecasts_of(later, said), plan)
    assert owed.receivable.tolist() == [0, 0, micros(25), micros(25), 0]
    assert owed.cash[4] - owed.cash[3] == micros(25)


@pytest.mark.parametrize("silent", [1, 2])
def test_what_splits_without_a_bar_is_worth_what_it_was(silent: int) -> None:
    """3 for 2, and the fraction of a share is paid at the close before."""
    close = np.array([[9.99]] * 2 + [[NAN]] * silent + [[6.66]] * 2)
    split = CorporateAction("S0000", day(2), "split", ratio_new=3, ratio_old=2)
    history = history_of(close, actions={2: [split]}, cancels={2: np.array([0])})
    plan = plan_of("1000", replace(_at_most(0.5), no_trade_band=0.2))
    for evidence in (False, True):
        course = replay(history, forecasts_of(history, np.ones((len(close), 1))), plan, evidence=evidence)
        assert course.account.position.tolist() == [75]
        assert course.equity.tolist() == [micros(1000)] * len(close)
    part = history_of(close, before=3, panel=history.panel)
    price, found, age = part.closes_before()
    assert (price.tolist(), found.tolist(), age.tolist()) == ([6.66], [micros("6.66")], [2])


def test_a_second_split_of_a_session_pays_its_fraction_at_the_close_after_the_first() -> None:
    """Of a day before, that was no session, and of the session: 50 become 150, and these 37 and half a share of 12."""
    close = np.array([[9.0], [9.0], [NAN], [12.0]])
    second = CorporateAction("S0000", day(2), "split", ratio_new=1, ratio_old=4)
    first = replace(second, ex_date=day(2) - timedelta(days=1), ratio_new=3, ratio_old=1)
    history = history_of(close, actions={2: [first, second]}, cancels={2: np.array([0])})
    course = replay(history, forecasts_of(history, np.ones((4, 1))), plan_of("900", replace(_at_most(0.5), no_trade_band=0.2)))
    assert course.account.position.tolist() == [37]
    assert course.equity.tolist() == [micros(900)] * 4
    assert course.cash[2] - course.cash[1] == micros(6)


def test_actions_of_the_same_terms_under_another_ex_date_are_held_back_as_the_ledger_does() -> None:
    close = np.array([[10.0], [10.0], [5.0], [5.0], [5.0], [5.0]])
    split = CorporateAction("S0000", day(2), "split", ratio_new=2, ratio_old=1)
    dividend = CorporateAction("S0000", day(2), "dividend", cash_per_share=micros("0.5"))
    again = [replace(each, ex_date=day(3)) for each in (dividend, split)]
    another = replace(dividend, ex_date=day(4), cash_per_share=micros("0.25"))
    history = history_of(close, actions={2: [dividend, split], 3: again, 4: [another]}, cancels={2: np.array([0]), 3: np.array([0])})
    said = np.ones((6, 1))
    course = replay(history, forecasts_of(history, said), plan_of("1000", replace(_at_most(0.5), no_trade_band=0.2)))
    assert course.account.moved == again
    assert [each.action for each in course.account.applied] == [dividend, split, another]
    assert course.account.position.tolist() == [100]
    assert course.cash.tolist()[-1] == micros(1000) - 50 * micros(10) + 50 * micros("0.5") + 100 * micros("0.25")


def test_a_delisting_pays_the_final_value_and_the_position_is_gone() -> None:
    close = np.array([[10.0, 10.0], [10.0, 10.0], [NAN, 10.0], [NAN, 10.0]])
    end = CorporateAction("S0000", day(2), "delisting", cash_per_share=micros("7.25"))
    history = history_of(close, actions={2: [end]}, cancels={2: np.array([0])})
    said = np.array([[1.0, NAN], [1.0, NAN], [NAN, NAN], [NAN, NAN]])
    course = replay(history, forecasts_of(history, said), plan_of("1000", _at_most(0.5)))
    assert course.account.position.tolist() == [0, 0]
    assert course.equity[-1] == micros(1000) - 50 * micros("2.75")


def test_a_book_that_is_lost_says_when() -> None:
    close = np.array([[10.0], [10.0], [0.5], [0.01], [40.0], [900.0]])
    said = -np.ones((6, 1))
    short = Construction(volatility_target=None, weight_cap=1.0, gross_cap=1.0, no_trade_band=0.0, long_only=False, sizing="equal_weight")
    history = history_of(close)
    with pytest.raises(DataError, match=r"replay of book b, session 2020-01-0\d: equity is -[\d,.]+ USD, not above zero"):
        replay(history, forecasts_of(history, said), plan_of("1000", short, drawdown=0.99, daily_loss=0.99))


def test_forecasts_of_another_history_are_refused() -> None:
    history = history_of(np.full((3, 2), 10.0))
    with pytest.raises(ValueError, match=r"forecasts are of shape \(2, 2\)"):
        replay(history, forecasts_of(history, np.ones((2, 2))), plan_of())


def test_the_first_sessions_may_be_known_and_not_replayed() -> None:
    close = random_closes(3, 30, 4)
    whole, part = history_of(close), history_of(close, before=20)
    assert part.first_row == 21
    said = np.ones((30, 4))
    said[:20] = NAN
    one = replay(whole, forecasts_of(whole, said), plan_of("100000"))
    other = replay(part, forecasts_of(part, said[20:]), plan_of("100000"))
    assert same(one.equity[20:].copy(), other.equity)
    price, found, age = part.closes_before()
    assert same(price, close[19])
    assert found.tolist() == [micros_from_float(each) for each in close[19].tolist()]
    assert age.tolist() == [1, 1, 1, 1]


def _ended(history: History, said: FloatArray, plan: Plan, *, evidence: bool = False) -> Course | str:
    try:
        return replay(history, forecasts_of(history, said), plan, evidence=evidence)
    except DataError as error:
        return str(error)


@examples(40)
@given(close=closes(longest=40), seed=st.integers(0, 2**32 - 1), long_only=st.booleans(), tight=st.booleans())
def test_with_and_without_evidence_a_replay_is_the_same(close: FloatArray, seed: int, long_only: bool, tight: bool) -> None:
    rng = np.random.default_rng(seed)
    close = np.round(np.clip(close, 1.0, 1e4), 2)
    history = history_of(close, np.round(close * (1 + rng.normal(0, 0.01, close.shape)), 2))
    said = np.where(rng.random(close.shape) < 0.2, NAN, rng.normal(0, 1, close.shape))
    construction = replace(EQUAL, long_only=long_only, gross_cap=0.9, weight_cap=0.3)
    bounds = {"symbol_weight": 0.1, "gross_exposure": 0.5, "order_value": 20_000.0} if tight else {}
    plan = plan_of("1000000", construction, FillTerms(slippage_bps=Decimal(5)), **bounds)
    asked, glanced = (_ended(history, said, plan, evidence=evidence) for evidence in (True, False))
    if isinstance(asked, str) or isinstance(glanced, str):  # the book was lost
        assert asked == glanced
        return
    assert same(asked.equity, glanced.equity)
    assert _orders(asked) == _orders(glanced)
    assert asked.halts == glanced.halts
    # Cash is what came in less what was paid: nothing is lost between fills.
    spent = sum(int((each.quantity * each.price).sum() + each.commission.sum()) for each in asked.orders.filled)
    assert asked.account.cash == micros(1_000_000) - spent
