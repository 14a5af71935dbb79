"""What trading costs: how much of an order fills in a session, at what price, for what commission. Exact integers over arrays.

The paper broker and replay both call it, so both get the same fills to the micro. docs/costs.md says what each term stands for.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from grodt.errors import ConfigError, DataError
from grodt.money import MICROS_PER_FILL_TICK, MICROS_PER_UNIT, Micros
from grodt.orders.borrowing import HIGHEST_BORROW_BPS
from grodt.orders.rates import RATE_SCALE, parts_of_bps, parts_of_share

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
FillAt = Literal["open", "close"]

#: Amounts are divided by this to come out in fill ticks: (amount · rate) / (RATE_SCALE · MICROS_PER_FILL_TICK).
_DIVISOR = RATE_SCALE * MICROS_PER_FILL_TICK
#: Beyond this (USD 1 billion a share) a price is taken for an error.
HIGHEST_PRICE_MICROS = 10**15
#: Highest value of one fill (USD 2 trillion), so that value and commission stay well inside 64 bits.
HIGHEST_VALUE_MICROS = 2 * 10**18
_MOST_SHARES = HIGHEST_VALUE_MICROS // MICROS_PER_FILL_TICK
_HIGHEST_BPS = 5_000
_HIGHEST_PER_SHARE = 1_000 * MICROS_PER_UNIT
_HIGHEST_IMPACT = 10
_MOST_CARRIED = 60
NO_MONEY = Micros(0)
_MOST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True)
class FillTerms:
    """What trading costs, and how much of an order a session takes.

    Attributes:
        slippage_bps: half the spread and whatever else crossing it costs, in basis points of the price.
        commission_bps: commission in basis points of the fill's value.
        minimum_commission: least commission of one fill, in micros.
        commission_per_share: in micros, on top of `commission_bps`.
        maximum_commission_bps: most commission of one fill, in basis points of its value, and more than the minimum never; None: no bound.
        fill_at: the price of the session after the decision at which an order fills.
        impact: k of the square-root law; 0: none.
        participation: largest share of the session's volume that the orders of one symbol fill with; None: any.
        carry_sessions: sessions after its first in which what is left of an order still works; 0: it expires.
        borrow_bps: what borrowing shares costs a year, in basis points of a short position's value.

    Raises:
        ConfigError: a value is not finite, out of its range, or finer than what is computed with.
    """

    slippage_bps: Decimal = Decimal(0)
    commission_bps: Decimal = Decimal(0)
    minimum_commission: Micros = NO_MONEY
    commission_per_share: Micros = NO_MONEY
    maximum_commission_bps: Decimal | None = None
    fill_at: FillAt = "open"
    impact: Decimal = Decimal(0)
    participation: Decimal | None = None
    carry_sessions: int = 0
    borrow_bps: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        _parts(self)
        if not 0 <= self.minimum_commission <= HIGHEST_VALUE_MICROS:
            raise ConfigError(f"minimum_commission is {self.minimum_commission} micros; it must be at least 0")
        if not 0 <= self.commission_per_share <= _HIGHEST_PER_SHARE:
            raise ConfigError(f"commission_per_share is {self.commission_per_share} micros; it must be from 0 to {_HIGHEST_PER_SHARE}")
        if self.fill_at not in get_args(FillAt):
            raise ConfigError(f"fill_at is {self.fill_at!r}; it must be open or close")
        if not 0 <= self.carry_sessions <= _MOST_CARRIED:
            raise ConfigError(f"carry_sessions is {self.carry_sessions}; it must be from 0 to {_MOST_CARRIED}")

    @classmethod
    def of(cls, slippage_bps: float, commission_bps: float, minimum_commission: Micros = NO_MONEY) -> "FillTerms":
        """From floats of a configuration; each is taken as its shortest decimal text, so 0.1 is 0.1."""
        return cls(Decimal(repr(float(slippage_bps))), Decimal(repr(float(commission_bps))), minimum_commission)

    @property
    def needs_volume(self) -> bool:
        """Whether `fill_session` must be told the session's volume."""
        return self.participation is not None

    @property
    def needs_figures(self) -> bool:
        """Whether `fill_session` must be told average value and volatility."""
        return self.impact != 0


class _Parts(NamedTuple):
    """Terms as the numbers that are computed with."""

    slippage: int
    commission: int
    maximum: int | None
    participation: int | None
    impact: float


@dataclass(frozen=True, slots=True, eq=False)
class SessionFills:
    """What a session fills, (N,) int64 each.

    Attributes:
        quantity: signed shares filled; between 0 and what was wanted.
        price: micros; 0 where nothing fills.
        commission: micros; 0 where nothing fills.
    """

    quantity: IntArray
    price: IntArray
    commission: IntArray


def fill_session(
    quantity: IntArray,
    price: IntArray,
    terms: FillTerms,
    *,
    symbol: IntArray | None = None,
    volume: FloatArray | None = None,
    average_value: FloatArray | None = None,
    volatility: FloatArray | None = None,
) -> SessionFills:
    """How much of each market order a session fills, at what price, and for what commission.

    quantity = what is wanted, and of all orders of one symbol together at most participation · whole shares of volume, rounded down;
    the orders are served in the order given. Under `impact`, a symbol that traded nothing in the sessions before fills nothing, because
    what it would cost is not known.

    fill price = price · (1 ± (slippage + impact)), half-even to a hundredth of a cent: higher for a buy, lower for a sell, never
    below one tick. impact = k · σ · √(value of the symbol's fills in the session / average value), half-even to a ten-thousandth of a
    basis point and at most the whole price: the square-root law, as in Grinold and Kahn, "Active Portfolio Management" (2nd edition),
    chapter 16. Almgren, Thum, Hauptmann and Li, "Direct estimation of equity market impact" (2005), prefer an exponent of 0.60 ± 0.04.

    commission = value · rate + shares · commission per share, half-even to a hundredth of a cent; not below the minimum, and then not
    above the maximum (half-even likewise). None where nothing fills.

    Args:
        quantity: signed shares, (N,), > 0 to buy; zero is not traded.
        price: open or close of the session in micros, (N,); > 0 wherever something fills.
        terms: what trading costs.
        symbol: a number for each order's symbol, (N,); None: no two orders have the same.
        volume: shares traded in the session, (N,) ≥ 0; needed for `participation`.
        average_value: in currency units, (N,) ≥ 0, see `grodt.bars.liquidity`; needed for `impact`.
        volatility: of one session, (N,) ≥ 0 wherever the average value is above zero; needed for `impact`.

    Raises:
        DataError: an order has no price above zero, a NaN, infinite or negative figure, or a price or value beyond what 64 bits hold.
        ValueError: the arrays are not one-dimensional of one length, the integers not int64, or a figure that the terms need is missing.
    """
    _require_alike(quantity, price, symbol, volume, average_value, volatility)
    if (terms.needs_volume and volume is None) or (terms.needs_figures and (average_value is None or volatility is None)):
        raise ValueError("participation needs the session's volume, impact needs average value and volatility; give them")
    parts = _parts(terms)
    wanted = np.abs(quantity)
    bad = wanted.view(np.uint64) > _MOST_SHARES  # unsigned, because the absolute value of the lowest int64 is itself
    if bad.any():
        _too_much(quantity, price, bad)
    ordered = wanted > 0
    group = _groups(symbol)
    filled = wanted
    if parts.participation is not None and volume is not None:
        _require_figures("volume", volume, ordered, quantity)
        filled = _within(wanted, _share(volume, parts.participation), group)
    if parts.impact and average_value is not None:
        _require_figures("average value", average_value, ordered, quantity)
        filled = np.where(average_value > 0, filled, 0)
    traded = filled > 0
    bad = (price < traded) | (price > HIGHEST_PRICE_MICROS)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{terms.fill_at} price {int(price[first])} micros of order {first} (quantity {int(quantity[first])}) is not between 1 and "
            f"{HIGHEST_PRICE_MICROS}; check the bars of that session"
        )
    against: IntArray | int = parts.slippage
    if parts.impact and average_value is not None and volatility is not None:
        _require_figures("volatility", volatility, traded, quantity)
        against = parts.slippage + _impact(parts.impact, filled, price, group, average_value, volatility)
    side: IntArray = np.sign(quantity)
    prices = _moved(price, side * against) * traded
    dearest = np.maximum(prices, max(1, terms.commission_per_share))
    if (filled * dearest.astype(np.float64) > 0.999 * HIGHEST_VALUE_MICROS).any():  # near or beyond it: now exactly
        bad = filled > HIGHEST_VALUE_MICROS // dearest
        if bad.any():
            _too_much(quantity, prices, bad)
    return SessionFills(side * filled, prices, commissions(filled, prices, terms))


def side_prices(price: IntArray, terms: FillTerms) -> tuple[IntArray, IntArray]:
    """What a share is bought for and sold for where size does not matter, so without `impact`; see `fill_session`. Micros, (N,) each.

    Args:
        price: open or close of the session in micros, from 0 to `HIGHEST_PRICE_MICROS`, (N,).
        terms: what trading costs.
    """
    slippage = _parts(terms).slippage
    return _moved(price, slippage), _moved(price, -slippage)


def _moved(price: IntArray, against: IntArray | int) -> IntArray:
    """The prices moved by so many parts and rounded to a tick, never below one."""
    return np.maximum(_to_tick(price, RATE_SCALE + against), MICROS_PER_FILL_TICK)


@lru_cache(maxsize=64)
def _parts(terms: FillTerms) -> _Parts:
    if not terms.impact.is_finite() or not 0 <= terms.impact <= _HIGHEST_IMPACT:
        raise ConfigError(f"impact is {terms.impact:f}; it must be from 0 to {_HIGHEST_IMPACT} (about 1 is usual)")
    parts_of_bps("borrow_bps", terms.borrow_bps, HIGHEST_BORROW_BPS)
    most = terms.maximum_commission_bps
    return _Parts(
        slippage=parts_of_bps("slippage_bps", terms.slippage_bps, _HIGHEST_BPS),
        commission=parts_of_bps("commission_bps", terms.commission_bps, _HIGHEST_BPS),
        maximum=None if most is None else parts_of_bps("maximum_commission_bps", most, _HIGHEST_BPS),
        participation=None if terms.participation is None else parts_of_share("participation", terms.participation),
        impact=float(terms.impact),
    )


def _require_alike(quantity: IntArray, price: IntArray, symbol: IntArray | None, *figures: FloatArray | None) -> None:
    integers = (quantity, price) if symbol is None else (quantity, price, symbol)
    given = [figure for figure in figures if figure is not None]
    alike = all(each.shape == quantity.shape for each in (*integers, *given)) and quantity.ndim == 1
    if not alike or any(each.dtype != np.int64 for each in integers) or any(each.dtype != np.float64 for each in given):
        shown = ", ".join(f"{each.dtype}{each.shape}" for each in (*integers, *given))
        raise ValueError(f"{shown} are not int64 quantities, prices and symbols and float64 figures, one-dimensional and of one length")


def _require_figures(name: str, figure: FloatArray, where: NDArray[np.bool_], quantity: IntArray) -> None:
    bad = where & ~((figure >= 0) & (figure < np.inf))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{name} {figure[first]} of order {first} (quantity {int(quantity[first])}) is not a number from 0 on; "
            "check the bars of that session and the 20 before it"
        )


def _too_much(quantity: IntArray, price: IntArray, bad: NDArray[np.bool_]) -> None:
    first = int(np.flatnonzero(bad)[0])
    raise DataError(
        f"order {first} of {int(quantity[first])} shares at {int(price[first])} micros is worth more than "
        f"{HIGHEST_VALUE_MICROS} micros, or its commission is; check quantity and price"
    )


def _groups(symbol: IntArray | None) -> IntArray | None:
    """For each order the number of its symbol, from 0 on; None where each has one of its own."""
    if symbol is None:
        return None
    symbols, group = np.unique(symbol, return_inverse=True)
    return None if len(symbols) == len(symbol) else np.asarray(group, dtype=np.int64)


def _rounds(group: IntArray) -> list[IntArray]:
    """The orders, as positions, in rounds: the first order of each symbol, the second of each, and so on."""
    by_group = np.argsort(group, kind="stable")
    begins = np.flatnonzero(np.diff(group[by_group], prepend=-1))
    turn = np.arange(len(group)) - np.repeat(begins, np.diff(begins, append=len(group)))
    return [by_group[turn == number] for number in range(int(turn.max()) + 1)]


def _share(volume: FloatArray, participation: int) -> IntArray:
    """`participation` of the whole shares of volume, rounded down."""
    shares = np.clip(np.nan_to_num(volume, nan=0.0), 0.0, float(_MOST_SHARES)).astype(np.int64)
    whole, rest = np.divmod(shares, RATE_SCALE)
    return np.asarray(whole * participation + rest * participation // RATE_SCALE, dtype=np.int64)


def _within(wanted: IntArray, most: IntArray, group: IntArray | None) -> IntArray:
    """What each order fills of what its symbol has to give."""
    if group is None:
        return np.minimum(wanted, most)
    left = np.zeros(int(group.max()) + 1, dtype=np.int64)
    left[group] = most
    filled = np.zeros_like(wanted)
    for orders in _rounds(group):
        symbols = group[orders]
        filled[orders] = np.minimum(wanted[orders], left[symbols])
        left[symbols] -= filled[orders]
    return filled


def _impact(
    factor: float, filled: IntArray, price: IntArray, group: IntArray | None, average_value: FloatArray, volatility: FloatArray
) -> IntArray:
    """Parts by which the price moves against the orders."""
    shares = filled.astype(np.float64)
    if group is not None:
        together = np.zeros(int(group.max()) + 1)
        for orders in _rounds(group):
            together[group[orders]] += shares[orders]
        shares = together[group]
    traded = filled > 0
    value = shares * (price / MICROS_PER_UNIT)
    with np.errstate(over="ignore"):  # an average of next to nothing: the price moves by its whole
        ratio = np.minimum(np.divide(value, average_value, out=np.zeros(len(filled)), where=traded), _MOST)
        moved = factor * np.where(traded, volatility, 0.0) * np.sqrt(ratio)
    return np.rint(np.minimum(moved, 1.0) * RATE_SCALE).astype(np.int64)


def _to_tick(amount: IntArray, rate: IntArray | int, plus: IntArray | None = None) -> IntArray:
    """`amount · rate / RATE_SCALE + plus`, rounded half-even to fill ticks, in micros; nothing on the way leaves 64 bits.

    amount = whole · _DIVISOR + rest, so amount · rate / _DIVISOR = whole · rate + rest · rate / _DIVISOR, and rest · rate < 3e18.
    """
    # NumPy divides by a constant several times as fast as it takes divmod.
    whole = amount // _DIVISOR
    product = (amount - whole * _DIVISOR) * rate
    ticks = whole * rate
    if plus is not None:
        more = plus // MICROS_PER_FILL_TICK
        product += (plus - more * MICROS_PER_FILL_TICK) * RATE_SCALE
        ticks += more
    quotient = product // _DIVISOR
    twice = 2 * (product - quotient * _DIVISOR)
    ticks += quotient
    ticks += twice + (ticks & 1) > _DIVISOR  # above the half, or at it and odd
    return np.asarray(ticks * MICROS_PER_FILL_TICK, dtype=np.int64)


def commissions(filled: IntArray, prices: IntArray, terms: FillTerms) -> IntArray:
    """Commission of each fill in micros; see `fill_session`. All (N,).

    Args:
        filled: shares, ≥ 0.
        prices: micros.
        terms: what trading costs.
    """
    parts = _parts(terms)
    if not parts.commission and not terms.commission_per_share and not terms.minimum_commission:
        return np.zeros_like(filled)
    value = filled * prices
    per_share = filled * terms.commission_per_share if terms.commission_per_share else None
    found = np.maximum(_to_tick(value, parts.commission, per_share), terms.minimum_commission)
    if parts.maximum is not None:
        found = np.minimum(found, _to_tick(value, parts.maximum))
    return np.asarray(found * (filled > 0), dtype=np.int64)
