"""Bringing the lake up to a session, and pinning what a cycle reads."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from grodt.bars.quality import Thresholds
from grodt.errors import DataError, HaltActive, LeaseHeld, VendorUnavailable
from grodt.execution.filling import SOURCE_LEASE_TTL
from grodt.execution.refresh import TABLES, Refreshed, refresh
from grodt.instruments import Instrument
from grodt.lake import Lake
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.evidence import checks_of
from grodt.ledger.halts import active
from grodt.ledger.leases import Lease, acquire, holder_of, release
from grodt.ledger.manifest import LedgerManifest, commit_files, coverage
from grodt.ledger.order_life import transition
from grodt.ledger.runs import Run, close_run, find_run, open_run
from grodt.ledger.unit import Ledger, Read
from grodt.orders.states import OrderState
from tests.bars.test_ingest import XNYS, ScriptedSource
from tests.brokers.world import order
from tests.execution.desk import Fuse, FusedLedger, Killed, make_basket
from tests.ledger.people import rearmed

BOOK = "demo"
START, SHORT = date(2012, 12, 3), date(2013, 12, 16)
FRI, MON, TUE = date(2014, 1, 3), date(2014, 1, 6), date(2014, 1, 7)
LOW = Thresholds(completeness=0.7)


class Depot:
    """One book over a scripted source of four symbols; every step may be repeated."""

    def __init__(self, folder: Path, template: Path, fuse: Fuse | None = None, history_start: date = START) -> None:
        folder.mkdir(exist_ok=True)
        shutil.copy(template, folder / "ledger.db")
        self.real_ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
        fused: Any = FusedLedger(self.real_ledger, fuse or Fuse())
        self.ledger: Ledger = fused
        self.lake = Lake(folder / "lake", LedgerManifest(self.real_ledger))
        self.source = ScriptedSource("ABCD")
        self.now = datetime(2014, 1, 8, tzinfo=UTC)
        self.history_start = history_start
        self.revisions = 0
        self.lease: Lease | None = None
        self.dead: set[str] = set()
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None
        self.progress: list[tuple[int, int, int]] = []

    def open(self, session: date) -> Run:
        with self.real_ledger.write() as tx:
            return open_run(
                tx, book=BOOK, kind="eod", session=session, config_hash="c", code_version="v", flow_run_id="f", fence=1, now=self.now
            )

    def run(self, session: date) -> Run:
        with self.real_ledger.read() as tx:
            found = find_run(tx, f"demo-eod-{session}")
        assert found is not None
        return found

    def refresh(
        self, run: Run, *, thresholds: Thresholds = LOW, universe: Callable[[date], Sequence[Instrument]] | None = None
    ) -> Refreshed:
        return refresh(
            self.ledger,
            self.lease,
            self.lake,
            self.source,
            calendar=XNYS,
            run=run,
            universe=universe or self.source.instruments,
            history_start=self.history_start,
            thresholds=LOW,
            revisions=self.revisions,
            holder="here",
            is_alive=lambda holder: holder not in self.dead,
            now=lambda: self.now,
            sleep=self._sleep,
            progress=lambda done, total, rows: self.progress.append((done, total, rows)),
        )

    def cycle(self, session: date, **changed: Any) -> Refreshed:
        return self.refresh(self.open(session), **changed)

    def read[R](self, question: Callable[[Read], R]) -> R:
        with self.real_ledger.read() as tx:
            return question(tx)

    def glob(self, table: str = "bars_1d") -> pl.DataFrame:
        """As any tool sees the table."""
        return pl.read_parquet(self.lake.root / table / "**/*.parquet").sort("symbol", "session")

    def pinned(self, refreshed: Refreshed) -> pl.DataFrame:
        return self.lake.read("bars_1d", refreshed.snapshot).sort("symbol", "session")

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_pause()

    def close(self) -> None:
        self.real_ledger.close()


@pytest.fixture
def depot(tmp_path: Path, template: Path) -> Iterator[Depot]:
    opened = Depot(tmp_path / "depot", template)
    yield opened
    opened.close()


def test_the_first_refresh_brings_all_history_and_pins_it(depot):
    found = depot.cycle(FRI)
    sessions = XNYS.between(START, FRI)
    assert (found.fetched, found.quarantined) == (4 * len(sessions), 0)
    assert (found.completeness.expected, found.completeness.present) == (4, 4)
    run = depot.run(FRI)
    assert (run.snapshot_version, run.snapshot_digest) == (found.snapshot.version, found.snapshot.digest)
    assert {file.table for file in found.snapshot.files} <= set(TABLES)
    assert depot.read(lambda tx: coverage(tx, "scripted")) == dict.fromkeys("ABCD", (START, FRI))
    assert depot.read(lambda tx: holder_of(tx, "source:scripted")) is None
    assert depot.progress[-1] == (3, 3, found.fetched)
    assert depot.pinned(found).equals(depot.glob())


def test_the_next_session_brings_what_is_missing_alone(depot):
    depot.cycle(FRI)
    assert depot.cycle(MON).fetched == 4
    assert depot.glob().height == 4 * len(XNYS.between(START, MON))


def test_a_pinned_run_reads_the_same_and_asks_nobody_though_newer_data_came(depot):
    first = depot.cycle(FRI)
    before, asked = depot.pinned(first), len(depot.source.asked)
    newest = max(first.snapshot.of("bars_1d"), key=lambda file: file.path)
    revised = depot.lake.read("bars_1d", replace(first.snapshot, files=(newest,))).with_columns(pl.col("close", "high") * 1.01)
    file = depot.lake.write("bars_1d", newest.path, revised, source="scripted", known_at=depot.now, run_id="later")
    with depot.real_ledger.write() as tx:
        commit_files(tx, [file], depot.now)
    depot.cycle(MON)
    asked_by_others = len(depot.source.asked) - asked

    again = depot.refresh(depot.open(FRI))
    assert again.snapshot == first.snapshot
    assert (again.completeness, again.fetched, again.quarantined) == (first.completeness, 0, 0)
    assert depot.pinned(again).equals(before)
    assert not depot.glob().head(before.height).equals(before)
    assert len(depot.source.asked) - asked == asked_by_others


def test_an_incomplete_session_halts_the_book_and_leaves_the_row_of_control_24(depot):
    depot.source.left_out = {("A", FRI), ("B", FRI)}
    with pytest.raises(
        HaltActive, match=r"book demo session 2014-01-03: quality gate .* 2 of 4 listed .*`grodt rearm --book demo --reason WHY`"
    ):
        depot.cycle(FRI)
    (halt,) = depot.read(lambda tx: active(tx, BOOK, depot.now))
    assert (halt.scope, halt.author) == ("book", "quality gate")
    assert "good bars for 2 of 4 listed symbols" in halt.reason
    (row,) = depot.read(lambda tx: checks_of(tx, "demo-eod-2014-01-03")).to_dicts()
    assert (row["control"], row["scope"], row["symbol"], row["verdict"]) == (24, "book", "", "halt")
    assert row["value"] == pytest.approx(0.5)
    assert row["limit"] == pytest.approx(0.3)
    assert row["headroom"] == pytest.approx(-0.2)
    assert row["reason"].startswith("data_incomplete: ")
    assert depot.run(FRI).snapshot_version is None
    assert depot.glob()["session"].max() < FRI
    assert depot.read(lambda tx: holder_of(tx, "source:scripted")) is None


def test_a_session_that_has_not_arrived_is_stale(depot):
    depot.source.left_out = {(symbol, FRI) for symbol in "ABCD"}
    with pytest.raises(HaltActive, match="has no good bar for any of 4 listed symbols"):
        depot.cycle(FRI)
    (row,) = depot.read(lambda tx: checks_of(tx, "demo-eod-2014-01-03")).to_dicts()
    assert (row["value"], row["verdict"]) == (1.0, "halt")
    assert row["reason"].startswith("data_stale: ")


def test_an_answer_that_is_not_to_be_trusted_leaves_the_row_too(depot):
    depot.source = ScriptedSource([f"S{number}" for number in range(8)])
    depot.source.prices = {(symbol, date(2013, 6, 3)): 123.47 for symbol in depot.source.symbols}
    with pytest.raises(HaltActive, match=r"the one close 123\.47 for 8 symbols"):
        depot.cycle(FRI)
    rows = depot.read(lambda tx: checks_of(tx, "demo-eod-2014-01-03")).to_dicts()
    assert [(row["control"], row["scope"], row["value"], row["limit"], row["verdict"]) for row in rows] == [
        (24, "book", 1.0, pytest.approx(0.3), "halt"),
        (25, "book", 1.0, 0.0, "halt"),
    ]
    (halt,) = depot.read(lambda tx: active(tx, BOOK, depot.now))
    assert (halt.kind, halt.control, halt.keep_orders) == ("fault", 25, True)
    assert halt.reason.startswith("data_untrusted: a whole answer of the source is suspect (control 25: value is 1, limit 0): ")


def test_every_attempt_that_the_gate_stops_has_its_row_and_the_halt_is_one(depot):
    depot.source.left_out = {("A", FRI), ("B", FRI)}
    for _ in range(2):
        with pytest.raises(HaltActive):
            depot.cycle(FRI)
    assert depot.run(FRI).attempts == 2
    assert len(depot.read(lambda tx: active(tx, BOOK, depot.now))) == 1


def test_when_the_data_is_mended_and_the_book_re_armed_the_cycle_goes_on(depot):
    depot.source.left_out = {("A", FRI), ("B", FRI)}
    with pytest.raises(HaltActive):
        depot.cycle(FRI)
    with depot.real_ledger.write() as tx:
        close_run(tx, "demo-eod-2014-01-03", "halted", depot.now)
        rearmed(tx, BOOK, depot.now)
    depot.source.left_out = set()
    found = depot.cycle(FRI)
    assert (found.completeness.present, depot.run(FRI).snapshot_version) == (4, found.snapshot.version)


def test_a_pinned_run_measures_how_complete_its_own_data_is(depot):
    depot.source.left_out = {("A", FRI)}
    first = depot.cycle(FRI)
    assert (first.completeness.expected, first.completeness.present) == (4, 3)
    assert depot.refresh(depot.open(FRI)).completeness == first.completeness


def test_a_source_that_another_process_fills_is_waited_for(depot):
    with depot.real_ledger.write() as tx:
        theirs = acquire(tx, "source:scripted", "other", depot.now, SOURCE_LEASE_TTL)

    def release_third() -> None:
        if len(depot.pauses) == 3:
            with depot.real_ledger.write() as tx:
                release(tx, theirs)

    depot.on_pause = release_third
    assert depot.cycle(FRI).completeness.present == 4
    assert len(depot.pauses) == 3


def test_a_source_that_stays_taken_is_given_up_with_the_holder_s_name(depot):
    with depot.real_ledger.write() as tx:
        theirs = acquire(tx, "source:scripted", "host:7:0", depot.now, SOURCE_LEASE_TTL)
    with pytest.raises(LeaseHeld, match="source:scripted is being worked on by host:7:0 until 2014-01-08 00:10"):
        depot.cycle(FRI)
    assert 60 <= sum(depot.pauses) <= 300
    assert depot.source.asked == []
    assert depot.read(lambda tx: coverage(tx, "scripted")) == {}
    assert depot.read(lambda tx: holder_of(tx, "source:scripted")) == theirs


def test_a_source_that_a_dead_process_held_is_taken_at_once(depot):
    with depot.real_ledger.write() as tx:
        acquire(tx, "source:scripted", "other", depot.now, SOURCE_LEASE_TTL)
    depot.dead = {"other"}
    assert depot.cycle(FRI).completeness.present == 4
    assert depot.pauses == []


def test_a_source_that_fails_is_free_again_and_the_next_try_asks_for_the_rest(depot):
    depot.source.fails_after = 1
    with pytest.raises(VendorUnavailable):
        depot.cycle(FRI)
    assert depot.read(lambda tx: holder_of(tx, "source:scripted")) is None
    assert depot.run(FRI).snapshot_version is None
    depot.source.fails_after = 1_000
    assert depot.cycle(FRI).completeness.present == 4
    starts = [chunk.start for chunk in depot.source.asked]
    assert starts == sorted(set(starts))


def test_a_long_fetch_keeps_the_book_s_lease_alive(depot):
    with depot.real_ledger.write() as tx:
        depot.lease = acquire(tx, "book:demo", "here", depot.now, timedelta(minutes=1))
    depot.now += timedelta(minutes=20)
    depot.cycle(FRI)
    held = depot.read(lambda tx: holder_of(tx, "book:demo"))
    assert held.fence == depot.lease.fence
    assert held.expires_at > depot.now


def test_a_process_that_lost_the_book_commits_nothing_more(depot):
    with depot.real_ledger.write() as tx:
        depot.lease = acquire(tx, "book:demo", "here", depot.now, timedelta(minutes=1))
        acquire(tx, "book:demo", "other", depot.now, timedelta(minutes=1), lambda _: False)
    with pytest.raises(LeaseHeld, match="was taken over by other"):
        depot.cycle(FRI)
    assert depot.read(lambda tx: coverage(tx, "scripted")) == {}
    assert depot.read(lambda tx: LedgerManifest(depot.real_ledger).snapshot()).files == ()


def test_a_symbol_that_joins_the_universe_gets_its_whole_history(depot):
    few = depot.source.instruments(FRI)[:3]
    depot.cycle(FRI, universe=lambda _: few)
    assert set(depot.glob()["symbol"]) == set("ABC")
    found = depot.cycle(MON)
    assert depot.read(lambda tx: coverage(tx, "scripted")) == dict.fromkeys("ABCD", (START, MON))
    counts = dict(depot.glob().group_by("symbol").len().iter_rows())
    assert counts == dict.fromkeys("ABCD", len(XNYS.between(START, MON)))
    assert found.completeness.expected == 4
    assert depot.glob().unique(["symbol", "session"]).height == depot.glob().height


def test_what_has_left_the_universe_is_asked_for_while_an_order_may_trade_in_it(depot):
    depot.cycle(FRI)
    two = [each for each in depot.source.instruments(FRI) if each.symbol in "CD"]
    run = depot.run(FRI)
    with depot.real_ledger.write() as tx:
        basket = make_basket(run, [order("A", 10, FRI, "10"), order("B", 10, FRI, "10")])
        record_basket(tx, basket, run.run_id, depot.now)
        approve_basket(tx, basket.hash, "automatic", depot.now)
        (over,) = [each.client_order_id for each in basket.orders if each.symbol == "B"]
        transition(tx, over, OrderState.DENIED, run_id=run.run_id, now=depot.now)
    depot.cycle(MON, universe=lambda _: two)
    assert {symbol: last for symbol, (_, last) in depot.read(lambda tx: coverage(tx, "scripted")).items()} == {
        "A": MON, "B": FRI, "C": MON, "D": MON,
    }  # fmt: skip


def test_books_that_share_a_source_share_its_bars(depot):
    depot.cycle(FRI)
    asked = len(depot.source.asked)
    with depot.real_ledger.write() as tx:
        other = open_run(
            tx, book="other", kind="eod", session=FRI, config_hash="c", code_version="v", flow_run_id="f", fence=1, now=depot.now
        )
    found = depot.refresh(other)
    assert len(depot.source.asked) == asked
    assert (found.fetched, found.completeness.present) == (0, 4)


def test_a_source_that_cannot_be_read_is_an_error_and_no_halt(depot):
    class Garbled(ScriptedSource):
        async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Any:
            raise DataError("bars.csv row 7: close 'x' is no number")

    depot.source = Garbled("ABCD")
    with pytest.raises(DataError, match=r"bars\.csv row 7"):
        depot.cycle(FRI)
    assert depot.read(lambda tx: active(tx, BOOK, depot.now)) == ()


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.long)])
def test_killed_anywhere_and_run_again_the_lake_is_the_same(tmp_path, template, stride):
    whole = Depot(tmp_path / "whole", template, fuse := Fuse(), SHORT)
    expected, kept = whole.cycle(FRI), whole.read(lambda tx: coverage(tx, "scripted"))
    rows = whole.glob().drop("known_at")
    assert len(fuse.steps) >= 12
    for at in range(0, len(fuse.steps), stride):
        depot = Depot(tmp_path / f"killed-{at}", template, Fuse(at=at), SHORT)
        run = depot.open(FRI)
        with pytest.raises(Killed):
            depot.refresh(run)
        depot.dead = {"here"}
        depot.ledger = depot.real_ledger
        found = depot.refresh(depot.open(FRI))
        assert depot.glob().drop("known_at").equals(rows), at
        assert depot.pinned(found).drop("known_at").equals(rows)
        assert found.completeness == expected.completeness
        assert depot.read(lambda tx: coverage(tx, "scripted")) == kept
        depot.close()
    whole.close()
