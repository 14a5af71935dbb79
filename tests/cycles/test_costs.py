"""Whole cycles under every cost: parts of orders that work on, borrowed shares, and ledger and broker that agree to the micro."""

from collections import Counter
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from grodt.money import micros
from tests.cycles.driver import Home
from tests.cycles.interrupted import Stop, stop_at
from tests.cycles.small_world import FRI, MON, NEXT_MON, WEEK, books_text, small_home
from tests.settings.books_files import edited

IN_PARTS = (
    "fill_at: close, slippage_bps: 5, impact: 0.5, commission_bps: 0, commission_per_share: 0.005, minimum_commission: 1, "
    "maximum_commission_bps: 100, participation: 0.02, carry_sessions: 2"
)


def _home(folder: Path) -> Home:
    home = small_home(folder)
    assert home.books is not None
    home.books.write_text(books_text(broker=IN_PARTS))
    return home


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small world's week in which a session takes a fiftieth of its volume. Only to be read."""
    home = _home(tmp_path_factory.mktemp("parted"))
    home.run(*WEEK)
    return home


def _bar(home: Home, symbol: str, session: date) -> dict[str, Any]:
    return home.table("bars_1d").row(by_predicate=(pl.col("symbol") == symbol) & (pl.col("session") == session), named=True)


def test_orders_fill_in_parts_over_several_sessions_and_no_further(parted: Home) -> None:
    orders = {row["client_order_id"]: row for row in parted.table("orders").iter_rows(named=True)}
    fills = parted.table("fills")
    parts = Counter(fills["client_order_id"].to_list())
    assert max(parts.values()) == 3
    for client, row in orders.items():
        own = fills.filter(client_order_id=client).sort("session")
        assert own["execution_id"].to_list() == [f"{client}-{number}" for number in range(1, own.height + 1)]
        assert own["quantity"].sum() == row["filled_quantity"] <= row["quantity"]
        worked = [session for session in WEEK if session > row["session"]][:3]
        assert set(own["session"]) <= set(worked)
        if row["state"] == "expired":
            assert len(worked) == 3
            assert row["reason"] == ("the rest did not fill" if row["filled_quantity"] else "no trade in session")
    states = Counter(row["state"] for row in orders.values())
    assert states["expired"] > 0
    assert states["filled"] > 0
    assert parted.sql("SELECT count(*) FROM order_events WHERE state = 'partially_filled'")[0][0] > 5


def test_a_session_gives_no_more_than_its_share_and_all_of_it_where_more_is_wanted(parted: Home) -> None:
    filled = parted.table("fills").group_by("symbol", "session").agg(pl.col("quantity").sum()).iter_rows()
    whole = 0
    for symbol, session, quantity in filled:
        most = int((Decimal(int(_bar(parted, symbol, session)["volume"])) * Decimal("0.02")).to_integral_value(ROUND_FLOOR))
        assert quantity <= most
        whole += quantity == most
    assert whole > 5


def test_fills_are_at_the_close_and_worse_than_it_by_more_than_the_slippage(parted: Home) -> None:
    rows = parted.table("fills").iter_rows(named=True)
    for row in rows:
        close = Decimal(str(_bar(parted, row["symbol"], row["session"])["close"]))
        worse = (row["price"] / close - 1) * 10_000 * (1 if row["side"] == "buy" else -1)
        assert worse > 5
        assert row["commission"] == min(max(Decimal("0.005") * row["quantity"], Decimal(1)), row["notional"] / 100).quantize(
            Decimal("0.0001"), ROUND_HALF_EVEN
        )


def test_what_is_held_and_what_still_works_never_go_beyond_the_target(parted: Home) -> None:
    """A cycle orders what its open orders do not bring already."""
    targets = parted.table("targets")
    ordered = parted.table("orders")
    for session in WEEK[1:4]:
        for row in targets.filter(session=session).iter_rows(named=True):
            bought = ordered.filter(symbol=row["symbol"], session=session, side="buy")["quantity"].sum()
            assert bought <= max(row["target_quantity"] - row["current_quantity"], 0)


def test_an_order_works_through_a_halt_and_a_corporate_action_ends_it(parted: Home) -> None:
    orders = parted.table("orders")
    rest = orders.filter((pl.col("symbol") == "REST") & pl.col("session").is_in([MON, FRI]))
    assert NEXT_MON not in set(parted.table("fills").filter(symbol="REST")["session"])
    assert rest.filter(session=FRI)["state"].to_list() != ["expired"]
    cancelled = orders.filter((pl.col("state") == "cancelled") & ~pl.col("reason").str.starts_with("withdrawn by small-eod-"))
    assert set(cancelled["symbol"]) == {"GONE", "TWIN"}
    assert set(cancelled["reason"]) == {"corporate action"}


def test_what_works_on_is_withdrawn_where_less_is_wanted_than_it_would_bring_and_the_difference_is_ordered_anew(parted: Home) -> None:
    orders, targets, fills = (parted.table(name) for name in ("orders", "targets", "fills"))
    withdrawn = orders.filter(pl.col("reason").str.starts_with("withdrawn by small-eod-"))
    assert withdrawn.height > 3
    assert set(withdrawn["side"]) == {"buy"}
    for (symbol, reason), gone in withdrawn.group_by("symbol", "reason"):
        session = date.fromisoformat(str(reason)[-10:])
        assert (gone["session"] < session).all()
        assert fills.filter(pl.col("client_order_id").is_in(gone["client_order_id"].implode()) & (pl.col("session") > session)).is_empty()
        (target,) = targets.filter(symbol=symbol, session=session).iter_rows(named=True)
        wanted = target["target_quantity"] - target["current_quantity"]
        assert wanted < gone["quantity"].sum() - gone["filled_quantity"].sum()
        anew = orders.filter(symbol=symbol, session=session).select("side", "quantity").rows()
        assert anew == [("buy" if wanted > 0 else "sell", abs(wanted))]


def test_both_books_agree(parted: Home) -> None:
    assert parted.sql("SELECT * FROM breaks") == []
    assert parted.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'") == parted.broker("SELECT cash FROM account")
    query = "SELECT client_order_id, state, filled_quantity FROM order_status WHERE state <> 'rejected' ORDER BY 1"
    assert parted.sql(query) == parted.broker(
        "SELECT client_order_id, state, filled_quantity FROM orders WHERE state <> 'rejected' ORDER BY 1"
    )


@pytest.mark.parametrize("stops", [pytest.param(count, marks=pytest.mark.long) for count in (1, 3)])
def test_stopped_at_each_stage_it_ends_the_same(parted: Home, tmp_path: Path, stops: int) -> None:
    """In each session at one stage, at another in the next one; or in each session at all of them."""
    stages = cycle(("settle", "mark", "send"))
    home = _home(tmp_path)
    for session in WEEK:
        for stage in islice(stages, stops):
            with pytest.raises(Stop):
                home.run(session, watch=stop_at(stage))
        home.run(session)
    assert home.facts() == parted.facts()


def test_sessions_that_are_skipped_are_settled_one_by_one(tmp_path: Path) -> None:
    """Of a book that orders on Mondays alone, so that no cycle between withdraws what works on."""
    mine, theirs = (_home(tmp_path / name) for name in ("skipped", "one by one"))
    for home, sessions in ((mine, (MON, FRI)), (theirs, WEEK[:4])):
        assert home.books is not None
        home.books.write_text(home.books.read_text().replace("no_trade_band: 0,", "no_trade_band: 0, rebalance: week,"))
        home.run(*sessions)
    assert WEEK[3] == FRI
    fills = mine.table("fills").drop("run_id")
    assert fills.height > 10
    assert fills["session"].n_unique() == 3
    assert fills.equals(theirs.table("fills").drop("run_id"))


class TestBorrowedShares:
    #: Over a weekend.
    SESSIONS = (date(2026, 11, 12), date(2026, 11, 13), date(2026, 11, 16), date(2026, 11, 17))

    @pytest.fixture(scope="class")
    @staticmethod
    def shorting(tmp_path_factory: pytest.TempPathFactory) -> Home:
        """A long-short book on the simulated exchange that pays five percent a year. Only to be read."""
        folder = tmp_path_factory.mktemp("shorting")
        changes = {
            "books.demo.universe.listed": 12,
            "books.demo.history.years": 2,
            "books.demo.broker.borrow_bps": 500,
            "books.demo.construction.long_only": False,
            "books.demo.limits.group_weight": {},
        }
        (folder / "books.yaml").write_text(edited(changes))
        home = Home(folder / "home", folder / "books.yaml")
        home.run(*TestBorrowedShares.SESSIONS)
        return home

    def test_each_night_of_each_short_position_is_paid_for(self, shorting: Home) -> None:
        paid = {
            (session, symbol): amount
            for session, symbol, amount in shorting.sql(
                "SELECT session, symbol, amount FROM postings NATURAL JOIN entries WHERE account = 'borrow'"
            )
        }
        expected = {}
        held = shorting.table("positions")
        for before, session in zip(self.SESSIONS, self.SESSIONS[1:], strict=False):
            nights = (session - before).days
            for row in held.filter((pl.col("session") == before) & (pl.col("quantity") < 0)).iter_rows(named=True):
                value = -row["quantity"] * Decimal(str(row["price"]))
                cost = (value * Decimal("0.05") * nights / 360).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
                expected[session.isoformat(), row["symbol"]] = micros(cost)
        assert len(expected) > 3
        assert max(session for session, _ in expected) == "2026-11-17"
        assert paid == expected

    def test_cash_of_both_books_agrees(self, shorting: Home) -> None:
        assert shorting.sql("SELECT * FROM breaks") == []
        assert shorting.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'") == shorting.broker("SELECT cash FROM account")
        assert shorting.sql("SELECT sum(amount) FROM postings WHERE asset = 'USD'") == [(0,)]
