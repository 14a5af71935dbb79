"""Venues at which orders fill in parts: a tenth of a session's volume, or what is traded there by hand in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from grodt.bars.market import SessionMarket
from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ccxt_payloads import venue_client_id
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.fills import FillTerms
from grodt.brokers.ib import IbBroker
from grodt.brokers.ib_settings import IbAccount
from grodt.brokers.protocol import Broker
from grodt.sessions import Calendar
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, MON
from tests.contracts.venues import paper_at
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.ccxt_account import FakeCcxtAccount
from tests.fakes.ib import ACCOUNT, FakeIb

_TENTH = Decimal("0.1")
_CASH = "1000000"


def _nothing_is_traded(_at: datetime, _client_order_id: str, _quantity: int) -> None:
    raise AssertionError("a paper broker plays whole sessions")


def _withheld(rows: list[Any]) -> Callable[[], None]:
    return partial(rows.append, rows.pop())


@dataclass(frozen=True)
class Parting:
    """A venue.

    Attributes:
        broker: over it.
        play: plays a session.
        executions: its own ids of what has traded, in the order it did.
        trade: some of an open order trades at 100, at an instant.
        withhold: the last of what has traded is not told; returns what tells it after all.
        disturb: from now on what has traded is told twice, or in any order, as far as its list can.
    """

    broker: Broker
    play: Callable[[SessionMarket], None]
    executions: Callable[[], list[str]]
    trade: Callable[[datetime, str, int], None] = _nothing_is_traded
    withhold: Callable[[], Callable[[], None]] = lambda: lambda: None
    disturb: Callable[[], None] = lambda: None


@contextmanager
def paper(folder: Path) -> Iterator[Parting]:
    """At which nothing is carried over to another session."""
    with paper_at(folder, FillTerms(participation=_TENTH)) as (broker, play):

        def executions() -> list[str]:
            rows = broker._connection.execute("SELECT execution_id FROM fills ORDER BY number")  # type: ignore[attr-defined]
            return [str(name) for (name,) in rows]

        yield Parting(broker, play, executions)


@contextmanager
def alpaca(_folder: Path) -> Iterator[Parting]:
    """Two fills for what a session takes of an order."""
    with FakeTrading(evening(MON), _CASH).served() as account, opened_at(account) as broker:
        account.parts = 2

        def play(market: SessionMarket) -> None:
            account.takes = lambda order: min(
                Decimal(order["qty"]) - Decimal(order["filled_qty"]), Decimal(market.volume[order["symbol"]]) * _TENTH // 1
            )
            account.play(market)

        def trade(at: datetime, client_order_id: str, quantity: int) -> None:
            account.now = at
            account.fill(client_order_id, str(quantity), "100")

        def disturb() -> None:
            account.doubles, account.shuffles = True, Random(7)

        told = account.activities
        yield Parting(broker, play, lambda: [str(each["id"]) for each in told], trade, partial(_withheld, told), disturb)


@contextmanager
def ccxt(_folder: Path) -> Iterator[Parting]:
    """Whose trades are of whole coins."""
    account = FakeCcxtAccount(evening(MON), _CASH, participation=_TENTH)
    settings = CcxtAccount(venue="binance", quote="USD")
    broker = CcxtBroker(BOOK, settings, Calendar("24/7"), client=account.client, ours=dict, now=lambda: account.now)

    def trade(at: datetime, client_order_id: str, quantity: int) -> None:
        account.now = at
        (order,) = (each for each in account.orders if each["clientOrderId"] == venue_client_id(client_order_id))
        account.fill(order, Decimal(quantity), Decimal(100))

    def disturb() -> None:
        account.doubles, account.shuffles = True, Random(7)

    def executions() -> list[str]:
        return [f"{each['symbol']}:{each['id']}" for each in account.trades]

    try:
        yield Parting(broker, account.play, executions, trade, partial(_withheld, account.trades), disturb)
    finally:
        broker.close()


@contextmanager
def ib(_folder: Path) -> Iterator[Parting]:
    """Whose client keeps each execution once."""
    account = FakeIb(evening(MON), _CASH, participation=float(_TENTH))
    broker = IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=account.client)

    def trade(at: datetime, client_order_id: str, quantity: int) -> None:
        account.now = at
        account.fill(account.of(client_order_id), float(quantity), 100.0)

    def disturb() -> None:
        account.shuffles = Random(7)

    told = account.executions
    try:
        yield Parting(broker, account.play, lambda: [each.execution.execId for each in told], trade, partial(_withheld, told), disturb)
    finally:
        broker.close()


#: All of them; and those that are told of what has traded by somebody else, who may tell it twice or in any order.
PARTING = {"alpaca": alpaca, "ccxt": ccxt, "ib": ib, "paper": paper}
TOLD = {name: opened for name, opened in PARTING.items() if name != "paper"}
