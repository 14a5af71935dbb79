"""A manifest in memory, with coverage, as the ledger keeps them."""

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta

from grodt.bars.chunks import ChunkResult
from grodt.lake import LakeFile, Snapshot


class MemoryManifest:
    def __init__(self) -> None:
        self.versions: list[dict[str, LakeFile]] = [{}]
        self.coverage: dict[str, tuple[date, date]] = {}

    def snapshot(self, version: int | None = None, *, tables: Sequence[str] | None = None) -> Snapshot:
        at = len(self.versions) - 1 if version is None else version
        files = tuple(sorted((f for f in self.versions[at].values() if tables is None or f.table in tables), key=lambda f: f.path))
        text = "\n".join(f"{f.path} {f.sha256}" for f in files)
        return Snapshot(at, hashlib.sha256(text.encode()).hexdigest(), files)

    def commit_files(self, files: Sequence[LakeFile]) -> None:
        self.versions.append({**self.versions[-1], **{file.path: file for file in files}})

    def commit(self, result: ChunkResult) -> None:
        self.commit_files(result.files)
        for part in result.covered:
            for symbol in part.symbols:
                self._extend(symbol, part.start, part.end)

    def _extend(self, symbol: str, start: date, end: date) -> None:
        first, last = self.coverage.get(symbol, (start, start - timedelta(days=1)))
        if start > last + timedelta(days=1) or end < first - timedelta(days=1):
            raise ValueError(f"{symbol}: {start} to {end} does not touch {first} to {last}")
        self.coverage[symbol] = min(first, start), max(last, end)
