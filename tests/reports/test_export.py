"""From a run's end to the lake and the ledger, together."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from grodt.errors import LeaseHeld
from grodt.lake.tables import TABLES
from grodt.ledger.leases import Lease
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.runs import attempts_of, close_run
from grodt.money import decimal, micros
from grodt.reports.export import close, prepare
from grodt.targets.universe import Eligibility
from tests.brokers.world import MON, TUE, WED
from tests.execution.desk import Desk, Killed
from tests.reports.cycles import NOW, Cycles

OWN = {"equity", "positions", "risk_checks", "runs", "signals", "targets"}


@pytest.fixture
def cycles(desk: Desk) -> Cycles:
    return Cycles(desk)


def glob(cycles: Cycles, table: str) -> pl.DataFrame:
    """As any tool sees the table."""
    return pl.read_parquet(cycles.lake.root / table / "**/*.parquet")


def test_every_frame_is_valid_by_its_table_s_schema(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    exported = cycles.cycle(TUE, {"IBM": 5})
    assert {table for table, _ in exported.frames} == OWN | {"orders", "fills"}
    for (table, _), frame in exported.frames.items():
        TABLES[table].validate(frame, cast=False)
        assert frame.columns == TABLES[table].column_names(), table


def test_what_the_universe_rules_said_is_a_table_of_a_book_that_has_them(cycles):
    run, decided = cycles.decided(MON, {"AAPL": 10})
    verdict = np.array([True, False])
    price, volume = np.array([100.0, np.nan]), np.array([5e6, np.nan])
    judged = Eligibility(decided.targets.symbols, verdict, ("", "price: it was never traded"), price, np.array([9, 0]), volume)
    exported = prepare(cycles.ledger, run, replace(decided, judged=(judged, ("one", "two"))), NOW)
    cycles.close(run, exported)
    frame = glob(cycles, "universe")
    assert frame.columns == TABLES["universe"].column_names()
    assert frame.select(pl.exclude("book", "session", "run_id")).rows() == [
        ("AAPL", "one", True, "", 100.0, 9, 5e6),
        ("IBM", "two", False, "price: it was never traded", None, 0, None),
    ]


def test_a_run_exports_its_own_session_and_what_moved_of_earlier_ones(cycles):
    first, second = cycles.cycle(MON, {"AAPL": 10}), cycles.cycle(TUE, {"IBM": 5})
    assert set(first.frames) == {(table, MON) for table in OWN | {"orders"}}
    assert set(second.frames) == {(table, TUE) for table in OWN} | {("orders", MON), ("orders", TUE), ("fills", TUE)}
    assert second.rows == sum(frame.height for frame in second.frames.values())


def test_orders_of_an_earlier_session_are_exported_anew_when_they_fill(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    (before,) = glob(cycles, "orders").to_dicts()
    assert (before["state"], before["filled_quantity"], before["average_fill_price"]) == ("accepted", 0, None)
    cycles.cycle(TUE, {"IBM": 5})
    after, other = glob(cycles, "orders").sort("session").to_dicts()
    assert (after["state"], after["filled_quantity"], after["run_id"]) == ("filled", 10, "demo-eod-2026-03-02")
    assert after["average_fill_price"] == decimal(micros("110.055"))
    assert (other["symbol"], other["state"]) == ("IBM", "accepted")
    (fill,) = glob(cycles, "fills").to_dicts()
    assert (fill["client_order_id"], fill["run_id"], fill["session"]) == (after["client_order_id"], "demo-eod-2026-03-03", TUE)
    assert fill["notional"] == fill["price"] * 10


def test_a_glob_shows_each_row_once_and_what_the_manifest_lists(cycles):
    for session, quantities in ((MON, {"AAPL": 10}), (TUE, {"IBM": 5}), (WED, {"AAPL": -4})):
        cycles.cycle(session, quantities)
    now = LedgerManifest(cycles.ledger).snapshot()
    for table in [*sorted(OWN), "orders", "fills"]:
        seen = glob(cycles, table)
        keys = TABLES[table].primary_key()
        assert seen.unique(keys).height == seen.height, table
        assert seen.height == cycles.lake.read(table, now).height == sum(file.rows for file in now.of(table))
    assert cycles.lake.verify(now) == []


def test_what_was_superseded_stays_readable_as_it_was(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    then = LedgerManifest(cycles.ledger).snapshot()
    cycles.cycle(TUE, {"IBM": 5})
    assert cycles.lake.read("orders", then)["state"].to_list() == ["accepted"]


def test_a_run_without_orders_or_positions_writes_no_empty_file(cycles):
    cycles.cycle(MON, {})
    assert not (cycles.lake.root / "orders").exists()
    assert not (cycles.lake.root / "positions").exists()
    assert glob(cycles, "equity").height == 1


def test_the_run_s_own_row_names_the_data_it_read_and_its_figures(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    cycles.cycle(TUE, {"IBM": 5, "AAPL": 1})
    row = glob(cycles, "runs").filter(pl.col("session") == TUE).to_dicts()[0]
    run = cycles.run(TUE)
    assert row["snapshot"] == f"v{run.snapshot_version}-{run.snapshot_digest[:12]}"
    counts = {"bars": 2, "signals": 1, "orders": 2, "fills": 1, "positions": 1, "breaks": 0, "quarantined": 0, "attempts": 1}
    assert {name: row[name] for name in counts} == counts
    assert (row["outcome"], row["config_hash"], row["code_version"]) == ("done", "c", "v")


def test_positions_and_equity_agree(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    cycles.cycle(TUE, {})
    (position,), (equity,) = (glob(cycles, table).filter(pl.col("session") == TUE).to_dicts() for table in ("positions", "equity"))
    assert (position["quantity"], position["price"], position["price_session"]) == (10, 110.0, TUE)
    assert position["market_value"] == equity["positions_value"] == 1100
    assert position["unrealised_profit"] == position["market_value"] - position["cost"]
    assert position["average_cost"] * 10 == position["cost"]
    assert position["weight"] == pytest.approx(1100 / float(equity["equity"]))
    assert equity["equity"] == equity["cash"] + equity["receivable"] + equity["positions_value"]


def test_what_has_no_value_is_null_and_not_nan(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    signals, targets = glob(cycles, "signals"), glob(cycles, "targets")
    assert signals.filter(pl.col("symbol") == "IBM").select("signal", "value", "forecast").rows() == [
        ("ewma", -0.5, -1.0),
        ("momentum", None, None),
    ]
    assert targets.filter(pl.col("symbol") == "IBM").select("forecast", "volatility", "reference_price").rows() == [(None, None, None)]
    assert targets.filter(pl.col("symbol") == "AAPL").select("current_quantity", "target_quantity").rows() == [(0, 10)]


def test_evidence_is_exported_as_it_was_recorded(cycles):
    run, exported = cycles.prepared(MON, {"AAPL": 100, "IBM": 50}, risk_clips=True)
    cycles.close(run, exported)
    seen = glob(cycles, "risk_checks")
    assert seen.height == exported.frames["risk_checks", MON].height
    assert set(seen["verdict"].cast(pl.String)) >= {"pass", "reject"}
    assert seen["run_id"].unique().to_list() == ["demo-eod-2026-03-02"]


def test_closing_ends_the_run_and_its_attempt(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    assert (cycles.run(MON).state, cycles.run(MON).closed_at) == ("done", NOW)
    with cycles.ledger.read() as tx:
        assert [each.outcome for each in attempts_of(tx, "demo-eod-2026-03-02")] == ["done"]


def test_exporting_the_same_again_makes_no_new_version(cycles):
    run, exported = cycles.prepared(MON, {"AAPL": 10})
    cycles.close(run, exported)
    version = LedgerManifest(cycles.ledger).snapshot().version
    cycles.close(run, exported)
    assert LedgerManifest(cycles.ledger).snapshot().version == version


@pytest.mark.parametrize("step", [0, 1])
def test_a_crash_before_the_commit_leaves_the_run_open_and_a_rerun_ends_the_same(cycles, step):
    cycles.cycle(MON, {"AAPL": 10})
    run, decided = cycles.decided(TUE, {"IBM": 5})
    cycles.desk.fuse.steps.clear()
    cycles.desk.fuse.at = step
    before = LedgerManifest(cycles.ledger).snapshot()
    with pytest.raises(Killed):
        cycles.close(run, prepare(cycles.ledger, run, decided, NOW))
    assert cycles.run(TUE).state == "open"
    assert LedgerManifest(cycles.ledger).snapshot() == before
    assert cycles.lake.read("orders", before)["state"].to_list() == ["accepted"]

    cycles.desk.fuse.at = None
    run, decided = cycles.decided(TUE, {"IBM": 5})
    assert run.attempts == 2
    exported = prepare(cycles.ledger, run, decided, NOW)
    cycles.close(run, exported)
    assert cycles.run(TUE).state == "done"
    now = LedgerManifest(cycles.ledger).snapshot()
    assert cycles.lake.verify(now) == []
    for (table, session), frame in exported.frames.items():
        keys = TABLES[table].primary_key()
        shown = cycles.lake.read(table, now, start=session, end=session)
        assert shown.sort(keys).equals(frame.sort(keys)), table


def test_what_a_run_wrote_that_died_and_was_abandoned_leaves_the_glob(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    run, exported = cycles.prepared(TUE, {"IBM": 5})
    cycles.desk.fuse.steps.clear()
    cycles.desk.fuse.at = 1  # the files are there, their commit is not
    with pytest.raises(Killed):
        cycles.close(run, exported)
    assert glob(cycles, "positions")["session"].to_list() == [TUE]
    cycles.desk.fuse.at = None
    with cycles.ledger.write() as tx:
        close_run(tx, run.run_id, "abandoned", NOW)
    cycles.cycle(WED, {})
    assert sorted(glob(cycles, "positions")["session"].unique()) == [WED]
    assert sorted(glob(cycles, "runs")["session"]) == [MON, WED]
    assert cycles.lake.verify(LedgerManifest(cycles.ledger).snapshot()) == []


def test_what_an_abandoned_run_booked_is_shown_by_the_next_that_is_done(cycles):
    cycles.cycle(MON, {"AAPL": 10})
    run, _ = cycles.decided(TUE, {"IBM": 5})
    with cycles.ledger.write() as tx:
        close_run(tx, run.run_id, "abandoned", NOW)
    cycles.cycle(WED, {})
    assert glob(cycles, "fills").select("session", "symbol", "run_id").sort("session").rows() == [
        (TUE, "AAPL", "demo-eod-2026-03-03"),
        (WED, "IBM", "demo-eod-2026-03-04"),
    ]
    assert glob(cycles, "orders").select("session", "state").sort("session").rows() == [(MON, "filled"), (TUE, "filled")]
    assert glob(cycles, "equity")["session"].sort().to_list() == [MON, TUE, WED]


def test_a_lost_lease_ends_nothing(cycles):
    run, exported = cycles.prepared(MON, {"AAPL": 10})
    before = LedgerManifest(cycles.ledger).snapshot()
    with pytest.raises(LeaseHeld):
        close(cycles.ledger, Lease("book:demo", 1, "us", NOW), cycles.lake, run, exported, NOW)
    assert cycles.run(MON).state == "open"
    assert LedgerManifest(cycles.ledger).snapshot() == before
