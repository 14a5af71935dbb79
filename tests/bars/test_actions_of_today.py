"""Corporate actions of a session that goes on: those that take effect in it, also of the days before it that are no sessions."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from grodt.bars.actions_of_today import fetch_actions_of_today
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from grodt.bars.taken_back import Untold
from grodt.lake import Lake, LakeFile
from tests.bars.memory_manifest import MemoryManifest

#: 1 January 2027 is a Friday, and the next session is Monday's.
NEW_YEAR, SATURDAY, MONDAY = date(2027, 1, 1), date(2027, 1, 2), date(2027, 1, 4)
NOW = datetime(2027, 1, 4, 15, tzinfo=UTC)


class _Source:
    name = "scripted"

    def __init__(self, *days: date) -> None:
        self.days, self.asked = days, list[tuple[date, date]]()

    async def fetch(self, symbols: Any, start: date, end: date) -> Fetched:
        self.asked.append((start, end))
        rows = [{"symbol": "A", "ex_date": day, "kind": "split", "ratio_new": 2, "ratio_old": 1} for day in self.days]
        return Fetched(pl.DataFrame(schema=RAW_BARS), pl.DataFrame(rows, schema=RAW_ACTIONS))


class _Depot:
    def __init__(self, folder: Path) -> None:
        self.manifest = MemoryManifest()
        self.lake = Lake(folder, self.manifest)

    def fetch(self, source: Any, since: date, untold: Untold | None = None) -> tuple[LakeFile, ...]:
        place = {"lake": self.lake, "standing": self.manifest.snapshot(), "run_id": "r", "known_at": NOW}
        told = asyncio.run(fetch_actions_of_today(source, ["A"], MONDAY, untold or Untold("scripted"), since=since, **place))
        self.manifest.commit_files(told.files)
        self.taken_back = [(each.ex_date, each.told) for each in told.taken_back]
        return told.files

    @property
    def days(self) -> list[date]:
        return self.lake.read("corporate_actions", self.manifest.snapshot(), source="scripted")["ex_date"].sort().to_list()


def test_days_before_the_session_that_are_none_are_asked_for_and_recorded_once(tmp_path: Path) -> None:
    depot, source = _Depot(tmp_path), _Source(SATURDAY)
    assert len(depot.fetch(source, NEW_YEAR)) == 1
    assert depot.fetch(source, NEW_YEAR) == ()
    assert source.asked == [(NEW_YEAR, MONDAY)] * 2
    depot.fetch(_Source(SATURDAY, MONDAY), NEW_YEAR)  # told later in the day
    assert depot.days == [SATURDAY, MONDAY]


def test_what_is_told_of_other_days_is_left_and_days_of_two_years_have_a_file_each(tmp_path: Path) -> None:
    depot, last = _Depot(tmp_path), date(2026, 12, 31)
    files = depot.fetch(_Source(date(2026, 12, 30), last, SATURDAY, date(2027, 1, 5)), last)
    assert [file.path.split("/")[2] for file in files] == ["2026", "2027"]
    assert depot.days == [last, SATURDAY]


def test_one_whose_date_is_corrected_within_the_day_is_recorded_once(tmp_path: Path) -> None:
    depot = _Depot(tmp_path)
    depot.fetch(_Source(SATURDAY), NEW_YEAR)
    (file,) = depot.fetch(_Source(MONDAY), NEW_YEAR)
    assert (file.rows, depot.days, depot.taken_back) == (1, [MONDAY], [(SATURDAY, MONDAY)])
    assert len(depot.fetch(_Source(SATURDAY), NEW_YEAR)) == 1  # and back
    assert (depot.days, depot.taken_back) == ([SATURDAY], [(MONDAY, SATURDAY)])
    assert (depot.fetch(_Source(), NEW_YEAR), depot.days) == ((), [SATURDAY])


def test_what_was_not_told_any_more_of_the_sessions_before_gives_way_to_one_of_today(tmp_path: Path) -> None:
    depot, thursday, untold = _Depot(tmp_path), date(2026, 12, 31), Untold("scripted")
    depot.fetch(_Source(thursday), thursday)
    none = pl.DataFrame(schema=RAW_ACTIONS)
    assert untold.answered(depot.lake, depot.manifest.snapshot(), ["A"], thursday, thursday, none) == ()
    files = depot.fetch(_Source(MONDAY), NEW_YEAR, untold)
    assert [(file.path.split("/")[2], file.rows) for file in files] == [("2026", 0), ("2027", 1)]
    assert (depot.days, depot.taken_back) == ([MONDAY], [(thursday, MONDAY)])
