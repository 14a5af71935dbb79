import asyncio
import hashlib
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from grodt.bars.simulated import SimulatedSource
from grodt.bars.simulated_bars import BAD_PRINT_KINDS
from grodt.bars.simulated_draws import draw
from grodt.bars.simulated_paths import SECTORS
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, BarSource, Fetched
from grodt.errors import ConfigError
from grodt.sessions import Calendar
from tests.examples import examples

XNYS = Calendar("XNYS")
OPENED = date(2012, 1, 3)
END = date(2021, 12, 31)
GOLDEN = "5a794ddc3f56bc2136403012ef5d0ce0a1c02ce84013a20d3c6002f478aa84ea"


def exchange(*, seed: int = 7, symbols: int = 50, opened: date = OPENED, calendar: Calendar = XNYS) -> SimulatedSource:
    return SimulatedSource("demo", seed, calendar, symbols, opened)


def fetch(source: SimulatedSource, symbols: list[str], start: date, end: date) -> Fetched:
    return asyncio.run(source.fetch(symbols, start, end))


def sim(*numbers: int) -> list[str]:
    return [f"SIM{number:04d}" for number in numbers]


def digest(fetched: Fetched) -> str:
    """SHA-256 of the answer in cents and whole shares, so that it does not rest on the last bit of a float."""
    bars, actions = fetched.bars, fetched.actions
    prices = bars.select("open", "high", "low", "close").to_numpy() * 10_000
    parts = (
        bars["symbol"].str.join("").item(),
        str(bars["session"].cast(pl.Int32).to_list()),
        str(np.nan_to_num(np.rint(prices), nan=-1).astype(np.int64).ravel().tolist()),
        str(bars["volume"].cast(pl.Int64).to_list()),
        str(actions.drop("new_symbol").rows()),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


SMALL_ASK = (sim(1, 2, 3, 4, 5, 70, 9999), date(2012, 11, 1), date(2014, 2, 14))


@pytest.fixture(scope="module")
def ten_years() -> tuple[SimulatedSource, Fetched]:
    """Ten years of 200 symbols, delisted ones included, as published."""
    source = exchange()
    return source, fetch(source, sim(*range(1, 201)), OPENED, END)


@pytest.fixture(scope="module")
def clean(ten_years: tuple[SimulatedSource, Fetched]) -> pl.DataFrame:
    """The true bars of the same, with the last close, the split ratio of the session, and log returns free of splits."""
    source, fetched = ten_years
    splits = fetched.actions.filter(kind="split").select("symbol", session="ex_date", ratio=pl.col("ratio_new") / pl.col("ratio_old"))
    bars = source.truth(sim(*range(1, 201)), OPENED, END).bars
    return (
        bars.join(splits, on=["symbol", "session"], how="left", maintain_order="left")
        .with_columns(pl.col("ratio").fill_null(1.0), previous=pl.col("close").shift(1).over("symbol"))
        .with_columns(
            gap=(pl.col("open") * pl.col("ratio") / pl.col("previous")).log(),
            move=(pl.col("close") * pl.col("ratio") / pl.col("previous")).log(),
        )
    )


# --- reproducible -----------------------------------------------------------------------------------------------------------------


def test_it_is_a_bar_source_with_the_columns_of_one():
    source: BarSource = exchange()
    fetched = asyncio.run(source.fetch(sim(1), OPENED, OPENED))
    assert source.name == "demo"
    assert fetched.bars.schema == RAW_BARS
    assert fetched.actions.schema == RAW_ACTIONS


def test_a_small_ask_gives_the_answer_it_has_always_given():
    assert digest(fetch(exchange(), *SMALL_ASK)) == GOLDEN


def test_a_fresh_process_gives_the_same_answer():
    script = "from tests.bars.test_simulated import *; print(digest(fetch(exchange(symbols=9), *SMALL_ASK)))"
    root = Path(__file__).resolve().parents[2]
    printed = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True, timeout=300).stdout
    assert printed.strip() == digest(fetch(exchange(), *SMALL_ASK))


NUMBERS = st.one_of(st.integers(1, 200), st.sampled_from([200, 1, 64, 65, 128]))
DAYS = st.dates(OPENED, date(2015, 12, 31))


@examples(25)
@given(
    asks=st.lists(st.tuples(st.lists(NUMBERS, min_size=1, max_size=5), DAYS, DAYS), min_size=1, max_size=4),
    symbols=st.integers(1, 5_000),
)
def test_any_order_of_asking_and_any_subset_give_the_same_rows(
    ten_years: tuple[SimulatedSource, Fetched], asks: list[tuple[list[int], date, date]], symbols: int
):
    source = exchange(symbols=symbols)
    for numbers, one, other in asks:
        start, end = min(one, other), max(one, other)
        answer = fetch(source, sim(*numbers), start, end)
        everything = ten_years[1]
        asked = pl.col("symbol").is_in(sim(*numbers))
        assert_frame_equal(answer.bars, everything.bars.filter(asked, pl.col("session").is_between(start, end)), check_exact=True)
        assert_frame_equal(answer.actions, everything.actions.filter(asked, pl.col("ex_date").is_between(start, end)), check_exact=True)


def test_a_session_stays_as_it_was_while_the_calendar_grows(monkeypatch: pytest.MonkeyPatch):
    """What the calendar knows ends a year from today, so it grows each day."""
    opened, end, first = date(2021, 1, 4), date(2024, 2, 29), XNYS.bounds()[0]
    asked = (sim(*range(1, 200)), date(2021, 6, 1), end)
    now = exchange(opened=opened)
    later, listed = fetch(now, *asked), now.instruments(end)
    of_minutes = (sim(1, 70, 130), date(2024, 2, 27), end)
    minutes = asyncio.run(now.fetch_minutes(*of_minutes))
    assert later.actions["kind"].n_unique() == 3

    for last in (*XNYS.between(end, date(2024, 4, 4))[::6], date(2024, 7, 3), date(2024, 12, 31), date(2025, 1, 2)):
        monkeypatch.setattr(Calendar, "bounds", lambda _, last=last: (first, last))
        before = exchange(opened=opened)
        then = fetch(before, *asked)
        assert_frame_equal(then.bars, later.bars, check_exact=True)
        # nobody knows yet which session is the twentieth
        known = pl.col("pay_date").is_null() | (pl.col("pay_date") <= last)
        assert_frame_equal(then.actions.drop("pay_date"), later.actions.drop("pay_date"), check_exact=True)
        assert_frame_equal(then.actions.filter(later.actions.select(known).to_series()), later.actions.filter(known))
        assert before.instruments(end) == listed
        assert_frame_equal(asyncio.run(before.fetch_minutes(*of_minutes)), minutes, check_exact=True)


def test_an_answer_that_was_let_go_is_made_again_the_same():
    source = exchange()
    before = fetch(source, sim(10, 100), OPENED, date(2013, 12, 31))
    fetch(source, sim(*range(1, 1_300)), OPENED, date(2018, 12, 31))  # more than is kept
    after = fetch(source, sim(10, 100), OPENED, date(2013, 12, 31))
    assert_frame_equal(after.bars, before.bars, check_exact=True)
    assert_frame_equal(after.actions, before.actions, check_exact=True)


def test_another_seed_is_another_exchange():
    one, other = (fetch(exchange(seed=seed), sim(1), OPENED, date(2012, 6, 1)).bars for seed in (1, 2))
    returns = [np.diff(np.log(bars["close"].to_numpy())) for bars in (one, other)]
    size = min(part.size for part in returns)
    assert abs(np.corrcoef(returns[0][:size], returns[1][:size])[0, 1]) < 0.35


@given(
    first=st.integers(0, 9_000),
    count=st.integers(1, 40),
    days=st.lists(st.integers(726_000, 741_000), min_size=1, max_size=6, unique=True).map(sorted),
)
def test_a_draw_is_a_function_of_seed_symbol_and_date_alone(first: int, count: int, days: list[int]):
    together = draw(7, 3, np.array(days), first, count)
    alone = draw(7, 3, np.array(days[-1:]), first + count - 1, 1)
    assert np.array_equal(together[:, -1, -1], alone[:, 0, 0])
    assert ((together > 0) & (together < 1)).all()


def test_concurrent_asks_give_what_each_gives_alone():
    async def both(source: SimulatedSource) -> tuple[Fetched, Fetched]:
        return await asyncio.gather(source.fetch(sim(1, 2), OPENED, date(2014, 1, 3)), source.fetch(sim(2, 3), OPENED, date(2014, 1, 3)))

    one, other = asyncio.run(both(exchange()))
    assert_frame_equal(one.bars, fetch(exchange(), sim(1, 2), OPENED, date(2014, 1, 3)).bars)
    assert_frame_equal(other.bars, fetch(exchange(), sim(2, 3), OPENED, date(2014, 1, 3)).bars)


# --- what can be asked ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbols", "start", "end"),
    [
        (sim(1), date(2011, 1, 3), date(2011, 12, 30)),  # before the exchange opened
        (sim(1), date(2013, 7, 4), date(2013, 7, 4)),  # a holiday
        (sim(1), date(2013, 7, 5), date(2013, 7, 1)),  # ends before it starts
        (sim(1), date(2199, 1, 1), date(2199, 2, 1)),  # after what the calendar knows
        (["AAPL", "SIM0000", "SIM00001", "SIMABCD", "SIM١٢٣٤", ""], OPENED, END),  # symbols of no listing
        ([], OPENED, END),
    ],
)
def test_what_the_exchange_does_not_have_is_no_data(symbols: list[str], start: date, end: date):
    source = exchange()
    fetched = fetch(source, symbols, start, end)
    assert fetched.bars.is_empty()
    assert fetched.actions.is_empty()
    assert fetched.bars.schema == RAW_BARS
    assert fetched.actions.schema == RAW_ACTIONS
    assert source.truth(symbols, start, end).bad_prints.is_empty()


def test_an_exchange_that_opens_after_the_calendar_ends_has_nothing():
    source = exchange(opened=date(2190, 1, 1))
    assert fetch(source, sim(1), OPENED, END).bars.is_empty()
    assert source.instruments(END) == ()


def test_a_symbol_asked_twice_is_answered_once():
    bars = fetch(exchange(), sim(3, 3, 1), OPENED, date(2012, 2, 1)).bars
    assert_frame_equal(bars, fetch(exchange(), sim(1, 3), OPENED, date(2012, 2, 1)).bars)


@pytest.mark.parametrize(("symbols", "seed"), [(0, 1), (10_000, 1), (5, -1), (5, 2**64)])
def test_a_wrong_number_of_symbols_or_seed_is_a_configuration_error(symbols: int, seed: int):
    with pytest.raises(ConfigError, match=r"demo: .* give a"):
        exchange(symbols=symbols, seed=seed)


def test_instruments_are_the_first_listed_ones_and_others_take_the_place_of_delisted_ones(ten_years: tuple[SimulatedSource, Fetched]):
    source, fetched = ten_years
    assert [one.symbol for one in source.instruments(OPENED)] == sim(*range(1, 51))
    assert source.instruments(date(2012, 1, 2)) == ()
    for symbol, day in fetched.actions.filter(kind="delisting").select("symbol", "ex_date").rows():
        before, after = source.instruments(XNYS.previous(day)), source.instruments(day)
        assert len(before) == len(after) == 50
        assert list(after) == sorted(after, key=lambda one: one.symbol)
        assert symbol not in {one.symbol for one in after}
        assert all(one.delisted_on is None for one in before), "nobody knows of a delisting in advance"
    sectors = {one.sector for one in source.instruments(OPENED)}
    assert sectors == set(SECTORS)


# --- bars -------------------------------------------------------------------------------------------------------------------------


def test_every_clean_bar_is_whole(clean: pl.DataFrame):
    highest, lowest = pl.max_horizontal("open", "low", "close"), pl.min_horizontal("open", "high", "close")
    assert clean.filter(~((pl.col("high") >= highest) & (pl.col("low") <= lowest) & (pl.col("low") > 0))).is_empty()
    for field in ("open", "high", "low", "close"):
        assert np.array_equal(np.round(clean[field].to_numpy(), 2), clean[field].to_numpy()), "prices are whole cents"
    volume = clean["volume"].to_numpy()
    assert np.array_equal(volume, np.rint(volume))
    assert volume.min() >= 1


@examples(15)
@given(seed=st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 2**64 - 1])), opened=st.dates(date(1985, 1, 1), date(2024, 1, 1)))
def test_no_seed_and_no_opening_makes_a_broken_bar(seed: int, opened: date):
    source = exchange(seed=seed, opened=opened)
    bars = source.truth(sim(*range(1, 31)), opened, opened.replace(year=opened.year + 8, day=1)).bars
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    assert bars.select((pl.col("low").is_between(0.01, low) & (pl.col("high") >= high) & pl.col("high").is_finite()).all()).item()
    assert bars.select((pl.col("volume").is_finite() & (pl.col("volume") >= 1)).all()).item()
    assert bars["high"].max() < 10_000


@pytest.mark.parametrize("name", ["XNYS", "XLON", "24/7"])
def test_bars_and_ex_dates_keep_to_the_sessions_of_the_calendar(name: str):
    calendar = Calendar(name)
    start, end = date(2019, 11, 20), date(2021, 1, 15)
    fetched = fetch(exchange(calendar=calendar, opened=date(2019, 11, 16)), sim(*range(1, 31)), start, end)
    sessions = set(calendar.between(start, end))
    assert set(fetched.bars["session"]) == sessions
    assert set(fetched.actions["ex_date"]) <= sessions
    assert fetched.bars.equals(fetched.bars.sort("symbol", "session", maintain_order=True))
    assert fetched.actions.equals(fetched.actions.sort("symbol", "ex_date", "kind"))


def test_the_exchange_opens_on_its_first_session():
    bars = fetch(exchange(opened=date(2013, 7, 4)), sim(*range(1, 21)), date(2013, 1, 1), date(2013, 7, 31)).bars
    assert bars["session"].min() == date(2013, 7, 5)


def correlations(clean: pl.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Correlations of the moves of the symbols that are listed to the end, over the sessions in which all of them traded twice running."""
    survivors = clean.filter(pl.col("session").max().over("symbol") >= date(2021, 12, 29))
    moves = survivors.pivot("symbol", index="session", values="move").drop("session").drop_nulls()
    assert len(moves) > 1_500
    return np.corrcoef(moves.to_numpy(), rowvar=False), moves.columns


def test_volatility_correlation_and_drift_are_those_of_shares(clean: pl.DataFrame):
    by_symbol = clean.group_by("symbol").agg(
        sessions=pl.len(),
        volatility=pl.col("move").std() * 252**0.5,
        clustering=pl.corr(pl.col("move").abs(), pl.col("move").abs().shift(1)),
        momentum=pl.corr("move", pl.col("move").shift(1)),
        volume=pl.corr(pl.col("move").abs(), pl.col("volume").log()),
        kurtosis=pl.col("move").kurtosis(),
        gaps=pl.col("gap").var() / pl.col("move").var(),
    )
    long = by_symbol.filter(pl.col("sessions") > 1_500)
    volatility = long["volatility"]
    assert 0.12 < volatility.quantile(0.02) < 0.22
    assert 0.45 < volatility.quantile(0.98) < 0.70
    assert 0.22 < volatility.mean() < 0.35
    assert 0.08 < long["clustering"].mean() < 0.35
    assert abs(long["momentum"].mean()) < 0.03
    assert 0.2 < long["volume"].mean() < 0.7
    assert long["kurtosis"].mean() > 0.6
    assert 0.15 < long["gaps"].mean() < 0.4
    correlation, _ = correlations(clean)
    assert 0.2 < correlation[np.triu_indices(len(correlation), 1)].mean() < 0.4
    assert -0.05 < clean.select(pl.col("move").exp().mean() - 1).item() * 252 < 0.16
    assert clean["move"].abs().max() < 1.0


def test_shares_of_a_sector_move_more_together(clean: pl.DataFrame):
    correlation, symbols = correlations(clean)
    sector = {one.symbol: one.sector for one in exchange(symbols=200).instruments(OPENED)}
    same = np.array([[sector[one] == sector[other] for other in symbols] for one in symbols])
    own = np.eye(len(symbols), dtype=bool)
    assert correlation[same & ~own].mean() > correlation[~same].mean() + 0.02


# --- events -----------------------------------------------------------------------------------------------------------------------


def test_a_split_leaves_the_value_where_it_was(clean: pl.DataFrame, ten_years: tuple[SimulatedSource, Fetched]):
    ratios = ten_years[1].actions.filter(kind="split").select("ratio_new", "ratio_old").rows()
    assert {(2, 1), (3, 1), (4, 1), (1, 10)} <= set(ratios) <= {(2, 1), (3, 1), (4, 1), (1, 10), (1, 5)}
    split = clean.filter(pl.col("ratio") != 1)
    assert len(split) == len(ratios), "a session that splits has a bar"
    assert split["gap"].abs().max() < 0.15
    assert split.filter(pl.col("ratio") > 1)["previous"].min() > 50
    assert split.filter(pl.col("ratio") < 1)["previous"].max() < 3.01


def test_dividends_are_quarterly_lower_the_price_and_are_paid_twenty_sessions_later(ten_years: tuple[SimulatedSource, Fetched]):
    source, fetched = ten_years
    dividends = fetched.actions.filter(kind="dividend")
    payers = dividends["symbol"].unique()
    assert 90 < len(payers) < 150
    for symbol, ex_date, pay_date, cash in dividends.select("symbol", "ex_date", "pay_date", "cash_per_share").rows()[:40]:
        sessions = XNYS.between(ex_date, pay_date)
        assert len(sessions) == 21, symbol
        assert cash == cash.quantize(Decimal("0.01")), "whole cents"
    steps = dividends.select(pl.col("ex_date").diff().over("symbol").dt.total_days())["ex_date"].drop_nulls()
    assert steps.is_between(80, 100).mean() > 0.99
    true = source.truth(payers.to_list(), OPENED, END).bars.with_columns(previous=pl.col("close").shift(1).over("symbol"))
    paid = dividends.join(true, left_on=["symbol", "ex_date"], right_on=["symbol", "session"])
    yields = paid["cash_per_share"].cast(pl.Float64) / paid["previous"]
    assert 0.001 < yields.mean() < 0.01
    drop = (paid["open"] + paid["cash_per_share"].cast(pl.Float64)) / paid["previous"] - 1
    assert abs(drop.mean()) < 0.001, "the price falls by the dividend"


def test_delisted_symbols_end_and_pay_a_final_value(ten_years: tuple[SimulatedSource, Fetched]):
    _, fetched = ten_years
    delistings = fetched.actions.filter(kind="delisting")
    assert 2 <= len(delistings) <= 20, "about 0.4 % a year of 200 symbols in ten years"
    for symbol, day, cash in delistings.select("symbol", "ex_date", "cash_per_share").rows():
        assert cash >= 0
        bars = fetched.bars.filter(symbol=symbol)
        assert bars["session"].max() < day
        assert fetched.actions.filter(pl.col("ex_date") > day, symbol=symbol).is_empty()
        assert XNYS.next(bars["session"].max()) == day or len(XNYS.between(bars["session"].max(), day)) <= 4
    alive = set(sim(*range(1, 201))) - set(delistings["symbol"])
    last = fetched.bars.group_by("symbol").agg(pl.col("session").max())
    assert last.filter(pl.col("symbol").is_in(alive))["session"].min() >= date(2021, 12, 29)


def test_a_halt_is_a_session_without_a_bar(clean: pl.DataFrame):
    sessions = pl.Series(XNYS.between(OPENED, END))
    number = pl.col("session").replace_strict(sessions, pl.Series(range(len(sessions))), return_dtype=pl.Int64)
    steps = clean.select(number.diff().over("symbol").alias("step"))["step"].drop_nulls()
    rate = (steps > 1).sum() / len(steps)
    assert 1 / 3_000 < rate < 1 / 1_400
    assert steps.filter(steps > 1).mode()[0] == 2, "for one day"


def test_corporate_actions_are_rows_that_the_lake_takes(ten_years: tuple[SimulatedSource, Fetched]):
    actions = ten_years[1].actions
    assert actions.filter(pl.struct("symbol", "ex_date", "kind").is_duplicated()).is_empty()
    is_split, is_dividend = pl.col("kind") == "split", pl.col("kind") == "dividend"
    assert actions.filter((is_split != pl.col("ratio_new").is_not_null()) | (is_split != pl.col("ratio_old").is_not_null())).is_empty()
    assert actions.filter(is_split != pl.col("cash_per_share").is_null()).is_empty()
    assert actions.filter(is_dividend != pl.col("pay_date").is_not_null()).is_empty()
    both = actions.filter(~is_dividend).join(actions.filter(is_dividend), on=["symbol", "ex_date"])
    assert both.is_empty(), "no split or delisting on an ex date"


# --- bad prints -------------------------------------------------------------------------------------------------------------------


def test_bad_prints_are_one_in_four_thousand_and_of_every_kind(ten_years: tuple[SimulatedSource, Fetched], clean: pl.DataFrame):
    bad = ten_years[0].truth(sim(*range(1, 201)), OPENED, END).bad_prints
    assert 1 / 5_500 < len(bad) / len(clean) < 1 / 3_000
    assert set(bad["kind"]) == set(BAD_PRINT_KINDS)
    assert bad.equals(bad.sort("symbol", "session"))


def test_exactly_the_listed_bars_are_published_wrongly(ten_years: tuple[SimulatedSource, Fetched]):
    source, fetched = ten_years
    truth = source.truth(sim(*range(1, 201)), OPENED, END)
    key = ["symbol", "session"]
    duplicates = truth.bad_prints.filter(kind="duplicate_row")
    assert len(fetched.bars) == len(truth.bars) + len(duplicates)
    repeated = fetched.bars.filter(pl.struct(key).is_duplicated()).unique(maintain_order=True)
    assert_frame_equal(repeated.select(key), duplicates.select(key))
    wrong = fetched.bars.unique(maintain_order=True).with_columns(true=truth.bars.select(pl.struct(pl.all()))["symbol"])
    differs = wrong.filter(pl.struct(RAW_BARS.names()) != pl.col("true")).select(key)
    assert_frame_equal(differs, truth.bad_prints.filter(pl.col("kind") != "duplicate_row").select(key))


def test_each_kind_of_bad_print_is_what_its_name_says(ten_years: tuple[SimulatedSource, Fetched]):
    source, fetched = ten_years
    truth = source.truth(sim(*range(1, 201)), OPENED, END)
    prices = ("open", "high", "low", "close")
    both = truth.bad_prints.join(fetched.bars, on=["symbol", "session"]).join(truth.bars, on=["symbol", "session"], suffix="_true")

    def of(kind: str) -> tuple[np.ndarray, np.ndarray]:
        rows = both.filter(kind=kind)
        return rows.select(prices).to_numpy(), rows.select(f"{price}_true" for price in prices).to_numpy()

    seen, true = of("times_100")
    assert np.allclose(seen, true * 100)
    seen, true = of("divided_by_100")
    assert np.allclose(seen, true / 100)
    seen, true = of("spike")
    assert ((np.abs(np.log10(seen / true)) > 0.99).sum(axis=1) == 1).all()
    seen, _ = of("high_below_low")
    assert (seen[:, 1] < seen[:, 2]).all()
    seen, _ = of("zero_price")
    assert ((seen == 0).sum(axis=1) == 1).all()
    seen, _ = of("negative_price")
    assert (seen < 0).all()
    seen, true = of("missing_close")
    assert np.isnan(seen[:, 3]).all()
    assert np.array_equal(seen[:, :3], true[:, :3])
    assert both.filter(pl.col("volume") != pl.col("volume_true")).is_empty()
