"""Backfilling minute bars: more history, sessions that are missing or cut off, and being killed in between."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from grodt.bars.chunks import Chunk
from grodt.bars.ingest import GateHalt
from grodt.bars.minute_chunks import plan_minutes_again
from grodt.bars.minute_gate import MinuteThresholds
from grodt.bars.minute_ingest import MinutesReport
from grodt.errors import ConfigError, LeaseHeld, VendorUnavailable
from grodt.execution.backfill_minutes import BackfilledMinutes, backfill_minutes, find_missing_minutes
from grodt.execution.filling import SOURCE_LEASE_TTL
from grodt.lake import Lake, bars_path
from grodt.ledger.leases import acquire, holder_of
from grodt.ledger.manifest import LedgerManifest, commit_files, coverage
from grodt.ledger.unit import Ledger
from tests.bars.minute_world import EARLY, MON, TUE, WED, XNYS, row
from tests.bars.test_ingest import ScriptedSource
from tests.bars.test_minutes_ingest import DAY, FRI, MinuteVendor
from tests.execution.desk import Fuse, FusedLedger, Killed

THU_BEFORE = date(2015, 11, 19)


class Depot:
    """A lake of minutes of three symbols over a ledger; every step may be repeated."""

    def __init__(self, folder: Path, template: Path, fuse: Fuse | None = None) -> None:
        folder.mkdir(exist_ok=True)
        shutil.copy(template, folder / "ledger.db")
        self.real_ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
        fused: Any = FusedLedger(self.real_ledger, fuse or Fuse())
        self.ledger: Ledger = fused
        self.lake = Lake(folder / "lake", LedgerManifest(self.real_ledger))
        self.source: Any = MinuteVendor("ABC")
        self.now = datetime(2015, 12, 31, tzinfo=UTC)
        self.dead: set[str] = set()
        self.progress: list[tuple[int, int, int]] = []

    def fill(self, start: date = MON, session: date = WED, *, again: bool = False, **thresholds: Any) -> BackfilledMinutes:
        return backfill_minutes(
            self.ledger,
            self.lake,
            self.source,
            calendar=XNYS,
            universe=self.source.instruments,
            start=start,
            session=session,
            thresholds=MinuteThresholds(**thresholds),
            completeness=0.9,
            again=again,
            run_id="demo-backfill-1m",
            holder="here",
            is_alive=lambda holder: holder not in self.dead,
            now=lambda: self.now,
            sleep=lambda _: None,
            progress=lambda *told: self.progress.append(told),
        )

    def put_daily(self, session: date, volumes: dict[str, float]) -> None:
        prices = dict.fromkeys(("open", "high", "low", "close"), 20.0)
        rows = [
            {"source": "vendor", "symbol": s, "session": session, **prices, "volume": v, "known_at": self.now} for s, v in volumes.items()
        ]
        frame = pl.DataFrame(rows).with_columns(pl.col("known_at").cast(pl.Datetime("us", "UTC")))
        path = bars_path("vendor", volumes, session, session, session.year)
        with self.real_ledger.write() as tx:
            commit_files(tx, [self.lake.write("bars_1d", path, frame, source="vendor", known_at=self.now, run_id="r")], self.now)

    def covered(self) -> dict[str, tuple[date, date]]:
        with self.real_ledger.read() as tx:
            return coverage(tx, "vendor", "1m")

    def glob(self, table: str = "bars_1m") -> pl.DataFrame:
        """As any tool sees the table."""
        return pl.read_parquet(self.lake.root / table / "**/*.parquet").sort("symbol", "start")

    def asked(self, work: Callable[[], object]) -> list[Chunk]:
        """What the source was asked while that went on."""
        before = len(self.source.asked)
        work()
        return list(self.source.asked[before:])

    def close(self) -> None:
        self.real_ledger.close()


@pytest.fixture
def depot(tmp_path: Path, template: Path) -> Iterator[Depot]:
    opened = Depot(tmp_path / "depot", template)
    yield opened
    opened.close()


def test_an_empty_lake_is_filled_and_a_second_time_nothing_is_missing(depot: Depot) -> None:
    done = depot.fill()
    assert done == BackfilledMinutes(MON, WED, 0, MinutesReport(chunks=1, rows=3510, minutes=3510, expected=3510))
    assert done.rows == depot.glob().height == 3 * 3 * 390
    assert depot.covered() == dict.fromkeys("ABC", (MON, WED))
    assert depot.progress == [(1, 1, done.rows)]
    with depot.real_ledger.read() as tx:
        assert coverage(tx, "vendor") == {}
        assert holder_of(tx, "source:vendor") is None
    assert depot.asked(depot.fill) == []
    assert depot.fill() == BackfilledMinutes(MON, WED)


def test_history_before_and_after_is_asked_for_and_nothing_twice(depot: Depot) -> None:
    depot.fill()
    assert depot.asked(lambda: depot.fill(THU_BEFORE, EARLY)) == [
        Chunk(tuple("ABC"), THU_BEFORE, MON - DAY),
        Chunk(tuple("ABC"), WED + DAY, EARLY),
    ]
    sessions = XNYS.between(THU_BEFORE, EARLY)
    assert depot.glob().height == 3 * sum(XNYS.minutes_of(session) for session in sessions)


def test_looking_at_what_is_missing_changes_nothing(depot: Depot) -> None:
    found = find_missing_minutes(
        depot.real_ledger,
        depot.lake,
        depot.source,
        calendar=XNYS,
        universe=depot.source.instruments,
        start=MON,
        session=WED,
        thresholds=MinuteThresholds(),
    )
    assert (len(found.chunks), found.gap_sessions) == (1, 0)
    assert depot.source.asked == []


class TestMissingSessions:
    def test_one_without_a_minute_is_asked_for_again_if_the_symbol_traded_that_day(self, depot: Depot) -> None:
        depot.put_daily(TUE, {"A": 5.0, "B": 0.0})
        depot.source.left_out = {(symbol, TUE): range(390) for symbol in "ABC"}
        depot.fill()
        assert depot.asked(depot.fill) == [Chunk(("A",), TUE, TUE)]
        assert depot.fill() == BackfilledMinutes(MON, WED, 1, MinutesReport(chunks=1))
        depot.source.left_out = {}
        healed = depot.fill()
        assert (healed.gap_sessions, healed.report.healed, healed.rows) == (1, 1, 390)
        assert depot.asked(depot.fill) == []
        assert depot.covered() == dict.fromkeys("ABC", (MON, WED))

    def test_one_that_was_cut_off_is_asked_for_again_and_completed(self, depot: Depot) -> None:
        depot.source.left_out = {("B", TUE): range(200, 390)}
        assert depot.fill().report.incomplete == 1
        depot.source.left_out = {}
        assert depot.asked(lambda: depot.fill(WED, WED)) == []
        healed = depot.fill()
        assert (healed.gap_sessions, healed.report.healed, healed.rows) == (1, 1, 190)
        assert depot.glob().filter(symbol="B", session=TUE).height == 390
        assert depot.fill() == BackfilledMinutes(MON, WED)

    def test_windows_of_sessions_are_looked_at_one_after_the_other(self, depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("grodt.execution.backfill_minutes.windows", lambda days, *_: [(day, day) for day in days])
        depot.put_daily(MON, {"C": 5.0})
        depot.source.left_out = {("B", TUE): range(200, 390), ("C", MON): range(390)}
        depot.fill()
        assert depot.asked(depot.fill) == [Chunk(("C",), MON, MON), Chunk(("B",), TUE, TUE)]


class TestRecentSessions:
    def test_one_must_be_whole(self, depot: Depot) -> None:
        depot.now = datetime(2015, 11, 26, 12, tzinfo=UTC)
        depot.source.left_out = {(symbol, WED): range(100, 390) for symbol in "AB"}
        with pytest.raises(GateHalt, match="minutes whole for 1 of 3 symbols that traded"):
            depot.fill()
        assert depot.covered() == {}
        with depot.real_ledger.read() as tx:
            assert holder_of(tx, "source:vendor") is None

    def test_an_old_one_is_history(self, depot: Depot) -> None:
        depot.source.left_out = {(symbol, WED): range(100, 390) for symbol in "AB"}
        assert depot.fill().report.incomplete == 2
        assert depot.covered() == dict.fromkeys("ABC", (MON, WED))


class TestWorkers:
    def test_a_source_that_somebody_fills_with_daily_bars_is_theirs_for_minutes_too(self, depot: Depot) -> None:
        with depot.real_ledger.write() as tx:
            acquire(tx, "source:vendor", "host:7:0", depot.now, SOURCE_LEASE_TTL)
        with pytest.raises(LeaseHeld, match="source:vendor is being worked on by host:7:0"):
            depot.fill()
        assert depot.source.asked == []

    def test_a_vendor_that_fails_leaves_what_came_in_and_the_next_start_asks_for_the_rest(self, depot: Depot) -> None:
        depot.fill()
        depot.source.fails_after = len(depot.source.asked) + 1
        with pytest.raises(VendorUnavailable):
            depot.fill(THU_BEFORE, EARLY)
        depot.source.fails_after = 1_000
        assert depot.asked(lambda: depot.fill(THU_BEFORE, EARLY)) == [Chunk(tuple("ABC"), WED + DAY, EARLY)]

    def test_a_file_that_nobody_committed_is_put_aside(self, depot: Depot) -> None:
        depot.fill()
        stray = depot.lake.root / "bars_1m/vendor/2015/stray.parquet"
        shutil.copy(next((depot.lake.root / "bars_1m").rglob("*.parquet")), stray)
        depot.fill()
        assert not stray.exists()
        assert depot.glob().height == 3 * 3 * 390

    @pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.long)])
    def test_killed_anywhere_and_run_again_it_ends_the_same(self, tmp_path: Path, template: Path, stride: int) -> None:
        def prepared(name: str, fuse: Fuse) -> Depot:
            depot = Depot(tmp_path / name, template, fuse)
            real, depot.ledger = depot.ledger, depot.real_ledger
            depot.source.left_out = {("A", MON): range(100, 390)}
            depot.fill(MON, TUE)
            depot.source.left_out = {}
            depot.source.more = [row("B", XNYS.closes_at(WED), 20.0)]
            depot.ledger = real
            return depot

        whole = prepared("whole", fuse := Fuse())
        done = whole.fill(FRI, WED)
        assert (done.report.chunks, done.report.healed, done.report.quarantined) == (3, 1, 1)
        rows, refused, kept = whole.glob().drop("known_at"), whole.glob("quarantine_1m").drop("known_at"), whole.covered()
        assert len(fuse.steps) == 3 * (1 + 3 + 1)
        for at in range(0, len(fuse.steps), stride):
            depot = prepared(f"killed-{at}", Fuse(at=at))
            with pytest.raises(Killed):
                depot.fill(FRI, WED)
            depot.dead = {"here"}
            depot.ledger = depot.real_ledger
            depot.fill(FRI, WED)
            assert depot.glob().drop("known_at").equals(rows), at
            assert depot.glob("quarantine_1m").drop("known_at").equals(refused), at
            assert depot.covered() == kept
            assert depot.lake.verify(LedgerManifest(depot.real_ledger).snapshot()) == []
            depot.close()
        whole.close()


def test_a_source_without_minutes_is_a_mistake_in_the_settings(depot: Depot) -> None:
    depot.source = ScriptedSource("ABC")
    with pytest.raises(ConfigError, match="source 'scripted' has no minute bars"):
        depot.fill()


def test_refused_rows_name_the_run(depot: Depot) -> None:
    depot.source.more = [row("B", XNYS.closes_at(day), 20.0) for day in (MON, FRI)]
    done = depot.fill()
    assert done.report.quarantined == 1
    assert depot.glob("quarantine_1m").select("start", "run_id").rows() == [(XNYS.closes_at(MON), "demo-backfill-1m")]


class Correcting(MinuteVendor):
    """It gives the first bar of A a larger volume from some day on."""

    more_volume = 0.0

    async def fetch_minutes(self, symbols: Any, start: date, end: date) -> pl.DataFrame:
        answer = await super().fetch_minutes(symbols, start, end)
        first = (pl.col("symbol") == "A") & (pl.col("start") == XNYS.opens_at(TUE))
        return answer.with_columns(volume=pl.when(first).then(pl.col("volume") + self.more_volume).otherwise("volume"))


def test_what_is_there_is_asked_for_again_and_a_correction_becomes_a_new_version(depot: Depot) -> None:
    depot.source = Correcting("ABC")
    depot.source.left_out = {("B", TUE): range(100, 105)}
    depot.fill()
    before = depot.glob()
    depot.source.more_volume, depot.source.left_out = 9.0, {}
    then, depot.now = depot.now, datetime(2016, 1, 4, tzinfo=UTC)
    done: list[BackfilledMinutes] = []
    assert depot.asked(lambda: done.append(depot.fill(again=True))) == [Chunk(("A", "B", "C"), MON, WED)]
    assert (done[0].report.rows, done[0].report.revised) == (5, 1)
    after = depot.glob()
    changed = after.join(before, on=after.columns, how="anti")
    assert changed.height == 6
    assert set(changed["known_at"]) == {depot.now}
    assert set(before["known_at"]) == {then}
    revised = changed.join(before, on=["symbol", "start"]).select("symbol", "volume", pl.col("volume_right") + 9.0).rows()
    assert [(symbol, volume == old) for symbol, volume, old in revised] == [("A", True)]
    assert depot.fill(again=True).report.revised == 0
    assert depot.covered() == dict.fromkeys("ABC", (MON, WED))


def test_asking_again_is_cut_to_fit_in_memory() -> None:
    covered = {"A": (MON, WED), "B": (TUE, WED)}
    chunks = plan_minutes_again(covered, ["A", "B", "C"], MON, WED, XNYS, largest=2 * 390)
    assert chunks == (
        Chunk(("A",), MON, MON, again=True),
        Chunk(("A", "B"), TUE, TUE, again=True),
        Chunk(("A", "B"), WED, WED, again=True),
    )
