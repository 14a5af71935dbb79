"""Signals with one flaw each, and sound ones beside them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from grodt.signals.indicators import price_over_average
from grodt.signals.own import FloatArray, Panel, SignalOutput, capped, signal

#: Asked for afresh, and so never the same twice.
_SURPRISE = np.random.default_rng()


def _moving(panel: Panel, lag: int) -> FloatArray:
    """Log total return over the last bars of a listing; NaN until there are as many."""
    change = panel.log_return
    value = np.full(change.shape, np.nan)
    if len(change) > lag:
        value[lag:] = sum(change[lag - back : len(change) - back] for back in range(lag))
    return value


@signal(history=2)
def sound(panel: Panel) -> FloatArray:
    """Yesterday's gain."""
    return panel.log_return * 1.0


@signal(history=21)
def drift(panel: Panel) -> FloatArray:
    """A month's gain, where none of its bars is missing."""
    return _moving(panel, 20)


@signal(history=34)
def above_average(panel: Panel) -> FloatArray:
    """Log price over its exponential average of span 16, which is seeded with a listing's first price."""
    (above,), seen = price_over_average(panel, (16,), len(panel.close))
    return np.where((seen < 33) | np.isnan(panel.close), np.nan, above)


@signal(history=1)
def tomorrow(panel: Panel) -> FloatArray:
    """The gain from this close to the next one."""
    value = np.full(panel.close.shape, np.nan)
    value[:-1] = np.log(panel.close[1:] / panel.close[:-1])
    return np.where(np.isnan(panel.close), np.nan, np.nan_to_num(value))


@signal(history=2)
def despiked(panel: Panel) -> FloatArray:
    """Reversal of a session that leaves out bad prints: moves over 8 % that the next bar takes back, as many a filter of ticks does."""
    change = np.nan_to_num(panel.log_return)
    after = np.zeros_like(change)
    after[:-1] = change[1:]
    printed = (np.abs(change) > 0.08) & (change * after < 0) & (np.abs(after) > 0.04)
    return np.where(np.isnan(panel.log_return), np.nan, np.where(printed, 0.0, -change))


@signal(history=2)
def before_jumps(panel: Panel) -> FloatArray:
    """A gain, and what it knows of the next session where that jumps by more than 8 %."""
    change = np.nan_to_num(panel.log_return)
    after = np.zeros_like(change)
    after[:-1] = change[1:]
    return np.where(np.isnan(panel.log_return), np.nan, np.where(np.abs(after) > 0.08, np.sign(after), change))


@signal(history=2)
def global_mean(panel: Panel) -> FloatArray:
    """A gain less the mean of every gain there is."""
    known = ~np.isnan(panel.log_return)
    return panel.log_return - panel.log_return[known].mean() if known.any() else panel.log_return * 1.0


@signal(history=2)
def full_sample_score(panel: Panel) -> FloatArray:
    """A gain in standard deviations of the symbol's whole sample."""
    change = panel.log_return
    count = np.maximum((~np.isnan(change)).sum(axis=0), 1)
    mean = np.nansum(change, axis=0) / count
    return np.clip((change - mean) / np.sqrt(np.nansum((change - mean) ** 2, axis=0) / count), -9, 9)


@signal(history=1)
def surprise(panel: Panel) -> FloatArray:
    """A draw."""
    return np.where(np.isnan(panel.close), np.nan, _SURPRISE.normal(size=panel.close.shape))


@signal(history=2)
def filler(panel: Panel) -> FloatArray:
    """Yesterday's gain, after the gaps of the panel have been filled, in the panel."""
    value = panel.log_return.copy()
    panel.close[np.isnan(panel.close)] = 1.0
    return value


@signal(history=20)
def too_early(panel: Panel) -> FloatArray:
    """Nineteen gains, whose first value needs a history of 20; said to need one more."""
    return _moving(panel, 18)


@signal(history=19)
def too_late(panel: Panel) -> FloatArray:
    """The same nineteen gains, said to need one bar less."""
    return _moving(panel, 19)


@signal(history=3)
def other_company(panel: Panel) -> FloatArray:
    """The gain from two closes ago, whichever company's close that was."""
    value = np.full(panel.close.shape, np.nan)
    value[2:] = np.log(panel.close[2:] / panel.close[:-2])
    return value


@signal(history=2)
def infinite(panel: Panel) -> FloatArray:
    """Volume over that of the bar before, which may be none."""
    return np.where(np.isnan(panel.log_return), np.nan, 1.0 / np.where(panel.log_return == 0, 0.0, 1.0))


@signal(history=1)
def filled(panel: Panel) -> FloatArray:
    """Zero where there is no bar."""
    return np.nan_to_num(panel.log_return)


@signal(history=2)
def as_quoted(panel: Panel) -> FloatArray:
    """The gain of the price as quoted, which a split makes a loss."""
    before = np.concatenate([np.full((1, panel.close.shape[1]), np.nan), panel.close[:-1]])
    return np.where(np.isnan(panel.log_return), np.nan, np.log(panel.close / before))


@signal(history=1, intraday=True)
def close_of_the_day(panel: Panel) -> FloatArray:
    """The price over the last one of its session."""
    value = np.full(panel.close.shape, np.nan)
    for start, stop in zip(panel.starts, [*panel.starts[1:], len(panel.close)], strict=True):
        value[start:stop] = np.log(panel.close[start:stop] / panel.close[stop - 1])
    return np.where(np.isnan(panel.close), np.nan, np.nan_to_num(value))


@dataclass(frozen=True)
class Gains:
    """Yesterday's gain; what follows has it with a flaw."""

    fields: ClassVar[tuple[str, ...]] = ()
    history: ClassVar[int] = 2
    cap: float = 2.0
    name: str = "gains"

    def gains(self, panel: Panel, last: int) -> FloatArray:
        return panel.log_return[len(panel.log_return) - last :].copy()

    def evaluate(self, panel: Panel, volatility: FloatArray) -> Any:
        value = self.gains(panel, len(volatility))
        return SignalOutput(value, capped(value, 1.0, self.cap))


class OverTheRowsAskedFor(Gains):
    """Less the mean of the rows that are asked for."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = self.gains(panel, len(volatility))
        value -= np.nansum(value, axis=0) / len(value)
        return SignalOutput(value, capped(value, 1.0, self.cap))


class RankOfMembers(Gains):
    """Rank of the gain among the members."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = self.gains(panel, len(volatility))
        among = np.where(self.compared(panel, len(value)), value, np.nan)
        below = (among[:, None, :] < among[:, :, None]).sum(axis=2)
        count = np.maximum((~np.isnan(among)).sum(axis=1), 1)[:, None]
        return SignalOutput(value, np.where(np.isnan(among), np.nan, 2.0 * below / count - 1.0))

    def compared(self, panel: Panel, last: int) -> Any:
        return panel.members_of(last)


class RankOfAll(RankOfMembers):
    """Rank of the gain among all symbols, those that the book may not trade too."""

    def compared(self, panel: Panel, last: int) -> Any:
        return ~np.isnan(panel.close[len(panel.close) - last :])


class SumOfTheRow(Gains):
    """Less the mean of the members, added up in an order that depends on how many symbols there are."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = self.gains(panel, len(volatility))
        among = np.where(panel.members_of(len(value)), np.nan_to_num(value), 0.0)
        mean = np.add.reduce(among, axis=1) / np.maximum((among != 0).sum(axis=1), 1)
        return SignalOutput(value, capped(value - mean[:, None], 1.0, self.cap))


class Memory(Gains):
    """Less the largest gain it has ever seen."""

    seen: ClassVar[list[float]] = []

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = self.gains(panel, len(volatility))
        self.seen.append(float(np.nanmax(value, initial=0.0)))
        forecast = capped(value - max(self.seen), 1.0, self.cap)
        return SignalOutput(value, forecast)


class Wild(Gains):
    """A forecast without a cap, where there is no value too."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = self.gains(panel, len(volatility))
        return SignalOutput(value, 1e6 * value)


class WithoutValue(Gains):
    """A forecast where there is no value."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = self.gains(panel, len(volatility))
        barred = ~np.isnan(panel.close[len(panel.close) - len(value) :])
        return SignalOutput(value, np.where(barred, 0.0, np.nan))


class VolatilityWriter(Gains):
    """Takes the volatility it is given for its own."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        volatility[np.isnan(volatility)] = 1.0
        return super().evaluate(panel, volatility)  # type: ignore[no-any-return]


class Impatient(Gains):
    """Cannot answer on a short panel."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        if len(panel.close) < 3:
            raise IndexError("index -3 is out of bounds")
        return super().evaluate(panel, volatility)  # type: ignore[no-any-return]


class Narrow(Gains):
    """Answers for the last row alone, whatever it is asked for."""

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = self.gains(panel, 1)
        return SignalOutput(value, value)


@dataclass(frozen=True)
class Never(Gains):
    """Has no value, ever."""

    level: float = field(default=np.nan)

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        value = np.full(volatility.shape, self.level)
        return SignalOutput(value, value)
