"""The limits of a book, and of single symbols in it. Every limit must be configured: there is no default and no "off".

Two are lists that may be empty, and then say so in the books file: the restricted symbols, and the groups that have a cap.
"""

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
class Bound:
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


#: What each limit that is a number may be.
BOUNDS: dict[str, Bound] = {
    "order_quantity": Bound(MOST_SHARES, "shares of one order", "50000", whole=True),
    "order_value": Bound(MOST_USD, "USD of one order", "150000"),
    "volume_share": Bound(1.0, "share of the average daily volume in one order; 0.01 is a hundredth", "0.01"),
    "collar": Bound(1.0, "distance of a limit price from its reference; 0.05 is a twentieth", "0.05", below=True),
    "collar_sigmas": Bound(100, "the same distance in σ of a session, where that is more", "3"),
    "price_age": Bound(250, "sessions since the reference price", "1", whole=True),
    "symbol_position": Bound(MOST_SHARES, "shares of one symbol", "100000", whole=True),
    "symbol_weight": Bound(1.0, "share of equity in one symbol; 0.1 is a tenth, not 10", "0.10"),
    "gross_exposure": Bound(20.0, "Σ abs(value) over equity; 1 is fully invested, not 100", "1.0"),
    "net_exposure": Bound(20.0, "abs(Σ value) over equity; 1 is fully invested, not 100", "1.0"),
    "basket_value": Bound(20.0, "Σ order value over equity; 1 is all of it, not 100", "1.0"),
    "turnover": Bound(20.0, "Σ order value over equity in any but the first basket; 1 is all of it, not 100", "0.8"),
    "cash_buffer": Bound(1.0, "share of buying power that is left alone; 0.01 is a hundredth", "0.01", below=True),
    "completeness": Bound(1.0, "share of the universe that must have a bar; 0.95, not 95", "0.95"),
    "weights_sum": Bound(20.0, "Σ abs(target weight); 1 is fully invested, not 100", "1.0"),
    "volatility_low": Bound(10.0, "least median σ per year; 0.05 is five percent", "0.05"),
    "volatility_high": Bound(10.0, "largest median σ per year; 1 is a hundred percent", "1.0"),
    "return_high": Bound(1.0, "largest median abs(return) of a session; 0.2 is a fifth", "0.2"),
    "daily_loss": Bound(1.0, "loss since the last mark over that mark; 0.05 is a twentieth", "0.05", below=True),
    "drawdown": Bound(1.0, "loss since the high-water mark over it; 0.2 is a fifth", "0.2", below=True),
    "armed_cycles": Bound(10**6, "cycles that may trade before a person arms the book again", "250", whole=True),
    "new_cycles": Bound(250, "cycles under reduced caps after a change", "3", whole=True),
    "new_share": Bound(1.0, "share of caps 9 and 11 that is left in them", "0.5"),
    "cycle_messages": Bound(10**6, "orders sent in one cycle", "500", whole=True),
    "minute_messages": Bound(10**6, "orders sent in any 60 seconds of a cycle", "500", whole=True),
    "rejects_in_a_row": Bound(10**6, "rejects by the broker in a row that halt", "5", whole=True),
    "slippage": Bound(1.0, "distance of a fill's price from its order's reference price; 0.1 is a tenth", "0.1", below=True),
    "slippages_in_a_row": Bound(10**6, "fills in a row beyond it that halt", "5", whole=True),
}
_GROUP = Bound(20.0, "share of equity in the group; 0.3 is three tenths, not 30", "0.3")


def require(name: str, value: object, way: str) -> None:
    """Hold one limit that is a number to its bound.

    Args:
        name: of the limit.
        value: whatever was given.
        way: what to write, and where, so that it stands.

    Raises:
        ConfigError: it is missing, no number, or outside its bound.
    """
    bound = BOUNDS[name]
    if not bound.accepts(value):
        given = "missing" if value is None else f"{value!r}"
        raise ConfigError(
            f"limit {name} is {given}; it must be {bound.text} ({bound.meaning}); without a limit there is no trading: write {way}"
        )


def require_group_cap(group: object, share: object) -> None:
    """Hold the cap of a group to its bound.

    Raises:
        ConfigError: the group has no name, or its cap is outside its bound.
    """
    if not isinstance(group, str) or not group or not _GROUP.accepts(share):
        raise ConfigError(f"limit group_weight of {group!r} is {share!r}; it must be a group's name with {_GROUP.text} ({_GROUP.meaning})")


def _in_file(path: str, name: str) -> str:
    return f"`{path}: {BOUNDS[name].example}` in the books file"


@dataclass(frozen=True, slots=True)
class SymbolLimits:
    """Limits of one symbol that replace the book's; None keeps the book's.

    Attributes:
        order_quantity: shares of one order.
        order_value: USD of one order.
        symbol_position: shares held.
        symbol_weight: share of equity.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    order_quantity: StrictInt | None = None
    order_value: StrictFloat | None = None
    symbol_position: StrictInt | None = None
    symbol_weight: StrictFloat | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value is not None:
                require(one.name, value, _in_file(f"limits.overrides.<symbol>.{one.name}", one.name))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a book may do. Every field is needed, finite and above zero; the numbers are those of RISK.md.

    Attributes:
        order_quantity: Qmax of control 2, shares of one order.
        order_value: Nmax of control 3, USD of one order.
        volume_share: α of control 4, share of the average daily volume over 20 sessions in one order.
        collar, collar_sigmas: b and k of control 5; the wider of the two bounds a limit price.
        price_age: T of control 6: sessions that the reference price may be old; 0 would be the session's own close, so at least 1.
        symbol_position: Pmax of control 8, shares.
        symbol_weight: w of control 9, share of equity in one symbol.
        group_weight: w_g of control 10 by group (an instrument's sector), share of equity; "*" is each group that is not named. Empty:
            no group has a cap, and control 10 is not asked.
        gross_exposure: G of control 11, Σ abs(value) / equity.
        net_exposure: n of control 12, abs(Σ value) / equity.
        basket_value: k of control 13, Σ order value / equity.
        turnover: τ of control 14, the same of every basket but a book's first.
        cash_buffer: h of control 15, share of buying power that is left alone.
        restricted: symbols that control 17 refuses; may be empty.
        completeness: c of control 24, share of the universe that must have a bar.
        weights_sum: W of control 26, Σ abs(target weight).
        volatility_low, volatility_high: its range of the median σ per year of what is bought or shorted.
        return_high: its bound of the median abs(return) of the same in the session.
        daily_loss, drawdown: d and D of control 28.
        armed_cycles: K of control 21, cycles that trade before a person must arm the book again.
        new_cycles, new_share: N of control 33, and the share of caps 9 and 11 that a new configuration has in its first N cycles.
        cycle_messages, minute_messages: M of control 20, orders sent in one cycle, and in any 60 seconds of it.
        rejects_in_a_row: K of control 22: that many rejects by the broker in a row halt.
        slippage, slippages_in_a_row: s of control 32, distance of a fill's price from its order's reference price, and how many fills
            beyond it in a row halt.
        overrides: limits of single symbols, by ticker.

    Raises:
        ConfigError: a limit is missing, zero, negative, NaN, infinite, no number, or outside its bound.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    order_quantity: StrictInt
    order_value: StrictFloat
    volume_share: StrictFloat
    collar: StrictFloat
    collar_sigmas: StrictFloat
    price_age: StrictInt
    symbol_position: StrictInt
    symbol_weight: StrictFloat
    group_weight: Mapping[str, StrictFloat]
    gross_exposure: StrictFloat
    net_exposure: StrictFloat
    basket_value: StrictFloat
    turnover: StrictFloat
    cash_buffer: StrictFloat
    restricted: tuple[str, ...]
    completeness: StrictFloat
    weights_sum: StrictFloat
    volatility_low: StrictFloat
    volatility_high: StrictFloat
    return_high: StrictFloat
    daily_loss: StrictFloat
    drawdown: StrictFloat
    armed_cycles: StrictInt
    new_cycles: StrictInt
    new_share: StrictFloat
    cycle_messages: StrictInt
    minute_messages: StrictInt
    rejects_in_a_row: StrictInt
    slippage: StrictFloat
    slippages_in_a_row: StrictInt
    overrides: Mapping[str, SymbolLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in BOUNDS:
            require(name, getattr(self, name), _in_file(f"limits.{name}", name))
        if self.volatility_low >= self.volatility_high:
            raise ConfigError(
                f"limit volatility_low is {self.volatility_low!r} and volatility_high {self.volatility_high!r}; the first must be below "
                f"the second"
            )
        self._require_groups()
        self._require_symbols()

    def _require_groups(self) -> None:
        caps: object = self.group_weight
        if not isinstance(caps, Mapping):
            given = "missing" if caps is None else repr(caps)
            raise ConfigError(
                f"limit group_weight is {given}; it must be a mapping of groups to shares of equity: write "
                f"`limits.group_weight: {{}}` in the books file where no group has a cap"
            )
        for group, share in caps.items():
            require_group_cap(group, share)

    def _require_symbols(self) -> None:
        listed: object = self.restricted
        if not isinstance(listed, tuple) or any(not isinstance(symbol, str) or not symbol for symbol in listed):
            given = "missing" if listed is None else repr(listed)
            raise ConfigError(
                f"limit restricted is {given}; it must be a list of tickers: write `limits.restricted: []` in the books file where no "
                f"symbol is restricted"
            )
        for symbol, limits in self.overrides.items():
            if not isinstance(limits, SymbolLimits) or not symbol:
                raise ConfigError(
                    f"limits.overrides of {symbol!r} is {limits!r}; "
                    f"write a ticker with order_quantity, order_value, symbol_position or symbol_weight below it"
                )

    def of(self, name: str, symbols: Sequence[str]) -> FloatArray:
        """One limit for each of the symbols, (N,) float64; NaN where it is not a number, which no control passes.

        Args:
            name: order_quantity, order_value, symbol_position or symbol_weight.
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

    def of_groups(self, groups: Sequence[str]) -> FloatArray:
        """The cap of each group, (G,) float64; NaN where there is none or it is not a number, which control 10 does not pass."""
        others = self.group_weight.get("*", math.nan)
        return np.array([self.group_weight.get(group, others) if group else math.nan for group in groups], dtype=np.float64)
