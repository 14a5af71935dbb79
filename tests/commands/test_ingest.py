"""`grodt ingest`: what it refuses, what it brings in, and going on after it was stopped."""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

import flows.commands.ingest
import tasks.wiring
from flows.progress import Progress
from flows.server import PrefectServer
from grodt.bars.minute_chunks import plan_minutes
from grodt.bars.minute_ingest import MinutesReport
from grodt.bars.source import BarSource, Fetched
from grodt.bars.taken_back import TakenBack
from grodt.execution.backfill import Backfilled
from grodt.execution.backfill_minutes import BackfilledMinutes
from grodt.instruments import Instrument, Listing
from tests.commands.minutes_file import add_minutes
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, SYMBOLS, TUE, XNYS, small_home
from tests.flows.commands import Command, Ended

START, END = "2015-08-03", "2015-12-04"
WHOLE = "liquid symbols: 100.0% of the minutes have a bar"
#: Bars of `small_world` from START to END: GONE leaves on 1 December, REST has none on 30 November.
ROWS = len(SYMBOLS) * len(XNYS.between(date(2015, 8, 3), date(2015, 12, 4))) - 4 - 1


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home(tmp_path)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def grodt(capsys: pytest.CaptureFixture[str], prefect_server: PrefectServer) -> Command:
    return Command(capsys, prefect_server.api_url)


def _ingest(grodt: Command, home: Home, *more: str, start: str = START, end: str = END) -> Ended:
    return grodt(home, "ingest", "--start", start, "--end", end, *more)


class Recording:
    """The real source; it notes what it is asked, and fails at one of the questions."""

    def __init__(self, real: BarSource, at: int | None, error: BaseException) -> None:
        self._real = real
        self._at = at
        self._error = error
        self.asked: list[tuple[date, date]] = []

    @property
    def name(self) -> str:
        return self._real.name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        return self._real.instruments(session)

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        return self._real.unknown(symbols)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        return self._real.listings(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        self._note(start, end)
        return await self._real.fetch(symbols, start, end)

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        self._note(start, end)
        real: Any = self._real
        answer: pl.DataFrame = await real.fetch_minutes(symbols, start, end)
        return answer

    def _note(self, start: date, end: date) -> None:
        self.asked.append((start, end))
        if len(self.asked) - 1 == self._at:
            raise self._error


@contextmanager
def _recording(at: int | None = None, error: BaseException | None = None) -> Iterator[list[tuple[date, date]]]:
    """What every source is asked while inside."""
    made: list[Recording] = []
    real = tasks.wiring.source

    def source(*arguments: Any) -> Recording:
        made.append(Recording(real(*arguments), at, error or AssertionError()))
        return made[-1]

    asked: list[tuple[date, date]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks.wiring, "source", source)
        yield asked
    asked += [each for one in made for each in one.asked]


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (("--start", END, "--end", START), f"start {END} lies after end {START}"),
            (("--start", "2015-12-05", "--end", "2015-12-31"), "lies after 2015-12-04, the latest complete session of XNYS"),
            (("--start", "2015-11-28", "--end", "2015-11-29"), "no complete session from 2015-11-28 to 2015-11-29"),
            (("--start", "1950-01-03", "--end", END), "lies before 1990-01-02, the first session of XNYS"),
            (("--start", "August", "--end", END), "session 'August' is not a date"),
            (("--start", START, "--end", "2015-02-30"), "session '2015-02-30' is not a date"),
            (("--start", START, "--end", END, "--book", "smal"), "book 'smal' is unknown"),
            (("--start", START, "--end", END, "--bars", "1m"), "source 'files' has no minute bars; describe their file under `minutes`"),
            (("--start", "August", "--end", END, "--bars", "1m"), "session 'August' is not a date"),
        ],
    )
    def test_a_range_or_book_that_is_none(self, refused: Command, home: Home, arguments: tuple[str, ...], expected: str) -> None:
        ended = refused(home, "ingest", *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert expected in " ".join(ended.err.split())
        assert ended.err.count("error:") == 1
        assert not (home.folder / "ledger.db").exists()
        assert not (home.folder / "lake").exists()

    def test_half_a_range(self, refused: Command, home: Home) -> None:
        assert refused(home, "ingest", "--start", START).status == 2


def test_it_brings_in_what_is_missing_and_says_so(grodt: Command, home: Home) -> None:
    with _recording() as asked:
        ended = _ingest(grodt, home, start="2015-11-02", end="2015-11-20")
    assert (ended.status, ended.out) == (0, "small 2015-11-02 to 2015-11-20: 75 bars came in, 0 rows were quarantined\n")
    assert asked == [(date(2015, 11, 2), date(2015, 11, 20))]
    assert "small 2015-11-02 to 2015-11-20  1 of 1 parts, 75 bars" in ended.err
    assert not (home.folder / "brokers").exists()

    with _recording() as asked:
        ended = _ingest(grodt, home, "--json", end="2016-06-30")
    assert asked == [(date(2015, 8, 3), date(2015, 11, 1)), (date(2015, 11, 21), date(2015, 12, 4))]
    assert "small: 2015-12-04 is the last complete session up to 2016-06-30; it ends there" in ended.err
    facts = json.loads(ended.out)
    assert facts.pop("seconds") > 0
    assert facts == {
        "book": "small",
        "start": START,
        "session": END,
        "chunks": 2,
        "rows": ROWS - 75,
        "gap_bars": 0,
        "healed": 0,
        "quarantined": 0,
        "reasons": [],
        "unmerged": [],
        "revised": 0,
        "taken_back": [],
    }
    assert home.table("bars_1d").height == ROWS
    home.run(NEXT_MON)
    assert home.table("bars_1d").height == ROWS


def test_a_second_time_it_changes_nothing(grodt: Command, refused: Command, home: Home) -> None:
    _ingest(grodt, home, end=str(TUE))
    before = home.everything()
    with _recording() as asked:
        ended = _ingest(refused, home, end=str(TUE))
    assert (ended.status, ended.out) == (0, f"small {START} to {TUE}: nothing is missing\n")
    assert json.loads(_ingest(refused, home, "--json", end=str(TUE)).out)["chunks"] == 0
    assert asked == []
    assert home.everything() == before


def test_a_gap_that_the_vendor_has_mended_is_healed(grodt: Command, home: Home) -> None:
    assert home.books is not None
    file = home.books.parent / "bars.csv"
    good = file.read_text()
    line = next(line for line in good.splitlines() if line.startswith(f"RISE,{TUE}"))
    file.write_text(good.replace(line, f"RISE,{TUE},1,1,1,1,1000"))
    home.run(FRI)
    files = home.files("quarantine")
    assert home.table("quarantine").select("symbol", "session").rows() == [("RISE", TUE)]

    with _recording() as asked:
        ended = _ingest(grodt, home, end=str(FRI))
    assert asked == [(TUE, TUE)]
    assert ended.out.splitlines() == [
        f"small {START} to {FRI}: nothing is missing that the source has",
        "gaps: 1 bars were asked for again, 0 came in, 1 are still not there",
    ]
    tasks.wiring.source.cache_clear()
    file.write_text(good)
    ended = _ingest(grodt, home, end=str(FRI))
    assert "gaps: 1 bars were asked for again, 1 came in, 0 are still not there" in ended.out
    assert home.table("bars_1d").filter(symbol="RISE", session=TUE).height == 1
    assert home.files("quarantine") == files


def test_interrupted_it_goes_on_where_it_stopped(grodt: Command, home: Home, tmp_path: Path) -> None:
    whole = small_home(tmp_path / "whole")
    for each in (whole, home):
        _ingest(grodt, each, start="2015-09-01", end="2015-10-30")
    _ingest(grodt, whole)
    with _recording(at=1, error=KeyboardInterrupt()):
        ended = _ingest(grodt, home)
    assert ended.status == 130
    assert "interrupted; run the same command again and it goes on where it stopped" in ended.err
    with _recording() as asked:
        assert _ingest(grodt, home).status == 0
    assert asked[-1] == (date(2015, 10, 31), date(2015, 12, 4))
    assert home.table("bars_1d").drop("known_at").equals(whole.table("bars_1d").drop("known_at"))
    assert home.sql("SELECT symbol, first_date, last_date FROM coverage ORDER BY 1") == whole.sql(
        "SELECT symbol, first_date, last_date FROM coverage ORDER BY 1"
    )


def test_a_halt_of_the_gate_names_what_to_look_at_and_leaves_the_book_alone(grodt: Command, home: Home) -> None:
    assert home.books is not None
    file = home.books.parent / "bars.csv"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if END not in line) + "\n")
    ended = _ingest(grodt, home)
    assert ended.status == 1
    assert f"session {END} has no good bar for any of 4 listed symbols" in ended.err
    assert home.sql("SELECT count(*) FROM halts") == [(0,)]


def test_many_reasons_are_cut_short_for_people_and_not_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    done = Backfilled(date(2015, 8, 3), date(2015, 12, 4), chunks=7, rows=9, quarantined=7, reasons=tuple(map(str, range(7))))
    flows.commands.ingest._show("small", done, 1.0, as_json=False)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "small 2015-08-03 to 2015-12-04: 9 bars came in, 7 rows were quarantined"
    assert shown[5:] == ["quarantine: 4", "quarantine: 2 more lines like these; --json has all, the table quarantine each row"]
    flows.commands.ingest._show("small", done, 1.0, as_json=True)
    assert json.loads(capsys.readouterr().out)["reasons"] == list("0123456")


def test_what_was_taken_back_is_a_line_for_people_and_a_fact_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    moved = TakenBack("files", "CASH", "dividend", date(2015, 11, 25), date(2015, 11, 27))
    done = Backfilled(date(2015, 8, 3), date(2015, 12, 4), chunks=1, taken_back=(moved,))
    flows.commands.ingest._show("small", done, 1.0, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "small 2015-08-03 to 2015-12-04: 0 bars came in, 0 rows were quarantined",
        "revision: CASH dividend 2015-11-25 is taken back: source 'files' tells it as of 2015-11-27 now",
    ]
    flows.commands.ingest._show("small", done, 1.0, as_json=True)
    assert json.loads(capsys.readouterr().out)["taken_back"] == [
        {"source": "files", "symbol": "CASH", "kind": "dividend", "ex_date": "2015-11-25", "told": "2015-11-27"}
    ]


def test_on_a_terminal_a_bar_counts_parts_bars_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, force_interactive=True, width=120)
    monkeypatch.setattr(flows.commands.ingest, "console", terminal)
    with flows.commands.ingest._counting(Progress(), "small", 4) as counted:
        counted(1, 4, 1_000)
        counted(2, 4, 2_500)
    assert "2/4" in shown.getvalue()
    assert "2,500 bars" in shown.getvalue()
    assert "bars/s" in shown.getvalue()


class TestMinutes:
    """`--bars 1m`, over the sessions of Thanksgiving week."""

    def _ingest(self, grodt: Command, home: Home, *more: str, start: date = MON, end: date = FRI) -> Ended:
        return _ingest(grodt, home, "--bars", "1m", *more, start=str(start), end=str(end))

    def _rows(self, home: Home) -> int:
        return home.table("bars_1m").height

    def test_it_brings_in_minutes_and_says_so_and_a_second_time_nothing_is_missing(
        self, grodt: Command, refused: Command, home: Home
    ) -> None:
        add_minutes(home, MON, FRI)
        with _recording() as asked:
            ended = self._ingest(grodt, home)
        rows = len(SYMBOLS) * (3 * 390 + 210)
        assert (ended.status, ended.out) == (0, f"small {MON} to {FRI}: {rows:,} minute bars came in, 0 rows were quarantined\n{WHOLE}\n")
        assert asked == [(MON, FRI)]
        assert f"small {MON} to {FRI}  1 of 1 parts, {rows:,} bars" in ended.err
        assert self._rows(home) == rows
        assert home.sql("SELECT DISTINCT width, first_date, last_date FROM coverage") == [("1m", str(MON), str(FRI))]
        before = home.everything()
        with _recording() as asked:
            ended = self._ingest(refused, home)
        assert (ended.status, ended.out, asked) == (0, f"small {MON} to {FRI}: no minute bar is missing\n", [])
        assert json.loads(self._ingest(refused, home, "--json").out)["chunks"] == 0
        assert home.everything() == before

    def test_beside_daily_bars_they_add_up_and_a_session_that_came_later_is_healed(self, grodt: Command, home: Home) -> None:
        _ingest(grodt, home, start=str(MON), end=str(FRI))
        add_minutes(home, MON, FRI, less={("RISE", TUE)})
        facts = json.loads(self._ingest(grodt, home, "--json").out)
        assert facts.pop("seconds") > 0
        rows = len(SYMBOLS) * (3 * 390 + 210)
        assert facts == {
            "book": "small",
            "start": str(MON),
            "session": str(FRI),
            "gap_sessions": 0,
            "unmerged": [],
            "chunks": 1,
            "rows": rows - 390,
            "healed": 0,
            "quarantined": 0,
            "extended": 0,
            "filled": 0,
            "minutes": rows - 390,
            "expected": rows - 390,
            "incomplete": 0,
            "compared": 4 * len(SYMBOLS) - 1,
            "identical": 4 * len(SYMBOLS) - 1,
            "revised": 0,
            "reasons": [],
        }
        tasks.wiring.source.cache_clear()
        add_minutes(home, MON, FRI)
        with _recording() as asked:
            ended = self._ingest(grodt, home)
        assert asked == [(TUE, TUE)]
        assert ended.out.splitlines() == [
            f"small {MON} to {FRI}: 390 minute bars came in, 0 rows were quarantined",
            "gaps: 1 sessions of symbols were asked for again, minutes of 1 came in, 0 are as they were",
            "daily bars: 1 of 1 sessions of symbols add up to the daily bar, to the last digit",
            WHOLE,
        ]
        assert self._rows(home) == rows

    def test_interrupted_it_goes_on_where_it_stopped(self, grodt: Command, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plan_minutes, "__kwdefaults__", {"largest": len(SYMBOLS) * 390})
        add_minutes(home, MON, FRI)
        with _recording(at=2, error=KeyboardInterrupt()):
            ended = self._ingest(grodt, home)
        assert ended.status == 130
        held = self._rows(home)
        assert 0 < held < len(SYMBOLS) * (3 * 390 + 210)
        with _recording() as asked:
            assert self._ingest(grodt, home).status == 0
        assert asked[0][0] > MON
        assert self._rows(home) == len(SYMBOLS) * (3 * 390 + 210)

    def test_stamps_of_the_wrong_end_halt_with_the_setting_to_change(self, grodt: Command, home: Home) -> None:
        add_minutes(home, MON, FRI, late=timedelta(minutes=1))
        ended = self._ingest(grodt, home)
        assert ended.status == 1
        assert "the bars are stamped at the END of the minute and were taken for START; declare `stamps: end` of the source" in " ".join(
            ended.err.split()
        )
        assert not (home.folder / "lake/bars_1m").exists()

    def test_what_the_gate_noticed_is_shown(self, capsys: pytest.CaptureFixture[str]) -> None:
        came = MinutesReport(chunks=4, rows=9, healed=1, quarantined=2, extended=3, filled=4, reasons=tuple(map(str, range(7))))
        came = replace(came, minutes=995, expected=1_000, incomplete=5, compared=8, identical=7)
        flows.commands.ingest._show("small", BackfilledMinutes(MON, FRI, 2, came), 1.0, as_json=False)
        assert capsys.readouterr().out.splitlines() == [
            "small 2015-11-23 to 2015-11-27: 9 minute bars came in, 2 rows were quarantined",
            "left out: 3 rows outside the trading hours, 4 of minutes in which nobody traded",
            "gaps: 2 sessions of symbols were asked for again, minutes of 1 came in, 1 are as they were",
            "daily bars: 7 of 8 sessions of symbols add up to the daily bar, to the last digit",
            "liquid symbols: 99.5% of the minutes have a bar; 5 sessions of them are incomplete",
            *(f"gate: {number}" for number in range(5)),
            "gate: 2 more lines like these; --json has all, the table quarantine_1m each row",
        ]
        flows.commands.ingest._show("small", BackfilledMinutes(MON, FRI, 0, MinutesReport(1)), 1.0, as_json=False)
        assert capsys.readouterr().out == "small 2015-11-23 to 2015-11-27: no minute bar is missing that the source has\n"


def test_what_is_there_is_asked_for_again_and_a_correction_becomes_a_new_version(grodt: Command, home: Home) -> None:
    assert home.books is not None
    _ingest(grodt, home)
    before = home.table("bars_1d")
    file = home.books.parent / "bars.csv"
    line = next(line for line in file.read_text().splitlines() if line.startswith(f"RISE,{TUE}"))
    *cells, volume = line.split(",")
    file.write_text(file.read_text().replace(line, ",".join([*cells, str(int(volume) + 7)])))
    tasks.wiring.source.cache_clear()
    home.now = "2015-12-06T12:00:00Z"
    assert "revisions" not in _ingest(grodt, home).out
    ended = _ingest(grodt, home, "--again")
    assert ended.status == 0, ended.err
    assert "revisions: 1 bars and corporate actions differ from what was there; each is a new version" in ended.out.splitlines()
    after = home.table("bars_1d")
    (changed,) = after.join(before, on=after.columns, how="anti").to_dicts()
    assert (changed["symbol"], changed["session"], changed["volume"]) == ("RISE", TUE, int(volume) + 7)
    assert changed["known_at"].isoformat() == "2015-12-06T12:00:00+00:00"
    assert after.height == before.height
    assert grodt(home, "verify").status == 0
    ended = _ingest(grodt, home, "--again")
    assert ended.out.splitlines()[0] == f"small {START} to {END}: nothing is missing that the source has"
