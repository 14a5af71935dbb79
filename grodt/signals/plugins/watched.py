"""A signal of one's own, whose every answer is looked at before it is used."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from grodt.errors import DataError
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.plugins.origin import Origin
from grodt.signals.signal import Signal, SignalOutput, is_intraday

#: Largest absolute forecast of a signal that does not say.
CAP = 2.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A signal that somebody else wrote. It was asked once what it is; what it answers is looked at each time.

    Attributes:
        signal: as it was made.
        origin: where it comes from.
        name, history, fields: see `Signal`.
        cap: largest absolute forecast.
        again: makes the same one in another process.
    """

    signal: Signal
    origin: Origin
    name: str
    history: int
    fields: tuple[str, ...]
    cap: float
    again: Callable[[], tuple[object, ...]] = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[object, ...]:
        return self.again()

    @property
    def intraday(self) -> bool:
        """Whether it reads bars of a session; see `is_intraday`."""
        return is_intraday(self.signal)

    def evaluate(self, panel: Panel, volatility: FloatArray) -> SignalOutput:
        """See `Signal.evaluate`.

        Raises:
            DataError: its code raised something, or gave what no signal may give: names symbol, session and value.
        """
        output = self.origin.run(f"signal {self.name}", lambda: self.signal.evaluate(panel, volatility), DataError)
        wrong = next(iter(flaws(output, panel, volatility.shape, self.cap)), None)
        if wrong is not None:
            raise DataError(f"signal {self.name} in {self.origin.place}: {wrong}; {self.origin.remedy}")
        return output


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that no signal may give.

    Attributes:
        rule: which rule it breaks: shape, bar, finite or cap.
        words: what is wrong.
        symbol, when: where; empty for a shape.
    """

    rule: str
    words: str
    symbol: str = ""
    when: str = ""

    def __str__(self) -> str:
        return f"{self.symbol} {self.when}: {self.words}" if self.symbol else self.words


def flaws(output: object, panel: Panel, shape: tuple[int, ...], cap: float) -> list[Flaw]:
    """What is wrong with a signal's answer: the first cell that breaks each rule. Values stand where there is a bar, and are finite.

    Args:
        output: what `evaluate` returned.
        panel: what it was given.
        shape: of the volatility it was given, (R, N).
        cap: largest absolute forecast.
    """
    if not isinstance(output, SignalOutput):
        return [Flaw("shape", f"evaluate returned a {type(output).__name__}; it must return a SignalOutput of value and forecast")]
    given: tuple[tuple[str, object], ...] = (("value", output.value), ("forecast", output.forecast))
    for name, array in given:
        if not isinstance(array, np.ndarray):
            return [Flaw("shape", f"the {name} is a {type(array).__name__}; it must be an array of float64")]
        if array.dtype != np.float64 or array.shape != shape:
            wanted = f"it must be of float64, a row for each session asked for and a column for each symbol, {shape}"
            return [Flaw("shape", f"the {name} is an array of {array.dtype} of shape {array.shape}; {wanted}")]
    value, forecast = output.value, output.forecast
    barred, known = ~np.isnan(panel.close[len(panel.close) - shape[0] :]), ~np.isnan(forecast)
    checks = (
        ("bar", value, ~np.isnan(value) & ~barred, "the value is {}, and there is no bar; it must be NaN there"),
        ("bar", forecast, known & ~barred, "the forecast is {}, and there is no bar; it must be NaN there"),
        ("finite", value, np.isinf(value), "the value is {}; it must be finite, or NaN where there is none"),
        ("finite", forecast, np.isinf(forecast), "the forecast is {}; it must be finite, or NaN where there is none"),
        ("cap", forecast, np.abs(forecast) > cap, f"the forecast is {{}}; it must lie within ±{cap:g}, the signal's cap"),
        ("value", forecast, known & np.isnan(value), "the forecast is {}, and there is no value that it could come from"),
    )
    found: list[Flaw] = []
    for rule, array, wrong, words in checks:
        if wrong.any() and all(flaw.rule != rule for flaw in found):
            found.append(_first(rule, array, wrong, words, panel))
    return found


def _first(rule: str, array: FloatArray, wrong: BoolArray, words: str, panel: Panel) -> Flaw:
    row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
    when = when_of(panel, len(panel.sessions) - len(wrong) + int(row))
    return Flaw(rule, words.format(f"{float(array[row, column]):.6g}"), panel.symbols[column], when)


def when_of(panel: Panel, row: int) -> str:
    """A row as messages call it: its session, or the instant at which its bar ends."""
    if panel.ends is None:
        return str(panel.sessions[row])
    day, minute = str(panel.ends[row].astype("datetime64[m]")).split("T")
    return f"{day} {minute} UTC"
