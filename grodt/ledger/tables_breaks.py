"""The ledger's table of differences from the broker, which people work."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.tables import STRICT, metadata, one_of, only_where

breaks = Table(
    "breaks",
    metadata,
    Column("break_id", Int64, primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("ours", Int64, nullable=False),
    Column("theirs", Int64, nullable=False),
    Column("first_session", Day, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_session", Day, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("resolved_at", Instant),
    Column("resolved_reason", Text),
    Column("resolved_author", Text),
    Column("owner", Text),
    Column("price", Int64),
    one_of("kind", "position", "cash", "order", "action", "fraction"),
    CheckConstraint(
        "(resolved_at IS NULL) = (resolved_reason IS NULL) AND (resolved_at IS NULL) = (resolved_author IS NULL)",
        name="resolution_whole",
    ),
    **STRICT,
)
Index("ix_breaks_open", breaks.c.book, breaks.c.kind, breaks.c.symbol, unique=True, **only_where("resolved_at IS NULL"))

# Who gave a break to whom. The last one's owner stands in `breaks` too.
break_assignments = Table(
    "break_assignments",
    metadata,
    Column("assignment_id", Int64, primary_key=True, nullable=False),
    Column("break_id", Int64, ForeignKey("breaks.break_id"), nullable=False),
    Column("owner", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("assigned_at", Instant, nullable=False),
    CheckConstraint("owner <> '' AND author <> ''", name="people_named"),
    **STRICT,
)
Index("ix_break_assignments_break_id", break_assignments.c.break_id)

# What made a break, what it was at each sight, and what ended it, as facts. `breaks` is what they come to, kept so that what is open is
# found at once. They refer to no table: a break that somebody put into `breaks` by hand is seen and resolved like any other, and keeps no
# reconciliation from halting the book; `grodt verify` names it. `owner` is that of a break of before assignments were facts; else NULL.
break_starts = Table(
    "break_starts",
    metadata,
    Column("break_id", Int64, primary_key=True, autoincrement=False, nullable=False),
    Column("book", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("first_session", Day, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("owner", Text),
    **STRICT,
)
# `price` is NULL at a sight that knew none: the break keeps the one before.
break_sights = Table(
    "break_sights",
    metadata,
    Column("sight_id", Int64, primary_key=True, nullable=False),
    Column("break_id", Int64, nullable=False),
    Column("session", Day, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("ours", Int64, nullable=False),
    Column("theirs", Int64, nullable=False),
    Column("price", Int64),
    **STRICT,
)
Index("ix_break_sights_break_id", break_sights.c.break_id)
break_resolutions = Table(
    "break_resolutions",
    metadata,
    Column("break_id", Int64, primary_key=True, autoincrement=False, nullable=False),
    Column("resolved_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    **STRICT,
)

#: Tables of this module whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY = ("break_assignments", "break_starts", "break_sights", "break_resolutions")
