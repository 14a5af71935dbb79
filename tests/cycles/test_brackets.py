"""Brackets in whole cycles: legs after the fill, their fills, what makes way for what, and a rerun after a kill."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.cycles.bracket_world import SYMBOLS, WEEK, bracket_home
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED

Orders = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The whole week, run once."""
    home = bracket_home(tmp_path_factory.mktemp("week"))
    home.run(*WEEK)
    return home


def _orders(home: Home, session: date, columns: str, where: str = "1") -> list[tuple[Any, ...]]:
    query = f"SELECT {columns} FROM orders JOIN order_status USING (client_order_id) WHERE session = ? AND {where} ORDER BY sequence"
    return home.sql(query, session.isoformat())


def _fills(home: Home, session: date) -> dict[str, tuple[int, float]]:
    found = home.sql("SELECT client_order_id, quantity, price FROM fills WHERE session = ?", session.isoformat())
    return {key: (quantity, price / 1e6) for key, quantity, price in found}


def test_legs_go_out_the_evening_after_the_fill_at_distances_from_its_price(week: Home) -> None:
    assert [role for (role,) in _orders(week, MON, "role")] == [None] * len(SYMBOLS)
    bought = _fills(week, TUE)
    quantity, price = bought["small-eod-20151123-FALL-0"]
    assert _orders(week, TUE, "side, quantity, order_type, time_in_force, price, role, protects", "symbol = 'FALL'") == [
        ("sell", quantity, "stop", "gtc", int(price * 95) * 10_000, "stop", "small-eod-20151123-FALL-0"),
        ("sell", quantity, "limit", "gtc", -int(-price * 108 // 1) * 10_000, "take_profit", "small-eod-20151123-FALL-0"),
    ]


def test_whoever_reads_the_lake_sees_which_order_is_which_leg(week: Home) -> None:
    in_lake = week.table("orders").filter(pl.col("session") == TUE).select("client_order_id", "role", "protects", "other_leg")
    assert sorted(map(repr, in_lake.rows())) == sorted(map(repr, _orders(week, TUE, "client_order_id, role, protects, other_leg")))
    assert set(in_lake["role"]) >= {"stop", "take_profit"}


def test_every_position_is_asked_for_its_stop(week: Home) -> None:
    query = "SELECT symbol, verdict FROM risk_checks WHERE run_id = ? AND control = 36 ORDER BY symbol"
    assert week.sql(query, f"small-eod-{MON}") == []
    assert week.sql(query, f"small-eod-{TUE}") == [(symbol, "pass") for symbol in SYMBOLS]


def test_the_stop_fills_the_take_profit_is_over_and_the_symbol_cools_off(week: Home) -> None:
    assert _orders(week, TUE, "role, state", "symbol = 'FALL'") == [("stop", "filled"), ("take_profit", "cancelled")]
    ((_, fell),) = [fill for key, fill in _fills(week, FRI).items() if "FALL" in key]
    ((stop,),) = _orders(week, TUE, "price", "symbol = 'FALL' AND role = 'stop'")
    assert fell == stop / 1e6
    assert week.sql("SELECT count(*) FROM orders WHERE symbol = 'FALL' AND session >= ?", FRI.isoformat()) == [(0,)]


def test_a_bar_that_reaches_both_legs_takes_the_stop(week: Home) -> None:
    assert _orders(week, TUE, "role, state", "symbol = 'BOTH'") == [("stop", "filled"), ("take_profit", "cancelled")]


def test_what_leaves_no_more_than_the_cool_off_is_in_the_evidence(week: Home) -> None:
    query = """SELECT verdict, reason FROM risk_checks WHERE run_id = ? AND control = 35 AND symbol = 'BOTH'"""
    ((verdict, reason),) = week.sql(query, f"small-eod-{FRI}")
    assert verdict == "reject"
    assert reason.startswith("cooling_off: ")


def test_a_position_that_shrinks_has_its_legs_withdrawn_before_and_sent_anew_for_what_is_left(week: Home) -> None:
    ((sold,),) = _orders(week, WED, "quantity", "symbol = 'RISE' AND role IS NULL")
    ((held,),) = _orders(week, TUE, "quantity", "symbol = 'RISE' AND role = 'stop'")
    assert _orders(week, WED, "quantity, role", "symbol = 'RISE' AND role IS NOT NULL") == [
        (held - sold, "stop"),
        (held - sold, "take_profit"),
    ]
    withdrawn = week.sql("SELECT client_order_id FROM withdrawals WHERE run_id = ?", f"small-eod-{WED}")
    assert withdrawn == [("small-eod-20151124-RISE-1",), ("small-eod-20151124-RISE-2",)]
    life = week.sql("SELECT event_id FROM order_events WHERE client_order_id = 'small-eod-20151124-RISE-2' AND state = 'cancelled'")
    sent = week.sql("SELECT min(event_id) FROM order_events WHERE client_order_id LIKE 'small-eod-20151125-RISE-%' AND state = 'sending'")
    assert life < sent


def test_a_take_profit_fills_and_its_stop_is_over(week: Home) -> None:
    assert _orders(week, WED, "role, state", "symbol = 'RISE' AND role IS NOT NULL") == [("stop", "cancelled"), ("take_profit", "filled")]


def test_a_split_cancels_the_legs_and_the_cycle_places_them_anew_in_shares_of_after_it(week: Home) -> None:
    before = _orders(week, TUE, "state, quantity, price", "symbol = 'SPLT'")
    assert [(state, quantity) for state, quantity, _ in before] == [("cancelled", before[0][1])] * 2
    after = _orders(week, FRI, "price", "symbol = 'SPLT' AND role IS NOT NULL")
    assert [price for (price,) in after] == [pytest.approx(price / 2, abs=10_000) for _, _, price in before]


def test_no_two_legs_ever_fill_more_than_was_held_and_verify_says_so(week: Home) -> None:
    ledger = Ledger.open(f"sqlite:///{week.folder / 'ledger.db'}")
    with ledger.read() as tx:
        assert [finding for check in verify_ledger(tx) for finding in check.findings] == []
    ledger.close()
    assert week.sql("SELECT count(*) FROM breaks") == week.sql("SELECT count(*) FROM halts") == [(0,)]


def test_an_order_of_before_the_book_had_brackets_makes_way_for_those_of_now(tmp_path: Path) -> None:
    """Buy limits 15 % below the close rest and never fill; the book gets market orders with brackets, long before it rebalances."""
    limits = "{type: limit, offset_bps: -1500, tif: gtc}"
    home = bracket_home(tmp_path, order=limits)
    assert home.books is not None
    home.books.write_text(home.books.read_text().replace("long_only: true", "long_only: true, rebalance: month"))
    home.run(MON)
    home.books.write_text(home.books.read_text().replace(limits, "{bracket: {stop_bps: 500}}"))
    home.run(TUE, WED)
    assert _orders(home, MON, "DISTINCT order_type, state") == [("limit", "cancelled")]
    assert _orders(home, TUE, "DISTINCT order_type, state") == [("market", "filled")]
    assert sorted(_orders(home, TUE, "symbol, quantity")) == sorted(_orders(home, MON, "symbol, quantity"))
    assert {symbol for (symbol,) in _orders(home, WED, "symbol", "role = 'stop'")} == set(SYMBOLS)
