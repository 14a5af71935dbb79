"""The ledger's table that chains the facts of the others, beside those of `tables` and `tables_people`."""

from sqlalchemy import CheckConstraint, Column, LargeBinary, Table, Text

from grodt.ledger.columns import Int64
from grodt.ledger.tables import STRICT, metadata

# One row per transaction and table that it added facts to. See `audit`.
audit = Table(
    "audit",
    metadata,
    Column("sequence", Int64, primary_key=True, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("facts", Int64, nullable=False),
    Column("seals", LargeBinary, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("sequence >= 1 AND facts >= 1", name="counted"),
    CheckConstraint("length(seals) = 16 * facts", name="seals_whole"),
    CheckConstraint("length(previous) = 64 AND length(hash) = 64", name="hashes_whole"),
    **STRICT,
)

#: Tables of this module whose rows are never changed or deleted.
APPEND_ONLY = ("audit",)
