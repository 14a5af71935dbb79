"""Position sizes from the distance of a stop, for intraday signals: each trade risks the same share of equity."""

from dataclasses import dataclass

import numpy as np

from grodt.errors import DataError
from grodt.signals.panel import BoolArray, FloatArray
from grodt.signals.parameters import require_number
from grodt.targets.caps import IntArray
from grodt.targets.rounding import lots_within, whole_micros

#: Prices and ticks from here on leave no room for a stop beside them in 64 bits.
_FARTHEST = 2**61


@dataclass(frozen=True, slots=True)
class StopRule:
    """How much a trade may lose, and where it is given up.

    Attributes:
        risk_per_trade: share of equity that is lost where the stop is hit at its price; 0.005 is half a per cent.
        atr_multiple: k, distance of the stop from the price in average true ranges.
        weight_cap: largest absolute weight of one symbol, a share of equity.
        gross_cap: largest sum of absolute weights.
    """

    risk_per_trade: float
    atr_multiple: float
    weight_cap: float
    gross_cap: float

    def __post_init__(self) -> None:
        require_number("stop rule", "risk_per_trade", self.risk_per_trade, above=0, high=0.1)
        require_number("stop rule", "atr_multiple", self.atr_multiple, above=0, high=20)
        require_number("stop rule", "gross_cap", self.gross_cap, above=0, high=10)
        require_number("stop rule", "weight_cap", self.weight_cap, above=0, high=self.gross_cap)


@dataclass(frozen=True, slots=True, eq=False)
class StopSizes:
    """Trades with their stops; arrays of shape (N,).

    Attributes:
        symbols: ascending tickers.
        quantity: whole shares, negative when short; 0 where there is no trade.
        stop: price of the stop, micros, a multiple of the tick; 0 where there is no trade.
        risk: what is lost if the stop is hit at its price, micros.
    """

    symbols: tuple[str, ...]
    quantity: IntArray
    stop: IntArray
    risk: IntArray


def stop_sizes(
    symbols: tuple[str, ...],
    *,
    side: FloatArray,
    price: FloatArray,
    atr: FloatArray,
    lot: IntArray,
    tick: IntArray,
    equity: float,
    tradable: BoolArray,
    shortable: BoolArray,
    rule: StopRule,
    held_value: float = 0.0,
) -> StopSizes:
    """Shares of trades that each lose at most `risk_per_trade` of equity at a stop k · ATR away.

        shares = floor(equity · risk_per_trade / distance) in whole lots, distance = k · ATR

    (the percent risk model of V. Tharp, Trade Your Way to Financial Freedom, 1998; ATR of J. W. Wilder, New Concepts in Technical Trading
    Systems, 1978). All in integers, as in `whole_lots`: risk, k · ATR and price are each rounded half-even to whole micros. The stop is
    then moved away from the price to a multiple of the tick, and the distance is what lies between, so that quantity · distance never
    exceeds the risk, to the micro. A gap through the stop, slippage and fees are not in it.

    Then quantity · price is held to weight_cap · equity, and if all trades together exceed what `held_value` leaves of
    gross_cap · equity, each is scaled down to it, in whole lots again.

    There is no trade where the side is zero or NaN, the symbol may not trade, price or ATR is missing or not above zero, a short is not
    allowed, or the stop would be as far from the price as zero is.

    Args:
        symbols: ascending tickers.
        side: above zero to buy, below to sell short, (N,); a forecast will do, only its sign counts.
        price: expected price of entry, currency units, (N,).
        atr: average true range in currency units, of the bars the signal trades on, (N,).
        lot: shares per lot, at least 1, (N,).
        tick: micros, at least 1, (N,).
        equity: the book's value in currency units, > 0.
        tradable, shortable: (N,).
        rule: the parameters.
        held_value: Σ abs(value) of what is held already, currency units.

    Raises:
        DataError: equity is not a finite number above zero, held_value none of at least zero, or an amount does not fit 64 bits of micros.
        ValueError: shapes differ, or a lot or tick is below 1.
    """
    arrays = {"side": side, "price": price, "atr": atr, "lot": lot, "tick": tick, "tradable": tradable, "shortable": shortable}
    for name, array in arrays.items():
        if array.shape != (len(symbols),):
            raise ValueError(f"{name} has shape {array.shape}, not ({len(symbols)},)")
    for name, array in {"lot": lot, "tick": tick}.items():
        if (array < 1).any():
            raise ValueError(f"{symbols[int((array < 1).argmax())]}: {name} {array[array < 1][0]} must be at least 1")
    if not 0 < equity < np.inf or not 0 <= held_value < np.inf:
        raise DataError(f"equity {equity} must be a finite number > 0 and held_value {held_value} one >= 0: check marks and deposits")

    long = side > 0
    usable = tradable & (long | ((side < 0) & shortable))
    usable &= (price > 0) & (price < np.inf) & (atr > 0) & (atr < np.inf)
    entry = whole_micros(np.where(usable, price, 0.0), "price", symbols)
    reach = whole_micros(np.where(usable, atr, 0.0) * rule.atr_multiple, "k · ATR", symbols)
    usable &= reach < entry
    reach = np.where(usable, reach, 0)
    farthest = np.maximum(entry, tick) >= _FARTHEST
    if farthest.any():
        raise DataError(f"{symbols[int(farthest.argmax())]}: price or tick does not fit 61 bits of micros; check price and tick")
    stop = _stops(long, entry, reach, tick)
    distance = np.abs(entry - stop)
    usable &= (distance > 0) & (stop > 0)

    risk = _micros(equity * rule.risk_per_trade, "equity · risk_per_trade")
    most = _micros(equity * rule.weight_cap, "equity · weight_cap")
    room = _micros(max(0.0, equity * rule.gross_cap - held_value), "equity · gross_cap")
    by_risk, by_weight = (lots_within(np.full(len(symbols), amount), cost, lot) for amount, cost in ((risk, distance), (most, entry)))
    shares = np.where(usable, np.minimum(by_risk, by_weight), 0)
    value = shares * entry
    total = sum(value.tolist())  # exact; 64 bits would not hold every sum
    if total > room:
        scaled = [each * room // total for each in value.tolist()]
        shares = lots_within(np.array(scaled, dtype=np.int64), entry, lot)
    traded = shares > 0
    return StopSizes(symbols, np.where(long, shares, -shares), np.where(traded, stop, 0), shares * distance)


def top_ups(
    symbols: tuple[str, ...],
    *,
    held: IntArray,
    wanted: IntArray,
    price: IntArray,
    stop: IntArray,
    stake: IntArray,
    lot: IntArray,
    equity: float,
    rule: StopRule,
) -> IntArray:
    """Shares by which trades may still grow to what they were entered for, (N,): with them each loses at most its risk at its stop.

    The stop is the entry's, so what is bought at another price is that much nearer to it or farther away. Two losses are held to
    `risk_per_trade` of equity: from what was paid and is paid now, and of the whole position from the price of now. Its value at that
    price is held to weight_cap. In whole lots; 0 where there is no stop.

    Args:
        symbols: whose.
        held, wanted: shares of now and of the entry, both of either side alike: ≥ 0, (N,).
        price: of now, micros, (N,).
        stop: micros, 0 where it is not known, (N,).
        stake: what is lost if the stop is hit at its price, from what was paid, micros, (N,).
        lot: shares per lot, at least 1, (N,).
        equity: the book's value in currency units, > 0.
        rule: the parameters.

    Raises:
        DataError: an amount does not fit 64 bits of micros.
    """
    away = np.abs(price - stop)
    risk, most = _micros(equity * rule.risk_per_trade, "equity · risk_per_trade"), _micros(equity * rule.weight_cap, "equity · weight_cap")
    by_risk = lots_within(np.maximum(risk - np.maximum(stake, held * away), 0), away, lot)
    by_weight = lots_within(np.maximum(most - held * price, 0), price, lot)
    return np.where(stop > 0, np.clip(np.minimum(by_risk, by_weight), 0, np.maximum(wanted - held, 0)), 0)


def stop_prices(symbols: tuple[str, ...], *, long: BoolArray, entry: IntArray, atr: FloatArray, tick: IntArray, rule: StopRule) -> IntArray:
    """The stop of trades that were entered, micros, (N,): the one that `stop_sizes` had when it was told that price and range.

    Args:
        symbols: whose.
        long: whether it was bought, (N,).
        entry: expected price of entry, micros, > 0, (N,).
        atr: average true range at the entry, currency units, > 0, (N,).
        tick: micros, at least 1, (N,).
        rule: the parameters.
    """
    return _stops(long, entry, whole_micros(atr * rule.atr_multiple, "k · ATR", symbols), tick)


def _stops(long: BoolArray, entry: IntArray, reach: IntArray, tick: IntArray) -> IntArray:
    below, above = (entry - reach) // tick * tick, -((-entry - reach) // tick) * tick
    return np.where(long, below, above)


def _micros(amount: float, name: str) -> int:
    return int(whole_micros(np.array([amount]), name, ("the book",))[0])
