"""A book that is switched from the end of its sessions to slots within them, or back, with orders of its former cycles left.

What an order for the day is to a venue, when it works and which cycle settles it all rest on how the book decides, so none is taken along.
"""

from collections.abc import Collection, Sequence

from grodt.brokers.protocol import Broker
from grodt.errors import ConfigError
from grodt.ledger.orders import LedgerOrder, orders_in
from grodt.ledger.runs import find_run
from grodt.ledger.transaction import Read
from grodt.orders.states import MAY_TRADE, TERMINAL

#: Orders that the refusal names.
_NAMED = 5


def left_by_others(tx: Read, book: str, kind: str) -> tuple[LedgerOrder, ...]:
    """Orders of another kind of cycle that are not over by the ledger."""
    found = orders_in(tx, book, MAY_TRADE)
    runs = {name: find_run(tx, name) for name in {each.run_id for each in found}}
    return tuple(each for each in found if (run := runs[each.run_id]) is not None and run.kind != kind)


def over_at_broker(broker: Broker, left: Sequence[LedgerOrder]) -> frozenset[str]:
    """Those of the orders that are over at the broker: the next settlement books them. It is asked only where there are any.

    Raises:
        BrokerUnavailable: it did not answer.
    """
    names = [each.order.client_order_id for each in left]
    theirs = broker.orders(names) if names else {}
    return frozenset(name for name, order in theirs.items() if order.state in TERMINAL)


def require_nothing_left(tx: Read, book: str, kind: str, over: Collection[str], *, within: bool) -> None:
    """Refuse a cycle while orders of another kind of cycle of its book may still trade.

    Args:
        tx: the transaction that opens the cycle.
        book: whose.
        kind: of the cycle.
        over: orders that are known to be over at the broker.
        within: whether the cycle is a slot of its session.

    Raises:
        ConfigError: names the orders and what to do with them.
    """
    left = [each for each in left_by_others(tx, book, kind) if each.order.client_order_id not in over]
    if not left:
        return
    named = ", ".join(
        f"{each.order.client_order_id} ({each.order.side} {each.order.quantity} {each.order.symbol}, {each.state})"
        for each in left[:_NAMED]
    )
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    now, before, mend = (
        ("within its sessions", "at their end", "take the `intraday` section out again")
        if within
        else ("at the end of its sessions", "within them", "put the `intraday` section back")
    )
    raise ConfigError(
        f"book {book} now decides {now}, and {len(left)} of the orders that it decided {before} "
        f"{'is' if len(left) == 1 else 'are'} not over: {named}{more}. Nothing was opened: {mend} and run the book until they are over, "
        f"or cancel those at the broker with `grodt halt --book {book} --reason WHY` and `grodt rearm --book {book} --reason WHY`"
    )


def _in_words(each: LedgerOrder) -> str:
    order = each.order
    return f"{order.client_order_id} ({order.side} {order.quantity} {order.symbol}, {each.state})"
