"""The ledger's tables of what a book was worth, at closes and at the slots of a session that goes on. Derived from facts."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint, Table, Text

from grodt.ledger.columns import Day, Float64, Instant, Int64
from grodt.ledger.tables import KEYED, metadata


def _values() -> tuple[Any, ...]:
    """Columns of a mark beside its key; each table has its own."""
    return (
        Column("cash", Int64, nullable=False),
        Column("receivable", Int64, nullable=False),
        Column("positions_value", Int64, nullable=False),
        Column("equity", Int64, nullable=False),
        Column("gross", Float64, nullable=False),
        Column("net", Float64, nullable=False),
        Column("high_water_mark", Int64, nullable=False),
        Column("drawdown", Float64, nullable=False),
        Column("profit", Int64, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("recorded_at", Instant, nullable=False),
        CheckConstraint("equity = cash + receivable + positions_value", name="equity_adds_up"),
    )


marks = Table(
    "marks",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    *_values(),
    PrimaryKeyConstraint("book", "session"),
    **KEYED,
)

slot_marks = Table(
    "slot_marks",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("slot", Text, nullable=False),
    *_values(),
    PrimaryKeyConstraint("book", "session", "slot"),
    CheckConstraint("slot <> ''", name="slot_named"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY: tuple[str, ...] = ()
