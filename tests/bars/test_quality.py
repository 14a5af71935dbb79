import asyncio
import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.jumps import PATIENCE, REFUSED, WINDOW, Tail
from grodt.bars.quality import Completeness, GateResult, Thresholds, gate
from grodt.bars.row_rules import JUMP, LEAPS, QUARANTINED, STALE
from grodt.bars.simulated import SimulatedSource
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from grodt.bars.staleness import MEMORY
from grodt.errors import ConfigError, DataError
from grodt.lake.tables import TABLES
from grodt.sessions import Calendar
from tests.bars.test_files import needs_us_daily, us_daily
from tests.examples import examples

XNYS = Calendar("XNYS")
DAYS = XNYS.between(date(2013, 6, 3), date(2014, 6, 30))
NO_ACTIONS = pl.DataFrame(schema=RAW_ACTIONS)


def bars_of(closes: dict[str, list[float]], days: tuple[date, ...] = DAYS) -> pl.DataFrame:
    """Flat bars at those closes from the first of the days on, each with a volume of its own; NaN is no bar."""
    rows = [
        (symbol, day, close, close, close, close, 1000.0 + at)
        for symbol, path in closes.items()
        for at, (day, close) in enumerate(zip(days, path, strict=False))
        if not math.isnan(close)
    ]
    return pl.DataFrame(rows, schema=RAW_BARS, orient="row")


def split_of(symbol: str, day: date, new: int, old: int) -> pl.DataFrame:
    return pl.DataFrame([(symbol, day, "split", None, new, old, None, None)], schema=RAW_ACTIONS, orient="row")


def judge(
    bars: pl.DataFrame,
    *,
    actions: pl.DataFrame = NO_ACTIONS,
    asked: list[str] | None = None,
    start: date = DAYS[0],
    end: date = DAYS[-1],
    previous: Tail | None = None,
    thresholds: Thresholds | None = None,
    listed: list[str] | None = None,
) -> GateResult:
    return gate(
        Fetched(bars, actions),
        calendar=XNYS,
        asked=asked or sorted(set(bars["symbol"].drop_nulls())),
        start=start,
        end=end,
        previous=previous or Tail.empty(),
        thresholds=thresholds or Thresholds(quarantined_share=1.0, same_price_share=1.0),
        listed=listed,
    )


def remember(tail: Tail, part: GateResult, actions: pl.DataFrame, end: date) -> Tail:
    """What the next gate is told, as `read_tail` reads it from the lake."""
    first = XNYS.latest(end, WINDOW)[0]
    refused_by_memory = part.quarantined.filter(pl.col("rule").is_in([STALE, *LEAPS])).select(REFUSED.names())
    return Tail(
        pl.concat([tail.bars, part.bars]).filter(pl.col("session") >= first),
        pl.concat([tail.refused, refused_by_memory]).filter(pl.col("session") >= first),
        pl.concat([tail.actions, actions]).filter(pl.col("ex_date") >= first),
    )


def refused(result: GateResult) -> list[tuple[str, date]]:
    return result.quarantined.select("symbol", "session").rows()


def test_good_bars_pass_sorted_and_untouched():
    bars = bars_of({"B": [5.0, 5.1], "A": [1.0, 1.1]})
    result = judge(bars)
    assert (result.outcome, result.reasons) == ("pass", ())
    assert result.bars.equals(bars.sort("symbol", "session"))
    assert result.quarantined.schema == QUARANTINED
    assert result.quarantined.is_empty()


def test_no_bars_at_all_pass_as_no_data():
    result = judge(bars_of({}), asked=["A"])
    assert (result.outcome, result.bars.height, result.last_session_fresh) == ("pass", 0, False)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("not asked for", {"symbol": "Z"}),
        ("not asked for", {"session": date(2012, 6, 1)}),
        ("not a session", {"session": date(2013, 7, 4)}),
        ("not a number", {"open": None}),
        ("not a number", {"volume": math.nan}),
        ("not a number", {"close": math.inf}),
        ("price not above zero", {"low": 0.0}),
        ("price not above zero", {"close": -1.0}),
        ("price too large", {"high": 1e9}),
        ("high too low", {"high": 9.0}),
        ("low too high", {"low": 10.5, "high": 11.0}),
        ("spike", {"high": 100.0}),
        ("spike", {"low": 1.0}),
        ("negative volume", {"volume": -1.0}),
        ("moved without volume", {"volume": 0.0, "high": 10.1}),
        ("moved without volume", {"volume": 0.0, "close": 9.9, "low": 9.9}),
    ],
)
def test_a_row_that_breaks_a_rule_is_quarantined_with_value_and_bound(rule, change):
    odd = {"symbol": "A", "session": DAYS[1], "open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 5.0} | change
    bars = pl.concat([bars_of({"A": [10.0], "B": [7.0]}), pl.DataFrame([odd], schema=RAW_BARS)])
    result = judge(bars, asked=["A", "B"])
    assert result.outcome == "quarantine"
    row = result.quarantined.row(0, named=True)
    finite = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in odd.items()}
    assert {name: row[name] for name in odd} == finite
    assert row["rule"] == rule
    assert row["value"]
    assert row["bound"]
    assert result.bars.height == 2
    assert f"1 row quarantined as '{rule}'" in result.reasons[0]


def test_rows_that_repeat_a_key_are_all_refused_and_kept_once():
    bars = pl.concat([bars_of({"A": [10.0, 10.1]}), bars_of({"A": [10.2]})])
    result = judge(bars)
    assert result.quarantined.select("symbol", "session", "rule", "value").rows() == [("A", DAYS[0], "duplicate key", "2 rows")]
    assert result.bars["session"].to_list() == [DAYS[1]]


def test_a_bar_without_volume_on_a_session_is_kept():
    bars = bars_of({"A": [10.0]}).with_columns(volume=pl.lit(0.0))
    assert judge(bars).bars["volume"].to_list() == [0.0]


def test_a_bad_print_is_refused_and_the_bar_after_it_is_not():
    result = judge(bars_of({"A": [10.0, 10.1, 121.2, 10.2, 10.1]}))
    assert refused(result) == [("A", DAYS[2])]
    row = result.quarantined.row(0, named=True)
    assert (row["rule"], row["value"], row["bound"]) == (JUMP, "a factor of 12 from the last good close", "within a factor of 1.492")


def test_an_open_that_leaps_alone_is_refused():
    bars = bars_of({"A": [10.0, 10.0, 10.0]})
    bars = bars.with_columns(
        open=pl.when(pl.col("session") == DAYS[1]).then(2.0).otherwise("open"),
        low=pl.when(pl.col("session") == DAYS[1]).then(2.0).otherwise("low"),
    )
    assert refused(judge(bars)) == [("A", DAYS[1])]


def test_a_leap_that_lasts_is_accepted_from_its_second_bar_on():
    assert refused(judge(bars_of({"A": [10.0, 10.0, 30.0, 31.0, 30.5, 30.0]}))) == [("A", DAYS[2])]


def test_a_leap_lasts_only_when_it_trades():
    bars = bars_of({"A": [10.0, 30.0, 30.0, 30.0]}).with_columns(volume=pl.when(pl.col("session") < DAYS[3]).then(0.0).otherwise(5.0))
    assert refused(judge(bars)) == [("A", DAYS[1]), ("A", DAYS[2])]


def test_no_symbol_is_quarantined_for_ever():
    wild = [10.0] + [100.0 * 3.0**step for step in range(PATIENCE)] + [1.0, 1.0]
    assert refused(judge(bars_of({"A": wild}))) == [("A", day) for day in DAYS[1 : PATIENCE + 1]]


def test_a_symbol_that_was_silent_for_a_window_is_taken_as_it_comes():
    silent = [10.0] + [math.nan] * WINDOW
    assert judge(bars_of({"A": [*silent, 100.0]})).outcome == "pass"
    assert refused(judge(bars_of({"A": [*silent[:-1], 100.0]}))) == [("A", DAYS[WINDOW])]


def test_a_split_explains_its_leap_and_a_dividend_its_drop():
    split = split_of("A", DAYS[1], 7, 1)
    dividend = pl.DataFrame([("A", DAYS[2], "dividend", None, None, None, 40, None)], schema=RAW_ACTIONS, orient="row")
    assert judge(bars_of({"A": [700.0, 101.0, 60.0]}), actions=pl.concat([split, dividend])).outcome == "pass"
    assert refused(judge(bars_of({"A": [700.0, 101.0, 60.0]}), actions=split)) == [("A", DAYS[2])]
    assert refused(judge(bars_of({"A": [700.0, 101.0, 100.0]}))) == [("A", DAYS[1])]


def test_a_split_on_a_day_without_session_explains_the_leap_of_the_next_one():
    days = (date(2014, 6, 6), date(2014, 6, 9))
    assert judge(bars_of({"A": [700.0, 101.0]}, days), actions=split_of("A", date(2014, 6, 8), 7, 1)).outcome == "pass"


def test_a_split_between_a_bad_print_and_the_next_bar_is_not_forgotten():
    bars = bars_of({"A": [700.0, 7.0, 101.0]})
    assert refused(judge(bars, actions=split_of("A", DAYS[2], 7, 1))) == [("A", DAYS[1])]


def test_a_wild_symbol_has_a_wider_bound_than_a_calm_one():
    swings = np.exp(np.cumsum(np.tile([0.1, -0.1], 20))).tolist()
    calm = np.exp(np.cumsum(np.tile([0.01, -0.01], 20))).tolist()
    leap = math.exp(0.6)
    result = judge(bars_of({"WILD": [*swings, leap], "CALM": [*calm, leap]}))
    assert refused(result) == [("CALM", DAYS[40])]


paths = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, -0.01, 0.03, -0.03, 0.5, -0.5, 1.5, -1.5, math.log(2), -math.log(100)]),
        st.sampled_from("bbbbbb0-r"),
        st.sampled_from("aaaaaaasd"),
    ),
    min_size=WINDOW + 30,
    max_size=WINDOW + 60,
)


@examples(15)
@given(path=paths, cuts=st.sets(st.integers(1, WINDOW + 29), max_size=4), repeats=st.integers(1, 3), flat_repeats=st.integers(1, MEMORY))
def test_a_gate_over_a_long_range_and_gates_night_by_night_agree(path, cuts, repeats, flat_repeats):
    level, rows, actions = 50.0, [], []
    for day, (step, bar, action) in zip(DAYS, path, strict=False):
        if action == "s":
            actions.append(("A", day, "split", None, 2, 1, None, None))
        if action == "d":
            actions.append(("A", day, "dividend", None, None, None, 1, None))
        level = min(max(level * math.exp(step), 1e-3), 1e6)
        if bar == "=" and rows:
            rows.append(("A", day, *rows[-1][2:]))
        elif bar != "-":
            high = level * (0.5 if bar == "r" else 1.0 if bar == "0" else 1.0 + len(rows) % 2 / 100)
            rows.append(("A", day, level, high, level, level, 0.0 if bar == "0" else 10.0 + len(rows)))
    bars = pl.DataFrame(rows, schema=RAW_BARS, orient="row")
    action_rows = pl.DataFrame(actions, schema=RAW_ACTIONS, orient="row")
    thresholds = Thresholds(quarantined_share=1.0, stale_repeats=repeats, stale_flat_repeats=flat_repeats)
    whole = judge(bars, actions=action_rows, asked=["A"], thresholds=thresholds)

    tail, parts = Tail.empty(), []
    edges = [0, *sorted(cuts), *range(WINDOW + 30, len(path) + 1)]
    for first, after in zip(edges, [*edges[1:], len(DAYS)], strict=True):
        start, end = DAYS[first], DAYS[after] - timedelta(days=1) if after < len(DAYS) else DAYS[-1]
        inside = pl.col("session").is_between(start, end)
        own = action_rows.filter(pl.col("ex_date").is_between(start, end))
        part = judge(bars.filter(inside), actions=own, asked=["A"], start=start, end=end, previous=tail, thresholds=thresholds)
        parts.append(part)
        tail = remember(tail, part, own, end)
    assert pl.concat([part.bars for part in parts]).equals(whole.bars)
    assert pl.concat([part.quarantined for part in parts]).equals(whole.quarantined)


def walks(seed: int, symbols: int, sessions: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars that random walks trade, with gaps, sessions without a trade, and recorded splits: nothing is wrong with them."""
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (symbols, sessions)), axis=1))
    splits = rng.random((symbols, sessions)) < 0.01
    close = np.round(close / np.cumprod(np.where(splits, rng.choice([2.0, 3.0, 7.0, 0.1], (symbols, sessions)), 1.0), axis=1), 4)
    ratios = np.round(np.where(splits, close[:, [0, *range(sessions - 1)]] / close, 1.0), 4)
    opened = np.round(close * np.exp(rng.normal(0, 0.005, close.shape)), 4)
    high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
    silent = rng.random(close.shape) < 0.02
    for prices in (opened, high, low):
        prices[silent] = close[silent]
    volume = np.where(silent, 0.0, rng.integers(100, 10_000_000, close.shape))
    kept = rng.random(close.shape) < 0.98
    names = np.array([f"S{number:03d}" for number in range(symbols)])
    at = np.nonzero(kept)
    columns = {"symbol": names[at[0]], "session": np.array(DAYS, "datetime64[D]")[at[1]]}
    columns |= {name: values[at] for name, values in zip(RAW_BARS.names()[2:], (opened, high, low, close, volume), strict=True)}
    rows = [
        (names[s], DAYS[d], "split", None, round(10_000 * ratios[s, d]), 10_000, None, None)
        for s, d in zip(*np.nonzero(splits), strict=True)
    ]
    return pl.DataFrame(columns, schema=RAW_BARS), pl.DataFrame(rows, schema=RAW_ACTIONS, orient="row").filter(pl.col("ratio_new") > 0)


@examples(25)
@given(seed=st.integers(0, 2**32 - 1), symbols=st.integers(1, 30), sessions=st.integers(2, 150))
def test_bars_with_nothing_wrong_pass_every_rule(seed, symbols, sessions):
    bars, actions = walks(seed, symbols, sessions)
    result = judge(bars, actions=actions, asked=[f"S{number:03d}" for number in range(symbols)], thresholds=Thresholds())
    assert (result.outcome, result.reasons) == ("pass", ())
    assert result.bars.equals(bars)


odd_numbers = st.sampled_from([None, math.nan, math.inf, -math.inf, -1.0, 0.0, 5e-324, 9.0, 10.0, 10.0, 10.0, 10.5, 11.0, 1e8, 1e9, 1e300])


@examples(200)
@given(rows=st.lists(st.tuples(*[odd_numbers] * 5), min_size=1, max_size=12))
def test_what_the_gate_lets_through_is_what_the_table_s_schema_takes(rows):
    # a rule of a schema that evaluates to null counts as kept there: none may
    bars = pl.DataFrame([(f"S{at:02d}", DAYS[0], *row) for at, row in enumerate(rows)], schema=RAW_BARS, orient="row")
    good = judge(bars).bars
    mark = {"source": pl.lit("x"), "known_at": pl.lit(datetime(2026, 1, 2, tzinfo=UTC)).cast(pl.Datetime("us", "UTC"))}
    table = TABLES["bars_1d"]
    columns = list(table.columns())
    assert table.is_valid(good.with_columns(**mark).select(columns))
    taken, _ = table.filter(bars.with_columns(**mark).select(columns))
    stricter = {"price too large", "spike", "moved without volume"}
    refused_here = judge(bars).quarantined.filter(pl.col("rule").is_in(stricter))["symbol"]
    assert set(good["symbol"]) | set(refused_here) >= set(taken["symbol"])


def test_an_incomplete_last_session_halts_with_numbers():
    symbols = [f"S{number}" for number in range(10)]
    bars = bars_of({symbol: [10.0 + number, 10.0 + number] for number, symbol in enumerate(symbols)})
    enough = bars.filter(~((pl.col("symbol") == "S0") & (pl.col("session") == DAYS[1])))
    result = judge(enough, end=DAYS[1], listed=symbols)
    assert (result.outcome, result.expected, result.present, result.last_session_fresh) == ("pass", 10, 9, True)
    result = judge(enough.filter(~((pl.col("symbol") == "S1") & (pl.col("session") == DAYS[1]))), end=DAYS[1], listed=symbols)
    assert result.outcome == "halt"
    assert result.reasons == ("session 2013-06-04 has good bars for 8 of 10 listed symbols (80.0%), below the completeness of 90.0%",)


def test_an_absent_last_session_halts():
    result = judge(bars_of({"A": [10.0]}), end=DAYS[1], listed=["A"])
    assert (result.outcome, result.last_session_fresh) == ("halt", False)
    assert result.reasons == ("session 2013-06-04 has no good bar for any of 1 listed symbols",)


def test_bars_that_stop_before_the_session_are_not_fresh_however_many_there_are():
    symbols = [f"S{number}" for number in range(10)]
    bars = bars_of({symbol: [10.0 + number] * 200 for number, symbol in enumerate(symbols)})
    result = judge(bars, end=DAYS[200], listed=symbols)
    assert (result.outcome, result.present, result.last_session_fresh) == ("halt", 0, False)
    assert result.reasons == (f"session {DAYS[200]} has no good bar for any of 10 listed symbols",)
    one_came = pl.concat([bars, bars_of({"S0": [10.0]}, DAYS[200:])])
    result = judge(one_came, end=DAYS[200], listed=symbols)
    assert (result.outcome, result.present, result.last_session_fresh) == ("halt", 1, True)
    assert f"session {DAYS[200]} has good bars for 1 of 10 listed symbols (10.0%)" in result.reasons[0]


def test_nothing_listed_is_complete():
    assert Completeness(DAYS[0], 0, 0).reasons(Thresholds()) == ()
    assert [Completeness(DAYS[0], 2, present).last_session_fresh for present in (0, 1)] == [False, True]


def test_a_quarantined_bar_does_not_count_as_present():
    result = judge(bars_of({"A": [10.0, 100.0]}), end=DAYS[1], listed=["A"])
    assert (result.outcome, result.present) == ("halt", 0)


def test_one_price_across_many_symbols_halts():
    closes = {f"S{number:02d}": [10.0 + number, 123.47 if number < 5 else 10.0 + number] for number in range(20)}
    result = judge(bars_of(closes), thresholds=Thresholds())
    assert result.outcome == "halt"
    assert "session 2013-06-04 has the one close 123.47 for 5 symbols (25.0% of its bars), above the share of 20.0%" in result.reasons[0]
    few = {symbol: path for symbol, path in closes.items() if symbol < "S04"}
    assert judge(bars_of(few), thresholds=Thresholds(quarantined_share=1.0)).outcome == "quarantine"


def test_too_many_quarantined_rows_halt():
    closes = {f"S{number}": [10.0 + number] * 9 + [1.0] for number in range(3)}
    result = judge(bars_of(closes), thresholds=Thresholds(quarantined_share=0.09))
    assert result.outcome == "halt"
    assert result.reasons[0] == "3 of 30 rows (10.0%), of 3 symbols, break a rule, above the share of 9.0%"
    assert judge(bars_of(closes), thresholds=Thresholds(quarantined_share=0.1)).outcome == "quarantine"
    del closes["S0"]
    assert judge(bars_of(closes), thresholds=Thresholds(quarantined_share=0.01)).outcome == "quarantine"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("completeness", 0.0),
        ("completeness", 1.1),
        ("jump_sigmas", math.nan),
        ("jump_floor", math.inf),
        ("jump_floor", -1.0),
        ("same_price_share", True),
        ("quarantined_share", "0.1"),
        ("no_volume_share", 0),
        ("same_bar_share", 1.5),
        ("same_leap_share", -0.1),
    ],
)
def test_a_threshold_that_is_no_finite_number_above_zero_is_refused(field, value):
    with pytest.raises(ConfigError, match=f"quality threshold {field} is .*must be a finite number above 0"):
        Thresholds(**{field: value})


@pytest.mark.parametrize("field", ["stale_repeats", "stale_flat_repeats"])
@pytest.mark.parametrize("value", [0, MEMORY + 1, 1.0, True, "2"])
def test_repeats_are_counted_in_whole_numbers_that_the_memory_holds(field, value):
    with pytest.raises(ConfigError, match=f"quality threshold {field} is {value!r}; it must be a whole number from 1 to {MEMORY}"):
        Thresholds(**{field: value})


@pytest.mark.parametrize(
    ("fetched", "words"),
    [
        (Fetched(bars_of({"A": [1.0]}).drop("volume"), NO_ACTIONS), "the source's bars have columns"),
        (Fetched(bars_of({"A": [1.0]}).with_columns(symbol=pl.lit(None, pl.String)), NO_ACTIONS), "1 bars have no symbol or no date"),
        (Fetched(bars_of({}), NO_ACTIONS.drop("kind")), "the source's corporate actions have columns"),
        (Fetched(bars_of({}), split_of("B", DAYS[0], 2, 1)), "1 corporate actions were not asked for"),
        (Fetched(bars_of({}), split_of("A", date(2000, 1, 3), 2, 1)), "1 corporate actions were not asked for"),
    ],
)
def test_an_answer_to_another_question_is_a_data_error(fetched, words):
    with pytest.raises(DataError, match=words):
        judge(fetched.bars, actions=fetched.actions, asked=["A"])


@needs_us_daily
def test_of_eleven_real_years_only_the_bars_on_days_without_session_are_refused():
    source = us_daily()
    symbols = [instrument.symbol for instrument in source.instruments(date(2010, 1, 4))]
    start, end = date(2004, 1, 1), date(2014, 12, 31)
    fetched = asyncio.run(source.fetch(symbols, start, end))
    result = gate(
        fetched,
        calendar=XNYS,
        asked=symbols,
        start=start,
        end=end,
        previous=Tail.empty(),
        thresholds=Thresholds(),
        listed=[instrument.symbol for instrument in source.instruments(end)],
    )
    assert (result.outcome, result.expected, result.present) == ("quarantine", 8, 8)
    assert result.quarantined.height == 20
    assert set(result.quarantined["symbol"]) == {"DELL"}
    assert set(result.quarantined["rule"]) == {"not a session"}
    assert set(result.quarantined["volume"]) == {0.0}
    assert result.bars.height == 24_646 - 20
    assert "and 17 more" in result.reasons[0]


@needs_us_daily
def test_without_its_splits_the_real_data_shows_one_refused_bar_for_each():
    bars = asyncio.run(us_daily().fetch(["AAPL", "CERN"], date(2004, 1, 1), date(2014, 12, 31))).bars
    result = judge(bars, start=date(2004, 1, 1), end=date(2014, 12, 31))
    assert refused(result) == [
        ("AAPL", date(2005, 2, 28)),
        ("AAPL", date(2014, 6, 9)),
        ("CERN", date(2006, 1, 10)),
        ("CERN", date(2011, 6, 27)),
        ("CERN", date(2013, 7, 1)),
    ]


def test_the_simulated_exchange_s_bad_prints_are_refused_and_nothing_else_is():
    source = SimulatedSource("demo", 7, XNYS, 60, date(2012, 1, 3))
    start, end = date(2013, 1, 1), date(2014, 12, 31)
    symbols = [instrument.symbol for instrument in source.instruments(start)]
    result = gate(
        asyncio.run(source.fetch(symbols, start, end)),
        calendar=XNYS,
        asked=symbols,
        start=start,
        end=end,
        previous=Tail.empty(),
        thresholds=Thresholds(),
    )
    bad = source.truth(symbols, start, end).bad_prints.select("symbol", "session").rows()
    assert len(bad) > 3
    assert sorted(refused(result)) == sorted(bad)
