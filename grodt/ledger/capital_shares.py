"""Which strategy has how much of a book's capital, as cycles have found it in the books file: what nobody traded is attributed by it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select

from grodt.ledger.booking import instant_after
from grodt.ledger.tables_strategies import capital_shares
from grodt.ledger.transaction import Read, Write

#: All of a book's capital.
WHOLE = 1_000_000_000


def record_shares(tx: Write, book: str, shares: Mapping[str, float], run_id: str, now: datetime) -> None:
    """Keep the shares of a book's strategies where they are not those that were kept last; of a book that never had several, nothing.

    Args:
        tx: the transaction.
        book: whose; what is left of its capital has its name.
        shares: of its strategies, together at most 1; none of a book that is one strategy.
        run_id: the run that found them.
        now: instant; they are in force from it on, and of nothing that is booked already, whatever the clock says.
    """
    rows = _rows(tx, book)
    if not rows and not shares:
        return
    found = {name: round(share * WHOLE) for name, share in shares.items()}
    left = WHOLE - sum(found.values())
    if left > 0:
        found[book] = left
    last = rows[-1].number if rows else 0
    if {row.strategy: row.billionths for row in rows if row.number == last} != found:
        common = {"book": book, "number": last + 1, "run_id": run_id, "recorded_at": instant_after(tx, book, now)}
        tx.connection.execute(
            insert(capital_shares), [{"strategy": name, "billionths": share} | common for name, share in sorted(found.items())]
        )


def shares_in_time(tx: Read, book: str) -> tuple[tuple[datetime, dict[str, int]], ...]:
    """From when on which strategy had how many billionths of the capital, earliest first."""
    found: dict[int, tuple[datetime, dict[str, int]]] = {}
    for row in _rows(tx, book):
        found.setdefault(row.number, (row.recorded_at, {}))[1][row.strategy] = row.billionths
    return tuple(found.values())


def _rows(tx: Read, book: str) -> Sequence[Row[Any]]:
    query = select(capital_shares).where(capital_shares.c.book == book)
    return tx.connection.execute(query.order_by(capital_shares.c.number, capital_shares.c.strategy)).all()
