"""Corporate actions of a session that goes on: those that take effect in it, also of the days before it that are no sessions."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from grodt.bars.actions_of_today import fetch_actions_of_today
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
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

    def fetch(self, source: Any, since: date) -> tuple[LakeFile, ...]:
        place = {"lake": self.lake, "standing": self.manifest.snapshot(), "run_id": "r", "known_at": NOW}
        files = asyncio.run(fetch_actions_of_today(source, ["A"], MONDAY, since=since, **place))
        self.manifest.commit_files(files)
        return files

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
