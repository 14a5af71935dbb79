"""What can be traded."""

from dataclasses import dataclass
from datetime import date

from grodt.money import MICROS_PER_CENT


@dataclass(frozen=True, slots=True)
class Instrument:
    """One listed security.

    Attributes:
        symbol: the ticker under which the source quotes it.
        sector: the group it belongs to; "" where the source knows none.
        currency: ISO 4217 code of price and cash.
        lot: shares of one lot; quantities are multiples of it.
        tick_micros: the price grid in micros.
        shortable: whether it may be sold short.
        listed_on, delisted_on: first session, and first session on which it no longer trades; None where unknown or never.
    """

    symbol: str
    sector: str = ""
    currency: str = "USD"
    lot: int = 1
    tick_micros: int = MICROS_PER_CENT
    shortable: bool = False
    listed_on: date | None = None
    delisted_on: date | None = None

    def __post_init__(self) -> None:
        if not self.symbol or self.symbol != self.symbol.strip():
            raise ValueError(f"symbol {self.symbol!r} is empty or has blanks around it")
        if self.lot < 1 or self.tick_micros < 1:
            raise ValueError(f"{self.symbol}: lot {self.lot} and tick {self.tick_micros} must be at least 1")

    def trades_on(self, session: date) -> bool:
        """Whether it is listed on that session."""
        return (self.listed_on is None or self.listed_on <= session) and (self.delisted_on is None or session < self.delisted_on)
