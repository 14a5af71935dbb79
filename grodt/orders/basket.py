"""The orders of one cycle, in the order they are sent, under one content hash.

The hash is what a person approves and what is sent: it changes when anything changes that would be sent, and with nothing else.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from grodt.errors import DataError
from grodt.money import Micros
from grodt.orders.attribution import Attribution
from grodt.orders.order import Order, Side
from grodt.orders.slicing import Slicing, sliced
from grodt.orders.terms import MARKET_AT_OPEN, OrderTerms
from grodt.risk.approved import Approved

#: Of a book that is one strategy.
NOBODY = Attribution()


def basket_hash(
    *, book: str, kind: str, session: date, run_id: str, orders: Sequence[Order], basis: str = "", withdraws: Sequence[str] = ()
) -> str:
    """SHA-256 (hex) of the canonical JSON of a basket: its cycle, every field of its orders in sending order, what it withdraws, its basis.

    Canonical: keys sorted, no blanks, ASCII. No clock, attempt or host enters it, so the same decision has the same hash for ever. A
    basket that nobody is asked about has no basis, and no such key; nor has one that withdraws nothing, or an order that lacks a price, a
    time from which it works, or a part in a bracket.
    """
    content = {
        "book": book,
        "kind": kind,
        "session": session.isoformat(),
        "run_id": run_id,
        "orders": [
            {
                "client_order_id": order.client_order_id,
                "book": order.book,
                "session": order.session.isoformat(),
                "symbol": order.symbol,
                "side": str(order.side),
                "quantity": order.quantity,
                "reference_price": order.reference_price,
                "order_type": order.order_type,
                "time_in_force": order.time_in_force,
            }
            | optional_fields(order)
            for order in orders
        ],
    } | ({"basis": basis} if basis else {})
    if withdraws:
        content["withdraws"] = list(withdraws)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def optional_fields(order: Order) -> dict[str, Any]:
    """What of an order is written down only where it has it, as JSON values: price, when it works from, its part in a bracket."""
    found: dict[str, Any] = {} if order.price is None else {"price": order.price}
    if order.works_from is not None:
        found["works_from"] = order.works_from.isoformat()
    return found | {name: value for name in ("role", "protects", "other", "other_price", "attached") if (value := getattr(order, name))}


@dataclass(frozen=True, slots=True)
class Basket:
    """Every order of one cycle. An empty basket is a decision too: to send nothing.

    Attributes:
        book, kind, session, run_id: the cycle.
        orders: in sending order: sells first, then by value descending, then by symbol; before them what brackets give up and protect, of
            each symbol together.
        hash: `basket_hash` of all that, hex.
        basis: digest (hex) of what people are shown beside the orders, and of what was decided on; "" where nobody is asked.
        whose: in a book of several strategies, what each has of the orders. It is sent to nobody, and so no part of the hash; it follows
            from the same inputs as the orders. Of a basket that was read back it is not known here.
        withdraws: our ids of open orders that the broker is asked to cancel before what takes their place goes out, ascending.
        withdrawn_filled: shares of each of these that were booked as filled when the basket was decided, by our id; it is sent to nobody.
    """

    book: str
    kind: str
    session: date
    run_id: str
    orders: tuple[Order, ...]
    hash: str
    basis: str = ""
    whose: Attribution = NOBODY
    withdraws: tuple[str, ...] = ()
    withdrawn_filled: Mapping[str, int] = field(default_factory=dict)

    @property
    def value(self) -> Micros:
        """What its orders are worth at their reference prices, buys and sells added up; legs of brackets only undo others: nothing."""
        return Micros(sum(order.quantity * order.reference_price for order in self.orders if not order.is_leg))

    def on(self, basis: str) -> "Basket":
        """The same orders on a basis, which makes another hash."""
        return replace(self, basis=basis, hash=self._hash(basis))

    def require_intact(self) -> "Basket":
        """The basket, if its orders still have its hash. Asked of every basket that was read back before it is sent.

        Raises:
            DataError: they have not.
        """
        found = self._hash(self.basis)
        if found != self.hash:
            raise DataError(
                f"basket {self.hash[:12]} of run {self.run_id}: its {len(self.orders)} orders have hash {found[:12]}, so they are not "
                f"what was approved; nothing of it is sent. Run `grodt verify`, then halt the book and look into the ledger"
            )
        return self

    def _hash(self, basis: str) -> str:
        return basket_hash(
            book=self.book,
            kind=self.kind,
            session=self.session,
            run_id=self.run_id,
            orders=self.orders,
            basis=basis,
            withdraws=self.withdraws,
        )


def build_basket(
    approved: Iterable[Approved],
    *,
    book: str,
    kind: str,
    session: date,
    run_id: str,
    slot: str = "",
    terms: OrderTerms = MARKET_AT_OPEN,
    slicing: Slicing | None = None,
    closing: Mapping[str, str] | None = None,
    legs: Sequence[Order] = (),
    withdraws: Mapping[str, int] | None = None,
) -> Basket:
    """The basket of what risk approved.

    Args:
        approved: at most one quantity per symbol, in any order.
        book: of the cycle.
        kind: of the cycle, `eod` or `intraday`.
        session: of the cycle.
        run_id: of the cycle.
        slot: of the cycle; "" at the end of a day.
        terms: what the book's orders are at the end of a day.
        slicing: how large orders of a slot are sliced; None: they are not. Slices stand where their parent would, one after the other.
        closing: symbols whose order closes a position because a close has passed a leg's price, with what each protects.
        legs: of brackets, of each symbol together. With orders that close where they do, they are sent before all others; attached ones
            right behind their entry.
        withdraws: open orders that are cancelled first, each with the shares that were booked as filled; None: none are.

    Raises:
        DataError: the slices of an order are not together what was approved.
        ValueError: a symbol is there twice, two symbols come to one client order id, or a leg is attached to no order of the basket.
    """
    orders = sorted((Order.of(one, book, kind, session, slot, terms) for one in approved), key=_sending_order)
    orders = [replace(each, role="close", protects=closing[each.symbol]) if closing and each.symbol in closing else each for each in orders]
    if slicing is not None:
        orders = [child for order in orders for child in _whole(order, sliced(order, kind, slot, slicing))]
    orders = _in_turn(orders, legs)
    ids = {order.client_order_id for order in orders}
    if len(ids) != len(orders):
        raise ValueError(f"basket of run {run_id}: {len(orders)} orders have {len(ids)} client order ids; one per symbol is allowed")
    if missing := {leg.protects for leg in legs if leg.attached} - ids:
        raise ValueError(f"basket of run {run_id}: legs are attached to {', '.join(sorted(missing))}, which it does not have")
    first = tuple(sorted(withdraws or ()))
    digest = basket_hash(book=book, kind=kind, session=session, run_id=run_id, orders=orders, withdraws=first)
    return Basket(book, kind, session, run_id, tuple(orders), digest, withdraws=first, withdrawn_filled=dict(withdraws or {}))


def _whole(parent: Order, children: Sequence[Order]) -> Sequence[Order]:
    """The children, which are of their parent's side and together of its quantity (control 19): nobody decided more."""
    total = sum(child.quantity for child in children)
    if total != parent.quantity or any((child.symbol, child.side) != (parent.symbol, parent.side) for child in children):
        raise DataError(
            f"{parent.client_order_id}: its {len(children)} slices come to {total:,} shares of {parent.symbol}, and {parent.side} "
            f"{parent.quantity:,} were approved (control 19); nothing was ordered. Take intraday.slices out of the books file and report it"
        )
    return children


def _in_turn(orders: Sequence[Order], legs: Sequence[Order]) -> list[Order]:
    """Symbol by symbol what closes for a bracket, with the legs for what is left; then legs of other symbols; then all other orders.

    Attached legs come right behind the order that they go out with.

    So a symbol whose old legs are cancelled has its new ones a moment later, whatever stops the sending of the rest.
    """
    of: dict[str, list[Order]] = {}
    behind: dict[str, list[Order]] = {}
    for leg in legs:
        if leg.attached:
            behind.setdefault(leg.protects, []).append(leg)
        else:
            of.setdefault(leg.symbol, []).append(leg)
    first: list[Order] = []
    rest: list[Order] = []
    for order in orders:
        beside = of.get(order.symbol, ())
        if order.role == "close" or (beside and beside[0].side is order.side):
            first += [order, *of.pop(order.symbol, ())]
        else:
            rest.append(order)
    turn = [*first, *(leg for each in of.values() for leg in each), *rest]
    return [each for order in turn for each in (order, *behind.get(order.client_order_id, ()))]


def _sending_order(order: Order) -> tuple[bool, int, str]:
    """Sells before buys, because they free cash; then the largest value (micros, exact); then the symbol."""
    return order.side is Side.BUY, -order.quantity * order.reference_price, order.symbol
