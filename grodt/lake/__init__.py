"""The lake: Parquet tables, their schemas, atomic writes, snapshots and reads."""

from grodt.lake.files import LakeWriteFailed
from grodt.lake.manifest import LakeFile, Manifest, Snapshot
from grodt.lake.paths import actions_path, bars_path, export_path, quarantine_path
from grodt.lake.store import Finding, Lake
from grodt.lake.tables import TABLES

__all__ = [
    "TABLES",
    "Finding",
    "Lake",
    "LakeFile",
    "LakeWriteFailed",
    "Manifest",
    "Snapshot",
    "actions_path",
    "bars_path",
    "export_path",
    "quarantine_path",
]
