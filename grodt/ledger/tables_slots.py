"""What a book is worth at the slots of a session that is going on. Derived, as marks are."""

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint, Table, Text

from grodt.ledger.columns import Day, Float64, Instant, Int64
from grodt.ledger.tables import KEYED, metadata

slot_marks = Table(
    "slot_marks",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("slot", Text, nullable=False),
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
    PrimaryKeyConstraint("book", "session", "slot"),
    CheckConstraint("equity = cash + receivable + positions_value", name="equity_adds_up"),
    CheckConstraint("slot <> ''", name="slot_named"),
    **KEYED,
)

#: Tables whose rows are never changed or deleted.
APPEND_ONLY: tuple[str, ...] = ()
