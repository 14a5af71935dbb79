"""`grodt ingest`: what it refuses, what it brings in, and going on after it was stopped."""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import flows.commands.ingest
import tasks.wiring
from flows.progress import Progress
from flows.server import PrefectServer
from grodt.bars.source import BarSource, Fetched
from grodt.execution.backfill import Backfilled
from grodt.instruments import Instrument
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, NEXT_MON, SYMBOLS, TUE, XNYS, small_home
from tests.flows.commands import Command, Ended

START, END = "2015-08-03", "2015-12-04"
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

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        self.asked.append((start, end))
        if len(self.asked) - 1 == self._at:
            raise self._error
        return await self._real.fetch(symbols, start, end)


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
