"""Minute bars on their way into the lake: planned, fetched, judged, written and committed chunk by chunk."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.chunks import Chunk, ChunkResult, Covered
from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.ingest import GateHalt
from grodt.bars.minute_chunks import plan_minute_gaps, plan_minutes, windows
from grodt.bars.minute_gate import MinuteThresholds
from grodt.bars.minute_ingest import MinutesReport, ingest_minutes, require_minutes
from grodt.bars.source import RAW_MINUTES
from grodt.errors import ConfigError, VendorUnavailable
from grodt.instruments import Instrument, Listing, one_listing_each
from grodt.lake import Lake, bars_path
from grodt.sessions import Calendar
from tests.bars.memory_manifest import MemoryManifest
from tests.bars.minute_world import MON, TUE, WED, XNYS, at, frame, row, utc, walk
from tests.bars.test_ingest import ScriptedSource

NOW = utc(2015, 11, 26)
DAY = timedelta(days=1)
FRI = date(2015, 11, 20)


class MinuteVendor:
    """The bars of `walk` for some symbols in any session, less what is left out, with rows beside; it can fail after some answers."""

    name = "vendor"

    def __init__(self, symbols: str = "ABCD", calendar: Calendar = XNYS) -> None:
        self.symbols = symbols
        self.calendar = calendar
        self.left_out: dict[tuple[str, date], Sequence[int]] = {}
        self.more: list[tuple[str, datetime, float, float, float, float, float]] = []
        self.asked: list[Chunk] = []
        self.fails_after = 1_000

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        return tuple(Instrument(symbol) for symbol in self.symbols)

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        return ()

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        return one_listing_each(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Any:
        raise AssertionError("nobody asked for daily bars")

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        await asyncio.sleep(0)
        if len(self.asked) >= self.fails_after:
            raise VendorUnavailable("no answer")
        self.asked.append(Chunk(tuple(symbols), start, end))
        days = self.calendar.between(start, end)
        parts = [walk([s], [day], self.calendar, self.left_out.get((s, day), ())) for s in symbols for day in days]
        mine = [r for r in self.more if r[0] in symbols and start <= r[1].date() <= end]
        return pl.concat([frame(mine), *parts]).sort("symbol", "start", maintain_order=True)


class World:
    def __init__(self, root: Path, symbols: str = "ABCD") -> None:
        self.source: Any = MinuteVendor(symbols)
        self.manifest = MemoryManifest()
        self.lake = Lake(root / "lake", self.manifest)
        self.results: list[ChunkResult] = []
        self.progress: list[tuple[int, int, int]] = []

    def run(
        self, chunks: Sequence[Chunk], session: date = WED, listed: str = "", completeness: float = 0.9, **thresholds: Any
    ) -> MinutesReport:
        def commit(result: ChunkResult) -> None:
            self.manifest.commit(result)
            self.results.append(result)

        return asyncio.run(
            ingest_minutes(
                chunks,
                source=self.source,
                calendar=XNYS,
                lake=self.lake,
                manifest=self.manifest,
                session=session,
                listed=listed,
                thresholds=MinuteThresholds(**thresholds),
                completeness=completeness,
                run_id="book-backfill-1m",
                now=lambda: NOW,
                commit=commit,
                progress=lambda *told: self.progress.append(told),
            )
        )

    def put_daily(self, session: date, volumes: dict[str, float], close: float = 20.0) -> None:
        prices = dict.fromkeys(("open", "high", "low", "close"), close)
        rows = [{"source": "vendor", "symbol": s, "session": session, **prices, "volume": v, "known_at": NOW} for s, v in volumes.items()]
        daily = pl.DataFrame(rows).with_columns(pl.col("known_at").cast(pl.Datetime("us", "UTC")))
        path = bars_path("vendor", volumes, session, session, session.year)
        self.manifest.commit_files([self.lake.write("bars_1d", path, daily, source="vendor", known_at=NOW, run_id="r")])

    def read(self, table: str = "bars_1m") -> pl.DataFrame:
        return self.lake.read(table, self.manifest.snapshot()).sort("symbol", "start")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


WEEK = Chunk(tuple("ABCD"), MON, WED)


class TestPlan:
    def test_a_chunk_holds_as_many_sessions_as_fit_and_they_touch_over_weekends(self) -> None:
        chunks = plan_minutes({}, "AB", date(2015, 11, 19), date(2015, 11, 25), XNYS, largest=2 * 2 * 390)
        assert chunks == (
            Chunk(("A", "B"), date(2015, 11, 19), date(2015, 11, 22)),
            Chunk(("A", "B"), MON, TUE),
            Chunk(("A", "B"), WED, WED),
        )

    def test_symbols_are_parted_where_one_session_of_all_does_not_fit(self) -> None:
        chunks = plan_minutes({}, "ABC", MON, TUE, XNYS, largest=2 * 390)
        assert [(chunk.symbols, chunk.start, chunk.end) for chunk in chunks] == [
            (("A", "B"), MON, MON),
            (("A", "B"), TUE, TUE),
            (("C",), MON, TUE),
        ]

    def test_history_before_the_coverage_is_asked_newest_first(self) -> None:
        chunks = plan_minutes({"A": (WED, WED)}, "A", FRI, WED, XNYS, largest=390)
        assert [(chunk.start, chunk.end, chunk.before_coverage) for chunk in chunks] == [
            (TUE, TUE, True),
            (MON, MON, True),
            (FRI, MON - DAY, True),
        ]

    @given(
        largest=st.integers(1, 5_000),
        start=st.dates(date(2014, 11, 1), date(2015, 11, 20)),
        covered=st.dictionaries(st.sampled_from("ABC"), st.tuples(st.dates(date(2015, 1, 5), date(2015, 3, 1)), st.integers(0, 200))),
    )
    def test_every_chunk_touches_what_is_covered_and_in_the_end_everything_is(
        self, largest: int, start: date, covered: dict[str, tuple[date, int]]
    ) -> None:
        manifest = MemoryManifest()
        manifest.coverage = {symbol: (first, first + length * DAY) for symbol, (first, length) in covered.items()}
        end = date(2015, 11, 25)
        chunks = plan_minutes(dict(manifest.coverage), "ABC", start, end, XNYS, largest=largest)
        for chunk in chunks:
            sessions = len(XNYS.between(chunk.start, chunk.end))
            assert sessions * len(chunk.symbols) * 390 <= max(largest, 390)
            assert chunk.start.year == chunk.end.year
            manifest.commit(ChunkResult(chunk, (), (Covered(chunk.symbols, chunk.start, chunk.end),), 0, 0, ()))
        for symbol in "ABC":
            first, last = manifest.coverage[symbol]
            assert first <= start
            assert last >= end

    def test_gaps_are_asked_session_by_session(self) -> None:
        missing = pl.DataFrame([("B", TUE), ("A", TUE), ("A", MON)], schema=["symbol", "session"], orient="row")
        assert plan_minute_gaps(missing, XNYS) == (Chunk(("A",), MON, MON, gap=True), Chunk(("A", "B"), TUE, TUE, gap=True))
        assert len(plan_minute_gaps(missing, XNYS, largest=390)) == 3

    def test_windows_are_runs_of_sessions(self) -> None:
        assert list(windows((MON, TUE, WED), 2, XNYS, largest=4 * 390)) == [(MON, TUE), (WED, WED)]
        assert list(windows((), 2, XNYS)) == []


class TestRecording:
    def test_minutes_go_to_one_file_of_a_chunk_with_session_source_and_instant(self, world: World) -> None:
        report = world.run([WEEK])
        bars = world.read()
        assert report == MinutesReport(chunks=1, rows=4680, minutes=4680, expected=4680)
        assert bars.height == report.rows
        assert bars.select("source", "known_at").unique().rows() == [("vendor", NOW)]
        assert bars.filter(symbol="A", session=TUE)["start"].to_list() == [at(TUE, minute) for minute in range(390)]
        (file,) = world.results[0].files
        assert file.path.startswith("bars_1m/vendor/2015/2015-11-23_2015-11-25-")
        assert world.results[0].covered == (Covered(tuple("ABCD"), MON, WED),)
        assert world.progress == [(1, 1, report.rows)]

    def test_refused_rows_go_to_their_table_with_the_run(self, world: World) -> None:
        world.source.more = [row("A", at(MON, -5), 20.0), row("B", at(TUE, 7), 3.0)]
        report = world.run([WEEK])
        refused = world.read("quarantine_1m")
        assert (report.quarantined, len(report.reasons)) == (2, 2)
        assert refused.select("symbol", "start", "session", "rule", "run_id").rows() == [
            ("A", at(MON, -5), MON, "outside the session", "book-backfill-1m"),
            ("B", at(TUE, 7), TUE, "duplicate key", "book-backfill-1m"),
        ]

    def test_extended_hours_and_filling_are_counted(self, world: World) -> None:
        world.source.more = [row("A", at(MON, -5), 20.0)]
        world.source.left_out = {("B", TUE): [9]}
        world.source.more += [("B", at(TUE, 9), 30.0, 30.0, 30.0, 30.0, 0.0)]
        report = world.run([WEEK], extended_hours="drop")
        assert (report.extended, report.filled, report.quarantined, report.reasons) == (1, 1, 0, ())

    def test_an_answer_without_rows_is_recorded_as_covered(self, world: World) -> None:
        world.source.left_out = {(symbol, day): range(390) for symbol in "ABCD" for day in (MON, TUE, WED)}
        assert world.run([WEEK]).rows == 0
        assert world.results[0].files == ()
        assert world.manifest.coverage == dict.fromkeys("ABCD", (MON, WED))

    def test_what_the_gate_does_not_trust_is_not_recorded_and_what_came_before_stays(self, world: World) -> None:
        first, second = Chunk(("A",), FRI, FRI), Chunk(("A",), MON, WED)
        world.source.more = [row("A", XNYS.closes_at(day), 20.0) for day in (MON, TUE, WED)]
        world.source.left_out = {("A", day): [0] for day in (MON, TUE, WED)}
        with pytest.raises(
            GateHalt, match=r"quality gate of source 'vendor', minute bars: .* stamped at the END .*Nothing from 2015-11-23"
        ):
            world.run([first, second])
        assert world.manifest.coverage == {"A": (FRI, FRI)}
        assert world.read()["session"].unique().to_list() == [FRI]

    def test_a_vendor_that_fails_leaves_what_came_before(self, world: World) -> None:
        world.source.fails_after = 1
        with pytest.raises(VendorUnavailable):
            world.run([Chunk(("A",), MON, MON), Chunk(("A",), TUE, TUE)])
        assert world.manifest.coverage == {"A": (MON, MON)}

    def test_minutes_are_laid_beside_the_daily_bars_that_are_there(self, world: World) -> None:
        world.put_daily(MON, {"A": 5.0, "B": 5.0}, close=29.0)
        report = world.run([WEEK])
        assert (report.compared, report.identical) == (2, 0)
        assert report.reasons == (
            "2 of 2 sessions close further than a factor of 1.22 from their daily bar: A 2015-11-23 (20.06 against 29), "
            "B 2015-11-23 (20.06 against 29)",
        )


class TestGapsOfMinutes:
    def test_what_the_lake_lacks_of_a_session_comes_in_beside_what_it_has(self, world: World) -> None:
        world.source.left_out = {("A", TUE): range(200, 390)}
        assert world.run([WEEK]).incomplete == 1
        world.source.left_out = {}
        before = world.read()
        report = world.run([Chunk(("A", "B"), TUE, TUE, gap=True)])
        assert (report.rows, report.healed, report.incomplete) == (190, 1, 0)
        assert world.read().join(before, on=["symbol", "start"], how="anti").height == 190
        assert world.read().filter(symbol="A", session=TUE).height == 390
        assert world.results[-1].covered == ()
        assert world.run([Chunk(("A", "B"), TUE, TUE, gap=True)]) == MinutesReport(chunks=1)

    def test_a_session_that_comes_in_pieces_is_kept_whole(self, world: World) -> None:
        world.source.left_out = {("A", TUE): range(100, 390)}
        world.run([Chunk(("A",), TUE, TUE)])
        for end in (200, 300, 390):
            world.source.left_out = {("A", TUE): range(end, 390)}
            world.run([Chunk(("A",), TUE, TUE, gap=True)])
        assert world.read()["start"].to_list() == [at(TUE, minute) for minute in range(390)]

    def test_rows_that_are_still_bad_are_refused_once(self, world: World) -> None:
        world.source.left_out = {("A", TUE): range(390)}
        world.source.more = [row("A", at(TUE, 7), 20.0)] * 2
        assert world.run([WEEK]).quarantined == 1
        report = world.run([Chunk(("A",), TUE, TUE, gap=True)])
        assert (report.quarantined, report.reasons) == (0, ())
        assert world.read("quarantine_1m").height == 1


class TestARecentSession:
    def test_its_symbols_must_be_there_and_whole(self, world: World) -> None:
        world.source.left_out = {("A", WED): range(390), ("B", WED): range(200, 390)}
        with pytest.raises(GateHalt) as halted:
            world.run([WEEK], listed="ABCD")
        assert "session 2015-11-25 has its minutes whole for 2 of 4 symbols that traded (50.0%), below the completeness of 90.0%" in str(
            halted.value
        )
        assert "session 2015-11-25 is incomplete for 1 of 3 liquid symbols: B (200 of 390 minutes" in str(halted.value)
        assert world.read().is_empty()

    def test_one_that_is_late_stays_uncovered_and_one_that_is_cut_off_is_covered(self, world: World) -> None:
        world.source.left_out = {("A", WED): range(390), ("B", WED): range(200, 390)}
        world.run([WEEK], listed="ABCD", completeness=0.5)
        assert world.manifest.coverage == {"A": (MON, TUE), "B": (MON, WED), "C": (MON, WED), "D": (MON, WED)}

    def test_what_did_not_trade_that_day_as_far_as_daily_bars_tell_need_not_be(self, world: World) -> None:
        world.put_daily(WED, {"A": 0.0, "B": 5.0, "C": 5.0})
        world.source.left_out = {("A", WED): range(390), ("D", WED): range(390)}
        world.run([WEEK], listed="ABCD")
        assert world.manifest.coverage == dict.fromkeys("ABCD", (MON, WED))

    def test_chunks_that_reach_it_are_committed_together_once_all_are_there(self, world: World) -> None:
        chunks = [Chunk(("A", "B"), MON, TUE), Chunk(("A", "B"), WED, WED), Chunk(("C", "D"), MON, WED)]
        world.source.left_out = {("D", WED): range(390)}
        with pytest.raises(GateHalt, match="3 of 4 symbols"):
            world.run(chunks, listed="ABCD")
        assert world.manifest.coverage == dict.fromkeys("AB", (MON, TUE))
        world.source.left_out = {}
        world.run(chunks[1:], listed="ABCD")
        assert world.manifest.coverage == dict.fromkeys("ABCD", (MON, WED))
        assert [told[:2] for told in world.progress] == [(1, 3), (1, 2), (2, 2)]

    def test_history_need_not_be_whole(self, world: World) -> None:
        world.source.left_out = {("A", WED): range(390)}
        assert world.run([WEEK]).rows == 11 * 390


class TestSourcesWithoutMinutes:
    def test_one_that_cannot_is_refused(self, world: World) -> None:
        world.source = ScriptedSource("AB")
        with pytest.raises(ConfigError, match=r"source 'scripted' has no minute bars; use a book on a source that has them, or --bars 1d"):
            world.run([WEEK])

    def test_files_that_describe_none_are_told_where_to(self, tmp_path: Path) -> None:
        files = FilesSource("mine", FilesSettings.model_validate({"bars": {"path": "bars.csv"}}), tmp_path)
        with pytest.raises(ConfigError, match=r"source 'mine' has no minute bars; describe their file under `minutes`"):
            require_minutes(files)

    def test_one_that_can_is_taken(self) -> None:
        vendor: Any = MinuteVendor()
        assert require_minutes(vendor) is vendor


def test_the_vendor_of_this_file_speaks_the_protocol() -> None:
    answer = asyncio.run(MinuteVendor().fetch_minutes("AB", MON, TUE))
    assert answer.schema == RAW_MINUTES
    assert answer.height == 4 * 390
