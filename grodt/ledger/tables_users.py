"""The ledger's tables of who may log in at the desk, beside those of `tables`."""

from sqlalchemy import CheckConstraint, Column, Index, Table, Text

from grodt.ledger.columns import Instant, Int64
from grodt.ledger.tables import KEYED, STRICT, metadata, one_of

# What users have been: the last row of a name holds. One that was removed has role `none` and no password.
user_changes = Table(
    "user_changes",
    metadata,
    Column("change_id", Int64, primary_key=True, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    one_of("role", "viewer", "trader", "approver", "none"),
    CheckConstraint("(role = 'none') = (password_hash = '')", name="password_of_users"),
    CheckConstraint("name <> '' AND author <> ''", name="words_given"),
    **STRICT,
)
Index("ix_user_changes_name", user_changes.c.name, user_changes.c.change_id)

# Tokens that are not accepted any more although their time is not over; rows go when it is.
denied_tokens = Table(
    "denied_tokens",
    metadata,
    Column("token_id", Text, primary_key=True, nullable=False),
    Column("expires_at", Instant, nullable=False),
    CheckConstraint("token_id <> ''", name="token_named"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted.
APPEND_ONLY = ("user_changes",)
