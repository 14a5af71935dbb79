"""Brackets of a book at Alpaca in whole cycles: the stop alone rests, and not through a split that is known the evening before."""

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grodt.bars.files import FilesSource
from grodt.errors import ConfigError, VendorUnavailable
from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.brokers.world import market
from tests.cycles.bracket_world import WEEK, bracket_home
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, TUE, WED
from tests.fakes.alpaca import KEY, SECRET
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.http import Fault

Told = dict[date, list[tuple[str, str, str]]]


@pytest.fixture(scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("APCA_API_KEY_ID", KEY)
        patch.setenv("APCA_API_SECRET_KEY", SECRET)
        yield


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory, environment: None) -> Iterator[tuple[Home, FakeTrading, Told]]:
    """The whole week, run once, and what was open at Alpaca after each evening."""
    with FakeTrading(evening(MON), "1000000").served() as account:
        home, told = _home(tmp_path_factory.mktemp("week"), account), Told()
        for session in WEEK:
            _run(home, account, session)
            told[session] = [
                (each["symbol"], each["type"], each["side"]) for each in account.orders if each["status"] in ("accepted", "new")
            ]
        yield home, account, told


def _home(folder: Path, account: FakeTrading) -> Home:
    home = bracket_home(folder)
    assert home.books is not None
    text = home.books.read_text().replace("30 17 * *", "5 19 * *")
    home.books.write_text(text.replace("kind: paper", f"kind: alpaca, trading_url: '{account.url}'"))
    return home


def _run(home: Home, account: FakeTrading, session: date, **later: str) -> None:
    """The session's day at the exchange, and the book's cycle in its evening, by when some trade at other prices."""
    assert home.books is not None
    with (home.books.parent / "bars.csv").open() as lines:
        rows = {row["symbol"]: row for row in csv.DictReader(lines) if row["session"] == str(session)}
    if session == FRI:
        account.split("SPLT", 2, 1)
    told = {name: {symbol: row[name] for symbol, row in rows.items()} for name in ("open", "low", "high", "close")}
    ranges = {symbol: (told["low"][symbol], told["high"][symbol]) for symbol in rows}
    account.play(market(session, told["open"], at_close=told["close"], ranges=ranges))
    account.ask = {symbol: Decimal(price) for symbol, price in (told["close"] | later).items()}
    home.now = account.now.isoformat()
    home.run(session)


def _orders(home: Home, session: date, columns: str, where: str) -> list[tuple[Any, ...]]:
    query = f"SELECT {columns} FROM orders JOIN order_status USING (client_order_id) WHERE session = ? AND {where} ORDER BY sequence"
    return home.sql(query, session.isoformat())


def test_only_the_stop_rests_there_and_as_an_order_of_its_own(week: tuple[Home, FakeTrading, Told]) -> None:
    home, account, told = week
    assert sorted(row for row in told[TUE] if row[1] != "market") == [
        (symbol, "stop", "sell") for symbol in ("BOTH", "FALL", "RISE", "SPLT")
    ]
    assert {role for (role,) in home.sql("SELECT role FROM orders WHERE role IS NOT NULL")} == {"stop", "close"}
    assert not any("order_class" in each for each in account.orders)
    assert _orders(home, TUE, "role, state", "symbol = 'FALL' AND role IS NOT NULL") == [("stop", "filled")]


def test_a_take_profit_is_decided_on_the_close_and_its_order_goes_out_when_the_stop_is_gone(week: tuple[Home, FakeTrading, Told]) -> None:
    home, _, _ = week
    ((session, closed),) = home.sql("SELECT session, client_order_id FROM orders WHERE symbol = 'RISE' AND role = 'close'")
    assert session in (str(FRI), str(NEXT_MON))
    query = "SELECT min(event_id) FROM order_events WHERE client_order_id = ? AND state = ?"
    ((withdrawn,),) = home.sql("SELECT client_order_id FROM withdrawals WHERE run_id = ?", f"small-eod-{session}")
    assert home.sql(query, withdrawn, "cancelled") < home.sql(query, closed, "sending")


def test_the_stop_makes_way_for_a_split_the_evening_before_and_is_placed_anew_after_it(week: tuple[Home, FakeTrading, Told]) -> None:
    home, _, told = week
    assert "SPLT" in {symbol for symbol, kind, _ in told[TUE] if kind == "stop"}
    assert "SPLT" not in {symbol for symbol, kind, _ in told[WED] if kind == "stop"}
    assert home.sql("SELECT client_order_id FROM withdrawals WHERE run_id = ? AND client_order_id LIKE '%SPLT%'", f"small-eod-{WED}") == [
        ("small-eod-20151124-SPLT-1",)
    ]
    ((before,),) = _orders(home, TUE, "price", "symbol = 'SPLT' AND role = 'stop'")
    ((after,),) = _orders(home, FRI, "price", "symbol = 'SPLT' AND role = 'stop'")
    assert after == pytest.approx(before / 2, abs=10_000)


def test_the_session_without_a_stop_is_an_alert_of_the_evening_before(week: tuple[Home, FakeTrading, Told]) -> None:
    home, _, _ = week
    query = "SELECT run_id FROM risk_checks WHERE control = 36 AND symbol = 'SPLT' AND verdict = 'alert'"
    assert (f"small-eod-{WED}",) in home.sql(query)
    assert (f"small-eod-{FRI}",) not in home.sql(query)


def test_both_books_agree_all_week(week: tuple[Home, FakeTrading, Told]) -> None:
    home, account, _ = week
    assert home.sql("SELECT state FROM runs") == [("done",)] * len(WEEK)
    assert home.sql("SELECT count(*) FROM breaks") == home.sql("SELECT count(*) FROM halts") == [(0,)]
    held = "SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0"
    assert dict(home.sql(held)) == {symbol: quantity for symbol, quantity in account.held.items() if quantity}
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.read() as tx:
        assert [finding for check in verify_ledger(tx) for finding in check.findings] == []
    ledger.close()


def test_a_stop_that_the_price_has_passed_since_the_close_is_refused_halts_nothing_and_is_placed_by_the_next_cycle(
    tmp_path: Path, environment: None
) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account:
        home = _home(tmp_path, account)
        _run(home, account, MON)
        _run(home, account, TUE, RISE="1")
        assert _orders(home, TUE, "role, state", "symbol = 'RISE' AND role IS NOT NULL") == [("stop", "rejected")]
        assert {state for (state,) in _orders(home, TUE, "state", "symbol <> 'RISE'")} == {"submitted"}
        _run(home, account, WED)
        assert _orders(home, WED, "role, state", "symbol = 'RISE' AND role = 'stop'") == [("stop", "submitted")]
        assert home.sql("SELECT state FROM runs") == [("done",)] * 3
        assert home.sql("SELECT count(*) FROM halts") == [(0,)]


def test_a_basket_that_is_decided_goes_out_although_the_source_answers_no_more(tmp_path: Path, environment: None) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account, pytest.MonkeyPatch.context() as patch:
        home = _home(tmp_path, account)
        _run(home, account, MON)
        account.fail(Fault(401, b"{}", method="POST"))
        with pytest.raises(ConfigError):
            _run(home, account, TUE)
        assert [each for each in account.orders if each["type"] == "stop"] == []

        async def silent(*_asked: object) -> None:
            raise VendorUnavailable("nobody answers")

        patch.setattr(FilesSource, "actions_ahead", silent)
        home.run(TUE)
        assert len([each for each in account.orders if each["type"] == "stop"]) == 4
