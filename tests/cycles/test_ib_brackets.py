"""Brackets of a book at Interactive Brokers in whole cycles: both legs rest there as one."""

import csv
from collections.abc import Iterator
from typing import Any

import ib_async
import pytest

from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.brokers.world import market
from tests.cycles.bracket_world import SYMBOLS, WEEK, bracket_home
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED
from tests.fakes.alpaca_trading import evening
from tests.fakes.ib import ACCOUNT, FakeIb


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, FakeIb, dict[Any, list[tuple[str, str, float]]]]]:
    """The whole week, run once, and the legs that were open at Interactive Brokers after each evening."""
    account, told = FakeIb(evening(MON), "1000000"), {}
    home = bracket_home(tmp_path_factory.mktemp("week"))
    assert home.books is not None
    home.books.write_text(home.books.read_text().replace("kind: paper", f"kind: ib, account: {ACCOUNT}"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ib_async, "IB", account.client)
        for session in WEEK:
            with (home.books.parent / "bars.csv").open() as lines:
                rows = {row["symbol"]: row for row in csv.DictReader(lines) if row["session"] == str(session)}
            account.executions.clear()  # executions and completed orders of the day alone
            account.over.clear()
            if session == FRI:
                account.split("SPLT", 2)
            opens, low, high, closes = ({symbol: row[name] for symbol, row in rows.items()} for name in ("open", "low", "high", "close"))
            ranges = {symbol: (low[symbol], high[symbol]) for symbol in rows}
            account.play(market(session, opens, at_close=closes, ranges=ranges))
            home.now = account.now.isoformat()
            home.run(session)
            legs = [each for each in account.open if each.order.ocaGroup]
            told[session] = sorted((each.contract.symbol, each.order.orderType, each.order.totalQuantity) for each in legs)
        yield home, account, told


def _states(home: Home, symbol: str, session: object) -> list[tuple[Any, ...]]:
    query = "SELECT role, state FROM orders JOIN order_status USING (client_order_id) WHERE symbol = ? AND session = ? ORDER BY sequence"
    return home.sql(query, symbol, str(session))


def test_both_legs_of_every_position_rest_there_the_evening_after_the_fill(week: tuple[Home, FakeIb, Any]) -> None:
    _, _, told = week
    assert told[MON] == []
    assert [(symbol, kind) for symbol, kind, _ in told[TUE]] == [(symbol, kind) for symbol in SYMBOLS for kind in ("LMT", "STP")]


def test_the_stop_fills_and_the_take_profit_is_over_in_the_ledger(week: tuple[Home, FakeIb, Any]) -> None:
    home, _, told = week
    for symbol in ("FALL", "BOTH"):
        assert _states(home, symbol, TUE)[-2:] == [("stop", "filled"), ("take_profit", "cancelled")]
        assert symbol not in {each for each, _, _ in told[FRI]}


def test_the_take_profit_fills_there_within_the_session_and_the_stop_is_over(week: tuple[Home, FakeIb, Any]) -> None:
    home, _, _ = week
    filled = "SELECT o.session, f.session, o.price <= f.price FROM fills f JOIN orders o USING (client_order_id) WHERE o.symbol = 'RISE'"
    ((decided, traded, at_its_price),) = home.sql(f"{filled} AND role = 'take_profit'")
    assert (traded, at_its_price) == (str(FRI), 1)
    assert _states(home, "RISE", decided)[-2:] == [("stop", "cancelled"), ("take_profit", "filled")]


def test_a_split_ends_both_there_and_the_cycle_of_its_evening_places_them_anew(week: tuple[Home, FakeIb, Any]) -> None:
    home, _, told = week
    before, after = ([shares for symbol, _, shares in told[session] if symbol == "SPLT"] for session in (WED, FRI))
    assert len(before) == len(after) == 2
    assert after[0] == after[1] > before[0]
    assert ("SPLT", "alert") not in home.sql(
        "SELECT symbol, verdict FROM risk_checks WHERE control = 36 AND run_id = ?", f"small-eod-{FRI}"
    )


def test_both_books_agree_all_week(week: tuple[Home, FakeIb, Any]) -> None:
    home, account, _ = week
    assert home.sql("SELECT state FROM runs") == [("done",)] * len(WEEK)
    assert home.sql("SELECT count(*) FROM breaks") == home.sql("SELECT count(*) FROM halts") == [(0,)]
    held = "SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0"
    assert dict(home.sql(held)) == {symbol: quantity for symbol, quantity in account.held.items() if quantity}
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.read() as tx:
        assert [finding for check in verify_ledger(tx) for finding in check.findings] == []
    ledger.close()
