"""The ledger's tables of what is whose, in a book of several strategies, beside those of `tables`.

A book of one strategy writes none: what nobody is named for is of the strategy that has the book's own name.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.tables import KEYED, metadata

#: What each strategy has of an order, in shares of the order's side; they add up to it.
order_shares = Table(
    "order_shares",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("strategy", Text, nullable=False),
    Column("quantity", Int64, nullable=False),
    PrimaryKeyConstraint("client_order_id", "strategy"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("strategy <> ''", name="strategy_named"),
    **KEYED,
)

#: What strategies of a book traded with each other when a run decided, at the close; of a run and symbol it adds up to nothing.
crosses = Table(
    "crosses",
    metadata,
    Column("run_id", Text, ForeignKey("baskets.run_id"), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("quantity", Int64, nullable=False),
    Column("price", Int64, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("run_id", "symbol", "strategy"),
    CheckConstraint("quantity <> 0", name="quantity_moves"),
    CheckConstraint("price > 0", name="price_positive"),
    CheckConstraint("strategy <> ''", name="strategy_named"),
    **KEYED,
)
Index("ix_crosses_book", crosses.c.book)

#: What each strategy has of the book's capital, in billionths, from an instant on; what is left has the book's name.
capital_shares = Table(
    "capital_shares",
    metadata,
    Column("book", Text, nullable=False),
    Column("number", Int64, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("billionths", Int64, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book", "number", "strategy"),
    CheckConstraint("billionths > 0 AND billionths <= 1000000000", name="share_of_capital"),
    CheckConstraint("strategy <> ''", name="strategy_named"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted.
APPEND_ONLY = ("order_shares", "crosses", "capital_shares")
