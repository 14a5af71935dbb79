"""Settle a session that goes on, up to a slot: its actions once, its bars one after the other, and what the slots before left open."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from grodt.bars.market import SessionMarket, SlotBar
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker
from grodt.ledger.orders import orders_in
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger
from grodt.orders.states import OPEN

type Bars = Callable[[date], Sequence[SlotBar]]
"""The bars of a session that have ended by the slot."""


def player(paper: PaperBroker, bars: Bars, goes_on: date | None) -> Callable[[SessionMarket], None]:
    """What plays a session at the paper broker with its bars, for `grodt.execution.settle`; what was played before is left as it is.

    Args:
        paper: the broker.
        bars: of a session.
        goes_on: the session that is not over; every other one ends, and its orders for the day with it. None: all are over.
    """

    def play(market: SessionMarket) -> None:
        paper.advance(market)
        for bar in bars(market.session):
            paper.play_bar(bar.whole, bar.rests)
        if market.session != goes_on:
            paper.end_day(market.session)

    return play


def cancel_what_is_left(ledger: Ledger, broker: Broker, run: Run) -> int:
    """Ask the broker to cancel the orders of earlier slots that still work: a slot decides anew on all that is held.

    So no order works against what a slot decides, be it to give up a position at its stop or to be flat by the close; and an order whose
    rest is still wanted goes out anew as the difference. Its own orders, which an earlier attempt has sent, are left alone. Asking
    again does nothing. Their states are written when they are settled.

    Returns:
        How many it was asked to cancel.

    Raises:
        BrokerUnavailable: no answer; may be asked again.
    """
    with ledger.read() as tx:
        names = [each.order.client_order_id for each in orders_in(tx, run.book, OPEN) if each.run_id != run.run_id]
    theirs: Mapping[str, object] = broker.orders(names) if names else {}
    working = [name for name in names if name in theirs]
    for name in working:
        broker.cancel(name)
    return len(working)
