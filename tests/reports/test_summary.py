"""What a person reads of a run."""

import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.runs import end_attempt, find_run
from grodt.reports.export import Exported
from grodt.reports.figures import figures_of, plain
from grodt.reports.summary import control_rows, orders_rows, position_rows, risk_rows, summary
from tests.brokers.world import MON, TUE
from tests.execution.desk import Desk
from tests.reports.cycles import NOW, Cycles

GOLDEN = Path(__file__).with_name("summary.md")


@pytest.fixture
def cycles(desk: Desk) -> Cycles:
    return Cycles(desk)


@pytest.fixture
def exported(cycles: Cycles) -> Exported:
    """Tuesday's run: Monday's AAPL filled, IBM is ordered, risk refused some."""
    cycles.cycle(MON, {"AAPL": 10})
    return cycles.prepared(TUE, {"AAPL": 70, "IBM": 5}, risk_clips=True)[1]


def test_the_summary_of_a_small_run(exported):
    text = summary("demo", exported, snapshot="v1-abc", links={"Parquet": "/home/lake", "Ledger": "/home/ledger.db"})
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_run_without_anything_says_so(cycles):
    _, exported = cycles.prepared(MON, {})
    text = summary("demo", exported, snapshot="v1-abc", links={})
    assert text.count("None.") == 3
    assert "profit +0.00" in text
    assert (orders_rows(exported, MON), position_rows(exported, MON), risk_rows(exported, MON)) == ([], [], [])


def test_long_lists_are_cut_at_ten_and_say_so(exported):
    frame = exported.frames["orders", TUE]
    many = pl.concat([frame.head(1).with_columns(symbol=pl.lit(f"S{number:02d}"), quantity=pl.lit(number + 1)) for number in range(13)])
    text = summary("demo", Exported(exported.figures, exported.frames | {("orders", TUE): many}), snapshot="v", links={})
    assert "and 3 more, in the Parquet table." in text
    assert "| S12 |" in text
    assert "| S02 |" not in text


def test_a_holding_that_did_not_trade_is_named_with_the_session_of_its_price(exported):
    held = exported.frames["positions", TUE]
    old = held.with_columns(price_session=pl.lit(MON))
    assert "Without a bar" not in summary("demo", exported, snapshot="v", links={})
    text = summary("demo", Exported(exported.figures, exported.frames | {("positions", TUE): old}), snapshot="v", links={})
    assert f"valued at an older price: AAPL at the close of {MON} (0.11% of equity)." in text
    many = pl.concat([old.with_columns(symbol=pl.lit(f"S{number:02d}")) for number in range(13)])
    text = summary("demo", Exported(exported.figures, exported.frames | {("positions", TUE): many}), snapshot="v", links={})
    assert text.count("at the close of") == 10
    assert "and 3 more." in text


def test_a_bar_in_a_cell_does_not_break_its_table(exported):
    checks = exported.frames["risk_checks", TUE].with_columns(reason=pl.lit("a|b"))
    text = summary("demo", Exported(exported.figures, exported.frames | {("risk_checks", TUE): checks}), snapshot="v", links={})
    assert "| reject | a\\|b |" in text


def test_orders_come_largest_first_and_then_by_symbol(exported):
    assert [row[:3] for row in orders_rows(exported, TUE)] == [["AAPL", "buy", "70"], ["IBM", "buy", "5"]]


def test_every_control_is_counted(exported):
    rows = {row["control"]: row for row in control_rows(exported, TUE) if row["name"] == "order quantity"}
    assert rows[2] == {
        "control": 2,
        "name": "order quantity",
        "asked": 2,
        "passed": 1,
        "clipped": 0,
        "rejected": 1,
        "halted": 0,
        "least_headroom": -10.0,
    }
    assert sum(row["asked"] for row in control_rows(exported, TUE)) == exported.frames["risk_checks", TUE].height


def test_figures_are_plain_json(cycles, exported):
    assert json.loads(json.dumps(plain(exported.figures))) == {
        "run_id": "demo-eod-2026-03-03",
        "session": "2026-03-03",
        "state": "done",
        "bars": 2,
        "quarantined": 0,
        "signals": 1,
        "orders": 2,
        "fills": 1,
        "positions": 1,
        "equity": "999999.34",
        "breaks": 0,
        "seconds": 0.0,
    }


def test_a_run_that_has_only_begun_has_counted_nothing_and_is_worth_nothing_known(cycles):
    run = cycles.desk.open(MON)
    with cycles.ledger.read() as tx:
        found = figures_of(tx, run)
    assert (found.state, found.bars, found.orders, found.positions, found.equity, found.seconds) == ("open", 0, 0, None, None, 0.0)


def test_figures_count_open_breaks_and_the_seconds_of_all_attempts(cycles):
    cycles.cycle(MON, {})
    run = cycles.desk.open(TUE)
    with cycles.ledger.write() as tx:
        end_attempt(tx, run.run_id, "failed", run.opened_at + timedelta(seconds=5))
    again = cycles.desk.open(TUE)
    with cycles.ledger.write() as tx:
        end_attempt(tx, run.run_id, "halted", run.opened_at + timedelta(seconds=9))
        record_breaks(tx, "demo", TUE, [Break("cash", "", 1, 2)], run.run_id, NOW)
        found = figures_of(tx, find_run(tx, again.run_id) or again)
    assert found.breaks == 1
    assert 13 < found.seconds < 14
