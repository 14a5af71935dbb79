"""Whether the broker that is asked is the account that a book's orders and positions are at."""

from grodt.brokers.paper import paper_account
from grodt.brokers.protocol import Broker
from grodt.errors import ConfigError
from grodt.ledger.accounts import account_of, elsewhere, left_at_account, orders_at_account
from grodt.ledger.unit import Ledger

#: What stands between an account's place and the fingerprint of its key, where it is known by that.
_KEY = ", key "
#: Orders that an account under a new key is asked for, at most.
_ASKED = 3


def same_account(ledger: Ledger, broker: Broker, book: str) -> str:
    """Why the broker's account is the one that the book is at although its key is another; "" where nothing says so.

    A key is changed now and then while the account stays. Then the account has an order of the book under the id that it once gave to it.
    It is asked only where the two differ by their key alone.

    Raises:
        BrokerUnavailable: it did not answer.
    """
    with ledger.read() as tx:
        former = account_of(tx, book)
        if former is None or former == broker.account or _KEY not in former:
            return ""
        if former.partition(_KEY)[0] != broker.account.partition(_KEY)[0]:
            return ""
        known = orders_at_account(tx, book, _ASKED)
    for key, venue_order_id in known.items():
        found = broker.find(key)
        if found is not None and found.venue_order_id == venue_order_id:
            return f"under its new key it has order {key}, as {venue_order_id}"
    return ""


def require_same_account(ledger: Ledger, broker: Broker | None, book: str, kept: str) -> None:
    """Refuse to ask a broker about a book whose orders and positions are at another account.

    Args:
        ledger: the book of record.
        broker: of the book as the settings are now; None: a paper account that was never opened.
        book: whose.
        kept: what is not done therefore, as the first words of a sentence.

    Raises:
        ConfigError: names both accounts, and what to do.
        BrokerUnavailable: the account could not be asked whether it is the same under another key.
    """
    with ledger.read() as tx:
        former = account_of(tx, book)
        now = paper_account(book) if broker is None else broker.account
        if former is None or former == now:
            return
        left = left_at_account(tx, book)
    if left and (broker is None or not same_account(ledger, broker, book)):
        raise ConfigError(elsewhere(book, former, now, left, kept))
