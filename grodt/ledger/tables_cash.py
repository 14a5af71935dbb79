"""The ledger's tables of what a broker tells of an account's cash apart from fills."""

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, Table, Text

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.tables import KEYED, metadata, one_of

#: An activity that is told anew with other content, or that is booked after all, is another row. `reason`: why it is not booked; "": it is.
cash_activities = Table(
    "cash_activities",
    metadata,
    Column("book", Text, nullable=False),
    Column("activity_id", Text, nullable=False),
    Column("number", Int64, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    Column("session", Day, nullable=False),
    Column("day", Day, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("unreadable", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book", "activity_id", "number"),
    one_of("kind", "interest", "fee", "dividend", "transfer", "action", "unknown"),
    CheckConstraint("number >= 1", name="number_positive"),
    CheckConstraint("reason <> '' OR (kind IN ('interest', 'fee') AND unreadable = '')", name="booked_by_itself"),
    **KEYED,
)
Index("ix_cash_activities_book_session", cash_activities.c.book, cash_activities.c.session)

#: The session up to which a book's cash had been compared before its broker was asked for activities: that cash has those up to it.
cash_starts = Table(
    "cash_starts",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY = ("cash_activities", "cash_starts")
