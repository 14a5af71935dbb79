"""The history that a cycle's signals see, out of the pinned lake."""

from collections.abc import Sequence
from datetime import date

from grodt.errors import DataError
from grodt.lake import Lake, Snapshot
from grodt.sessions import Calendar
from grodt.signals.panel import Panel, build_panel


def read_panel(lake: Lake, snapshot: Snapshot, source: str, calendar: Calendar, session: date, symbols: Sequence[str]) -> Panel:
    """Everything the source has up to the session, as arrays.

    It begins at the source's first session, not at a moving distance: recurrences start there, and only so does a session have
    the same values whether it is reached tonight or in a replay.

    Raises:
        DataError: the snapshot has no bars of the source.
    """
    files = snapshot.of("bars_1d", source)
    first = min((file.first_session for file in files if file.first_session is not None), default=None)
    if first is None or first > session:
        raise DataError(f"source {source} has no bars up to {session}; check its history and the universe of the book")
    bars = lake.read("bars_1d", snapshot, source=source, columns=["symbol", "session", "close"], end=session, symbols=symbols)
    actions = lake.read("corporate_actions", snapshot, source=source, end=session, symbols=symbols)
    return build_panel(bars, actions, calendar.between(first, session), symbols)
