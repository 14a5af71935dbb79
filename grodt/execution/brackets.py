"""Brackets of a book: which legs stand, which ought to, and which positions are given up because a close has passed a leg's price.

A leg of a position that is held is sent for what the orders of the same basket leave of it, and never for more, at distances from what the
position cost. Where the broker takes legs with the order that opens or adds to a position, they go out with it, for what it opens, at
distances from the price that was decided on; the cycle after its end replaces them. Where the broker knows both legs as one, both rest
there; else only the stop does, since two orders that do not know of each other could both fill between two cycles and turn the position
round. What does not rest is watched by the cycle: where a close has passed the price of either leg, the position is given up at the book's
next chance, by an order of the cycle, which goes out when the stop is known to be cancelled.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np

from grodt.execution.decision import BookState, BoolArray, Closes, IntArray
from grodt.ledger.brackets import entries_of, left_to_close, legs_filled_since
from grodt.ledger.orders import LedgerOrder, find_orders
from grodt.ledger.postings import holdings_of
from grodt.ledger.transaction import Read
from grodt.orders.brackets import BracketTerms, LegPrices, opened_by
from grodt.orders.order import Order, Side
from grodt.orders.states import IN_FLIGHT, OPEN
from grodt.risk.exits import ApprovedExit, Exits
from grodt.targets.quantities import Targets


@dataclass(frozen=True, slots=True, eq=False)
class Brackets:
    """Where the legs of a book's positions ought to stand.

    Attributes:
        state: the book.
        prices: of each position's legs, by symbol.
        entry: average price of each position's entry in micros, 0 where nothing is held, (N,).
        protects: our id of the order that last opened or added to each position, by symbol; absent where none is known.
        decided: where the session has a bar and no order of unknown outcome or halt stands in the way, (N,).
        cooling: where a leg filled so lately that nothing is added, (N,).
        pairs: whether the broker knows both legs as one.
        refuses_opposite: whether it takes no order while one of the other side is open.
        attaches: whether it takes legs with the order that opens a position.
        terms: what the brackets are; None: the book has none any more.
        working: our ids of entries that still work, of attached legs that stand.
        changing: symbols in which no leg may stand in the next session, because a corporate action would leave it as it was written.
    """

    state: BookState
    prices: Mapping[str, LegPrices]
    entry: IntArray
    protects: Mapping[str, str]
    decided: BoolArray
    cooling: BoolArray
    pairs: bool = False
    refuses_opposite: bool = False
    attaches: bool = False
    terms: BracketTerms | None = None
    working: frozenset[str] = frozenset()
    changing: frozenset[str] = frozenset()

    @property
    def protects_positions(self) -> bool:
        """Whether the book has brackets, rather than legs of earlier ones alone."""
        return self.terms is not None

    def passed(self, closes: Closes) -> dict[str, str]:
        """Symbols whose close has reached the price of a leg, each with what it protects."""
        found = {}
        for at in np.flatnonzero((self.state.position != 0) & self.decided).tolist():
            symbol = self.state.symbols[at]
            prices = self.prices.get(symbol)
            if prices is not None and prices.passed(int(closes.micros[at]), long=bool(self.state.position[at] > 0)):
                found[symbol] = self.protects.get(symbol, "")
        return found

    def closed(self, targets: Targets, passed: Collection[str]) -> Targets:
        """The targets with nothing of those symbols."""
        gone = np.array([symbol in passed for symbol in self.state.symbols], dtype=np.bool_)
        return replace(targets, quantity=np.where(gone, 0, targets.quantity), weight=np.where(gone, 0.0, targets.weight))

    def stays(self, state: BookState, traded: IntArray) -> IntArray:
        """Shares of each position that stay when tonight's orders, and what still works to close it, have filled, ≥ 0, (N,).

        Args:
            state, traded: see `left`.
        """
        held = state.position
        sold = np.maximum(held - state.open_sells + np.minimum(traded, 0), 0)
        bought = np.maximum(-held - state.open_buys - np.maximum(traded, 0), 0)
        return np.asarray(np.where(held > 0, sold, bought), dtype=np.int64)

    def left(self, state: BookState, traded: IntArray) -> IntArray:
        """Signed shares that stay held whatever fills of the orders, and that legs may close, (N,).

        Args:
            state: the book without the rests that are withdrawn.
            traded: signed shares that tonight's orders trade.
        """
        held = state.position
        left = np.sign(held) * self.stays(state, traded)
        if self.refuses_opposite:
            adds = np.where(held > 0, (traded > 0) | (state.open_buys > 0), (traded < 0) | (state.open_sells > 0))
            left = np.where(adds, 0, left)
        return np.asarray(left, dtype=np.int64)

    def opened(self, state: BookState, traded: IntArray) -> IntArray:
        """Shares ≥ 0 by which tonight's orders open or add to positions, whatever fills beside them, and that attached legs close, (N,).

        Nothing where the broker takes no such legs.

        Args:
            state, traded: see `left`.
        """
        found = np.zeros(len(state.symbols), dtype=np.int64)
        if self.attaches and self.terms is not None:
            # What else is open on the other side may have filled by then, and leaves more to close first.
            before = np.where(traded > 0, state.position - state.open_sells, state.position + state.open_buys)
            for at in np.flatnonzero(traded).tolist():
                if state.symbols[at] not in self.changing:
                    found[at] = opened_by(int(traded[at]), int(before[at]))
        return found

    def attached(self, opened: IntArray, traded: IntArray, price: IntArray) -> Exits | None:
        """Legs that go out with tonight's orders; None where none do.

        Args:
            opened: of `opened`.
            traded: signed shares that tonight's orders trade.
            price: micros that they were decided on, (N,).
        """
        if self.terms is None or not opened.any():
            return None
        stop, take = np.zeros_like(opened), np.zeros_like(opened)
        for at in np.flatnonzero(opened).tolist():
            sign = 1 if traded[at] > 0 else -1
            meant = self.terms.prices(sign, sign * int(price[at]), int(self.state.tick[at]))
            stop[at], take[at] = meant.stop, meant.take_profit if self.pairs else 0
        return Exits(-np.sign(traded) * opened, stop, take, np.where(opened > 0, price, 0))

    def wanted(self, left: IntArray) -> Exits:
        """Legs to be sent: of what is left of each position, unless the very same stand already.

        Those that are attached to an entry which still works stay as they are, since they grow with it, and these are for the rest.
        """
        count = len(self.state.symbols)
        quantity, stop, take = (np.zeros(count, dtype=np.int64) for _ in range(3))
        standing = self._standing()
        for at in np.flatnonzero((left != 0) & self.decided).tolist():
            symbol, shares = self.state.symbols[at], int(left[at])
            prices = self.prices.get(symbol)
            if prices is None or symbol in self.changing:
                continue
            meant = prices if self.pairs else LegPrices(prices.stop)
            growing, others = self._parted(standing.get(symbol, ()), shares)
            rest = abs(shares) - left_to_close(growing)
            if rest and not _stand(others, rest, meant):
                quantity[at], stop[at], take[at] = -int(np.sign(shares)) * rest, meant.stop, meant.take_profit
        return Exits(quantity, stop, take, self.entry)

    def withdrawn(self, left: IntArray, wanted: Exits, sent: Collection[str]) -> dict[str, int]:
        """Open legs that are to be cancelled: those that others take the place of, and those that close too much.

        Those of an entry that still works stay beside others for the rest, unless they alone close too much.

        Args:
            left: of `left`.
            wanted: of `wanted`.
            sent: symbols whose wanted legs risk has approved.

        Returns:
            By our id, the shares of each that are booked as filled.
        """
        place = {symbol: at for at, symbol in enumerate(self.state.symbols)}
        found: dict[str, int] = {}
        for symbol, legs in self._standing().items():
            at = place[symbol]
            if bool(self.state.unknown[at]) and symbol not in self.changing:
                continue
            growing, others = self._parted(legs, int(left[at]))
            rest = abs(int(left[at])) - left_to_close(growing)
            close_too_much = left_to_close(others) > rest or symbol not in self.prices
            make_way = close_too_much or (wanted.quantity[at] and symbol in sent)
            stay = () if symbol in self.changing else growing if make_way else (*growing, *others)
            found |= {each.order.client_order_id: each.booked_quantity for each in legs if each not in stay}
        return found

    def stand_already(self, legs: ApprovedExit) -> bool:
        """Whether open legs close as many shares at the same prices."""
        meant = LegPrices(int(legs.stop.price or 0), 0 if legs.take_profit is None else int(legs.take_profit.price or 0))
        others = [each for each in self._standing().get(legs.stop.symbol, ()) if not (self._grows(each) or _is_idle(each))]
        return _stand(others, abs(legs.stop.quantity), meant)

    def stays_or_fills(self, state: BookState, certain: BookState, traded: IntArray) -> IntArray:
        """Shares that control 36 asks a stop for, ≥ 0, long and short, (2, N): what stays held, with all that orders may still add to it.

        Where legs do not go out with their entry, what stays alone: no order has a stop before it has filled.

        Args:
            state: see `left`.
            certain: the same without orders that may never fill, so that nothing is taken as closed by them.
            traded: signed shares that tonight's orders trade.
        """
        held = state.position
        if not self.attaches or self.terms is None:
            stays = self.stays(certain, traded)
            return np.stack([np.where(held > 0, stays, 0), np.where(held < 0, stays, 0)])
        bought, sold = np.maximum(traded, 0), np.maximum(-traded, 0)
        long = held + state.open_buys + bought - certain.open_sells - sold
        short = -held + state.open_sells + sold - certain.open_buys - bought
        return np.maximum(np.stack([long, short]), 0)

    def covered(self, sent: Sequence[ApprovedExit], withdrawn: Collection[str]) -> IntArray:
        """Shares of long positions, and of short ones, that stops will close, (2, N); legs of an entry that works count whole.

        Args:
            sent: legs that go out.
            withdrawn: our ids of open legs that are cancelled.
        """
        place = {symbol: at for at, symbol in enumerate(self.state.symbols)}
        shares = np.zeros((2, len(place)), dtype=np.int64)
        for each in sent:
            shares[int(each.stop.quantity > 0), place[each.stop.symbol]] += abs(each.stop.quantity)
        for symbol, legs in self._standing().items():
            kept = [each for each in legs if each.order.client_order_id not in withdrawn]
            stops = {each.order.group: int(each.order.side is Side.BUY) for each in kept if each.order.role == "stop"}
            for group, of in stops.items():
                pair = [replace(each, waits=0) if self._grows(each) else each for each in kept if each.order.group == group]
                shares[of, place[symbol]] += left_to_close(pair)
        return shares

    def _grows(self, leg: LedgerOrder) -> bool:
        """Whether it is attached to an entry that still works."""
        return leg.order.attached and leg.order.protects in self.working

    def _parted(self, legs: Sequence[LedgerOrder], left: int) -> tuple[tuple[LedgerOrder, ...], tuple[LedgerOrder, ...]]:
        """Those of a symbol's open legs that stand and grow with an entry which still works, and those that others may take the place of.

        None grow where they would close other shares than the signed ones that are left, or more: then they make way for others. Those of
        an entry that works no more and has filled nothing are neither: they close nothing, and go with it.
        """
        growing = tuple(each for each in legs if self._grows(each))
        for side, shares in ((Side.SELL, left), (Side.BUY, -left)):
            if left_to_close([each for each in growing if each.order.side is side]) > max(shares, 0):
                growing = ()
        return growing, tuple(each for each in legs if not (self._grows(each) or _is_idle(each)))

    def _standing(self) -> dict[str, tuple[LedgerOrder, ...]]:
        found: dict[str, tuple[LedgerOrder, ...]] = {}
        for each in self.state.legs:
            found[each.order.symbol] = (*found.get(each.order.symbol, ()), each)
        return found


def brackets_of(
    tx: Read,
    book: str,
    state: BookState,
    closes: Closes,
    terms: BracketTerms | None,
    *,
    sessions: Sequence[date],
    pairs: bool,
    refuses_opposite: bool,
    attaches: bool,
) -> Brackets | None:
    """The brackets of a book; None where it has none and no leg of earlier ones is open.

    The price of an entry is the average cost of what is held, commission apart: of all fills that opened or added to it, in shares of
    today.

    Args:
        tx: the ledger.
        book: whose.
        state: of the book.
        closes: of the session.
        terms: what its brackets are; None: it has none any more, and legs that stand are withdrawn.
        sessions: those in which a fill of a leg still keeps its symbol from being added to.
        pairs, refuses_opposite, attaches: see `Brackets`.
    """
    if terms is None and not state.legs:
        return None
    count, places = len(state.symbols), np.flatnonzero(state.position).tolist()
    entry, cooling = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    prices: dict[str, LegPrices] = {}
    protects: dict[str, str] = {}
    if terms is not None:
        held = holdings_of(tx, book, [state.symbols[at] for at in places])
        for at in places:
            symbol = state.symbols[at]
            quantity, cost = held[symbol].quantity, held[symbol].cost
            if quantity * cost > 0:  # what came without a price, as from a correction, has no entry to measure from
                entry[at] = max(1, abs(cost) // abs(quantity))
                prices[symbol] = terms.prices(quantity, cost, int(state.tick[at]))
        protects = entries_of(tx, book, {symbol: held[symbol].quantity > 0 for symbol in prices})
        filled = legs_filled_since(tx, book, sessions[0]) if sessions else frozenset()
        cooling = np.array([symbol in filled for symbol in state.symbols], dtype=np.bool_)
    decided = (closes.age == 0) & ~state.unknown & ~state.halted
    entries = find_orders(tx, {each.order.protects for each in state.legs if each.order.attached})
    working = frozenset(key for key, each in entries.items() if each.state in OPEN | IN_FLIGHT)
    return Brackets(state, prices, entry, protects, decided, cooling, pairs, refuses_opposite, attaches, terms, working)


def legs_of(approved: Sequence[ApprovedExit], protects: Mapping[str, str], *, book: str, kind: str, session: date) -> tuple[Order, ...]:
    """The orders of approved legs: of each symbol the stop, then the take profit."""
    made: list[Order] = []
    for each in approved:
        stop, take = each.stop, each.take_profit
        of = partial(Order.leg, book=book, kind=kind, session=session, protects=protects.get(stop.symbol, ""), attached=each.attached)
        made.append(of(stop, "stop", other=take))
        if take is not None:
            made.append(of(take, "take_profit", other=stop))
    return tuple(made)


def _is_idle(leg: LedgerOrder) -> bool:
    """Whether it is attached to an entry that has filled nothing."""
    return leg.order.attached and leg.waits >= leg.order.quantity


def _stand(legs: Sequence[LedgerOrder], shares: int, meant: LegPrices) -> bool:
    """Whether these open legs close so many shares at these prices."""
    roles = {each.order.role: each.order.price for each in legs}
    return len(roles) == len(legs) and roles == dict(meant) and left_to_close(legs) == shares
