"""The lake: Parquet tables, their schemas, atomic writes, snapshots and reads."""

from grodt.lake.compaction import NotCompacted, Period, closed_periods
from grodt.lake.files import LakeUnavailable, LakeWriteFailed
from grodt.lake.manifest import LakeFile, Manifest, Snapshot
from grodt.lake.paths import (
    actions_path,
    bars_path,
    export_path,
    instruments_path,
    minute_bars_path,
    minute_quarantine_path,
    quarantine_path,
)
from grodt.lake.store import Lake
from grodt.lake.tables import TABLES
from grodt.lake.verification import Finding

__all__ = [
    "TABLES",
    "Finding",
    "Lake",
    "LakeFile",
    "LakeUnavailable",
    "LakeWriteFailed",
    "Manifest",
    "NotCompacted",
    "Period",
    "Snapshot",
    "actions_path",
    "bars_path",
    "closed_periods",
    "export_path",
    "instruments_path",
    "minute_bars_path",
    "minute_quarantine_path",
    "quarantine_path",
]
