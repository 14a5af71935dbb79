"""Whole cycles within a session: several slots, an early close, what was missed, halts, losses, kills."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.backfill import backfill
from grodt.errors import ReconciliationBreak, SessionError
from grodt.ledger.halts import halt
from grodt.ledger.unit import Ledger
from tests.cycles.driver import without_prefect
from tests.cycles.interrupted import Stop, stop_at
from tests.cycles.intraday_world import EARLY, FRI, SLOTS, STOPS, WED, Within, within_home
from tests.cycles.processes import Processes
from tests.flows.commands import Command

HOLIDAY = date(2026, 11, 26)


@pytest.fixture(scope="module")
def noon(tmp_path_factory: pytest.TempPathFactory) -> Within:
    """The book after its second slot. Only to be read, or copied."""
    home = within_home(tmp_path_factory.mktemp("noon"))
    home.slots(WED, "1030")
    minutes = home.table("bars_1m").filter(pl.col("session") == WED)
    assert minutes["start"].max() == datetime(2026, 11, 25, 15, 29, tzinfo=UTC)  # nothing of later is known to it
    home.slots(WED, "1200")
    return home


@pytest.fixture(scope="module")
def day(noon: Within, tmp_path_factory: pytest.TempPathFactory) -> Within:
    """Its whole session without a fault. Only to be read."""
    home = noon.copied(tmp_path_factory.mktemp("day"))
    home.slots(WED, *SLOTS[2:])
    return home


def test_a_session_is_decided_slot_by_slot_and_ends_flat_and_settled(day: Within) -> None:
    runs = day.sql("SELECT run_id, state FROM runs ORDER BY slot")
    assert runs == [(f"within-intraday-2026-11-25-{slot}", "done") for slot in SLOTS]
    assert day.sql("SELECT session FROM settlements") == [(str(WED),)]
    assert day.sql("SELECT DISTINCT state FROM order_status") == [("filled",)]
    assert {side for _, side, _, _ in day.orders("%-1550")} == {"sell"}
    assert day.files("positions") == {}
    assert day.sql("SELECT count(*) FROM orders")[0][0] > 4
    assert "Not flat" not in (day.folder / f"reports/within/{WED}-close.md").read_text()


def test_orders_have_ids_of_their_slot_and_fill_at_the_open_of_what_follows(day: Within) -> None:
    rows = day.sql(
        "SELECT o.client_order_id, o.symbol, o.side, f.price, f.filled_at FROM orders AS o JOIN fills AS f USING (client_order_id) "
        "WHERE o.run_id LIKE '%-1200' ORDER BY o.symbol"
    )
    stamps = pl.col("start").dt.convert_time_zone("UTC")
    opens = day.table("bars_1m").filter(stamps >= datetime(2026, 11, 25, 17, tzinfo=UTC), pl.col("session") == WED)
    assert rows
    for name, symbol, side, price, filled_at in rows:
        assert name == f"within-intraday-202611251200-{symbol}-0"
        assert filled_at.startswith("2026-11-25T17:00")
        first = opens.filter(symbol=symbol).sort("start").row(0, named=True)["open"]
        assert price / 1e6 == pytest.approx(first * (1.0005 if side == "buy" else 0.9995), abs=1e-4)


def test_each_slot_is_marked_and_the_close_with_the_high_of_the_day(day: Within) -> None:
    slots = day.sql("SELECT slot, equity, profit, high_water_mark FROM slot_marks ORDER BY slot")
    assert [slot for slot, *_ in slots] == list(SLOTS[:-1])
    assert all(profit == equity - 1_000_000 * 10**6 for _, equity, profit, _ in slots)
    ((equity, profit, high),) = day.sql("SELECT equity, profit, high_water_mark FROM marks")
    assert profit == equity - 1_000_000 * 10**6
    assert high == max(*(equity for _, equity, *_ in slots), equity)


def test_every_slot_leaves_the_evidence_of_every_control_that_a_decision_asks(day: Within) -> None:
    asked = {number for (number,) in day.sql("SELECT DISTINCT control FROM risk_checks WHERE run_id LIKE '%-1200'")}
    assert asked == {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 23, 24, 26, 28, 29, 30, 31, 33} - {14, 16} | (
        asked & {14, 16}
    )  # 14 is not asked of a first basket, 16 of sells
    every = {number for (number,) in day.sql("SELECT DISTINCT control FROM risk_checks")}
    assert {14, 16} <= every
    exported = day.table("risk_checks")
    assert set(exported["run_id"]) == {f"within-intraday-2026-11-25-{slot}" for slot in SLOTS}  # the close has that of its fills


def test_the_lake_has_each_minute_of_the_session_once_and_each_slots_decision(day: Within) -> None:
    minutes = day.table("bars_1m")
    assert not minutes.select(pl.struct("symbol", "start").is_duplicated().any()).item()
    assert minutes.filter(session=WED)["start"].max() == datetime(2026, 11, 25, 20, 59, tzinfo=UTC)
    assert day.table("targets").group_by("run_id").len().height == len(SLOTS) - 1
    assert day.table("orders").height == day.sql("SELECT count(*) FROM orders")[0][0]
    assert day.sql("SELECT DISTINCT last_date FROM coverage WHERE width = '1m'") == [(str(WED),)]


def test_running_a_session_again_changes_nothing(day: Within) -> None:
    before = day.everything()
    replace(day, now="2026-11-30T12:00:00Z").slots(WED, *SLOTS, SLOTS[0])
    assert day.everything() == before


@pytest.mark.long
def test_interrupted_at_each_stage_it_ends_the_same(noon: Within, day: Within, tmp_path: Path) -> None:
    home = noon.copied(tmp_path)
    for slot in SLOTS[2:]:
        for stage in ("bars", "settle", "mark", "send", "report") if slot == "1330" else ("settle", "report"):
            with pytest.raises(Stop):
                home.run((WED, slot), watch=stop_at(stage))  # type: ignore[arg-type]
        home.slots(WED, slot)
    assert home.facts() == day.facts()


@pytest.mark.parametrize("stage", [pytest.param("settle", marks=pytest.mark.long), "send"])
def test_killed_it_ends_the_same(processes: Processes, noon: Within, day: Within, tmp_path: Path, stage: str) -> None:
    home = noon.copied(tmp_path)
    rest = [(WED, slot) for slot in SLOTS[2:]]
    assert processes.run(home, rest, stage=(rest[1], stage)) == -9  # type: ignore[arg-type]
    home.run(*rest)  # type: ignore[arg-type]
    assert home.facts() == day.facts()


def test_a_slot_that_was_missed_is_skipped_and_cannot_be_run_later(noon: Within, tmp_path: Path) -> None:
    home = noon.copied(tmp_path)
    home.slots(WED, "1550")
    assert home.sql("SELECT count(*) FROM fills WHERE filled_at < '2026-11-25T17:30'")[0][0] > 0  # those of 12:00 filled all the same
    with pytest.raises(SessionError, match="book within has begun slot 1550 of session 2026-11-25, so slot 1330 can no longer be run"):
        home.slots(WED, "1330")
    home.slots(WED, "close")
    with pytest.raises(SessionError, match="has settled session 2026-11-25, so its slot 1330"):
        home.slots(WED, "1330")


def test_the_next_session_settles_one_whose_close_was_missed_and_an_early_close_keeps_its_distance(noon: Within, tmp_path: Path) -> None:
    """26 November is a holiday. What 12:00 bought is held over it, and the next session is over by 13:00."""
    home = noon.copied(tmp_path)
    with pytest.raises(SessionError, match="2026-11-26 is not a session of XNYS"):
        home.slots(HOLIDAY, "1030")
    home.slots(FRI, *EARLY)
    assert home.sql("SELECT session FROM settlements ORDER BY 1") == [(str(WED),), (str(FRI),)]
    ((wednesday, equity), _) = home.sql("SELECT session, equity FROM marks ORDER BY 1")  # its close is marked too, late
    assert wednesday == str(WED)
    assert home.table("equity")["session"].sort().to_list() == [WED, FRI]
    profits = home.sql("SELECT equity - profit FROM slot_marks WHERE session = ?", str(FRI))
    assert set(profits) == {(equity,)}
    assert home.sql("SELECT state, count(*) FROM runs GROUP BY state") == [("done", 5)]
    assert home.sql("SELECT sum(amount) FROM postings WHERE account = 'position'") == [(0,)]
    sold = home.sql("SELECT DISTINCT filled_at FROM fills WHERE client_order_id LIKE '%202611271250-%'")
    assert [at[:16] for (at,) in sold] == ["2026-11-27T17:50"]


@pytest.mark.parametrize(
    ("session", "now"),
    [(FRI, "2026-11-29T12:00:00Z"), (date(2026, 12, 7), "2026-12-07T15:40:00Z")],  # whose six sessions before do not reach to Wednesday
)
def test_orders_of_a_session_whose_close_was_missed_fill_whatever_the_universe_has_become(
    day: Within, noon: Within, tmp_path: Path, session: date, now: str
) -> None:
    fills = "SELECT symbol, side, quantity, price, filled_at FROM fills WHERE client_order_id LIKE '%202611251200-%' ORDER BY 1, 3"
    home = replace(noon.copied(tmp_path), now=now, books=tmp_path / "books.yaml")
    home.books.write_text(noon.books.read_text().replace("listed: 6", "listed: 3"))
    open_ones = {symbol for symbol, _, _, state in home.orders("%-1200") if state != "filled"}
    left = open_ones - {f"SIM000{number}" for number in range(1, 4)}
    assert left
    home.slots(session, "1030")
    assert home.sql(fills) == day.sql(fills)
    held = home.table("bars_1d").filter((pl.col("session") == WED) & pl.col("symbol").is_in(sorted(left)))
    assert held.height == len(left)  # at which what they brought is marked


def test_a_halt_of_buys_lets_the_rest_of_the_session_only_sell(noon: Within, tmp_path: Path) -> None:
    home = noon.copied(tmp_path)
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    with ledger.write() as tx:
        halt(
            tx, scope="book", book="within", side="buys", kind="pause", reason="seen", author="ann", now=datetime(2026, 11, 25, tzinfo=UTC)
        )
    ledger.close()
    home.slots(WED, "1330")
    assert {side for _, side, _, _ in home.orders("%-1330")} <= {"sell"}
    refused = home.sql("SELECT count(*) FROM risk_checks WHERE run_id LIKE '%-1330' AND control = 29 AND verdict IN ('reject', 'clip')")
    assert refused[0][0] > 0


def test_a_loss_within_the_session_latches_and_the_book_only_reduces(tmp_path: Path) -> None:
    home = within_home(tmp_path, broker="slippage_bps: 300, commission_bps: 1", daily_loss="0.002")
    home.slots(WED, *SLOTS[:3])
    assert home.orders("%-1200")
    verdicts = home.sql("SELECT verdict FROM risk_checks WHERE control = 28 AND scope = 'book' ORDER BY run_id")
    assert [verdict == "pass" for (verdict,) in verdicts] == [True, True, False]
    assert {side for _, side, _, _ in home.orders("%-1330")} <= {"sell"}
    assert home.sql("SELECT side, control FROM halts") == [("reduce_only", 28)]
    home.slots(WED, "1550")
    assert {side for _, side, _, _ in home.orders("%-1550")} <= {"sell"}


def test_a_large_order_is_sliced_and_what_participation_leaves_goes_out_anew(tmp_path: Path) -> None:
    broker = "slippage_bps: 5, commission_bps: 1, participation: 0.02"
    home = within_home(tmp_path, broker=broker, within=f", stops: {STOPS}, slices: {{above: 20000, count: 3}}")
    home.slots(WED, *SLOTS[:3])
    sent = home.sql(
        "SELECT client_order_id, symbol, quantity, works_from, filled_quantity, state, reason FROM orders "
        "JOIN order_status USING (client_order_id) WHERE run_id LIKE '%-1200' ORDER BY 1"
    )
    by_symbol: dict[str, list[Any]] = {}
    for row in sent:
        by_symbol.setdefault(row[1], []).append(row)
    for legs in by_symbol.values():
        assert [name[-2:] for name, *_ in legs] == ["-1", "-2", "-3"]
        assert [None if at is None else at[11:16] for _, _, _, at, *_ in legs] == [None, "17:30", "18:00"]
        assert max(leg[2] for leg in legs) - min(leg[2] for leg in legs) <= 1
    filled = home.sql(
        "SELECT substr(client_order_id, -1), min(filled_at) FROM fills WHERE client_order_id LIKE '%202611251200%' GROUP BY 1"
    )
    assert [(leg, at[11:16]) for leg, at in filled] == [("1", "17:00"), ("2", "17:30"), ("3", "18:00")]
    cut = [row for row in sent if row[4] < row[2]]
    assert cut
    assert {(row[5], row[6]) for row in cut} == {("cancelled", "cancelled on request")}
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]


def test_what_a_flat_book_keeps_over_night_is_told_at_its_close(tmp_path: Path) -> None:
    home = within_home(tmp_path, broker="slippage_bps: 5, commission_bps: 1, participation: 0.02")
    home.slots(WED, SLOTS[2], *SLOTS[3:])
    positions = pl.read_parquet(f"{home.folder}/lake/positions/**/*.parquet").sort(pl.col("market_value").abs(), descending=True)
    named = ", ".join(f"{symbol} {quantity:,}" for symbol, quantity in positions.select("symbol", "quantity").iter_rows())
    kept = positions["market_value"].abs().sum()
    report = (home.folder / f"reports/within/{WED}-close.md").read_text()
    assert f"**Not flat**: to be flat by 15:50, the book keeps {kept:,.2f} USD over night, because" in report
    assert f"filled: {named}.\n" in report


def test_the_cost_that_people_are_shown_of_a_slot_rests_on_sessions_before_it_also_where_it_is_caught_up_later(tmp_path: Path) -> None:
    shown = []
    for name, known in (("then", False), ("later", True)):
        home = within_home(tmp_path / name, broker="slippage_bps: 0, commission_bps: 0, impact: 1", approval="one")
        if known:  # that day's bars are in the lake already
            with home.environment(), without_prefect():
                backfill.fn("within", WED, WED)
            assert WED in home.table("bars_1d")["session"]
        replace(home, now="2026-11-25T17:01:00Z").slots(WED, "1200")
        ((subject,),) = home.sql("SELECT subject FROM requests WHERE kind = 'basket'")
        shown.append(json.loads(subject)["changes"]["cost"])
    assert shown[0] == shown[1] > 0


@pytest.mark.long
def test_a_ledger_that_was_restored_without_its_account_says_so_and_with_it_goes_on(day: Within, noon: Within, tmp_path: Path) -> None:
    """The ledger of 12:00, and the account after the close of the session, or after the next one too."""
    later = day.copied(tmp_path / "later")
    later.slots(FRI, *EARLY)
    for name, account in (("same", day), ("next", later)):
        home = account.copied(tmp_path / name)
        for file in home.folder.glob("ledger.db*"):
            file.unlink()
        for file in noon.folder.glob("ledger.db*"):
            shutil.copy(file, home.folder)
        with pytest.raises(ReconciliationBreak) as caught:
            home.slots(WED, "1330")
        assert "are of orders that this ledger does not have" in str(caught.value)
        assert "restore the paper broker's file, brokers/paper-within.db, of the same instant too" in str(caught.value)
        assert home.sql("SELECT count(*) > 0 FROM breaks") == [(1,)]
        home = account.copied(tmp_path / f"{name}-whole")
        for file in (*noon.folder.glob("ledger.db*"), *noon.folder.glob("brokers/*.db*")):
            shutil.copy(file, home.folder / file.relative_to(noon.folder))
        home.slots(WED, *SLOTS[2:])
        assert home.orders() == day.orders()


def test_commands_show_slots(day: Within, noon: Within, capsys: pytest.CaptureFixture[str]) -> None:
    grodt = Command(capsys)
    shown = json.loads(grodt(day, "orders", "--json").out)
    assert {row["slot"] for row in shown} <= set(SLOTS)
    (now,) = json.loads(grodt(noon, "status", "--json").out)
    assert (now["last_run"], now["mark_slot"]) == ("within-intraday-2026-11-25-1200", "1200")
    assert json.loads(grodt(day, "positions", "--json").out) == []
    symbol = shown[0]["symbol"]
    (found,) = json.loads(grodt(day, "explain", symbol, "--session", str(WED), "--at", "12:00", "--json").out)
    assert found["run"]["slot"] == "1200"
    assert [bar["start"][11:16] for bar in found["bars"]] == ["16:59"]
    assert {row["run_id"] for row in (*found["signals"], *found["target"])} == {"within-intraday-2026-11-25-1200"}
    assert found["checks"]
    missing = grodt(day, "explain", symbol, "--session", str(WED), "--at", "11:11")
    assert missing.status == 2
    assert "book within has not run slot 11:11 of session 2026-11-25; it has run 1030, 1200, 1330, 1550, close" in missing.err
