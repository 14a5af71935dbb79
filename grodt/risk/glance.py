"""Whether a basket passes every control, seen at a glance: for a replay that keeps no evidence.

Every bound of `grodt.risk.assess` is compared here, with the sums it is about taken at their worst, so that a basket that is far from
all of its limits need not be asked one control after the other. It answers no whenever a sum comes near a bound, an order is open, or a
case is not an everyday one; then `assess` is asked, and only what it says counts. A yes means that nothing halts, nothing is refused
and nothing is clipped. A property test holds the two together.
"""

import numpy as np

from grodt.risk.controls import scale
from grodt.risk.exact import BoolArray, FloatArray, IntArray
from grodt.risk.limits import Limits
from grodt.risk.proposal import Proposal

#: Floats decide only this far from a bound, relatively; nearer to it the exact arithmetic of `assess` does.
_MARGIN = 1e-9
_MICROS = 1e6
_SESSIONS = 20


def passes_at_a_glance(proposal: Proposal, limits: Limits) -> bool:
    """Whether every control certainly passes and clips nothing. No says that it was not certain."""
    places = np.flatnonzero(proposal.wanted)
    if not _stands(proposal, limits, bool(len(places))):
        return False
    if not len(places):
        return bool(np.abs(proposal.weight).sum() <= limits.weights_sum)
    return _Basket(proposal, places).passes(limits)


def _stands(asked: Proposal, limits: Limits, orders: bool) -> bool:
    """What is asked of the book before any order: 24, 29, 31, 21, 28 and 33, and that the case is an everyday one."""
    if limits.overrides or limits.restricted or asked.equity <= 0 or asked.reduce_only:
        return False
    expected, present = asked.bars_expected, asked.bars_present
    complete = asked.last_session_fresh and expected > 0 and 0 <= present <= expected and present / expected >= limits.completeness
    idle = asked.active_halts == 0 and asked.open_breaks == 0
    armed = 0 <= asked.cycles_traded <= limits.armed_cycles - orders
    known = asked.cycles_unchanged >= limits.new_cycles and asked.previous_equity > 0 and asked.high_water_mark > 0
    held = asked.equity > (1 + _MARGIN) * max(
        asked.previous_equity * (1 - limits.daily_loss), asked.high_water_mark * (1 - limits.drawdown)
    )
    return bool(complete and idle and armed and known and held)


class _Basket:
    """The orders of a proposal, (n,), with floats where `assess` has exact integers."""

    def __init__(self, asked: Proposal, places: IntArray) -> None:
        self.asked, self.places = asked, places
        self.wanted = asked.wanted[places]
        self.position = asked.position[places]
        self.price = asked.price[places]
        self.size = np.abs(self.wanted)
        self.after = self.position + self.wanted
        self.value: FloatArray = self.size * self.price.astype(np.float64)
        less = np.abs(self.after) < np.abs(self.position)
        self.reduces: BoolArray = less & ((self.after >= 0) == (self.position > 0)) | ((self.after == 0) & (self.position != 0))
        self.adds = ~self.reduces

    def passes(self, limits: Limits) -> bool:
        return self._everyday() and self._each(limits) and self._scaled(limits) and self._together(limits)

    def _everyday(self) -> bool:
        asked, at = self.asked, self.places
        odd = asked.open_buys.any() or asked.open_sells.any() or asked.untradable.any() or asked.unknown.any() or asked.intended.any()
        if odd or asked.priced[at].any() or (self.price < 1).any():
            return False
        lot = asked.lot[at]
        return bool((lot == 1).all() or ((self.wanted % lot == 0) | (self.after % lot == 0)).all())

    def _each(self, limits: Limits) -> bool:
        """2, 3, 4, 6, 8, 9 and 16."""
        asked, at, size = self.asked, self.places, self.size
        age, volume = asked.price_age[at], asked.volume[at]
        if ((age < 0) | (age > limits.price_age)).any() or size.max() > limits.order_quantity:
            return False
        if self.value.max() > _below(limits.order_value * _MICROS):
            return False
        liquid = size <= volume * (limits.volume_share / _SESSIONS * (1 - _MARGIN))
        if not liquid.all() and not (liquid | (self.reduces & (volume >= 0) & (size <= asked.lot[at]))).all():
            return False
        uncovered = (self.wanted < 0) & (size > np.maximum(self.position, 0))
        if uncovered.any() and not asked.shortable[at][uncovered].all():
            return False
        left = np.abs(self.after[self.adds])
        if not len(left):
            return True
        weight = (left * self.price[self.adds]).max()
        return bool(left.max() <= limits.symbol_position and weight <= _below(limits.symbol_weight * asked.equity))

    def _scaled(self, limits: Limits) -> bool:
        """26, whose medians lie inside their range where all of the numbers do."""
        asked, at = self.asked, self.places[self.adds]
        volatility, change = asked.volatility[at], np.abs(asked.log_return[at])
        inside = (volatility >= limits.volatility_low) & (volatility <= limits.volatility_high) & (change <= limits.return_high)
        if inside.all():
            return bool(np.abs(asked.weight).sum() <= limits.weights_sum)
        found = scale(
            asked.weight,
            volatility,
            asked.log_return[at],
            weights=limits.weights_sum,
            low=limits.volatility_low,
            high=limits.volatility_high,
            returns=limits.return_high,
        )
        return bool(found.passed[0])

    def _together(self, limits: Limits) -> bool:
        """13, 14, 15, 10, 11 and 12, the adding orders taken as if none of them ever brought exposure down."""
        asked, equity = self.asked, float(self.asked.equity)
        traded = self.value.sum()
        most = limits.basket_value if asked.first_basket else min(limits.basket_value, limits.turnover)
        if traded > _below(most * equity) or self.value[self.wanted > 0].sum() > _below(asked.buying_power * (1 - limits.cash_buffer)):
            return False
        if not self.adds.any():
            return True
        held = asked.position * asked.price.astype(np.float64)
        if ((asked.position != 0) & (asked.price < 1)).any():
            return False
        held[self.places[self.reduces]] = (self.after * self.price)[self.reduces]
        exposure, more = np.abs(held), self.value[self.adds]
        if exposure.sum() + more.sum() > _below(limits.gross_exposure * equity):
            return False
        if abs(held.sum()) + more.sum() > _below(limits.net_exposure * equity):
            return False
        return not limits.group_weight or self._grouped(limits, exposure, more)

    def _grouped(self, limits: Limits, exposure: FloatArray, more: FloatArray) -> bool:
        asked, adding = self.asked, self.places[self.adds]
        group = asked.group[adding]
        if (group < 0).any():
            return False
        known = asked.group >= 0
        count = len(asked.groups)
        used = np.bincount(asked.group[known], weights=exposure[known], minlength=count)
        used += np.bincount(group, weights=more, minlength=count)
        caps = limits.of_groups(asked.groups) * float(asked.equity) * (1 - _MARGIN)
        return bool((used[group] <= caps[group]).all())


def _below(bound: float) -> float:
    """A little less than a bound."""
    return bound * (1 - _MARGIN)
