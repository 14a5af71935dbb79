"""Interest and fees that a broker takes and pays apart from fills: asked for, to be booked when their session is settled."""

from datetime import date

from grodt.brokers.protocol import Broker, TellsCash
from grodt.ledger.cash_activities import asked_since, news
from grodt.ledger.unit import Ledger
from grodt.orders.cash_activity import CashActivity


def new_activities(ledger: Ledger, broker: Broker, book: str, last: date | None) -> tuple[CashActivity, ...]:
    """What moved the account's cash since the book began, as far as the ledger does not have it; nothing of a broker that cannot tell.

    Args:
        ledger, broker, book: whose.
        last: the last settled session; None: the book has not begun, and its capital is what the account has.

    Raises:
        BrokerUnavailable: the broker did not answer.
    """
    if last is None or not isinstance(broker, TellsCash):
        return ()
    with ledger.read() as tx:
        since = asked_since(tx, book, last)
    told = broker.cash_activities(since)
    with ledger.read() as tx:
        return news(tx, book, told)
