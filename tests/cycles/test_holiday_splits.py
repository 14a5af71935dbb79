"""A share that an intraday book holds over a day without a session, on which it splits: what the slots of the next session make of it."""

import asyncio
from datetime import date
from pathlib import Path

import polars as pl

from grodt.bars.simulated import SimulatedSource
from tests.cycles.intraday_world import FRI, WED, XNYS, Within, books_text

HOLIDAY = date(2026, 11, 26)
ONE = "SIM0003"
_FROM = date(2026, 10, 1)
_SYMBOLS = tuple(f"SIM{number:04d}" for number in range(1, 7))
_PRICES = ("open", "high", "low", "close")


def _home(folder: Path) -> Within:
    """Book `within` over files of the simulated exchange; it holds over night."""
    exchange = SimulatedSource("sim", 7, XNYS, 6, date(2026, 1, 2))
    asyncio.run(exchange.fetch(_SYMBOLS, _FROM, FRI)).bars.write_parquet(folder / "bars.parquet")
    asyncio.run(exchange.fetch_minutes(_SYMBOLS, XNYS.latest(WED, 7)[0], FRI)).write_parquet(folder / "minutes.parquet")
    _split(folder, ONE)
    files = """files:
    kind: files
    bars: {path: bars.parquet}
    minutes: {path: minutes.parquet, stamps: start, zone: America/New_York}
    splits: {path: splits.csv, columns: {ratio_new: new, ratio_old: old}}"""
    text = (
        books_text(group_weight="{}")
        .replace("sim: {kind: simulated, seed: 7, opened: 2026-01-02}", files)
        .replace("source: sim", "source: files")
    )
    text = text.replace("{listed: 6}", f"{{symbols: [{', '.join(_SYMBOLS)}]}}").replace('flat_by: "15:50", ', "")
    (folder / "books.yaml").write_text(text)
    return Within(folder / "home", folder / "books.yaml", "within", "2026-11-29T12:00:00Z")


def _split(folder: Path, symbol: str) -> None:
    """Two for one on the holiday: Friday trades at half the price."""
    (folder / "splits.csv").write_text(f"symbol,ex_date,new,old\n{symbol},{HOLIDAY},2,1\n")
    for name, day in (("bars", pl.col("session")), ("minutes", pl.col("start").dt.date())):
        rows = pl.read_parquet(folder / f"{name}.parquet")
        after = (pl.col("symbol") == symbol) & (day >= FRI)
        halved = rows.with_columns(
            pl.when(after).then((pl.col(price) / 2).round(3)).otherwise(pl.col(price)).alias(price) for price in _PRICES
        )
        halved.write_parquet(folder / f"{name}.parquet")


def _held(home: Within) -> dict[str, int]:
    return dict(home.sql("SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY symbol HAVING sum(amount) <> 0"))


def test_a_split_of_a_holiday_is_applied_in_the_first_slot_after_it_and_not_again_at_its_close(tmp_path: Path) -> None:
    home = _home(tmp_path)
    home.slots(WED, "1030", "1200", "close")
    before = _held(home)
    home.slots(FRI, "1030")
    entries = "SELECT memo FROM entries WHERE kind = 'split'"
    ((memo,),) = home.sql(entries)
    assert ONE in memo
    assert before[ONE] > 0
    changed = sum(quantity if side == "buy" else -quantity for symbol, side, quantity, _ in home.orders("%-27-1030") if symbol == ONE)
    ((profit, equity),) = home.sql("SELECT profit, equity FROM slot_marks WHERE session = ?", str(FRI))
    assert abs(profit) < 0.03 * equity
    home.slots(FRI, "close")
    assert home.sql(entries) == [(memo,)]
    assert _held(home).get(ONE, 0) == 2 * before[ONE] + changed
    assert home.sql("SELECT entries FROM applied_sessions WHERE session = ?", str(FRI)) == [(1,)]
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]
    assert home.table("corporate_actions").select("symbol", "ex_date").rows() == [(ONE, HOLIDAY)]
