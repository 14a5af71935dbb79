"""The ledger's tables of what the broker tells and nobody can book: fills, and orders of which more fills than was ordered."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.tables import KEYED, metadata

#: A fill that is told anew with other content is another row. `told` is its content as JSON, whose numbers may leave 64 bits.
unbooked_fills = Table(
    "unbooked_fills",
    metadata,
    Column("execution_id", Text, nullable=False),
    Column("number", Int64, nullable=False),
    Column("book", Text, nullable=False),
    Column("client_order_id", Text, nullable=False),  # the broker's word: there may be no such order
    Column("symbol", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("told", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("execution_id", "number"),
    CheckConstraint("number >= 1", name="number_positive"),
    **KEYED,
)
Index("ix_unbooked_fills_client_order_id", unbooked_fills.c.client_order_id)
Index("ix_unbooked_fills_book_session", unbooked_fills.c.book, unbooked_fills.c.session)

overfilled_orders = Table(
    "overfilled_orders",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("shares", Int64, nullable=False),  # filled, and at the broker still open
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("client_order_id", "shares"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY = ("unbooked_fills", "overfilled_orders")
