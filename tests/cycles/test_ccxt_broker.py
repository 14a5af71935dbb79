"""A crypto book that trades an account at a venue over ccxt: a fake of its client stands in the venue's place.

The venue fills in fractions of a coin and takes one client id twice. A cycle runs just after midnight; then the day goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import ccxt.async_support
import pytest
from ccxt.async_support.base.throttler import Throttler

from grodt.errors import BrokerUnavailable, ReconciliationBreak
from tests.cycles.driver import Home
from tests.cycles.interrupted import Stop
from tests.cycles.test_crypto import ALWAYS, FIRST, SYMBOLS, at_once, books_text
from tests.fakes.ccxt import FakeVenue
from tests.fakes.ccxt_account import FakeCcxtAccount

WED, THU, FRI, SAT, SUN = ALWAYS.between(date(2024, 3, 6), date(2024, 3, 10))
_PAPER = "{kind: paper, slippage_bps: 5, commission_bps: 10}"
_VENUE = "{kind: ccxt, venue: binance, quote: USD, slippage_bps: 5, commission_bps: 10}"
#: Three coins, beside those that one trade takes.
_PARTS = ("0.4", "2.35", "0.25")


@dataclass
class World:
    """The book's home, the venue that tells bars, and the account."""

    home: Home
    venue: FakeVenue
    account: FakeCcxtAccount

    def cycle(self, session: date) -> None:
        """The session's cycle, a quarter past the midnight that ends it."""
        now = datetime.combine(session + timedelta(days=1), time(0, 15), UTC)
        self.account.now = max(self.account.now, now)
        self.venue.now = now
        self.home.now = now.isoformat()
        self.home.run(session)

    def fill(self, order: dict[str, Any], *amounts: Decimal) -> None:
        """The order trades, an hour on."""
        self.account.now += timedelta(minutes=1)
        price = self.price(order["symbol"])
        for number, amount in enumerate(amounts):
            self.account.fill(order, amount, price + Decimal(number) / 1000)

    def fill_whole(self) -> None:
        """Everything that is open fills: most of it in one trade, the rest in fractions."""
        for order in self.opened():
            left = Decimal(order["amount"]) - Decimal(order["filled"])
            parts = [*map(Decimal, _PARTS), left - 3] if left > 3 else [Decimal("0.4"), left - Decimal("0.4")]
            self.fill(order, *parts)

    def price(self, symbol: str) -> Decimal:
        """Of the day that has begun."""
        begun = self.account.now.date()
        return next(Decimal(str(row[1])) for row in self.venue.days[symbol] if row[0].date() == begun)

    def opened(self) -> list[dict[str, Any]]:
        return [each for each in self.account.orders if each["status"] == "open"]

    def positions(self) -> dict[str, int]:
        rows = self.home.sql("SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0")
        return {str(symbol): int(quantity) for symbol, quantity in rows}

    def held(self) -> dict[str, Decimal]:
        """What the account has of coins."""
        return {f"{coin}/USD": amount for coin, amount in self.account.balance.items() if coin != "USD" and amount}

    def states(self) -> set[str]:
        return {state for (state,) in self.home.sql("SELECT DISTINCT state FROM order_status")}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("BINANCE_API_KEY", "key")
    monkeypatch.setenv("BINANCE_API_SECRET", "secret")
    monkeypatch.setattr(Throttler, "__call__", at_once)
    account = FakeCcxtAccount(datetime.combine(WED, time(), UTC))
    account.markets = list(SYMBOLS)
    monkeypatch.setattr(ccxt.async_support, "binance", lambda _settings: account.client())
    venue = FakeVenue(datetime(2024, 3, 11, tzinfo=UTC))
    for number, symbol in enumerate(SYMBOLS):
        venue.list_market(symbol)
        venue.days[symbol] = []
        for at, day in enumerate(ALWAYS.between(FIRST, date(2024, 3, 11))):
            price = round((5.0 + number) * 1.006**at * (1 + 0.004 * ((at * (number + 2)) % 5)), 4)
            stamp = datetime.combine(day, time.min, UTC)
            venue.days[symbol].append((stamp, price, round(price * 1.01, 4), round(price * 0.99, 4), price, 5000.5 + at))
    books = tmp_path / "books.yaml"
    with venue.served():
        books.write_text(books_text(venue.url, "24/7").replace(_PAPER, _VENUE))
        yield World(Home(tmp_path / "home", books, "crypto"), venue, account)


def test_market_orders_that_fill_in_fractions_are_booked_whole_and_both_books_agree(world: World) -> None:
    for session in (WED, THU, FRI, SAT):
        world.cycle(session)
        assert {each["type"] for each in world.opened()} <= {"market"}
        world.fill_whole()
    world.cycle(SUN)
    home, account = world.home, world.account
    assert home.sql("SELECT state FROM runs") == [("done",)] * 5
    assert home.sql("SELECT (SELECT count(*) FROM breaks), (SELECT count(*) FROM halts), (SELECT count(*) FROM unbooked_fills)") == [
        (0, 0, 0)
    ]
    assert world.positions() == world.held() != {}
    (cash,) = home.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'")[0]
    assert abs(Decimal(cash) / 1_000_000 - account.balance["USD"]) < Decimal("0.01")
    ((fills,),) = home.sql("SELECT count(*) FROM fills")
    ((gathered, trades),) = home.sql("SELECT count(DISTINCT execution_id), count(*) FROM fill_trades")
    assert gathered > 2
    assert fills - gathered + trades == len(account.trades)
    assert home.sql("SELECT count(*) FROM fills WHERE notional <> quantity * price")[0][0] > 0


def test_a_process_that_ends_in_the_middle_of_sending_leaves_each_order_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    account, take = world.account, world.account.take

    def taken(**told: Any) -> dict[str, Any]:
        made = take(**told)
        if len(account.orders) == 2:
            raise Stop
        return made

    with monkeypatch.context() as patch:
        patch.setattr(account, "take", taken)
        with pytest.raises(Stop):
            world.cycle(THU)
    assert len(account.orders) == 2
    world.fill(account.orders[0], *map(Decimal, _PARTS))  # while nobody looks
    world.cycle(THU)
    names = [each["clientOrderId"] for each in account.orders]
    assert len(names) == len(set(names)) == world.home.sql("SELECT count(*) FROM orders")[0][0] > 2
    world.fill_whole()
    world.cycle(FRI)
    assert world.positions() == world.held()
    assert world.home.sql("SELECT count(*) FROM breaks") == [(0,)]


def test_an_order_whose_answer_was_lost_is_found_and_an_outage_leaves_the_session_to_the_next_try(world: World) -> None:
    account = world.account
    account.after = ccxt.RequestTimeout("slow")
    with pytest.MonkeyPatch.context() as patch:
        take = account.take

        def once(**told: Any) -> dict[str, Any]:
            if account.orders:
                account.after = None
            return take(**told)

        patch.setattr(account, "take", once)
        world.cycle(THU)
    names = [each["clientOrderId"] for each in account.orders]
    assert len(names) == len(set(names)) == world.home.sql("SELECT count(*) FROM orders")[0][0]
    world.fill_whole()
    account.down = ccxt.ExchangeNotAvailable("503")
    with pytest.raises(BrokerUnavailable, match="503"):
        world.cycle(FRI)
    assert world.positions() == {}
    account.down = None
    world.cycle(FRI)
    assert world.positions() == world.held() != {}
    assert world.home.sql("SELECT session, state FROM runs ORDER BY 1") == [(str(THU), "done"), (str(FRI), "done")]


@pytest.mark.long
def test_limits_that_rest_fill_in_fractions_over_days(world: World) -> None:
    books = world.home.books
    assert books is not None
    books.write_text(books.read_text().replace(_VENUE, _VENUE + "\n    order: {type: limit, offset_bps: -100, tif: gtc}"))
    world.cycle(WED)
    rest, *others = world.opened()
    assert (rest["type"], rest["timeInForce"]) == ("limit", None)  # without one, a venue takes a limit until it is cancelled
    for each in others:
        world.fill(each, Decimal(each["amount"]))
    world.fill(rest, Decimal("0.4"), Decimal("1.7"))
    world.cycle(THU)
    assert rest["symbol"] not in world.positions()
    assert world.held()[rest["symbol"]] == Decimal("2.1")
    assert rest["status"] == "open"
    ((reason,),) = world.home.sql("SELECT reason FROM order_status WHERE state = 'cancelled' AND client_order_id LIKE '%20240307%'")
    assert "has filled 0.1 of a share that is in no fill yet, and works on until it comes to whole ones" in reason
    world.fill(rest, Decimal("1.9"))
    world.cycle(FRI)
    assert world.positions()[rest["symbol"]] == 4
    assert world.home.sql("SELECT count(*) FROM breaks") == world.home.sql("SELECT count(*) FROM halts") == [(0,)]


def test_what_a_person_trades_in_the_account_is_a_break(world: World) -> None:
    world.cycle(THU)
    world.fill_whole()
    theirs = world.account.take(symbol=SYMBOLS[0], amount="2")
    world.fill(theirs, Decimal("0.5"), Decimal("1.5"))
    with pytest.raises(ReconciliationBreak, match=rf"(?s)position +{SYMBOLS[0]} .*not booked:\n  {SYMBOLS[0]}:t") as told:
        world.cycle(FRI)
    assert "of orders that this ledger does not have" in str(told.value)
    assert [kind for (kind,) in world.home.sql("SELECT kind FROM breaks ORDER BY kind")] == ["cash", "position"]
    ((ours, theirs_held),) = world.home.sql("SELECT ours, theirs FROM breaks WHERE kind = 'position'")
    assert theirs_held - ours == 2
