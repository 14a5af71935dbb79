"""The indicators once more, for one listing's bars, in plain Python: exact fractions for sums, one window after the other."""

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

type Values = list[float]
type Rows = list[tuple[float, ...]]

NAN = math.nan


def _windows(values: Sequence[float], window: int, of: Callable[[Sequence[float]], float]) -> Values:
    return [of(values[end - window : end]) if end >= window else NAN for end in range(1, len(values) + 1)]


def mean(values: Sequence[float]) -> float:
    return float(sum(map(Fraction, values)) / len(values))


def variance(values: Sequence[float], less: int) -> Fraction:
    exact = [Fraction(value) for value in values]
    centre = sum(exact) / len(exact)
    return sum((value - centre) ** 2 for value in exact) / (len(exact) - less)


def deviation(values: Sequence[float], less: int = 0) -> float:
    return math.sqrt(variance(values, less))


def z(values: Sequence[float]) -> float:
    spread = deviation(values)
    centre = sum(map(Fraction, values)) / len(values)
    return float(Fraction(values[-1]) - centre) / spread if spread else NAN


def smoothed(values: Sequence[float], length: int, share: float) -> Values:
    """The mean of the first `length`, then a step of `share` of the way to each value."""
    out: Values = []
    for number, value in enumerate(values):
        if number < length - 1:
            out.append(NAN)
        elif number == length - 1:
            out.append(mean(values[:length]))
        else:
            out.append(out[-1] + share * (value - out[-1]))
    return out


def sma(values: Sequence[float], window: int) -> Values:
    return _windows(values, window, mean)


def ema(values: Sequence[float], span: int) -> Values:
    return smoothed(values, span, 2 / (span + 1))


def wilder(values: Sequence[float], length: int) -> Values:
    return smoothed(values, length, 1 / length)


def rsi(close: Sequence[float], length: int) -> Values:
    changes = [after - before for before, after in itertools.pairwise(close)]
    gains, losses = (wilder([max(sign * change, 0.0) for change in changes], length) for sign in (1, -1))
    return [NAN, *(100 * gain / (gain + loss) if gain + loss else NAN for gain, loss in zip(gains, losses, strict=True))]


def true_range(high: Sequence[float], low: Sequence[float], close: Sequence[float]) -> Values:
    rest = zip(high[1:], low[1:], close[:-1], strict=True)
    return [NAN, *(max(top - bottom, abs(top - before), abs(bottom - before)) for top, bottom, before in rest)]


def atr(high: Sequence[float], low: Sequence[float], close: Sequence[float], length: int) -> Values:
    return [NAN, *wilder(true_range(high, low, close)[1:], length)]


def bollinger(close: Sequence[float], window: int, deviations: float) -> Rows:
    middle, half = sma(close, window), [deviations * one for one in _windows(close, window, deviation)]
    return [(centre + width, centre, centre - width) for centre, width in zip(middle, half, strict=True)]


def donchian(high: Sequence[float], low: Sequence[float], window: int) -> Rows:
    out: Rows = [(NAN, NAN, NAN)] * min(window, len(high))
    for row in range(window, len(high)):
        top, bottom = max(high[row - window : row]), min(low[row - window : row])
        out.append((top, (top + bottom) / 2, bottom))
    return out


def channel_position(close: Sequence[float], window: int) -> Values:
    def position(part: Sequence[float]) -> float:
        top, bottom, last = (Fraction(value) for value in (max(part), min(part), part[-1]))
        return float(2 * (last - bottom) / (top - bottom) - 1) if top > bottom else 0.0

    return _windows(close, window, position)


def keltner(high: Sequence[float], low: Sequence[float], close: Sequence[float], span: int, multiplier: float, length: int) -> Rows:
    out: Rows = []
    for centre, width in zip(ema(close, span), atr(high, low, close, length), strict=True):
        middle = NAN if math.isnan(width) else centre
        out.append((middle + multiplier * width, middle, middle - multiplier * width))
    return out


def macd(close: Sequence[float], fast: int, slow: int, signal: int) -> Rows:
    difference = [quick - late for quick, late in zip(ema(close, fast), ema(close, slow), strict=True)]
    lead = min(slow - 1, len(close))
    line = [NAN] * lead + ema(difference[lead:], signal)
    return [(one, other, one - other) for one, other in zip(difference, line, strict=True)]


def adx(high: Sequence[float], low: Sequence[float], close: Sequence[float], length: int) -> Rows:
    ups, downs = [], []
    for row in range(1, len(close)):
        up, down = high[row] - high[row - 1], low[row - 1] - low[row]
        ups.append(up if up > down and up > 0 else 0.0)
        downs.append(down if down > up and down > 0 else 0.0)
    moved, risen, fallen = (wilder(one, length) for one in (true_range(high, low, close)[1:], ups, downs))
    plus, minus = ([100 * a / b if b else 0.0 for a, b in zip(one, moved, strict=True)] for one in (risen, fallen))
    index = [100 * abs(a - b) / (a + b) if a + b else 0.0 for a, b in zip(plus, minus, strict=True)]
    lead = min(length - 1, len(index))
    average = [NAN] * lead + wilder(index[lead:], length)
    return [(NAN,) * 4, *zip(plus, minus, index, average, strict=True)][: len(close)]


def roc(values: Sequence[float], length: int, skip: int) -> Values:
    return [
        100 * (float(Fraction(values[row - skip]) / Fraction(values[row - length])) - 1) if row >= length else NAN
        for row in range(len(values))
    ]


def volume_ratio(volume: Sequence[float], window: int) -> Values:
    out: Values = []
    for row, traded in enumerate(volume):
        usual = mean(volume[row - window : row]) if row >= window else NAN
        out.append(traded / usual if usual else NAN)
    return out


def rolling_rank(values: Sequence[float], window: int) -> Values:
    def rank(part: Sequence[float]) -> float:
        below, equal = sum(one < part[-1] for one in part), sum(one == part[-1] for one in part)
        return (below + (equal + 1) / 2) / len(part)

    return _windows(values, window, rank)


def beta(returns: Sequence[float], index: Sequence[float], window: int) -> Values:
    out: Values = []
    for end in range(1, len(returns) + 1):
        if end < window:
            out.append(NAN)
            continue
        ours, theirs = ([Fraction(one) for one in series[end - window : end]] for series in (returns, index))
        centre, middle = sum(ours) / window, sum(theirs) / window
        spread = sum((one - middle) ** 2 for one in theirs)
        crossed = sum((one - centre) * (other - middle) for one, other in zip(ours, theirs, strict=True))
        out.append(float(crossed / spread) if spread else NAN)
    return out


def log_returns(close: Sequence[float]) -> Values:
    return [NAN, *(math.log(after / before) for before, after in itertools.pairwise(close))]


def realised(returns: Sequence[float], window: int) -> Values:
    return _windows(returns, window, lambda part: deviation(part, 1) * math.sqrt(252))


def ewma(returns: Sequence[float], span: int, history: int) -> Values:
    decay = 1 - 2 / (span + 1)
    out: Values = []
    for end in range(1, len(returns) + 1):
        weights = [decay**back for back in range(end)]
        squares = math.fsum(weight * one * one for weight, one in zip(weights, reversed(returns[:end]), strict=True))
        out.append(math.sqrt(252 * squares / math.fsum(weights)) if end >= history else NAN)
    return out


def vwap(high: Sequence[float], low: Sequence[float], close: Sequence[float], volume: Sequence[float]) -> Values:
    out: Values = []
    for end in range(1, len(close) + 1):
        shares = sum(map(Fraction, volume[:end]))
        prices = [(Fraction(h) + Fraction(lo) + Fraction(c)) / 3 for h, lo, c in zip(high[:end], low[:end], close[:end], strict=True)]
        traded = sum((price * Fraction(one) for price, one in zip(prices, volume, strict=False)), Fraction(0))
        out.append(float(traded / shares) if shares else NAN)
    return out


def rolling_vwap(high: Sequence[float], low: Sequence[float], close: Sequence[float], volume: Sequence[float], window: int) -> Values:
    parts = [slice(end - window, end) for end in range(1, len(close) + 1)]
    return [vwap(high[p], low[p], close[p], volume[p])[-1] if p.start >= 0 else NAN for p in parts]
