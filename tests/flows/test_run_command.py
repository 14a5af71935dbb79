"""`grodt run`: what it refuses, and how; what it says of cycles that are done."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, TUE, WED, books_text, small_home
from tests.flows.commands import Command


@pytest.fixture
def grodt(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home(tmp_path)


def _wrote_nothing(home: Home) -> bool:
    """No ledger, no lake and no broker."""
    return not any((home.folder / name).exists() for name in ("ledger.db", "lake", "brokers", "reports"))


def _refused(grodt: Command, home: Home, *arguments: str, status: int) -> str:
    """Run it; it must end with that status, one message on stderr and nothing written. Returns the message."""
    ended = grodt(home, "run", *arguments)
    assert ended.status == status, ended
    assert ended.out == ""
    assert ended.err.count("error:") == 1
    assert "Traceback" not in ended.err
    assert _wrote_nothing(home)
    return " ".join(ended.err.partition("error:")[2].split())


class TestArguments:
    def test_an_unknown_book(self, grodt: Command, home: Home) -> None:
        message = _refused(grodt, home, "--book", "smal", "--session", str(MON), status=2)
        assert message == "book 'smal' is unknown; the books file describes small"

    @pytest.mark.parametrize(
        ("session", "expected"),
        [
            ("2015-11-26", "2015-11-26 is not a session of XNYS (holiday or weekend); the nearest are 2015-11-25 and 2015-11-27"),
            ("2015-11-28", "2015-11-28 is not a session of XNYS (holiday or weekend); the nearest are 2015-11-27 and 2015-11-30"),
            ("2015-12-07", "the latest complete session is 2015-12-04"),
            ("2999-01-04", "2999-01-04 is outside the sessions XNYS knows"),
            ("0001-01-01", "0001-01-01 is outside the sessions XNYS knows"),
            ("Friday", "session 'Friday' is not a date; write it as YYYY-MM-DD"),
            ("2015-02-30", "session '2015-02-30' is not a date"),
        ],
    )
    def test_a_holiday_a_session_to_come_or_no_date(self, grodt: Command, home: Home, session: str, expected: str) -> None:
        assert expected in _refused(grodt, home, "--session", session, status=2)

    def test_a_session_before_it_closes(self, grodt: Command, home: Home) -> None:
        early = replace(home, now="2015-11-27T17:59:00Z")
        message = _refused(grodt, early, "--session", str(FRI), status=2)
        assert "it closes at 2015-11-27 18:00 UTC and now is 2015-11-27 17:59 UTC; the latest complete session is 2015-11-25" in message

    @pytest.mark.parametrize("count", ["0", "-1", "many"])
    def test_a_count_of_sessions_that_is_none(self, grodt: Command, home: Home, count: str) -> None:
        ended = grodt(home, "run", "--sessions", count)
        assert ended.status == 2
        assert "--sessions" in ended.err
        assert _wrote_nothing(home)

    def test_a_clock_that_is_none(self, grodt: Command, home: Home) -> None:
        assert "GRODT_NOW='yesterday'" in _refused(grodt, replace(home, now="yesterday"), status=2)
        assert "has no time zone" in _refused(grodt, replace(home, now="2015-12-05T12:00:00"), status=2)

    def test_what_was_given_is_shown_as_it_was_given(self, grodt: Command, home: Home) -> None:
        message = _refused(grodt, home, "--book", "[/bold]", status=2)
        assert message == "book '[/bold]' is unknown; the books file describes small"
        odd = replace(home, folder=home.folder.parent / "a [bold] place")
        assert f"home {odd.folder}" in grodt(odd, "run", "--book", "[/bold]").err


class TestBooksFile:
    @pytest.mark.parametrize("name", ["order_quantity", "order_value", "gross_exposure", "completeness"])
    @pytest.mark.parametrize("value", [None, "0", ".nan", "-1", ".inf", "true", "'5'", "a lot"])
    def test_a_limit_that_is_missing_zero_or_no_number(self, grodt: Command, home: Home, name: str, value: str | None) -> None:
        assert home.books is not None
        home.books.write_text(books_text(**{name: value}))
        message = _refused(grodt, home, "--session", str(MON), status=2)
        shown = {None: "missing", ".nan": "nan", ".inf": "inf", "true": "True", "a lot": "'a lot'"}.get(value, value)
        assert "books.yaml: books.small.limits" in message
        assert re.search(rf"{name}\b.*{re.escape(str(shown))}", message)

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (lambda _text: "", "must be a mapping with `sources` and `books`"),
            (lambda _text: "books: [", "is not valid YAML"),
            (lambda text: text.replace("capital: 1000000", "capital: 1000000\n    capital: 2"), 'found duplicate key "capital"'),
            (lambda text: text.replace("capital: 1000000", "capital: .nan"), "capital"),
            (lambda text: text.replace("capital: 1000000", "capital: 0"), "capital"),
            (lambda text: text.replace("capital: 1000000", "capitol: 1000000"), "books.small.capitol: unknown key"),
            (lambda text: text.replace("source: files", "source: vendor"), "books.small.source is 'vendor'; the file describes files"),
            (lambda text: text.replace("calendar: XNYS", "calendar: NYSEE"), "calendar 'NYSEE' is unknown"),
            (lambda text: text.replace("ewma_crossover", "astrology"), "signal 'astrology' is unknown"),
            (lambda text: text.replace("fast: 4, slow: 16", "fast: 16, slow: 4"), "books.small.signals.0: ewma_crossover"),
            (lambda text: text.replace("slippage_bps: 5", "slippage_bps: .nan"), "slippage_bps"),
            (lambda text: text.replace("weight_cap: 0.20", "weight_cap: 5"), "weight_cap"),
            (lambda text: text.replace("symbols: [CASH", "symbols: [CASHH"), "CASHH"),
        ],
    )
    def test_a_file_that_describes_no_books(self, grodt: Command, home: Home, change: Callable[[str], str], expected: str) -> None:
        assert home.books is not None
        home.books.write_text(change(books_text()))
        assert expected in _refused(grodt, home, "--session", str(MON), status=2)

    def test_a_file_that_is_not_there(self, grodt: Command, home: Home) -> None:
        assert "there is no such file" in _refused(grodt, replace(home, books=home.folder / "none.yaml"), status=2)


class TestBars:
    @pytest.mark.parametrize(
        ("change", "expected", "status"),
        [
            (
                lambda text: text.replace("close,volume", "closed,volume", 1),
                "its columns are symbol, session, open, high, low, closed, volume; correct `columns`",
                2,
            ),
            (lambda text: _cell(text, 5, "n/a"), "n/a", 1),
            (lambda text: _cell(text, 5, "-20.5"), "-20.5", 1),
            (lambda text: _cell(text, 5, "0"), "above zero", 1),
            (lambda text: text + text.splitlines()[3] + "\n", "CASH", 1),
            (lambda text: _cell(text, 1, "03.08.2015"), "03.08.2015", 1),
            (lambda _text: "", "bars.csv", 1),
        ],
        ids=["missing column", "text in a price", "negative price", "zero price", "a key twice", "no date", "empty file"],
    )
    def test_a_file_that_cannot_be_read(self, grodt: Command, home: Home, change: Callable[[str], str], expected: str, status: int) -> None:
        assert home.books is not None
        bars = home.books.parent / "bars.csv"
        bars.write_text(change(bars.read_text()))
        message = _refused(grodt, home, "--session", str(MON), status=status)
        assert "bars.csv" in message
        assert expected in message

    def test_a_file_that_is_not_there(self, grodt: Command, home: Home) -> None:
        assert home.books is not None
        (home.books.parent / "bars.csv").unlink()
        assert "bars.csv; correct `path`" in _refused(grodt, home, "--session", str(MON), status=2)

    def test_bad_input_after_good_leaves_the_ledger_and_lake_as_they_are(self, grodt: Command, home: Home) -> None:
        home.run(MON)
        before = home.everything()
        assert home.books is not None
        home.books.write_text(books_text(order_value="0"))
        assert grodt(home, "run", "--session", str(TUE)).status == 2
        home.books.write_text(books_text().replace("capital: 1000000", "capital: -5"))
        assert grodt(home, "run", "--session", str(TUE)).status == 2
        assert home.everything() == before


def _cell(text: str, column: int, value: str) -> str:
    """The file with one cell of its fourth row replaced."""
    lines = text.splitlines()
    cells = lines[4].split(",")
    cells[column] = value
    return "\n".join([*lines[:4], ",".join(cells), *lines[5:]]) + "\n"


class TestDone:
    def test_cycles_that_are_done_are_shown_and_stay_as_they_are(self, grodt: Command, home: Home) -> None:
        home.run(MON, TUE, WED)
        before = home.everything()
        ended = grodt(home, "run", "--session", str(WED), "--sessions", "3")
        assert ended.status == 0
        assert "small: 3 of 3 cycles are done and stay as they are" in ended.err
        assert ended.out.count("done, as before") == 3
        assert str(home.folder / "lake") in ended.out
        assert str(home.folder / "ledger.db") in ended.out
        assert f"{home.folder}/reports/small/{WED}.md" in ended.out
        assert f"GRODT_HOME={home.folder} uv run grodt ui" in ended.out
        rows = json.loads(grodt(home, "run", "--session", str(WED), "--sessions", "3", "--json").out)
        assert [(row["session"], row["state"], row["ran_now"]) for row in rows] == [(str(day), "done", False) for day in (MON, TUE, WED)]
        assert rows[2]["equity"] == f"{home.table('equity').filter(session=WED)['equity'][0]:.2f}"
        assert all(row["breaks"] == 0 and row["bars"] == 5 and math.isfinite(row["seconds"]) for row in rows)
        assert home.everything() == before

    def test_sessions_that_the_book_has_settled_past_are_named_and_skipped(self, grodt: Command, home: Home) -> None:
        home.run(MON, NEXT_MON)
        evening = replace(home, now="2015-11-30T22:00:00Z")
        before = home.everything()
        ended = grodt(evening, "run")
        assert ended.status == 0
        assert f"small: {TUE}, {WED}, {FRI} never ran and the book has settled past it; skipped" in ended.err
        assert home.everything() == before

    def test_a_session_that_the_book_has_settled_past_is_refused_when_it_is_asked_for(self, grodt: Command, home: Home) -> None:
        home.run(MON, WED)
        with pytest.raises(Exception, match=f"has settled through {WED}, so session {TUE} can no longer be run"):
            home.run(TUE)
