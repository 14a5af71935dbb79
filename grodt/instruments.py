"""What can be traded, and under which symbol when.

A symbol is what an instrument is quoted under for a time. A company that changes its symbol stays one instrument; a symbol that another
company takes up later belongs to two. So an instrument has an id of its own, which never changes and is never used again.
"""

from collections.abc import Iterable
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
        id: its own name, for ever; "" where the source knows of no change or reuse of symbols, and then `symbol` is it.
    """

    symbol: str
    sector: str = ""
    currency: str = "USD"
    lot: int = 1
    tick_micros: int = MICROS_PER_CENT
    shortable: bool = False
    listed_on: date | None = None
    delisted_on: date | None = None
    id: str = ""

    def __post_init__(self) -> None:
        if not self.symbol or self.symbol != self.symbol.strip():
            raise ValueError(f"symbol {self.symbol!r} is empty or has blanks around it")
        if self.lot < 1 or self.tick_micros < 1:
            raise ValueError(f"{self.symbol}: lot {self.lot} and tick {self.tick_micros} must be at least 1")

    def trades_on(self, session: date) -> bool:
        """Whether it is listed on that session."""
        return (self.listed_on is None or self.listed_on <= session) and (self.delisted_on is None or session < self.delisted_on)


@dataclass(frozen=True, slots=True)
class Listing:
    """The time in which one instrument is quoted under one symbol.

    Attributes:
        instrument: id of the instrument.
        symbol: the ticker.
        since: first session under it; None where unknown: from the beginning.
        until: first session no longer under it; None while it lasts.
    """

    instrument: str
    symbol: str
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if not self.instrument or not self.symbol:
            raise ValueError(f"listing {self.symbol!r} of instrument {self.instrument!r}: neither may be empty")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"{self.symbol}: listed from {self.since} until {self.until}; the first must be before the second")


def one_listing_each(symbols: Iterable[str]) -> tuple[Listing, ...]:
    """One listing for each symbol, ascending, of an instrument with the symbol for an id: all that many sources know."""
    return tuple(Listing(symbol, symbol) for symbol in sorted(set(symbols)))
