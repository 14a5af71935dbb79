"""Forecasts to weights to whole lots, for one session. Floats become integers here and nowhere else in the kernel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.money import MICROS_PER_UNIT
from grodt.signals.forecasts import Forecasts
from grodt.signals.indicators import SESSIONS_PER_YEAR, BoolArray
from grodt.signals.panel import FloatArray
from grodt.targets.construction import Construction

IntArray = NDArray[np.int64]

#: Scaling to the gross cap stops this far short of it, relatively, so that rounding cannot lift the sum over it.
_HAIR = 2.0**-40
#: Sizes before the caps, and the book's scale, stop here: far outside any book, well inside floats.
_FAR = 1e6
#: Floats from here on are no int64.
_INT64_END = 2.0**63


@dataclass(frozen=True, slots=True)
class Targets:
    """What the book wants to hold after the decision; arrays of shape (N,).

    Attributes:
        symbols: ascending tickers.
        weight: value wanted over equity, after scaling, caps and band; the weight held where the quantity is kept. Always finite.
        quantity: whole shares wanted, negative when short.
        current: whole shares held.
        price: price the quantity is computed at, currency units; NaN where there is none.
    """

    symbols: tuple[str, ...]
    weight: FloatArray
    quantity: IntArray
    current: IntArray
    price: FloatArray

    @property
    def rows(self) -> int:
        """Symbols wanted."""
        return int(np.count_nonzero(self.quantity))


def target_quantities(
    forecasts: Forecasts,
    *,
    returns: FloatArray,
    price: FloatArray,
    position: IntArray,
    lot: IntArray,
    equity: float,
    tradable: BoolArray,
    shortable: BoolArray,
    construction: Construction,
) -> Targets:
    """The quantities a book wants, from the forecasts of one session.

    In this order:

    1. weight_i = forecast_i · (volatility_target / σ_i) / n over the n tradable symbols that have forecast, volatility and price;
       below zero becomes zero when long only, and in a symbol that may not be sold short: a hedge that nobody will sell is
       none, so the rest must not be sized as if it were there. A tradable symbol without any of the three gets zero: it is left.
    2. The book is scaled by volatility_target / its expected volatility, the annualised root mean square of the last `history`
       sessions' portfolio returns `returns @ weight` (a missing return counts as zero). A book without such returns is not scaled.
    3. Each weight is held within ±weight_cap.
    4. If Σ abs(weight) exceeds what untradable holdings leave of gross_cap, all are scaled down to it. Nothing lost to a cap is
       handed to others, so a capped book is less volatile than its target.
    5. No-trade band: where abs(weight − weight held) < no_trade_band the quantity is kept. Not kept are an exit to zero, a holding
       over weight_cap and a short where 1 allows none. If kept holdings lift the book over gross_cap, those above their
       target are traded after all. So both caps hold at the end.
    6. Whole lots, towards zero; see `whole_lots`.

    A symbol that may not trade, or has no price, keeps its quantity whatever its size. It alone may stand over a cap or,
    where 1 allows no short, below zero; its weight counts towards gross_cap where it has a price.

    Args:
        forecasts: of the session, N symbols.
        returns: log returns up to the session, (at least `history` where there are so many, N); NaN where there is none.
        price: reference price, currency units, (N,); anything but a finite number of at least a micro is no price.
        position: whole shares held, (N,).
        lot: shares per lot, at least 1, (N,).
        equity: the book's value in currency units, > 0.
        tradable: listed and with a bar in the session, (N,).
        shortable: whether it may be sold short, (N,).
        construction: the parameters.

    Raises:
        DataError: equity is not a finite number above zero, returns are out of all range, or a target does not fit 64 bits of micros.
        ValueError: shapes differ, or a lot is below 1.
    """
    width = len(forecasts.symbols)
    arrays = {"price": price, "position": position, "lot": lot, "tradable": tradable, "shortable": shortable}
    for name, array in arrays.items():
        if array.shape != (width,):
            raise ValueError(f"{name} has shape {array.shape}, not ({width},)")
    if returns.ndim != 2 or returns.shape[1] != width:
        raise ValueError(f"returns have shape {returns.shape}, not (sessions, {width})")
    if (lot < 1).any():
        raise ValueError(f"{forecasts.symbols[int((lot < 1).argmax())]}: lot {lot[lot < 1][0]} must be at least 1")
    if not 0 < equity < np.inf:
        raise DataError(f"equity {equity} is not a finite number > 0; a book is sized by its equity: check marks and deposits")

    known_price = np.where((price >= 1.0 / MICROS_PER_UNIT) & (price < np.inf), price, np.nan)
    priced = ~np.isnan(known_price)
    free = tradable & priced
    held = np.where(priced, position * np.where(priced, price, 0.0) / equity, 0.0)
    room = max(0.0, construction.gross_cap - _gross(held[~free]))

    may_short = np.zeros_like(shortable) if construction.long_only else shortable

    wanted = _scaled(_raw_weights(forecasts, free, may_short, construction), returns, construction)
    wanted = _capped(wanted, construction.weight_cap, room)
    keep = ~free | _inside_band(wanted, held, free, may_short, room, construction)
    weight = np.where(keep, held, wanted)
    lots = whole_lots(np.where(keep, 0.0, wanted), known_price, lot, equity, forecasts.symbols)
    return Targets(forecasts.symbols, weight, np.where(keep, position, lots), position.copy(), known_price)


def _raw_weights(forecasts: Forecasts, free: BoolArray, may_short: BoolArray, construction: Construction) -> FloatArray:
    forecast, volatility = forecasts.combined, forecasts.volatility
    usable = free & np.isfinite(forecast) & (volatility > 0) & (volatility < np.inf)
    count = max(1, int(np.count_nonzero(usable)))
    weight = np.zeros(len(free))
    with np.errstate(over="ignore"):
        sizes = np.minimum(construction.volatility_target / volatility[usable], _FAR)
    weight[usable] = forecast[usable] * sizes / count
    return np.clip(weight, np.where(may_short, -_FAR, 0.0), _FAR)


def _scaled(weight: FloatArray, returns: FloatArray, construction: Construction) -> FloatArray:
    expected = expected_volatility(weight, returns[-construction.history :])
    if not np.isfinite(expected):
        raise DataError(f"the book's expected volatility is {expected}: a return is out of all range; run `grodt verify` on the bars")
    if expected == 0.0:
        return weight
    with np.errstate(over="ignore"):
        return weight * min(float(np.divide(construction.volatility_target, expected)), _FAR)


def expected_volatility(weight: FloatArray, returns: FloatArray) -> float:
    """Annualised root mean square of the portfolio returns `returns @ weight`, missing returns counted as zero.

    The sum runs over the symbols with a weight, in one fixed order, not through a matrix library whose order depends on its
    threads; so a replay gives the same bits, even where its universe has more symbols that hold nothing.

    Args:
        weight: (N,).
        returns: (sessions, N).
    """
    held = weight != 0.0
    if not len(returns) or not held.any():
        return 0.0
    known = returns[:, held]
    with np.errstate(over="ignore", invalid="ignore"):
        portfolio = np.multiply(np.where(np.isnan(known), 0.0, known), weight[held]).sum(axis=1)
        return float(np.sqrt((portfolio * portfolio).sum() / len(portfolio) * SESSIONS_PER_YEAR))


def _gross(weight: FloatArray) -> float:
    """Σ abs(weight) over those that are not zero, so that symbols without a weight never change its last bit."""
    return float(np.abs(weight[weight != 0.0]).sum())


def _capped(weight: FloatArray, weight_cap: float, room: float) -> FloatArray:
    capped = np.clip(weight, -weight_cap, weight_cap)
    gross = _gross(capped)
    return capped * (room / gross * (1.0 - _HAIR)) if gross > room else capped


def _inside_band(
    wanted: FloatArray, held: FloatArray, free: BoolArray, may_short: BoolArray, room: float, construction: Construction
) -> BoolArray:
    keep: BoolArray = free & (np.abs(wanted - held) < construction.no_trade_band)
    keep &= (wanted != 0.0) & (np.abs(held) <= construction.weight_cap)
    keep &= may_short | (held >= 0.0)
    if _gross(np.where(keep, held, wanted)[free]) > room:
        keep &= np.abs(held) <= np.abs(wanted)
    return keep


def whole_lots(weight: FloatArray, price: FloatArray, lot: IntArray, equity: float, symbols: tuple[str, ...]) -> IntArray:
    """Shares of the largest whole number of lots whose value does not exceed the weight's value; signed like the weight.

    The rule of the crossing: value (weight · equity) and price are each rounded half-even to whole micros, and from there on it is
    integer division, towards zero. So 0.57 of 10,000 at 100 is 57 shares although 0.57 · 10000 / 100 is 56.99999999999999 in
    floats, and quantity · price never exceeds the value, to the micro. Where weight or price is missing or zero the answer is 0.

    Args:
        weight: (N,), finite.
        price: currency units, (N,); NaN where there is none.
        lot: shares per lot, (N,).
        equity: currency units.
        symbols: names for the error.

    Raises:
        DataError: a value or price does not fit 64 bits of micros.
    """
    value = np.rint(np.abs(weight) * equity * MICROS_PER_UNIT)
    cost = np.rint(np.where(np.isnan(price), 0.0, price) * MICROS_PER_UNIT)
    for name, array in (("target value", value), ("price", cost)):
        outside = ~(array < _INT64_END)
        if outside.any():
            at = int(outside.argmax())
            raise DataError(f"{symbols[at]}: {name} {array[at] / MICROS_PER_UNIT:g} does not fit 64 bits of micros; check equity and price")
    value_micros, cost_micros = value.astype(np.int64), cost.astype(np.int64)
    shares = np.floor_divide(value_micros, cost_micros, out=np.zeros_like(value_micros), where=cost_micros > 0)
    shares -= shares % lot
    return np.where(weight < 0, -shares, shares)
