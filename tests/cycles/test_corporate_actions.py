"""A week in which everything happens to a holding: what the ledger, the broker and the Parquet tables say about it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from grodt.money import micros
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, NEXT_TUE, NEXT_WED, TUE, WED, WEEK


def _held(home: Home, symbol: str) -> dict[date, dict[str, Any]]:
    return {row["session"]: row for row in home.table("positions").filter(symbol=symbol).iter_rows(named=True)}


def _equity(home: Home, session: date) -> dict[str, Any]:
    return home.table("equity").row(by_predicate=pl.col("session") == session, named=True)


def _order(home: Home, symbol: str, session: date) -> tuple[str, str]:
    (row,) = home.table("orders").filter(symbol=symbol, session=session).select("state", "reason").rows()
    return row


def test_every_session_leaves_each_of_its_tables(week: Home) -> None:
    for table in ("signals", "targets", "risk_checks", "equity", "runs"):
        assert set(week.table(table)["session"]) == set(WEEK)
    assert set(week.table("orders")["session"]) == set(WEEK)
    assert set(week.table("fills")["session"]) == set(WEEK) - {MON}
    assert week.sql("SELECT DISTINCT state FROM runs") == [("done",)]
    assert week.sql("SELECT * FROM breaks") == []


def test_a_split_of_three_for_two_pays_the_half_share_in_cash(week: Home) -> None:
    held = _held(week, "TWIN")
    before = held[WED]["quantity"]
    assert before % 2 == 1
    assert held[FRI]["quantity"] == before * 3 // 2
    (close,) = week.table("bars_1d").filter(symbol="TWIN", session=WED)["close"]
    lines = dict(week.sql("SELECT account, amount FROM postings WHERE entry_id = 'split:small:TWIN:2015-11-27' AND asset = 'USD'"))
    assert lines["cash"] == pytest.approx(micros(Decimal(str(close))) * 2 / 3 / 2, abs=10_000)
    cost = micros(held[WED]["cost"])
    assert micros(held[FRI]["cost"]) == cost + lines["cost"]
    assert lines["cost"] == pytest.approx(-cost * 0.5 / (before * 1.5), abs=1)
    assert _order(week, "TWIN", WED) == ("cancelled", "corporate action")


def test_a_dividend_is_owed_from_its_ex_date_and_cash_on_its_pay_date(week: Home) -> None:
    owed = Decimal("0.50") * _held(week, "CASH")[TUE]["quantity"]
    receivable = [_equity(week, session)["receivable"] for session in WEEK]
    assert receivable == [0, 0, owed, owed, owed, 0, 0]
    assert dict(
        week.sql("SELECT session, amount FROM postings NATURAL JOIN entries WHERE kind = 'dividend_payment' AND account = 'cash'")
    ) == {NEXT_TUE.isoformat(): micros(owed)}


def test_a_dividend_without_a_pay_date_is_cash_on_its_ex_date(week: Home) -> None:
    shares = _held(week, "CASH")[FRI]["quantity"]
    query = "SELECT session, amount FROM postings NATURAL JOIN entries WHERE kind = 'dividend' AND account = 'cash'"
    assert week.sql(query) == [(NEXT_MON.isoformat(), micros(Decimal("0.25")) * shares)]


def test_a_delisting_pays_its_value_and_its_open_order_is_cancelled(week: Home) -> None:
    held = _held(week, "GONE")
    assert NEXT_TUE not in held
    query = "SELECT amount FROM postings WHERE entry_id = 'delisting:small:GONE:2015-12-01' AND account = 'cash'"
    assert week.sql(query) == [(micros(Decimal("31.50")) * held[NEXT_MON]["quantity"],)]
    assert _order(week, "GONE", NEXT_MON) == ("cancelled", "corporate action")
    assert week.sql("SELECT count(*) FROM orders WHERE symbol = 'GONE' AND session >= '2015-12-01'") == [(0,)]


def test_without_a_bar_a_holding_is_valued_at_its_last_close_and_its_order_expires(week: Home) -> None:
    held = _held(week, "REST")
    assert (held[NEXT_MON]["price_session"], held[NEXT_MON]["price"]) == (FRI, held[FRI]["price"])
    assert _order(week, "REST", FRI) == ("expired", "no trade in session")
    assert week.table("orders").filter(symbol="REST", session=NEXT_MON).is_empty()


def test_orders_fill_at_the_open_of_the_next_session_across_a_holiday_and_an_early_close(week: Home) -> None:
    at = dict(week.table("fills").select("session", pl.col("filled_at").dt.replace_time_zone("UTC")).unique().rows())
    assert at[FRI] == datetime(2015, 11, 27, 14, 30, tzinfo=UTC)
    assert at[NEXT_MON] == datetime(2015, 11, 30, 14, 30, tzinfo=UTC)
    decided = {row["client_order_id"]: row["session"] for row in week.table("orders").iter_rows(named=True)}
    pairs = {(decided[row["client_order_id"]], row["session"]) for row in week.table("fills").iter_rows(named=True)}
    assert pairs == {(MON, TUE), (TUE, WED), (WED, FRI), (FRI, NEXT_MON), (NEXT_MON, NEXT_TUE), (NEXT_TUE, NEXT_WED)}


def test_what_is_held_is_what_was_filled_and_what_corporate_actions_made_of_it(week: Home) -> None:
    query = "SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY symbol HAVING sum(amount) <> 0 ORDER BY 1"
    assert week.sql(query) == week.broker("SELECT symbol, quantity FROM positions ORDER BY 1")
    for entry, asset, symbol, total in week.sql(
        "SELECT entry_id, asset, symbol, sum(amount) FROM postings GROUP BY 1, 2, iif(asset = 'shares', symbol, '')"
    ):
        assert total == 0, (entry, asset, symbol)
    assert week.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'") == week.broker("SELECT cash FROM account")


class TestSkippedSessions:
    @pytest.fixture(scope="class")
    @staticmethod
    def skipping(week: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
        """Tuesday, then the Monday after: Wednesday and Friday are never run."""
        home = Home(tmp_path_factory.mktemp("skipping") / "home", week.books, week.book, week.now)
        home.run(MON, TUE, NEXT_MON)
        return home

    def test_each_is_settled_by_the_next_run(self, skipping: Home) -> None:
        settled = skipping.sql("SELECT session, run_id FROM settlements ORDER BY session")
        assert settled == [
            (day.isoformat(), f"small-eod-{by}")
            for day, by in ((MON, MON), (TUE, TUE), (WED, NEXT_MON), (FRI, NEXT_MON), (NEXT_MON, NEXT_MON))
        ]

    def test_each_is_valued_at_its_own_close_so_that_no_loss_is_of_several_sessions(self, skipping: Home, week: Home) -> None:
        marks = skipping.sql("SELECT session, run_id FROM marks ORDER BY session")
        late = [(str(day), f"small-eod-{NEXT_MON}") for day in (WED, FRI, NEXT_MON)]
        assert marks == [(str(day), f"small-eod-{day}") for day in (MON, TUE)] + late
        of_wednesday = "SELECT cash, positions_value, equity, profit, high_water_mark FROM marks WHERE session = ?"
        assert skipping.sql(of_wednesday, str(WED)) == week.sql(of_wednesday, str(WED))  # it decided nothing that had filled by then
        equities = [equity for (equity,) in skipping.sql("SELECT equity FROM marks ORDER BY session")]
        assert skipping.sql("SELECT profit FROM marks ORDER BY session")[1:] == [(b - a,) for a, b in pairwise(equities)]
        table = skipping.table("equity").sort("session")
        assert table["session"].to_list() == [MON, TUE, WED, FRI, NEXT_MON]
        assert [int(value * 1_000_000) for value in table["equity"]] == equities

    def test_each_is_asked_for_its_own_loss(self, skipping: Home) -> None:
        asked = skipping.sql("SELECT part, scope, verdict FROM later_checks WHERE control = 28 ORDER BY check_id")
        assert asked == [(str(day), "book", "pass") for day in (WED, FRI)]
        assert skipping.table("risk_checks").filter(session=NEXT_MON, control=28).height == 1

    def test_orders_fill_in_the_session_after_their_decision_as_ever(self, skipping: Home, week: Home) -> None:
        columns = ["execution_id", "session", "symbol", "side", "quantity", "price", "commission", "filled_at"]
        fills, undisturbed = (home.table("fills").filter(pl.col("session") <= WED).select(columns) for home in (skipping, week))
        assert fills.equals(undisturbed)
        assert set(skipping.table("fills")["session"]) == {TUE, WED}
        assert set(skipping.table("fills").filter(session=WED)["run_id"]) == {f"small-eod-{NEXT_MON}"}
        assert set(skipping.table("orders").filter(session=TUE)["state"]) == {"filled"}

    def test_their_corporate_actions_are_applied_on_what_was_held_then(self, skipping: Home, week: Home) -> None:
        query = "SELECT entry_id, session, memo, digest, run_id FROM entries WHERE kind IN ('dividend', 'split') ORDER BY session"
        dividend, split, later = skipping.sql(query)
        undisturbed = [row[:4] for row in week.sql(query)]
        assert dividend[:4] == undisturbed[0]
        assert split[:2] == ("split:small:TWIN:2015-11-27", str(FRI))
        assert later[1] == str(NEXT_MON)
        assert {dividend[4], split[4], later[4]} == {f"small-eod-{NEXT_MON}"}
        held = dict(skipping.sql("SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY symbol"))
        assert held["TWIN"] == _held(week, "TWIN")[WED]["quantity"] * 3 // 2

    def test_what_they_would_have_decided_is_not_made_up_for(self, skipping: Home) -> None:
        assert set(skipping.table("orders")["session"]) == {MON, TUE, NEXT_MON}
        assert skipping.sql("SELECT count(*) FROM runs") == [(3,)]


def test_a_clock_in_the_week_lets_each_session_run_from_its_close_on(home: Home) -> None:
    closes = datetime(2015, 11, 27, 18, 0, tzinfo=UTC)  # 13:00 in New York
    home.now = (closes - timedelta(minutes=1)).isoformat()
    with pytest.raises(Exception, match="2015-11-27 of XNYS is not over: it closes at 2015-11-27 18:00 UTC"):
        home.run(FRI)
    assert not (home.folder / "ledger.db").exists()
    home.now = closes.isoformat()
    home.run(FRI)
    assert home.table("runs").select("outcome", "closed_at").rows() == [("done", closes)]
