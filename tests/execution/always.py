"""A crypto book whose last session is over and whose next one goes on, over the fake venue."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.protocol import Part
from grodt.brokers.windows import CCXT
from grodt.execution import settle
from grodt.execution.windows import Windows
from grodt.ledger.acts import act
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.breaks import open_breaks, resolve_break
from grodt.ledger.corrections import propose_correction
from grodt.ledger.orders import find_order, order_symbols
from grodt.ledger.postings import cash, holdings
from grodt.ledger.runs import Run
from grodt.money import Micros
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.reconciliation import Reconciled
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, market, order, usd
from tests.execution.desk import Desk, FaultyBroker, make_basket
from tests.fakes.ccxt_account import FakeCcxtAccount
from tests.ledger.people import rearmed

ETH = "ETH/USD"
MARKET = order(ETH, 10)
REST = replace(MARKET, order_type="limit", time_in_force="gtc", price=usd("100"))


@dataclass
class Always:
    """A crypto book: Monday is over, and Tuesday has begun."""

    desk: Desk
    account: FakeCcxtAccount

    def send(self, sent: Order) -> Run:
        """Monday's cycle, up to a process that ends once its order is out."""
        run = lived(self.desk, MON)[0]
        basket = make_basket(run, [sent])
        with self.desk.ledger.write() as tx:
            record_basket(tx, basket, run.run_id, self.desk.now())
            approve_basket(tx, basket.hash, "automatic", self.desk.now())
        assert self.desk.send(run).accepted == 1
        return run

    def fill(self, amount: str, price: str = "100", **changes: Any) -> None:
        """The order trades, an hour into Tuesday."""
        self.account.now += timedelta(hours=1)
        self.account.fill(self.account.orders[0], Decimal(amount), Decimal(price), **changes)

    def by_hand(self, amount: str, price: str) -> None:
        """Somebody trades on Tuesday."""
        self.account.fill(self.account.take(symbol=ETH, amount=amount), Decimal(amount), Decimal(price))


class DividingBroker(FaultyBroker):
    """The same, of a broker that fills in fractions."""

    def __init__(self, inner: CcxtBroker, desk: Desk) -> None:
        super().__init__(inner, desk.fuse)
        self._dividing = inner

    def parts(self) -> tuple[Part, ...]:
        self._read()
        return self._dividing.parts()


@contextmanager
def opened_always(desk: Desk) -> Iterator[Always]:
    """The book over the fake venue."""
    account = FakeCcxtAccount(datetime(2026, 3, 3, 0, 5, tzinfo=UTC), cash="1000000")
    account.markets = [ETH]
    calendar = Calendar("24/7")

    def ours() -> Mapping[str, str]:
        with desk.real_ledger.read() as tx:
            return order_symbols(tx, BOOK)

    settings = CcxtAccount(venue="binance", quote="USD")
    broker = CcxtBroker(BOOK, settings, calendar, client=account.client, ours=ours, now=lambda: account.now)
    desk.broker, desk.windows = DividingBroker(broker, desk), Windows(calendar, CCXT)
    desk.now = lambda: account.now  # type: ignore[method-assign]
    yield Always(desk, account)
    broker.close()


def lived(desk: Desk, day: date) -> tuple[Run, Reconciled]:
    """Settle a day and compare both sides."""
    run = desk.open(day)
    settle(desk.ledger, None, desk.broker, None, [market(day, {})], run=run, file=desk.file, now=desk.now)
    return run, desk.reconcile(run)


def books(desk: Desk) -> tuple[dict[str, int], Micros]:
    """Our positions and cash."""
    with desk.real_ledger.read() as tx:
        return {symbol: each.quantity for symbol, each in holdings(tx, BOOK).items()}, cash(tx, BOOK)


def breaks(desk: Desk) -> list[tuple[str, str, int, int]]:
    """Open breaks: kind, symbol, ours, theirs."""
    with desk.real_ledger.read() as tx:
        found = [each.difference for each in open_breaks(tx, BOOK)]
    return [(each.kind, each.symbol, each.ours, each.theirs) for each in found]


def order_of(desk: Desk, key: str = MARKET.client_order_id) -> tuple[OrderState, int]:
    """State of an order, and the coins of it that are booked."""
    with desk.real_ledger.read() as tx:
        found = find_order(tx, key)
    assert found is not None
    return found.state, found.booked_quantity


def corrected(desk: Desk, price: str) -> None:
    """Two people correct the break of the position, look at the others, and arm the book."""
    with desk.real_ledger.write() as tx:
        found = next(each for each in open_breaks(tx, BOOK) if each.difference.kind == "position")
        following = Calendar("24/7").next
        asked = propose_correction(
            tx, found.break_id, usd(price), following=following, by="ann", reason="the statement has it", now=desk.now()
        )
        act(tx, asked.request_id, "approve", by="bob", reason="seen", now=desk.now())
        for each in open_breaks(tx, BOOK):
            resolve_break(tx, each.break_id, "explained by it", "ann", desk.now())
        rearmed(tx, BOOK, desk.now())
