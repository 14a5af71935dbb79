"""Which sessions inside the coverage lack a bar."""

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.chunks import Chunk
from grodt.bars.gaps import plan_gaps
from grodt.sessions import Calendar

XNYS = Calendar("XNYS")
SESSIONS = XNYS.between(date(2013, 12, 16), date(2014, 1, 10))
ALL = dict.fromkeys("AB", (SESSIONS[0], SESSIONS[-1]))


def frame(rows: list[tuple[str, date]], column: str = "session") -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"symbol": pl.String, column: pl.Date}, orient="row")


def gaps(missing: set[tuple[str, date]], refused=(), delisted=(), coverage=ALL, start=SESSIONS[0], end=SESSIONS[-1], **how):
    bars = [(symbol, session) for symbol in coverage for session in SESSIONS if (symbol, session) not in missing]
    return plan_gaps(frame(bars), frame(list(refused)), frame(list(delisted), "ex_date"), coverage, SESSIONS, start=start, end=end, **how)


def test_symbols_that_lack_the_same_sessions_share_a_question_and_a_year_ends_one():
    turn = [session for session in SESSIONS if date(2013, 12, 30) <= session <= date(2014, 1, 3)]
    missing = {(symbol, session) for symbol in "AB" for session in turn} | {("A", date(2014, 1, 8))}
    assert gaps(missing) == (
        Chunk(("A", "B"), date(2013, 12, 30), date(2013, 12, 31), gap=True),
        Chunk(("A", "B"), date(2014, 1, 2), date(2014, 1, 3), gap=True),
        Chunk(("A",), date(2014, 1, 8), date(2014, 1, 8), gap=True),
    )
    assert len(gaps(missing, largest=1)) == 5


def test_silence_before_the_first_bar_and_after_the_last_is_none():
    assert gaps({("A", session) for session in (*SESSIONS[:4], *SESSIONS[-7:])}) == ()
    assert gaps({("A", session) for session in SESSIONS}) == ()


def test_a_refused_bar_is_one_wherever_it_lies():
    edge = SESSIONS[-1]
    assert gaps({("A", edge)}, refused=[("A", edge), ("A", date(2014, 1, 4)), ("Z", edge), ("B", edge)]) == (
        Chunk(("A",), edge, edge, gap=True),
    )


def test_what_lies_between_a_delisting_and_a_new_listing_is_none():
    missing = {("A", session) for session in SESSIONS[5:9]} | {("A", SESSIONS[12])}
    kept = (Chunk(("A",), SESSIONS[12], SESSIONS[12], gap=True),)
    assert gaps(missing, delisted=[("A", SESSIONS[7])]) == kept
    assert gaps(missing, delisted=[("A", SESSIONS[4]), ("Z", SESSIONS[4]), ("A", date(2014, 2, 1))])[-1:] == kept


def test_nothing_outside_the_coverage_or_the_range_is_asked_for():
    missing = {(symbol, SESSIONS[at]) for symbol in "AB" for at in (2, 6, 10)}
    coverage = {"A": (SESSIONS[0], SESSIONS[-1]), "B": (SESSIONS[4], SESSIONS[8])}
    assert [(chunk.symbols, chunk.start) for chunk in gaps(missing, coverage=coverage)] == [
        (("A",), SESSIONS[2]),
        (("A", "B"), SESSIONS[6]),
        (("A",), SESSIONS[10]),
    ]
    assert [chunk.start for chunk in gaps(missing, start=SESSIONS[3], end=SESSIONS[9])] == [SESSIONS[6]]
    assert plan_gaps(frame([]), frame([]), frame([], "ex_date"), {}, (), start=SESSIONS[0], end=SESSIONS[-1]) == ()


cells = st.sets(st.tuples(st.sampled_from("AB"), st.sampled_from(SESSIONS)))


@given(missing=cells, refused=cells, ends=st.tuples(st.sampled_from(SESSIONS), st.sampled_from(SESSIONS)))
def test_it_says_what_looking_at_each_bar_by_itself_says(missing, refused, ends):
    start, end = min(ends), max(ends)
    asked = set()
    for chunk in gaps(missing, refused=sorted(refused), start=start, end=end):
        assert chunk.gap
        assert chunk.start.year == chunk.end.year
        found = {(symbol, session) for symbol in chunk.symbols for session in XNYS.between(chunk.start, chunk.end)}
        assert not asked & found
        asked |= found

    def is_gap(symbol: str, session: date) -> bool:
        there = [each for each in SESSIONS if (symbol, each) not in missing]
        inside = bool(there) and there[0] < session < there[-1]
        return (symbol, session) in missing and (inside or (symbol, session) in refused)

    assert asked == {(symbol, session) for symbol in "AB" for session in SESSIONS if start <= session <= end and is_gap(symbol, session)}
