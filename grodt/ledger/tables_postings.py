"""The ledger's tables of what happened: fills, entries with their postings, dividends, and sessions that are settled."""

from typing import get_args

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from grodt.ledger.columns import Day, Instant, Int64
from grodt.ledger.entries import Account, EntryKind
from grodt.ledger.tables import KEYED, metadata, one_of

fills = Table(
    "fills",
    metadata,
    Column("execution_id", Text, primary_key=True, nullable=False),
    Column("number", Int64, nullable=False),  # ours: the order they were booked in
    Column("book", Text, nullable=False),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Int64, nullable=False),
    Column("price", Int64, nullable=False),
    Column("notional", Int64, nullable=False),
    Column("commission", Int64, nullable=False),
    Column("session", Day, nullable=False),
    Column("filled_at", Instant, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    UniqueConstraint("book", "number"),
    one_of("side", "buy", "sell"),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    CheckConstraint("price > 0", name="price_positive"),
    **KEYED,
)
Index("ix_fills_client_order_id", fills.c.client_order_id)
Index("ix_fills_book_session", fills.c.book, fills.c.session)
Index("ix_fills_run_id", fills.c.run_id)

#: Of a fill that is made of several trades: which. A trade is in one fill, so nothing is booked twice however a broker tells it.
fill_trades = Table(
    "fill_trades",
    metadata,
    Column("trade_id", Text, primary_key=True, nullable=False),
    Column("execution_id", Text, ForeignKey("fills.execution_id"), nullable=False),
    **KEYED,
)
Index("ix_fill_trades_execution_id", fill_trades.c.execution_id)

entries = Table(
    "entries",
    metadata,
    Column("entry_id", Text, primary_key=True, nullable=False),
    Column("kind", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("memo", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    one_of("kind", *get_args(EntryKind)),
    **KEYED,
)
Index("ix_entries_book_session", entries.c.book, entries.c.session)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", Text, ForeignKey("entries.entry_id"), nullable=False),
    Column("line", Int64, nullable=False),
    Column("book", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    PrimaryKeyConstraint("entry_id", "line"),
    one_of("account", *get_args(Account)),
    CheckConstraint("amount <> 0", name="amount_moves"),
    CheckConstraint("(account IN ('position', 'market')) = (asset = 'shares')", name="shares_apart"),
    **KEYED,
)
#: Covers every balance: SQLite sums from the index alone.
Index("ix_postings_balance", postings.c.book, postings.c.account, postings.c.asset, postings.c.symbol, postings.c.amount)

#: What the postings of an account come to, carried on with each entry so that nobody adds up ten years; `grodt verify` does.
carried = Table(
    "carried",
    metadata,
    Column("book", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("amount", Int64, nullable=False),
    PrimaryKeyConstraint("book", "account", "asset", "symbol"),
    **KEYED,
)

dividends = Table(
    "dividends",
    metadata,
    Column("entry_id", Text, ForeignKey("entries.entry_id"), primary_key=True, nullable=False),
    Column("payment_id", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("ex_date", Day, nullable=False),
    Column("pay_date", Day, nullable=False),
    Column("amount", Int64, nullable=False),
    **KEYED,
)
Index("ix_dividends_book_pay_date", dividends.c.book, dividends.c.pay_date)

applied_sessions = Table(
    "applied_sessions",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("entries", Int64, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book", "session"),
    **KEYED,
)

settlements = Table(
    "settlements",
    metadata,
    Column("book", Text, nullable=False),
    Column("session", Day, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("book", "session"),
    **KEYED,
)

#: Tables of this module whose rows are never changed or deleted; triggers see to it.
APPEND_ONLY = ("fills", "fill_trades", "entries", "postings", "dividends", "applied_sessions", "settlements")
