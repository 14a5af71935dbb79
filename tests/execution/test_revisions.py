"""What a source corrects after it was asked: new versions, and the past as it was known."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from grodt.bars.chunks import Chunk
from grodt.bars.revisions import plan_again
from grodt.errors import HaltActive
from grodt.ledger.manifest import LedgerManifest, coverage, snapshot_as_of
from tests.execution.desk import Fuse, Killed
from tests.execution.test_backfill import fill
from tests.execution.test_refresh import FRI, MON, START, TUE, XNYS, Depot

DAY = timedelta(days=1)
THU = date(2014, 1, 2)


def night(session: date) -> datetime:
    return datetime(session.year, session.month, session.day, 23, tzinfo=UTC)


class Nights:
    """A depot whose cycles run in the night of their session, each asking again for the two sessions before."""

    def __init__(self, depot: Depot) -> None:
        self.depot = depot
        depot.revisions = 2

    def cycle(self, session: date):
        self.depot.now = night(session)
        return self.depot.cycle(session)

    def closes(self, symbol: str = "A", as_of: datetime | None = None) -> dict[date, float]:
        with self.depot.real_ledger.read() as tx:
            seen = snapshot_as_of(tx, as_of or self.depot.now)
        rows = self.depot.lake.read("bars_1d", seen, start=date(2013, 12, 30), symbols=[symbol]).sort("session")
        return dict(zip(rows["session"], rows["close"], strict=True))

    def known(self, symbol: str, session: date) -> datetime:
        rows = self.depot.glob().filter((pl.col("symbol") == symbol) & (pl.col("session") == session))
        return rows["known_at"].item()


@pytest.fixture
def nights(tmp_path: Path, template: Path) -> Iterator[Nights]:
    opened = Depot(tmp_path / "depot", template)
    yield Nights(opened)
    opened.close()


def test_what_was_covered_is_asked_again_within_its_coverage_a_year_at_a_time():
    covered = {"OLD": (date(2010, 1, 1), MON), "LATE": (FRI, MON), "GONE": (date(2010, 1, 1), date(2012, 1, 1))}
    assert plan_again(covered, ["LATE", "OLD", "GONE", "NEW"], date(2013, 12, 30), MON) == (
        Chunk(("OLD",), date(2013, 12, 30), date(2013, 12, 31), again=True),
        Chunk(("OLD",), date(2014, 1, 1), MON, again=True),
        Chunk(("LATE",), FRI, MON, again=True),
    )
    assert [chunk.symbols for chunk in plan_again(dict.fromkeys("ABC", (THU, MON)), "ABC", THU, MON, largest=2)] == [("A", "B"), ("C",)]


def test_a_corrected_bar_becomes_a_new_version_that_says_when_it_was_known(nights):
    nights.cycle(FRI)
    nights.depot.source.prices[("A", FRI)] = 10.5
    found = nights.cycle(MON)
    assert (found.fetched, found.revised, found.quarantined) == (4, 1, 0)
    assert nights.closes() == {date(2013, 12, 30): 10.0, date(2013, 12, 31): 10.0, THU: 10.0, FRI: 10.5, MON: 10.0}
    assert nights.known("A", FRI) == night(MON)
    assert nights.known("B", FRI) == nights.known("A", THU) == night(FRI)
    glob = nights.depot.glob()
    assert glob.height == glob.unique(["symbol", "session"]).height == 4 * len(XNYS.between(START, MON))
    assert nights.depot.lake.verify(LedgerManifest(nights.depot.real_ledger).snapshot()) == []


def test_the_past_is_read_as_it_was_known(nights):
    nights.cycle(FRI)
    nights.depot.source.prices[("A", FRI)] = 10.5
    nights.cycle(MON)
    nights.depot.source.prices[("A", FRI)] = 10.7
    nights.cycle(TUE)
    assert [nights.closes(as_of=night(day))[FRI] for day in (FRI, MON, TUE)] == [10.0, 10.5, 10.7]


def test_a_run_that_was_pinned_before_the_correction_reads_what_it_read(nights):
    first = nights.cycle(FRI)
    before = nights.depot.pinned(first)
    nights.depot.source.prices[("A", FRI)] = 10.5
    nights.cycle(MON)
    assert nights.depot.pinned(first).equals(before)


def test_nothing_is_written_when_nothing_was_corrected(nights):
    nights.cycle(FRI)
    stands = {path: path.stat().st_mtime_ns for path in nights.depot.lake.root.rglob("*.parquet")}
    found = nights.cycle(MON)
    assert (found.fetched, found.revised) == (4, 0)
    assert {path: path.stat().st_mtime_ns for path in stands} == stands
    asked = [(chunk.start, chunk.end) for chunk in nights.depot.source.asked[-2:]]
    assert asked == [(THU, FRI), (FRI + DAY, MON)]


def test_a_bar_that_is_no_longer_given_stays(nights):
    nights.cycle(FRI)
    nights.depot.source.left_out = {("A", FRI)}
    assert nights.cycle(MON).revised == 0
    assert nights.closes()[FRI] == 10.0


def test_a_bar_that_was_missing_comes_in_and_adds_no_coverage(nights):
    nights.depot.source.left_out = {("A", THU)}
    nights.cycle(FRI)
    nights.depot.source.left_out = set()
    found = nights.cycle(MON)
    assert (found.fetched, found.revised) == (5, 0)
    assert nights.closes()[THU] == 10.0
    assert nights.depot.read(lambda tx: coverage(tx, "scripted")) == dict.fromkeys("ABCD", (START, MON))


def test_a_correction_that_the_gate_refuses_goes_to_quarantine_once_and_the_bar_stays(nights):
    nights.cycle(FRI)
    nights.depot.source.prices[("A", FRI)] = 777.0
    found = nights.cycle(MON)
    assert (found.revised, found.quarantined) == (0, 1)
    assert nights.closes()[FRI] == 10.0
    assert nights.cycle(TUE).quarantined == 0
    assert nights.depot.glob("quarantine").select("symbol", "session", "run_id").rows() == [("A", FRI, f"demo-eod-{MON}")]


def test_a_garbled_second_answer_halts_the_book_and_changes_nothing(nights):
    nights.cycle(FRI)
    before = nights.depot.glob()
    nights.depot.source.prices |= {(symbol, day): 777.0 for symbol in "ABCD" for day in (THU, FRI)}
    with pytest.raises(HaltActive, match="quality gate"):
        nights.cycle(MON)
    assert nights.depot.glob().equals(before)


def test_a_corporate_action_that_was_corrected_is_a_revision_too(nights):
    nights.depot.source.actions = [("B", FRI, "dividend", None, None, None, 1, None)]
    nights.cycle(FRI)
    nights.depot.source.actions = [("B", FRI, "dividend", None, None, None, 2, None), ("C", THU, "dividend", None, None, None, 3, None)]
    found = nights.cycle(MON)
    assert (found.fetched, found.revised) == (4, 1)
    with nights.depot.real_ledger.read() as tx:
        was, now = snapshot_as_of(tx, night(FRI)), snapshot_as_of(tx, night(MON))
    cash = {seen: nights.depot.lake.read("corporate_actions", seen).sort("symbol")["cash_per_share"].to_list() for seen in (was, now)}
    assert cash[was] == [1]
    assert cash[now] == [2, 3]


def test_sessions_of_long_ago_are_not_asked_again(nights):
    nights.cycle(FRI)
    nights.depot.now = night(date(2014, 3, 3))
    nights.depot.source.prices[("A", FRI)] = 10.5
    assert nights.depot.cycle(MON).revised == 0
    assert nights.closes()[FRI] == 10.0


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.long)])
def test_a_kill_at_any_commit_ends_where_the_undisturbed_run_ends(tmp_path: Path, template: Path, stride: int):
    def world(name: str, at: int | None) -> tuple[Depot, Fuse]:
        fuse = Fuse(None)
        depot = Depot(tmp_path / name, template, fuse)
        nights = Nights(depot)
        nights.cycle(FRI)
        depot.source.prices[("A", FRI)] = 10.5
        depot.source.left_out = set()
        fuse.steps.clear()
        fuse.at = at
        try:
            nights.cycle(MON)
        except Killed:
            fuse.at = None
            depot.dead.add("here")
            nights.cycle(MON)
        return depot, fuse

    undisturbed, fuse = world("undisturbed", None)
    steps = len(fuse.steps)
    assert steps >= 4
    want = undisturbed.glob()
    undisturbed.close()
    for at in range(0, steps, stride):
        depot, _ = world(f"killed-{at}", at)
        assert depot.glob().equals(want), at
        assert depot.lake.verify(LedgerManifest(depot.real_ledger).snapshot()) == []
        depot.close()


def test_a_backfill_asks_again_for_any_session_when_it_is_told_to(nights):
    nights.cycle(FRI)
    nights.depot.source.prices[("A", date(2013, 3, 4))] = 10.5
    nights.depot.now = night(MON)
    plain, again = fill(nights.depot, START), fill(nights.depot, START, again=True)
    assert (plain.chunks, plain.revised) == (0, 0)
    assert (again.rows, again.revised, again.gap_bars) == (0, 1, 0)
    rows = nights.depot.glob().filter((pl.col("symbol") == "A") & (pl.col("session") == date(2013, 3, 4)))
    assert rows.select("close", "known_at").row(0) == (10.5, night(MON))
    assert fill(nights.depot, START, again=True).revised == 0
