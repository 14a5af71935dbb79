"""A corporate action whose ex date the source corrects: the lake follows it, and what a book has booked stands."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import grodt
import tasks.wiring
from flows.backfill import backfill
from flows.replaying import ask, replay_book
from grodt.bars.simulated import SimulatedSource
from grodt.bars.source import RAW_ACTIONS, Fetched
from grodt.errors import ReconciliationBreak
from grodt.sessions import Calendar
from tasks.wiring import source
from tests.cycles import intraday_world
from tests.cycles.driver import Home, without_prefect
from tests.cycles.intraday_world import within_home
from tests.cycles.small_world import FRI, MON, NEXT_MON, NEXT_TUE, NEXT_WED, TUE, WED, small_home
from tests.cycles.test_late_actions import _night, _work
from tests.flows.commands import Command
from tests.replay.parity import differences, replayed, table

BEGUN = date(2015, 8, 3)


def _after(session: date, minutes: int = 45) -> datetime:
    """An instant in the session's night, after its cycle."""
    return datetime(session.year, session.month, session.day, 23, tzinfo=UTC) + timedelta(minutes=minutes)


def _moves(home: Home, symbol: str, before: date, after: date, file: str = "dividends.csv") -> None:
    """The source corrects a date."""
    assert home.books is not None
    told = home.books.parent / file
    assert f"{symbol},{before}" in told.read_text()
    told.write_text(told.read_text().replace(f"{symbol},{before}", f"{symbol},{after}"))


def _filled(home: Home, session: date) -> None:
    """Bring in its bars and actions in a session's night, without a cycle."""
    source.cache_clear()
    home.now = f"{session}T23:30:00Z"
    with home.environment(), without_prefect():
        backfill.fn(home.book, BEGUN, session)


def _dividends(home: Home, as_of: datetime | None = None) -> list[date]:
    """Ex dates of CASH's dividends up to Friday, as the lake has them."""
    rows = grodt.read("corporate_actions", home=home.folder, symbols="CASH", end=FRI, as_of=as_of)
    return rows.get_column("ex_date").to_list()


def _replayed(home: Home, sessions: Sequence[date], out: Path, as_of: datetime | None) -> None:
    with home.environment():
        asked = ask(home.book, sessions[0], sessions[-1], out)
        replay_book(asked, as_of=as_of, evidence=True, risk_free=0.0, progress=lambda _text: None)


def _until_friday(tmp_path: Path) -> Home:
    """The dividend of Wednesday is booked, and told as of Friday on Friday; people have resolved the break by the night's end."""
    home = small_home(tmp_path)
    for session in (MON, TUE, WED):
        _night(home, session)
    _moves(home, "CASH", WED, FRI)
    with pytest.raises(ReconciliationBreak, match=rf"CASH dividend {FRI} was not applied: one of the same terms is booked as of {WED}"):
        _night(home, FRI)
    return home


def _resolved(home: Home) -> None:
    _work(home, _after(FRI, 40))
    _night(home, FRI)


def test_what_is_booked_stays_booked_and_its_break_stands_until_a_person_resolves_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _until_friday(tmp_path)
    lines = [json.loads(line) for line in (home.folder / "logs/grodt.jsonl").read_text().splitlines()]
    (said,) = [line for line in lines if "was taken back" in line["event"]]
    assert [said[name] for name in ("source", "symbol", "kind", "ex_date", "told_as_of")] == [
        *("files", "CASH", "dividend"),
        *(str(WED), str(FRI)),
    ]
    assert _dividends(home) == [FRI]
    booked = [(f"dividend:small:CASH:{WED}",)]
    assert home.sql("SELECT entry_id FROM entries WHERE kind = 'dividend'") == booked
    _work(home, _after(FRI, 35), resolves=False)
    with pytest.raises(ReconciliationBreak):  # the old row is gone, and the break is not
        _night(home, FRI)
    assert home.sql("SELECT count(*), max(resolved_at) FROM breaks") == [(1, None)]
    _resolved(home)
    for session in (NEXT_MON, NEXT_TUE):
        _night(home, session)
    assert home.sql("SELECT count(*), count(resolved_at) FROM breaks") == [(1, 1)]
    assert home.sql("SELECT entry_id FROM entries WHERE kind = 'dividend' AND session < ?", str(NEXT_MON)) == booked
    assert home.sql("SELECT count(*) FROM entries WHERE kind = 'dividend_payment'") == [(1,)]
    assert home.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'") == home.broker("SELECT cash FROM account")
    assert home.sql("SELECT state FROM runs ORDER BY session") == [("done",)] * 6
    ended = Command(capsys)(home, "verify")
    assert (ended.status, "FAIL" in ended.out) == (0, False)
    for session, told in ((WED, [str(WED)]), (FRI, [str(FRI)])):
        (chain,) = json.loads(Command(capsys)(home, "explain", "CASH", "--session", str(session), "--json").out)
        assert [row["ex_date"] for row in chain["actions"]] == told


def test_the_past_is_as_it_was_known_and_a_replay_of_it_says_what_its_cycles_said(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    for session in (MON, TUE, WED):
        _night(home, session)
    then = _after(WED)
    series = grodt.read("bars_1d", home=home.folder, adjust="total")
    _moves(home, "CASH", WED, FRI)
    with pytest.raises(ReconciliationBreak):
        _night(home, FRI)
    assert (_dividends(home, then), _dividends(home)) == ([WED], [FRI])
    assert grodt.read("bars_1d", home=home.folder, adjust="total", as_of=then).equals(series)
    assert not grodt.read("bars_1d", home=home.folder, adjust="total", end=WED).equals(series)
    live = home.folder / "lake"
    _replayed(home, (MON, TUE, WED), tmp_path / "then", then)
    names = ("signals", "targets", "risk_checks", "orders", "fills", "equity")
    known = {name: table(live, name).filter(pl.col("session") <= WED) for name in names}
    assert {name: known[name].height > 0 for name in names} == dict.fromkeys(names, True)
    assert [name for name in names if not known[name].equals(table(tmp_path / "then", name))] == []


def test_the_cycles_since_and_a_replay_of_them_see_the_same(tmp_path: Path) -> None:
    home = _until_friday(tmp_path)
    _resolved(home)
    _night(home, NEXT_MON)
    _replayed(home, (MON, TUE, WED, FRI, NEXT_MON), tmp_path / "now", None)
    live, replay = (table(lake, "signals").filter(pl.col("session") >= FRI) for lake in (home.folder / "lake", tmp_path / "now"))
    assert (live.height, live.equals(replay)) == (10, True)


def test_a_book_that_begins_after_the_correction_goes_as_its_replay_does(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    _filled(home, WED)
    _moves(home, "CASH", WED, FRI)
    _night(home, FRI)
    assert _dividends(home) == [FRI]
    _night(home, NEXT_MON)
    replayed(home, (FRI, NEXT_MON), tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}


def test_what_was_not_booked_yet_is_booked_once_under_its_new_date(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    for session in (MON, TUE):
        _night(home, session)
    _filled(home, WED)
    assert _dividends(home) == [WED]
    _moves(home, "CASH", WED, FRI)
    _night(home, FRI)
    assert _dividends(home) == [FRI]
    assert home.sql("SELECT entry_id FROM entries WHERE kind = 'dividend'") == [(f"dividend:small:CASH:{FRI}",)]
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]
    assert home.sql("SELECT settlements.session FROM settlements ORDER BY session") == [(str(day),) for day in (MON, TUE, WED, FRI)]
    assert home.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'") == home.broker("SELECT cash FROM account")


def test_one_that_moved_into_a_settled_session_is_late_and_raised_once(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    for session in (MON, TUE, WED, FRI, NEXT_MON):
        _night(home, session)
    _moves(home, "CASH", NEXT_MON, FRI)
    with pytest.raises(ReconciliationBreak, match=rf"CASH dividend {FRI}, booked as of {NEXT_MON}"):
        _night(home, NEXT_TUE)
    assert _dividends(home) == [WED, FRI]
    _work(home, datetime(2015, 12, 1, 23, 40, tzinfo=UTC))
    _night(home, NEXT_TUE)
    _night(home, NEXT_WED)
    assert home.sql("SELECT kind, symbol FROM breaks") == [("action", f"CASH dividend {FRI}, booked as of {NEXT_MON}")]
    assert home.sql("SELECT state FROM runs ORDER BY session") == [("done",)] * 7


class Correcting(SimulatedSource):
    """A simulated source that tells one dividend more, of the date that it is given last."""

    dividend: tuple[str, date]

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        answer, (symbol, ex_date) = await super().fetch(symbols, start, end), self.dividend
        if symbol not in symbols or not start <= ex_date <= end:
            return answer
        row = pl.DataFrame([(symbol, ex_date, "dividend", None, None, None, Decimal("0.01"), None)], schema=RAW_ACTIONS, orient="row")
        return Fetched(answer.bars, pl.concat([answer.actions, row]))


def test_a_slot_takes_back_what_the_source_tells_as_of_its_own_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = within_home(tmp_path)
    yesterday, today = date(2026, 11, 24), intraday_world.WED
    symbol = "SIM0001"

    def sim(name: str, config: Any, calendar: Calendar, _folder: Path) -> Correcting:
        return Correcting(name, config.seed, calendar, tasks.wiring.SUPPLY, config.opened)

    monkeypatch.setattr(tasks.wiring, "source", sim)
    seen = []
    for slot, told in (("1030", yesterday), ("1200", today), ("1330", today)):
        monkeypatch.setattr(Correcting, "dividend", (symbol, told), raising=False)
        home.slots(today, slot)
        dividends = home.table("corporate_actions").filter(pl.col("cash_per_share") == Decimal("0.01"))
        seen.append(dividends.select("symbol", "ex_date").rows())
    assert seen == [[(symbol, yesterday)], [(symbol, today)], [(symbol, today)]]
    lines = [json.loads(line) for line in (home.folder / "logs/grodt.jsonl").read_text().splitlines()]
    (said,) = [line for line in lines if "was taken back" in line["event"]]
    assert (said["run"], said["ex_date"], said["told_as_of"]) == (f"within-intraday-{today}-1200", str(yesterday), str(today))
