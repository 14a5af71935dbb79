"""One order: our intent, before and apart from what a venue makes of it."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from grodt.money import Micros
from grodt.orders.brackets import LEGS, Role, leg_number
from grodt.orders.terms import MARKET_AT_OPEN, OrderTerms
from grodt.risk.approved import Approved, ApprovedQuantity

#: Alpaca's bound, the tightest of the venues we know.
CLIENT_ORDER_ID_LENGTH = 48
#: Legs that are tried where an id is a hash and does not say its own.
_LEGS_TRIED = 100
_LEG_DIGITS = 6


class Side(StrEnum):
    """Buy or sell. A short sale is a sell."""

    BUY = "buy"
    SELL = "sell"


def client_order_id(book: str, kind: str, session: date, symbol: str, leg: int = 0, slot: str = "") -> str:
    """Our id of an order: a pure function of (book, cycle, symbol, leg), at most 48 characters.

    Readable while it fits; else its tail is a hash of the whole, so that two long names never meet.
    """
    return _id(book, kind, f"{session:%Y%m%d}{slot}", symbol, leg)


def is_id_of(text: str, book: str, kind: str, day: str, symbol: str) -> bool:
    """Whether a text is the id of some leg of an order.

    Args:
        text: said to be it.
        book, kind, symbol: as `client_order_id` has them.
        day: the session as YYYYMMDD, and the slot after it.
    """
    leg = text.rpartition("-")[2]
    if leg.isdecimal() and len(leg) <= _LEG_DIGITS:
        return text == _id(book, kind, day, symbol, int(leg))
    return any(text == _id(book, kind, day, symbol, number) for number in range(_LEGS_TRIED))


def _id(book: str, kind: str, day: str, symbol: str, leg: int) -> str:
    text = f"{book}-{kind}-{day}-{symbol}-{leg}"
    if len(text) <= CLIENT_ORDER_ID_LENGTH and text.isascii():
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    head = "".join(c for c in text if c.isascii())[: CLIENT_ORDER_ID_LENGTH - 25]
    return f"{head}-{digest[:24]}"


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it is sent: by default a market order for the next session's open; one of a slot is for what is left of its session.

    Attributes:
        client_order_id: ours.
        book, session: the cycle that decided it.
        symbol: ticker.
        side, quantity: whole shares > 0.
        reference_price: price the decision was made at, in micros.
        order_type, time_in_force: see `grodt.orders.terms`; of opg and market, a paper account fills by its own terms.
        price: in micros; the limit of a limit order, the stop of a stop order, None for a market order.
        works_from: the instant, UTC, from which it works, of a slice of a larger order, or where it is sent late; None: at once.
        role: what it is of a bracket; "" of every other order.
        protects: our id of the order that last opened or added to the position it closes; "" where none is known, or it closes none.
        other: our id of the other leg, which is over when this one fills; "" where there is none.
        other_price: price of the other leg in micros; None where there is none.
        attached: whether it is a leg that goes out with the order that it `protects`, which is of its own basket. Then it closes only what
            that one has filled: its shares less those that the other has still to fill, and none while that is below zero.
    """

    client_order_id: str
    book: str
    session: date
    symbol: str
    side: Side
    quantity: ApprovedQuantity
    reference_price: Micros
    order_type: str = "market"
    time_in_force: str = "opg"
    price: Micros | None = None
    works_from: datetime | None = None
    role: Role = ""
    protects: str = ""
    other: str = ""
    other_price: Micros | None = None
    attached: bool = False

    @property
    def is_leg(self) -> bool:
        """Whether it waits at its price to close a position."""
        return self.role in LEGS

    @property
    def group(self) -> str:
        """One name for both legs of a bracket; its own id of an order that has no other leg."""
        return min(self.client_order_id, self.other) if self.other else self.client_order_id

    @classmethod
    def of(cls, approved: Approved, book: str, kind: str, session: date, slot: str = "", terms: OrderTerms = MARKET_AT_OPEN) -> "Order":
        """The order for an approved quantity. There is no other way from a decision to an order.

        Args:
            approved: signed quantity that passed risk; never zero.
            book: of the cycle.
            kind: of the cycle, `eod` or `intraday`.
            session: of the cycle.
            slot: of the cycle; "" at the end of a day.
            terms: what the book's orders are at the end of a day. The price is the one that risk judged.

        Raises:
            ValueError: risk judged a price and the terms have none, or the other way round.
        """
        if (terms.type == "market") != (approved.price is None):
            raise ValueError(f"{approved.symbol}: a {terms.type} order was judged with price {approved.price}")
        return cls(
            client_order_id=client_order_id(book, kind, session, approved.symbol, slot=slot),
            book=book,
            session=session,
            symbol=approved.symbol,
            side=Side.BUY if approved.quantity > 0 else Side.SELL,
            quantity=ApprovedQuantity(abs(approved.quantity)),
            reference_price=approved.reference_price,
            order_type=terms.type,
            time_in_force="day" if slot else terms.tif,
            price=approved.price,
        )

    @classmethod
    def leg(
        cls,
        approved: Approved,
        role: Role,
        book: str,
        kind: str,
        session: date,
        *,
        protects: str = "",
        other: Approved | None = None,
        attached: bool = False,
    ) -> "Order":
        """The leg of a bracket for an approved quantity, good till cancelled, at the price that risk judged.

        Its reference price is its own price: that is what it is meant to trade at.

        Args:
            approved: signed quantity that passed risk, with its price.
            role: stop or take_profit.
            book, kind, session: of the cycle.
            protects: see `Order`; of an attached one it is that of the cycle.
            other: the other leg, where it stands beside it.
            attached: see `Order`.

        Raises:
            ValueError: it is no leg, or was judged without a price.
        """
        if role not in LEGS or approved.price is None:
            raise ValueError(f"{approved.symbol}: {role!r} at {approved.price} is no leg of a bracket")
        stop, take_profit = (client_order_id(book, kind, session, approved.symbol, leg_number(each, attached=attached)) for each in LEGS)
        return cls(
            client_order_id=stop if role == "stop" else take_profit,
            book=book,
            session=session,
            symbol=approved.symbol,
            side=Side.BUY if approved.quantity > 0 else Side.SELL,
            quantity=ApprovedQuantity(abs(approved.quantity)),
            reference_price=approved.price,
            order_type="stop" if role == "stop" else "limit",
            time_in_force="gtc",
            price=approved.price,
            role=role,
            protects=client_order_id(book, kind, session, approved.symbol) if attached else protects,
            other="" if other is None else take_profit if role == "stop" else stop,
            other_price=None if other is None else other.price,
            attached=attached,
        )

    @classmethod
    def recorded(
        cls,
        *,
        client_order_id: str,
        book: str,
        session: date,
        symbol: str,
        side: Side,
        quantity: int,
        reference_price: int,
        order_type: str,
        time_in_force: str,
        price: int | None = None,
        works_from: datetime | None = None,
        role: Role = "",
        protects: str = "",
        other: str = "",
        other_price: int | None = None,
        attached: bool = False,
    ) -> "Order":
        """An order as the ledger recorded it: for reading back what `of` once made, and for nothing else.

        Raises:
            ValueError: the quantity is not above zero.
        """
        if quantity < 1:
            raise ValueError(f"order {client_order_id}: recorded quantity {quantity} is not above zero")
        return cls(
            client_order_id=client_order_id,
            book=book,
            session=session,
            symbol=symbol,
            side=side,
            quantity=ApprovedQuantity(quantity),
            reference_price=Micros(reference_price),
            order_type=order_type,
            time_in_force=time_in_force,
            price=None if price is None else Micros(price),
            works_from=works_from,
            role=role,
            protects=protects,
            other=other,
            other_price=None if other_price is None else Micros(other_price),
            attached=attached,
        )
