import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.lake import Lake, LakeFile, Snapshot
from grodt.lake.encoding import encode
from grodt.lake.files import digest
from grodt.lake.storage import Place
from tests.examples import examples
from tests.lake.world import MONDAY, MemoryManifest, bars, spoil_unseen, write_bars

SYMBOLS = ["AAA", "BBB", "CCC"]


@pytest.fixture
def on_disk(tmp_path: Path, manifest: MemoryManifest) -> Lake:
    return Lake(tmp_path, manifest)


@pytest.fixture
def lake(shelved: Lake) -> Lake:
    """On a folder, a store in memory, a store of files."""
    return shelved


def test_a_table_without_files_is_an_empty_typed_frame(lake: Lake, manifest: MemoryManifest) -> None:
    empty = lake.read("bars_1d", manifest.snapshot(), columns=["close", "symbol"])
    assert empty.schema == pl.Schema({"close": pl.Float64(), "symbol": pl.String()})
    assert empty.is_empty()


def test_a_read_gives_the_tables_columns_file_by_file_in_key_order(lake: Lake, manifest: MemoryManifest) -> None:
    late = bars(start=date(2024, 2, 1))
    snapshot = manifest.commit(write_bars(lake, late), write_bars(lake, bars()))
    assert lake.read("bars_1d", snapshot).equals(pl.concat([bars(), late]))


def test_sources_are_kept_apart(lake: Lake, manifest: MemoryManifest) -> None:
    snapshot = manifest.commit(write_bars(lake, bars()), write_bars(lake, bars(close=50, source="us"), "us"))
    assert set(lake.read("bars_1d", snapshot, source="us")["close"]) == {50, 51, 52}
    assert lake.read("bars_1d", snapshot).height == 12
    assert lake.read("bars_1d", snapshot, source="none").is_empty()


@examples(50)
@given(
    start=st.none() | st.integers(-2, 12),
    end=st.none() | st.integers(-2, 12),
    symbols=st.none() | st.lists(st.sampled_from([*SYMBOLS, "ZZZ"])),
)
def test_a_pruned_read_is_the_filtered_whole(
    tmp_path_factory: pytest.TempPathFactory, start: int | None, end: int | None, symbols: list[str] | None
) -> None:
    manifest = MemoryManifest()
    lake = Lake(tmp_path_factory.mktemp("lake"), manifest)
    parts = [bars(SYMBOLS, 4, start=MONDAY + timedelta(days=day)) for day in (0, 4, 8)]
    snapshot = manifest.commit(*(write_bars(lake, part) for part in parts))
    first = MONDAY + timedelta(days=start) if start is not None else None
    last = MONDAY + timedelta(days=end) if end is not None else None
    whole = pl.concat(parts)
    expected = whole.filter(
        pl.col("session") >= (first or date.min), pl.col("session") <= (last or date.max), pl.col("symbol").is_in(symbols or SYMBOLS)
    )
    if symbols == []:
        expected = whole.clear()
    assert lake.read("bars_1d", snapshot, start=first, end=last, symbols=symbols).equals(expected)


def test_files_outside_the_range_are_not_opened(on_disk: Lake, manifest: MemoryManifest) -> None:
    old, new = write_bars(on_disk, bars()), write_bars(on_disk, bars(start=date(2024, 2, 1)))
    snapshot = manifest.commit(old, new)
    (on_disk.root / old.path).unlink()
    assert on_disk.read("bars_1d", snapshot, start=date(2024, 2, 1)).height == 6


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [flip, lambda content: content[:-1], lambda content: b"", lambda content: bytes(len(content))],
    ids=["bit", "cut", "empty", "zeros"],
)
def test_a_damaged_file_is_named_with_both_digests_and_the_version_before_stays_readable(
    on_disk: Lake, manifest: MemoryManifest, damage: Callable[[bytes], bytes]
) -> None:
    old = manifest.commit(write_bars(on_disk, bars(close=10)))
    file = write_bars(on_disk, bars(close=20))
    new = manifest.commit(file)
    assert on_disk.read("bars_1d", new)["close"][0] == 20
    path = on_disk.root / file.path
    path.write_bytes(damage(path.read_bytes()))
    listed = rf"expected {file.size:,} bytes with SHA-256 {file.sha256}"
    expected = rf"lake file {file.path} is altered: {listed}, found .* SHA-256 [0-9a-f]{{64}}; restore"
    for reader in (on_disk, Lake(on_disk.root, manifest)):
        with pytest.raises(DataError, match=expected):
            reader.read("bars_1d", new)
    assert on_disk.read("bars_1d", old).equals(bars(close=10))


@given(st.data())
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    manifest = MemoryManifest()
    root = tmp_path_factory.mktemp("lake")
    file = write_bars(Lake(root, manifest), bars())
    snapshot = manifest.commit(file)
    content = bytearray((root / file.path).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (root / file.path).write_bytes(content)
    with pytest.raises(DataError, match="is altered"):
        Lake(root, manifest).read("bars_1d", snapshot)


def test_missing_files_are_counted_and_the_first_is_named(on_disk: Lake, manifest: MemoryManifest) -> None:
    files = [write_bars(on_disk, bars()), write_bars(on_disk, bars(["CCC"]))]
    snapshot = manifest.commit(*files)
    for file in files:
        (on_disk.root / file.path).unlink()
    with pytest.raises(DataError, match=rf"lake file {snapshot.files[0].path} is missing: .* \(1 more files are not as listed either\)"):
        on_disk.read("bars_1d", snapshot)


def test_a_file_with_other_columns_than_the_table_is_refused(on_disk: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(on_disk, bars())
    content = encode(bars().drop("close").with_columns(volume=pl.lit(1)))
    (on_disk.root / file.path).write_bytes(content)
    sha256 = digest(on_disk.root / file.path)
    forged = LakeFile(**{name: getattr(file, name) for name in LakeFile.__slots__} | {"sha256": sha256, "size": len(content)})
    snapshot = manifest.commit(forged)
    with pytest.raises(
        DataError, match=rf"lake file {file.path} does not .*: column close is missing; column volume is Int32, not Float64"
    ):
        on_disk.read("bars_1d", snapshot)
    assert [finding.kind for finding in on_disk.verify(snapshot)] == ["altered"]


def test_a_checked_file_is_not_hashed_again_by_the_same_lake(on_disk: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(on_disk, bars())
    snapshot = manifest.commit(file)
    on_disk.read("bars_1d", snapshot)
    spoil_unseen(on_disk.root / file.path, "volume")
    assert on_disk.read("bars_1d", snapshot, columns=["close"])["close"].to_list() == bars()["close"].to_list()
    with pytest.raises(DataError, match="is altered"):
        Lake(on_disk.root, manifest).read("bars_1d", snapshot, columns=["close"])


def test_reads_see_their_snapshot_while_a_writer_replaces_the_file(lake: Lake, manifest: MemoryManifest) -> None:
    snapshot: Snapshot = manifest.commit(write_bars(lake, bars(close=10)))
    done = threading.Event()

    def rewrite() -> None:
        for turn in range(60):
            write_bars(lake, bars(close=20 + turn))
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    while not done.is_set():
        assert lake.read("bars_1d", snapshot).equals(bars(close=10))
    writer.join()


class RestlessLake(Lake):
    """Another process renames a version into place between the check and the read, `times` times."""

    times = 0

    def _locate(self, files: Sequence[LakeFile]) -> list[Place]:
        places = super()._locate(files)
        if self.times:
            self.times -= 1
            write_bars(Lake(self.root, MemoryManifest()), bars(close=30 + self.times))
        return places


@pytest.mark.parametrize("times", [1, 2])
def test_a_version_renamed_into_place_between_check_and_read_is_not_taken_for_the_listed_one(
    tmp_path: Path, manifest: MemoryManifest, times: int
) -> None:
    lake = RestlessLake(tmp_path, manifest)
    snapshot = manifest.commit(write_bars(lake, bars(close=10)))
    lake.times = times
    assert lake.read("bars_1d", snapshot).equals(bars(close=10))


class VanishingLake(Lake):
    """Someone removes what was just checked, and puts it back for the next check."""

    def _locate(self, files: Sequence[LakeFile]) -> list[Place]:
        aside = self.root / "aside"
        if aside.exists():
            aside.rename(self.root / files[0].path)
        places = super()._locate(files)
        places[0].source.rename(aside)
        return places


def test_files_that_never_hold_still_end_in_an_error(tmp_path: Path, manifest: MemoryManifest) -> None:
    lake = VanishingLake(tmp_path, manifest)
    snapshot = manifest.commit(write_bars(lake, bars()))
    with pytest.raises(DataError, match=r"kept changing while snapshot v1-.* was read"):
        lake.read("bars_1d", snapshot)


def test_an_unknown_column_or_table_is_refused(lake: Lake, manifest: MemoryManifest) -> None:
    with pytest.raises(ValueError, match="bars_1d has no column 'price'; it has source, symbol"):
        lake.read("bars_1d", manifest.snapshot(), columns=["price"])
    with pytest.raises(ValueError, match="equity has no column 'symbol'"):
        lake.read("equity", manifest.snapshot(), symbols=["AAA"])
    with pytest.raises(ValueError, match="table 'bar' is unknown"):
        lake.read("bar", manifest.snapshot())
