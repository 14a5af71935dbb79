"""halt, rearm, resolve: what people do to a book, with who and why."""

from datetime import UTC, datetime

import pytest

from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.cycles.small_world import WED
from tests.flows.commands import Command

NOW = "2015-12-05 12:00 UTC"
_HALTS = "SELECT scope, book, symbol, reason, author, end_reason, end_author FROM halts ORDER BY halt_id"


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
