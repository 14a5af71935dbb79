"""What every wanted order is asked by itself, in the documented order, and what its clips leave of it."""

from dataclasses import dataclass, field

import numpy as np

from grodt.risk import controls
from grodt.risk.controls import Evaluation
from grodt.risk.evidence import Answered
from grodt.risk.exact import MOST_QUANTITY, BoolArray, IntArray
from grodt.risk.limits import Limits
from grodt.risk.overriding import Overrides
from grodt.risk.proposal import Proposal

SESSIONS_PER_YEAR = 252


@dataclass(slots=True, eq=False)
class Orders:
    """Wanted orders while they are asked about: n of the proposal's N symbols.

    Attributes:
        places: (n,) in the proposal's symbols.
        quantity: (n,) int64, signed, what clips have left.
        low, high: (n,) int64, position with open sells, and with open buys, done.
        answers: every evaluation so far.
        overrides: what is lifted.
        alive: (n,) whether no control has refused it.
    """

    places: IntArray
    quantity: IntArray
    low: IntArray
    high: IntArray
    answers: list[Answered]
    overrides: Overrides
    alive: BoolArray = field(init=False)
    _reduces: BoolArray | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.places), dtype=np.bool_)

    def ask(self, evaluation: Evaluation, which: IntArray | None = None) -> None:
        """Record an answer and take its consequence. `which`: the orders it was asked of; None for all.

        What an override lifts goes on at the size it had.
        """
        places = self.places if which is None else self.places[which]
        answer = self.overrides.answer(evaluation, places)
        self.answers.append(answer)
        left, alive = evaluation.quantity, answer.passed
        if alive.all():
            return  # what passes keeps its size
        self._reduces = None
        if left is not None:
            before = self.quantity if which is None else self.quantity[which]
            left = left if answer.lifted is None else np.where(answer.lifted, before, left)
            alive = left != 0
            left = np.where(alive, left, before)
        if which is None:
            self.alive &= alive
            self.quantity = self.quantity if left is None else left
        else:
            self.alive[which] &= alive
            if left is not None:
                self.quantity[which] = left

    @property
    def reduces(self) -> BoolArray:
        """Whether an order brings what is held, its open orders on the same side done, towards zero and not past it."""
        if self._reduces is None:  # asked again and again of the same sizes
            long = (self.quantity < 0) & (self.low > 0) & (self.low + self.quantity >= 0)
            short = (self.quantity > 0) & (self.high < 0) & (self.high + self.quantity <= 0)
            self._reduces = long | short
        return self._reduces


def ask_each(orders: Orders, asked: Proposal, limits: Limits, *, reduce_only: bool, new: bool) -> None:
    """Steps 2 to 4 of `grodt.risk.assess`: what refuses an order, what clips it, and what clips one that adds.

    Args:
        orders: every wanted order.
        asked: the proposal.
        limits: of its book.
        reduce_only: whether control 28 lets the book only reduce.
        new: whether control 33 reduces its caps.
    """
    at = orders.places
    symbols = [asked.symbols[place] for place in at.tolist()] if limits.overrides or limits.restricted else [""] * len(at)
    names = ("order_quantity", "order_value", "symbol_position", "symbol_weight")
    quantity_limit, value_limit, position_limit, weight_limit = (limits.of(name, symbols) for name in names)
    price, lot = np.maximum(asked.price[at], 0), asked.lot[at]
    restricted = np.isin(symbols, limits.restricted) if limits.restricted else np.zeros(len(at), dtype=np.bool_)

    orders.ask(controls.limit_exists(quantity_limit, value_limit, position_limit, weight_limit))
    orders.ask(controls.untradable(restricted, asked.untradable[at]))
    orders.ask(controls.unknown_order(asked.unknown[at]))
    if asked.announced is not None:
        for answer, which in controls.announced_action(asked.announced[at]):
            orders.ask(answer, which)
    orders.ask(controls.reference_price(price, asked.price_age[at], limits.price_age))
    _ask_prices(orders, asked, limits, price)
    after = asked.position[at] + asked.open_buys[at] - asked.open_sells[at] + orders.quantity
    orders.ask(controls.grid(orders.quantity, after, lot, asked.limit_price[at], asked.priced[at], asked.tick[at]))
    orders.ask(controls.order_quantity(orders.quantity, quantity_limit))
    orders.ask(controls.order_value(orders.quantity, price, value_limit))
    orders.ask(controls.duplicate_intent(asked.intended[at]))
    orders.ask(controls.self_cross(orders.quantity, asked.open_buys[at], asked.open_sells[at]))

    _ask_stops(orders, asked, reduce_only=reduce_only)
    if asked.cooling is not None:
        which = np.flatnonzero(asked.cooling[at])
        if len(which):
            orders.ask(controls.cool_off(orders.quantity[which], orders.low[which], orders.high[which]), which)
    sells = np.flatnonzero(orders.quantity < 0)
    shortable = asked.shortable[at]
    orders.ask(controls.short_permission(orders.quantity[sells], orders.low[sells], shortable[sells], quantity_limit[sells]), sells)
    orders.ask(controls.volume_share(orders.quantity, asked.volume[at], orders.reduces, lot, limits.volume_share))

    adds = np.flatnonzero(~orders.reduces)
    low, high = orders.low[adds], orders.high[adds]
    orders.ask(controls.symbol_position(orders.quantity[adds], low=low, high=high, lot=lot[adds], limit=position_limit[adds]), adds)
    for reduced in (None, limits.new_share) if new else (None,):
        orders.ask(
            controls.symbol_weight(
                orders.quantity[adds],
                low=low,
                high=high,
                price=price[adds],
                lot=lot[adds],
                equity=asked.equity,
                limit=weight_limit[adds],
                reduced=reduced,
            ),
            adds,
        )


def _ask_stops(orders: Orders, asked: Proposal, *, reduce_only: bool) -> None:
    """28 of every order, or of those in symbols that may only be reduced; 29 of those whose side or strategy is halted."""
    at, stops = orders.places, asked.stops
    if reduce_only:
        orders.ask(controls.reduce_only(orders.quantity, orders.low, orders.high))
    elif stops is not None and stops.reducing[at].any():
        which = np.flatnonzero(stops.reducing[at])
        orders.ask(controls.reduce_only(orders.quantity[which], orders.low[which], orders.high[which]), which)
    if stops is not None:
        room = np.where(orders.quantity > 0, stops.buyable[at], stops.sellable[at])
        which = np.flatnonzero(room < MOST_QUANTITY)
        if len(which):
            orders.ask(controls.halted(orders.quantity[which], room[which]), which)


def _ask_prices(orders: Orders, asked: Proposal, limits: Limits, price: IntArray) -> None:
    priced = np.flatnonzero(asked.priced[orders.places])
    at = orders.places[priced]
    if len(at):
        sigma = asked.volatility[at] / np.sqrt(SESSIONS_PER_YEAR)
        orders.ask(controls.price_collar(asked.limit_price[at], price[priced], sigma, limits.collar, limits.collar_sigmas), priced)
