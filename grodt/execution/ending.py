"""Ask for an order to be ended that our side has open and the broker does not have any more."""

from collections.abc import Callable
from datetime import datetime

from grodt.brokers.protocol import Broker
from grodt.errors import ConfigError
from grodt.execution.accounts import require_same_account
from grodt.execution.outcome import look_up
from grodt.ledger.order_ends import ask_to_end, require_endable
from grodt.ledger.requests import Request
from grodt.ledger.unit import Ledger


def require_gone(ledger: Ledger, broker: Broker, break_id: int, *, sleep: Callable[[float], None]) -> None:
    """Refuse to end the order of a break that the broker still has.

    Args:
        ledger: where the break is.
        broker: of its book. It is asked for the order twice, with a pause between, and for what is open.
        break_id: of an order.
        sleep: waits that many seconds.

    Raises:
        BrokerUnavailable: the broker did not answer.
        ConfigError: as `require_endable`; or the broker has the order, or is another account than the one that the book is at.
    """
    with ledger.read() as tx:
        found = require_endable(tx, break_id)
        key = found.difference.symbol
    require_same_account(ledger, broker, found.book, "Nothing was asked for")
    there = look_up(broker, [key], sleep).get(key) or next((each for each in broker.open_orders() if each.client_order_id == key), None)
    if there is not None:
        raise ConfigError(
            f"break {break_id}: the broker has order {key}, and says that it is {there.state} with {there.filled_quantity:,} filled: "
            "run the cycle again, which books what it says"
        )


def propose_end(
    ledger: Ledger, broker: Broker, break_id: int, *, by: str, reason: str, now: Callable[[], datetime], sleep: Callable[[float], None]
) -> Request:
    """Ask for the order of a break to be ended, after the broker has said once more that it does not have it.

    Args:
        ledger, broker, break_id, sleep: see `require_gone`.
        by, reason: who asks and thereby agrees, and why.
        now: the clock.

    Raises:
        BrokerUnavailable, ConfigError: as `require_gone`; nothing was asked for.
    """
    require_gone(ledger, broker, break_id, sleep=sleep)
    with ledger.write() as tx:
        return ask_to_end(tx, break_id, by=by, reason=reason, now=now())
