"""The evening before a split, a delisting or a change of symbol: no order stands through it at a broker that would leave it as it was."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.bars.files import FilesSource
from grodt.errors import ConfigError, VendorUnavailable
from tests.brokers.world import market
from tests.cycles.actions_world import CODES, SYMBOLS, act_at, actions_home, shares_after
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED
from tests.fakes.alpaca import KEY, SECRET
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.http import Fault
from tests.flows.commands import Command

#: Sell limits so far above the market that they never fill, and buy limits below it: what rests.
_RESTING = "{type: limit, offset_bps: -2000, tif: gtc}"
type Held = dict[str, int]


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("APCA_API_KEY_ID", KEY)
        patch.setenv("APCA_API_SECRET_KEY", SECRET)
        yield


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, FakeTrading, Held]]:
    """Through the 27th with market orders for the open, and what was held before it."""
    with FakeTrading(evening(MON), "1000000").served() as account:
        home = _at_alpaca(tmp_path_factory.mktemp("through"), account)
        for session in (MON, TUE, WED):
            _run(home, account, session)
        before = {symbol: int(shares) for symbol, shares in account.held.items()}
        _run(home, account, FRI)
        yield home, account, before


def _at_alpaca(folder: Path, account: FakeTrading, order: str = "{}") -> Home:
    return actions_home(folder, f"kind: alpaca, trading_url: '{account.url}'", order=order)


def _run(home: Home, account: FakeTrading, session: date) -> None:
    """The session's day at the exchange, and the book's cycle in its evening."""
    _day(home, account, session)
    home.now = account.now.isoformat()
    home.run(session)


def _day(home: Home, account: FakeTrading, session: date) -> None:
    assert home.books is not None
    with (home.books.parent / "bars.csv").open() as lines:
        rows = {row["symbol"]: row for row in csv.DictReader(lines) if row["session"] == str(session)}
    if session == FRI:
        act_at(account, home)
    told = {name: {symbol: row[name] for symbol, row in rows.items()} for name in ("open", "low", "high", "close")}
    ranges = {symbol: (told["low"][symbol], told["high"][symbol]) for symbol in rows}
    account.play(market(session, told["open"], at_close=told["close"], ranges=ranges))
    account.ask = {symbol: Decimal(price) for symbol, price in told["close"].items()}


def _said(home: Home, session: date) -> list[tuple[str, str, str, str]]:
    """Scope, symbol, verdict and reason code of control 37."""
    query = "SELECT scope, symbol, verdict, reason FROM risk_checks WHERE control = 37 AND run_id = ? ORDER BY scope, symbol"
    return [(scope, symbol, verdict, reason.split(":")[0]) for scope, symbol, verdict, reason in home.sql(query, f"small-eod-{session}")]


def _ordered(home: Home, session: date) -> set[str]:
    return {symbol for (symbol,) in home.sql("SELECT symbol FROM orders WHERE session = ?", str(session))}


def test_what_was_wanted_the_evening_before_is_refused_with_the_kind_of_action_and_the_others_go_out(
    through: tuple[Home, FakeTrading, Held],
) -> None:
    home, _, _ = through
    assert _said(home, WED) == [
        ("order", symbol, "reject", CODES[symbol]) if symbol in CODES else ("order", symbol, "pass", "") for symbol in SYMBOLS
    ]
    assert _ordered(home, WED) == {"RISE"}
    assert {verdict for _, _, verdict, _ in _said(home, TUE)} == {"pass"}
    assert _ordered(home, TUE) >= set(CODES)


def test_no_order_stood_and_what_was_held_is_what_the_actions_made_of_it(through: tuple[Home, FakeTrading, Held]) -> None:
    home, account, before = through
    assert account.stood == []
    after = dict(shares_after(symbol, before[symbol]) for symbol in CODES)
    assert {symbol: int(account.held.get(symbol, 0)) for symbol in after} == after
    held = "SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0"
    assert dict(home.sql(held)) == {symbol: shares for symbol, shares in account.held.items() if shares}


def test_the_cycle_after_orders_in_new_shares_and_both_books_agree(through: tuple[Home, FakeTrading, Held]) -> None:
    home, _, _ = through
    assert home.sql("SELECT state FROM runs") == [("done",)] * 4
    assert home.sql("SELECT count(*) FROM breaks") == home.sql("SELECT count(*) FROM halts") == [(0,)]
    assert {"HALF", "NEW", "TENTH"} <= _ordered(home, FRI)
    assert {verdict for _, _, verdict, _ in _said(home, FRI)} == {"pass"}


def test_a_person_reads_why_nothing_was_ordered(through: tuple[Home, FakeTrading, Held], capsys: pytest.CaptureFixture[str]) -> None:
    home, _, _ = through
    ended = Command(capsys)(home, "explain", "TENTH", "--session", str(WED), "--json")
    found = [row for row in json.loads(ended.out)[0]["checks"] if row["control"] == 37]
    assert [(row["verdict"], row["reason"]) for row in found] == [
        ("reject", "split_announced: a split comes with the next session, and at this broker its orders would stand as they were written")
    ]


def test_the_fake_exchange_lets_an_order_in_old_shares_trade_new_ones(tmp_path: Path) -> None:
    account = FakeTrading(evening(WED), "1000")
    account.move("TENTH", 100)
    account.take(client_order_id="in-old-shares", symbol="TENTH", side="sell", qty="100", time_in_force="opg")
    account.split("TENTH", 1, 10)
    account.play(market(FRI, {"TENTH": "600"}))
    assert account.held == {"TENTH": Decimal(-90)}
    assert account.stood == ["in-old-shares"]


def test_orders_that_rest_are_withdrawn_the_evening_before_and_confirmed_over(tmp_path: Path) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account:
        home = _at_alpaca(tmp_path, account, _RESTING)
        _run(home, account, MON)
        _run(home, account, TUE)
        rested = {each["symbol"] for each in account.orders if each["status"] in ("accepted", "new")}
        assert rested == set(SYMBOLS)
        _run(home, account, WED)
        assert {each["symbol"] for each in account.orders if each["status"] in ("accepted", "new")} == {"RISE"}
        states = home.sql(
            "SELECT symbol, state FROM orders JOIN order_status USING (client_order_id) WHERE session < ? GROUP BY 1, 2", str(WED)
        )
        assert {(symbol, "cancelled") for symbol in CODES} <= set(states)
        assert {row for row in _said(home, WED) if row[0] == "symbol"} == {
            ("symbol", symbol, "alert", "withdrawn_before_action") for symbol in CODES
        }
        _run(home, account, FRI)
        assert account.stood == []
        assert home.sql("SELECT state FROM runs") == [("done",)] * 4


def test_a_source_that_does_not_answer_stops_the_cycle_before_it_orders_and_a_rerun_goes_on(tmp_path: Path) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account:
        home = _at_alpaca(tmp_path, account)
        _day(home, account, MON)
        home.now = account.now.isoformat()
        with pytest.MonkeyPatch.context() as patch:

            async def silent(*_asked: object) -> None:
                raise VendorUnavailable("nobody answers")

            patch.setattr(FilesSource, "actions_ahead", silent)
            with pytest.raises(VendorUnavailable, match="nobody answers"):
                home.run(MON)
            assert account.orders == []
        home.run(MON)
        assert {each["symbol"] for each in account.orders} == set(SYMBOLS)


def test_a_run_that_is_taken_up_again_decides_the_same_basket_and_sends_each_order_once(tmp_path: Path) -> None:
    with FakeTrading(evening(MON), "1000000").served() as account:
        home = _at_alpaca(tmp_path / "one", account)
        for session in (MON, TUE):
            _run(home, account, session)
        _day(home, account, WED)
        home.now = account.now.isoformat()
        account.fail(Fault(401, b"{}", method="POST"))
        with pytest.raises(ConfigError):
            home.run(WED)
        basket = home.sql("SELECT * FROM baskets WHERE run_id = ?", f"small-eod-{WED}")
        checks = _said(home, WED)
        home.run(WED)
        home.run(WED)
        assert home.sql("SELECT * FROM baskets WHERE run_id = ?", f"small-eod-{WED}") == basket
        assert _said(home, WED) == checks
        assert [each["symbol"] for each in account.orders if "20151125" in each["client_order_id"]] == ["RISE"]


@pytest.mark.long
def test_a_broker_that_cancels_such_orders_itself_gets_them_and_no_source_is_asked(tmp_path: Path) -> None:
    home = actions_home(tmp_path, "kind: paper")

    async def never(*_asked: object) -> None:
        raise AssertionError("the source was asked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FilesSource, "actions_ahead", never)
        replace(home).run(MON, TUE, WED, FRI)
    assert _ordered(home, WED) == set(SYMBOLS)
    assert _said(home, WED) == []
    over = home.sql(
        "SELECT symbol, state FROM orders JOIN order_status USING (client_order_id) WHERE session = ? AND state <> 'filled'", str(WED)
    )
    assert sorted(over) == [(symbol, "cancelled") for symbol in CODES]
