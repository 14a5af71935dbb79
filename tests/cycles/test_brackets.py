"""Brackets in whole cycles: legs with the entry and after its fill, their fills, what makes way for what, and a rerun after a kill."""

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


def test_legs_go_out_with_the_entry_at_distances_from_the_close_it_was_decided_on(week: Home) -> None:
    query = "symbol = 'SPLT'"
    ((quantity, reference),) = _orders(week, MON, "quantity, reference_price", f"{query} AND role IS NULL")
    key = "small-eod-20151123-SPLT"
    assert _orders(week, MON, "client_order_id, side, quantity, order_type, time_in_force, price, role, protects", query)[1:] == [
        (f"{key}-3", "sell", quantity, "stop", "gtc", reference // 10_000 * 95 // 100 * 10_000, "stop", f"{key}-0"),
        (f"{key}-4", "sell", quantity, "limit", "gtc", -(-reference // 10_000 * 108 // 100) * 10_000, "take_profit", f"{key}-0"),
    ]
    assert _orders(week, TUE, "1", query) == []  # it filled at that very close, so they stay


def test_the_evening_after_the_fill_they_move_to_distances_from_its_price(week: Home) -> None:
    quantity, price = _fills(week, TUE)["small-eod-20151123-FALL-0"]
    ((sold,),) = _orders(week, TUE, "quantity", "symbol = 'FALL' AND role IS NULL")
    assert _orders(week, MON, "role, state, reason", "symbol = 'FALL'")[1:] == [
        (role, "cancelled", f"withdrawn by small-eod-{TUE}") for role in ("stop", "take_profit")
    ]
    assert _orders(week, TUE, "side, quantity, order_type, time_in_force, price, role, protects", "symbol = 'FALL'")[1:] == [
        ("sell", quantity - sold, "stop", "gtc", int(price * 95) * 10_000, "stop", "small-eod-20151123-FALL-0"),
        ("sell", quantity - sold, "limit", "gtc", -int(-price * 108 // 1) * 10_000, "take_profit", "small-eod-20151123-FALL-0"),
    ]


def test_whoever_reads_the_lake_sees_which_order_is_which_leg(week: Home) -> None:
    for session in (MON, TUE):
        in_lake = week.table("orders").filter(pl.col("session") == session).select("client_order_id", "role", "protects", "other_leg")
        assert sorted(map(repr, in_lake.rows())) == sorted(map(repr, _orders(week, session, "client_order_id, role, protects, other_leg")))
        assert set(in_lake["role"]) >= {"stop", "take_profit"}


def test_every_position_and_every_entry_is_asked_for_its_stop(week: Home) -> None:
    query = "SELECT symbol, verdict FROM risk_checks WHERE run_id = ? AND control = 36 ORDER BY symbol"
    for session in (MON, TUE):
        assert week.sql(query, f"small-eod-{session}") == [(symbol, "pass") for symbol in SYMBOLS]


def test_the_stop_fills_the_take_profit_is_over_and_the_symbol_cools_off(week: Home) -> None:
    assert _orders(week, TUE, "role, state", "symbol = 'FALL'")[1:] == [("stop", "filled"), ("take_profit", "cancelled")]
    _, fell = _fills(week, FRI)["small-eod-20151124-FALL-1"]
    ((stop,),) = _orders(week, TUE, "price", "symbol = 'FALL' AND role = 'stop'")
    assert fell == stop / 1e6
    assert week.sql("SELECT count(*) FROM orders WHERE symbol = 'FALL' AND session >= ?", FRI.isoformat()) == [(0,)]


def test_a_bar_that_reaches_both_legs_takes_the_stop(week: Home) -> None:
    assert _orders(week, MON, "role, state", "symbol = 'BOTH'")[1:] == [("stop", "filled"), ("take_profit", "cancelled")]


def test_a_stop_fills_in_the_session_of_its_entry_and_both_books_say_so(tmp_path: Path) -> None:
    home = bracket_home(tmp_path, falls=TUE)
    home.run(MON, TUE)
    assert _orders(home, MON, "role, state", "symbol = 'FALL'") == [(None, "filled"), ("stop", "filled"), ("take_profit", "cancelled")]
    (bought, paid), (sold, got) = (_fills(home, TUE)[f"small-eod-20151123-FALL-{leg}"] for leg in (0, 3))
    ((stop,),) = _orders(home, MON, "price", "symbol = 'FALL' AND role = 'stop'")
    assert (sold, got) == (bought, stop / 1e6)
    assert got < paid
    assert home.sql("SELECT sum(amount) FROM postings WHERE account = 'position' AND symbol = 'FALL'") == [(0,)]
    assert _orders(home, TUE, "1", "symbol = 'FALL'") == []
    assert home.sql("SELECT count(*) FROM breaks") == home.sql("SELECT count(*) FROM halts") == [(0,)]


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
    before = _orders(week, MON, "state, quantity, price", "symbol = 'SPLT' AND role IS NOT NULL")
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
    assert _orders(home, TUE, "DISTINCT order_type, state", "role IS NULL") == [("market", "filled")]
    for role in ("role IS NULL", "role = 'stop'"):
        assert sorted(_orders(home, TUE, "symbol, quantity", role)) == sorted(_orders(home, MON, "symbol, quantity"))
    open_stops = "SELECT symbol FROM orders JOIN order_status USING (client_order_id) WHERE role = 'stop' AND state = 'accepted' ORDER BY 1"
    assert home.sql(open_stops) == [(symbol,) for symbol in SYMBOLS]
