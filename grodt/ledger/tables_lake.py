"""The ledger's tables of the lake's manifest: which files it has, and what was asked of which source."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.tables import KEYED, STRICT, metadata, one_of

lake_commits = Table(
    "lake_commits",
    metadata,
    Column("version", Int64, primary_key=True, nullable=False),
    Column("committed_at", Instant, nullable=False),
    CheckConstraint("version >= 1", name="version_positive"),
    **STRICT,
)

lake_files = Table(
    "lake_files",
    metadata,
    Column("path", Text, nullable=False),
    Column("version", Int64, ForeignKey("lake_commits.version"), nullable=False),
    Column("table_name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", Int64, nullable=False),
    Column("rows", Int64, nullable=False),
    Column("first_session", Day),
    Column("last_session", Day),
    Column("schema_version", Int64, nullable=False),
    Column("source", Text, nullable=False),
    Column("known_at", Instant, nullable=False),
    Column("run_id", Text, nullable=False),
    PrimaryKeyConstraint("path", "version"),
    CheckConstraint("length(sha256) = 64", name="sha256_whole"),
    CheckConstraint("size >= 0 AND rows >= 0", name="counted"),
    CheckConstraint("(first_session IS NULL) = (last_session IS NULL)", name="range_whole"),
    **KEYED,
)
Index("ix_lake_files_version", lake_files.c.version)

# A path that leaves the lake at a version, because its rows are in other files from then on.
lake_removals = Table(
    "lake_removals",
    metadata,
    Column("path", Text, nullable=False),
    Column("version", Int64, ForeignKey("lake_commits.version"), nullable=False),
    PrimaryKeyConstraint("path", "version"),
    **KEYED,
)

coverage = Table(
    "coverage",
    metadata,
    Column("source", Text, nullable=False),
    Column("width", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("first_date", Day, nullable=False),
    Column("last_date", Day, nullable=False),
    Column("run_id", Text, nullable=False),
    PrimaryKeyConstraint("source", "width", "symbol"),
    one_of("width", "1d", "1m"),
    CheckConstraint("first_date <= last_date", name="range_ordered"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY = ("lake_commits", "lake_files", "lake_removals")
