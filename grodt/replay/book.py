"""The record of a live book, out of its ledger: what its tear sheet shows."""

from datetime import date

import polars as pl

from grodt.lake import Lake, Snapshot
from grodt.ledger.fills import traded_until
from grodt.ledger.marks import marks_until
from grodt.ledger.transaction import Read
from grodt.money import MICROS_PER_UNIT
from grodt.replay.record import Record, record_of

_MARKS = pl.Schema(
    {
        "book": pl.String(),
        "session": pl.Date(),
        "equity": pl.Int64(),
        "gross_exposure": pl.Float64(),
        "net_exposure": pl.Float64(),
        "profit": pl.Int64(),
    }
)
_TRADED = pl.Schema(
    {
        "session": pl.Date(),
        "symbol": pl.String(),
        "side": pl.String(),
        "quantity": pl.Int64(),
        "price": pl.Int64(),
        "notional": pl.Int64(),
        "commission": pl.Int64(),
    }
)


def record_of_book(
    tx: Read, lake: Lake, snapshot: Snapshot, *, source: str, book: str, session: date, sessions_per_year: float
) -> Record | None:
    """A book's course up to a session, from its marks, fills and the corporate actions of what it traded; None before its first mark.

    A fill of a session that was not marked, as an older version left one for which no cycle was run, counts in the next one that was.

    Args:
        tx: the ledger.
        lake, snapshot, source: where corporate actions are.
        book: whose.
        session: the last one.
        sessions_per_year: of its exchange.
    """
    marks = marks_until(tx, book, session)
    if not marks:
        return None
    rows = [(mark.book, mark.session, mark.equity, mark.gross, mark.net, mark.profit) for mark in marks]
    equity = pl.DataFrame(rows, schema=_MARKS, orient="row").with_columns(_units("equity", "profit"))
    traded = pl.DataFrame(traded_until(tx, book, session), schema=_TRADED, orient="row").with_columns(
        _units("price", "notional", "commission")
    )
    marked = equity.select(session="session", marked="session")
    fills = traded.join_asof(marked, on="session", strategy="forward").with_columns(session="marked").drop("marked")
    symbols = fills["symbol"].unique().to_list()
    actions = lake.read("corporate_actions", snapshot, source=source, end=session, symbols=symbols) if symbols else None
    return record_of(equity, fills=fills, actions=actions, sessions_per_year=sessions_per_year)


def _units(*columns: str) -> pl.Expr:
    return pl.col(*columns) / MICROS_PER_UNIT
