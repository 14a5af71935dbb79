"""What every source must do. A new source joins by adding a world to `WORLDS` of source_worlds."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from grodt.bars.jumps import Tail
from grodt.bars.quality import Thresholds, gate
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, BarSource, Fetched, MinuteSource
from grodt.errors import ConfigError, VendorUnavailable
from grodt.sessions import INSTANT
from tests.contracts.source_worlds import DAY, END, MINUTES, START, SYMBOLS, WORLDS, Vendor, World, alpaca, files, yahoo
from tests.fakes.http import Fault

#: No source has it, and every one must take the question.
NOBODY = "NOBODY.X"


@pytest.fixture(scope="module", params=sorted(WORLDS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, WORLDS[request.param](tmp_path_factory.mktemp(request.param)) as made:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield made
        assert made.vendor is None or made.vendor.pauses == []  # no pause is due where nothing fails


@pytest.fixture(scope="module")
def all_minutes(world: World) -> pl.DataFrame:
    return fetch_minutes(world.fresh(), world.symbols, *world.minutes)


@pytest.fixture(scope="module")
def everything(world: World) -> Fetched:
    return fetch(world.fresh(), world.symbols, world.start, world.end)


def fetch(source: BarSource, symbols: Sequence[str], start: date, end: date) -> Fetched:
    return asyncio.run(source.fetch(symbols, start, end))


def fetch_minutes(source: BarSource, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
    assert isinstance(source, MinuteSource)
    return asyncio.run(source.fetch_minutes(symbols, start, end))


def same(left: Fetched, right: Fetched) -> None:
    assert_frame_equal(left.bars, right.bars)
    assert_frame_equal(left.actions, right.actions)


def part(whole: Fetched, symbols: Sequence[str], start: date, end: date) -> Fetched:
    bars, actions = whole.bars, whole.actions
    return Fetched(
        bars.filter(bars["symbol"].is_in(list(symbols)) & bars["session"].is_between(start, end)),
        actions.filter(actions["symbol"].is_in(list(symbols)) & actions["ex_date"].is_between(start, end)),
    )


def test_the_columns_are_those_of_the_protocol_and_rows_are_sorted_by_symbol_and_date(everything: Fetched) -> None:
    assert everything.bars.schema == RAW_BARS
    assert everything.actions.schema == RAW_ACTIONS
    for frame, day in ((everything.bars, "session"), (everything.actions, "ex_date")):
        keys = frame.select("symbol", day).rows()
        assert keys == sorted(keys)
    keys = everything.bars.select("symbol", "session").rows()
    assert len(keys) == len(set(keys))


def test_there_is_something_to_compare(world: World, everything: Fetched) -> None:
    assert set(everything.bars["symbol"]) == set(world.symbols)
    assert everything.actions.is_empty() is not world.has_actions


def test_no_row_lies_outside_the_question(world: World, everything: Fetched) -> None:
    assert everything.bars["session"].is_between(world.start, world.end).all()
    assert everything.actions["ex_date"].is_between(world.start, world.end).all()
    assert set(everything.bars["symbol"]) | set(everything.actions["symbol"]) <= set(world.symbols)


def test_the_same_question_has_the_same_answer_also_from_a_fresh_source(world: World, everything: Fetched) -> None:
    source = world.fresh()
    same(fetch(source, world.symbols, world.start, world.end), everything)
    same(fetch(source, world.symbols, world.start, world.end), everything)


def test_the_order_of_symbols_and_their_repetition_change_nothing(world: World, everything: Fetched) -> None:
    same(fetch(world.fresh(), [*reversed(world.symbols), world.symbols[0]], world.start, world.end), everything)


def test_a_part_of_the_question_has_that_part_of_the_answer_in_any_order_of_asking(world: World, everything: Fetched) -> None:
    source = world.fresh()
    middle = world.start + (world.end - world.start) / 2
    for symbols, start, end in (
        (world.symbols[2:], middle + DAY, world.end),
        (world.symbols[:1], world.start, world.end),
        (world.symbols, world.start, middle),
        (world.symbols[1:3], middle, middle + 3 * DAY),
        (world.symbols, world.end, world.end),
    ):
        same(fetch(source, symbols, start, end), part(everything, symbols, start, end))


def test_each_day_alone_gives_what_all_days_together_give(world: World, everything: Fetched) -> None:
    source = world.fresh()
    first = everything.actions["ex_date"][0] if world.has_actions else everything.bars["session"][90]
    for offset in range(-2, 3):
        day = first + offset * DAY
        same(fetch(source, world.symbols, day, day), part(everything, world.symbols, day, day))


def test_questions_at_the_same_time_do_not_disturb_each_other(world: World, everything: Fetched) -> None:
    source = world.fresh()

    async def all_at_once() -> list[Fetched]:
        return await asyncio.gather(*(source.fetch([symbol], world.start, world.end) for symbol in world.symbols))

    for symbol, answer in zip(world.symbols, asyncio.run(all_at_once()), strict=True):
        same(answer, part(everything, [symbol], world.start, world.end))


@pytest.mark.parametrize("case", ["no symbols", "backwards", "before"])
def test_what_has_no_data_has_no_rows_and_the_right_columns(world: World, case: str) -> None:
    symbols, start, end = {
        "no symbols": ((), world.start, world.end),
        "backwards": (world.symbols, world.end, world.start),
        "before": (world.symbols, world.before - 30 * DAY, world.before),
    }[case]
    answer = fetch(world.fresh(), symbols, start, end)
    assert (answer.bars.height, answer.actions.height) == (0, 0)
    assert (answer.bars.schema, answer.actions.schema) == (RAW_BARS, RAW_ACTIONS)


def test_a_weekend_has_as_many_bars_as_it_has_sessions_where_the_source_trades(world: World) -> None:
    start, end = date(2020, 2, 1), date(2020, 2, 2)
    answer = fetch(world.fresh(), world.symbols, start, end)
    assert sorted(answer.bars["session"].unique().to_list()) == list(world.calendar.between(start, end))
    assert answer.bars.height == len(world.symbols) * len(world.calendar.between(start, end))
    assert answer.actions.is_empty()
    assert (answer.bars.schema, answer.actions.schema) == (RAW_BARS, RAW_ACTIONS)


def test_a_symbol_nobody_knows_has_no_rows_and_disturbs_no_other(world: World, everything: Fetched) -> None:
    source = world.fresh()
    assert fetch(source, [NOBODY], world.start, world.end).bars.is_empty()
    same(fetch(source, [world.symbols[0], NOBODY], world.start, world.end), part(everything, world.symbols[:1], world.start, world.end))


def test_unknown_names_what_it_never_heard_of_in_the_order_asked(world: World) -> None:
    source = world.fresh()
    assert source.unknown(world.symbols) == ()
    assert source.unknown(["ZZTOP.X", world.symbols[0], NOBODY]) == ("ZZTOP.X", NOBODY)
    assert source.unknown([]) == ()


def test_instruments_are_known_distinct_and_always_in_the_same_order(world: World) -> None:
    source = world.fresh()
    listed = source.instruments(world.start)
    assert listed
    symbols = [instrument.symbol for instrument in listed]
    assert len(symbols) == len(set(symbols))
    assert source.unknown(symbols) == ()
    assert source.instruments(world.end)
    assert source.instruments(world.start) == listed == world.fresh().instruments(world.start)
    assert all(instrument.trades_on(world.start) for instrument in listed)


def test_instruments_may_be_asked_for_from_within_an_event_loop(world: World) -> None:
    async def inside() -> int:
        return len(world.fresh().instruments(world.start))

    assert asyncio.run(inside()) > 0


def test_its_name_is_the_one_it_was_given(world: World) -> None:
    assert world.fresh().name == "any"


def test_the_quality_gate_takes_the_answer(world: World, everything: Fetched) -> None:
    start, end = date(world.start.year, 1, 1), min(world.end, date(world.start.year, 12, 31))
    fetched = part(everything, world.symbols, start, end)
    result = gate(
        fetched,
        calendar=world.calendar,
        asked=world.symbols,
        start=start,
        end=end,
        previous=Tail.empty(),
        thresholds=Thresholds(),
    )
    assert result.outcome != "halt"
    assert result.bars.height + result.quarantined.height == fetched.bars.height


# --- listings


def test_listings_name_each_symbol_that_was_asked_for_in_order_and_no_time_twice(world: World) -> None:
    source = world.fresh()
    listings = source.listings(world.symbols)
    assert {listing.symbol for listing in listings} >= set(world.symbols)
    keys = [(listing.symbol, listing.since or date.min) for listing in listings]
    assert keys == sorted(keys)
    for earlier, later in pairwise(listings):
        assert earlier.symbol != later.symbol or (earlier.until is not None and later.since is not None and earlier.until <= later.since)


def test_listings_do_not_depend_on_the_order_of_symbols_nor_on_what_else_is_asked(world: World) -> None:
    source = world.fresh()
    listings = source.listings(world.symbols)
    assert source.listings([*reversed(world.symbols), world.symbols[0]]) == listings == world.fresh().listings(world.symbols)
    assert {listing for symbol in world.symbols for listing in source.listings([symbol])} == set(listings)
    assert source.listings([]) == ()


# --- minutes


def test_minutes_have_the_columns_of_the_protocol_and_are_sorted_by_symbol_and_start(all_minutes: pl.DataFrame) -> None:
    assert all_minutes.schema == RAW_MINUTES
    keys = all_minutes.select("symbol", "start").rows()
    assert keys == sorted(set(keys))


def test_minutes_are_there_for_each_session_and_are_whole_minutes_of_its_trading_hours(world: World, all_minutes: pl.DataFrame) -> None:
    assert (all_minutes["start"].dt.truncate("1m") == all_minutes["start"]).all()
    sessions = world.calendar.sessions_of(all_minutes["start"].dt.replace_time_zone(None).to_numpy().astype(INSTANT))
    assert not np.isnat(sessions).any()
    assert np.unique(sessions).tolist() == list(world.calendar.between(*world.minutes))
    assert len(world.calendar.between(*world.minutes)) >= 4
    assert {world.symbols[0], world.symbols[-1]} <= set(all_minutes["symbol"]) <= set(world.symbols)


def test_the_same_question_for_minutes_has_the_same_answer_in_any_order_of_symbols(world: World, all_minutes: pl.DataFrame) -> None:
    source = world.fresh()
    for symbols in (world.symbols, [*reversed(world.symbols), world.symbols[0]], [*world.symbols, NOBODY]):
        assert_frame_equal(fetch_minutes(source, symbols, *world.minutes), all_minutes)


def test_the_minutes_of_parts_are_those_of_the_whole(world: World, all_minutes: pl.DataFrame) -> None:
    source = world.fresh()
    by_session = [fetch_minutes(source, world.symbols, day, day) for day in world.calendar.between(*world.minutes)]
    by_symbol = [fetch_minutes(source, [symbol], *world.minutes) for symbol in world.symbols]
    assert_frame_equal(pl.concat(by_session).sort("symbol", "start"), all_minutes)
    assert_frame_equal(pl.concat(by_symbol), all_minutes)


@pytest.mark.parametrize("case", ["no symbols", "nobody", "backwards"])
def test_what_has_no_minutes_has_no_rows_and_the_right_columns(world: World, case: str) -> None:
    first, last = world.minutes
    symbols, start, end = {
        "no symbols": ((), first, last),
        "nobody": ((NOBODY,), first, last),
        "backwards": (world.symbols, last, first),
    }[case]
    answer = fetch_minutes(world.fresh(), symbols, start, end)
    assert (answer.height, answer.schema) == (0, RAW_MINUTES)


# --- what every source that asks over HTTP must do


QUESTIONS: dict[str, Callable[[World], object]] = {
    "daily": lambda world: fetch(world.fresh(), world.symbols[:1], world.start, world.end),
    "minutes": lambda world: fetch_minutes(world.fresh(), world.symbols[:1], *world.minutes),
}
HTTP = [name for name in sorted(WORLDS) if name not in ("files", "simulated")]


@pytest.fixture
def vendor(world: World) -> Iterator[Vendor]:
    assert world.vendor is not None
    yield world.vendor
    world.vendor.pauses.clear()
    assert world.vendor.server.next_fault("GET", world.vendor.bars) is None


@pytest.mark.parametrize("world", HTTP, indirect=True)
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_may_pass_is_waited_out_as_long_as_the_server_asks(world: World, vendor: Vendor, question: str, status: int) -> None:
    vendor.server.fail(Fault(status, b"{}", {"Retry-After": "7"}, only=vendor.bars), Fault(status, b"{}", only=vendor.bars))
    QUESTIONS[question](world)
    told, own = vendor.pauses
    assert 7 <= told <= 7.5
    assert 0 < own <= 2


@pytest.mark.parametrize("world", HTTP, indirect=True)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_server_that_stays_down_is_unavailable(world: World, vendor: Vendor, question: str) -> None:
    vendor.server.fail(Fault(503, b"maintenance", {"Retry-After": "3600"}, only=vendor.bars))
    with pytest.raises(VendorUnavailable, match=r"source 'any'.*HTTP 503.*it asks to wait 3600 s.*Run again later"):
        QUESTIONS[question](world)


@pytest.mark.parametrize("world", HTTP, indirect=True)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_refusal_is_not_repeated_and_names_what_to_correct(world: World, vendor: Vendor, question: str) -> None:
    vendor.server.fail(Fault(400, b'{"message": "no such thing"}', only=vendor.bars))
    with pytest.raises(ConfigError, match=rf"source 'any'.*{world.symbols[0]}.*no such thing.*correct the symbols or dates"):
        QUESTIONS[question](world)
    assert vendor.pauses == []


# --- agreement


def test_sources_of_one_world_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with files(tmp_path) as ours, alpaca(tmp_path) as theirs, yahoo(tmp_path) as others:
        answers = [fetch(world.fresh(), SYMBOLS, START, END) for world in (ours, theirs, others)]
        same(*answers[:2])
        assert_frame_equal(answers[2].bars, answers[0].bars)  # Yahoo knows of no delisting, and of no day that money is paid
        splits = [answer.actions.filter(pl.col("kind") == "split") for answer in answers]
        assert_frame_equal(splits[2], splits[0])
        minutes = [fetch_minutes(world.fresh(), SYMBOLS, *MINUTES) for world in (ours, theirs, others)]
        assert_frame_equal(minutes[1], minutes[0])
        assert_frame_equal(minutes[2], minutes[0])
