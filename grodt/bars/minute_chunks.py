"""Which minute bars are missing, as questions to a source that fit in memory."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from grodt.bars.chunks import Chunk, parted, plan
from grodt.bars.revisions import plan_again
from grodt.sessions import Calendar

#: Minute bars of one chunk at most: 500 symbols of a US exchange for five sessions.
LARGEST = 1_000_000
_DAY = timedelta(days=1)


def plan_minutes(
    coverage: Mapping[str, tuple[date, date]],
    symbols: Iterable[str],
    start: date,
    session: date,
    calendar: Calendar,
    *,
    largest: int = LARGEST,
) -> tuple[Chunk, ...]:
    """The chunks that make the minutes' coverage of `symbols` reach from `start` to `session`, as `plan` does for daily bars.

    Each is cut so that it can bring at most `largest` minutes (a session of one symbol at least), and each touches what is covered
    before it.

    Args:
        coverage: first and last day recorded, per symbol.
        symbols: what is wanted.
        start: first day wanted.
        session: last session wanted.
        calendar: of the exchange.
        largest: most minute bars of one chunk.
    """
    a_session = calendar.minutes_of(session)
    chunks: list[Chunk] = []
    for chunk in plan(coverage, symbols, start, session, largest=max(1, largest // a_session)):
        sessions = calendar.between(chunk.start, chunk.end)
        count = max(1, largest // (a_session * len(chunk.symbols)))
        firsts = [chunk.start, *sessions[count::count]]
        ends = [*(first - _DAY for first in firsts[1:]), chunk.end]
        parts = [replace(chunk, start=first, end=end) for first, end in zip(firsts, ends, strict=True)]
        chunks += reversed(parts) if chunk.before_coverage else parts
    return tuple(chunks)


def plan_minute_gaps(missing: pl.DataFrame, calendar: Calendar, *, largest: int = LARGEST) -> tuple[Chunk, ...]:
    """The chunks that ask again for sessions inside the coverage, oldest first; each of one session.

    Args:
        missing: symbol and session of what is to be asked for again.
        calendar: of the exchange.
        largest: most minute bars of one chunk.
    """
    by_session: dict[date, list[str]] = defaultdict(list)
    for symbol, session in missing.select("symbol", "session").iter_rows():
        by_session[session].append(symbol)
    return tuple(
        Chunk(part, session, session, gap=True)
        for session in sorted(by_session)
        for part in parted(by_session[session], max(1, largest // calendar.minutes_of(session)))
    )


def plan_minutes_again(
    coverage: Mapping[str, tuple[date, date]],
    symbols: Sequence[str],
    start: date,
    session: date,
    calendar: Calendar,
    *,
    largest: int = LARGEST,
) -> tuple[Chunk, ...]:
    """The chunks that ask again for the minutes that are covered from `start` to `session`; arguments as of `plan_minutes`."""
    several = max(1, largest // calendar.minutes_of(session))
    return tuple(
        chunk
        for part in parted(symbols, several)
        for first, last in windows(calendar.between(start, session), len(part), calendar, largest=largest)
        for chunk in plan_again(coverage, part, first, last)
    )


def windows(sessions: Sequence[date], symbols: int, calendar: Calendar, *, largest: int = LARGEST) -> Iterator[tuple[date, date]]:
    """Runs of sessions, first and last, of which the minutes of so many symbols fit in memory."""
    if not sessions:
        return
    count = max(1, largest // (calendar.minutes_of(sessions[-1]) * max(1, symbols)))
    for at in range(0, len(sessions), count):
        part = sessions[at : at + count]
        yield part[0], part[-1]
