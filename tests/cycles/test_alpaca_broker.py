"""The small world's book, trading an account at Alpaca instead of the paper broker."""

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.errors import ConfigError, ReconciliationBreak
from tests.brokers.world import market
from tests.cycles.driver import Home
from tests.cycles.small_world import BROKER, MON, TUE, WED, books_text, write_world
from tests.fakes.alpaca import KEY, SECRET
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.http import Fault

CAPITAL = "1000000"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTrading]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    with FakeTrading(evening(MON), CAPITAL).served() as fake:
        yield fake


@pytest.fixture
def home(tmp_path: Path, account: FakeTrading) -> Home:
    books = write_world(tmp_path / "world")
    text = books_text().replace("30 17 * *", "5 19 * *")
    books.write_text(text.replace(f"kind: paper, {BROKER}", f"kind: alpaca, trading_url: '{account.url}', {BROKER}"))
    return Home(tmp_path / "home", books, "small")


def _run(home: Home, account: FakeTrading, session: date) -> None:
    """The session's day at the exchange, and the book's cycle in its evening."""
    assert home.books is not None
    with (home.books.parent / "bars.csv").open() as lines:
        opens = {row["symbol"]: row["open"] for row in csv.DictReader(lines) if row["session"] == str(session)}
    account.ask = {symbol: Decimal(price) for symbol, price in opens.items()}
    account.play(market(session, opens))
    home.now = account.now.isoformat()
    home.run(session)


def _positions(home: Home) -> dict[str, int]:
    rows = home.sql("SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0")
    return {str(symbol): int(quantity) for symbol, quantity in rows}


def _posts(account: FakeTrading) -> int:
    return sum(asked.method == "POST" for asked in account.asked)


def test_orders_of_an_evening_fill_at_the_next_open_and_both_books_agree(home: Home, account: FakeTrading) -> None:
    _run(home, account, MON)
    sent = [(str(each["client_order_id"]), each["type"], each["time_in_force"]) for each in account.orders]
    assert len(sent) == _posts(account) > 0
    rows = home.sql("SELECT client_order_id, 'market', 'opg' FROM order_status WHERE state = 'submitted'")
    assert sorted(sent) == sorted(rows)
    account.doubles = True
    _run(home, account, TUE)
    assert _positions(home) == account.held
    assert home.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'") == [(account.cash * 1_000_000,)]
    assert {state for (state,) in home.sql("SELECT state FROM order_status WHERE client_order_id LIKE ?", f"%{MON:%Y%m%d}%")} == {"filled"}
    _run(home, account, WED)
    assert home.sql("SELECT state FROM runs") == [("done",)] * 3
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]
    count = home.sql("SELECT count(*) FROM fills")
    assert count == [(len(account.activities),)]


def test_an_order_whose_answer_was_lost_is_found_and_not_sent_again(home: Home, account: FakeTrading) -> None:
    account.fail(Fault(504, b"upstream request timeout", method="POST", taken=True))
    _run(home, account, MON)
    ids = [each["client_order_id"] for each in account.orders]
    assert len(ids) == len(set(ids)) == _posts(account)
    events = home.sql("SELECT state FROM order_events WHERE client_order_id = ? ORDER BY event_id", ids[0])
    assert events == [("approved",), ("sending",), ("unknown",), ("submitted",)]
    _run(home, account, TUE)
    assert _positions(home) == account.held


def test_a_status_that_is_not_known_halts_its_symbol_and_no_other(home: Home, account: FakeTrading) -> None:
    _run(home, account, MON)
    odd = account.orders[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(odd, "status", "limbo")
        patch.setattr(account, "play", lambda _market: None)
        account.now = evening(TUE)
        for each in account.orders[1:]:
            account.fill(str(each["client_order_id"]), each["qty"], "50")
        _run(home, account, TUE)
    words = f"not understood: Alpaca's order {odd['id']} has status 'limbo' with 0 filled of {odd['qty']}"
    assert home.sql("SELECT scope, symbol, reason FROM halts") == [("symbol", odd["symbol"], words)]
    assert home.sql("SELECT state FROM runs") == [("done",)] * 2


def test_cash_that_alpaca_took_and_the_ledger_knows_nothing_of_is_a_break(home: Home, account: FakeTrading) -> None:
    _run(home, account, MON)
    account.cash -= Decimal("0.02")
    with pytest.raises(ReconciliationBreak, match=r"cash +USD .* 0\.020000\n"):
        _run(home, account, TUE)
    assert home.sql("SELECT kind, ours - theirs FROM breaks") == [("cash", 20_000)]


def test_a_book_without_a_key_makes_no_file(home: Home, account: FakeTrading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    with pytest.raises(ConfigError, match="broker of book 'small' needs a key and APCA_API_SECRET_KEY is not set"):
        _run(home, account, MON)
    assert list(home.folder.rglob("*.db")) == []
