"""Legs of brackets: what risk makes of orders that wait at their prices to close positions.

They are judged after the orders of the cycle, and only ever close what these leave. Both legs of a symbol are one question, because one
of them at most will trade: a row of evidence of each control, of scope `symbol`, which is that of the leg that came closest to its limit,
and where it fails neither leg is sent; but where 5 refuses the take profit alone, the stop goes out alone, and an alert says so. Asked are
1, 6, 5 and 7, which refuse; then 28 where the book or the symbol may only reduce, 29 where a halt stops a side (one of a strategy stops no
leg), and 16 of sells, which clip. As reductions they are asked nothing that is cumulative, and count in none of 11 to 15: they undo what
was counted when it was opened.

2, 3 and 17 are not asked: a position that has grown beyond a limit, or whose symbol was restricted since, needs its stop no less, and a leg
only ever makes it smaller.

5 compares a leg with the price of its position's entry, not with the last close: the collar is for prices that were mistyped, and one
around today's price would take the stop away from whatever has moved far.
"""

from dataclasses import dataclass, replace

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
        entry: price of the position's entry in micros.
    """

    quantity: IntArray
    stop: IntArray
    take_profit: IntArray
    entry: IntArray


@dataclass(frozen=True, slots=True)
class ApprovedExit:
    """The legs of one symbol that passed; `take_profit` None where there is none, or only the stop passed."""

    stop: Approved
    take_profit: Approved | None


def assess_exits(exits: Exits, assessed: Assessment, limits: Limits) -> tuple[Assessment, tuple[ApprovedExit, ...]]:
    """Ask about legs, once the orders beside them are assessed.

    Returns:
        The assessment with the answers about the legs, and the legs that passed, by symbol; none where the book is halted.

    Raises:
        ValueError: a leg would do more than close what the orders leave: a mistake of the caller.
    """
    asked, traded = assessed.proposal, assessed.quantity
    places = np.flatnonzero(exits.quantity)
    if not len(places):
        return assessed, ()
    low, high = asked.low + np.minimum(traded, 0), asked.high + np.maximum(traded, 0)
    orders = Orders(places, exits.quantity[places], low[places], high[places], [], Overrides(asked.overrides, asked.symbols))
    beyond = ~controls.reduce_only(orders.quantity, orders.low, orders.high).passed
    if beyond.any():
        at = int(places[int(beyond.argmax())])
        raise ValueError(f"{asked.symbols[at]}: a leg of {exits.quantity[at]} shares closes more than is held")
    paired = _ask(orders, exits, assessed, limits)
    answers = tuple(replace(answer, scope="symbol") for answer in orders.answers)
    judged = replace(assessed, answers=(*assessed.answers, *answers))
    if assessed.halt:
        return judged, ()

    def approved(at: int, quantity: int, price: int) -> Approved:
        return _approve(asked.symbols[at], quantity, Micros(int(asked.price[at])), Micros(price))

    of_each = zip(places.tolist(), orders.quantity.tolist(), paired.tolist(), orders.alive, strict=True)
    passed = [(at, quantity, both) for at, quantity, both, alive in of_each if alive]
    return judged, tuple(
        ApprovedExit(
            approved(at, quantity, int(exits.stop[at])),
            approved(at, quantity, int(exits.take_profit[at])) if both else None,
        )
        for at, quantity, both in passed
    )


def _ask(orders: Orders, exits: Exits, assessed: Assessment, limits: Limits) -> BoolArray:
    """Ask each control; returns where the take profit goes out beside the stop."""
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
    paired = exits.take_profit[at] > 0
    stop, take = (
        controls.price_collar(each, exits.entry[at], sigma, limits.collar, limits.collar_sigmas)
        for each in (exits.stop[at], np.where(paired, exits.take_profit[at], exits.stop[at]))
    )
    alone = paired & stop.passed & ~orders.overrides.answer(take, at).passed
    paired &= ~alone
    orders.ask(_closest(stop, _where(alone, stop, take)))
    if alone.any():
        which = np.flatnonzero(alone)
        alert = Evaluation(controls.COLLAR_OF_TAKE_PROFIT, take.value[which], take.limit[which], take.passed[which])
        orders.answers.append(Answered(alert, at[which]))
    prices = (exits.stop[at], np.where(paired, exits.take_profit[at], exits.stop[at]))
    orders.ask(_closest(*(controls.grid(orders.quantity, after, lot, each, priced, tick) for each in prices)))
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
