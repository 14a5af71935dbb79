"""Legs of brackets: what risk makes of orders that wait at their prices to close positions.

They are judged after the orders of the cycle, and only ever close what these leave. Both legs of a symbol are one question, because one
of them at most will trade: a row of evidence of each control, of scope `symbol`, which is that of the leg that came closest to its limit,
and where it fails neither leg is sent; but where 5 refuses the take profit alone, the stop goes out alone, and an alert says so. Asked are
1, 6, 5 and 7, which refuse; then 28 where the book or the symbol may only reduce, 29 where a halt stops a side (one of a strategy stops no
leg), and 16 of sells, which clip. As reductions they are asked nothing that is cumulative, and count in none of 11 to 15: they undo what
was counted when it was opened.

2, 3 and 17 are not asked: a position that has grown beyond a limit, or whose symbol was restricted since, needs its stop no less, and a leg
only ever makes it smaller.

Legs that are attached to an order of the basket close what that one opens, beside what others close of the position before it. Both pairs
of a symbol lie at the same distances from their entries, so they are one question: where one is refused, neither is sent.

5 compares a leg with the price of its position's entry, not with the last close: the collar is for prices that were mistyped, and one
around today's price would take the stop away from whatever has moved far.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from grodt.money import Micros
from grodt.risk import controls
from grodt.risk.approved import Approved, _approve
from grodt.risk.asking import SESSIONS_PER_YEAR, Orders
from grodt.risk.assess import Assessment
from grodt.risk.controls import Evaluation
from grodt.risk.evidence import Answered
from grodt.risk.exact import MOST_QUANTITY, BoolArray, IntArray
from grodt.risk.limits import Limits
from grodt.risk.overriding import Overrides


@dataclass(frozen=True, slots=True, eq=False)
class Exits:
    """Legs before risk has seen them; arrays aligned to a proposal's symbols, int64 of shape (N,).

    Attributes:
        quantity: signed shares that either leg closes; 0 where there is none.
        stop, take_profit: micros; the latter 0 where there is none.
        entry: price of the position's entry in micros; of attached ones what the order that opens it is expected to fill at.
        attached: legs that are attached to an order of the basket, of the side of those beside them; None where there are none.
    """

    quantity: IntArray
    stop: IntArray
    take_profit: IntArray
    entry: IntArray
    attached: "Exits | None" = None

    def _at(self, places: IntArray) -> "Exits":
        return Exits(self.quantity[places], self.stop[places], self.take_profit[places], self.entry[places])

    def _or(self, other: "Exits") -> "Exits":
        """With those of the other where there are none."""

        def either(one: IntArray, two: IntArray) -> IntArray:
            return np.where(self.quantity != 0, one, two)

        return Exits(
            either(self.quantity, other.quantity),
            either(self.stop, other.stop),
            either(self.take_profit, other.take_profit),
            either(self.entry, other.entry),
        )


@dataclass(frozen=True, slots=True)
class ApprovedExit:
    """The legs of one symbol that passed.

    Attributes:
        stop: the one.
        take_profit: the other; None where there is none, or only the stop passed.
        attached: whether they go out with the order that opens or adds to the position.
    """

    stop: Approved
    take_profit: Approved | None
    attached: bool = False


def assess_exits(exits: Exits, assessed: Assessment, limits: Limits) -> tuple[Assessment, tuple[ApprovedExit, ...]]:
    """Ask about legs, once the orders beside them are assessed.

    Returns:
        The assessment with the answers about the legs, and the legs that passed, by symbol; none where the book is halted.

    Raises:
        ValueError: a leg would do more than close what the orders leave: a mistake of the caller.
    """
    asked, traded = assessed.proposal, assessed.quantity
    behind = np.zeros_like(exits.quantity) if exits.attached is None else exits.attached.quantity
    places = np.flatnonzero((exits.quantity != 0) | (behind != 0))
    if not len(places):
        return assessed, ()
    # Attached legs close what the order opens, others what it leaves whether it fills or not.
    low, high = (
        np.where(behind != 0, side + traded, side + moved)
        for side, moved in ((asked.low, np.minimum(traded, 0)), (asked.high, np.maximum(traded, 0)))
    )
    own, attached = exits.quantity[places], behind[places]
    orders = Orders(places, own + attached, low[places], high[places], [], Overrides(asked.overrides, asked.symbols))
    beyond = ~controls.reduce_only(orders.quantity, orders.low, orders.high).passed | (own * attached < 0)
    if beyond.any():
        at = int(places[int(beyond.argmax())])
        raise ValueError(f"{asked.symbols[at]}: a leg of {exits.quantity[at] + behind[at]} shares closes more than is held")
    pairs = [exits._at(places)]
    if exits.attached is not None:
        pairs.append(exits.attached._at(places)._or(pairs[0]))
        pairs[0] = pairs[0]._or(pairs[1])
    paired = _ask(orders, pairs, assessed, limits)
    answers = tuple(replace(answer, scope="symbol") for answer in orders.answers)
    judged = replace(assessed, answers=(*assessed.answers, *answers))
    if assessed.halt:
        return judged, ()

    def approved(at: int, quantity: int, price: int) -> Approved:
        return _approve(asked.symbols[at], quantity, Micros(int(asked.price[at])), Micros(price))

    def passed() -> Iterator[ApprovedExit]:
        whole = orders.quantity == own + attached
        kept = np.sign(own) * np.minimum(np.abs(own), np.abs(orders.quantity))
        for n in np.flatnonzero(orders.alive).tolist():
            at = int(places[n])
            going = ((pairs[0], int(kept[n]), False), (pairs[-1], int(attached[n]) if whole[n] else 0, True))
            for legs, quantity, is_attached in going:
                if quantity:
                    take = approved(at, quantity, int(legs.take_profit[n])) if paired[n] else None
                    yield ApprovedExit(approved(at, quantity, int(legs.stop[n])), take, is_attached)

    return judged, tuple(passed())


def _ask(orders: Orders, pairs: Sequence[Exits], assessed: Assessment, limits: Limits) -> BoolArray:
    """Ask each control of the legs at the orders' places, pair by pair; returns where the take profit goes out beside the stop."""
    asked, at = assessed.proposal, orders.places
    symbols = [asked.symbols[place] for place in at.tolist()]
    quantity_limit, value_limit, position_limit, weight_limit = (
        limits.of(name, symbols) for name in ("order_quantity", "order_value", "symbol_position", "symbol_weight")
    )
    price, lot, tick = np.maximum(asked.price[at], 0), asked.lot[at], asked.tick[at]
    sigma = asked.volatility[at] / np.sqrt(SESSIONS_PER_YEAR)
    after = np.where(orders.quantity < 0, orders.low, orders.high) + orders.quantity
    priced = np.ones(len(at), dtype=np.bool_)

    orders.ask(controls.limit_exists(quantity_limit, value_limit, position_limit, weight_limit))
    orders.ask(controls.reference_price(price, asked.price_age[at], limits.price_age))
    paired: BoolArray = np.all([each.take_profit > 0 for each in pairs], axis=0)
    stop, take = (
        reduce(_closest, (controls.price_collar(leg, each.entry, sigma, limits.collar, limits.collar_sigmas) for leg, each in legs))
        for legs in (
            [(each.stop, each) for each in pairs],
            [(np.where(paired, each.take_profit, each.stop), each) for each in pairs],
        )
    )
    alone = paired & stop.passed & ~orders.overrides.answer(take, at).passed
    paired &= ~alone
    orders.ask(_closest(stop, _where(alone, stop, take)))
    if alone.any():
        which = np.flatnonzero(alone)
        alert = Evaluation(controls.COLLAR_OF_TAKE_PROFIT, take.value[which], take.limit[which], take.passed[which])
        orders.answers.append(Answered(alert, at[which]))
    prices = [price for each in pairs for price in (each.stop, np.where(paired, each.take_profit, each.stop))]
    orders.ask(reduce(_closest, (controls.grid(orders.quantity, after, lot, each, priced, tick) for each in prices)))
    stops = asked.stops
    reducing: BoolArray = np.ones(len(at), dtype=np.bool_) if assessed.reduce_only else np.zeros(len(at), dtype=np.bool_)
    if stops is not None:
        reducing |= stops.reducing[at]
    which = np.flatnonzero(reducing)
    if len(which):
        orders.ask(controls.reduce_only(orders.quantity[which], orders.low[which], orders.high[which]), which)
    if stops is not None:
        room = np.where(orders.quantity > 0, stops.leg_buyable[at], stops.leg_sellable[at])
        which = np.flatnonzero(room < MOST_QUANTITY)
        if len(which):
            orders.ask(controls.halted(orders.quantity[which], room[which]), which)
    sells = np.flatnonzero(orders.quantity < 0)
    orders.ask(
        controls.short_permission(orders.quantity[sells], orders.low[sells], np.zeros(len(sells), dtype=np.bool_), quantity_limit[sells]),
        sells,
    )
    return paired


def ask_protection(assessed: Assessment, held: IntArray, covered: IntArray) -> Assessment:
    """Ask control 36 of each position that stays.

    Args:
        assessed: the orders and legs of the basket.
        held: shares of each position that stay when the orders have filled, ≥ 0, (N,).
        covered: shares that stops close, ≥ 0, (N,).
    """
    at = np.flatnonzero(held)
    if not len(at):
        return assessed
    return replace(assessed, answers=(*assessed.answers, Answered(controls.unprotected(held[at], covered[at]), at)))


def _where(which: BoolArray, one: Evaluation, other: Evaluation) -> Evaluation:
    """Of each order the answer of one or the other."""
    chosen = (np.where(which, getattr(one, name), getattr(other, name)) for name in ("value", "limit", "passed"))
    return Evaluation(one.control, *chosen)


def _closest(one: Evaluation, other: Evaluation) -> Evaluation:
    """Of each order the answer that fails, else that with less headroom."""
    left, right = (np.nan_to_num(each.limit - each.value, nan=-np.inf) for each in (one, other))
    second = (one.passed & ~other.passed) | ((one.passed == other.passed) & (right < left))
    return Evaluation(
        one.control,
        np.where(second, other.value, one.value),
        np.where(second, other.limit, one.limit),
        one.passed & other.passed,
    )
