"""What every source must do. A new source joins by adding a world to `WORLDS`.

`files` and `alpaca` tell of one and the same small world, so they must also agree with each other.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from polars.testing import assert_frame_equal

from grodt.bars.alpaca import AlpacaSource
from grodt.bars.alpaca_settings import AlpacaSettings, Credentials
from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.jumps import Tail
from grodt.bars.quality import Thresholds, gate
from grodt.bars.simulated import SimulatedSource
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, BarSource, Fetched
from grodt.sessions import Calendar
from tests.fakes.alpaca import KEY, SECRET, FakeAlpaca

XNYS = Calendar("XNYS")
DAY = timedelta(days=1)
#: No source has it, and every one must take the question.
NOBODY = "NOBODY.X"


@dataclass(frozen=True)
class World:
    """A source, and what a test may ask of it.

    Attributes:
        fresh: makes the source anew, with nothing remembered.
        symbols: some that it has, ascending; each has bars from `start` to `end`, and at least one an action.
        before: the source has nothing up to this day.
    """

    fresh: Callable[[], BarSource]
    symbols: tuple[str, ...]
    start: date
    end: date
    before: date


@contextmanager
def _simulated(_: Path) -> Iterator[World]:
    opened, start = date(2019, 12, 2), date(2020, 1, 2)
    symbols = tuple(f"SIM{number:04d}" for number in (1, 2, 40, 41, 300))
    yield World(lambda: SimulatedSource("any", 7, XNYS, 400, opened), symbols, start, date(2021, 6, 30), opened - DAY)


START, END = date(2020, 1, 2), date(2020, 6, 30)
SPLIT, DIVIDEND, GONE = date(2020, 3, 9), date(2020, 3, 8), date(2020, 4, 6)
SYMBOLS = ("AAA", "BRK.B", "GONE", "ZZZ")


def _small_bars() -> list[tuple[str, date, float, float, float, float, float]]:
    """Prices that move a little each session; AAA splits 7:1, and GONE stops trading."""
    rows = []
    for number, symbol in enumerate(SYMBOLS):
        for at, day in enumerate(XNYS.between(START, END)):
            if symbol == "GONE" and day >= GONE:
                continue
            price = (100.0 + 10 * number) * (1 + 0.01 * ((at * (number + 3)) % 7))
            price = round(price / 7 if symbol == "AAA" and day >= SPLIT else price, 4)
            rows.append((symbol, day, price, round(price * 1.01, 4), round(price * 0.99, 4), price, 1000.0 + at))
    return rows


@contextmanager
def _files(folder: Path) -> Iterator[World]:
    lines = [",".join(str(cell) for cell in row) for row in _small_bars()]
    (folder / "bars.csv").write_text("\n".join(["symbol,session,open,high,low,close,volume", *reversed(lines)]))
    (folder / "splits.csv").write_text(f"symbol,ex_date,ratio_new,ratio_old\nAAA,{SPLIT},7,1\n")
    (folder / "dividends.csv").write_text(f"symbol,ex_date,pay_date,amount\nZZZ,{DIVIDEND},2020-04-01,0.125\n")
    settings = FilesSettings.model_validate(
        {
            "bars": {"path": "bars.csv"},
            "splits": {"path": "splits.csv", "columns": {"ratio_new": "ratio_new", "ratio_old": "ratio_old"}},
            "dividends": {"path": "dividends.csv", "columns": {"pay_date": "pay_date"}},
            "delistings": [{"symbol": "GONE", "session": GONE, "cash_per_share": "5.37"}],
        }
    )
    yield World(lambda: FilesSource("any", settings, folder), SYMBOLS, START, END, START - DAY)


@contextmanager
def _alpaca(_: Path) -> Iterator[World]:
    fake = FakeAlpaca()
    for symbol, day, *numbers in _small_bars():
        o, h, l, c, v = numbers  # noqa: E741
        fake.bars.setdefault(symbol, []).append((day, o, h, l, c, v))
    for symbol in SYMBOLS:
        fake.list_asset(symbol, status="inactive" if symbol == "GONE" else "active")
    fake.act("forward_splits", symbol="AAA", ex_date=str(SPLIT), new_rate=7, old_rate=1, process_date=str(SPLIT))
    dividend = {"rate": 0.125, "special": False, "foreign": False, "payable_date": "2020-04-01", "process_date": "2020-04-01"}
    fake.act("cash_dividends", symbol="ZZZ", ex_date=str(DIVIDEND), **dividend)
    fake.act("cash_mergers", acquiree_symbol="GONE", effective_date=str(GONE), rate=5.37, process_date=str(GONE))
    with fake.served():

        async def sleep(_: float) -> None:
            raise AssertionError("no pause is due")

        def fresh() -> AlpacaSource:
            settings = AlpacaSettings(feed="sip", data_url=fake.url, trading_url=fake.url)
            return AlpacaSource("any", settings, Credentials(KEY, SECRET), XNYS, random=Random(1), sleep=sleep, report=_nothing)

        yield World(fresh, SYMBOLS, START, END, START - DAY)


def _nothing(action: object) -> None:
    raise AssertionError(f"{action} is supported")


WORLDS = {"alpaca": _alpaca, "files": _files, "simulated": _simulated}


@pytest.fixture(scope="module", params=sorted(WORLDS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, WORLDS[request.param](tmp_path_factory.mktemp(request.param)) as made:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield made


@pytest.fixture(scope="module")
def everything(world: World) -> Fetched:
    return fetch(world.fresh(), world.symbols, world.start, world.end)


def fetch(source: BarSource, symbols: Sequence[str], start: date, end: date) -> Fetched:
    return asyncio.run(source.fetch(symbols, start, end))


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
    assert everything.actions.height >= 1


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
    first = everything.actions["ex_date"][0]
    for offset in range(-2, 3):
        day = first + offset * DAY
        same(fetch(source, world.symbols, day, day), part(everything, world.symbols, day, day))


def test_questions_at_the_same_time_do_not_disturb_each_other(world: World, everything: Fetched) -> None:
    source = world.fresh()

    async def all_at_once() -> list[Fetched]:
        return await asyncio.gather(*(source.fetch([symbol], world.start, world.end) for symbol in world.symbols))

    for symbol, answer in zip(world.symbols, asyncio.run(all_at_once()), strict=True):
        same(answer, part(everything, [symbol], world.start, world.end))


@pytest.mark.parametrize("case", ["no symbols", "backwards", "before", "weekend"])
def test_what_has_no_data_has_no_rows_and_the_right_columns(world: World, case: str) -> None:
    symbols, start, end = {
        "no symbols": ((), world.start, world.end),
        "backwards": (world.symbols, world.end, world.start),
        "before": (world.symbols, world.before - 30 * DAY, world.before),
        "weekend": (world.symbols, date(2020, 2, 1), date(2020, 2, 2)),
    }[case]
    answer = fetch(world.fresh(), symbols, start, end)
    assert (answer.bars.height, answer.actions.height) == (0, 0)
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
        calendar=XNYS,
        asked=world.symbols,
        start=start,
        end=end,
        previous=Tail.empty(),
        thresholds=Thresholds(),
    )
    assert result.outcome != "halt"
    assert result.bars.height + result.quarantined.height == fetched.bars.height


def test_two_sources_of_one_world_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _files(tmp_path) as files, _alpaca(tmp_path) as alpaca:
        same(*(fetch(world.fresh(), SYMBOLS, START, END) for world in (files, alpaca)))
