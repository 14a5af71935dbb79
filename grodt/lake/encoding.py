"""The bytes of a lake file: Parquet that prunes both by symbol and by session.

Measured on 5,000 symbols by 2,520 sessions (docs/benchmarks.md): a file of more than one row group holds calendar quarter after
calendar quarter, in each of them symbol after symbol, so that the statistics of its row groups tell a reader of one symbol and a reader
of one session which few of them to open, and pages so small that a reader of one symbol unpacks little more than its rows. Prices and
volumes are kept plain, everything else by dictionary; zstd's level 6 is smaller than its level 1 and no slower to read.
"""

from collections.abc import Iterator

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

#: A file of fewer rows is one row group.
_ONE_GROUP_ROWS = 65_536
#: Most rows of one row group of a larger one: a quarter of 5,000 symbols is four of them.
_GROUP_ROWS = 90_000
_PAGE_BYTES = 65_536
_LEVEL = 6


def encode(frame: pl.DataFrame, session: str = "session") -> memoryview:
    """The frame as Parquet: zstd, statistics and a checksum on each page. Equal frames give equal bytes.

    Args:
        frame: rows sorted by the table's primary key.
        session: name of the column that dates them.
    """
    rows = frame if frame.height <= _ONE_GROUP_ROWS else frame.sort(_quarter(session), maintain_order=True)
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    sink = pa.BufferOutputStream()
    by_dictionary = [name for name, dtype in frame.schema.items() if not dtype.is_float()]
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=_LEVEL,
        data_page_size=_PAGE_BYTES,
        use_dictionary=by_dictionary,
        write_statistics=True,
        write_page_checksum=True,
    ) as writer:
        for at, length in _groups(rows, session):
            writer.write_table(table.slice(at, length), row_group_size=length)
    return memoryview(sink.getvalue())


def _groups(rows: pl.DataFrame, session: str) -> Iterator[tuple[int, int]]:
    """Offset and length of each row group: quarters in equal parts."""
    if rows.height <= _ONE_GROUP_ROWS:
        yield 0, max(1, rows.height)
        return
    at = 0
    for count in rows.select(_quarter(session).rle().struct.field("len")).to_series():
        parts = -(-count // _GROUP_ROWS)
        for part in range(parts):
            first, end = at + count * part // parts, at + count * (part + 1) // parts
            yield first, end - first
        at += count


def _quarter(session: str) -> pl.Expr:
    return pl.col(session).dt.truncate("1q")
