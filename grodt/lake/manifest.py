"""What the lake needs of a manifest; the ledger keeps it.

The manifest is a growing list of commits. Commit *v* adds files and may supersede others; the files live at version *v* are
those added in a commit ≤ *v* and not superseded in one ≤ *v*. A snapshot is a version with the digest of its files, so
pinning one costs a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One version of one file.

    Attributes:
        table: name of the table.
        path: POSIX path below the lake's root while it is current, such as `bars_1d/demo/2026/2026-11-20_2026-11-20-1f3a.parquet`.
        sha256: hex digest of the whole file.
        size: bytes.
        rows: rows.
        first_session, last_session: range of its sessions (ex dates for corporate actions); None for a table or file without.
        schema_version: of the table when written.
        source: name of the source, or of the book for what a run exports.
        known_at: when we learned its content.
        run_id: the run that wrote it.
    """

    table: str
    path: str
    sha256: str
    size: int
    rows: int
    first_session: date | None
    last_session: date | None
    schema_version: int
    source: str
    known_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The lake as one manifest version shows it. `digest` is the SHA-256 over the sorted (path, sha256) of its files."""

    version: int
    digest: str
    files: tuple[LakeFile, ...]

    @property
    def id(self) -> str:
        """Short name, `v<version>-<first 12 of digest>`."""
        return f"v{self.version}-{self.digest[:12]}"

    def of(self, table: str, source: str | None = None) -> tuple[LakeFile, ...]:
        """Its files of one table, and of one source when given, sorted by path."""
        return tuple(f for f in self.files if f.table == table and source in (None, f.source))


class Manifest(Protocol):
    """Implemented by the ledger."""

    def snapshot(self, version: int | None = None, *, tables: Sequence[str] | None = None) -> Snapshot:
        """The lake at that version, or now. `tables` narrows it."""
        ...

    def digests(self, tables: Sequence[str]) -> Mapping[str, str]:
        """SHA-256 by path of the files of those tables as they are now."""
        return {file.path: file.sha256 for file in self.snapshot(tables=tables).files}

    def versions(self) -> Sequence[LakeFile]:
        """Every version that was ever committed."""
        latest = self.snapshot().version
        return list({(file.path, file.sha256): file for version in range(latest + 1) for file in self.snapshot(version).files}.values())
