"""Merging the files of periods that are over."""

import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.lake import Lake, LakeFile, NotCompacted, Period, actions_path, bars_path, closed_periods
from grodt.lake.encoding import encode
from grodt.lake.files import Disk
from grodt.lake.local import LocalFolder
from grodt.lake.paths import days_of
from grodt.lake.tables import SCHEMA_VERSION
from grodt.lake.validation import types
from tests.examples import examples
from tests.lake.shelves import FolderShelf, Shelf, lake_on, rows_standing, shelf_of
from tests.lake.world import KNOWN_AT, DyingDisk, Killed, MemoryManifest, PowerlessDisk, bars, write_bars

NEXT_YEAR = date(2025, 1, 2)
DAYS = [date(2024, 1, 2) + timedelta(days=day) for day in range(4)]


def write_days(lake: Lake, manifest: MemoryManifest, days: list[date] = DAYS, symbols: tuple[str, ...] = ("AAA", "BBB")) -> pl.DataFrame:
    """A file per session, each committed by itself; all their rows in key order."""
    frames = [bars(symbols, 1, start=day, close=10 + number) for number, day in enumerate(days)]
    for number, frame in enumerate(frames):
        known_at = KNOWN_AT + timedelta(days=number)
        path = bars_path("demo", symbols, days[number], days[number], days[number].year)
        manifest.commit(lake.write("bars_1d", path, frame, source="demo", known_at=known_at, run_id=f"run-{number}"))
    return pl.concat(frames).sort("source", "symbol", "session")


def lives(act: Callable[[], object]) -> bool:
    try:
        act()
    except Killed:
        return False
    return True


def merge(lake: Lake, manifest: MemoryManifest, session: date = NEXT_YEAR) -> LakeFile:
    (period,) = closed_periods(manifest.snapshot().files, session)
    merged = lake.compact(period, manifest.snapshot(), run_id="merge")
    manifest.commit(merged, removed=[file.path for file in period.files])
    return merged


class TestPeriods:
    def of(self, *ranges: tuple[str, str], session: str) -> list[list[str]]:
        """What is merged, as days of the files, of files of those first and last days."""
        files = []
        for first, last in ranges:
            begun, end = date.fromisoformat(first), date.fromisoformat(last)
            path = bars_path("demo", ["A"], begun, end, begun.year)
            files.append(LakeFile("bars_1d", path, "a" * 64, 10, 10, begun, end, 2, "demo", KNOWN_AT, "run"))
        periods = closed_periods(files, date.fromisoformat(session))
        return [[file.path.split("/")[-1][:21] for file in period.files] for period in periods]

    def test_a_month_is_merged_when_it_is_over_and_a_year_when_it_is(self):
        days = [("2024-01-30", "2024-01-30"), ("2024-01-31", "2024-01-31"), ("2024-02-01", "2024-02-01"), ("2024-02-02", "2024-02-02")]
        january = [f"{first}_{last}" for first, last in days[:2]]
        assert self.of(*days, session="2024-01-31") == []
        assert self.of(*days, session="2024-02-02") == [january]
        assert self.of(*days, session="2024-03-01") == [january, ["2024-02-01_2024-02-01", "2024-02-02_2024-02-02"]]
        assert self.of(*days, session="2025-01-02") == [[f"{first}_{last}" for first, last in days]]

    def test_a_file_that_reaches_beyond_a_month_waits_for_its_year(self):
        files = [("2024-01-01", "2024-05-10"), ("2024-05-13", "2024-05-13"), ("2024-05-14", "2024-05-14")]
        assert self.of(*files, session="2024-06-03") == [["2024-05-13_2024-05-13", "2024-05-14_2024-05-14"]]
        assert len(self.of(*files, session="2025-01-02")[0]) == 3

    def test_a_file_that_was_asked_for_over_the_end_of_a_month_is_of_the_month_of_its_sessions(self):
        saturday, monday, tuesday = date(2024, 8, 31), date(2024, 9, 2), date(2024, 9, 3)
        files = [
            LakeFile("bars_1d", bars_path("demo", ["A"], first, last, 2024), "a" * 64, 10, 10, last, last, 2, "demo", KNOWN_AT, "run")
            for first, last in ((saturday, monday), (tuesday, tuesday))
        ]
        assert closed_periods(files, date(2024, 9, 30)) == ()
        (period,) = closed_periods(files, date(2024, 10, 1))
        assert days_of(period.path) == ("bars_1d/demo/2024", saturday, tuesday)

    def test_a_file_with_dates_that_were_not_asked_for_goes_by_what_was(self):
        odd = LakeFile(
            "quarantine",
            bars_path("demo", ["A"], DAYS[0], DAYS[0], 2024).replace("bars_1d", "quarantine"),
            *("a" * 64, 10, 10, date(1970, 1, 1), date(1970, 1, 1), 2, "demo", KNOWN_AT, "run"),
        )
        (period,) = closed_periods([odd, replace(odd, path=odd.path.replace("-01-02-", "-01-03-"))], date(2024, 2, 1))
        assert len(period.files) == 2

    def test_one_file_alone_is_left_as_it_is(self):
        assert self.of(("2023-01-01", "2023-12-31"), ("2024-01-02", "2024-01-02"), session="2024-02-01") == []

    def test_tables_sources_and_years_are_not_mixed(self, tmp_path: Path):
        manifest = MemoryManifest()
        lake = Lake(tmp_path, manifest)
        for source, day in (("demo", DAYS[0]), ("other", DAYS[0]), ("demo", date(2023, 1, 2))):
            manifest.commit(write_bars(lake, bars(["A"], 1, start=day, source=source), source))
        assert closed_periods(manifest.snapshot().files, NEXT_YEAR) == ()

    def test_what_would_not_fit_into_memory_is_merged_by_month_or_not_at_all(self):
        def minutes(symbol: str, day: date, rows: int) -> LakeFile:
            path = bars_path("demo", [symbol], day, day, day.year).replace("bars_1d", "bars_1m")
            return LakeFile("bars_1m", path, "a" * 64, 10, rows, day, day, 2, "demo", KNOWN_AT, "run")

        january = [minutes(symbol, DAYS[0], 2_000_000) for symbol in "AB"]
        february = [minutes(symbol, date(2024, 2, 1), 1_000_000) for symbol in "AB"]
        assert [len(period.files) for period in closed_periods(january, NEXT_YEAR)] == [2]
        assert [len(period.files) for period in closed_periods([*january, *february], NEXT_YEAR)] == [2, 2]
        assert [period.rows for period in closed_periods([*january, *february, minutes("C", DAYS[1], 1)], NEXT_YEAR)] == [2_000_000]

    def test_a_path_that_was_not_made_for_days_is_left_alone(self):
        assert days_of("instruments/demo/instruments.parquet") is None
        assert days_of("signals/demo/2024/2024-01-02.parquet") is None
        assert days_of("bars_1d/demo/2024/2024-01-02_2024-01-03-abc.parquet") == ("bars_1d/demo/2024", date(2024, 1, 2), date(2024, 1, 3))


class TestMerging:
    """On a folder, a store in memory and a store of files."""

    def test_one_file_has_the_rows_of_all_and_says_when_the_newest_was_known(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        rows = write_days(shelved, manifest)
        merged = merge(shelved, manifest)
        assert (merged.rows, merged.first_session, merged.last_session) == (8, DAYS[0], DAYS[-1])
        assert (merged.known_at, merged.run_id) == (KNOWN_AT + timedelta(days=3), "merge")
        assert [file.path for file in manifest.snapshot().files] == [merged.path]
        assert {path for path in shelf.paths() if path.startswith("bars_1d/")} == {merged.path}
        assert rows_standing(shelf).equals(rows)
        assert lake_on(shelf, manifest).read("bars_1d", manifest.snapshot()).equals(rows)

    def test_every_earlier_snapshot_reads_as_before(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        write_days(shelved, manifest)
        before = [shelved.read("bars_1d", manifest.snapshot(version)) for version in range(5)]
        merge(shelved, manifest)
        fresh = lake_on(shelf, manifest)
        assert all(fresh.read("bars_1d", manifest.snapshot(version)).equals(rows) for version, rows in enumerate(before))
        assert fresh.verify(manifest.snapshot()) == []
        assert fresh.verify(manifest.snapshot(3)) == []

    def test_the_bytes_depend_on_the_rows_alone(self, tmp_path: Path):
        digests = set()
        for number, kind in enumerate(("folder", "memory")):
            manifest = MemoryManifest()
            shelf = shelf_of(kind, tmp_path / str(number))
            write_days(lake_on(shelf, manifest), manifest)
            merged = merge(lake_on(shelf, manifest), manifest)
            digests.add((merged.path, merged.sha256))
        assert len(digests) == 1

    def test_other_files_of_the_folder_stay(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        rows = write_days(shelved, manifest, [*DAYS, date(2024, 2, 1), date(2024, 2, 2)])
        merge(shelved, manifest, date(2024, 2, 2))
        assert len(manifest.snapshot().files) == 3
        assert rows_standing(shelf).equals(rows)
        assert shelved.verify(manifest.snapshot()) == []

    def test_what_comes_later_is_merged_with_what_was_merged_before(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        rows = write_days(shelved, manifest)
        first = merge(shelved, manifest)
        late = bars(["CCC"], 2, start=DAYS[0])
        manifest.commit(write_bars(shelved, late))
        second = merge(shelved, manifest)
        assert second.path != first.path
        assert rows_standing(shelf).equals(pl.concat([rows, late]))
        assert shelved.read("bars_1d", manifest.snapshot(5)).equals(rows)
        assert shelved.verify(manifest.snapshot()) == []

    def test_files_of_an_earlier_schema_are_merged_with_null_in_the_columns_that_they_lack(
        self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest
    ):
        row = {
            "source": "demo",
            "symbol": "AAA",
            "kind": "split",
            "pay_date": None,
            "ratio_new": 2,
            "ratio_old": 1,
            "cash_per_share": None,
            "new_symbol": None,
            "known_at": KNOWN_AT,
        }
        rows = [pl.DataFrame([{**row, "ex_date": day}], schema=types("corporate_actions")) for day in DAYS[:2]]
        paths = [actions_path("demo", ["AAA"], day, day, 2024) for day in DAYS[:2]]
        content = bytes(encode(rows[0].drop("new_symbol").cast({"kind": pl.String}), "ex_date"))
        shelf.put(paths[0], content)
        new = shelved.write("corporate_actions", paths[1], rows[1], source="demo", known_at=KNOWN_AT, run_id="r")
        old = replace(
            new,
            path=paths[0],
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            schema_version=1,
            first_session=DAYS[0],
            last_session=DAYS[0],
        )
        manifest.commit(old, new)
        merged = merge(shelved, manifest)
        assert merged.schema_version == SCHEMA_VERSION
        assert shelved.read("corporate_actions", manifest.snapshot()).equals(pl.concat(rows))
        assert shelved.read("corporate_actions", manifest.snapshot(1)).equals(pl.concat(rows))

    def test_a_row_that_is_in_two_files_is_named_and_nothing_is_merged(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        for symbols in (["AAA"], ["AAA", "BBB"]):
            manifest.commit(write_bars(shelved, bars(symbols, 1, start=DAYS[0])))
        before = shelf.paths()
        with pytest.raises(NotCompacted, match=r"bars_1d/demo/2024: a row of .* is in two of the 2 files"):
            merge(shelved, manifest)
        assert shelf.paths() == before

    def test_a_damaged_file_is_not_merged(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        write_days(shelved, manifest)
        path = manifest.snapshot().files[1].path
        shelf.put(path, shelf.get(path)[:-1])
        before = shelf.paths()
        with pytest.raises(DataError, match=f"lake file {path} is altered"):
            merge(lake_on(shelf, manifest), manifest)
        assert shelf.paths() == before

    def test_a_run_that_dies_before_its_commit_is_undone_by_the_next_fill(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        rows = write_days(shelved, manifest)
        (period,) = closed_periods(manifest.snapshot().files, NEXT_YEAR)
        merged = shelved.compact(period, manifest.snapshot(), run_id="dies")
        assert rows_standing(shelf).equals(rows)
        assert shelved.read("bars_1d", manifest.snapshot()).sort("source", "symbol", "session").equals(rows)
        assert {finding.kind for finding in shelved.verify(manifest.snapshot())} == {"missing", "unlisted"}

        listed = [file.path for file in period.files]
        assert shelved.set_aside("demo", ["bars_1d"]) == tuple(sorted([*listed, merged.path]))
        assert {path for path in shelf.paths() if path.startswith("bars_1d/")} == set(listed)
        assert rows_standing(shelf).equals(rows)
        assert shelved.verify(manifest.snapshot()) == []
        assert merge(shelved, manifest).sha256 == merged.sha256
        assert shelved.verify(manifest.snapshot()) == []

    def test_a_listed_file_that_has_gone_comes_back_from_the_history(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        write_days(shelved, manifest)
        file = manifest.snapshot().files[2]
        content = shelf.get(file.path)
        shelf.remove(file.path)
        assert shelved.set_aside("demo", ["bars_1d"]) == ()
        shelf.put(f"_history/{file.path}.{file.sha256}", content[:-1])
        assert shelved.set_aside("demo", ["bars_1d"]) == ()
        shelf.put(f"_history/{file.path}.{file.sha256}", content)
        assert shelved.set_aside("demo", ["bars_1d"]) == (file.path,)
        assert shelf.get(file.path) == content

    def test_what_a_dead_writer_left_half_written_is_removed(self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest):
        write_days(shelved, manifest)
        listed = shelf.paths()
        folder, _, name = manifest.snapshot().files[2].path.rpartition("/")
        shelf.put(f"{folder}/.{name}.tmp", b"half")
        assert {finding.kind for finding in shelved.verify(manifest.snapshot())} == {"unlisted"}
        assert shelved.set_aside("demo", ["bars_1d"]) == ()
        assert shelf.paths() == listed
        assert shelved.verify(manifest.snapshot()) == []

    def test_a_newer_version_that_was_not_committed_gives_way_to_the_listed_one(
        self, shelf: Shelf, shelved: Lake, manifest: MemoryManifest
    ):
        rows = write_days(shelved, manifest)
        file = manifest.snapshot().files[2]
        wrong = rows.filter(session=file.first_session).with_columns(close=pl.col("close") + 1.0)
        died = shelved.write("bars_1d", file.path, wrong, source="demo", known_at=KNOWN_AT, run_id="dies")
        assert not rows_standing(shelf).equals(rows)
        assert shelved.set_aside("demo", ["bars_1d"]) == (file.path,)
        assert rows_standing(shelf).equals(rows)
        assert f"_history/{file.path}.{died.sha256}" in shelf.paths()
        assert shelved.verify(manifest.snapshot()) == []
        assert shelved.set_aside("demo", ["bars_1d"]) == ()


@dataclass
class WatchingDisk(DyingDisk):
    """Looks at the table before and after each step, as a glob does at that instant."""

    shelf: FolderShelf | None = None
    seen: list[pl.DataFrame] = field(default_factory=list)

    def _step(self, name, path, act):
        self.seen.append(rows_standing(self.shelf))
        super()._step(name, path, act)
        self.seen.append(rows_standing(self.shelf))


class TestSteps:
    """On a folder, where each step is seen."""

    def test_a_glob_finds_each_row_once_between_any_two_steps(self, tmp_path: Path):
        shelf, manifest = FolderShelf(tmp_path / "lake"), MemoryManifest()
        rows = write_days(lake_on(shelf, manifest), manifest, [*DAYS, date(2024, 5, 1)])
        disk = WatchingDisk(shelf=shelf)
        lake = Lake(LocalFolder(shelf.root, disk, {}), manifest)
        (period,) = closed_periods(manifest.snapshot().files, NEXT_YEAR)
        lake.compact(period, manifest.snapshot(), run_id="dies")
        lake.set_aside("demo", ["bars_1d"])
        assert len(disk.seen) > 60
        assert all(seen.equals(rows) for seen in disk.seen)
        assert [step for step in disk.steps if step == "exchange 2024"] == ["exchange 2024"] * 2

    @pytest.mark.parametrize(
        ("disk_type", "when"), [(DyingDisk, "halfway"), (DyingDisk, "after"), (PowerlessDisk, "before"), (PowerlessDisk, "after")]
    )
    @pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.long)])
    def test_killed_at_any_step_the_glob_the_manifest_and_a_rerun_are_right(
        self, tmp_path: Path, disk_type: type[DyingDisk], when: str, stride: int
    ):
        for at in range(0, 200, stride):
            shelf, manifest = FolderShelf(tmp_path / f"{at}"), MemoryManifest()
            rows = write_days(lake_on(shelf, manifest), manifest, [*DAYS[:2], date(2024, 5, 1)])
            disk = disk_type(at=at, when=when)
            survived = lives(lambda: merge(Lake(shelf.root, manifest, disk=disk), manifest, date(2024, 2, 1)))  # noqa: B023
            if isinstance(disk, PowerlessDisk):
                disk.lose_power()
            where = f"{when} step {at}: {disk.steps[-1]}"
            assert rows_standing(shelf).equals(rows), where
            assert lake_on(shelf, manifest).read("bars_1d", manifest.snapshot()).sort("symbol", "session").equals(rows), where

            lake = lake_on(shelf, manifest)
            lake.set_aside("demo", ["bars_1d"])
            if not survived:
                assert rows_standing(shelf).equals(rows), where
                merge(lake, manifest, date(2024, 2, 1))
            assert rows_standing(shelf).equals(rows), where
            assert lake.verify(manifest.snapshot()) == [], where
            assert not any(path.startswith("_staging/") for path in shelf.paths()), where
            if survived:
                assert at > 20
                return
        pytest.fail("it never came to an end")

    @pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.long)])
    def test_killed_at_any_step_of_the_way_back_the_next_one_gets_there(self, tmp_path: Path, when: str):
        for at in range(40):
            shelf, manifest = FolderShelf(tmp_path / f"{at}"), MemoryManifest()
            rows = write_days(lake_on(shelf, manifest), manifest, DAYS[:2])
            (period,) = closed_periods(manifest.snapshot().files, NEXT_YEAR)
            lake_on(shelf, manifest).compact(period, manifest.snapshot(), run_id="dies")
            try:
                Lake(shelf.root, manifest, disk=DyingDisk(at=at, when=when)).set_aside("demo", ["bars_1d"])
            except Killed:
                assert rows_standing(shelf).equals(rows)
                lake_on(shelf, manifest).set_aside("demo", ["bars_1d"])
            else:
                assert at > 15
                return
            assert rows_standing(shelf).equals(rows)
            assert lake_on(shelf, manifest).verify(manifest.snapshot()) == []
        pytest.fail("it never came to an end")

    def test_two_folders_trade_names_and_one_that_is_not_there_is_an_error(self, tmp_path: Path):
        one, other = tmp_path / "one", tmp_path / "other"
        for folder in (one, other):
            folder.mkdir()
            (folder / folder.name).touch()
        Disk().exchange(one, other)
        assert ((one / "other").exists(), (other / "one").exists()) == (True, True)
        with pytest.raises(FileNotFoundError):
            Disk().exchange(one, tmp_path / "nowhere")

    def test_where_folders_cannot_be_exchanged_nothing_is_merged_and_why_is_said(self, tmp_path: Path):
        class NoExchange(Disk):
            def exchange(self, path, other):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))

        shelf, manifest = FolderShelf(tmp_path / "lake"), MemoryManifest()
        rows = write_days(lake_on(shelf, manifest), manifest)
        before = shelf.paths()
        lake = Lake(shelf.root, manifest, disk=NoExchange())
        with pytest.raises(NotCompacted, match=r"the file system of .* cannot exchange two folders in one step \(Invalid argument\)"):
            merge(lake, manifest)
        assert shelf.paths() == before

        # What another machine merged before it died is undone all the same; for a moment a row may be missed, and never is it there twice.
        (period,) = closed_periods(manifest.snapshot().files, NEXT_YEAR)
        lake_on(shelf, manifest).compact(period, manifest.snapshot(), run_id="dies")
        lake.set_aside("demo", ["bars_1d"])
        assert rows_standing(shelf).equals(rows)
        assert lake.verify(manifest.snapshot()) == []


@examples(12)
@given(
    days=st.lists(st.dates(date(2023, 11, 1), date(2024, 3, 31)), min_size=1, max_size=8, unique=True),
    session=st.dates(date(2024, 1, 1), date(2025, 2, 1)),
)
def test_whatever_is_merged_reads_stay_the_same(tmp_path_factory: pytest.TempPathFactory, days: list[date], session: date) -> None:
    manifest = MemoryManifest()
    shelf = FolderShelf(tmp_path_factory.mktemp("lake"))
    lake = lake_on(shelf, manifest)
    rows = write_days(lake, manifest, days)
    while periods := closed_periods(manifest.snapshot().files, session):
        merged = lake.compact(periods[0], manifest.snapshot(), run_id="merge")
        manifest.commit(merged, removed=[file.path for file in periods[0].files])
    assert lake.read("bars_1d", manifest.snapshot()).sort("symbol", "session").equals(rows)
    assert rows_standing(shelf).equals(rows)
    for day in days:
        assert lake.read("bars_1d", manifest.snapshot(), start=day, end=day).equals(rows.filter(pl.col("session") == day))
    assert lake.verify(manifest.snapshot()) == []


def test_a_period_says_what_it_is_of() -> None:
    path = bars_path("demo", ["A"], *DAYS[:2], 2024)
    file = LakeFile("bars_1d", path, "a" * 64, 10, 7, *DAYS[:2], 2, "demo", KNOWN_AT, "r")
    period = Period("bars_1d/demo/2024/x.parquet", (file, file))
    assert (period.table, period.folder, period.rows) == ("bars_1d", "bars_1d/demo/2024", 14)
