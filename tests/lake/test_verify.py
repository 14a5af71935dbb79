from pathlib import Path

import pytest

from grodt.lake import Lake
from tests.lake.world import MemoryManifest, bars, spoil_unseen, write_bars


@pytest.fixture
def manifest() -> MemoryManifest:
    return MemoryManifest()


@pytest.fixture
def lake(tmp_path: Path, manifest: MemoryManifest) -> Lake:
    return Lake(tmp_path, manifest)


def kinds(lake: Lake, manifest: MemoryManifest, version: int | None = None) -> dict[str, str]:
    return {finding.path: finding.kind for finding in lake.verify(manifest.snapshot(version))}


def test_a_sound_lake_has_no_findings_at_any_version(lake: Lake, manifest: MemoryManifest) -> None:
    for close in (10, 20, 10):
        manifest.commit(write_bars(lake, bars(close=close)))
    assert [kinds(lake, manifest, version) for version in range(4)] == [{}] * 4


def test_altered_missing_and_unlisted_files_are_found_even_after_a_read(lake: Lake, manifest: MemoryManifest) -> None:
    altered, missing = write_bars(lake, bars(["AAA"])), write_bars(lake, bars(["BBB"]))
    lake.read("bars_1d", manifest.commit(altered, missing))
    stray = write_bars(lake, bars(["CCC"]))
    leftover = f"{Path(stray.path).parent.as_posix()}/.x.parquet.tmp"
    (lake.root / leftover).touch()
    path = lake.root / altered.path
    content = bytearray(path.read_bytes())
    content[50] ^= 4
    path.write_bytes(content)
    (lake.root / missing.path).unlink()
    assert kinds(lake, manifest) == {altered.path: "altered", missing.path: "missing", stray.path: "unlisted", leftover: "unlisted"}


def test_a_change_that_left_size_and_time_alone_is_found(lake: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(lake, bars())
    lake.read("bars_1d", manifest.commit(file))
    spoil_unseen(lake.root / file.path, "volume")
    assert kinds(lake, manifest) == {file.path: "altered"}


def test_a_version_that_was_not_committed_is_found_with_the_way_back(lake: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(lake, bars(close=10))
    snapshot = manifest.commit(file)
    write_bars(lake, bars(close=20))
    (finding,) = lake.verify(snapshot)
    assert (finding.path, finding.kind) == (file.path, "unlisted")
    assert f"_history/{file.path}.{file.sha256}" in finding.detail
    (lake.root / file.path).unlink()
    (finding,) = lake.verify(snapshot)
    assert (finding.path, finding.kind) == (file.path, "missing")
    assert "copy it back" in finding.detail


def test_a_lost_version_of_an_older_snapshot_is_found(lake: Lake, manifest: MemoryManifest) -> None:
    old = write_bars(lake, bars(close=10))
    manifest.commit(old)
    manifest.commit(write_bars(lake, bars(close=20)))
    (lake.root / f"_history/{old.path}.{old.sha256}").unlink()
    assert kinds(lake, manifest) == {}
    assert kinds(lake, manifest, 1) == {old.path: "altered"}


def test_a_file_that_cannot_be_read_is_altered(lake: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(lake, bars())
    snapshot = manifest.commit(file)
    path = lake.root / file.path
    path.unlink()
    path.mkdir()
    (finding,) = lake.verify(snapshot)
    assert (finding.path, finding.kind) == (file.path, "altered")
    assert "unreadable bytes" in finding.detail


def test_a_file_that_was_never_committed_is_set_aside_and_the_listed_ones_stay(lake: Lake, manifest: MemoryManifest) -> None:
    listed = write_bars(lake, bars(["AAA"]))
    manifest.commit(listed)
    stray, other = write_bars(lake, bars(["CCC"])), write_bars(lake, bars(["CCC"], source="other"), source="other")

    assert lake.set_aside("demo", ["bars_1d", "quarantine"]) == (stray.path,)

    standing = sorted(path.relative_to(lake.root).as_posix() for path in (lake.root / "bars_1d").rglob("*.parquet"))
    assert standing == [listed.path, other.path]
    assert (lake.root / "_history" / f"{stray.path}.{stray.sha256}").exists()
    assert lake.set_aside("demo", ["bars_1d", "quarantine"]) == ()
