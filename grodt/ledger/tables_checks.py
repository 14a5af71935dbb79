"""The ledger's table of what controls said after a decision, beside `risk_checks` of `tables`."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from grodt.ledger.columns import Float64, Instant, Int64
from grodt.ledger.tables import STRICT, metadata, one_of

#: Controls that are asked while orders go out and when fills are booked. `part` is what a run was at: a session that it settled, by its
#: date; `late`, fills that came in after; or `basket`, its own.
later_checks = Table(
    "later_checks",
    metadata,
    Column("check_id", Int64, primary_key=True, nullable=False),
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("attempt", Int64, nullable=False),
    Column("part", Text, nullable=False),
    Column("control", Int64, nullable=False),
    Column("scope", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Float64),
    Column("bound", Float64),
    Column("headroom", Float64),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    one_of("scope", "order", "symbol", "basket", "book"),
    one_of("verdict", "pass", "reject", "halt", "alert"),
    CheckConstraint("(verdict = 'pass') = (reason = '')", name="reason_of_failures"),
    **STRICT,
)
Index("ix_later_checks_run_id", later_checks.c.run_id)

#: Tables of this module whose rows are never changed or deleted.
APPEND_ONLY = ("later_checks",)
