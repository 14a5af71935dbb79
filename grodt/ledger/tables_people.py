"""The ledger's tables of what people ask for and decide, beside those of `tables`."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.tables import KEYED, STRICT, metadata, one_of

requests = Table(
    "requests",
    metadata,
    Column("request_id", Text, primary_key=True, nullable=False),
    Column("kind", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("people", Int64, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    CheckConstraint("people BETWEEN 1 AND 2", name="people_one_or_two"),
    CheckConstraint("asked_by <> '' AND reason <> ''", name="words_given"),
    CheckConstraint("asked_at < expires_at", name="term_ahead"),
    **KEYED,
)
Index("ix_requests_book_expires_at", requests.c.book, requests.c.expires_at)

decisions = Table(
    "decisions",
    metadata,
    Column("request_id", Text, ForeignKey("requests.request_id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    PrimaryKeyConstraint("request_id", "person"),
    one_of("verdict", "approve", "reject"),
    CheckConstraint("person <> '' AND reason <> ''", name="words_given"),
    **KEYED,
)

# What limits a book has had. Values are JSON; NULL is a limit that is not set, such as the cap of a group that has none.
limit_changes = Table(
    "limit_changes",
    metadata,
    Column("change_id", Int64, primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("group_name", Text, nullable=False),
    Column("value_before", Text),
    Column("value_after", Text),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request_id", Text, ForeignKey("requests.request_id")),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("book <> '' AND name <> '' AND author <> '' AND reason <> ''", name="words_given"),
    CheckConstraint("symbol = '' OR group_name = ''", name="scope_one"),
    **STRICT,
)
Index("ix_limit_changes_book", limit_changes.c.book, limit_changes.c.change_id)

# Which version of GRODT each book expects to be run by, from when on; NULL before the first.
expected_versions = Table(
    "expected_versions",
    metadata,
    Column("change_id", Int64, primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("version_before", Text),
    Column("version", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("book <> '' AND version <> '' AND author <> '' AND reason <> ''", name="words_given"),
    **STRICT,
)
Index("ix_expected_versions_book", expected_versions.c.book, expected_versions.c.change_id)

# The runs that an override of so many cycles was handed to.
override_uses = Table(
    "override_uses",
    metadata,
    Column("request_id", Text, ForeignKey("requests.request_id"), nullable=False),
    Column("run_id", Text, ForeignKey("runs.run_id"), nullable=False),
    Column("used_at", Instant, nullable=False),
    PrimaryKeyConstraint("request_id", "run_id"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted.
APPEND_ONLY = ("requests", "decisions", "limit_changes", "expected_versions", "override_uses")
