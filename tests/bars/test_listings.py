"""Instruments behind symbols: histories follow the company, and a reused ticker starts anew."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given

from grodt.bars.adjustment import Adjustment, adjusted
from grodt.bars.jumps import Tail, jumping_rows
from grodt.bars.listings import UNKNOWN_SINCE, Listings, Span, changed, kin, listings_frame, owners, relabelled
from grodt.bars.source import RAW_ACTIONS, RAW_BARS
from grodt.instruments import Listing, one_listing_each
from grodt.signals.panel import build_panel
from tests.bars.ticker_worlds import SOURCE, TickerWorld, ticker_worlds
from tests.examples import examples
from tests.signals.worlds import same, weekdays

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
CHANGE, REUSE, TODAY = date(2022, 6, 9), date(2023, 3, 1), date(2024, 1, 2)
#: One company was FBX and is MTX; another one is FBX since; PLAIN is itself.
RENAMED = (
    Listing("meta", "FBX", None, CHANGE),
    Listing("meta", "MTX", CHANGE),
    Listing("fabrix", "FBX", REUSE),
    Listing("PLAIN", "PLAIN"),
)


def _listings(*listings: Listing) -> Listings:
    return Listings(listings_frame(SOURCE, listings, NOW))


def test_a_history_has_what_was_quoted_under_earlier_symbols_and_nothing_of_another_company() -> None:
    known = _listings(*RENAMED)
    assert known.spans(["FBX", "MTX", "PLAIN", "OTHER"], TODAY) == (
        Span("FBX", "FBX", REUSE, date.max),
        Span("MTX", "FBX", date.min, CHANGE),
        Span("MTX", "MTX", CHANGE, date.max),
    )
    assert known.quoted(["MTX", "PLAIN"], TODAY) == ("FBX", "MTX", "PLAIN")
    assert known.quoted(["FBX"], TODAY) == ("FBX",)
    assert [known.instrument(symbol, TODAY) for symbol in ("FBX", "MTX", "PLAIN", "OTHER")] == ["fabrix", "meta", "PLAIN", "OTHER"]


def test_before_the_change_a_history_is_what_it_was_before_anyone_knew_of_it() -> None:
    before = date(2022, 6, 8)
    assert _listings(*RENAMED).spans(["FBX"], before) == (Span("FBX", "FBX", date.min, CHANGE),)
    assert _listings(*RENAMED).quoted(["FBX"], before) == ("FBX",)
    assert _listings(*RENAMED).instrument("FBX", before) == "meta"


def test_between_the_change_and_the_reuse_the_old_symbol_still_stands_for_the_company_that_had_it() -> None:
    spans = _listings(*RENAMED).spans(["FBX"], date(2022, 12, 1))
    assert {(span.quoted, span.since) for span in spans} == {("FBX", date.min), ("MTX", CHANGE)}


def test_plain_symbols_are_passed_over() -> None:
    known = Listings(listings_frame(SOURCE, one_listing_each(["A", "B"]), NOW))
    frame = pl.DataFrame({"symbol": ["A", "B"], "session": [CHANGE, CHANGE]})
    assert known.spans(None, TODAY) == ()
    assert known.quoted(["B", "A", "C"], TODAY) == ("A", "B", "C")
    assert relabelled(frame, "session", ()) is frame
    nothing = listings_frame(SOURCE, (), NOW)
    assert Listings(nothing).spans(["A"], TODAY) == ()
    assert owners(frame.with_columns(source=pl.lit(SOURCE)), "session", nothing).is_empty()


def test_a_listing_without_an_end_ends_where_the_company_goes_on_under_another_symbol() -> None:
    known = _listings(Listing("meta", "FBX"), Listing("meta", "MTX", CHANGE))
    assert known.spans(["MTX"], TODAY)[0] == Span("MTX", "FBX", date.min, CHANGE)


def test_what_is_told_of_a_company_after_its_end_is_still_of_it_until_another_takes_the_symbol_up() -> None:
    known = _listings(Listing("old", "X", None, date(2020, 1, 2)), Listing("new", "X", date(2021, 1, 4)))
    days = [date(2020, 1, 6), date(2021, 1, 4), date(2021, 1, 5)]
    told = pl.DataFrame({"source": [SOURCE] * 3, "symbol": ["X"] * 3, "ex_date": days})
    rows = listings_frame(SOURCE, [Listing("old", "X", None, date(2020, 1, 2)), Listing("new", "X", date(2021, 1, 4))], NOW)
    assert owners(told, "ex_date", rows, actions=True).sort("row")["instrument"].to_list() == ["old", "old", "new"]
    assert owners(told, "ex_date", rows).sort("row")["instrument"].to_list() == ["old", "new", "new"]
    assert known.spans(["X"], TODAY) == (Span("X", "X", date(2021, 1, 4), date.max),)


def test_an_action_belongs_to_the_company_that_had_the_symbol_before_its_ex_date() -> None:
    told = pl.DataFrame({"symbol": ["FBX", "FBX", "MTX", "FBX"], "ex_date": [CHANGE, REUSE, TODAY, TODAY]})
    got = relabelled(told, "ex_date", _listings(*RENAMED).spans(["FBX", "MTX"], TODAY), actions=True)
    assert sorted(got.rows()) == [("FBX", TODAY), ("MTX", CHANGE), ("MTX", TODAY)]


def test_kin_are_all_symbols_of_the_companies_that_ever_had_one() -> None:
    rows = listings_frame(SOURCE, RENAMED, NOW)
    assert kin(rows, ["MTX"]) == ["FBX", "MTX"]
    assert kin(rows, ["FBX", "NEW"]) == ["FBX", "MTX", "NEW"]
    assert kin(rows, ["PLAIN"]) == ["PLAIN"]


def test_what_a_source_says_again_changes_nothing_and_what_is_new_is_known_since_then() -> None:
    before = listings_frame(SOURCE, [Listing("meta", "FBX"), *one_listing_each(["A", "B"])], NOW)
    same_again = (Listing("A", "A"), Listing("meta", "FBX"))
    assert changed(before, SOURCE, ["FBX", "A"], same_again, LATER) is None
    got = changed(before, SOURCE, ["FBX", "A"], (Listing("A", "A"), *RENAMED[:2]), LATER)
    assert got is not None
    assert got.select("instrument", "symbol", "session", "until", "known_at").rows() == [
        ("A", "A", UNKNOWN_SINCE, None, NOW),
        ("B", "B", UNKNOWN_SINCE, None, NOW),
        ("meta", "FBX", UNKNOWN_SINCE, CHANGE, LATER),
        ("meta", "MTX", CHANGE, None, LATER),
    ]
    assert changed(got, SOURCE, ["MTX"], RENAMED[:2], LATER) is None
    first = changed(got.clear(), SOURCE, ["A"], one_listing_each(["A"]), NOW)
    assert first is not None
    assert first.height == 1


@given(world=ticker_worlds())
@examples(150)
def test_a_panel_is_that_of_a_world_without_tickers_cut_anywhere(world: TickerWorld) -> None:
    plain = build_panel(world.named(world.bars), world.named(world.actions), world.sessions, world.companies)
    for count in range(1, len(world.sessions) + 1):
        session = world.sessions[count - 1]
        own = {world.ticker[company][count - 1]: company for company in world.companies if world.ticker[company][count - 1]}
        symbols = tuple(sorted(own))
        columns = [world.companies.index(own[symbol]) for symbol in symbols]
        for rows in (world.rows(), world.rows(session)):
            known = Listings(rows)
            quoted = pl.col("symbol").is_in(list(known.quoted(symbols, session)))
            bars = world.bars.filter(quoted & (pl.col("session") <= session))
            got = build_panel(bars, world.actions.filter(quoted), world.sessions[:count], symbols, known.spans(symbols, session))
            assert same(got.close, np.ascontiguousarray(plain.close[:count, columns]))
            assert same(got.log_return, np.ascontiguousarray(plain.log_return[:count, columns]))


@given(world=ticker_worlds())
@examples(100)
@pytest.mark.parametrize("adjust", ["split", "total"])
def test_an_adjusted_series_is_that_of_a_world_without_tickers(world: TickerWorld, adjust: Adjustment) -> None:
    plain = adjusted(world.named(world.bars), world.named(world.actions), adjust).sort("company", "session")
    got = adjusted(world.bars, world.actions, adjust, world.rows())
    assert got["symbol"].to_list() == world.bars.sort("symbol", "session")["symbol"].to_list()
    assert got.sort("company", "session")["close"].to_list() == plain["close"].to_list()
    for session in world.sessions[::5]:
        cut = world.bars.filter(pl.col("session") <= session)
        before = adjusted(cut, world.actions.filter(pl.col("ex_date") <= session), adjust, world.rows(session))
        assert before.equals(got.filter(pl.col("session") <= session))


@pytest.mark.parametrize(("kind", "found"), [("symbol_change", 0), ("delisting", 0), ("dividend", 1)])
def test_the_first_price_of_another_company_is_no_leap(kind: str, found: int) -> None:
    sessions = weekdays(30)
    prices = [10.0] * 20 + [200.0] * 10
    bars = pl.DataFrame([("FBX", day, p, p, p, p, 100.0) for day, p in zip(sessions, prices, strict=True)], schema=RAW_BARS, orient="row")
    action = {"symbol": "FBX", "ex_date": sessions[19], "kind": kind, "cash_per_share": None if kind == "symbol_change" else 1}
    told = pl.DataFrame([action]).with_columns(*(pl.lit(None).alias(name) for name in RAW_ACTIONS.names() if name not in action))
    rows = jumping_rows(
        bars.filter(pl.col("session") != sessions[19]),
        told.select(RAW_ACTIONS.names()).cast(RAW_ACTIONS),
        Tail.empty(),
        (),
        sessions,
        sigmas=10.0,
        floor=0.4,
    )
    assert rows.height == found
