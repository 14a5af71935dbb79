"""The metrics' figures from the ledger, with the age of the data by the calendars."""

from collections.abc import Callable, Mapping
from datetime import datetime

from grodt.ledger.metrics import LedgerFigures, ledger_figures
from grodt.ledger.unit import Ledger
from grodt.sessions import Calendar
from grodt.telemetry.metrics import Figures

_BARS = "bars_1d"


class LedgerMetrics:
    """A `MetricsSource` over a ledger; threads may share it."""

    def __init__(self, ledger: Ledger, calendars: Mapping[str, Calendar], now: Callable[[], datetime]) -> None:
        """Read from this ledger.

        Args:
            ledger: the book of record; its manifest knows the lake's files.
            calendars: by source name, to count sessions without bars; a source without one has no such figure.
            now: the clock.
        """
        self._ledger = ledger
        self._calendars = calendars
        self._now = now

    def figures(self) -> Figures:
        """Everything, read in one transaction."""
        at = self._now()
        with self._ledger.read() as tx:
            read = ledger_figures(tx, at)
        return Figures(read, at, self._sessions_missing(read, at))

    def _sessions_missing(self, read: LedgerFigures, at: datetime) -> dict[str, int]:
        last = {size.source: size.last_session for size in read.lake if size.table == _BARS and size.last_session is not None}
        missing: dict[str, int] = {}
        for source, session in last.items():
            if (calendar := self._calendars.get(source)) is not None:
                complete = calendar.latest_complete(at)
                missing[source] = sum(1 for day in calendar.between(session, complete) if day > session) if complete > session else 0
        return missing
