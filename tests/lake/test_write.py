import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError, DataError
from grodt.lake import Lake, LakeFile, LakeWriteFailed, actions_path, export_path
from grodt.lake.tables import SCHEMA_VERSION
from tests.examples import examples
from tests.lake.world import KNOWN_AT, DyingDisk, FullDisk, Killed, MemoryManifest, PowerlessDisk, bars, path_of, write_bars


def files_below(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.name != ".lock"}


def glob_closes(root: Path) -> list[float]:
    return pl.read_parquet(f"{root}/bars_1d/**/*.parquet")["close"].to_list()


def test_the_file_is_described_as_it_stands_on_the_disk(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "home" / "lake", MemoryManifest())
    file = write_bars(lake, bars(sessions=3))
    on_disk = (lake.root / file.path).read_bytes()
    assert (file.table, file.rows, file.size, file.source) == ("bars_1d", 6, len(on_disk), "demo")
    assert (file.first_session, file.last_session) == (date(2024, 1, 1), date(2024, 1, 3))
    assert (file.schema_version, file.known_at, file.run_id) == (SCHEMA_VERSION, KNOWN_AT, "demo-eod-2024-01-03")
    assert files_below(lake.root) == {file.path}


def test_rows_are_sorted_by_key_and_their_order_does_not_change_the_bytes(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    first = write_bars(lake, bars())
    again = write_bars(lake, bars().reverse())
    assert first == again
    assert pl.read_parquet(tmp_path / first.path).equals(bars().sort("source", "symbol", "session"))


def test_files_carry_zstd_statistics_and_page_checksums(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    path = tmp_path / write_bars(lake, bars(sessions=300)).path
    column = pq.ParquetFile(path).metadata.row_group(0).column(6)
    assert (column.path_in_schema, column.compression, column.is_stats_set) == ("close", "ZSTD", True)
    damaged = bytearray(path.read_bytes())
    damaged[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(OSError, match=r"(?i)crc|checksum"):
        pq.read_table(path, page_checksum_verification=True, partitioning=None)


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    path = tmp_path / write_bars(lake, bars()).path
    before = path.stat()
    write_bars(lake, bars())
    assert path.stat() == before
    assert len(files_below(tmp_path)) == 1


def test_what_a_dead_attempt_left_behind_goes_with_the_next_write(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    file = write_bars(lake, bars(close=10))
    with pytest.raises(Killed):
        write_bars(Lake(tmp_path, MemoryManifest(), disk=DyingDisk(at=3, when="halfway")), bars(close=20))
    assert len(files_below(tmp_path)) == 2
    write_bars(lake, bars(close=10))
    assert files_below(tmp_path) == {file.path}


def test_a_superseded_version_is_kept_and_the_glob_shows_each_row_once_to_every_tool(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    old = write_bars(lake, bars(close=10))
    write_bars(lake, bars(close=20))
    other = write_bars(lake, bars(["CCC"], close=30))
    assert files_below(tmp_path) == {old.path, f"_history/{old.path}.{old.sha256}", other.path}
    expected = sorted([20.0, 21.0, 22.0] * 2 + [30.0, 31.0, 32.0])
    pattern = f"{tmp_path}/bars_1d/**/*.parquet"
    assert sorted(pl.read_parquet(pattern)["close"].to_list()) == expected
    with duckdb.connect() as connection:
        found = connection.execute("select close from read_parquet(?)", [pattern]).fetchall()
        everywhere = connection.execute("select close from read_parquet(?)", [f"{tmp_path}/**/*.parquet"]).fetchall()
    assert sorted(row[0] for row in found) == sorted(row[0] for row in everywhere) == expected
    frame = pd.read_parquet(tmp_path / "bars_1d")
    assert sorted(frame["close"]) == expected
    assert list(frame.columns) == bars().columns


@examples(20)
@given(closes=st.lists(st.floats(1, 1e6), min_size=1, max_size=5))
def test_however_often_a_path_is_written_each_committed_version_stays_readable(
    tmp_path_factory: pytest.TempPathFactory, closes: list[float]
) -> None:
    manifest = MemoryManifest()
    lake = Lake(tmp_path_factory.mktemp("lake"), manifest)
    snapshots = [manifest.commit(write_bars(lake, bars(["AAA"], 1, close=close))) for close in closes]
    assert [lake.read("bars_1d", snapshot)["close"].item() for snapshot in snapshots] == closes
    assert glob_closes(lake.root) == [closes[-1]]


def steps_of(tmp_path: Path, *, rewrite: bool) -> list[str]:
    disk = DyingDisk()
    lake = Lake(tmp_path / "count", MemoryManifest(), disk=disk)
    write_bars(lake, bars(close=10))
    if rewrite:
        disk.steps.clear()
        write_bars(lake, bars(close=20))
    return disk.steps


def test_the_old_version_is_kept_and_the_new_one_synced_before_the_rename(tmp_path: Path) -> None:
    steps = [step.split()[0] for step in steps_of(tmp_path, rewrite=True)]
    assert steps.index("write") < steps.index("link") < steps.index("sync_folder") < steps.index("replace")
    assert steps[-1] == "sync_folder"


@pytest.mark.parametrize("when", ["before", "halfway", "after"])
@pytest.mark.parametrize("disk_type", [DyingDisk, PowerlessDisk])
def test_killed_at_any_step_the_committed_version_is_readable_and_a_rerun_converges(
    tmp_path: Path, when: str, disk_type: type[DyingDisk]
) -> None:
    for at in range(len(steps_of(tmp_path, rewrite=True))):
        manifest = MemoryManifest()
        root = tmp_path / f"{when}-{at}"
        old = manifest.commit(write_bars(Lake(root, manifest), bars(close=10)))
        disk = disk_type(at=at, when=when)
        with pytest.raises(Killed):
            write_bars(Lake(root, manifest, disk=disk), bars(close=20))
        if isinstance(disk, PowerlessDisk):
            disk.lose_power()

        assert Lake(root, manifest).read("bars_1d", old).equals(bars(close=10)), f"{when} step {at}"
        assert glob_closes(root) in ([10, 11, 12] * 2, [20, 21, 22] * 2)

        lake = Lake(root, manifest)
        new = manifest.commit(write_bars(lake, bars(close=20)))
        assert lake.read("bars_1d", new).equals(bars(close=20))
        assert lake.read("bars_1d", old).equals(bars(close=10))
        assert glob_closes(root) == [20, 21, 22] * 2
        assert lake.verify(new) == []


@pytest.mark.parametrize("when", ["before", "halfway", "after"])
def test_killed_at_any_step_of_the_first_write_a_rerun_converges(tmp_path: Path, when: str) -> None:
    for at in range(len(steps_of(tmp_path, rewrite=False))):
        root = tmp_path / f"{when}-{at}" / "lake"
        manifest = MemoryManifest()
        disk = PowerlessDisk(at=at, when=when)
        with pytest.raises(Killed):
            write_bars(Lake(root, manifest, disk=disk), bars())
        disk.lose_power()
        lake = Lake(root, manifest)
        snapshot = manifest.commit(write_bars(lake, bars()))
        assert lake.read("bars_1d", snapshot).equals(bars())
        assert lake.verify(snapshot) == []


def test_a_version_once_returned_survives_a_loss_of_power(tmp_path: Path) -> None:
    disk = PowerlessDisk()
    manifest = MemoryManifest()
    lake = Lake(tmp_path / "lake", manifest, disk=disk)
    old = manifest.commit(write_bars(lake, bars(close=10)))
    new = manifest.commit(write_bars(lake, bars(close=20)))
    disk.lose_power()
    assert [lake.read("bars_1d", snapshot)["close"][0] for snapshot in (old, new)] == [10, 20]
    assert disk.undo == []


def test_writers_of_one_path_take_turns_and_every_version_stays_readable(tmp_path: Path) -> None:
    def write(close: int) -> tuple[int, LakeFile]:
        return close, write_bars(Lake(tmp_path, MemoryManifest()), bars(close=close))

    with ThreadPoolExecutor(4) as writers:
        versions = list(writers.map(write, range(10, 50)))
    for close, file in versions:
        assert Lake(tmp_path, MemoryManifest()).read("bars_1d", MemoryManifest().commit(file)).equals(bars(close=close))
    assert len(glob_closes(tmp_path)) == 6


def test_a_full_disk_leaves_nothing_half(tmp_path: Path) -> None:
    manifest = MemoryManifest()
    old = manifest.commit(write_bars(Lake(tmp_path, manifest), bars(close=10)))
    before = files_below(tmp_path)
    lake = Lake(tmp_path, manifest, disk=FullDisk(room=100))
    with pytest.raises(LakeWriteFailed, match=r"bars_1d/demo/2024/.* could not be written .*No space left.*run again"):
        write_bars(lake, bars(close=20))
    assert files_below(tmp_path) == before
    assert lake.read("bars_1d", old).equals(bars(close=10))


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
def test_what_the_system_says_of_a_full_disk_reaches_the_message(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    target = tmp_path / path_of(bars())
    target.parent.mkdir(parents=True)
    target.with_name(f".{target.name}.tmp").symlink_to("/dev/full")
    with pytest.raises(LakeWriteFailed, match="No space left on device"):
        write_bars(lake, bars())
    assert files_below(tmp_path) == set()


def test_a_damaged_copy_in_the_history_is_replaced_when_its_version_is_superseded(tmp_path: Path) -> None:
    manifest = MemoryManifest()
    lake = Lake(tmp_path, manifest)
    old = write_bars(lake, bars(close=10))
    kept = tmp_path / f"_history/{old.path}.{old.sha256}"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half")
    write_bars(lake, bars(close=20))
    assert lake.read("bars_1d", manifest.commit(old)).equals(bars(close=10))


def broken(frame: pl.DataFrame, **values: object) -> pl.DataFrame:
    """The frame with one row's values replaced."""
    first = pl.int_range(pl.len()) == 0
    return frame.with_columns(
        pl.when(first).then(pl.lit(value, dtype=frame.schema[name])).otherwise(name).alias(name) for name, value in values.items()
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.drop("close"), "column close is missing"),
        (lambda f: f.with_columns(vwap=1.0), "column vwap is not the table's"),
        (lambda f: f.with_columns(pl.col("close").cast(pl.String)), "column close is String, not Float64"),
        (lambda f: broken(f, low=-1.0), r"1 of 6 rows break its rules: low\|min_exclusive \(1 row, first: .*symbol=AAA.*low=-1.0"),
        (lambda f: broken(f, volume=None), r"volume\|nullability"),
        (lambda f: broken(f, close=float("nan")), r"close\|nan"),
        (lambda f: broken(f, high=1.0), r"high_is_highest \(1 row, first: source=demo, symbol=AAA, session=2024-01-01, open=10.0"),
        (lambda f: pl.concat([f, f.head(1)]), r"primary_key \(2 rows, first: source=demo, symbol=AAA, session=2024-01-01\)"),
        (lambda f: broken(f, source="other"), "rows of source other in a file of demo"),
        (lambda f: f.with_columns(pl.lit(float("nan")).alias(c) for c in ("open", "high", "low", "close", "volume")), r"6 of 6 rows"),
        (lambda f: f.with_columns(pl.lit(float("-inf")).alias(c) for c in ("open", "high", "low", "close", "volume")), "more rules"),
    ],
)
def test_a_frame_that_breaks_its_schema_is_named_and_nothing_is_written(
    tmp_path: Path, spoil: Callable[[pl.DataFrame], pl.DataFrame], message: str
) -> None:
    lake = Lake(tmp_path / "lake", MemoryManifest())
    with pytest.raises(DataError, match=message) as raised:
        lake.write("bars_1d", path_of(bars()), spoil(bars()), source="demo", known_at=KNOWN_AT, run_id="r")
    assert str(raised.value).startswith("bars_1d: ")
    assert not lake.root.exists()


ACTIONS = pl.DataFrame(
    {
        "source": ["us", "us"],
        "symbol": ["AAPL", "AAPL"],
        "ex_date": [date(2014, 6, 9), date(2014, 5, 8)],
        "kind": ["split", "dividend"],
        "pay_date": [None, date(2014, 5, 15)],
        "ratio_new": [7, None],
        "ratio_old": [1, None],
        "cash_per_share": [None, Decimal("3.29")],
        "new_symbol": [None, None],
        "known_at": [KNOWN_AT, KNOWN_AT],
    },
    schema_overrides={"cash_per_share": pl.Decimal(24, 6), "new_symbol": pl.String, "known_at": pl.Datetime("us", "UTC")},
)


def test_an_enumeration_is_text_in_the_file_and_an_enumeration_when_read(tmp_path: Path) -> None:
    manifest = MemoryManifest()
    lake = Lake(tmp_path, manifest)
    path = actions_path("us", ["AAPL"], date(2014, 1, 1), date(2014, 12, 31), 2014)
    file = lake.write("corporate_actions", path, ACTIONS, source="us", known_at=KNOWN_AT, run_id="r")
    assert pl.read_parquet(tmp_path / path).schema["kind"] == pl.String
    rows = lake.read("corporate_actions", manifest.commit(file))
    assert rows.schema["kind"] == pl.Enum(["split", "dividend", "delisting", "symbol_change"])
    assert rows["cash_per_share"].to_list() == [Decimal("3.29"), None]
    assert (file.first_session, file.last_session) == (date(2014, 5, 8), date(2014, 6, 9))
    assert lake.read("corporate_actions", manifest.snapshot(), start=date(2014, 6, 1))["ratio_new"].to_list() == [7]


def test_text_that_is_not_of_the_enumeration_is_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    path = actions_path("us", ["AAPL"], date(2014, 1, 1), date(2014, 12, 31), 2014)
    with pytest.raises(DataError, match=r"column kind has \['merger'\]; it may be split, dividend, delisting, symbol_change"):
        lake.write("corporate_actions", path, ACTIONS.with_columns(kind=pl.lit("merger")), source="us", known_at=KNOWN_AT, run_id="r")


def test_an_export_without_rows_is_a_file_without_rows(tmp_path: Path) -> None:
    manifest = MemoryManifest()
    lake = Lake(tmp_path, manifest)
    empty = lake.read("orders", manifest.snapshot())
    file = lake.write("orders", export_path("orders", "us", date(2014, 6, 9)), empty, source="us", known_at=KNOWN_AT, run_id="r")
    assert (file.rows, file.first_session, file.last_session) == (0, None, None)
    assert lake.read("orders", manifest.commit(file), start=date(2014, 6, 9)).equals(empty)


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path, MemoryManifest())
    with pytest.raises(ValueError, match="table 'bars' is unknown; the lake has bars_1d"):
        lake.write("bars", "bars/x.parquet", bars(), source="demo", known_at=KNOWN_AT, run_id="r")
    with pytest.raises(ValueError, match="is not of the form bars_1d/"):
        lake.write("bars_1d", "../x.parquet", bars(), source="demo", known_at=KNOWN_AT, run_id="r")
    with pytest.raises(ValueError, match=r"known_at .* has no time zone"):
        lake.write("bars_1d", path_of(bars()), bars(), source="demo", known_at=datetime(2024, 1, 1), run_id="r")
    with pytest.raises(ConfigError, match=r"lake nowhere://bucket/lake: .*; correct GRODT_LAKE or the store's variables"):
        Lake("nowhere://bucket/lake", MemoryManifest())
