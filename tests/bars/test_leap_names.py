"""What a leap looks like: an unrecorded split, a change of unit, or just a leap."""

import asyncio
import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.leap_names import SPLITS, name_leap
from grodt.bars.row_rules import JUMP, SCALE, SPLIT
from tests.bars.test_files import needs_us_daily, us_daily
from tests.bars.test_quality import DAYS, bars_of, judge, split_of

BOUND = 0.4
RATIOS = [*SPLITS, *((old, new) for new, old in SPLITS)]


@pytest.mark.parametrize(("new", "old"), RATIOS)
def test_an_unrecorded_split_is_named_with_its_ratio_and_a_recorded_one_explains_the_leap(new, old):
    after = 600.0 * old / new
    move = 0.99 if new > old else 1.01  # a 3:2 split alone is hardly more than the floor
    bars = bars_of({"A": [600.0, after * move, after]})
    assert judge(bars, actions=split_of("A", DAYS[1], new, old)).outcome == "pass"
    row = judge(bars).quarantined.row(0, named=True)
    assert (row["session"], row["rule"]) == (DAYS[1], SPLIT)
    assert row["value"].endswith(f"the last good close, as after a split {new}:{old}")
    factor = move * old / new
    assert row["value"].startswith(f"opens at {factor:.4g} times " if factor > 1 else f"opens at 1/{1 / factor:.4g} of ")
    assert row["bound"] == "within a factor of 1.492, or that split among the corporate actions"


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (100, "100 times smaller"),
        (0.01, "100 times larger"),
        (1000, "1000 times smaller"),
        (1e-6, "1e+06 times larger"),
        (120, "100 times smaller"),
    ],
)
def test_a_change_of_unit_is_named_as_one(factor, words):
    result = judge(bars_of({"A": [10.0, 10.0 * factor, 10.1]}))
    row = result.quarantined.row(0, named=True)
    assert (result.quarantined.height, row["rule"]) == (1, SCALE)
    assert row["value"].endswith(f" the last good close, as in a unit {words}")
    assert row["bound"] == "within a factor of 1.492, every price in one unit"
    assert f"quarantined as '{SCALE}'" in result.reasons[0]


@pytest.mark.parametrize("factor", [12.0, 1 / 12, 1.75, 1 / 8.3, 65.0, 300.0, 1 / 5000])
def test_another_factor_is_a_leap_and_no_more(factor):
    row = judge(bars_of({"A": [10.0, 10.0 * factor, 10.1]})).quarantined.row(0, named=True)
    assert (row["rule"], row["value"]) == (JUMP, f"a factor of {max(factor, 1 / factor):.4g} from the last good close")


@given(ratio=st.sampled_from(RATIOS), over_night=st.floats(-0.049, 0.049), in_session=st.floats(-0.3, 0.3))
def test_a_split_is_known_by_the_open_whatever_the_session_brings(ratio, over_night, in_session):
    new, old = ratio
    opened = over_night - math.log(new / old)
    name = name_leap(opened, opened + in_session, BOUND)
    assert name.rule == SPLIT
    assert f"split {new}:{old}" in name.value


@given(sign=st.sampled_from([1, -1]), over_night=st.floats(-0.29, 0.29), in_session=st.floats(-0.1, 0.1))
def test_a_unit_is_known_whatever_the_night_brings(sign, over_night, in_session):
    opened = sign * math.log(100) + over_night
    assert name_leap(opened, opened + in_session, BOUND).rule == SCALE


@given(opened=st.floats(-8, 8), closed=st.floats(-8, 8), bound=st.floats(0.4, 2))
def test_a_name_of_a_factor_takes_the_leap_away(opened, closed, bound):
    name = name_leap(opened, closed, bound)
    factors = [math.log(old / new) for new, old in RATIOS] + [power * math.log(10) for power in (-3, -2, 2, 3)]
    explained = any(abs(closed - factor) <= bound and abs(opened - factor) <= 0.3 for factor in factors)
    assert name.rule in ((JUMP, SPLIT, SCALE) if explained else (JUMP,))


def test_a_crash_after_a_quiet_open_is_no_split():
    assert name_leap(math.log(0.9), math.log(0.5), BOUND).rule == JUMP
    assert name_leap(math.log(0.5), math.log(0.9), BOUND).rule == JUMP


@needs_us_daily
def test_each_real_split_that_the_file_of_splits_would_have_told_is_named():
    bars = asyncio.run(us_daily().fetch(["AAPL", "CERN"], date(2004, 1, 1), date(2014, 12, 31))).bars
    result = judge(bars, start=date(2004, 1, 1), end=date(2014, 12, 31))
    assert [(symbol, day, rule, value.rpartition(" ")[2]) for symbol, day, rule, value, *_ in result.quarantined.rows()] == [
        ("AAPL", date(2005, 2, 28), SPLIT, "2:1"),
        ("AAPL", date(2014, 6, 9), SPLIT, "7:1"),
        ("CERN", date(2006, 1, 10), SPLIT, "2:1"),
        ("CERN", date(2011, 6, 27), SPLIT, "2:1"),
        ("CERN", date(2013, 7, 1), SPLIT, "2:1"),
    ]
    assert "opens at 1/6.96" in result.quarantined["value"][1]
