"""A lake with closes in it, pinned, and holdings in a ledger: what marking, deciding and reporting begin with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

import polars as pl

from grodt.lake import Lake, Snapshot, bars_path
from grodt.ledger.entries import fill_entry
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.ledger.postings import holding, post
from grodt.ledger.unit import Ledger
from grodt.money import micros
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from tests.brokers.world import BOOK, MON

SOURCE = "scripted"
KNOWN = datetime(2026, 3, 9, tzinfo=UTC)


def stock(lake: Lake, ledger: Ledger, closes: Sequence[tuple[str, date, float]], source: str = SOURCE) -> Snapshot:
    """Commit flat bars at those closes, a file per symbol and year; returns the lake as it is then."""
    frame = pl.DataFrame(
        [
            {
                "source": source,
                "symbol": symbol,
                "session": session,
                "open": close,
                "high": close,
                "low": close,
                "close": close,
                "volume": 100.0,
                "known_at": KNOWN,
            }
            for symbol, session, close in closes
        ],
        schema_overrides={"known_at": pl.Datetime("us", "UTC")},
    )
    files = []
    for (symbol, year), part in frame.group_by("symbol", pl.col("session").dt.year()):
        first, last = part["session"].min(), part["session"].max()
        assert isinstance(first, date)
        assert isinstance(last, date)
        path = bars_path(source, [str(symbol)], first, last, int(str(year)))
        files.append(lake.write("bars_1d", path, part, source=source, known_at=KNOWN, run_id="r"))
    with ledger.write() as tx:
        commit_files(tx, files, KNOWN)
    return LedgerManifest(ledger).snapshot(tables=("bars_1d", "corporate_actions"))


def hold(ledger: Ledger, positions: Mapping[str, tuple[int, str]], session: date = MON, run_id: str = "r") -> None:
    """Book positions at a price, without orders."""
    with ledger.write() as tx:
        for symbol, (quantity, price) in positions.items():
            side = Side.BUY if quantity > 0 else Side.SELL
            fill = Fill(
                execution_id=f"x-{symbol}-{session}",
                client_order_id=f"o-{symbol}",
                symbol=symbol,
                side=side,
                quantity=abs(quantity),
                price=micros(price),
                commission=micros(0),
                session=session,
                filled_at=KNOWN,
            )
            post(tx, fill_entry(fill, BOOK, holding(tx, BOOK, symbol)), run_id, KNOWN)
