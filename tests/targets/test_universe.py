"""Universe rules: known answers by hand, no look-ahead, and a real company that stops trading."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.execution.decision import last_known
from grodt.signals.panel import FloatArray, Panel, build_panel, field_array
from grodt.targets.measures import Measures, measure
from grodt.targets.universe import NO_CANDIDATE, Eligibility, UniverseRules, judge
from tests.examples import examples
from tests.signals.worlds import SHARED, actions, closes, long_bars, same, tickers, weekdays

NAN = float("nan")
DAYS = weekdays(5)
SYMBOLS = ("CHEAP", "GAPS", "LATE", "NEVER", "SOLID")
#: Close and volume by hand: five sessions of each symbol.
CLOSE = np.array(
    [
        [4.0, 20.0, NAN, NAN, 50.0],
        [4.0, NAN, NAN, NAN, 50.0],
        [4.0, 20.0, NAN, NAN, 50.0],
        [4.0, NAN, 90.0, NAN, 50.0],
        [4.5, NAN, 91.0, NAN, 51.0],
    ]
)
VOLUME = np.where(np.isnan(CLOSE), NAN, [1000.0, 100.0, 10.0, 1.0, 40.0])
EVERY = np.ones(5, dtype=np.bool_)


def _panel(close: FloatArray = CLOSE, symbols: tuple[str, ...] = SYMBOLS) -> Panel:
    sessions = weekdays(len(close))
    return build_panel(long_bars(close, sessions, symbols), actions(), sessions, symbols)


def _judge(**rules: Any) -> Eligibility:
    return judge(UniverseRules(**rules), _panel(), EVERY, CLOSE * VOLUME)


def _why(found: Eligibility) -> dict[str, str]:
    return dict(zip(found.symbols, found.reason, strict=True))


def _left(**rules: Any) -> list[str]:
    found = _judge(**rules)
    assert found.eligible.tolist() == [not reason for reason in found.reason]
    return [symbol for symbol, reason in _why(found).items() if not reason]


def test_what_is_measured_of_each_symbol() -> None:
    found = _judge(dollar_volume=1, window=5)
    assert same(found.price, np.array([4.5, 20.0, 91.0, NAN, 51.0]))
    assert found.age.tolist() == [5, 2, 2, 0, 5]
    # CHEAP trades 4,000 · 4, 4,500; GAPS 2,000, 0, 2,000, 0, 0; LATE 900 and 910 since it is listed; SOLID 2,000 · 4, 2,040.
    assert same(found.dollar_volume, np.array([4000.0, 0.0, 905.0, NAN, 2000.0]))
    assert same(_judge(dollar_volume=1, window=2).dollar_volume, np.array([4250.0, 0.0, 905.0, NAN, 2020.0]))


def test_each_rule_leaves_out_what_does_not_fulfil_it_and_says_why() -> None:
    assert _left(listing=True) == ["CHEAP", "LATE", "SOLID"]
    assert _left(price=20) == ["GAPS", "LATE", "SOLID"]
    assert _left(age=3) == ["CHEAP", "SOLID"]
    assert _left(dollar_volume=905, window=5) == ["CHEAP", "LATE", "SOLID"]
    assert _why(_judge(listing=True))["GAPS"] == "listing: it has no bar in the session"
    assert _why(_judge(price=20))["CHEAP"] == "price: 4.5 is below 20"
    assert _why(_judge(price=20))["NEVER"] == "price: it was never traded"
    assert _why(_judge(age=3))["LATE"] == "age: 2 sessions, fewer than 3"
    assert _why(_judge(dollar_volume=2000, window=5))["LATE"] == "dollar_volume: 905 is below 2,000"
    assert _why(_judge(dollar_volume=2000, window=5))["NEVER"] == "dollar_volume: it was never traded"


def test_the_largest_are_chosen_among_those_that_fulfil_the_other_rules() -> None:
    assert _left(largest=1, window=5) == ["CHEAP"]
    assert _left(largest=2, price=20, window=5) == ["LATE", "SOLID"]
    assert _left(largest=9, window=5) == ["CHEAP", "GAPS", "LATE", "SOLID"]
    found = _why(_judge(largest=1, price=20, window=5))
    assert found["LATE"] == "largest: not among the 1 with the highest dollar volume"
    assert found["CHEAP"].startswith("price:"), "the first rule that fails is the reason"
    equal = judge(UniverseRules(largest=1), _panel(), EVERY, np.ones((5, 5)))
    assert equal.eligible.tolist() == [True, False, False, False, False], "of equal ones the first by symbol"


def test_what_is_no_candidate_is_left_out_and_takes_no_place_among_the_largest() -> None:
    candidate = np.array([False, True, True, True, True])
    found = judge(UniverseRules(largest=1, window=5), _panel(), candidate, CLOSE * VOLUME)
    assert _why(found)["CHEAP"] == NO_CANDIDATE
    assert found.eligible.tolist() == [False, False, False, False, True]
    assert candidate.tolist() == [False, True, True, True, True]


def test_a_company_that_takes_up_the_symbol_of_one_that_is_gone_is_as_old_as_its_own_bars() -> None:
    close = np.array([[10.0], [10.0], [10.0], [30.0], [31.0]])
    sessions = weekdays(5)
    gone = actions(("A", sessions[3], "delisting", None, None, "1"))
    panel = build_panel(long_bars(close, sessions, ("A",)), gone, sessions, ("A",))
    found = judge(UniverseRules(age=3, dollar_volume=1, window=4), panel, EVERY[:1], close[1:] * 2)
    assert (found.age.tolist(), found.dollar_volume.tolist()) == ([2], [61.0])


def test_a_window_that_begins_before_the_history_counts_what_there_is() -> None:
    whole = np.vstack([np.full((3, 5), NAN), CLOSE * VOLUME])
    assert same(judge(UniverseRules(largest=1), _panel(), EVERY, whole).dollar_volume, _judge(largest=1, window=5).dollar_volume)


@given(close=closes(60), data=st.data())
@examples(60)
def test_a_session_has_the_same_answer_from_longer_data(close: FloatArray, data: st.DataObject) -> None:
    symbols, sessions = tickers(close.shape[1]), weekdays(len(close))
    window, largest = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 5))
    price, age = data.draw(st.floats(0.01, 60)), data.draw(st.integers(1, 30))
    rules = UniverseRules(listing=data.draw(st.booleans()), price=price, age=age, dollar_volume=2000, window=window, largest=largest)
    volume = np.abs(np.sin(np.arange(close.size).reshape(close.shape))) * 200
    known = actions(*((symbol, sessions[len(close) // 2], "delisting", None, None, "1") for symbol in symbols[:1]))
    count = data.draw(st.integers(1, len(close)))
    candidate = np.ones(len(symbols), dtype=np.bool_)
    bars = long_bars(close, sessions, symbols)
    long = build_panel(bars, known, sessions, symbols).until(count)
    short = build_panel(bars.filter(pl.col("session") <= sessions[count - 1]), known, sessions[:count], symbols)
    turnover = (close * volume)[:count]
    one = judge(rules, long, candidate, turnover)
    other = judge(rules, short, candidate, turnover[-window:])
    assert same(one.eligible, other.eligible)
    assert one.reason == other.reason
    for name in ("price", "age", "dollar_volume"):
        assert same(getattr(one, name), getattr(other, name))


def test_dell_drops_out_when_it_stops_trading_and_not_before() -> None:
    """29 October 2013 was its last session; nothing says that it was taken off the list."""
    folder = SHARED / "us-daily-2004-2014"
    if not folder.exists():
        pytest.skip(f"real bars are not at {folder}")
    raw = pl.read_parquet(folder / "bars_daily.parquet").rename({"date": "session"})
    symbols = tuple(sorted(raw["symbol"].unique()))
    sessions = tuple(raw.filter(pl.col("symbol") == "MSFT")["session"].sort())
    panel = build_panel(raw, actions(), sessions, symbols)
    turnover = panel.close * field_array(raw, "volume", sessions, symbols, zero=True)
    dell, last = symbols.index("DELL"), sessions.index(date(2013, 10, 29))
    rules = UniverseRules(listing=True, price=5, age=250, dollar_volume=1e6, window=21)
    late = UniverseRules(dollar_volume=1e6, window=21)
    candidate = np.ones(len(symbols), dtype=np.bool_)
    for row in (260, 1500, last - 1, last, last + 1, len(sessions) - 1):
        found = judge(rules, panel.until(row + 1), candidate, turnover[: row + 1])
        assert found.eligible[dell] == (row <= last)
        assert found.reason[dell] == ("" if row <= last else "listing: it has no bar in the session")
        assert found.eligible[symbols.index("MSFT")]
    assert not judge(rules, panel.until(200), candidate, turnover[:200]).eligible.any(), "nothing is 250 sessions old"
    by_volume = [judge(late, panel.until(last + 1 + n), candidate, turnover[: last + 1 + n]).eligible[dell] for n in range(14)]
    assert by_volume == [True] * 11 + [False] * 3, "the median is zero once eleven of 21 sessions have no bar"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, "universe rules: none is given; give one of listing, price, age, dollar_volume, largest, or leave `rules` out"),
        ({"window": 5}, "none is given"),
        ({"price": 0}, "price is 0; it must be a finite number > 0"),
        ({"dollar_volume": NAN}, "dollar_volume is nan"),
        ({"age": 0}, "age is 0; it must be a whole number from 1"),
        ({"largest": 1.5}, "largest is 1.5; it must be a whole number"),
        ({"age": 5, "window": 0}, "window is 0"),
        ({"listing": 1}, "listing is 1; it must be true or false"),
    ],
)
def test_a_rule_out_of_its_bounds_is_refused(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        UniverseRules(**rules)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="these rules need turnover"):
        judge(UniverseRules(largest=3), _panel(), EVERY, None)
    for candidate, turnover in ((EVERY[:2], None), (EVERY, np.ones((3, 2)))):
        with pytest.raises(ValueError, match="must be of the panel's 5 symbols"):
            judge(UniverseRules(age=3), _panel(), candidate, turnover)
    assert not UniverseRules(age=3, price=1, listing=True).needs_turnover
    assert replace(UniverseRules(age=3), largest=2).needs_turnover
    empty = judge(UniverseRules(listing=True, largest=2), _panel(np.empty((0, 5))), EVERY, np.empty((0, 5)))
    assert not empty.eligible.any()


def test_a_price_is_that_of_shares_of_the_session() -> None:
    """GAPS has its last bar on the third day, and splits on the second, the fourth and the fifth."""
    rows = [("GAPS", DAYS[each], "split", new, old, None) for each, new, old in ((1, 7, 1), (3, 2, 1), (4, 1, 5))]
    panel = build_panel(long_bars(CLOSE, DAYS, SYMBOLS), actions(*rows), DAYS, SYMBOLS)
    going, found = Measures(5, 1, turnover=False), []
    for row in range(5):
        going.step(panel.close[row], panel.log_return[row], None, panel.split_closes(row))
        found.append(going.measured().price[1])
        assert same(measure(panel.until(row + 1), None).price, going.measured().price)
    assert found == [20.0, pytest.approx(20 / 7, abs=1e-6), 20.0, 10.0, 50.0]
    price, micros, age = last_known(panel, 5)
    assert (price[1], micros[1], age[1]) == (50.0, 50_000_000, 2)


@examples(60)
@given(close=closes(longest=40), window=st.integers(1, 6))
def test_measures_brought_forward_session_by_session_are_those_of_the_whole_history(close: FloatArray, window: int) -> None:
    panel = _panel(close, tickers(close.shape[1]))
    turnover = close * np.where(np.isnan(close), NAN, 1.0 + np.arange(close.shape[1]))
    going = Measures(close.shape[1], window, turnover=True)
    for row in range(len(close)):
        going.step(panel.close[row], panel.log_return[row], turnover[row], panel.split_closes(row))
        now = panel.until(row + 1)
        expected, found = measure(now, turnover[max(0, row + 1 - window) : row + 1]), going.measured()
        for name in ("barred", "price", "age", "dollar_volume"):
            assert same(getattr(found, name), getattr(expected, name)), name
