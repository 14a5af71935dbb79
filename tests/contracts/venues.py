"""The venues that every contract of a broker is asked of; a new adapter joins by adding one to `VENUES`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path

from grodt.bars.market import SessionMarket
from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.fills import FillTerms
from grodt.brokers.ib import IbBroker
from grodt.brokers.ib_settings import IbAccount
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import BOOK, MON, usd
from tests.fakes.alpaca_trading import FakeTrading, evening
from tests.fakes.ccxt_account import FakeCcxtAccount
from tests.fakes.ib import ACCOUNT, FakeIb

#: What a broker calls an order that it has taken, as far as it tells what its venue has acknowledged.
TAKEN = frozenset({OrderState.SUBMITTED, OrderState.ACCEPTED})

#: A broker, and what plays a session there.
Venue = tuple[Broker, Callable[[SessionMarket], None]]


@contextmanager
def paper_at(path: Path, terms: FillTerms) -> Iterator[Venue]:
    with PaperBroker(path / "paper.db", BOOK, usd("100000"), terms) as broker:
        yield broker, broker.advance


def _paper(folder: Path) -> AbstractContextManager[Venue]:
    return paper_at(folder, FillTerms.of(5.0, 1.0))


@contextmanager
def _alpaca(_folder: Path) -> Iterator[Venue]:
    with FakeTrading(evening(MON)).served() as account, opened_at(account) as broker:
        yield broker, account.play


@contextmanager
def ib(_folder: Path, participation: float | None = None) -> Iterator[Venue]:
    account = FakeIb(evening(MON), participation=participation)
    broker = IbBroker(BOOK, IbAccount(account=ACCOUNT), Calendar("XNYS"), client=account.client)
    try:
        yield broker, account.play
    finally:
        broker.close()


@contextmanager
def _ccxt(_folder: Path) -> Iterator[Venue]:
    account = FakeCcxtAccount(evening(MON))
    told = CcxtAccount(venue="binance", quote="USD")
    broker = CcxtBroker(BOOK, told, Calendar("24/7"), client=account.client, ours=dict, now=lambda: account.now)
    try:
        yield broker, account.play
    finally:
        broker.close()


def _paper_with_every_cost(folder: Path) -> AbstractContextManager[Venue]:
    terms = FillTerms(
        Decimal(5),
        Decimal(1),
        usd("1"),
        commission_per_share=usd("0.005"),
        maximum_commission_bps=Decimal(100),
        fill_at="close",
        impact=Decimal("0.5"),
        participation=Decimal(1),
        borrow_bps=Decimal(50),
    )
    return paper_at(folder, terms)


def paper_in_parts(folder: Path) -> AbstractContextManager[Venue]:
    return paper_at(folder, FillTerms(participation=Decimal("0.1"), carry_sessions=2))


VENUES = {"alpaca": _alpaca, "ccxt": _ccxt, "ib": ib, "paper": _paper, "paper with every cost": _paper_with_every_cost}
