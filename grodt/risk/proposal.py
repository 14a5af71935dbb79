"""What risk is asked about: the orders a cycle wants, and everything they are judged by."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise

import numpy as np

from grodt.errors import DataError
from grodt.risk.exact import BoolArray, FloatArray, IntArray, StrArray
from grodt.risk.overriding import Override
from grodt.risk.stops import Stops

#: Shares held or on order in one symbol; more is a mistake of whoever counted them.
_MOST_HELD = 10**15
_INT64_MAX = 2**63 - 1
_INTEGERS = (
    "wanted",
    "position",
    "open_buys",
    "open_sells",
    "price",
    "price_age",
    "lot",
    "tick",
    "limit_price",
    "volume",
    "group",
)
_FLOATS = ("weight", "volatility", "log_return")
_FLAGS = ("shortable", "intended", "priced", "untradable", "unknown")
_COUNTS = (
    "equity",
    "buying_power",
    "previous_equity",
    "high_water_mark",
    "bars_expected",
    "bars_present",
    "active_halts",
    "open_breaks",
    "reduce_only",
    "cycles_traded",
    "cycles_unchanged",
)


@lru_cache(maxsize=8)  # a replay asks of the same symbols in every session
def _are_ascending(symbols: tuple[str, ...]) -> bool:
    return "" not in symbols and all(left < right for left, right in pairwise(symbols))


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Orders of one cycle before risk has seen them. Arrays are aligned to `symbols`, shape (N,).

    Every symbol that is held or has an open order belongs in it, whether or not an order is wanted, since exposure and open
    buys are summed over all of them. What is not known says so (NaN, -1, 0 as below) and fails the control that needs it.

    Attributes:
        book, session, run_id: the cycle.
        symbols: ascending tickers, each once.
        wanted: int64, signed shares of the order; 0 for none.
        position: int64, signed shares held.
        open_buys, open_sells: int64, shares of open orders that buy and that sell, both ≥ 0.
        price: int64 micros, last close known; 0 where there never was one.
        price_age: int64, sessions since that close; 0 is this session's, -1 none.
        lot: int64, shares of one lot, at least 1.
        tick: int64 micros, grid of limit prices, at least 1.
        priced: bool, whether the order carries a limit price.
        limit_price: int64 micros, that price; not read where there is none.
        volume: int64, shares traded in the last 20 sessions together; -1 not known.
        group: int64, place of the symbol's group in `groups`; -1 not known.
        weight: float64, target weight; NaN not known.
        volatility: float64, σ per year; NaN not known.
        log_return: float64, of the session; NaN not known.
        shortable: bool, whether it may be sold short.
        intended: bool, whether this cycle already has an intent in the symbol.
        untradable: bool, whether the symbol is halted or inactive.
        unknown: bool, whether an order of unknown outcome is in the symbol.
        groups: names of groups.
        equity: NAV in micros; at or below zero every value over equity is unknown.
        buying_power: micros, before open buys are taken from it.
        previous_equity, high_water_mark: micros, NAV at the mark before and the highest ever; at or below zero not known.
        bars_expected, bars_present: symbols of the universe, and those of them with a bar of the session.
        last_session_fresh: whether the last bar is of the session the calendar expects.
        active_halts: halts of the book and above it.
        open_breaks: reconciliation breaks not resolved.
        reduce_only: halts that let the book only reduce.
        stops: what halts of a side, a strategy or of a symbol's opening leave of orders; None where there are none.
        cycles_traded: cycles that ordered since a person last armed the book; -1 not known.
        cycles_unchanged: cycles done before this one with the same configuration and code; -1 not known.
        first_basket: whether the book has never ordered, which excepts it from control 14.
        overrides: what two people lift of it (control 34).
        cooling: bool, whether a leg of a bracket filled in the symbol so lately that it is not added to; None: nowhere.
        announced: str, kind of the corporate action that is announced for the days up to the next session, "" where none is; None: orders
            of this kind do not outlive one at the broker, and nobody asked.

    Raises:
        ValueError: shapes, types or symbols are not as above: a mistake of the caller.
        DataError: more than 10^15 shares in a symbol, or money outside 64 bits.
    """

    book: str
    session: date
    run_id: str
    symbols: tuple[str, ...]
    wanted: IntArray
    position: IntArray
    open_buys: IntArray
    open_sells: IntArray
    price: IntArray
    price_age: IntArray
    lot: IntArray
    tick: IntArray
    priced: BoolArray
    limit_price: IntArray
    volume: IntArray
    group: IntArray
    weight: FloatArray
    volatility: FloatArray
    log_return: FloatArray
    shortable: BoolArray
    intended: BoolArray
    untradable: BoolArray
    unknown: BoolArray
    groups: tuple[str, ...]
    equity: int
    buying_power: int
    previous_equity: int
    high_water_mark: int
    bars_expected: int
    bars_present: int
    last_session_fresh: bool
    active_halts: int
    open_breaks: int
    reduce_only: int
    cycles_traded: int
    cycles_unchanged: int
    first_basket: bool
    stops: Stops | None = None
    overrides: tuple[Override, ...] = ()
    cooling: BoolArray | None = None
    announced: StrArray | None = None

    @property
    def low(self) -> IntArray:
        """Position with open sells done."""
        return self.position - self.open_sells

    @property
    def high(self) -> IntArray:
        """Position with open buys done."""
        return self.position + self.open_buys

    def __post_init__(self) -> None:
        if not _are_ascending(self.symbols):
            raise ValueError(f"proposal of run {self.run_id}: symbols must be tickers, ascending, each once")
        for names, dtype in ((_INTEGERS, np.int64), (_FLOATS, np.float64), (_FLAGS, np.bool_)):
            for name in names:
                array = getattr(self, name)
                if array.shape != (len(self.symbols),) or array.dtype != dtype:
                    raise ValueError(
                        f"proposal of run {self.run_id}: {name} is {array.dtype} of shape {array.shape}; "
                        f"it must be {np.dtype(dtype)} of shape ({len(self.symbols)},)"
                    )
        for name in _COUNTS:
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int):
                raise ValueError(f"proposal of run {self.run_id}: {name} is {number!r}; it must be a whole number (money in micros)")
        for name in ("last_session_fresh", "first_basket"):
            flag = getattr(self, name)
            if not isinstance(flag, bool):
                raise ValueError(f"proposal of run {self.run_id}: {name} is {flag!r}; it must be true or false")
        for name in ("lot", "tick"):
            self._require_least(name, 1)
        for name in ("open_buys", "open_sells"):
            self._require_least(name, 0)
        if self.symbols and (self.group.min() < -1 or self.group.max() >= len(self.groups)):
            raise ValueError(f"proposal of run {self.run_id}: a group is no place in its {len(self.groups)} groups, and not -1")
        if self.stops is not None and self.stops.reducing.shape != (len(self.symbols),):
            raise ValueError(f"proposal of run {self.run_id}: stops are of {len(self.stops.reducing)} symbols, not {len(self.symbols)}")
        if self.cooling is not None and (self.cooling.shape != (len(self.symbols),) or self.cooling.dtype != np.bool_):
            raise ValueError(f"proposal of run {self.run_id}: cooling is of {len(self.cooling)} symbols, not {len(self.symbols)} flags")
        if self.announced is not None and (self.announced.shape != (len(self.symbols),) or self.announced.dtype.kind != "U"):
            raise ValueError(f"proposal of run {self.run_id}: announced is of {len(self.announced)} symbols, not {len(self.symbols)} texts")
        self._require_possible()

    def _require_least(self, name: str, least: int) -> None:
        array = getattr(self, name)
        if self.symbols and array.min() < least:
            raise ValueError(f"proposal of run {self.run_id}: {name} of {self.symbols[int(np.argmax(array < least))]} is below {least}")

    def _require_possible(self) -> None:
        for name in ("position", "open_buys", "open_sells") if self.symbols else ():
            shares = getattr(self, name)
            if shares.max() > _MOST_HELD or shares.min() < -_MOST_HELD:
                place = int(np.argmax((shares > _MOST_HELD) | (shares < -_MOST_HELD)))
                raise DataError(
                    f"run {self.run_id}: {name} of {self.symbols[place]} is {shares[place]} shares, beyond {_MOST_HELD:,}; "
                    f"nothing is approved. Compare `grodt positions` with the broker"
                )
        for name in ("equity", "buying_power"):
            money = getattr(self, name)
            if abs(money) > _INT64_MAX:
                raise DataError(
                    f"run {self.run_id}: {name} of {money} micros does not fit 64 bits; nothing is approved. "
                    f"Compare `grodt positions` with the broker"
                )
