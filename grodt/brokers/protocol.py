"""What GRODT asks of a broker. One contract suite runs against every implementation."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol, runtime_checkable

from grodt.money import Micros
from grodt.orders.cash_activity import CashActivity
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side
from grodt.orders.states import OrderState


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker knows it.

    Attributes:
        client_order_id: ours.
        venue_order_id: theirs.
        symbol, side, quantity: what was ordered; whole shares > 0.
        state: submitted, accepted, partially_filled, filled, cancelled, expired or rejected; unknown when the broker says of it what GRODT
            does not know. It has the order then, which may still fill, and its symbol is halted.
        filled_quantity: shares filled so far.
        reason: the broker's words for a rejection, cancel or expiry, or what is not known; "" otherwise.
        reduced: shares of an open leg that it does not close, because its other leg has filled them, or its entry has not.
        order_type, time_in_force: as an `Order` has them, in the broker's words where it knows others; None: it does not say.
        price: limit or stop, in currency units; None: it has none, or the broker does not say.
        says_quantity: whether the broker says how many were ordered; of what is over it may say what filled alone.
        beside: fraction of a share, from 0 to below 1, that has filled beside `filled_quantity`.
    """

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    quantity: int
    state: OrderState
    filled_quantity: int
    reason: str = ""
    reduced: int = 0
    order_type: str | None = None
    time_in_force: str | None = None
    price: Decimal | None = None
    says_quantity: bool = True
    beside: Decimal = Decimal(0)

    @property
    def left(self) -> int:
        """Shares that may still fill while it is open."""
        return self.quantity - self.filled_quantity - self.reduced


def no_last_look() -> None:
    """For an order that nothing keeps any more."""


class Broker(Protocol):
    """A venue that takes orders and keeps its own book of them.

    Every read raises `BrokerUnavailable` when it got no answer: a failed query is never an empty one.
    """

    @property
    def account(self) -> str:
        """Which account it is: the kind of broker and the account's number, or the fingerprint of its key. Told without asking; no secret.

        What is sent to one account is at no other, so the ledger keeps it.
        """
        ...

    def submit(self, order: Order, session: date, last_look: Callable[[], None] = no_last_look) -> BrokerOrder:
        """Send one order, decided at the close of `session`. It is sent once, never repeated inside.

        Args:
            order: to be sent.
            session: that decided it.
            last_look: called once right before the order leaves, after all that is waited for and asked first, maybe by another thread;
                what it raises passes through, and then nothing was sent. It is not called where nothing leaves.

        Returns:
            The order as accepted, or with state `rejected` and the broker's reason (a definite refusal). A client order id
            the broker already has is not a second order: the one that exists is returned as it stands, also where it is another one.

        Raises:
            OrderOutcomeUnknown: no definite answer; look it up with `find`.
            ConfigError: the broker's key or address is wrong; it was not taken.
        """
        ...

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order with our id, whatever its state, or None if the broker never had it."""
        ...

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        """Those of our orders that the broker has, by client order id."""
        ...

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        """Orders that may still fill, sorted by client order id."""
        ...

    def cancel(self, client_order_id: str) -> None:
        """Ask to cancel; nothing happens to an order that is already over, or that the broker never had.

        Raises:
            BrokerUnavailable: no answer; may be asked again.
        """
        ...

    def fills(self, since: date) -> tuple[Fill, ...]:
        """Fills of the sessions from `since` on, in the order they traded. What was told before is told again, and may come twice."""
        ...

    def positions(self) -> Mapping[str, Decimal]:
        """Shares held by symbol, exactly, fractions too; flat symbols are absent."""
        ...

    def cash(self) -> Micros:
        """Cash of the account, in micros."""
        ...

    def close(self) -> None:
        """Give back what it holds open."""
        ...


@runtime_checkable
class TellsCash(Protocol):
    """What a broker has beside `Broker` where it tells, one by one, what moves an account's cash apart from fills.

    Of any other, what it charges and pays apart from fills is a break of cash.
    """

    def cash_activities(self, since: date) -> tuple[CashActivity, ...]:
        """What moved cash in the sessions from `since` on, by their days. What was told before is told again, and may come twice.

        Raises:
            BrokerUnavailable: no answer.
        """
        ...


@runtime_checkable
class TakesPairs(Protocol):
    """What a broker has beside `Broker` where it knows both legs of a bracket as one.

    What one has filled the other no longer closes. They are submitted one after the other, the stop first; a take profit whose stop is not
    open is rejected, and a cancel of one is a cancel of both.

    Attributes:
        pairs: that it does.
    """

    pairs: bool


@runtime_checkable
class AttachesLegs(Protocol):
    """What a broker has beside `TakesPairs` where legs may go out with the market order that opens the position.

    They are submitted right after it, the stop first. What they close is what has filled of it, never more; they are over when it is over
    with nothing filled, and it is over when one of them fills.

    Attributes:
        attaches: that it does.
    """

    attaches: bool


@runtime_checkable
class RefusesOpposite(Protocol):
    """What a broker has beside `Broker` where it takes no order while one of the other side is open in its symbol.

    Attributes:
        refuses_opposite: that it does.
    """

    refuses_opposite: bool


@runtime_checkable
class KeepsOrders(Protocol):
    """What a broker has beside `Broker` where open orders may outlive a split, a delisting or a change of symbol as they were written.

    Attributes:
        keeps_orders: times in force of the orders that may.
    """

    keeps_orders: frozenset[str]


@dataclass(frozen=True, slots=True)
class Part:
    """What has traded of an open order of ours and is in no fill yet, because it does not come to whole shares.

    Attributes:
        client_order_id, symbol, side: of the order.
        quantity: shares, > 0; no whole number.
        notional, commission: micros.
        trades: the broker's ids of the trades, in the order they traded.
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    notional: Micros
    commission: Micros
    trades: tuple[str, ...]


@runtime_checkable
class TellsParts(Protocol):
    """What a broker has beside `Broker` where an order may fill in fractions of a share, as at a crypto venue."""

    def parts(self) -> tuple[Part, ...]:
        """What waits of open orders of ours for the trade that makes it whole, by client order id.

        Raises:
            BrokerUnavailable: no answer, or what was told of an order's trades does not come to what it has filled.
        """
        ...


@runtime_checkable
class TakesGroups(Protocol):
    """What a broker has beside `Broker` where the intents of several orders may be committed before the first of them is sent.

    That is for a venue that answers at once and can be asked about every order of a group at no cost, as a simulated one; orders to any
    other go out one by one.

    Attributes:
        group: so many at most.
    """

    group: int

    def together(self) -> AbstractContextManager[None]:
        """Submit the orders of a group within.

        Each is at the broker when its `submit` returns, and outlives this process; that it outlives a power failure is certain when
        this is left, and no answer may be relied on before.

        Raises:
            BrokerUnavailable: when it is left, that is not certain; look all of them up.
        """
        ...
