"""The signal that is looked at, asked on panels of its own so that nothing it does to one shows in another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.signals.checking.worlds import PER_SESSION
from grodt.signals.indicators import Volatility
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.plugins.origin import Origin
from grodt.signals.plugins.watched import CAP, Watched, flaws, when_of
from grodt.signals.signal import Signal, SignalOutput, is_intraday

#: The volatility that signals are given here: known from a listing's second bar on, so that it keeps no value away.
VOLATILITY = Volatility(history=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to.

    Attributes:
        check: its name.
        verdict: pass, fail, note (nothing is wrong, but look) or skipped.
        words: what was found, for people.
        world: the panel it was found on.
        symbol, session: where; empty where there is no one place.
        values: what was compared there, by what it is.
    """

    check: str
    verdict: str
    words: str
    world: str = ""
    symbol: str = ""
    session: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A panel and the volatility of its rows, (T, N).

    Attributes:
        name: of the world.
        panel: members are known of all its rows.
        volatility: of all its rows.
        plain: see `World`.
    """

    name: str
    panel: Panel
    volatility: FloatArray
    plain: bool = False

    @classmethod
    def of(cls, name: str, panel: Panel, *, plain: bool = False) -> "Given":
        """With its volatility."""
        rows = len(panel.sessions)
        return cls(name, panel, VOLATILITY.evaluate(panel, rows) if rows else np.empty(panel.close.shape), plain)

    def until(self, count: int) -> "Given":
        """The first rows of it."""
        return Given(self.name, self.panel.until(count), self.volatility[:count], self.plain)


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A signal to be looked at.

    Attributes:
        build: makes a new one of the same parameters.
        signal: one of them.
        origin: where it comes from.
        cap: largest absolute forecast.
        per_session: rows of a session of the panels that are made for it: 1, or more if it reads bars of a session.
        heard: what it answered when it was first asked about a whole panel, by the panel's name.
    """

    build: Callable[[], Signal]
    signal: Signal
    origin: Origin
    cap: float
    per_session: int
    heard: dict[str, SignalOutput] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What a row is called."""
        return "session" if self.per_session == 1 else "bar"

    @classmethod
    def of(cls, build: Callable[[], Signal]) -> "Subject":
        """One that this makes. What looks at each answer is taken off: its rules have checks of their own here.

        Raises:
            ConfigError: it cannot be made.
        """

        def bare() -> Signal:
            made = build()
            return made.signal if isinstance(made, Watched) else made

        made = build()
        origin = made.origin if isinstance(made, Watched) else Origin("GRODT itself", None, "", "report it")
        return cls(bare, bare(), origin, float(getattr(made, "cap", CAP)), PER_SESSION if is_intraday(made) else 1)

    def ask(self, given: Given, last: int | None = None, signal: Signal | None = None) -> SignalOutput:
        """What it answers for the last rows, all of them by default. Its members are known of those alone, as in a cycle.

        Raises:
            DataError: it raised something, or the answer has not the shape or type that was asked for.
        """
        rows = len(given.panel.sessions) if last is None else last
        return self.ask_on(own(given.panel, self.signal.fields, rows), given.volatility[len(given.volatility) - rows :].copy(), signal)

    def ask_on(self, panel: Panel, volatility: FloatArray, signal: Signal | None = None) -> SignalOutput:
        """The same on arrays that it gets itself.

        Raises:
            DataError: see `ask`.
        """
        asked, owner = signal or self.signal, f"signal {self.signal.name}"
        output = self.origin.run(owner, lambda: asked.evaluate(panel, volatility), DataError)
        wrong = next((flaw for flaw in flaws(output, panel, volatility.shape, np.inf) if flaw.rule == "shape"), None)
        if wrong is not None:
            raise DataError(f"{owner} in {self.origin.place}: {wrong}; {self.origin.remedy}")
        return SignalOutput(output.value.copy(), output.forecast.copy())


def own(panel: Panel, fields: Sequence[str], last: int) -> Panel:
    """A copy with those fields, whose members are known of the last rows."""
    return Panel(
        panel.sessions,
        panel.symbols,
        panel.close.copy(),
        panel.log_return.copy(),
        {name: panel.raw(name).copy() for name in fields},
        None if panel.members is None else panel.members[len(panel.members) - last :].copy(),
        None if panel.ends is None else panel.ends.copy(),
        panel.rows_per_year,
    )


def unequal(left: FloatArray, right: FloatArray) -> BoolArray:
    """Where two arrays of one shape differ in any bit; one NaN is as good as another."""
    bits: tuple[NDArray[np.int64], ...] = tuple(np.ascontiguousarray(array).view(np.int64) for array in (left, right))
    return np.asarray((bits[0] != bits[1]) & ~(np.isnan(left) & np.isnan(right)))


def difference(
    check: str,
    given: Given,
    first_row: int,
    left: tuple[str, SignalOutput],
    right: tuple[str, SignalOutput],
    where: BoolArray | None = None,
) -> Finding | None:
    """The first cell in which two answers differ, as a failed check; None where they are the same.

    Args:
        check: its name.
        given: whose sessions and symbols the answers are of.
        first_row: row of the panel that the answers' first row is.
        left, right: the answers, (R, N), each with what it is.
        where: cells that count, (R, N); None: all.
    """
    names = ("value", "forecast")
    pairs = [(getattr(left[1], name), getattr(right[1], name)) for name in names]
    wrong = [unequal(*pair) if where is None else unequal(*pair) & where for pair in pairs]
    rows = [int(each.any(axis=1).argmax()) if each.any() else len(each) for each in wrong]
    which = int(np.argmin(rows))
    if not wrong[which].any():
        return None
    row = rows[which]
    column = int(wrong[which][row].argmax())
    values = {each[0]: float(pair[row, column]) for each, pair in zip((left, right), pairs[which], strict=True)}
    told = ", ".join(f"{shown(value)} {what}" for what, value in values.items())
    symbol, when = given.panel.symbols[column], when_of(given.panel, first_row + row)
    return Finding(check, "fail", f"the {names[which]} of {symbol} {when} is {told}", given.name, symbol, when, values)


def shown(value: float) -> str:
    """A value with all the digits that tell it from its neighbours."""
    return "none" if np.isnan(value) else repr(float(value))
