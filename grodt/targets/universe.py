"""Which of a book's candidates it may trade in a session: rules over what was known at its close.

Candidates are what the source lists in the session, so those that are gone since are among them, and those that come later are not.
The rules see bars up to the session and no later one: judged on longer data, a session has the same answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from grodt.errors import ConfigError
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.parameters import require_count, require_number
from grodt.targets.measures import IntArray, Measured, measure

#: Why something that is held and is no candidate may not be traded but out of.
NO_CANDIDATE = "it is not listed in the session, or not among the book's symbols"


@dataclass(frozen=True, slots=True)
class UniverseRules:
    """What a candidate must fulfil; None: not asked.

    Attributes:
        listing: it has a bar in the session itself.
        price: least last close as traded, in currency units.
        age: least number of sessions with a bar since it was listed, this one included, as far as the lake's history goes back.
        dollar_volume: least median of close · volume over the last `window` sessions, in currency units. A session without a bar
            counts as zero, from the first bar of the listing on.
        window: sessions of that median.
        largest: of those that fulfil the others, only so many with the highest such median; of equal ones the first by symbol.
    """

    listing: bool = False
    price: float | None = None
    age: int | None = None
    dollar_volume: float | None = None
    window: int = 20
    largest: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.listing, bool):
            raise ConfigError(f"universe rules: listing is {self.listing!r}; it must be true or false")
        for name in ("price", "dollar_volume"):
            if getattr(self, name) is not None:
                require_number("universe rules", name, getattr(self, name), above=0, high=1e15)
        if self.age is not None:
            require_count("universe rules", "age", self.age, low=1, high=100_000)
        require_count("universe rules", "window", self.window, low=1, high=2520)
        if self.largest is not None:
            require_count("universe rules", "largest", self.largest, low=1, high=1_000_000)
        if not self.listing and all(getattr(self, name) is None for name in ("price", "age", "dollar_volume", "largest")):
            given = ", ".join(field.name for field in fields(self) if field.name != "window")
            raise ConfigError(f"universe rules: none is given; give one of {given}, or leave `rules` out")

    @property
    def needs_turnover(self) -> bool:
        """Whether volumes have to be read."""
        return self.dollar_volume is not None or self.largest is not None


@dataclass(frozen=True, slots=True, eq=False)
class Eligibility:
    """The rules' answer for one session; arrays of shape (N,).

    Attributes:
        symbols: ascending tickers.
        eligible: whether it may be traded.
        reason: the rule it fails, in words; "" where it is eligible.
        price: last close, currency units; NaN where there never was one.
        age: sessions with a bar since it was listed.
        dollar_volume: median of close · volume, currency units; NaN where no rule asks for it, or there is no bar.
    """

    symbols: tuple[str, ...]
    eligible: BoolArray
    reason: tuple[str, ...]
    price: FloatArray
    age: IntArray
    dollar_volume: FloatArray


def judge(rules: UniverseRules, panel: Panel, candidate: BoolArray, turnover: FloatArray | None) -> Eligibility:
    """Apply the rules at the last session of a panel.

    Args:
        rules: the rules.
        panel: history of candidates and holdings, ending with the session.
        candidate: whether the source lists it in the session and the book names it, (N,).
        turnover: close · volume of the sessions that the panel ends with, currency units, (at least `window` where there are so many,
            N), NaN where there is no bar; None where `rules.needs_turnover` is false.

    Raises:
        ValueError: shapes differ, or turnover is needed and not given.
    """
    width = len(panel.symbols)
    if candidate.shape != (width,) or (turnover is not None and turnover.shape[1:] != (width,)):
        raise ValueError(f"candidates and turnover must be of the panel's {width} symbols")
    if rules.needs_turnover and turnover is None:
        raise ValueError("these rules need turnover")
    return judge_measured(rules, panel.symbols, measure(panel, None if turnover is None else turnover[-rules.window :]), candidate)


def judge_measured(rules: UniverseRules, symbols: tuple[str, ...], measured: Measured, candidate: BoolArray) -> Eligibility:
    """Apply the rules to what was measured at a session's close; `judge` has the rest."""
    width, price, age, volume = len(symbols), measured.price, measured.age, measured.dollar_volume
    found = _Verdict(candidate.copy(), ["" if each else NO_CANDIDATE for each in candidate.tolist()])
    if rules.listing:
        found.require(measured.barred, lambda i: "listing: it has no bar in the session")
    if (least := rules.price) is not None:
        found.require(price >= least, lambda i: f"price: {_below(price[i], least, ',.6g')}")
    if (youngest := rules.age) is not None:
        found.require(age >= youngest, lambda i: f"age: {age[i]} sessions, fewer than {youngest}")
    if (thinnest := rules.dollar_volume) is not None:
        found.require(volume >= thinnest, lambda i: f"dollar_volume: {_below(volume[i], thinnest, ',.0f')}")
    if (most := rules.largest) is not None:
        rank = np.empty(width, dtype=np.int64)
        rank[np.argsort(np.where(found.eligible & ~np.isnan(volume), -volume, np.inf), kind="stable")] = np.arange(width)
        found.require((rank < most) & ~np.isnan(volume), lambda i: f"largest: not among the {most} with the highest dollar volume")
    return Eligibility(symbols, found.eligible, tuple(found.reason), price, age, volume)


@dataclass(frozen=True, slots=True, eq=False)
class _Verdict:
    eligible: BoolArray
    reason: list[str]

    def require(self, holds: BoolArray, words: Callable[[int], str]) -> None:
        """Leave out those for which a rule does not hold; the first one is the reason."""
        for i in np.flatnonzero(self.eligible & ~holds).tolist():
            self.eligible[i] = False
            self.reason[i] = words(i)


def _below(value: float, least: float, form: str) -> str:
    return "it was never traded" if np.isnan(value) else f"{value:{form}} is below {least:{form}}"
