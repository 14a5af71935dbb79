"""A corporate action that the source tells of after the session was settled stops the book until a person has worked it."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from grodt.errors import ReconciliationBreak
from grodt.ledger.breaks import open_breaks, resolve_break
from grodt.ledger.unit import Ledger
from tasks.wiring import source
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, NEXT_TUE, TUE, WED, small_home
from tests.ledger.people import rearmed
from tests.replay.parity import differences, replayed


def _night(home: Home, session: date) -> None:
    """Run the session's cycle in its own night; a process reads the source's files once, and each night has a process of its own."""
    source.cache_clear()
    home.now = f"{session}T23:30:00Z"
    home.run(session)


def _work(home: Home, now: datetime, *, resolves: bool = True) -> None:
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.write() as tx:
        for each in open_breaks(tx, "small") if resolves else ():
            resolve_break(tx, each.break_id, "the broker paid it", "ops", now)
        rearmed(tx, "small", now)
    ledger.close()


def test_a_dividend_that_comes_late_is_a_break_and_is_raised_once(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    assert home.books is not None
    dividends = home.books.parent / "dividends.csv"
    told = dividends.read_text()
    dividends.write_text("".join(line for line in told.splitlines(keepends=True) if f"CASH,{WED}" not in line))
    for session in (MON, TUE, WED):
        _night(home, session)
    ((shares,),) = home.sql(
        "SELECT sum(amount) FROM postings JOIN entries USING (entry_id) WHERE account = 'position' AND symbol = 'CASH' AND session < ?",
        str(WED),
    )
    assert shares > 0
    dividends.write_text(told)

    with pytest.raises(ReconciliationBreak, match=rf"1 corporate action came after its session was settled(?s:.*)CASH dividend {WED}"):
        _night(home, FRI)
    assert home.sql("SELECT kind, symbol, ours, theirs FROM breaks") == [("action", f"CASH dividend {WED}", 0, shares * 500_000)]
    assert home.sql("SELECT count(*) FROM orders WHERE session = ?", str(FRI)) == [(0,)]
    assert home.sql("SELECT reason FROM halts WHERE ended_at IS NULL") == [
        ("breaks_open: our books and the broker's disagree (control 31: value is 1, limit 0)",)
    ]

    _work(home, datetime(2015, 11, 27, 23, 45, tzinfo=UTC))
    for session in (FRI, NEXT_MON):
        _night(home, session)
    assert home.sql("SELECT state FROM runs ORDER BY session") == [("done",)] * 5
    assert home.sql("SELECT count(*) FROM breaks") == [(1,)]


def test_a_dividend_that_is_known_in_time_is_no_break(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    for session in (MON, TUE, WED, FRI):
        _night(home, session)
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]
    assert home.sql("SELECT count(*) FROM dividends") == [(1,)]


def test_a_dividend_and_a_split_that_are_told_under_two_dates_are_booked_once_and_a_replay_goes_the_same_way(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    assert home.books is not None
    for session in (MON, TUE, WED):
        _night(home, session)
    dividends, splits = home.books.parent / "dividends.csv", home.books.parent / "splits.csv"
    dividends.write_text(dividends.read_text() + f"CASH,{FRI},{NEXT_TUE},0.50\n")
    with pytest.raises(ReconciliationBreak) as raised:
        _night(home, FRI)
    assert "1 corporate action is booked under another ex date; the book is halted" in str(raised.value)
    assert f"CASH dividend {FRI} was not applied: one of the same terms is booked as of {WED}." in str(raised.value)
    assert home.sql("SELECT count(*) FROM dividends") == [(1,)]
    assert home.sql("SELECT kind, symbol FROM breaks") == [("action", f"CASH dividend {FRI}, booked as of {WED}")]
    _work(home, datetime(2015, 11, 27, 23, 40, tzinfo=UTC), resolves=False)
    with pytest.raises(ReconciliationBreak):  # until a person has resolved it
        _night(home, FRI)
    _work(home, datetime(2015, 11, 27, 23, 45, tzinfo=UTC))
    _night(home, FRI)

    splits.write_text(splits.read_text() + f"TWIN,{NEXT_MON},3,2\n")
    with pytest.raises(ReconciliationBreak, match=rf"TWIN split {NEXT_MON}, booked as of {FRI}"):
        _night(home, NEXT_MON)
    _work(home, datetime(2015, 11, 30, 23, 45, tzinfo=UTC))
    _night(home, NEXT_MON)
    assert home.sql("SELECT entry_id FROM entries WHERE kind = 'split'") == [(f"split:small:TWIN:{FRI}",)]
    assert home.sql("SELECT count(*) FROM breaks WHERE resolved_at IS NULL") == [(0,)]
    assert home.sql("SELECT state FROM runs ORDER BY session") == [("done",)] * 5

    done = replayed(home, (MON, TUE, WED, FRI, NEXT_MON), tmp_path / "out")
    assert set(differences(home, tmp_path / "out")) == {"risk_checks"}  # cycles since people re-armed the book, which a replay has not done
    assert {f"{each.symbol} {each.kind} {each.ex_date}" for each in done.course.account.moved} == {
        f"CASH dividend {FRI}",
        f"TWIN split {NEXT_MON}",
    }
