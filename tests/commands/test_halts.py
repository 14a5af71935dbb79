"""halt, rearm, halts: what people stop and start again, with who, why and until when."""

import getpass
import json
import re
from collections.abc import Sequence

import pytest

from grodt.errors import HaltActive
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI
from tests.flows.commands import Command

NOW = "2015-12-05 12:00 UTC"
_HALTS = "SELECT scope, book, strategy, symbol, side, kind, reason, author, end_reason, end_author FROM halts ORDER BY halt_id"
_EXPIRES = "SELECT expires_at FROM halts"


class TestHalt:
    @pytest.mark.parametrize(
        ("arguments", "recorded", "said"),
        [
            (["--book", "small"], ("book", "small", "", "", "all", "pause"), "(pause) on book small"),
            ([], ("book", "small", "", "", "all", "pause"), "(pause) on book small"),
            (["--kill"], ("book", "small", "", "", "all", "kill"), "(kill) on book small"),
            (["--side", "buys"], ("book", "small", "", "", "buys", "pause"), "(pause) of buys on book small"),
            (["--symbol", "RISE"], ("symbol", "small", "", "RISE", "all", "pause"), "(pause) on RISE of book small"),
            (
                ["--symbol", "RISE", "--side", "reduce-only"],
                ("symbol", "small", "", "RISE", "reduce_only", "pause"),
                "(pause) of all but reductions on RISE of book small",
            ),
            (
                ["--strategy", "ewma_crossover", "--side", "sells"],
                ("strategy", "small", "ewma_crossover", "", "sells", "pause"),
                "(pause) of sells on strategy ewma_crossover of book small",
            ),
            (["--all"], ("all", "", "", "", "all", "kill"), "(kill) on all books"),
        ],
        ids=["a book", "the only book", "kill", "buys", "a symbol", "reductions alone", "a strategy", "all"],
    )
    def test_it_is_recorded_with_who_and_why(
        self, grodt: Command, home: Home, arguments: list[str], recorded: tuple[str, ...], said: str
    ) -> None:
        ended = grodt(home, "halt", *arguments, "--reason", "odd [prices]", "--author", "ann")
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.splitlines()[0] == f"halt 1 {said} by ann since {NOW}: odd [prices]"
        assert home.sql(_HALTS) == [(*recorded, "odd [prices]", "ann", None, None)]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "nothing is sent until grodt rearm 1 --reason WHY"),
            (["--side", "buys"], "nothing is bought until grodt rearm 1 --reason WHY"),
            (["--symbol", "RISE"], "nothing in RISE is sent until grodt rearm 1 --reason WHY"),
            (["--side", "reduce-only"], "only what reduces a position is sent until grodt rearm 1 --reason WHY"),
            (["--strategy", "ewma_crossover"], "nothing that ewma_crossover alone asks for is sent until grodt rearm 1 --reason WHY"),
            (["--kill"], "nothing is sent until grodt rearm 1 --reason WHY, then another person's grodt approve"),
            (["--all"], "nothing is sent until grodt rearm --all --reason WHY, then another person's grodt approve"),
            (["--for", "2h"], "nothing is sent until 2015-12-05 14:00 UTC, or before: grodt rearm 1 --reason WHY"),
        ],
    )
    def test_it_says_what_is_stopped_and_how_to_end_it(self, grodt: Command, home: Home, arguments: list[str], said: str) -> None:
        assert grodt(home, "halt", *arguments, "--reason", "why").out.splitlines()[1] == said

    def test_open_orders_that_it_covers_are_cancelled_at_the_broker(self, grodt: Command, home: Home) -> None:
        open_orders = "SELECT symbol, side FROM orders WHERE state = 'accepted' ORDER BY symbol"
        before = home.broker(open_orders)
        assert len(before) > 1
        (symbol, side), *others = before
        ended = grodt(home, "halt", "--symbol", symbol, "--reason", "why", "--author", "ann")
        assert ended.out.splitlines()[2] == "asked the broker of small to cancel 1 open orders: 1 cancelled"
        shown = [line for line in grodt(home, "status").out.splitlines() if line.startswith("open orders")]
        assert "1 of them over at the broker, cancelled by a halt: the next cycle books it" in shown[0]
        seen = json.loads(grodt(home, "orders", "--json").out)
        over = {row["symbol"]: (row["state"], row["reason"]) for row in seen if row["reason"]}
        assert over == {symbol: ("accepted", "over at the broker, cancelled by a halt: the next cycle books it")}
        assert home.broker(open_orders) == others
        assert home.sql("SELECT halt_id, outcome, filled_quantity FROM cancels") == [(1, "cancelled", 0)]
        other = {"buy": "sells", "sell": "buys"}[side]
        ended = grodt(home, "halt", "--symbol", others[0][0], "--side", other if others[0][1] == side else f"{side}s", "--reason", "why")
        assert ended.out.splitlines()[2] == "no order that it covers is open at the broker of small"
        ended = grodt(home, "halt", "--all", "--reason", "why", "--author", "ann")
        assert ended.out.splitlines()[2] == f"asked the broker of small to cancel {len(others)} open orders: {len(others)} cancelled"
        assert home.broker(open_orders) == []

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["--keep-orders"], "as asked"),
            (["--strategy", "ewma_crossover"], "orders are netted over the strategies of a book; halt the book to cancel them"),
        ],
    )
    def test_open_orders_may_stay(self, grodt: Command, home: Home, arguments: list[str], why: str) -> None:
        before = home.broker("SELECT * FROM orders")
        ended = grodt(home, "halt", *arguments, "--reason", "why")
        assert ended.out.splitlines()[2] == f"open orders stay at the broker: {why}"
        assert home.broker("SELECT * FROM orders") == before

    @pytest.mark.parametrize(
        ("arguments", "until"),
        [
            (["--for", "2h"], "2015-12-05T14:00:00.000000Z"),
            (["--for", "90m"], "2015-12-05T13:30:00.000000Z"),
            (["--for", "1d"], "2015-12-06T12:00:00.000000Z"),
            (["--until", "2015-12-05T13:30Z"], "2015-12-05T13:30:00.000000Z"),
            (["--until", "2015-12-05T13:30-05:00"], "2015-12-05T18:30:00.000000Z"),
        ],
    )
    def test_a_pause_may_expire(self, grodt: Command, home: Home, arguments: list[str], until: str) -> None:
        assert grodt(home, "halt", *arguments, "--reason", "why").status == 0
        assert home.sql(_EXPIRES) == [(until,)]

    def test_saying_it_again_makes_no_second_one(self, grodt: Command, home: Home) -> None:
        first = grodt(home, "halt", "--reason", "why", "--author", "ann")
        assert grodt(home, "halt", "--reason", "why", "--author", "bob").out.splitlines()[:2] == first.out.splitlines()[:2]
        assert len(home.sql(_HALTS)) == 1

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
            (["--all", "--book", "small"], "--all halts every book: leave --book, --strategy and --symbol away"),
            (["--all", "--symbol", "RISE"], "--all halts every book: leave --book, --strategy and --symbol away"),
            (["--all", "--symbol", ""], "--all halts every book: leave --book, --strategy and --symbol away"),
            (["--symbol", "RISE", "--strategy", "ewma_crossover"], "a halt is of a symbol or of a strategy: give --symbol or --strategy"),
            (["--book", "smal"], "book 'smal' is unknown; the books file describes small"),
            (["--book", ""], "book '' is unknown; the books file describes small"),
            (["--symbol", "RISEE"], "book small knows no symbol 'RISEE'; did you mean RISE?"),
            (["--symbol", "rise"], "book small knows no symbol 'rise'; did you mean RISE?"),
            (["--symbol", ""], "book small knows no symbol ''"),
            (["--strategy", "carry"], "book small has no strategy 'carry'; its signals are ewma_crossover"),
            (
                ["--strategy", "ewma_crossover", "--side", "reduce-only"],
                "strategy ewma_crossover holds no position of its own",
            ),
            (["--side", "longs"], "side 'longs' is none of all, buys, sells, reduce-only"),
            (["--kill", "--for", "2h"], "a kill holds until two people end it: it cannot expire; leave --until and --for away"),
            (["--all", "--until", "2015-12-06T12:00Z"], "a kill holds until two people end it: it cannot expire"),
            (["--for", "2h", "--until", "2015-12-06T12:00Z"], "--until and --for both say when it ends: give one"),
            (["--for", "soon"], "--for 'soon' is no length of time; write 30m, 2h or 1d"),
            (["--for", "0h"], "--for '0h' is no length of time"),
            (["--until", "tomorrow"], "--until 'tomorrow' is no instant; write it as 2026-11-20T14:30Z"),
            (["--until", "2015-12-06T12:00"], "--until '2015-12-06T12:00' has no zone; write it as 2015-12-06T12:00Z for UTC"),
            (["--until", "2015-12-05T12:00Z"], "a halt until 2015-12-05 12:00 UTC is over already, at 2015-12-05 12:00 UTC"),
            (["--author", " "], "author ' ' is no person; say who with --author"),
            (["--author", "risk"], "author 'risk' is no person; say who with --author"),
            (["--reason", " "], "a halt and its end need a reason; give it with --reason"),
        ],
    )
    def test_wrong_use_records_nothing(self, grodt: Command, home: Home, arguments: list[str], message: str) -> None:
        ended = grodt(home, "halt", "--reason", "why", *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"error: {message}")
        assert home.sql(_HALTS) == []

    @pytest.mark.parametrize("command", ["halt", "rearm"])
    def test_a_reason_must_be_given(self, grodt: Command, home: Home, command: str) -> None:
        ended = grodt(home, *command.split())
        assert ended.status == 2
        assert "Missing option '--reason' / '-r'." in ended.err

    @pytest.mark.parametrize("command", ["halt", "halt --all", "halt --symbol RISE", "rearm", "rearm --all"])
    def test_without_a_ledger_it_is_refused_and_makes_nothing(self, grodt: Command, empty: Home, command: str) -> None:
        ended = grodt(empty, *command.split(), "--reason", "why")
        assert (ended.status, ended.out) == (2, "")
        assert ended.err == f"error: there is no ledger in {empty.folder}: run `grodt run` first, or set GRODT_HOME\n"
        assert not empty.folder.exists()


class TestRearm:
    def test_it_stops_the_next_cycle_until_one_person_ends_it(self, grodt: Command, home: Home) -> None:
        grodt(home, "halt", "--reason", "earthquake", "--author", "ann")
        with pytest.raises(HaltActive, match=r"book small is halted: halt 1 \(pause\) on book small by ann .*: earthquake.*--book small"):
            home.run(FRI)
        grodt(home, "rearm", "--reason", "over")
        home.run(FRI)

    def test_it_ends_the_halts_of_the_book_and_names_what_still_holds(self, grodt: Command, home: Home) -> None:
        grodt(home, "halt", "--reason", "one", "--author", "ann")
        grodt(home, "halt", "--reason", "two", "--author", "ann", "--symbol", "RISE")
        grodt(home, "halt", "--reason", "three", "--author", "ann", "--all")
        ended = grodt(home, "rearm", "--reason", "mended", "--author", "bob")
        assert ended.out.splitlines() == [
            f"ended: halt 1 (pause) on book small by ann since {NOW}: one",
            f"ended: halt 2 (pause) on RISE of book small by ann since {NOW}: two",
            f"still holds: halt 3 (kill) on all books by ann since {NOW}: three; "
            "`grodt rearm --all --reason WHY, then another person's grodt approve` ends it",
        ]
        assert [row[-2:] for row in home.sql(_HALTS)] == [("mended", "bob"), ("mended", "bob"), (None, None)]

    @pytest.mark.parametrize("halted", [["--kill"], ["--all"]])
    def test_a_kill_takes_a_second_person(self, grodt: Command, home: Home, halted: Sequence[str]) -> None:
        grodt(home, "halt", *halted, "--reason", "storm", "--author", "ann")
        asked = grodt(home, "rearm", *(a for a in halted if a == "--all"), "--reason", "over", "--author", "ann")
        assert asked.status == 0
        first, second = asked.out.splitlines()
        assert first.startswith("holds until a second person agrees: halt 1 (kill) on ")
        found = re.fullmatch(r"somebody other than ann must run, before 2015-12-06 12:00 UTC: grodt approve (\w{12}) --reason WHY", second)
        assert found is not None
        assert home.sql(_HALTS)[0][-2:] == (None, None)
        alone = grodt(home, "approve", found[1], "--reason", "me again", "--author", "ANN")
        assert (alone.status, "another person must decide" in alone.err) == (2, True)
        assert home.sql(_HALTS)[0][-2:] == (None, None)
        waiting = json.loads(grodt(home, "waiting", "--json").out)
        assert [(row["kind"], row["what"]) for row in waiting] == [("rearm", "the end of halt 1")]
        both = grodt(home, "approve", found[1], "--reason", "I looked", "--author", "bob")
        assert (both.status, both.out.splitlines()[1].startswith("ended: halt 1 (kill) on ")) == (0, True)
        assert home.sql(_HALTS)[0][-2:] == ("over", "ann and bob")
        assert grodt(home, "waiting").out == "waiting for people: nothing\n"

    def test_one_of_several_is_named_by_its_number(self, grodt: Command, home: Home) -> None:
        grodt(home, "halt", "--side", "buys", "--reason", "one", "--author", "ann")
        grodt(home, "halt", "--side", "sells", "--reason", "two", "--author", "ann")
        assert grodt(home, "rearm", "2", "--reason", "over", "--author", "bob").out == (
            f"ended: halt 2 (pause) of sells on book small by ann since {NOW}: two\n"
        )
        again = grodt(home, "rearm", "2", "--reason", "over", "--author", "bob")
        assert (again.status, again.err) == (2, f"error: halt 2 was ended by bob at {NOW}: over\n")
        assert grodt(home, "rearm", "7", "--reason", "over").err == "error: there is no halt 7; `grodt halts` lists those that hold\n"

    def test_nothing_to_end_is_said(self, grodt: Command, home: Home) -> None:
        assert grodt(home, "rearm", "--reason", "why").out == "no halt of book small held\n"
        assert grodt(home, "rearm", "--all", "--reason", "why").out == "no halt on all books held\n"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--all", "--book", "small"], "--all ends the halts on every book: leave --book away"),
            (["1", "--book", "small"], "halt 1 is one halt: leave --book and --all away"),
            (["1", "--all"], "halt 1 is one halt: leave --book and --all away"),
        ],
    )
    def test_wrong_use_is_refused(self, grodt: Command, home: Home, arguments: list[str], message: str) -> None:
        ended = grodt(home, "rearm", *arguments, "--reason", "why")
        assert (ended.status, ended.err) == (2, f"error: {message}\n")


class TestHalts:
    def test_those_that_hold_are_listed_and_with_all_those_that_are_over(self, grodt: Command, home: Home) -> None:
        assert grodt(home, "halts").out == "halts that hold: none\n"
        grodt(home, "halt", "--side", "buys", "--reason", "one", "--author", "ann", "--for", "2h")
        grodt(home, "halt", "--kill", "--keep-orders", "--reason", "two", "--author", "ann")
        grodt(home, "rearm", "1", "--reason", "over", "--author", "bob")
        (held,) = json.loads(grodt(home, "halts", "--json").out)
        assert (held["halt_id"], held["scope"], held["side"], held["kind"], held["people"]) == (2, "book", "all", "kill", 2)
        assert (held["how_to_end"], held["ended_by"], held["cancels"]) == (
            "grodt rearm 2 --reason WHY, then another person's grodt approve",
            None,
            [],
        )
        second, first = json.loads(grodt(home, "halts", "--all", "--json").out)
        assert second == held
        assert first["ended_by"] == f"bob, {NOW}: over"
        assert {each["outcome"] for each in first["cancels"]} <= {"cancelled"}
        shown = grodt(home, "halts", "--book", "small").out
        for word in ("halts that hold: small", "kill", "two", "ann", "grodt rearm 2 --reason WHY"):
            assert word in shown

    def test_one_whose_time_is_over_holds_no_more(self, grodt: Command, home: Home) -> None:
        grodt(home, "halt", "--for", "2h", "--reason", "one", "--author", "ann")
        home.now = "2015-12-05T14:00:00Z"
        assert grodt(home, "halts").out == "halts that hold: none\n"
        (over,) = json.loads(grodt(home, "halts", "--all", "--json").out)
        assert (over["holds"], over["ended_by"]) == (False, "expiry, 2015-12-05 14:00 UTC")
        home.run(FRI)
        assert home.sql("SELECT ended_at, end_author FROM halts") == [("2015-12-05T14:00:00.000000Z", "expiry")]

    def test_status_shows_kind_and_side(self, grodt: Command, home: Home) -> None:
        grodt(home, "halt", "--side", "reduce-only", "--reason", "storm", "--author", "ann")
        assert "halt 1 (pause) of all but reductions on book small by ann" in grodt(home, "status").out
        (shown,) = json.loads(grodt(home, "status", "--json").out)
        assert [(each["side"], each["kind"]) for each in shown["halts"]] == [("reduce_only", "pause")]


def test_a_halt_on_all_books_cancels_at_every_broker_although_one_of_them_cannot_be_asked(
    grodt: Command, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Book `early` comes first, and its account has no key."""
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert home.books is not None
    text = home.books.read_text()
    small = text[text.index("  small:") :]
    early = small.replace("  small:", "  early:").replace("kind: paper", "kind: alpaca").replace("30 17 * *", "5 19 * *")
    two = home.books.with_name("two.yaml")
    two.write_text(text + early)
    home.books = two
    (open_before,) = home.broker("SELECT count(*) FROM orders WHERE state = 'accepted'")[0]
    ended = grodt(home, "halt", "--all", "--reason", "storm", "--author", "ann")
    assert ended.status != 0
    assert "APCA_API_KEY_ID" in ended.err
    assert f"asked the broker of small to cancel {open_before} open orders: {open_before} cancelled" in ended.out
    assert home.broker("SELECT count(*) FROM orders WHERE state = 'accepted'") == [(0,)]


def test_a_book_that_has_run_is_halted_although_the_books_file_is_broken(grodt: Command, home: Home) -> None:
    """The halt is recorded; only then is the file read, for the broker, and found wrong."""
    assert home.books is not None
    broken = home.folder / "broken.yaml"
    broken.write_text("books: [")
    home.books = broken
    for arguments in (["--book", "small"], ["--all"]):
        ended = grodt(home, "halt", *arguments, "--reason", "storm", "--author", "ann")
        assert ended.status == 2
        assert "broken.yaml" in ended.err
    assert [row[:2] for row in home.sql(_HALTS)] == [("book", "small"), ("all", "")]
    assert grodt(home, "halt", "--book", "small", "--keep-orders", "--reason", "calm", "--author", "ann").status == 0
