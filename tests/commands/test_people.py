"""halt, rearm, resolve: what people do to a book, with who and why."""

import getpass
from datetime import UTC, datetime

import pytest

from grodt.errors import HaltActive
from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, WED
from tests.flows.commands import Command

NOW = "2015-12-05 12:00 UTC"
_HALTS = "SELECT scope, book, symbol, reason, author, end_reason, end_author FROM halts ORDER BY halt_id"


class TestHalt:
    @pytest.mark.parametrize(
        ("arguments", "recorded", "said"),
        [
            (["--book", "small"], ("book", "small", ""), "on book small"),
            ([], ("book", "small", ""), "on book small"),
            (["--symbol", "RISE"], ("symbol", "small", "RISE"), "on RISE of book small"),
            (["--all"], ("all", "", ""), "on all books"),
        ],
        ids=["a book", "the only book", "a symbol", "all"],
    )
    def test_it_is_recorded_with_who_and_why(
        self, grodt: Command, home: Home, arguments: list[str], recorded: tuple[str, str, str], said: str
    ) -> None:
        ended = grodt(home, "halt", *arguments, "--reason", "odd [prices]", "--author", "ann")
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.splitlines()[0] == f"halt 1 {said} by ann since {NOW}: odd [prices]"
        assert home.sql(_HALTS) == [(*recorded, "odd [prices]", "ann", None, None)]

    def test_it_says_how_to_end_it(self, grodt: Command, home: Home) -> None:
        def next_step(*arguments: str) -> str:
            return grodt(home, "halt", *arguments, "--reason", "why").out.splitlines()[1]

        assert next_step() == "nothing is sent until: grodt rearm --book small --reason WHY"
        assert next_step("--symbol", "RISE") == "no order in RISE is sent until: grodt rearm --book small --reason WHY"
        assert next_step("--all") == "nothing is sent until: grodt rearm --all --reason WHY"

    def test_saying_it_again_makes_no_second_one(self, grodt: Command, home: Home) -> None:
        first = grodt(home, "halt", "--reason", "why", "--author", "ann")
        assert grodt(home, "halt", "--reason", "why", "--author", "bob").out == first.out
        assert len(home.sql(_HALTS)) == 1

    def test_it_stops_the_next_cycle(self, grodt: Command, home: Home) -> None:
        grodt(home, "halt", "--reason", "earthquake", "--author", "ann")
        with pytest.raises(HaltActive, match=r"book small is halted: halt 1 on book small by ann .*: earthquake.*grodt rearm --book small"):
            home.run(FRI)
        grodt(home, "rearm", "--reason", "over")
        home.run(FRI)

    def test_the_login_name_stands_for_the_author(self, grodt: Command, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOGNAME", "carol")
        assert " by carol since " in grodt(home, "halt", "--reason", "why").out

    def test_without_a_login_name_the_author_is_asked_for(self, grodt: Command, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        def nobody() -> str:
            raise OSError("no username set in the environment")

        monkeypatch.setattr(getpass, "getuser", nobody)
        ended = grodt(home, "halt", "--reason", "why")
        assert (ended.status, ended.err) == (2, "error: this process has no login name: say who with --author\n")
        assert grodt(home, "halt", "--reason", "why", "--author", "ann").status == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--all", "--book", "small"], "--all halts every book: leave --book and --symbol away"),
            (["--all", "--symbol", "RISE"], "--all halts every book: leave --book and --symbol away"),
            (["--all", "--symbol", ""], "--all halts every book: leave --book and --symbol away"),
            (["--book", "smal"], "book 'smal' is unknown; the books file describes small"),
            (["--book", ""], "book '' is unknown; the books file describes small"),
            (["--symbol", "RISEE"], "book small knows no symbol 'RISEE'; did you mean RISE?"),
            (["--symbol", "rise"], "book small knows no symbol 'rise'; did you mean RISE?"),
            (["--symbol", ""], "book small knows no symbol ''"),
            (["--author", " "], "a halt and its end need an author; give it with --author"),
            (["--reason", " "], "a halt and its end need a reason; give it with --reason"),
        ],
    )
    def test_wrong_use_records_nothing(self, grodt: Command, home: Home, arguments: list[str], message: str) -> None:
        ended = grodt(home, "halt", "--reason", "why", *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"error: {message}")
        assert home.sql(_HALTS) == []

    @pytest.mark.parametrize("command", ["halt", "rearm", "resolve 1"])
    def test_a_reason_must_be_given(self, grodt: Command, home: Home, command: str) -> None:
        ended = grodt(home, *command.split())
        assert ended.status == 2
        assert "Missing option '--reason' / '-r'." in ended.err

    @pytest.mark.parametrize("command", ["halt", "halt --all", "halt --symbol RISE", "rearm", "rearm --all", "resolve 1"])
    def test_without_a_ledger_it_is_refused_and_makes_nothing(self, grodt: Command, empty: Home, command: str) -> None:
        ended = grodt(empty, *command.split(), "--reason", "why")
        assert (ended.status, ended.out) == (2, "")
        assert ended.err == f"error: there is no ledger in {empty.folder}: run `grodt run` first, or set GRODT_HOME\n"
        assert not empty.folder.exists()


class TestRearm:
    def test_it_ends_the_halts_of_the_book_and_names_what_still_holds(self, grodt: Command, home: Home) -> None:
        grodt(home, "halt", "--reason", "one", "--author", "ann")
        grodt(home, "halt", "--reason", "two", "--author", "ann", "--symbol", "RISE")
        grodt(home, "halt", "--reason", "three", "--author", "ann", "--all")
        ended = grodt(home, "rearm", "--reason", "mended", "--author", "bob")
        assert ended.out.splitlines() == [
            f"ended: halt 1 on book small by ann since {NOW}: one",
            f"ended: halt 2 on RISE of book small by ann since {NOW}: two",
            f"still holds: halt 3 on all books by ann since {NOW}: three; `grodt rearm --all --reason WHY` ends it",
        ]
        ends = [("mended", "bob"), ("mended", "bob"), (None, None)]
        assert [row[-2:] for row in home.sql(_HALTS)] == ends
        assert grodt(home, "rearm", "--all", "--reason", "over").out == f"ended: halt 3 on all books by ann since {NOW}: three\n"

    def test_nothing_to_end_is_said(self, grodt: Command, home: Home) -> None:
        assert grodt(home, "rearm", "--reason", "why").out == "no halt of book small held\n"
        assert grodt(home, "rearm", "--all", "--reason", "why").out == "no halt on all books held\n"

    def test_all_and_one_book_do_not_go_together(self, grodt: Command, home: Home) -> None:
        ended = grodt(home, "rearm", "--all", "--book", "small", "--reason", "why")
        assert (ended.status, ended.err) == (2, "error: --all ends the halts on every book: leave --book away\n")


class TestResolve:
    @pytest.fixture
    def broken(self, home: Home) -> Home:
        ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
        with ledger.write() as tx:
            record_breaks(tx, "small", WED, [Break("position", "RISE", 9, 8)], f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
        ledger.close()
        return home

    def test_a_break_is_closed_with_who_and_why(self, grodt: Command, broken: Home) -> None:
        ended = grodt(broken, "resolve", "1", "--reason", "their [late] fill", "--author", "ann")
        assert (ended.status, ended.out) == (0, "break 1 is resolved; a halt of its book holds until `grodt rearm --reason WHY`\n")
        assert broken.sql("SELECT resolved_reason, resolved_author FROM breaks") == [("their [late] fill", "ann")]
        assert grodt(broken, "breaks").out == "open breaks of small: none\n"

    @pytest.mark.parametrize("number", ["2", "0", "-1"])
    def test_one_that_is_not_open_is_refused(self, grodt: Command, broken: Home, number: str) -> None:
        ended = grodt(broken, "resolve", "--reason", "why", "--", number)
        assert (ended.status, ended.err) == (2, f"error: there is no open break {number}; `grodt breaks` lists those that are open\n")

    def test_one_cannot_be_closed_twice(self, grodt: Command, broken: Home) -> None:
        assert grodt(broken, "resolve", "1", "--reason", "why").status == 0
        assert grodt(broken, "resolve", "1", "--reason", "again").status == 2
        assert broken.sql("SELECT resolved_reason FROM breaks") == [("why",)]

    def test_a_word_is_no_number(self, grodt: Command, broken: Home) -> None:
        assert grodt(broken, "resolve", "one", "--reason", "why").status == 2
