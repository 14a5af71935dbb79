"""Settle a session that goes on, up to a slot: its actions once, its bars one after the other, and what the slots before left open."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

from grodt.bars.market import SessionMarket
from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker
from grodt.ledger.actions import applied
from grodt.ledger.marks import mark_of
from grodt.ledger.orders import orders_in
from grodt.ledger.postings import settled
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger
from grodt.orders.states import OPEN

type Bars = Callable[[date], Sequence[SessionMarket]]
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
            paper.play_bar(bar)
        if market.session != goes_on:
            paper.end_day(market.session)

    return play


def marked_before(ledger: Ledger, book: str, markets: Iterable[SessionMarket], mark: Callable[[date], object]) -> Iterator[SessionMarket]:
    """The markets to settle, each handed out once the session settled before it has a mark: that of its close, before anything moves on.

    A session has none where its own close never came to mark it, because the book was halted or nothing ran. Without it the next
    session's loss would be measured from an older close, and the high of its slots be forgotten. What the book holds is what it held at
    that close only until something of the next session is booked; from then on nothing is marked any more.

    Args:
        ledger: read before each market is handed out.
        book: whose.
        markets: ascending, of sessions that are settled one after the other.
        mark: marks the book at the close of a session.
    """
    for market in markets:
        with ledger.read() as tx:
            last, begun = settled(tx, book), applied(tx, book)
            missing = last is not None and mark_of(tx, book, last) is None
        if last is not None and missing and last < market.session and (begun is None or begun <= last):
            mark(last)
        yield market


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
