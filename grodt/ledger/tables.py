"""What the ledger's tables are made with, and those of who works: leases, runs and their stages. The others stand beside, by noun.

Migrations make them; `unit.Ledger.open` checks that the two agree. Facts are append-only, kept so by triggers; what changes (leases, runs,
order_status, halts, breaks, coverage, marks) is either machinery or derived from facts.
"""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from grodt.ledger.columns import Day, Instant, Int64

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: Options of a table with a row number of its own.
STRICT: dict[str, Any] = {"sqlite_strict": True}
#: Options of a table whose rows live in the primary key's own tree.
KEYED: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def one_of(column: str, *values: str) -> CheckConstraint:
    """A CHECK that the column holds one of the values."""
    return CheckConstraint(f"{column} IN ({', '.join(f"'{v}'" for v in values)})", name=f"{column}_known")


def only_where(condition: str) -> dict[str, Any]:
    """Options of an index of the rows alone for which the condition holds."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True, nullable=False),
    Column("fence", Int64, nullable=False),
    Column("holder", Text),
    Column("expires_at", Instant),
    CheckConstraint("fence >= 1", name="fence_positive"),
    CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="held_or_free"),
    **KEYED,
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("slot", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("snapshot_version", Int64),
    Column("snapshot_digest", Text),
    Column("config_hash", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("code_hash", Text, nullable=False, server_default=""),
    Column("limits_version", Int64),
    UniqueConstraint("book", "kind", "session", "slot"),
    one_of("state", "open", "done", "halted", "abandoned"),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_when_over"),
    CheckConstraint("(snapshot_version IS NULL) = (snapshot_digest IS NULL)", name="snapshot_whole"),
    **KEYED,
)

run_attempts = Table(
    "run_attempts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("flow_run_id", Text, nullable=False),
    Column("fence", Int64, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text, nullable=False),
    Column("error", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "attempt"),
    CheckConstraint("attempt >= 1", name="attempt_positive"),
    one_of("outcome", "running", "done", "halted", "failed", "lost", "waiting"),
    CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_when_over"),
    **KEYED,
)

stage_runs = Table(
    "stage_runs",
    metadata,
    Column("run_id", Text, nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("stage", Text, nullable=False),
    Column("try_number", Int64, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text, nullable=False),
    Column("rows", Int64, nullable=False),
    Column("error", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "attempt", "stage", "try_number"),
    ForeignKeyConstraint(["run_id", "attempt"], ["run_attempts.run_id", "run_attempts.attempt"]),
    CheckConstraint("try_number >= 1", name="try_positive"),
    CheckConstraint("rows >= 0", name="rows_counted"),
    CheckConstraint("(outcome = 'running') = (ended_at IS NULL)", name="ended_when_over"),
    **KEYED,
)
