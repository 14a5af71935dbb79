"""A vendor of bars that answers nothing, a part, garbage or an error, or corrects itself later."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal

import polars as pl

from grodt.bars.source import BarSource, Fetched, TellsActionsAhead
from grodt.errors import DataError, VendorUnavailable
from grodt.instruments import Instrument, Listing

VendorFault = Literal["silent", "partial", "garbage", "zero volume", "down", "unreadable", "revised", "unannounced"]
#: Of bars; the other one is of what is announced.
OF_BARS: tuple[VendorFault, ...] = ("silent", "partial", "garbage", "zero volume", "down", "unreadable", "revised")
#: After these a cycle may decide on other data than it would have had.
TELLING: frozenset[VendorFault] = frozenset({"partial", "garbage", "zero volume", "revised"})


class Vendor:
    """A source whose answers from the `at`-th on are spoiled, of which `tell` is told."""

    def __init__(self, inner: BarSource, fault: VendorFault, at: int, symbol: str, tell: Callable[[], None]) -> None:
        self._inner = inner
        self._fault = fault
        self._left = at
        self._symbol = symbol
        self._tell = tell
        self.name = inner.name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        """As ever."""
        return self._inner.instruments(session)

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """As ever."""
        return self._inner.unknown(symbols)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """As ever."""
        return self._inner.listings(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """The answer, or what is made of it."""
        answer = await self._inner.fetch(symbols, start, end)
        if self._fault == "unannounced" or not self._spoils():
            return answer
        self._tell()
        hit = pl.col("symbol") == self._symbol
        match self._fault:
            case "down":
                raise VendorUnavailable("the vendor answered 503; try again later")
            case "unreadable":
                raise DataError("the vendor answered a page of HTML")
            case "silent":
                return Fetched(answer.bars.clear(), answer.actions)
            case "partial":
                return Fetched(answer.bars.filter(~hit), answer.actions)
            case "garbage":
                return Fetched(answer.bars.with_columns(close=pl.when(hit).then(-1.0).otherwise(pl.col("close"))), answer.actions)
            case "zero volume":
                return Fetched(answer.bars.with_columns(volume=pl.when(hit).then(0.0).otherwise(pl.col("volume"))), answer.actions)
            case "revised":
                raised = [
                    pl.when(hit).then(pl.col(name) * 1.01).otherwise(pl.col(name)).alias(name) for name in ("open", "high", "low", "close")
                ]
                return Fetched(answer.bars.with_columns(raised), answer.actions)

    async def actions_ahead(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """The answer, none, or one that has nothing, although there is something."""
        assert isinstance(self._inner, TellsActionsAhead)
        answer = await self._inner.actions_ahead(symbols, start, end)
        if self._fault == "unannounced" and answer.height:
            self._tell()
            return answer.clear()
        if self._fault not in ("down", "unreadable") or not self._spoils():
            return answer
        self._tell()
        if self._fault == "down":
            raise VendorUnavailable("the vendor answered 503; try again later")
        raise DataError("the vendor answered a page of HTML")

    def _spoils(self) -> bool:
        """Whether it is this answer's turn."""
        self._left -= 1
        return self._left < 0
