"""Where a lake of a test is, looked at and spoiled past the lake: a folder, or an object store."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import obstore.store
import polars as pl

from grodt.lake import Lake, Manifest
from grodt.lake.files import Disk
from grodt.lake.local import LocalFolder
from grodt.lake.objects import ObjectStore
from grodt.lake.storage import Storage


class Shelf(Protocol):
    def storage(self) -> Storage: ...

    def paths(self) -> set[str]: ...

    def get(self, path: str) -> bytes: ...

    def put(self, path: str, content: bytes) -> None: ...

    def remove(self, path: str) -> None: ...


def lake_on(shelf: Shelf, manifest: Manifest) -> Lake:
    """A Lake that has checked nothing yet."""
    return Lake(shelf.storage(), manifest)


def rows_standing(shelf: Shelf, table: str = "bars_1d") -> pl.DataFrame:
    """What a glob below the table's folder finds."""
    found = [path for path in sorted(shelf.paths()) if path.startswith(f"{table}/") and path.endswith(".parquet")]
    frames = [pl.read_parquet(io.BytesIO(shelf.get(path))) for path in found]
    return pl.concat(frames).sort("source", "symbol", "session") if frames else pl.DataFrame()


@dataclass
class FolderShelf:
    root: Path

    def storage(self) -> Storage:
        return LocalFolder(self.root, Disk(), {})

    def paths(self) -> set[str]:
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file() and path.name != ".lock"}

    def get(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def put(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def remove(self, path: str) -> None:
        (self.root / path).unlink()


@dataclass
class StoreShelf:
    store: Any
    url: str

    def storage(self) -> Storage:
        return ObjectStore(self.url, self.store)

    def paths(self) -> set[str]:
        return {item["path"] for chunk in self.store.list() for item in chunk}

    def get(self, path: str) -> bytes:
        return bytes(self.store.get(path).bytes())

    def put(self, path: str, content: bytes) -> None:
        self.store.put(path, content)

    def remove(self, path: str) -> None:
        self.store.delete([path])


def shelf_of(kind: str, folder: Path) -> Shelf:
    match kind:
        case "folder":
            return FolderShelf(folder / "lake")
        case "memory":
            return StoreShelf(obstore.store.MemoryStore(), "memory://")
        case _:
            url = f"file://{folder}/store"
            return StoreShelf(obstore.store.from_url(url, mkdir=True), url)


KINDS = ("folder", "memory", "file")
