"""The lake in an object store: in memory, in files, and behind the S3 protocol."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import obstore.store
import polars as pl
import pytest
from moto.server import ThreadedMotoServer
from obstore.exceptions import GenericError

from grodt.errors import DataError
from grodt.lake import Lake, LakeUnavailable, LakeWriteFailed, closed_periods
from grodt.lake.objects import ObjectStore, open_store
from tests.lake.shelves import Shelf, StoreShelf, lake_on, rows_standing, shelf_of
from tests.lake.world import MemoryManifest, bars, write_bars

NEXT_YEAR = date(2025, 1, 2)


@pytest.fixture(params=["memory", "file"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return shelf_of(request.param, tmp_path)


def test_a_file_is_written_and_read_by_its_path(shelf: Shelf, shelved: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(shelved, bars())
    assert shelf.paths() == {file.path}
    assert len(shelf.get(file.path)) == file.size
    snapshot = manifest.commit(file)
    assert shelved.read("bars_1d", snapshot).equals(bars())
    assert shelved.read("bars_1d", snapshot, symbols=["BBB"], columns=["close"])["close"].to_list() == [10, 11, 12]


def test_the_bytes_are_those_of_a_folder(shelved: Lake, tmp_path: Path) -> None:
    assert write_bars(shelved, bars()) == write_bars(Lake(tmp_path / "folder", MemoryManifest()), bars())


def test_a_superseded_version_is_kept_and_the_same_again_changes_nothing(shelf: Shelf, shelved: Lake, manifest: MemoryManifest) -> None:
    old = manifest.commit(write_bars(shelved, bars(close=10)))
    new = manifest.commit(write_bars(shelved, bars(close=20)))
    before = shelf.paths()
    write_bars(shelved, bars(close=20))
    assert shelf.paths() == before == {new.files[0].path, f"_history/{old.files[0].path}.{old.files[0].sha256}"}
    assert [shelved.read("bars_1d", snapshot)["close"][0] for snapshot in (old, new)] == [10, 20]
    assert rows_standing(shelf).equals(bars(close=20))


def test_damage_is_found_by_the_bytes_that_are_read(shelf: Shelf, shelved: Lake, manifest: MemoryManifest) -> None:
    file = write_bars(shelved, bars())
    snapshot = manifest.commit(file)
    shelved.read("bars_1d", snapshot)
    content = bytearray(shelf.get(file.path))
    content[len(content) // 2] ^= 1
    shelf.put(file.path, bytes(content))
    with pytest.raises(DataError, match=f"lake file {file.path} is altered: expected {file.size:,} bytes with SHA-256 {file.sha256}"):
        shelved.read("bars_1d", snapshot)
    shelf.remove(file.path)
    with pytest.raises(DataError, match=f"lake file {file.path} is missing"):
        shelved.read("bars_1d", snapshot)


class DyingStore:
    """A store whose process dies before the `at`th request that changes something."""

    def __init__(self, store: Any, at: int) -> None:
        self._store = store
        self._left = at

    def __getattr__(self, name: str) -> Any:
        if name in ("put", "copy", "delete"):
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        return getattr(self._store, name)


@pytest.mark.parametrize("at", range(12))
def test_killed_at_any_request_no_row_is_there_twice_and_the_next_fill_mends_the_rest(at: int) -> None:
    shelf = StoreShelf(obstore.store.MemoryStore(), "memory://")
    manifest = MemoryManifest()
    lake = lake_on(shelf, manifest)
    days = [date(2024, 1, 2), date(2024, 1, 3)]
    for day in days:
        manifest.commit(write_bars(lake, bars(sessions=1, start=day)))
    rows = rows_standing(shelf)
    (period,) = closed_periods(manifest.snapshot().files, NEXT_YEAR)

    def merge(store: Any) -> None:
        dying = Lake(ObjectStore("memory://", store), manifest)
        merged = dying.compact(period, manifest.snapshot(), run_id="merge")
        manifest.commit(merged, removed=[file.path for file in period.files])

    try:
        merge(DyingStore(shelf.store, at))
    except KeyboardInterrupt:
        standing = rows_standing(shelf)
        assert standing.is_empty() or not standing.select("symbol", "session").is_duplicated().any()
        assert lake.read("bars_1d", manifest.snapshot()).sort("symbol", "session").equals(rows)
        lake.set_aside("demo", ["bars_1d"])
        assert rows_standing(shelf).equals(rows)
        merge(shelf.store)
    assert rows_standing(shelf).equals(rows)
    assert lake.verify(manifest.snapshot()) == []


class BrokenStore:
    """Answers every request with an error."""

    def __getattr__(self, name: str) -> Any:
        def fail(*_args: object, **_kwargs: object) -> None:
            raise GenericError("connection refused\n\nDebug source: …")

        return fail


def test_what_a_store_refuses_is_said_in_its_first_line(manifest: MemoryManifest) -> None:
    lake = Lake(ObjectStore("s3://bucket/lake", BrokenStore()), manifest)
    with pytest.raises(LakeWriteFailed, match=r"could not be written below s3://bucket/lake: .*connection refused; what the .* run again$"):
        write_bars(lake, bars())
    snapshot = manifest.commit(write_bars(lake_on(shelf_of("memory", Path()), manifest), bars()))
    with pytest.raises(LakeUnavailable, match=r"^lake s3://bucket/lake: connection refused; see that the store answers .* run again$"):
        lake.read("bars_1d", snapshot)


def test_a_url_is_one_store_for_the_process() -> None:
    assert open_store("memory:///one") is open_store("memory:///one")
    assert open_store("memory:///one") is not open_store("memory:///two")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of the S3 protocol on this machine, and the variables that lead to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/lake-bucket", method="PUT")).close()
    yield f"s3://lake-bucket/{port}"
    server.stop()


def test_behind_the_s3_protocol_files_are_written_superseded_merged_verified_and_read(s3: str, manifest: MemoryManifest) -> None:
    lake = Lake(s3, manifest)
    shelf = StoreShelf(open_store(s3), s3)
    assert lake.root == s3
    old = manifest.commit(write_bars(lake, bars(close=10)))
    manifest.commit(write_bars(lake, bars(close=20)), write_bars(lake, bars(["CCC"], start=date(2024, 1, 10))))
    rows = pl.concat([bars(close=20), bars(["CCC"], start=date(2024, 1, 10))])
    assert lake.read("bars_1d", manifest.snapshot()).equals(rows)
    stray = write_bars(lake, bars(["DDD"]))
    assert {finding.path: finding.kind for finding in lake.verify(manifest.snapshot())} == {stray.path: "unlisted"}
    assert lake.set_aside("demo", ["bars_1d"]) == (stray.path,)

    (period,) = closed_periods(manifest.snapshot().files, NEXT_YEAR)
    merged = lake.compact(period, manifest.snapshot(), run_id="merge")
    manifest.commit(merged, removed=[file.path for file in period.files])
    assert {path for path in shelf.paths() if path.startswith("bars_1d/")} == {merged.path}
    fresh = Lake(s3, manifest)
    assert fresh.read("bars_1d", manifest.snapshot()).equals(rows)
    assert fresh.read("bars_1d", old).equals(bars(close=10))
    assert fresh.verify(manifest.snapshot()) == []
    shelf.put(merged.path, shelf.get(merged.path)[:-1])
    assert [(finding.path, finding.kind) for finding in fresh.verify(manifest.snapshot())] == [(merged.path, "altered")]
