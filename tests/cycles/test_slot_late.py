"""A slot some of whose orders left late: what left in time fills as if they had not."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.cycles.intraday_world import WED, within_home


@pytest.mark.parametrize("terms", ["fill_at: close", "participation: 0.002", "fill_at: close, participation: 0.002"])
def test_what_left_in_time_fills_as_if_nothing_had_left_late(tmp_path: Path, terms: str) -> None:
    alone = within_home(tmp_path, broker=f"slippage_bps: 5, commission_bps: 1, {terms}", within=", latest_start_minutes: 90")
    replace(alone, now="2026-11-25T17:00:05Z").slots(WED, "1200")
    names = [name for (name,) in alone.sql("SELECT client_order_id FROM orders ORDER BY 1")]
    assert len(names) > 1
    beside = alone.copied(tmp_path / "beside")
    with closing(sqlite3.connect(beside.folder / "brokers/paper-within.db")) as broker, broker:
        # as a kill between two sends leaves it, and an attempt at 17:10 that sends the other
        broker.execute("INSERT INTO starts VALUES (?, '2026-11-25T17:10:00+00:00')", [names[-1]])
    fills = []
    for home in (alone, beside):
        replace(home, now="2026-11-25T18:30:05Z").slots(WED, "1330")
        found = home.sql("SELECT client_order_id, symbol, quantity, price, filled_at FROM fills WHERE run_id LIKE '%-1330' ORDER BY 1, 5")
        fills.append([row for row in found if row[0] in names])
        assert home.sql("SELECT count(*) FROM breaks") == [(0,)]
    assert {row[0] for row in fills[0]} == {row[0] for row in fills[1]} == set(names)
    assert [row for row in fills[0] if row[0] != names[-1]] == [row for row in fills[1] if row[0] != names[-1]]
    ((_, symbol, quantity, _, filled_at),) = (row for row in fills[1] if row[0] == names[-1])
    assert filled_at[11:16] == ("18:30" if "close" in terms else "17:10")
    if "participation" in terms:
        start = pl.col("start").dt.convert_time_zone("UTC").dt.strftime("%H:%M")
        minutes = beside.table("bars_1m").filter(pl.col("symbol") == symbol, pl.col("session") == WED, start >= "17:10", start < "18:30")
        assert quantity == int(minutes["volume"].sum()) * 2 // 1000
