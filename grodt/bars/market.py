"""One session as a venue and the books see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from grodt.bars.corporate_actions import CorporateAction
from grodt.money import Micros

_NO_PRICES: Mapping[str, Micros] = MappingProxyType({})
_NO_VOLUMES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TradingFigures:
    """How a symbol traded in the 20 sessions before one, see `grodt.bars.liquidity`.

    Attributes:
        average_value: of a session, in currency units; 0 where nothing traded.
        volatility: of a session; NaN where there was no bar.
    """

    average_value: float
    volatility: float


_NO_FIGURES: Mapping[str, TradingFigures] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SessionMarket:
    """What happened in one session.

    Attributes:
        session: its date.
        nights: calendar days since the session before.
        opens_at, closes_at: instants, aware UTC.
        open: open price by symbol in micros, for symbols that traded (a bar with volume > 0) and no others.
        previous_close: last close before the session by symbol, in micros (for cash in lieu of fractions).
        actions: corporate actions with this ex date, sorted by symbol then kind.
        high, low, close, volume: micros, and shares traded, of those symbols of `open` that the reader asked for.
        figures: of the symbols that the reader asked for.
    """

    session: date
    nights: int
    opens_at: datetime
    closes_at: datetime
    open: Mapping[str, Micros]
    previous_close: Mapping[str, Micros]
    actions: tuple[CorporateAction, ...]
    close: Mapping[str, Micros] = _NO_PRICES
    volume: Mapping[str, float] = _NO_VOLUMES
    figures: Mapping[str, TradingFigures] = _NO_FIGURES
    high: Mapping[str, Micros] = _NO_PRICES
    low: Mapping[str, Micros] = _NO_PRICES


@dataclass(frozen=True, slots=True)
class SlotBar:
    """A bar of a session that goes on, and what is left of it from instants within it.

    Attributes:
        whole: the bar.
        rests: each from its instant to the bar's end, ascending: what an order meets that begins to work there.
    """

    whole: SessionMarket
    rests: tuple[SessionMarket, ...] = ()
