"""The ledger's table of where books trade, beside those of `tables`."""

from sqlalchemy import CheckConstraint, Column, Index, Table, Text

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.tables import STRICT, metadata, one_of

# At which broker's account a book's orders and positions are, from when on, as the broker names itself; NULL before the first. How it came
# there: `first`; `rekeyed`, it is the same account under another key; `empty`, nothing was left at the one before; `people` said so.
account_changes = Table(
    "account_changes",
    metadata,
    Column("change_id", Int64, primary_key=True, nullable=False),
    Column("book", Text, nullable=False),
    Column("account_before", Text),
    Column("account", Text, nullable=False),
    Column("how", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    one_of("how", "first", "rekeyed", "empty", "people"),
    CheckConstraint("book <> '' AND account <> '' AND author <> '' AND reason <> ''", name="words_given"),
    **STRICT,
)
Index("ix_account_changes_book", account_changes.c.book, account_changes.c.change_id)

#: Tables of this module whose rows are never changed or deleted.
APPEND_ONLY = ("account_changes",)
