"""Sessions passed by together are as each by itself, with every control asked: to the micro, whatever the book and whatever happens."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.corporate_actions import CorporateAction
from grodt.brokers.fills import FillTerms
from grodt.errors import DataError
from grodt.money import micros
from grodt.replay.engine import Course, Plan, replay
from grodt.replay.going import Going
from grodt.replay.history import Candidates, History
from grodt.replay.passing import Passing
from grodt.signals.forecasts import ForecastHistory
from grodt.signals.panel import FloatArray
from grodt.targets.construction import Construction
from tests.examples import examples
from tests.replay.histories import EQUAL, forecasts_of, history_of, plan_of, with_splits
from tests.signals.worlds import closes, random_closes, same

NAN = float("nan")
ARRAYS = ("cash", "receivable", "positions_value", "gross", "net", "held", "traded", "commission", "borrow")
OF_ORDERS = ("columns", "quantity", "reference", "size", "state", "filled", "notional", "open")
OF_FILLS = ("places", "quantity", "price", "commission")

#: One of them is changed in most books.
BOUNDS: list[dict[str, Any]] = [
    {},
    {"daily_loss": 0.02},
    {"drawdown": 0.03},
    {"weights_sum": 0.5},
    {"completeness": 0.8},
    {"armed_cycles": 5},
    {"symbol_weight": 0.2},
    {"gross_exposure": 0.6},
    {"net_exposure": 0.6},
    {"order_value": 40_000.0},
    {"order_quantity": 2_000},
    {"symbol_position": 3_000},
    {"basket_value": 0.3},
    {"turnover": 0.1},
    {"cash_buffer": 0.3},
    {"cash_buffer": 0.6},
    {"cycle_messages": 3},
    {"volume_share": 1e-5},
    {"return_high": 0.005},
    {"volatility_high": 0.19},
    {"group_weight": {"*": 0.2}},
    {"group_weight": {"oil": 0.5}},
    {"new_cycles": 4, "new_share": 0.4},
    {"restricted": ("S0001",)},
]
TERMS = [
    FillTerms(),
    FillTerms(slippage_bps=Decimal(5)),
    FillTerms(slippage_bps=Decimal(7), commission_bps=Decimal("1.5"), minimum_commission=micros("0.35"), fill_at="close"),
    FillTerms(commission_per_share=micros("0.005"), minimum_commission=micros(1), maximum_commission_bps=Decimal(50), carry_sessions=2),
    FillTerms(slippage_bps=Decimal(3), borrow_bps=Decimal(30)),
]
CONSTRUCTIONS = st.builds(
    Construction,
    volatility_target=st.sampled_from([None, 0.1, 0.3]),
    weight_cap=st.sampled_from([0.12, 0.3, 0.9]),
    gross_cap=st.just(0.9),
    no_trade_band=st.sampled_from([0.0, 0.0, 0.02]),
    long_only=st.sampled_from([True, True, True, False]),
    history=st.sampled_from([5, 60]),
    sizing=st.sampled_from(["equal_weight", "inverse_volatility"]),
    covariance=st.sampled_from(["returns", "ewma", "shrunk"]),
    group_cap=st.sampled_from([{}, {"*": 0.4}]),
    trade_share=st.sampled_from([1.0, 1.0, 1.0, 0.5]),
    rebalance=st.sampled_from(["session", "session", "week", "month"]),
)


def _ended(history: History, forecasts: ForecastHistory, plan: Plan, changes: dict[int, Plan], *, evidence: bool) -> Course | str:
    try:
        return replay(history, forecasts, plan, changes=changes, evidence=evidence)
    except DataError as error:
        return str(error)


def _alike(one: Course, other: Course) -> None:
    for name in ARRAYS:
        assert same(getattr(one, name), getattr(other, name)), name
    for mine, theirs in ((one.orders.batches, other.orders.batches), (one.orders.live, other.orders.live)):
        assert [each.row for each in mine] == [each.row for each in theirs]
        for name in OF_ORDERS:
            assert [getattr(each, name).tolist() for each in mine] == [getattr(each, name).tolist() for each in theirs], name
    assert [(each.row, each.batch.row) for each in one.orders.filled] == [(each.row, each.batch.row) for each in other.orders.filled]
    for name in OF_FILLS:
        mine, theirs = ([getattr(each, name).tolist() for each in course.orders.filled] for course in (one, other))
        assert mine == theirs, name
    assert one.halts == other.halts
    assert one.account.position.tolist() == other.account.position.tolist()
    assert (one.account.cash, one.account.owed, one.account.applied) == (other.account.cash, other.account.owed, other.account.applied)


def _eventful(history: History, rng: np.random.Generator) -> History:
    """Lots, sectors, a universe that changes, dividends, splits, delistings and changes of symbol."""
    count, width = history.close.shape
    first = history.candidates[0]
    first = replace(
        first,
        lot=rng.choice([1, 1, 10], width) if rng.random() < 0.3 else first.lot,
        sector=tuple(rng.choice(["oil", "tech", ""], width, p=[0.5, 0.45, 0.05])),
        listed=rng.random(width) < 0.95,
    )
    candidates: list[Candidates] = [first]
    if count > 10 and rng.random() < 0.5:
        candidates.append(replace(first, start=int(rng.integers(1, count)), listed=rng.random(width) < 0.9))
    actions: dict[int, Sequence[CorporateAction]] = {}
    cancels = {}
    for row in (rng.random(count) < rng.choice([0.0, 0.05, 0.3])).nonzero()[0].tolist():
        column = int(rng.integers(width))
        symbol, day = history.panel.symbols[column], history.sessions[row]
        kind = rng.choice(["dividend", "dividend", "dividend", "split", "delisting", "symbol_change"])
        if kind == "dividend":
            paid = history.sessions[min(row + int(rng.integers(0, 9)), count - 1)]
            actions[row] = [CorporateAction(symbol, day, "dividend", pay_date=paid, cash_per_share=micros("0.37"))]
            continue
        cancels[row] = np.array([column])
        if kind == "split":
            actions[row] = [CorporateAction(symbol, day, "split", ratio_new=3, ratio_old=2)]
        elif kind == "delisting":
            actions[row] = [CorporateAction(symbol, day, "delisting", cash_per_share=micros("4.2"))]
        elif width > 1:
            other = history.panel.symbols[(column + 1) % width]
            actions[row] = [CorporateAction(symbol, day, "symbol_change", new_symbol=other)]
    panel = with_splits(history.panel, actions, history.first_row)
    return replace(history, panel=panel, candidates=tuple(candidates), actions=actions, cancels=cancels)


@examples(150)
@given(
    close=closes(longest=60),
    seed=st.integers(0, 2**32 - 1),
    construction=CONSTRUCTIONS,
    terms=st.sampled_from(TERMS),
    bounds=st.sampled_from(BOUNDS),
    eventful=st.booleans(),
    members=st.booleans(),
    changed=st.booleans(),
)
def test_sessions_passed_by_together_are_as_each_by_itself(
    close: FloatArray,
    seed: int,
    construction: Construction,
    terms: FillTerms,
    bounds: dict[str, Any],
    eventful: bool,
    members: bool,
    changed: bool,
) -> None:
    rng = np.random.default_rng(seed)
    close = np.round(np.clip(close, 1.0, 1e4), 2)
    opens = np.round(close * (1 + rng.normal(0, 0.01, close.shape)), 2)
    opens[rng.random(opens.shape) < rng.choice([0.0, 0.01])] = NAN
    history = history_of(close, opens)
    if eventful and close.shape[1]:
        history = _eventful(history, rng)
    if members:
        history = history.of_members(rng.random(close.shape) < 0.98)
    said = np.where(rng.random(close.shape) < 0.2, NAN, rng.choice([0.0, 0.5, 1.0, -1.0], close.shape, p=[0.1, 0.4, 0.4, 0.1]))
    forecasts = replace(
        forecasts_of(history, said), volatility=np.where(rng.random(said.shape) < 0.02, NAN, rng.uniform(0.1, 0.3, said.shape))
    )
    plan = plan_of("1000000", construction, terms, **bounds)
    changes = {int(rng.integers(1, len(close) + 1)): replace(plan, construction=replace(construction, weight_cap=0.2))} if changed else {}
    one, other = (_ended(history, forecasts, plan, changes, evidence=evidence) for evidence in (True, False))
    if isinstance(one, str) or isinstance(other, str):  # the book was lost
        assert one == other
        return
    _alike(one, other)


@pytest.mark.parametrize("rule", ["session", "month"])
def test_long_stretches_with_gaps_listings_and_events_are_as_each_session_by_itself(rule: Any) -> None:
    rng = np.random.default_rng(11)
    close = random_closes(3, 220, 14)
    opens = np.round(close * (1 + rng.normal(0, 0.01, close.shape)), 2)
    missing = rng.random(close.shape) < 0.01
    missing |= np.arange(220)[:, None] < np.where(np.arange(14) < 4, 50, 0)
    close[missing] = opens[missing] = NAN
    opens[rng.random(close.shape) < 0.002] = NAN
    history = _eventful(history_of(close, opens), rng)
    said = np.where(np.isnan(close) | (rng.random(close.shape) < 0.4), NAN, 1.0)
    construction = replace(EQUAL, gross_cap=0.8, weight_cap=0.3, rebalance=rule)
    plan = plan_of("1000000", construction, FillTerms(slippage_bps=Decimal(5)))
    one, other = (_ended(history, forecasts_of(history, said), plan, {}, evidence=evidence) for evidence in (True, False))
    assert isinstance(one, Course)
    assert isinstance(other, Course)
    _alike(one, other)


@pytest.mark.parametrize(
    ("rule", "sizing", "gaps"),
    [
        ("session", "equal_weight", 0.0),
        ("month", "equal_weight", 0.0),
        ("session", "inverse_volatility", 0.0),
        ("session", "equal_weight", 0.03),
        ("week", "inverse_volatility", 0.03),
    ],
)
def test_most_sessions_of_an_everyday_book_are_passed_by(rule: Any, sizing: Any, gaps: float) -> None:
    """So that the tests above do not pass because none ever is."""
    close = random_closes(5, 100, 6)
    close[1:][np.random.default_rng(4).random((99, 6)) < gaps] = NAN
    history = history_of(close)
    construction = replace(EQUAL, gross_cap=0.6, weight_cap=0.6, rebalance=rule, sizing=sizing)
    plan = plan_of("1000000", construction, FillTerms(slippage_bps=Decimal(5)))
    going = Going(history, forecasts_of(history, np.ones((100, 6))), plan, None, evidence=False)
    passing, passed, row = Passing(going, []), 0, 0
    while row < 100:
        going.open(row)
        found = passing.go_on(row)
        passed += found.decided
        row += found.decided
        if found.marked:
            going.decide(row)
            row += 1
    assert passed >= 95
    assert len(going.orders.batches) > (50 if rule == "session" else 3)


def test_a_book_whose_orders_outrun_its_cash_is_passed_by_too() -> None:
    """Control 15 refuses some of its buys in many sessions."""
    history = history_of(random_closes(7, 80, 12))
    said = np.where(np.random.default_rng(1).random((80, 12)) < 0.5, NAN, 1.0)
    plan = plan_of("1000000", replace(EQUAL, gross_cap=0.95, weight_cap=0.95))
    one, other = (_ended(history, forecasts_of(history, said), plan, {}, evidence=evidence) for evidence in (True, False))
    assert isinstance(one, Course)
    assert isinstance(other, Course)
    _alike(one, other)
