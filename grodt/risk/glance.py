"""Whether baskets pass every control, seen at a glance: for a replay that keeps no evidence.

Every bound of `grodt.risk.assess` is compared here, of many baskets at once, with the sums it is about taken at their worst, so that a
basket that is far from all of its limits need not be asked one control after the other. It answers no whenever a sum comes near a bound,
an order is open, or a case is not an everyday one; then `assess` is asked, and only what it says counts. A yes means that nothing halts,
nothing is clipped, and nothing is refused but what control 15 refuses: buying power, which a basket that trades every session comes near
often, and which `affordable` gives exactly. A property test holds all of it to `assess`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grodt.risk.affording import affordable
from grodt.risk.controls import scale
from grodt.risk.exact import BoolArray, FloatArray, IntArray
from grodt.risk.limits import Limits
from grodt.risk.proposal import Proposal

#: Floats decide only this far from a bound, relatively; nearer to it the exact arithmetic of `assess` does.
_MARGIN = 1e-9
LESS = 1.0 - _MARGIN
_MICROS = 1e6
_SESSIONS = 20
#: Floats are exact integers up to here.
_EXACT = 2**53
#: Sums of orders below this stay inside int64.
_ROOM = 2.0**62


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Books at their marks, for what is asked before any order; arrays of shape (B,).

    Attributes:
        equity, previous_equity, high_water_mark: micros.
        bars_expected, bars_present: see `grodt.risk.proposal.Proposal`; present ones make the last session fresh.
        cycles_traded, cycles_unchanged: as there.
        orders: whether anything is ordered.
    """

    equity: FloatArray
    previous_equity: FloatArray
    high_water_mark: FloatArray
    bars_expected: IntArray
    bars_present: IntArray
    cycles_traded: IntArray
    cycles_unchanged: IntArray
    orders: BoolArray


class Parts:
    """Arrays one after the other in one, (P,) in all: where each of B begins."""

    def __init__(self, begin: IntArray, places: int) -> None:
        """`begin`: first place of each, ascending, (B,); a part may be empty."""
        self._counts = np.diff(begin, append=places)
        self._some = self._counts > 0
        self._begin = begin[self._some]
        self._every = bool(self._some.all())
        self.of = np.repeat(np.arange(len(begin)), self._counts)

    def sums(self, amount: IntArray | FloatArray | BoolArray) -> FloatArray:
        """Σ of each part, (B,)."""
        sums = np.zeros(len(self._some))
        if len(self._begin):
            found = np.add.reduceat(amount, self._begin, dtype=np.float64)
            if self._every:
                return found
            sums[self._some] = found
        return sums

    def each[T: np.generic](self, amount: NDArray[T]) -> NDArray[T]:
        """(B,) to the places of each, (P,)."""
        return np.repeat(amount, self._counts)

    def free_of(self, bad: BoolArray) -> BoolArray:
        """Whether no place of a part is bad, (B,)."""
        return np.bincount(self.of[bad], minlength=len(self._some)) == 0 if bad.any() else np.ones(len(self._some), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Baskets:
    """The orders of B baskets one after the other: a place for each symbol that a basket holds or wants, (P,) in all.

    No order has a limit price, no symbol an intent, an open order, a halt or an order of unknown outcome.

    Attributes:
        parts: the places of each basket.
        wanted, position, price, volume, volatility, log_return, shortable: see `grodt.risk.proposal.Proposal`.
        price_age: as there; None: every price is of its session.
        lot: as there; None: every lot is one share.
        group: as there; None where no group has a cap.
        groups: names of groups.
        equity: micros, (B,).
        first: whether the basket is its book's first, (B,).
        share: what of the caps 9 and 11 may be used, (B,): see `share_of_caps`.
    """

    parts: Parts
    wanted: IntArray
    position: IntArray
    price: IntArray
    price_age: IntArray | None
    lot: IntArray | None
    volume: IntArray
    volatility: FloatArray
    log_return: FloatArray
    shortable: BoolArray
    group: IntArray | None
    groups: tuple[str, ...]
    equity: FloatArray
    first: BoolArray
    share: FloatArray


def approved_at_a_glance(asked: Proposal, limits: Limits) -> IntArray | None:
    """What `assess` approves of a proposal, (N,), where that is certain; None where every control must be asked by itself."""
    marked = asked.priced | asked.intended | asked.untradable | asked.unknown | (asked.open_buys > 0) | (asked.open_sells > 0)
    if (
        marked.any()
        or asked.cooling is not None
        or asked.announced is not None
        or asked.active_halts
        or asked.open_breaks
        or asked.reduce_only
        or asked.overrides
        or asked.stops is not None
    ):
        return None
    if asked.bars_present > 0 and not asked.last_session_fresh:
        return None
    wanted = asked.wanted
    standing = Standing(
        np.array([float(asked.equity)]),
        np.array([float(asked.previous_equity)]),
        np.array([float(asked.high_water_mark)]),
        np.array([asked.bars_expected]),
        np.array([asked.bars_present]),
        np.array([asked.cycles_traded]),
        np.array([asked.cycles_unchanged]),
        np.array([wanted.any()]),
    )
    with np.errstate(over="ignore"):
        weights = np.abs(asked.weight).sum()
    if not (stands(standing, limits)[0] and weights <= limits.weights_sum):
        return None
    at = ((wanted != 0) | (asked.position != 0)).nonzero()[0]
    baskets = Baskets(
        Parts(np.zeros(1, dtype=np.int64), len(at)),
        wanted[at],
        asked.position[at],
        asked.price[at],
        asked.price_age[at],
        asked.lot[at],
        asked.volume[at],
        asked.volatility[at],
        asked.log_return[at],
        asked.shortable[at],
        asked.group[at] if limits.group_weight else None,
        asked.groups,
        standing.equity,
        np.array([asked.first_basket]),
        share_of_caps(standing.cycles_unchanged, limits),
    )
    if not pass_all_but_buying_power(baskets, limits)[0]:
        return None
    return affordable(wanted, asked.position, asked.price, asked.buying_power, limits.cash_buffer)


def stands(books: Standing, limits: Limits) -> BoolArray:
    """Whether 24, 21 and 28 certainly pass, and 33 is known, (B,); 29 and 31 are for who asks: no halt, no break, no reduce-only."""
    expected, present = books.bars_expected, books.bars_present
    if limits.overrides or limits.restricted:
        return np.zeros(len(expected), dtype=np.bool_)
    complete = (present > 0) & (present <= expected) & (present / np.maximum(expected, 1) >= limits.completeness)
    armed = (books.cycles_traded >= 0) & (books.cycles_traded <= limits.armed_cycles - books.orders)
    known = (books.cycles_unchanged >= 0) & (books.previous_equity > 0) & (books.high_water_mark > 0)
    floor = np.maximum(books.previous_equity * (1 - limits.daily_loss), books.high_water_mark * (1 - limits.drawdown))
    return np.asarray(complete & armed & known & (books.equity > 0) & (books.equity > (1 + _MARGIN) * floor))


def share_of_caps(cycles_unchanged: IntArray, limits: Limits) -> FloatArray:
    """What 33 leaves of the caps 9 and 11, (B,)."""
    return np.where(cycles_unchanged < limits.new_cycles, min(limits.new_share, 1.0), 1.0)


def pass_all_but_buying_power(baskets: Baskets, limits: Limits) -> BoolArray:
    """Whether the baskets certainly pass 2, 3, 4, 6 to 14 and 16, and 26 but for Σ abs(weight), and nothing of them is clipped, (B,)."""
    count = len(baskets.equity)
    if not len(baskets.wanted):
        return np.ones(count, dtype=np.bool_)
    orders = _Orders(baskets)
    good = baskets.parts.free_of(orders.out_of_bounds(limits))
    for basket in orders.strange(limits):
        good[basket] &= orders.scaled(basket, limits)
    return np.asarray(good & orders.fit_together(limits))


class _Orders:
    """The orders of baskets, (P,), with floats where `assess` has exact integers."""

    def __init__(self, baskets: Baskets) -> None:
        self.baskets, self.parts = baskets, baskets.parts
        wanted, position = baskets.wanted, baskets.position
        self.price = baskets.price.astype(np.float64)
        self.size = np.abs(wanted)
        self.after = position + wanted
        self.left = np.abs(self.after)
        # Towards zero and not past it: the position and what is left of it have one sign, or nothing is left.
        self.reduces = reducing(wanted, position)
        self.adds = (wanted != 0) & ~self.reduces
        self.value: FloatArray = self.size * self.price
        self.usable = self.parts.each(baskets.equity * baskets.share * LESS)

    def out_of_bounds(self, limits: Limits) -> BoolArray:
        """Where an order may fail 2, 3, 4, 6, 7, 8, 9 or 16, or be clipped."""
        baskets, size, volume = self.baskets, self.size, self.baskets.volume
        lot: IntArray | int = 1 if baskets.lot is None else baskets.lot
        ordered = baskets.wanted != 0
        bad = (size < 0) | (size > min(limits.order_quantity, _EXACT)) | (self.value > limits.order_value * (_MICROS * LESS))
        bad |= (baskets.price < 1) & ordered
        if baskets.price_age is not None:
            bad |= ((baskets.price_age < 0) | (baskets.price_age > limits.price_age)) & ordered
        if baskets.lot is not None:
            bad |= (baskets.wanted % lot != 0) & (self.after % lot != 0)
        thin = (size > volume * (limits.volume_share / _SESSIONS * LESS)) & ordered
        if thin.any():
            bad |= thin & ~(self.reduces & (volume >= 0) & (size <= lot))
        bad |= (self.after < 0) & (baskets.wanted < 0) & ~baskets.shortable
        heavy = (self.left > limits.symbol_position) | (self.left * self.price > limits.symbol_weight * self.usable)
        return np.asarray(bad | heavy & self.adds)

    def strange(self, limits: Limits) -> list[int]:
        """Baskets of which a symbol that adds lies outside the ranges of 26; where none does, neither do medians."""
        baskets = self.baskets
        usual = (baskets.volatility >= limits.volatility_low) & (baskets.volatility <= limits.volatility_high)
        usual &= np.abs(baskets.log_return) <= limits.return_high  # not so where one is NaN
        outside = self.adds & ~usual
        return np.unique(self.parts.of[outside]).tolist() if outside.any() else []

    def scaled(self, basket: int, limits: Limits) -> bool:
        """26 of one basket, but for Σ abs(weight)."""
        baskets = self.baskets
        of = self.adds & (self.parts.of == basket)
        found = scale(
            np.zeros(0),
            baskets.volatility[of],
            baskets.log_return[of],
            weights=limits.weights_sum,
            low=limits.volatility_low,
            high=limits.volatility_high,
            returns=limits.return_high,
        )
        return bool(found.passed[0])

    def fit_together(self, limits: Limits) -> BoolArray:
        """13, 14, 10, 11 and 12, the adding orders taken as if none of them ever brought exposure down, (B,)."""
        baskets, equity, sums = self.baskets, self.baskets.equity * LESS, self.parts.sums
        traded = sums(self.value)
        most = np.where(baskets.first, limits.basket_value, min(limits.basket_value, limits.turnover))
        good = (traded <= most * equity) & (traded < _ROOM)
        kept = np.where(self.reduces, self.after, baskets.position)
        more = np.where(self.adds, self.value, 0.0)
        net = kept * self.price
        exposure = np.abs(net) + more
        within = (sums(exposure) <= limits.gross_exposure * baskets.share * equity) & (
            np.abs(sums(net)) + sums(more) <= limits.net_exposure * equity
        )
        unpriced = (baskets.position != 0) & (baskets.price < 1)
        if unpriced.any():
            within &= self.parts.free_of(unpriced)
        if limits.group_weight and baskets.group is not None:
            within &= self._grouped(limits, baskets.group, exposure)
        return np.asarray(good & (within | (sums(self.adds) == 0)))

    def _grouped(self, limits: Limits, group: IntArray, exposure: FloatArray) -> BoolArray:
        """10, (B,)."""
        baskets, count = self.baskets, len(self.baskets.groups)
        known = group >= 0
        place = self.parts.of * count + group
        used = np.bincount(place[known], exposure[known], len(baskets.equity) * count)
        caps = np.outer(baskets.equity * LESS, limits.of_groups(baskets.groups)).reshape(-1)
        bad = self.adds & ~known
        bad[known] |= self.adds[known] & ~(used <= caps)[place[known]]
        return self.parts.free_of(bad)


def reducing(wanted: IntArray, position: IntArray) -> BoolArray:
    """Which orders bring a position towards zero and not past it; True where nothing is wanted of nothing, (P,)."""
    after = position + wanted
    return np.asarray((np.abs(after) < np.abs(position)) & (after * np.sign(position) >= 0))
