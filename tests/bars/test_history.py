from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.history import last_closes, micros_array, micros_of_prices, read_actions, read_market, read_markets
from grodt.errors import SessionError
from grodt.lake import Lake, actions_path, bars_path
from grodt.money import Micros, micros, micros_from_float
from grodt.sessions import Calendar
from tests.bars.memory_manifest import MemoryManifest

XNYS = Calendar("XNYS")
NOW = datetime(2014, 6, 10, 21, tzinfo=UTC)


@pytest.fixture
def stored(tmp_path) -> tuple[Lake, MemoryManifest]:
    """A and B over the turn of 2013 to 2014; OLD last traded in March 2013; B's bar of 2014-01-02 has no volume."""
    manifest = MemoryManifest()
    lake = Lake(tmp_path / "lake", manifest)
    sessions = XNYS.between(date(2013, 12, 27), date(2014, 1, 7))
    rows = [("OLD", date(2013, 3, 1), 5.0, 1.0)]
    for number, session in enumerate(sessions):
        rows.append(("A", session, 10.0 + number, 100.0))
        if session != date(2014, 1, 3):
            rows.append(("B", session, 20.25 + number, 0.0 if session == date(2014, 1, 2) else 50.0))
    bars = pl.DataFrame(
        [("us", s, d, p, p + 0.5, p - 0.5, p + 0.25, v, NOW) for s, d, p, v in rows],
        schema=["source", "symbol", "session", "open", "high", "low", "close", "volume", "known_at"],
        orient="row",
    ).cast({"known_at": pl.Datetime("us", "UTC")})
    actions = pl.DataFrame(
        [
            ("us", "B", date(2014, 1, 4), "dividend", date(2014, 1, 20), None, None, "0.5"),  # a Saturday
            ("us", "B", date(2014, 1, 6), "split", None, 2, 1, None),
            ("us", "A", date(2014, 1, 6), "dividend", None, None, None, "0.25"),
            ("us", "OLD", date(2014, 1, 7), "delisting", None, None, None, "0"),
        ],
        schema={
            "source": pl.String,
            "symbol": pl.String,
            "ex_date": pl.Date,
            "kind": pl.String,
            "pay_date": pl.Date,
            "ratio_new": pl.Int64,
            "ratio_old": pl.Int64,
            "cash_per_share": pl.String,
        },
        orient="row",
    ).with_columns(
        pl.col("cash_per_share").cast(pl.Decimal(24, 6)),
        new_symbol=pl.lit(None, pl.String),
        known_at=pl.lit(NOW).cast(pl.Datetime("us", "UTC")),
    )
    for year in (2013, 2014):
        start, end = date(year, 1, 1), date(year, 12, 31)
        names = ["A", "B", "OLD"]
        part = bars.filter(pl.col("session").is_between(start, end))
        manifest.commit_files(
            [lake.write("bars_1d", bars_path("us", names, start, end, year), part, source="us", known_at=NOW, run_id="r")]
        )
    path = actions_path("us", ["A", "B", "OLD"], date(2014, 1, 1), date(2014, 12, 31), 2014)
    manifest.commit_files([lake.write("corporate_actions", path, actions, source="us", known_at=NOW, run_id="r")])
    return lake, manifest


def test_a_session_has_the_opens_of_what_traded_and_the_closes_before(stored):
    lake, manifest = stored
    market = read_market(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 2))
    assert market.session == date(2014, 1, 2)
    assert market.opens_at == datetime(2014, 1, 2, 14, 30, tzinfo=UTC)
    assert market.closes_at == datetime(2014, 1, 2, 21, 0, tzinfo=UTC)
    assert market.open == {"A": 13_000_000}  # B's bar has no volume: it did not trade
    assert market.previous_close == {"A": 12_250_000, "B": 22_500_000}
    assert market.actions == ()


def test_a_symbol_without_a_bar_keeps_its_last_close(stored):
    lake, manifest = stored
    market = read_market(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 6))
    assert market.previous_close == {"A": 14_250_000, "B": 23_500_000}


def test_actions_come_with_their_session_and_those_of_a_weekend_with_the_next(stored):
    lake, manifest = stored
    market = read_market(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 6))
    assert market.actions == (
        CorporateAction("A", date(2014, 1, 6), "dividend", cash_per_share=micros("0.25")),
        CorporateAction("B", date(2014, 1, 4), "dividend", pay_date=date(2014, 1, 20), cash_per_share=micros("0.5")),
        CorporateAction("B", date(2014, 1, 6), "split", ratio_new=2, ratio_old=1),
    )


def test_a_symbol_with_an_action_has_its_last_close_however_old(stored):
    lake, manifest = stored
    market = read_market(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 7))
    assert market.actions[0].kind == "delisting"
    assert market.previous_close["OLD"] == 5_250_000


def test_a_range_gives_what_each_session_gives(stored):
    lake, manifest = stored
    start, end = date(2013, 12, 30), date(2014, 1, 6)
    ranged = list(read_markets(lake, manifest.snapshot(), "us", XNYS, start=start, end=end))
    assert ranged == [read_market(lake, manifest.snapshot(), "us", XNYS, session) for session in XNYS.between(start, end)]


def test_symbols_can_be_chosen(stored):
    lake, manifest = stored
    market = read_market(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 6), symbols=["B", "OLD"])
    assert set(market.open) == {"B"}
    assert market.previous_close == {"B": 23_500_000, "OLD": 5_250_000}
    assert {action.symbol for action in market.actions} == {"B"}


def test_no_session_in_the_range_gives_nothing_and_a_holiday_is_refused(stored):
    lake, manifest = stored
    assert list(read_markets(lake, manifest.snapshot(), "us", XNYS, start=date(2014, 1, 4), end=date(2014, 1, 5))) == []
    with pytest.raises(SessionError, match="2014-01-01 is not a session"):
        read_market(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 1))


def test_last_closes_say_the_session_they_are_of(stored):
    lake, manifest = stored
    closes = last_closes(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 3))
    assert closes.rows() == [("A", date(2014, 1, 3), 14.25), ("B", date(2014, 1, 2), 23.5)]
    closes = last_closes(lake, manifest.snapshot(), "us", XNYS, date(2014, 1, 3), symbols=["A"], always=["OLD"])
    assert closes["symbol"].to_list() == ["A", "OLD"]


def test_actions_can_be_read_by_range_and_symbol(stored):
    lake, manifest = stored
    actions = read_actions(lake, manifest.snapshot(), "us", date(2014, 1, 1), date(2014, 1, 6), symbols=["B"])
    assert [(action.symbol, action.kind) for action in actions] == [("B", "dividend"), ("B", "split")]


@given(st.lists(st.one_of(st.floats(0.0, 1e9), st.integers(0, 10**13).map(lambda m: m / 1e6)), max_size=20))
def test_prices_cross_to_micros_as_one_by_one(prices):
    assert micros_of_prices(np.array(prices, dtype=np.float64)) == [micros_from_float(price) for price in prices]


def test_a_price_that_is_no_number_does_not_cross():
    with pytest.raises(ValueError, match="not finite"):
        micros_of_prices(np.array([1.0, np.nan]))
    assert micros_of_prices(np.array([])) == []
    assert micros_of_prices(np.array([21.28])) == [Micros(21_280_000)]


@given(st.lists(st.one_of(st.just(float("nan")), st.floats(1e-6, 1e9), st.integers(1, 10**9).map(lambda cents: cents / 100)), max_size=20))
def test_an_array_of_prices_in_micros_is_each_price_in_micros(prices: list[float]) -> None:
    found = micros_array(np.array(prices).reshape(1, -1))
    assert found.tolist() == [[0 if np.isnan(price) else micros_from_float(price) for price in prices]]
    assert found.dtype == np.int64
