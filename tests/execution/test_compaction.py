"""Merging a source's files at the end of the bars stage and of a backfill."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import grodt
from grodt.execution.compaction import Compacted, compact
from grodt.execution.filling import FILLED, SourceLease
from grodt.lake import Lake, NotCompacted
from grodt.ledger.manifest import LedgerManifest, commit_files, coverage
from tests.bars.test_ingest import XNYS
from tests.execution.desk import Fuse, Killed
from tests.execution.test_backfill import fill
from tests.execution.test_refresh import Depot

JANUARY = XNYS.between(date(2014, 1, 2), date(2014, 1, 31))
BEGUN = date(2013, 12, 30)


def bars_files(depot: Depot) -> list[str]:
    """Their days."""
    files = LedgerManifest(depot.real_ledger).snapshot(tables=["bars_1d"]).files
    return [file.path.split("/")[-1][:21] for file in files]


def run_january(depot: Depot) -> None:
    depot.history_start = BEGUN
    for session in JANUARY[:4]:
        depot.now = datetime(session.year, session.month, session.day, 23, tzinfo=UTC)
        depot.cycle(session)


@pytest.fixture
def depot(tmp_path, template):
    opened = Depot(tmp_path, template)
    yield opened
    opened.close()


def test_the_first_session_of_a_month_merges_the_month_before(depot):
    run_january(depot)
    assert len(bars_files(depot)) == 5
    before = depot.glob()
    last = JANUARY[3] + timedelta(days=1)
    depot.now = datetime(2014, 2, 4, tzinfo=UTC)
    refreshed = depot.cycle(date(2014, 2, 3))
    files = bars_files(depot)
    assert len(files) == 3
    assert files[1][:10] == "2014-01-01"
    assert depot.glob().filter(pl.col("session") < last).equals(before)
    assert depot.pinned(refreshed).equals(depot.glob())
    assert refreshed.unmerged == ()
    assert depot.lake.verify(LedgerManifest(depot.real_ledger).snapshot()) == []


def test_reads_as_of_an_earlier_instant_are_the_same_before_and_after(depot, tmp_path):
    run_january(depot)
    instants = [datetime(2014, 1, day, hour, tzinfo=UTC) for day in (2, 3, 6, 7, 20) for hour in (1, 23)]
    before = [grodt.read("bars_1d", home=tmp_path, as_of=instant) for instant in instants]
    now = grodt.read("bars_1d", home=tmp_path)
    depot.now = datetime(2014, 2, 4, tzinfo=UTC)
    depot.cycle(date(2014, 2, 3))
    assert len(bars_files(depot)) == 3
    assert all(grodt.read("bars_1d", home=tmp_path, as_of=instant).equals(rows) for instant, rows in zip(instants, before, strict=True))
    assert grodt.read("bars_1d", home=tmp_path, end=JANUARY[3]).equals(now)
    assert {rows.height for rows in before} > {0}


def test_a_backfill_merges_and_asks_for_nothing_again(depot):
    run_january(depot)
    depot.now = datetime(2014, 2, 4, tzinfo=UTC)
    covered = depot.read(lambda tx: coverage(tx, "scripted"))
    fill(depot, start=BEGUN, session=JANUARY[-1])
    rows, asked = depot.glob(), len(depot.source.asked)
    merged = merge(depot, date(2014, 2, 3))
    assert merged.into == 1
    assert fill(depot, start=BEGUN, session=JANUARY[-1]).rows == 0
    assert len(depot.source.asked) == asked
    assert depot.glob().equals(rows)
    assert covered.keys() == depot.read(lambda tx: coverage(tx, "scripted")).keys()


def merge(depot: Depot, session: date, fuse_ledger=None) -> Compacted:
    ledger = fuse_ledger or depot.ledger
    filling = SourceLease(ledger, "scripted", "here", lambda holder: holder not in depot.dead, lambda: depot.now, lambda seconds: None)
    with filling:
        depot.lake.set_aside("scripted", FILLED)
        return compact(ledger, None, filling, depot.lake, "scripted", session, tables=FILLED, run_id="merge", now=lambda: depot.now)


@pytest.mark.parametrize("at", range(8))
def test_killed_around_any_commit_a_rerun_merges_and_every_row_is_there_once(tmp_path, template, at):
    fuse = Fuse()
    depot = Depot(tmp_path, template, fuse)
    run_january(depot)
    rows = depot.glob()
    fuse.at = len(fuse.steps) + at
    try:
        merge(depot, date(2014, 2, 3))
    except Killed:
        assert depot.glob().equals(rows)
        fuse.at = None
        depot.dead.add("here")
        merge(depot, date(2014, 2, 3))
    assert depot.glob().equals(rows)
    assert len(bars_files(depot)) == 2
    assert depot.lake.verify(LedgerManifest(depot.real_ledger).snapshot()) == []
    depot.close()


def test_what_cannot_be_merged_is_left_and_said_once(depot, monkeypatch):
    run_january(depot)

    class Refusing(Lake):
        def compact(self, period, snapshot, *, run_id):
            raise NotCompacted("this file system cannot")

    depot.lake = Refusing(depot.lake.root, LedgerManifest(depot.real_ledger))
    files = bars_files(depot)
    assert merge(depot, date(2015, 1, 5)) == Compacted(0, 0, ("this file system cannot",))
    assert bars_files(depot) == files
    depot.now = datetime(2014, 2, 4, tzinfo=UTC)
    assert depot.cycle(date(2014, 2, 3)).unmerged == ("this file system cannot",)


def test_other_sources_are_left_alone(depot):
    run_january(depot)
    snapshot = LedgerManifest(depot.real_ledger).snapshot(tables=["bars_1d"])
    rows = depot.lake.read("bars_1d", snapshot).with_columns(source=pl.lit("other"))
    files = [
        depot.lake.write("bars_1d", file.path.replace("scripted", "other"), part, source="other", known_at=depot.now, run_id="r")
        for file in snapshot.files
        for part in [rows.filter(pl.col("session").is_between(file.first_session, file.last_session))]
    ]
    with depot.real_ledger.write() as tx:
        commit_files(tx, files, depot.now)
    assert merge(depot, date(2014, 2, 3)).into == 1
    after = LedgerManifest(depot.real_ledger).snapshot(tables=["bars_1d"])
    assert len(after.of("bars_1d", "other")) == len(files)
