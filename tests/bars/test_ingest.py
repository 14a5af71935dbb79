import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.chunks import Chunk, ChunkResult, Covered, plan, symbols_to_ask
from grodt.bars.ingest import GateHalt, IngestReport, ingest, measure_completeness
from grodt.bars.quality import Thresholds
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from grodt.errors import DataError, VendorUnavailable
from grodt.instruments import Instrument, Listing, one_listing_each
from grodt.lake import Lake
from grodt.sessions import Calendar
from tests.bars.memory_manifest import MemoryManifest
from tests.bars.test_files import needs_us_daily, us_daily

XNYS = Calendar("XNYS")
NOW = datetime(2014, 6, 10, 21, tzinfo=UTC)
DAY = timedelta(days=1)


class ScriptedSource:
    """Flat bars at 10, 20, … on each session, less what is left out, with the changes of `prices`; it can fail after some answers."""

    name = "scripted"

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.left_out: set[tuple[str, date]] = set()
        self.prices: dict[tuple[str, date], float] = {}
        self.delisted: dict[str, date] = {}
        self.actions: list[tuple[str, date, str, None, int | None, int | None, int | None]] = []
        self.asked: list[Chunk] = []
        self.fails_after = 1_000

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        every = (Instrument(symbol, delisted_on=self.delisted.get(symbol)) for symbol in self.symbols)
        return tuple(instrument for instrument in every if instrument.trades_on(session))

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        return one_listing_each(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        await asyncio.sleep(0)
        if len(self.asked) >= self.fails_after:
            raise VendorUnavailable("no answer")
        self.asked.append(Chunk(tuple(symbols), start, end))
        rows = []
        for symbol in symbols:
            for session in XNYS.between(start, end):
                gone = symbol in self.delisted and session >= self.delisted[symbol]
                if (symbol, session) not in self.left_out and not gone:
                    price = self.prices.get((symbol, session), 10.0 * (1 + self.symbols.index(symbol)))
                    rows.append((symbol, session, price, price, price, price, 100.0 + session.toordinal() % 7))
        actions = pl.DataFrame(self.actions, schema=RAW_ACTIONS, orient="row")
        chosen = pl.col("symbol").is_in(list(symbols)) & pl.col("ex_date").is_between(start, end)
        return Fetched(pl.DataFrame(rows, schema=RAW_BARS, orient="row"), actions.filter(chosen))


class World:
    def __init__(self, root: Path, symbols: Sequence[str] = ("A", "B", "C", "D")) -> None:
        self.source = ScriptedSource(symbols)
        self.manifest = MemoryManifest()
        self.lake = Lake(root / "lake", self.manifest)
        self.results: list[ChunkResult] = []
        self.progress: list[tuple[int, int, int]] = []

    def run(self, session: date, history_start: date = date(2012, 12, 3), thresholds: Thresholds | None = None) -> IngestReport:
        symbols = symbols_to_ask(self.source.instruments, self.manifest.coverage, session)

        def commit(result: ChunkResult) -> None:
            self.manifest.commit(result)
            self.results.append(result)

        return asyncio.run(
            ingest(
                plan(self.manifest.coverage, symbols, history_start, session),
                source=self.source,
                calendar=XNYS,
                lake=self.lake,
                manifest=self.manifest,
                session=session,
                listed=[instrument.symbol for instrument in self.source.instruments(session)],
                thresholds=thresholds or Thresholds(completeness=0.7),
                run_id="book-eod-" + session.isoformat(),
                now=lambda: NOW,
                commit=commit,
                progress=lambda done, total, rows: self.progress.append((done, total, rows)),
            )
        )

    def read(self, table: str) -> pl.DataFrame:
        return self.lake.read(table, self.manifest.snapshot())


def test_a_fresh_plan_is_one_chunk_per_calendar_year():
    chunks = plan({}, ["B", "A"], date(2012, 6, 1), date(2014, 6, 10))
    assert chunks == (
        Chunk(("A", "B"), date(2012, 6, 1), date(2012, 12, 31)),
        Chunk(("A", "B"), date(2013, 1, 1), date(2013, 12, 31)),
        Chunk(("A", "B"), date(2014, 1, 1), date(2014, 6, 10)),
    )


def test_a_plan_asks_only_for_what_coverage_lacks():
    day = date(2014, 6, 10)
    coverage = {"OLD": (date(2013, 1, 1), day - DAY), "DONE": (date(2013, 1, 1), day), "LATE": (date(2013, 1, 1), day - 2 * DAY)}
    assert plan(coverage, ["DONE"], date(2013, 1, 1), day) == ()
    assert plan(coverage, ["OLD", "DONE", "LATE", "NEW"], date(2013, 1, 1), day) == (
        Chunk(("NEW",), date(2013, 1, 1), date(2013, 12, 31)),
        Chunk(("NEW",), date(2014, 1, 1), day),
        Chunk(("LATE",), day - DAY, day),
        Chunk(("OLD",), day, day),
    )


def test_history_before_the_coverage_is_asked_for_newest_year_first():
    coverage = {"A": (date(2013, 3, 1), date(2014, 6, 9))}
    assert [(c.start, c.end) for c in plan(coverage, ["A"], date(2012, 2, 1), date(2014, 6, 10))] == [
        (date(2013, 1, 1), date(2013, 2, 28)),
        (date(2012, 2, 1), date(2012, 12, 31)),
        (date(2014, 6, 10), date(2014, 6, 10)),
    ]


def test_a_large_chunk_is_parted():
    chunks = plan({}, ["A", "B", "C"], date(2014, 1, 1), date(2014, 6, 10), largest=2)
    assert [chunk.symbols for chunk in chunks] == [("A", "B"), ("C",)]


dates = st.dates(date(2010, 1, 1), date(2014, 12, 31))


@given(
    ranges=st.dictionaries(st.sampled_from("ABCDEF"), st.tuples(dates, dates).map(lambda pair: (min(pair), max(pair)))),
    history_start=dates,
    session=dates,
)
def test_committed_in_order_a_plan_leaves_no_hole_and_nothing_missing(ranges, history_start, session):
    manifest = MemoryManifest()
    manifest.coverage = dict(ranges)
    asked: set[tuple[str, date]] = set()
    for chunk in plan(ranges, "ABCDEF", history_start, session):
        assert chunk.start.year == chunk.end.year
        manifest.commit(ChunkResult(chunk, (), (Covered(chunk.symbols, chunk.start, chunk.end),), 0, 0, ()))
        days = {(s, chunk.start + n * DAY) for s in chunk.symbols for n in range((chunk.end - chunk.start).days + 1)}
        assert not asked & days
        asked |= days
    for symbol, (first, last) in ranges.items():
        assert not any(s == symbol and first <= day <= last for s, day in asked)
    if history_start <= session:
        assert all(first <= history_start and last >= session for first, last in manifest.coverage.values())
        assert set(manifest.coverage) == set("ABCDEF")


def test_a_symbol_that_left_the_list_is_asked_for_until_its_delisting_is_in():
    source = ScriptedSource(["A", "B"])
    source.delisted["A"] = date(2014, 6, 10)
    coverage = {"A": (date(2014, 1, 1), date(2014, 6, 9)), "B": (date(2014, 1, 1), date(2014, 6, 9))}
    assert symbols_to_ask(source.instruments, coverage, date(2014, 6, 10)) == ("A", "B")
    coverage["A"] = (date(2014, 1, 1), date(2014, 6, 10))
    assert symbols_to_ask(source.instruments, coverage, date(2014, 6, 11)) == ("B",)
    assert symbols_to_ask(source.instruments, coverage, date(2014, 6, 11), held=["A"]) == ("A", "B")


def test_a_fresh_ingest_writes_one_file_per_year_and_covers_all_of_it(tmp_path):
    world = World(tmp_path)
    world.source.actions = [("A", date(2013, 12, 14), "dividend", None, None, None, 1, None)]
    report = world.run(date(2014, 1, 3))
    sessions = XNYS.between(date(2012, 12, 3), date(2014, 1, 3))
    assert (report.chunks, report.rows, report.quarantined, report.reasons) == (3, 4 * len(sessions), 0, ())
    assert (report.completeness.expected, report.completeness.present) == (4, 4)
    assert world.manifest.coverage == dict.fromkeys("ABCD", (date(2012, 12, 3), date(2014, 1, 3)))
    bars = world.read("bars_1d")
    assert bars.height == report.rows
    assert set(bars["known_at"]) == {NOW}
    assert set(bars["source"]) == {"scripted"}
    assert [file.path.split("/")[2] for file in world.manifest.snapshot(tables=["bars_1d"]).files] == ["2012", "2013", "2014"]
    assert world.read("corporate_actions").select("symbol", "ex_date").rows() == [("A", date(2013, 12, 14))]
    assert world.progress[-1] == (3, 3, report.rows)
    assert [done for done, _, _ in world.progress] == [1, 2, 3]


def test_a_second_ingest_asks_for_nothing_and_writes_nothing(tmp_path):
    world = World(tmp_path)
    world.run(date(2014, 1, 3))
    before, asked = world.manifest.snapshot(), len(world.source.asked)
    report = world.run(date(2014, 1, 3))
    assert world.manifest.snapshot() == before
    assert len(world.source.asked) == asked
    assert (report.chunks, report.completeness.present) == (0, 4)


def test_the_next_night_asks_for_the_days_since_and_no_more(tmp_path):
    world = World(tmp_path)
    world.run(date(2014, 1, 3))
    world.run(date(2014, 1, 6))
    assert world.source.asked[-1] == Chunk(("A", "B", "C", "D"), date(2014, 1, 4), date(2014, 1, 6))


def test_an_ingest_that_died_goes_on_where_it_stopped(tmp_path):
    world = World(tmp_path)
    world.source.fails_after = 2
    with pytest.raises(VendorUnavailable):
        world.run(date(2014, 1, 3))
    assert {last for _, last in world.manifest.coverage.values()} == {date(2013, 12, 31)}
    world.source.fails_after = 1_000
    world.run(date(2014, 1, 3))
    assert world.source.asked[-1].start == date(2014, 1, 1)
    undisturbed = World(tmp_path / "other")
    undisturbed.run(date(2014, 1, 3))
    assert [(f.path, f.sha256) for f in world.manifest.snapshot().files] == [
        (f.path, f.sha256) for f in undisturbed.manifest.snapshot().files
    ]


def test_a_bad_print_goes_to_quarantine_and_the_memory_of_it_reaches_the_next_night(tmp_path):
    world = World(tmp_path)
    monday, tuesday = date(2014, 1, 6), date(2014, 1, 7)
    world.source.prices = {("A", monday): 0.3, ("B", monday): 0.6, ("B", tuesday): 0.6}
    world.run(date(2014, 1, 3))
    world.run(monday, thresholds=Thresholds(completeness=0.5))
    report = world.run(tuesday)
    assert report.completeness.present == 4
    quarantined = world.read("quarantine")
    assert quarantined.select("symbol", "session", "rule", "run_id").rows() == [
        ("A", monday, "jump", "book-eod-2014-01-06"),
        ("B", monday, "jump", "book-eod-2014-01-06"),
    ]
    bars = world.read("bars_1d").filter(pl.col("session") == tuesday).sort("symbol")
    assert bars["close"].to_list() == [10.0, 0.6, 30.0, 40.0]
    assert "2 rows quarantined as 'jump'" in world.results[-2].reasons[0]


def test_a_split_known_from_an_earlier_chunk_explains_a_leap(tmp_path):
    world = World(tmp_path)
    monday = date(2014, 1, 6)
    world.source.actions = [("A", date(2014, 1, 3), "split", None, 4, 1, None, None)]
    world.source.left_out = {("A", date(2014, 1, 3))}
    for session in XNYS.between(monday, date(2014, 1, 10)):
        world.source.prices["A", session] = 2.5
    world.run(date(2014, 1, 3))
    world.run(monday)
    assert world.read("quarantine").is_empty()


def test_an_incomplete_session_halts_records_nothing_of_it_and_is_asked_for_again(tmp_path):
    world = World(tmp_path)
    session = date(2014, 1, 6)
    world.run(date(2014, 1, 3))
    before = world.manifest.snapshot()
    world.source.left_out = {("A", session), ("B", session)}
    with pytest.raises(GateHalt, match=r"session 2014-01-06 has good bars for 2 of 4 .* Nothing from 2014-01-06 to 2014-01-06") as halt:
        world.run(session)
    assert len(halt.value.reasons) == 1
    assert world.manifest.snapshot() == before
    world.source.left_out = set()
    assert world.run(session).completeness.present == 4


def test_a_test_price_halts_and_records_nothing_of_its_chunk(tmp_path):
    world = World(tmp_path, [f"S{number}" for number in range(8)])
    session = date(2014, 1, 6)
    world.run(date(2014, 1, 3))
    before = world.manifest.snapshot()
    world.source.prices = {(symbol, session): 123.47 for symbol in world.source.symbols}
    with pytest.raises(GateHalt, match=r"the one close 123\.47 for 8 symbols"):
        world.run(session)
    assert world.manifest.snapshot() == before


def test_a_late_bar_is_asked_for_again_the_next_night(tmp_path):
    world = World(tmp_path)
    friday, monday = date(2014, 1, 3), date(2014, 1, 6)
    world.source.left_out = {("A", friday)}
    world.run(friday)
    assert world.manifest.coverage["A"] == (date(2012, 12, 3), date(2014, 1, 2))
    assert world.manifest.coverage["B"] == (date(2012, 12, 3), friday)
    world.source.left_out = set()
    world.run(monday)
    assert world.source.asked[-2:] == [Chunk(("A",), friday, monday), Chunk(("B", "C", "D"), date(2014, 1, 4), monday)]
    assert world.read("bars_1d").filter((pl.col("symbol") == "A") & (pl.col("session") >= friday)).height == 2


def test_a_late_symbol_of_a_single_day_adds_no_coverage_yet(tmp_path):
    world = World(tmp_path)
    world.run(date(2014, 1, 2))
    world.source.left_out = {("A", date(2014, 1, 3))}
    world.run(date(2014, 1, 3))
    assert world.manifest.coverage["A"] == (date(2012, 12, 3), date(2014, 1, 2))


def test_a_symbol_that_fell_silent_is_no_longer_waited_for(tmp_path):
    world = World(tmp_path)
    sessions = XNYS.between(date(2014, 1, 3), date(2014, 1, 14))
    world.source.left_out = {("A", session) for session in sessions}
    for session in sessions:
        world.run(session)
    assert world.manifest.coverage["A"][1] == sessions[-1]
    assert world.source.asked[-1] == Chunk(("A", "B", "C", "D"), sessions[-1], sessions[-1])


def test_an_action_of_a_late_session_is_recorded_once(tmp_path):
    world = World(tmp_path)
    friday, monday = date(2014, 1, 3), date(2014, 1, 6)
    world.source.left_out = {("A", friday)}
    world.source.actions = [("A", friday, "split", None, 2, 1, None, None)]
    for session in XNYS.between(monday, date(2014, 1, 10)):
        world.source.prices["A", session] = 5.0
    world.run(friday)
    world.run(monday)
    assert world.read("corporate_actions").height == 1
    assert world.read("quarantine").is_empty()


def test_history_can_be_extended_backwards(tmp_path):
    world = World(tmp_path)
    world.run(date(2014, 1, 3), history_start=date(2013, 12, 2))
    world.run(date(2014, 1, 3), history_start=date(2012, 12, 3))
    assert set(world.manifest.coverage.values()) == {(date(2012, 12, 3), date(2014, 1, 3))}
    bars = world.read("bars_1d")
    assert bars.height == 4 * len(XNYS.between(date(2012, 12, 3), date(2014, 1, 3)))
    assert not bars.select("symbol", "session").is_duplicated().any()


def test_a_session_just_before_the_coverage_can_be_filled_in(tmp_path):
    world = World(tmp_path)
    world.run(date(2014, 1, 3), history_start=date(2014, 1, 3))
    world.source.left_out = {("A", date(2014, 1, 2))}
    world.run(date(2014, 1, 2), history_start=date(2013, 12, 2))
    assert set(world.manifest.coverage.values()) == {(date(2013, 12, 2), date(2014, 1, 3))}


def test_a_history_that_begins_with_the_calendar_has_no_memory(tmp_path):
    world = World(tmp_path)
    world.run(date(1990, 1, 5), history_start=date(1990, 1, 2))
    assert world.read("bars_1d").height == 16


def test_completeness_can_be_measured_again_from_the_lake(tmp_path):
    world = World(tmp_path)
    world.run(date(2014, 1, 3))
    snapshot = world.manifest.snapshot()
    measured = measure_completeness(world.lake, snapshot, "scripted", date(2014, 1, 3), ["A", "B", "Z"])
    assert (measured.expected, measured.present, measured.last_session_fresh) == (3, 2, True)
    assert not measure_completeness(world.lake, snapshot, "scripted", date(2014, 1, 6), ["A"]).last_session_fresh


def test_an_unreadable_answer_stops_with_what_was_committed_before(tmp_path):
    world = World(tmp_path)
    world.source.actions = [("A", date(2014, 1, 2), "split", None, None, None, None, None)]
    with pytest.raises(DataError, match="split_has_a_ratio"):
        world.run(date(2014, 1, 3))
    assert {last for _, last in world.manifest.coverage.values()} == {date(2013, 12, 31)}


@needs_us_daily
def test_real_bars_come_in_night_by_night_as_they_do_at_once(tmp_path):
    def come_in(folder: Path, sessions: Sequence[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
        source, manifest = us_daily(), MemoryManifest()
        lake = Lake(folder, manifest)
        for session in sessions:
            asyncio.run(
                ingest(
                    plan(manifest.coverage, symbols_to_ask(source.instruments, manifest.coverage, session), date(2012, 9, 1), session),
                    source=source,
                    calendar=XNYS,
                    lake=lake,
                    manifest=manifest,
                    session=session,
                    listed=[instrument.symbol for instrument in source.instruments(session)],
                    thresholds=Thresholds(),
                    run_id="us-eod",
                    now=lambda: NOW,
                    commit=manifest.commit,
                )
            )
        snapshot = manifest.snapshot()
        return lake.read("bars_1d", snapshot).sort("symbol", "session"), lake.read("quarantine", snapshot).sort("symbol", "session")

    nights = XNYS.between(date(2012, 12, 20), date(2013, 1, 4))
    bars, quarantine = come_in(tmp_path / "nightly", nights)
    at_once_bars, at_once_quarantine = come_in(tmp_path / "at once", nights[-1:])
    assert bars.equals(at_once_bars)
    assert quarantine.equals(at_once_quarantine)
    assert quarantine["session"].to_list()[-2:] == [date(2012, 12, 25), date(2013, 1, 1)]
