"""An Alpaca broker before a fake account: its pauses move the fake's clock, and no real second goes by."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from grodt.bars.credentials import Credentials
from grodt.bars.patience import Patience
from grodt.brokers.alpaca import AlpacaBroker
from grodt.brokers.alpaca_settings import AlpacaAccount
from grodt.sessions import Calendar
from tests.brokers.world import BOOK
from tests.fakes.alpaca import KEY, SECRET
from tests.fakes.alpaca_trading import FakeTrading

XNYS = Calendar("XNYS")
QUICK = Patience(tries=3, read=5.0, answer=10.0)


@contextmanager
def opened_at(account: FakeTrading, *, patience: Patience = QUICK, secret: str = SECRET) -> Iterator[AlpacaBroker]:
    """A broker over the account."""

    async def sleep(seconds: float) -> None:
        account.advance(seconds)

    settings = AlpacaAccount(trading_url=account.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        broker = AlpacaBroker(BOOK, settings, Credentials(KEY, secret), XNYS, random=Random(1), sleep=sleep, patience=patience)
        try:
            yield broker
        finally:
            broker.close()
