"""The bytes of a file: how its rows are laid out, and that equal rows give equal bytes."""

import io
from datetime import date, timedelta
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from grodt.lake import Lake
from grodt.lake.encoding import encode
from tests.lake.world import KNOWN_AT, MemoryManifest


def year_of(symbols: int) -> pl.DataFrame:
    """A bar of each symbol on each day of 2024, in key order."""
    days = pl.DataFrame({"session": [date(2024, 1, 1) + timedelta(days=day) for day in range(366)]})
    names = pl.DataFrame({"symbol": [f"S{number:05d}" for number in range(symbols)]})
    price = pl.col("session").dt.ordinal_day().cast(pl.Float64)
    return (
        names.join(days, how="cross")
        .select(
            pl.lit("demo").alias("source"),
            "symbol",
            "session",
            *(price.alias(name) for name in ("open", "high", "low", "close")),
            pl.lit(1000.0).alias("volume"),
            pl.lit(KNOWN_AT).cast(pl.Datetime("us", "UTC")).alias("known_at"),
        )
        .sort("source", "symbol", "session")
    )


@pytest.fixture(scope="module")
def large() -> pl.DataFrame:
    return year_of(1_100)


def groups(content: memoryview) -> list[tuple[int, Any, Any]]:
    """Rows, first and last (symbol, session) of each row group, by its statistics."""
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        symbol, session = group.column(1).statistics, group.column(2).statistics
        found.append((group.num_rows, (symbol.min, symbol.max), (session.min, session.max)))
    return found


def test_a_large_file_holds_quarter_after_quarter_and_in_each_of_them_symbol_after_symbol(large: pl.DataFrame) -> None:
    found = groups(encode(large))
    assert len(found) == 8
    assert max(rows for rows, _, _ in found) <= 90_000
    assert sum(rows for rows, _, _ in found) == large.height
    quarters = [(date(2024, month, 1), date(2024, month + 2, 30 if month in (4, 7) else 31)) for month in (1, 4, 7, 10) for _ in range(2)]
    assert [sessions for _, _, sessions in found] == quarters
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert first[1][0] == "S00000"
        assert first[1][1] <= second[1][0]
        assert second[1][1] == "S01099"


def test_a_small_file_is_one_group_in_key_order(large: pl.DataFrame) -> None:
    small = large.head(65_536)
    content = encode(small)
    assert len(groups(content)) == 1
    assert pl.read_parquet(io.BytesIO(content)).equals(small)


def test_every_row_is_there_once_whatever_the_layout(large: pl.DataFrame) -> None:
    assert pl.read_parquet(io.BytesIO(encode(large))).sort("source", "symbol", "session").equals(large)


def test_equal_rows_give_equal_bytes(large: pl.DataFrame) -> None:
    assert bytes(encode(large)) == bytes(encode(large.clone().rechunk()))
    pieces = pl.concat([large.head(1000), large.tail(large.height - 1000)], rechunk=False)
    assert bytes(encode(pieces)) == bytes(encode(large))


def test_prices_are_plain_and_the_rest_by_dictionary(large: pl.DataFrame) -> None:
    group = pq.ParquetFile(io.BytesIO(encode(large))).metadata.row_group(0)
    columns = {group.column(number).path_in_schema: group.column(number) for number in range(group.num_columns)}
    by_dictionary = {name for name, column in columns.items() if column.has_dictionary_page}
    assert by_dictionary == {"source", "symbol", "session", "known_at"}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert all(column.is_stats_set for column in columns.values())


def test_a_frame_without_rows_is_a_file_without_rows(large: pl.DataFrame) -> None:
    empty = pl.read_parquet(io.BytesIO(encode(large.clear())))
    assert empty.schema == large.schema
    assert empty.is_empty()


def test_a_large_file_reads_the_same_by_symbol_by_session_and_whole(tmp_path: Any, large: pl.DataFrame) -> None:
    manifest = MemoryManifest()
    lake = Lake(tmp_path, manifest)
    path = "bars_1d/demo/2024/2024-01-01_2024-12-31-abc.parquet"
    snapshot = manifest.commit(lake.write("bars_1d", path, large.reverse(), source="demo", known_at=KNOWN_AT, run_id="r"))
    whole = lake.read("bars_1d", snapshot)
    assert whole.equals(large.sort(pl.col("session").dt.quarter(), maintain_order=True))
    assert lake.read("bars_1d", snapshot, symbols=["S00123"]).equals(large.filter(pl.col("symbol") == "S00123"))
    day = date(2024, 5, 17)
    assert lake.read("bars_1d", snapshot, start=day, end=day).equals(large.filter(pl.col("session") == day))
