"""Which bars are missing, as questions to a source: pure arithmetic over coverage.

Coverage is the days asked for and recorded, per symbol, without holes. Ranges are of days, not of sessions, and touch, so that an
action with an ex date on a weekend is never lost between two of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from grodt.bars.taken_back import TakenBack
from grodt.instruments import Instrument, Listing, one_listing_each
from grodt.lake import LakeFile

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One question to the source: those symbols (ascending), from `start` to `end`, both included, in one calendar year.

    Attributes:
        before_coverage: it ends where the symbols' coverage begins, instead of beginning where that ends.
        gap: it lies inside their coverage, in sessions that all of them lack; what comes in adds no coverage.
        again: it lies inside their coverage and was answered before; what differs is a revision, and adds no coverage.
    """

    symbols: tuple[str, ...]
    start: date
    end: date
    before_coverage: bool = False
    gap: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Covered:
    """Coverage to add: those symbols have been asked for and recorded from `start` to `end`."""

    symbols: tuple[str, ...]
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """One recorded chunk: what the caller commits to the manifest, in one transaction.

    Attributes:
        chunk: the question.
        files: what was written for it: at most one new one per table, and new versions of files whose rows it changes.
        covered: coverage it adds. A listed symbol whose last session has not come yet stays uncovered from that session on.
        rows: good bars.
        quarantined: rows refused.
        reasons: why rows were refused, in words.
        revised: bars and corporate actions that differ from what was recorded before.
        taken_back: corporate actions that leave the lake, because the source tells them under another ex date.
    """

    chunk: Chunk
    files: tuple[LakeFile, ...]
    covered: tuple[Covered, ...]
    rows: int
    quarantined: int
    reasons: tuple[str, ...]
    revised: int = 0
    taken_back: tuple[TakenBack, ...] = ()


def plan(
    coverage: Mapping[str, tuple[date, date]], symbols: Iterable[str], history_start: date, session: date, *, largest: int | None = None
) -> tuple[Chunk, ...]:
    """The chunks that make the coverage of `symbols` reach from `history_start` to `session`.

    Symbols that miss the same range share a chunk. In their order each chunk touches what is covered before it: history before the
    coverage comes first, newest year first, and then what follows it, oldest first. (The memory of the jump rule runs forward,
    so years that are added before the coverage are judged one by one.)

    Args:
        coverage: first and last day recorded, per symbol; a symbol without is new.
        symbols: what is wanted.
        history_start: first day wanted.
        session: last day wanted.
        largest: most symbols of one chunk; None: no bound.
    """
    before: dict[tuple[date, date], set[str]] = defaultdict(set)
    after: dict[tuple[date, date], set[str]] = defaultdict(set)
    for symbol in symbols:
        if symbol not in coverage:
            _by_year(after, symbol, history_start, session)
        else:
            first, last = coverage[symbol]
            _by_year(before, symbol, history_start, first - _DAY)
            _by_year(after, symbol, last + _DAY, session)
    earlier = [Chunk(part, *span, before_coverage=True) for span in sorted(before, reverse=True) for part in parted(before[span], largest)]
    later = [Chunk(part, *span) for span in sorted(after) for part in parted(after[span], largest)]
    return (*earlier, *later)


def parted(symbols: Iterable[str], largest: int | None) -> list[tuple[str, ...]]:
    """The symbols, ascending, in parts of at most `largest`; None: in one."""
    ordered = tuple(sorted(symbols))
    size = largest or max(1, len(ordered))
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


def _by_year(missing: dict[tuple[date, date], set[str]], symbol: str, start: date, end: date) -> None:
    for year in range(start.year, end.year + 1):
        span = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
        if span[0] <= span[1]:
            missing[span].add(symbol)


def symbols_to_ask(
    universe: Callable[[date], Sequence[Instrument]],
    coverage: Mapping[str, tuple[date, date]],
    session: date,
    held: Iterable[str] = (),
    listings: Callable[[Sequence[str]], Iterable[Listing]] = one_listing_each,
) -> tuple[str, ...]:
    """What is listed on the session, what is held, and what left the list since it was last asked for (its delisting is still to come).

    Their instruments' other symbols up to the session as well: history stands under the earlier ones, and what is held goes on under
    the latest.
    """
    wanted = {instrument.symbol for instrument in universe(session)} | set(held)
    listed_at_end = {end: {i.symbol for i in universe(end)} for end in {last for _, last in coverage.values() if last < session}}
    left = {symbol for symbol, (_, last) in coverage.items() if last < session and symbol in listed_at_end[last]}
    asked = wanted | left
    return tuple(sorted(asked | other_symbols(listings(sorted(asked)), asked, session)))


def other_symbols(listings: Iterable[Listing], symbols: Iterable[str], session: date) -> set[str]:
    """Every symbol under which instruments that ever had one of those symbols have been quoted up to a session."""
    every, own = tuple(listings), set(symbols)
    instruments = {each.instrument for each in every if each.symbol in own}
    return {each.symbol for each in every if each.instrument in instruments and (each.since is None or each.since <= session)}
