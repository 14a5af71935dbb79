"""What is wrong with a lake is found and named: on a folder, a store in memory and a store of files."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from grodt.lake import Lake, closed_periods
from tests.lake.shelves import FolderShelf, Shelf, lake_on
from tests.lake.world import MemoryManifest, bars, spoil_unseen, write_bars


def kinds(lake: Lake, manifest: MemoryManifest, version: int | None = None) -> dict[str, str]:
    return {finding.path: finding.kind for finding in lake.verify(manifest.snapshot(version))}


def test_a_sound_lake_has_no_findings_at_any_version(shelved: Lake, manifest: MemoryManifest) -> None:
    for close in (10, 20, 10):
        manifest.commit(write_bars(shelved, bars(close=close)))
    assert [kinds(shelved, manifest, version) for version in range(4)] == [{}] * 4


def test_altered_missing_and_unlisted_files_are_found_even_after_a_read(shelf: Shelf, shelved: Lake, manifest: MemoryManifest) -> None:
    altered, missing = write_bars(shelved, bars(["AAA"])), write_bars(shelved, bars(["BBB"]))
    shelved.read("bars_1d", manifest.commit(altered, missing))
    stray = write_bars(shelved, bars(["CCC"]))
    leftover = f"{Path(stray.path).parent.as_posix()}/x.parquet.tmp"
    shelf.put(leftover, b"")
    content = bytearray(shelf.get(altered.path))
    content[50] ^= 4
    shelf.put(altered.path, bytes(content))
    shelf.remove(missing.path)
    assert kinds(shelved, manifest) == {altered.path: "altered", missing.path: "missing", stray.path: "unlisted", leftover: "unlisted"}


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def cut(content: bytes) -> bytes:
    return content[:-1]


@pytest.mark.parametrize("damage", [flipped, cut, None], ids=["bit", "cut", "gone"])
@pytest.mark.parametrize("where", ["merged", "history of a merge", "history of a revision"])
def test_damage_to_a_merged_file_and_to_the_history_is_found_and_named(
    shelf: Shelf, shelved: Lake, manifest: MemoryManifest, where: str, damage: Callable[[bytes], bytes] | None
) -> None:
    first, second = write_bars(shelved, bars(["AAA"])), write_bars(shelved, bars(["BBB"], close=10))
    manifest.commit(first, second)
    manifest.commit(write_bars(shelved, bars(["BBB"], close=20)))
    (period,) = closed_periods(manifest.snapshot().files, date(2025, 1, 2))
    merged = shelved.compact(period, manifest.snapshot(), run_id="merge")
    manifest.commit(merged, removed=[file.path for file in period.files])
    assert kinds(shelved, manifest) == {}

    path = {
        "merged": merged.path,
        "history of a merge": f"_history/{first.path}.{first.sha256}",
        "history of a revision": f"_history/{second.path}.{second.sha256}",
    }[where]
    if damage is None:
        shelf.remove(path)
    else:
        shelf.put(path, damage(shelf.get(path)))
    (finding,) = shelved.verify(manifest.snapshot())
    assert (finding.path, finding.kind) == (path, "missing" if damage is None else "altered")
    listed = {merged.path: merged, f"_history/{first.path}.{first.sha256}": first}.get(path, second)
    assert f"expected {listed.size:,} bytes with SHA-256 {listed.sha256}, found" in finding.detail
    assert "restore it from a backup" in finding.detail


def test_a_change_that_left_size_and_time_alone_is_found(tmp_path: Path, manifest: MemoryManifest) -> None:
    shelf = FolderShelf(tmp_path)
    lake = lake_on(shelf, manifest)
    file = write_bars(lake, bars())
    lake.read("bars_1d", manifest.commit(file))
    spoil_unseen(shelf.root / file.path, "volume")
    assert kinds(lake, manifest) == {file.path: "altered"}


def test_a_version_that_was_not_committed_is_found_with_the_way_back(shelf: Shelf, shelved: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(shelved, bars(close=10))
    snapshot = manifest.commit(file)
    write_bars(shelved, bars(close=20))
    (finding,) = shelved.verify(snapshot)
    assert (finding.path, finding.kind) == (file.path, "unlisted")
    assert f"_history/{file.path}.{file.sha256}" in finding.detail
    shelf.remove(file.path)
    (finding,) = shelved.verify(snapshot)
    assert (finding.path, finding.kind) == (file.path, "missing")
    assert f"intact in _history/{file.path}.{file.sha256}: the next run of its source puts it back" in finding.detail
    assert shelved.set_aside("demo", ["bars_1d"]) == (file.path,)
    assert shelved.verify(snapshot) == []


def test_a_lost_version_of_an_older_snapshot_is_found(shelf: Shelf, shelved: Lake, manifest: MemoryManifest) -> None:
    old = write_bars(shelved, bars(close=10))
    manifest.commit(old)
    manifest.commit(write_bars(shelved, bars(close=20)))
    kept = f"_history/{old.path}.{old.sha256}"
    shelf.remove(kept)
    assert kinds(shelved, manifest) == {kept: "missing"}
    assert kinds(shelved, manifest, 1) == {kept: "missing"}


def test_a_file_that_cannot_be_read_is_altered(tmp_path: Path, manifest: MemoryManifest) -> None:
    shelf = FolderShelf(tmp_path)
    lake = lake_on(shelf, manifest)
    file = write_bars(lake, bars())
    snapshot = manifest.commit(file)
    path = shelf.root / file.path
    path.unlink()
    path.mkdir()
    (finding,) = lake.verify(snapshot)
    assert (finding.path, finding.kind) == (file.path, "altered")
    assert "unreadable bytes" in finding.detail


def test_a_file_that_was_never_committed_is_set_aside_and_the_listed_ones_stay(
    shelf: Shelf, shelved: Lake, manifest: MemoryManifest
) -> None:
    listed = write_bars(shelved, bars(["AAA"]))
    manifest.commit(listed)
    stray, other = write_bars(shelved, bars(["CCC"])), write_bars(shelved, bars(["CCC"], source="other"), source="other")

    assert shelved.set_aside("demo", ["bars_1d", "quarantine"]) == (stray.path,)

    assert shelf.paths() == {listed.path, other.path, f"_history/{stray.path}.{stray.sha256}"}
    assert shelved.set_aside("demo", ["bars_1d", "quarantine"]) == ()
