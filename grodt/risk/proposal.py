"""What risk is asked about: the orders a cycle wants, and everything they are judged by."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from grodt.errors import DataError
from grodt.risk.exact import BoolArray, IntArray

#: Shares held or on order in one symbol; more is a mistake of whoever counted them.
_MOST_HELD = 10**15
_INT64_MAX = 2**63 - 1
_INTEGERS = ("wanted", "position", "working", "price", "price_age", "lot")
_FLAGS = ("shortable", "intended")


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Orders of one cycle before risk has seen them. Arrays are aligned to `symbols`, shape (N,).

    Every symbol that is held or has an open order belongs in it, whether or not an order is wanted, since exposure and open
    buys are summed over all of them.

    Attributes:
        book, session, run_id: the cycle.
        symbols: ascending tickers, each once.
        wanted: int64, signed shares of the order; 0 for none.
        position: int64, signed shares held.
        working: int64, signed shares of open orders.
        price: int64 micros, last close known; 0 where there never was one.
        price_age: int64, sessions since that close; 0 is this session's, -1 none.
        lot: int64, shares of one lot, at least 1.
        shortable: bool, whether it may be sold short.
        intended: bool, whether this cycle already has an intent in the symbol.
        equity: NAV in micros; at or below zero every value over equity is unknown.
        buying_power: micros, before open buys are taken from it.
        bars_expected, bars_present: symbols of the universe, and those of them with a bar of the session.
        last_session_fresh: whether the last bar is of the session the calendar expects.
        active_halts: halts of the book and above it.
        open_breaks: reconciliation breaks not resolved.

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
    working: IntArray
    price: IntArray
    price_age: IntArray
    lot: IntArray
    shortable: BoolArray
    intended: BoolArray
    equity: int
    buying_power: int
    bars_expected: int
    bars_present: int
    last_session_fresh: bool
    active_halts: int
    open_breaks: int

    def __post_init__(self) -> None:
        if any(left >= right for left, right in zip(self.symbols, self.symbols[1:], strict=False)) or "" in self.symbols:
            raise ValueError(f"proposal of run {self.run_id}: symbols must be tickers, ascending, each once")
        for names, dtype in ((_INTEGERS, np.int64), (_FLAGS, np.bool_)):
            for name in names:
                array = getattr(self, name)
                if array.shape != (len(self.symbols),) or array.dtype != dtype:
                    raise ValueError(
                        f"proposal of run {self.run_id}: {name} is {array.dtype} of shape {array.shape}; "
                        f"it must be {np.dtype(dtype)} of shape ({len(self.symbols)},)"
                    )
        for name in ("equity", "buying_power", "bars_expected", "bars_present", "active_halts", "open_breaks"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int):
                raise ValueError(f"proposal of run {self.run_id}: {name} is {number!r}; it must be a whole number (money in micros)")
        if not isinstance(self.last_session_fresh, bool):
            raise ValueError(f"proposal of run {self.run_id}: last_session_fresh is {self.last_session_fresh!r}; it must be true or false")
        if (self.lot < 1).any():
            raise ValueError(f"proposal of run {self.run_id}: lot of {self.symbols[int(np.argmax(self.lot < 1))]} is below 1")
        self._require_possible()

    def _require_possible(self) -> None:
        for name in ("position", "working"):
            shares = getattr(self, name)
            beyond = (shares > _MOST_HELD) | (shares < -_MOST_HELD)
            if beyond.any():
                place = int(np.argmax(beyond))
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
