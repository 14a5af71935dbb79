"""Brackets: a protective stop and a take profit for each position, at distances from what its shares were bought (sold) for.

The two are *legs* of one group: where one fills, the other is over. A leg only ever closes: it has the side that does, and never more
shares than are held. A leg that is *attached* to the order that opens or adds to the position goes out right after it, and closes no more
than that order has filled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from grodt.errors import ConfigError

#: What an order does to the position that it is for: "" opens or changes it as targets say, the legs wait at their prices, and `close`
#: gives it up at the book's next chance, because a close has passed the price of a leg.
Role = Literal["", "stop", "take_profit", "close"]
#: The number that a leg has in its client order id; 0 is the order of a cycle that follows targets.
LEG_OF: dict[Role, int] = {"": 0, "close": 0, "stop": 1, "take_profit": 2}
LEGS: tuple[Role, Role] = ("stop", "take_profit")
#: That of an attached leg is so much more: its cycle may send legs for what was held before as well.
_ATTACHED = 2
#: Parts of a basis point that a distance may be written in.
_PARTS = 10_000
_PRICE_SCALE = 10_000 * _PARTS
_NEAREST_BPS, _FARTHEST_BPS = 1, 9_000
_LONGEST_COOL_OFF = 250


def leg_number(role: Role, *, attached: bool = False) -> int:
    """The number that an order of that role has in its client order id."""
    return LEG_OF[role] + (_ATTACHED if attached else 0)


def opened_by(traded: int, held: int) -> int:
    """Shares, ≥ 0, by which an order opens or adds to a position once it has filled whole; the rest of it closes what was there.

    Args:
        traded: its signed shares.
        held: signed shares before it.
    """
    return abs(traded) if held * traded >= 0 else max(abs(traded) - abs(held), 0)


@dataclass(frozen=True, slots=True)
class LegPrices:
    """Prices of a position's legs in micros; `take_profit` 0 where there is none."""

    stop: int
    take_profit: int = 0

    def __iter__(self) -> Iterator[tuple[Role, int]]:
        """Each leg that there is, the stop first."""
        yield "stop", self.stop
        if self.take_profit:
            yield "take_profit", self.take_profit

    def passed(self, close: int, *, long: bool) -> Role:
        """Which leg a close has reached or passed; "" neither. `close`: micros, above zero."""
        sign = 1 if long else -1
        if sign * close <= sign * self.stop:
            return "stop"
        return "take_profit" if self.take_profit and sign * close >= sign * self.take_profit else ""


@dataclass(frozen=True, slots=True)
class BracketTerms:
    """What the brackets of a book are.

    Attributes:
        stop_bps: how far the stop lies from the average price of the position's entry, in basis points: below it of a long position.
        take_profit_bps: how far the take profit lies on the other side; None: there is none.
        cool_off_sessions: cycles, that of the session in which a leg filled included, in which the symbol is not added to again.

    Raises:
        ConfigError: a number is out of its range.
    """

    stop_bps: Decimal
    take_profit_bps: Decimal | None = None
    cool_off_sessions: int = 5

    def __post_init__(self) -> None:
        for name in ("stop_bps", "take_profit_bps"):
            bps = getattr(self, name)
            if bps is not None and (not bps.is_finite() or not _NEAREST_BPS <= bps <= _FARTHEST_BPS or bps * _PARTS % 1):
                raise ConfigError(
                    f"order.bracket.{name} is {bps}; it must be from {_NEAREST_BPS} to {_FARTHEST_BPS} basis points of the entry's price, "
                    "with at most 4 decimals: {stop_bps: 500, take_profit_bps: 1000}"
                )
        if not 0 <= self.cool_off_sessions <= _LONGEST_COOL_OFF:
            raise ConfigError(
                f"order.bracket.cool_off_sessions is {self.cool_off_sessions}; it must be from 0 (bought back at once) to "
                f"{_LONGEST_COOL_OFF}"
            )

    def prices(self, quantity: int, cost: int, tick: int) -> LegPrices:
        """Where the legs of a position lie: cost / quantity · (1 ± distance), exactly, rounded to the tick.

        The stop is rounded away from the market, so that it triggers no sooner than it was meant to, and so is the take profit, so that
        it gives nothing away. At least one tick.

        Args:
            quantity: signed shares held, not 0.
            cost: what they were bought (sold) for in micros, of the sign of the quantity.
            tick: micros.

        Raises:
            ValueError: there is no such position.
        """
        if quantity == 0 or cost * quantity <= 0:
            raise ValueError(f"a position of {quantity} shares that cost {cost} micros has no entry price")
        long = quantity > 0

        def at(bps: Decimal, *, above: bool) -> int:
            parts = int(bps * _PARTS)
            scaled, unit = abs(cost) * (_PRICE_SCALE + (parts if above else -parts)), abs(quantity) * _PRICE_SCALE * tick
            return max(1, -(-scaled // unit) if above else scaled // unit) * tick

        take = 0 if self.take_profit_bps is None else at(self.take_profit_bps, above=long)
        return LegPrices(at(self.stop_bps, above=not long), take)
