"""The history that a cycle's signals and universe rules see, out of the pinned lake."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from grodt.bars.history import read_listings
from grodt.errors import DataError
from grodt.lake import Lake, Snapshot
from grodt.sessions import Calendar
from grodt.signals.panel import FloatArray, Panel, build_panel, field_array

IntArray = NDArray[np.int64]

#: Sessions over which volume is added up.
VOLUME_SESSIONS = 20
#: Far above what trades anywhere, and inside 64 bits.
_MOST_SHARES = 10**15


def read_panel(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    session: date,
    symbols: Sequence[str],
    fields: Sequence[str] = (),
) -> Panel:
    """Everything the source has up to the session, as arrays.

    It begins at the source's first session, not at a moving distance: recurrences start there, and only so does a session have
    the same values whether it is reached tonight or in a replay. A symbol's column is the history of the instrument that it stands
    for in the session: with what was quoted under earlier symbols, without what was another company's. `fields` are those of
    `grodt.signals.panel.FIELDS` that the signals read.

    Raises:
        DataError: the snapshot has no bars of the source.
    """
    files = snapshot.of("bars_1d", source)
    first = min((file.first_session for file in files if file.first_session is not None), default=None)
    if first is None or first > session:
        raise DataError(f"source {source} has no bars up to {session}; check its history and the universe of the book")
    listings = read_listings(lake, snapshot, source)
    quoted = listings.quoted(symbols, session)
    columns = ["symbol", "session", "close", *fields]
    bars = lake.read("bars_1d", snapshot, source=source, columns=columns, end=session, symbols=quoted)
    actions = lake.read("corporate_actions", snapshot, source=source, end=session, symbols=quoted)
    return build_panel(bars, actions, calendar.between(first, session), symbols, listings.spans(symbols, session), fields)


def read_turnover(
    lake: Lake, snapshot: Snapshot, source: str, calendar: Calendar, session: date, symbols: Sequence[str], window: int
) -> FloatArray:
    """Close · volume of the last `window` sessions, currency units, shape (window, symbols); NaN where there is no bar.

    Only those sessions are read. Columns are histories of instruments, as in `read_panel`.
    """
    sessions = calendar.latest(session, window)
    listings = read_listings(lake, snapshot, source)
    quoted, spans = listings.quoted(symbols, session), listings.spans(symbols, session)
    columns = ["symbol", "session", "close", "volume"]
    bars = lake.read("bars_1d", snapshot, source=source, columns=columns, start=sessions[0], end=session, symbols=quoted)
    close = field_array(bars, "close", sessions, symbols, spans)
    return close * field_array(bars, "volume", sessions, symbols, spans, zero=True)


def read_volume(
    lake: Lake,
    snapshot: Snapshot,
    source: str,
    calendar: Calendar,
    session: date,
    symbols: Sequence[str],
    window: int = VOLUME_SESSIONS,
    *,
    until: date | None = None,
) -> IntArray:
    """Shares traded in the last `window` sessions together, (N,) int64; -1 where the symbol has no bar in any of them.

    They are the sessions up to `until`, where the session itself goes on, and it is of the instrument that a symbol stands for in the
    session. Only those sessions are read. A session without a bar counts as none, and volumes before a split are in the shares of then.
    """
    over = until or session
    sessions = calendar.latest(over, window)
    listings = read_listings(lake, snapshot, source)
    quoted, spans = listings.quoted(symbols, session), listings.spans(symbols, session)
    columns = ["symbol", "session", "volume"]
    bars = lake.read("bars_1d", snapshot, source=source, columns=columns, start=sessions[0], end=over, symbols=quoted)
    volume = field_array(bars, "volume", sessions, symbols, spans, zero=True)
    sums: IntArray = volume_sums(volume, 1, window)[0]
    return sums


def volume_sums(volume: FloatArray, last: int, window: int) -> IntArray:
    """Shares traded in the `window` sessions up to each of the last `last`, (last, N) int64; −1 where there is no bar in any of them.

    Added up from the oldest session to the newest, so a session has the same sum however many are asked for.

    Args:
        volume: (sessions, N), NaN where there is no bar.
        last: how many sessions are wanted.
        window: sessions of a sum; where there are fewer, it is over those.
    """
    width = volume.shape[1]
    missing = max(0, last + window - 1 - len(volume))
    rows = np.concatenate((np.full((missing, width), np.nan), volume)) if missing else volume
    start = len(rows) - last
    traded, known = np.zeros((last, width)), np.zeros((last, width), dtype=np.bool_)
    for back in range(window - 1, -1, -1):
        own = rows[start - back : start - back + last]
        present = ~np.isnan(own)
        np.add(traded, own, out=traded, where=present)
        known |= present
    return np.where(known, np.minimum(traded, _MOST_SHARES), -1).astype(np.int64)
