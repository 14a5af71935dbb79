"""Signals that compare symbols with each other: against pandas, and by hand."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.signals import cross_section
from grodt.signals.cross_section import ranked
from grodt.signals.cross_sectional_momentum import CrossSectionalMomentum
from grodt.signals.cross_sectional_reversal import CrossSectionalReversal
from grodt.signals.low_volatility import LowVolatility
from grodt.signals.panel import FloatArray, Panel
from grodt.signals.signal import Signal, SignalOutput
from tests.examples import examples
from tests.signals.worlds import full_panel, panel_of, random_closes, same

NAN = np.nan


def _row(scores: list[float], select: float, side: str, members: list[bool] | None = None, cap: float = 2.0) -> list[float]:
    array = np.array([scores])
    may = np.ones(array.shape, dtype=np.bool_) if members is None else np.array([members])
    got: list[float] = ranked(array, may, select, side, cap)[0].tolist()
    return got


def _all_rows(signal: Signal, panel: Panel) -> SignalOutput:
    return signal.evaluate(panel, np.full(panel.close.shape, NAN))  # volatility is not asked for


def test_ranks_go_evenly_from_minus_two_to_two_and_average_one() -> None:
    assert _row([0.3, -1.0, 5.0, 0.1], 0, "both") == [0.5, -1.5, 1.5, -0.5]
    assert _row([3.0, 1.0, 2.0], 0, "both") == pytest.approx([4 / 3, -4 / 3, 0.0])
    assert _row([7.0], 0, "both") == [0.0]
    assert _row([0.3, -1.0, 5.0, 0.1], 0, "both", cap=1.0) == [0.5, -1.0, 1.0, -0.5]


def test_equal_scores_have_the_mean_of_their_ranks() -> None:
    assert _row([1.0, 2.0, 2.0, 0.0], 0, "both") == [-0.5, 1.0, 1.0, -1.5]
    assert _row([5.0] * 6, 0, "both") == [0.0] * 6
    assert _row([0.0, -0.0], 0, "both") == [0.0, 0.0]


def test_a_share_selects_the_best_and_with_both_sides_the_worst() -> None:
    scores = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert _row(scores, 0.4, "long") == [1, 0, 1, 0, 0]
    assert _row(scores, 0.4, "both") == [1, -1, 1, -1, 0]
    assert _row(scores, 1, "long") == [1] * 5
    assert _row(scores, 0.4, "both", cap=0.5) == [0.5, -0.5, 0.5, -0.5, 0]


def test_at_least_one_is_selected_and_of_one_alone_no_pair() -> None:
    assert _row([1.0, 2.0], 0.1, "long") == [0, 1]
    assert _row([1.0, 2.0], 0.1, "both") == [-1, 1]
    assert _row([1.0], 0.1, "long") == [1]
    assert _row([1.0], 0.5, "both") == [0]


def test_of_equal_scores_the_first_symbols_are_the_better_ones() -> None:
    assert _row([1.0, 1.0, 1.0, 1.0, 1.0], 0.4, "long") == [1, 1, 0, 0, 0]
    assert _row([1.0, 1.0, 1.0, 1.0, 1.0], 0.4, "both") == [1, 1, 0, -1, -1]
    assert _row([2.0, 9.0, 2.0, 2.0, 0.0], 0.4, "long") == [1, 1, 0, 0, 0]
    assert _row([2.0, 9.0, 2.0, 2.0, 0.0], 0.4, "both") == [1, 1, 0, -1, -1]


def test_those_without_a_score_and_those_that_may_not_be_traded_are_not_counted() -> None:
    scores, members = [9.0, NAN, 3.0, 2.0, 1.0], [False, True, True, True, True]
    assert _row(scores, 0.34, "long", members) == pytest.approx([NAN, NAN, 1, 0, 0], nan_ok=True)
    assert _row(scores, 0, "both", members) == pytest.approx([NAN, NAN, 4 / 3, 0, -4 / 3], nan_ok=True)
    assert _row([3.0, NAN, 3.0, 2.0], 0, "both", [False, True, True, True]) == pytest.approx([NAN, NAN, 1, -1], nan_ok=True)
    assert np.isnan(_row([1.0, 2.0], 0.5, "long", [False, False])).all()
    assert np.isnan(_row([NAN, NAN], 0, "both")).all()


def test_a_share_is_the_decimal_it_is_written_as() -> None:
    for select, size, count in ((0.29, 100, 29), (0.1, 30, 3), (0.7, 10, 7), (0.1, 505, 50), (1 / 3, 9, 2)):
        got = _row(np.random.default_rng(size).random(size).tolist(), select, "long")
        assert sum(got) == count, select


@st.composite
def _scores(draw: st.DrawFn) -> tuple[FloatArray, np.ndarray]:
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    distinct = draw(st.sampled_from([1, 3, 1000]))
    score = rng.integers(0, distinct, (rows, columns)) - distinct / 2.0
    score[rng.random(score.shape) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = NAN
    return score, rng.random(score.shape) < draw(st.sampled_from([0.5, 1.0]))


@examples(200)
@given(given_=_scores(), select=st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5]), side=st.sampled_from(["long", "both"]))
def test_ranks_agree_with_sorting_symbol_by_symbol(given_: tuple[FloatArray, np.ndarray], select: float, side: str) -> None:
    score, members = given_
    got = ranked(score, members, select, side, 2.0)
    for row in range(len(score)):
        who = [i for i in range(score.shape[1]) if members[row, i] and not np.isnan(score[row, i])]
        assert np.flatnonzero(~np.isnan(got[row])).tolist() == who
        if select:
            order = sorted(who, key=lambda i, row=row: (-score[row, i], i))  # type: ignore[misc]
            count = max(1, int(len(who) * round(select * 100) // 100))
            count = min(count, len(who) // 2) if side == "both" else count
            best, worst = set(order[:count]), set(order[len(order) - count :]) if side == "both" else set()
            assert got[row, who].tolist() == [1.0 if i in best else -1.0 if i in worst else 0.0 for i in who]
        else:
            rank = pd.Series(score[row, who]).rank().to_numpy() - 1
            np.testing.assert_allclose(got[row, who], 2 * ((2 * rank + 1) / max(1, len(who)) - 1), rtol=1e-13, atol=1e-15)


def test_rows_ranked_together_or_alone_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    score = np.round(rng.standard_normal((90, 40)), 1)
    score[rng.random(score.shape) < 0.1] = NAN
    members = rng.random(score.shape) < 0.9
    for select, side in ((0.0, "both"), (0.1, "long"), (0.25, "both")):
        whole = ranked(score, members, select, side, 2.0)
        for cells in (1, 100, 10**9):
            monkeypatch.setattr(cross_section, "_CELLS", cells)
            assert same(ranked(score, members, select, side, 2.0), whole)


def test_top_decile_momentum_agrees_with_pandas_ranks_over_gaps_and_members() -> None:
    panel = full_panel(random_closes(1, 420, 60, gaps=0.02), 2)
    assert panel.members is not None
    filled = pd.DataFrame(panel.close).ffill()
    value = (filled.shift(21) / filled.shift(252) - 1).where(~np.isnan(panel.close))
    may = value.where(panel.members)
    count = (may.notna().sum(axis=1) // 10).clip(lower=1)
    place = may.rank(axis=1, ascending=False, method="first")
    expected = (place.le(count, axis=0)).astype(float).where(may.notna()).to_numpy()
    got = _all_rows(CrossSectionalMomentum(select=0.1, side="long"), panel)
    np.testing.assert_allclose(got.value, value.to_numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(got.forecast, expected)
    assert np.nansum(expected) > 300


def test_reversal_is_long_what_has_fallen() -> None:
    closes = np.array([[10.0, 10.0, 10.0, 10.0], [11.0, 9.0, 10.5, 9.5]])
    got = _all_rows(CrossSectionalReversal(lookback=1), panel_of(closes))
    assert got.value[1] == pytest.approx([0.1, -0.1, 0.05, -0.05])
    assert got.forecast[1].tolist() == [-1.5, 1.5, -0.5, 0.5]
    assert _all_rows(CrossSectionalReversal(lookback=1, select=0.25, side="long"), panel_of(closes)).forecast[1].tolist() == [0, 1, 0, 0]


def test_reversal_may_leave_out_the_last_sessions() -> None:
    panel = panel_of(random_closes(3, 40, 5))
    value = _all_rows(CrossSectionalReversal(lookback=6, skip=1), panel).value
    np.testing.assert_allclose(value[6:], panel.close[5:39] / panel.close[:34] - 1, rtol=1e-9)


def test_low_volatility_ranks_the_sample_deviation_of_the_last_returns() -> None:
    panel = panel_of(random_closes(4, 300, 8, gaps=0.01))
    expected = pd.DataFrame(panel.log_return).apply(lambda one: one.dropna().rolling(60).std().reindex(one.index)) * np.sqrt(252)
    got = _all_rows(LowVolatility(window=60), panel)
    np.testing.assert_allclose(got.value, expected.to_numpy(), rtol=1e-9, atol=1e-12)
    rank = expected.rank(axis=1, ascending=False) - 1
    size = expected.notna().sum(axis=1).clip(lower=1)
    np.testing.assert_allclose(got.forecast, 2 * ((2 * rank + 1).div(size, axis=0) - 1).to_numpy(), rtol=1e-12, atol=1e-12)


def test_a_price_that_does_not_move_is_not_the_quietest() -> None:
    close = random_closes(5, 30, 3)
    close[:, 0] = 25.0
    got = _all_rows(LowVolatility(window=20, select=0.5), panel_of(close))
    assert np.isnan(got.value[-1, 0])
    assert np.isnan(got.forecast[-1, 0])
    assert sorted(got.forecast[-1, 1:].tolist()) == [-1.0, 1.0]


def test_a_member_more_or_less_moves_the_others_ranks() -> None:
    panel = panel_of(np.exp(np.arange(4.0)[:, None] * np.array([0.01, 0.02, 0.03, 0.04])))
    momentum = CrossSectionalMomentum(lookback=2, skip=0)
    everyone = np.ones((4, 4), dtype=np.bool_)
    without = everyone.copy()
    without[-1, 3] = False
    assert _all_rows(momentum, panel.of_members(everyone)).forecast[-1].tolist() == [-1.5, -0.5, 0.5, 1.5]
    assert _all_rows(momentum, panel.of_members(without)).forecast[-1] == pytest.approx([-4 / 3, 0.0, 4 / 3, NAN], nan_ok=True)


def test_members_of_the_last_sessions_alone_are_enough_for_them() -> None:
    panel = full_panel(random_closes(6, 60, 10, gaps=0.02), 6)
    assert panel.members is not None
    tonight = panel.of_members(panel.members[-1:])
    momentum = CrossSectionalMomentum(lookback=12, skip=2, select=0.2)
    got = momentum.evaluate(tonight, np.full((1, 10), 0.2))
    assert same(got.forecast, np.ascontiguousarray(_all_rows(momentum, panel).forecast[-1:]))
    with pytest.raises(ValueError, match="members are known of the last 1 rows, and 2 are asked for"):
        momentum.evaluate(tonight, np.full((2, 10), 0.2))


@pytest.mark.parametrize("kind", [CrossSectionalMomentum, CrossSectionalReversal, LowVolatility])
@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"select": -0.1}, "select is -0.1; it must be a finite number >= 0 and <= 0.5"),
        ({"select": 0.51}, "select is 0.51; it must be a finite number >= 0 and <= 0.5"),
        ({"select": 1.1, "side": "long"}, "select is 1.1; it must be a finite number >= 0 and <= 1"),
        ({"side": "short"}, "side is 'short'; it must be one of long, both"),
        ({"side": "long"}, "side is 'long' and select is 0.0, but ranks have both sides; give the share to select, or side 'both'"),
        ({"cap": 0}, "cap is 0"),
        ({"name": ""}, "name is ''"),
    ],
)
def test_a_bad_selection_is_named_with_value_and_bound(kind: type, given_: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**given_)


@pytest.mark.parametrize(
    ("kind", "given_", "message"),
    [
        (CrossSectionalMomentum, {"lookback": 0}, "cross_sectional_momentum: lookback is 0; it must be a whole number from 1 to 2520"),
        (CrossSectionalMomentum, {"skip": 252}, "skip is 252; it must be a whole number from 0 to 251"),
        (CrossSectionalReversal, {"lookback": 253}, "cross_sectional_reversal: lookback is 253; it must be a whole number from 1 to 252"),
        (CrossSectionalReversal, {"skip": 21}, "skip is 21; it must be a whole number from 0 to 20"),
        (LowVolatility, {"window": 9}, "low_volatility: window is 9; it must be a whole number from 10 to 2520"),
    ],
)
def test_a_bad_window_is_named_with_value_and_bound(kind: type, given_: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**given_)


def test_deciles_of_a_year_turn_over_slowly() -> None:
    panel = panel_of(random_closes(7, 300, 100))
    forecast = _all_rows(CrossSectionalMomentum(select=0.1, side="long"), panel).forecast[252:]
    assert (forecast.sum(axis=1) == 10).all()
    assert max(int((a != b).sum()) for a, b in pairwise(forecast)) < 10
