"""Planted flaws are found, each by the check that is named after it; sound signals pass."""

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import pytest

from grodt.signals.checking.examination import examine, examine_on, remarks
from grodt.signals.checking.subject import Finding, unequal
from grodt.signals.checking.worlds import worlds
from grodt.signals.momentum import Momentum
from grodt.signals.registry import BUILT_IN, build_signal
from grodt.signals.signal import Signal
from tests.signals.checking import flawed
from tests.signals.worlds import panel_of, random_closes

SEED = 3


def _findings(build: Callable[[], Signal], seed: int = SEED) -> dict[str, Finding]:
    found = list(examine(build, seed))
    assert len({each.check for each in found}) == len(found)
    return {each.check: each for each in found}


def _failed(findings: dict[str, Finding]) -> set[str]:
    return {name for name, each in findings.items() if each.verdict == "fail"}


#: One that looks at each symbol alone, one that ranks all of them, one that takes volumes: the others are among the long ones.
_SOON = ("momentum", "cross_sectional_reversal", "volume_breakout")
#: Its default takes the panels of the checks a hundred times longer than its windows here.
_SHORTER = {"ewma_trend": {"fast": (4, 8), "slow": (16, 32)}}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *(
            pytest.param(name, _SHORTER.get(name, {}), marks=[] if name in _SOON else pytest.mark.long, id=name)
            for name in sorted(BUILT_IN)
        ),
        *(pytest.param(name, {}, marks=pytest.mark.long, id=f"{name} by default") for name in _SHORTER),
    ],
)
def test_every_built_in_signal_passes(name: str, parameters: dict[str, Any]) -> None:
    findings = _findings(lambda: build_signal(name, parameters))
    assert _failed(findings) == set(), [each for each in findings.values() if each.verdict == "fail"]
    assert len([each for each in findings.values() if each.verdict == "pass"]) == 11


@pytest.mark.parametrize("build", [flawed.sound.build, flawed.drift.build, flawed.above_average.build, flawed.Gains, flawed.RankOfMembers])
def test_a_sound_signal_passes(build: Callable[[], Signal]) -> None:
    assert _failed(_findings(build)) == set()


@pytest.mark.parametrize(
    ("build", "check", "others"),
    [
        (flawed.tomorrow.build, "look-ahead", set()),
        (flawed.despiked.build, "look-ahead", set()),
        (flawed.before_jumps.build, "look-ahead", set()),
        (flawed.global_mean.build, "look-ahead", {"members"}),
        (flawed.full_sample_score.build, "look-ahead", {"another symbol", "members"}),
        (flawed.surprise.build, "same twice", {"look-ahead", "rows asked for", "another symbol", "members"}),
        (flawed.filler.build, "inputs", set()),
        (flawed.VolatilityWriter, "inputs", set()),
        (flawed.too_early.build, "history", set()),
        (flawed.too_late.build, "history", set()),
        (flawed.other_company.build, "history", set()),
        (flawed.Never, "history", set()),
        (flawed.infinite.build, "finite", set()),
        (flawed.filled.build, "no bar, no value", set()),
        (flawed.WithoutValue, "no bar, no value", set()),
        (flawed.Wild, "cap", set()),
        (flawed.OverTheRowsAskedFor, "rows asked for", {"look-ahead", "another symbol", "members"}),
        (flawed.RankOfAll, "members", set()),
        (flawed.SumOfTheRow, "another symbol", {"members"}),
        (flawed.Memory, "same twice", {"look-ahead", "rows asked for", "members"}),
        (flawed.close_of_the_day.build, "look-ahead", set()),
        (flawed.Impatient, "answers", set()),
        (flawed.Narrow, "answers", set()),
    ],
)
def test_a_flaw_is_found_by_the_check_of_its_name(build: Callable[[], Signal], check: str, others: set[str]) -> None:
    flawed.Memory.seen.clear()
    failed = _failed(_findings(build))
    assert check in failed
    assert failed - {check} <= others


def test_a_look_ahead_is_shown_with_symbol_session_and_both_values() -> None:
    found = _findings(flawed.tomorrow.build)["look-ahead"]
    panel = worlds(1, SEED, 1)[0].panel
    # cut at the first session, the first symbol's next close is not known yet
    gain = log(panel.close[1, 0] / panel.close[0, 0])
    assert (found.symbol, found.session, found.world) == ("S0000", "2020-01-01", "walks")
    assert found.values == {"from data up to 2020-01-01": 0.0, "from longer data": pytest.approx(gain, rel=1e-12)}
    assert found.words == (
        f"the value of S0000 2020-01-01 is 0.0 from data up to 2020-01-01, {found.values['from longer data']!r} from longer data"
    )


def test_a_bar_of_the_same_session_is_the_future_too() -> None:
    found = _findings(flawed.close_of_the_day.build)["look-ahead"]
    assert found.session == "2020-01-01 14:31 UTC"


def test_a_history_that_is_stated_wrongly_is_told_apart_from_a_warm_up_that_is_too_short() -> None:
    early, late = (_findings(each.build)["history"] for each in (flawed.too_early, flawed.too_late))
    # eighteen gains are known at the nineteenth close, nineteen at the twentieth
    assert early.words.startswith(
        "unstable warm-up: S0000, listed since 2020-01-01, has a value in session 19, 2020-01-27, and history says 20"
    )
    assert late.words == "stated wrongly: the first value comes in session 20 of a listing, and history says 19"
    assert _findings(flawed.Never)["history"].words == "no symbol ever has a value, 2 sessions after its listing or later"


def test_what_is_written_to_is_named_with_what_stood_there() -> None:
    found = _findings(flawed.filler.build)["inputs"]
    assert found.words.startswith("it writes to the panel: close of S0002 2020-01-01 was nan, and is 1.0 afterwards")
    assert "assignment destination is read-only" in found.words
    assert "volatility of S0000 2020-01-01 was nan" in _findings(flawed.VolatilityWriter)["inputs"].words


def test_a_signal_that_raises_or_answers_in_another_shape_is_asked_no_more() -> None:
    findings = _findings(flawed.Impatient)
    assert findings["answers"].words.startswith("on a panel of 1 sessions: signal gains in GRODT itself: IndexError: index -3")
    assert {each.verdict for name, each in findings.items() if name != "answers"} == {"skipped"}
    assert "the value is an array of float64 of shape (1, 9); it must be" in _findings(flawed.Narrow)["answers"].words


def test_the_same_seed_finds_the_same_and_another_one_looks_elsewhere() -> None:
    assert _findings(flawed.tomorrow.build) == _findings(flawed.tomorrow.build)
    assert _findings(flawed.tomorrow.build)["look-ahead"].values != _findings(flawed.tomorrow.build, SEED + 1)["look-ahead"].values


def test_symbols_that_are_compared_are_told_and_not_judged() -> None:
    assert _findings(flawed.RankOfMembers)["compares symbols"].words == "yes: more members change the values of the others"
    assert _findings(flawed.Gains)["compares symbols"].words == "no: a symbol's values are its own"


class TestRemarks:
    def test_how_fast_a_seed_fades(self) -> None:
        found = {each.check: each for each in remarks(flawed.above_average.build, SEED)}["first session"]
        first, second, third = found.values.values()
        # what the average began with keeps 15/17 of its weight from one bar to the next
        assert [first / second, second / third] == pytest.approx([(17 / 15) ** 34] * 2, rel=1e-6)
        assert list(found.values) == ["after 34", "after 68", "after 102"]
        assert found.words.startswith(f"a seed that fades: a later start moves a value by {first:.2g} after 34 sessions")
        momentum = {each.check: each for each in remarks(lambda: Momentum(lookback=12, skip=3), SEED)}["first session"]
        assert momentum.words == "where the history begins decides no value (but for rounding)"

    def test_a_split_that_moves_a_value(self) -> None:
        quoted = {each.check: each for each in remarks(flawed.as_quoted.build, SEED)}["splits"]
        assert quoted.words.startswith("LOOK: a split makes the value of S0000 2020-03-27")
        # one share becomes seven: the quoted price loses log 7
        assert quoted.values["with"] == pytest.approx(quoted.values["without"] - log(7), abs=1e-9)
        assert {each.check: each for each in remarks(flawed.sound.build, SEED)}["splits"].words == "a split changes no value"

    def test_the_average_forecast_on_random_walks_and_the_time_it_takes(self) -> None:
        found = {each.check: each for each in remarks(lambda: Momentum(lookback=12, skip=3, cap=20.0), SEED)}
        assert found["average forecast"].values["average"] == pytest.approx(1.0, abs=0.1)
        assert found["average forecast"].values["at the cap"] == 0.0
        assert "500 symbols × 2,520 sessions in " in found["speed"].words
        assert {each.verdict for each in found.values()} == {"note"}


class TestOnRealBars:
    def test_a_panel_of_real_bars_is_cut_and_asked_for_few_rows(self) -> None:
        panel = panel_of(random_closes(4, 150, 5, gaps=0.1))
        found = {each.check: each for each in examine_on(lambda: Momentum(lookback=12, skip=3), panel, SEED)}
        assert {each.verdict for each in found.values()} == {"pass"}
        assert set(found) == {
            f"{name}, real bars" for name in ("answers", "no bar, no value", "finite", "cap", "look-ahead", "rows asked for", "same twice")
        }

    def test_look_ahead_is_found_there_too(self) -> None:
        panel = panel_of(random_closes(4, 150, 5))
        found = {each.check: each for each in examine_on(flawed.tomorrow.build, panel, SEED)}["look-ahead, real bars"]
        assert (found.verdict, found.world) == ("fail", "real bars")


class TestBits:
    def test_one_nan_is_as_good_as_another_and_zeros_have_signs(self) -> None:
        left = np.array([[np.nan, 0.0, 1.0, np.nan, 1.0]])
        right = np.array([[-np.nan, -0.0, 1.0, 1.0, np.nextafter(1.0, 2.0)]])
        assert unequal(left, right).tolist() == [[False, True, False, True, True]]

    def test_columns_of_a_wider_array_are_compared_as_they_are(self) -> None:
        wide = np.arange(12.0).reshape(3, 4)
        assert not unequal(wide[:, [1, 3]], np.array([[1.0, 3.0], [5.0, 7.0], [9.0, 11.0]])).any()
