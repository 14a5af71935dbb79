"""Whether a basket passes every control, seen at a glance: for a replay that keeps no evidence.

Every bound of `grodt.risk.assess` is compared here, with the sums it is about taken at their worst, so that a basket that is far from
all of its limits need not be asked one control after the other. It answers no whenever a sum comes near a bound, an order is open, or a
case is not an everyday one; then `assess` is asked, and only what it says counts. A yes means that nothing halts, nothing is refused
and nothing is clipped. A property test holds the two together.
"""

from dataclasses import dataclass

import numpy as np

from grodt.risk.controls import scale
from grodt.risk.exact import BoolArray, FloatArray, IntArray
from grodt.risk.limits import Limits
from grodt.risk.proposal import Proposal

#: Floats decide only this far from a bound, relatively; nearer to it the exact arithmetic of `assess` does.
_MARGIN = 1e-9
_LESS = 1.0 - _MARGIN
_MICROS = 1e6
_SESSIONS = 20
#: Floats are exact integers up to here.
_EXACT = 2**53
_count = np.count_nonzero  # of booleans, the cheapest question there is


@dataclass(frozen=True, slots=True, eq=False)
class Basket:
    """What a glance reads of a proposal; see `grodt.risk.proposal.Proposal`.

    Attributes:
        value: position · price, micros, as floats.
        fresh: whether every symbol has a price above zero, of this very session.
        single: whether every lot is one share.
        odd: whether this is no everyday case: an order with a limit price, an intent, a halt or an order of unknown outcome in a symbol, an
            open order, a break, a halt of the book or of a part of it, or an override.
    """

    wanted: IntArray
    position: IntArray
    price: IntArray
    price_age: IntArray
    lot: IntArray
    volume: IntArray
    group: IntArray
    weight: FloatArray
    volatility: FloatArray
    log_return: FloatArray
    shortable: BoolArray
    groups: tuple[str, ...]
    equity: int
    buying_power: int
    previous_equity: int
    high_water_mark: int
    bars_expected: int
    bars_present: int
    last_session_fresh: bool
    cycles_traded: int
    cycles_unchanged: int
    first_basket: bool
    value: FloatArray
    fresh: bool
    single: bool
    odd: bool

    @classmethod
    def of(cls, asked: Proposal) -> "Basket":
        """That of a proposal."""
        marked = asked.priced | asked.intended | asked.untradable | asked.unknown | (asked.open_buys > 0) | (asked.open_sells > 0)
        return cls(
            asked.wanted,
            asked.position,
            asked.price,
            asked.price_age,
            asked.lot,
            asked.volume,
            asked.group,
            asked.weight,
            asked.volatility,
            asked.log_return,
            asked.shortable,
            asked.groups,
            asked.equity,
            asked.buying_power,
            asked.previous_equity,
            asked.high_water_mark,
            asked.bars_expected,
            asked.bars_present,
            asked.last_session_fresh,
            asked.cycles_traded,
            asked.cycles_unchanged,
            asked.first_basket,
            np.multiply(asked.position, asked.price, dtype=np.float64),
            bool((asked.price >= 1).all() and (asked.price_age == 0).all()),
            bool((asked.lot == 1).all()),
            bool(marked.any())
            or bool(asked.active_halts or asked.open_breaks or asked.reduce_only or asked.overrides)
            or asked.stops is not None,
        )


def passes_at_a_glance(basket: Basket, limits: Limits) -> bool:
    """Whether every control certainly passes and clips nothing. No says that it was not certain."""
    at = basket.wanted.nonzero()[0]
    if not stands(basket, limits, orders=len(at) > 0):
        return False
    if not np.abs(basket.weight).sum() <= limits.weights_sum:
        return False
    return len(at) == 0 or _Orders(basket, at).pass_all(limits)


def stands(basket: Basket, limits: Limits, *, orders: bool) -> bool:
    """What is asked of the book before any order: 24, 29, 31, 21, 28 and 33, and that the case is an everyday one."""
    if basket.odd or limits.overrides or limits.restricted or basket.equity <= 0:
        return False
    expected, present = basket.bars_expected, basket.bars_present
    complete = basket.last_session_fresh and expected > 0 and 0 <= present <= expected and present / expected >= limits.completeness
    armed = 0 <= basket.cycles_traded <= limits.armed_cycles - orders
    known = basket.cycles_unchanged >= limits.new_cycles and basket.previous_equity > 0 and basket.high_water_mark > 0
    floor = max(basket.previous_equity * (1 - limits.daily_loss), basket.high_water_mark * (1 - limits.drawdown))
    return complete and armed and known and basket.equity > (1 + _MARGIN) * floor


class _Orders:
    """The orders of a basket, (n,), with floats where `assess` has exact integers."""

    def __init__(self, basket: Basket, at: IntArray) -> None:
        self.basket, self.at = basket, at
        self.wanted, self.position, self.price = basket.wanted[at], basket.position[at], basket.price[at]
        self.size = np.abs(self.wanted)
        self.after = self.position + self.wanted
        self.value: FloatArray = self.size * self.price.astype(np.float64)
        # Towards zero and not past it: the position and what is left of it have one sign, or nothing is left.
        less = (np.abs(self.after) < np.abs(self.position)) & (self.after * np.sign(self.position) >= 0)
        self.adding = (~less).nonzero()[0]
        self.adds = at[self.adding]
        self.reduces: BoolArray = less

    def pass_all(self, limits: Limits) -> bool:
        return self._each(limits) and self._scaled(limits) and self._together(limits)

    def _each(self, limits: Limits) -> bool:
        """2, 3, 4, 6, 7, 8, 9 and 16."""
        basket, at, size = self.basket, self.at, self.size
        if size.min() <= 0 or size.max() > min(limits.order_quantity, _EXACT):
            return False
        if self.value.max() > limits.order_value * (_MICROS * _LESS):
            return False
        if not basket.fresh:
            age = basket.price_age[at]
            if age.min() < 0 or age.max() > limits.price_age or self.price.min() < 1:
                return False
        lot = basket.lot[at]
        if not basket.single and _count((self.wanted % lot != 0) & (self.after % lot != 0)):
            return False
        volume = basket.volume[at]
        thin = size > volume * (limits.volume_share / _SESSIONS * _LESS)
        if _count(thin) and _count(thin & ~(self.reduces & (volume >= 0) & (size <= lot))):
            return False
        uncovered = (self.wanted < 0) & (self.after < 0)
        if _count(uncovered) and _count(uncovered & ~basket.shortable[at]):
            return False
        if not len(self.adding):
            return True
        left = np.abs(self.after[self.adding])
        weight = (left * self.price[self.adding].astype(np.float64)).max()
        return bool(left.max() <= limits.symbol_position and weight <= limits.symbol_weight * basket.equity * _LESS)

    def _scaled(self, limits: Limits) -> bool:
        """26, whose medians lie inside their range where all of the numbers do."""
        basket, at = self.basket, self.adds
        if not len(at):
            return True
        volatility, change = basket.volatility[at], np.abs(basket.log_return[at])
        # Where one is NaN, so are these, and no comparison holds.
        if volatility.min() >= limits.volatility_low and volatility.max() <= limits.volatility_high and change.max() <= limits.return_high:
            return True
        found = scale(
            basket.weight,
            volatility,
            basket.log_return[at],
            weights=limits.weights_sum,
            low=limits.volatility_low,
            high=limits.volatility_high,
            returns=limits.return_high,
        )
        return bool(found.passed[0])

    def _together(self, limits: Limits) -> bool:
        """13, 14, 15, 10, 11 and 12, the adding orders taken as if none of them ever brought exposure down."""
        basket, equity = self.basket, float(self.basket.equity) * _LESS
        traded = float(self.value.sum())
        bought = traded if self.wanted.min() > 0 else float(self.value[self.wanted > 0].sum())
        most = limits.basket_value if basket.first_basket else min(limits.basket_value, limits.turnover)
        if traded > most * equity or bought > basket.buying_power * (1 - limits.cash_buffer) * _LESS:
            return False
        if not len(self.adding):
            return True
        if not basket.fresh and _count((basket.position != 0) & (basket.price < 1)):
            return False
        held = basket.value.copy()
        held[self.at[self.reduces]] = (self.after * self.price)[self.reduces]
        exposure, more = np.abs(held), self.value[self.adding]
        added = float(more.sum())
        if float(exposure.sum()) + added > limits.gross_exposure * equity or abs(float(held.sum())) + added > limits.net_exposure * equity:
            return False
        return not limits.group_weight or self._grouped(limits, exposure, more)

    def _grouped(self, limits: Limits, exposure: FloatArray, more: FloatArray) -> bool:
        basket = self.basket
        group = basket.group[self.adds]
        if group.min() < 0:
            return False
        known = basket.group >= 0
        count = len(basket.groups)
        used = np.bincount(basket.group[known], weights=exposure[known], minlength=count)
        used += np.bincount(group, weights=more, minlength=count)
        caps = limits.of_groups(basket.groups) * float(basket.equity) * _LESS
        return bool((used[group] <= caps[group]).all())
