"""One session as a venue and the books see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from grodt.bars.corporate_actions import CorporateAction
from grodt.money import Micros


@dataclass(frozen=True, slots=True)
class SessionMarket:
    """What happened in one session.

    Attributes:
        session: its date.
        opens_at, closes_at: instants, aware UTC.
        open: open price by symbol in micros, for symbols that traded (a bar with volume > 0) and no others.
        previous_close: last close before the session by symbol, in micros (for cash in lieu of fractions).
        actions: corporate actions with this ex date, sorted by symbol then kind.
    """

    session: date
    opens_at: datetime
    closes_at: datetime
    open: Mapping[str, Micros]
    previous_close: Mapping[str, Micros]
    actions: tuple[CorporateAction, ...]
