"""The limits of a book, and of single symbols in it. Every limit must be configured: there is no default and no "off"."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Strict

from grodt.errors import ConfigError

FloatArray = NDArray[np.float64]
#: Numbers of the books file as they stand there: pydantic must not read `true` as 1 or "5" as 5 on the way here.
StrictInt = Annotated[int, Strict()]
StrictFloat = Annotated[float, Strict()]

#: Not even a swapped quantity and notional may fit under a limit that was written by mistake.
MOST_SHARES = 10**12
MOST_USD = 1e12


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a limit may be: above zero, at most `high` (or only below it), and whole or not."""

    high: float
    meaning: str
    example: str
    whole: bool = False
    below: bool = False

    def accepts(self, value: object) -> bool:
        """Whether the value is a finite number (never a bool) inside the bound."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        assert isinstance(value, int | float)
        return math.isfinite(value) and 0 < value <= self.high and not (self.below and value == self.high)

    @property
    def text(self) -> str:
        """The bound in words."""
        return f"a {'whole' if self.whole else 'finite'} number above 0 and {'below' if self.below else 'at most'} {self.high:,.15g}"


_BOUNDS: dict[str, _Bound] = {
    "order_quantity": _Bound(MOST_SHARES, "shares of one order", "50000", whole=True),
    "order_value": _Bound(MOST_USD, "USD of one order", "150000"),
    "price_age": _Bound(250, "sessions since the reference price", "1", whole=True),
    "symbol_weight": _Bound(1.0, "share of equity in one symbol; 0.1 is a tenth, not 10", "0.10"),
    "gross_exposure": _Bound(20.0, "Σ abs(value) over equity; 1 is fully invested, not 100", "1.0"),
    "basket_value": _Bound(20.0, "Σ order value over equity; 1 is all of it, not 100", "1.0"),
    "cash_buffer": _Bound(1.0, "share of buying power that is left alone; 0.01 is a hundredth", "0.01", below=True),
    "completeness": _Bound(1.0, "share of the universe that must have a bar; 0.95, not 95", "0.95"),
}


def _require(name: str, value: object, path: str) -> None:
    bound = _BOUNDS[name]
    if not bound.accepts(value):
        given = "missing" if value is None else f"{value!r}"
        raise ConfigError(
            f"limit {name} is {given}; it must be {bound.text} ({bound.meaning}); "
            f"without a limit there is no trading: write `{path}: {bound.example}` in the books file"
        )


@dataclass(frozen=True, slots=True)
class SymbolLimits:
    """Limits of one symbol that replace the book's; None keeps the book's.

    Attributes:
        order_quantity: shares of one order.
        order_value: USD of one order.
        symbol_weight: share of equity.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    order_quantity: StrictInt | None = None
    order_value: StrictFloat | None = None
    symbol_weight: StrictFloat | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value is not None:
                _require(one.name, value, f"limits.overrides.<symbol>.{one.name}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a book may do. Every field is needed, finite and above zero; the numbers are those of RISK.md.

    Attributes:
        order_quantity: Qmax of control 2, shares of one order.
        order_value: Nmax of control 3, USD of one order.
        price_age: T of control 6: sessions that the reference price may be old; 0 would be the session's own close, so at least 1.
        symbol_weight: w of control 9, share of equity in one symbol.
        gross_exposure: G of control 11, Σ abs(value) / equity.
        basket_value: k of control 13, Σ order value / equity.
        cash_buffer: h of control 15, share of buying power that is left alone.
        completeness: c of control 24, share of the universe that must have a bar.
        overrides: limits of single symbols, by ticker.

    Raises:
        ConfigError: a limit is missing, zero, negative, NaN, infinite, no number, or outside its bound.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    order_quantity: StrictInt
    order_value: StrictFloat
    price_age: StrictInt
    symbol_weight: StrictFloat
    gross_exposure: StrictFloat
    basket_value: StrictFloat
    cash_buffer: StrictFloat
    completeness: StrictFloat
    overrides: Mapping[str, SymbolLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _BOUNDS:
            _require(name, getattr(self, name), f"limits.{name}")
        for symbol, limits in self.overrides.items():
            if not isinstance(limits, SymbolLimits) or not symbol:
                raise ConfigError(
                    f"limits.overrides of {symbol!r} is {limits!r}; "
                    f"write a ticker with order_quantity, order_value or symbol_weight below it"
                )

    def of(self, name: str, symbols: Sequence[str]) -> FloatArray:
        """One limit for each of the symbols, (N,) float64; NaN where it is not a number, which no control passes.

        Args:
            name: order_quantity, order_value or symbol_weight.
            symbols: ascending tickers, N.
        """
        found = np.full(len(symbols), getattr(self, name), dtype=np.float64)
        if self.overrides:
            place = {symbol: index for index, symbol in enumerate(symbols)}
            for symbol, limits in self.overrides.items():
                own = getattr(limits, name)
                if own is not None and symbol in place:
                    found[place[symbol]] = own
        return found
