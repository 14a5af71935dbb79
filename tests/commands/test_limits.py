"""`grodt limits`: what is in force, how much of it is used, who set it, and changing it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import WED, books_text
from tests.flows.commands import Command


def _ids(home: Home) -> list[str]:
    return [row[0] for row in home.sql("SELECT request_id FROM requests ORDER BY asked_at")]


class TestShown:
    def test_each_limit_with_its_use_and_who_set_it(self, grodt: Command, three_days: Home) -> None:
        ended = grodt(three_days, "limits")
        assert ended.status == 0
        assert f"limits of small, used as small-eod-{WED} found it" in ended.out
        (line,) = [line for line in ended.out.splitlines() if line.split()[:2] == ["symbol_weight", "book"]]
        assert "0.35" in line
        assert "█" in line
        assert "books file" in line

    def test_for_programs_the_numbers_are_those_of_the_evidence(self, grodt: Command, three_days: Home) -> None:
        found = {each["name"]: each for each in json.loads(grodt(three_days, "limits", "--json").out)}
        ((value, bound, symbol),) = three_days.sql(
            "SELECT value, bound, symbol FROM risk_checks WHERE run_id = ? AND control = 9 ORDER BY value DESC LIMIT 1", f"small-eod-{WED}"
        )
        weight = found["symbol_weight"]
        assert (weight["use"], weight["used"], weight["closest"], weight["in_force"]) == (value, value / bound, symbol, bound)
        assert (weight["set_by"], weight["run_id"], weight["reason"]) == ("books file", f"small-eod-{WED}", "first value")
        ((gross,),) = three_days.sql(
            "SELECT value FROM risk_checks WHERE run_id = ? AND control = 11 AND scope = 'basket'", weight["run_id"]
        )
        assert found["gross_exposure"]["use"] == gross
        # all five symbols had a bar
        assert (found["completeness"]["use"], found["completeness"]["used"]) == (1.0, 0.0)
        ((sent,),) = three_days.sql("SELECT count(*) FROM orders WHERE run_id = ?", weight["run_id"])
        assert found["cycle_messages"]["use"] == found["minute_messages"]["use"] == sent > 0
        assert found["rejects_in_a_row"]["used"] == 0.0
        assert (found["new_cycles"]["use"], found["volatility_low"]["use"]) == (0.0, None)

    def test_a_symbol_s_own_limit_and_the_others_are_told_apart(self, grodt: Command, home: Home) -> None:
        grodt(home, "limits", "set", "symbol_weight", "0.3", "--symbol", "RISE", "--reason", "thin", "--author", "ann")
        found = [each for each in json.loads(grodt(home, "limits", "--json").out) if each["name"] == "symbol_weight"]
        assert [each["symbol"] for each in found] == ["", "RISE"]
        assert (found[0]["closest"] != "RISE", found[1]["set_by"], found[1]["reason"]) == (True, "ann", "thin")

    def test_before_the_first_cycle_there_is_nothing_to_show(self, grodt: Command, empty: Home) -> None:
        ended = grodt(empty, "limits")
        assert (ended.status, ended.err) == (2, f"error: there is no ledger in {empty.folder}: run `grodt run` first, or set GRODT_HOME\n")


class TestChanged:
    def test_tighter_by_one_person_at_once(self, grodt: Command, home: Home) -> None:
        ended = grodt(home, "limits", "set", "order_value", "100000", "--reason", "calm", "--author", "ann")
        assert (ended.status, ended.out) == (0, "in force: order_value from 400000.0 to 100000.0\n")
        ended = grodt(home, "limits", "history", "order_value", "--json")
        first, second = json.loads(ended.out)
        assert (first["author"], first["after"], second["author"], second["before"], second["reason"]) == (
            "books file", "400000.0", "ann", "400000.0", "calm",
        )  # fmt: skip
        (shown,) = [each for each in json.loads(grodt(home, "limits", "--json").out) if each["name"] == "order_value"]
        assert shown["used"] == shown["use"] / 100_000  # of what holds now, not of what held when it was asked

    def test_more_room_by_two(self, grodt: Command, home: Home) -> None:
        ended = grodt(home, "limits", "set", "symbol_weight", "0.4", "--reason", "more", "--author", "ann")
        (request,) = _ids(home)
        assert ended.out.splitlines() == [
            "waits, since it gives the book more room: symbol_weight from 0.35 to 0.4",
            f"asked by ann; another person, before 2015-12-06 12:00 UTC: grodt approve {request[:12]} --reason WHY",
        ]
        assert grodt(home, "approve", request[:12], "--reason", "ok", "--author", "ann").status == 2
        ended = grodt(home, "approve", request[:12], "--reason", "ok", "--author", "bob")
        assert "from now on: symbol_weight from 0.35 to 0.4" in ended.out
        (shown,) = [each for each in json.loads(grodt(home, "limits", "--json").out) if each["name"] == "symbol_weight"]
        assert (shown["in_force"], shown["set_by"], shown["reason"]) == (0.4, "ann and bob", "more")

    def test_a_symbol_is_restricted_at_once_and_freed_by_two(self, grodt: Command, home: Home) -> None:
        ended = grodt(home, "limits", "set", "restricted", "yes", "--symbol", "RISE", "--reason", "news", "--author", "ann")
        assert ended.out == "in force: restricted of RISE from not set to yes\n"
        ended = grodt(home, "limits", "unset", "restricted", "--symbol", "RISE", "--reason", "over", "--author", "ann")
        assert ended.out.startswith("waits, since it gives the book more room: restricted of RISE from yes to not set\n")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("set order_value 0", "limit order_value is 0; it must be a finite number above 0"),
            ("set ordervalue 5", "there is no limit 'ordervalue'"),
            ("set order_value 400000", "limit order_value is 400000.0 already"),
            ("set turnover 1 --symbol RISE", "turnover is of the whole book; leave --symbol away"),
            ("set order_value 5 --symbol RISEE", "book small knows no symbol 'RISEE'; did you mean RISE?"),
            ("set group_weight 0.3 --group tech", "no instrument of book small is in a group 'tech'; there are none, and \"*\" for each"),
            ("unset order_value", "limit order_value cannot be taken away"),
            ("unset order_value --symbol RISE", "limit order_value of RISE is not set already"),
            ("history ordervalue", "there is no limit 'ordervalue'"),
        ],
    )
    def test_wrong_use_changes_nothing(self, grodt: Command, home: Home, arguments: str, message: str) -> None:
        before = home.sql("SELECT count(*) FROM limit_changes")
        reason = [] if arguments.startswith("history") else ["--reason", "why", "--author", "ann"]
        ended = grodt(home, "limits", *arguments.split(), *reason)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"error: {message}")
        assert home.sql("SELECT count(*) FROM limit_changes") == before
        assert _ids(home) == []


class TestTheBooksFileChangesLater:
    @pytest.fixture
    def edited(self, home: Home, tmp_path: Path) -> Home:
        assert home.books is not None
        shutil.copytree(home.books.parent, tmp_path / "world")
        (tmp_path / "world" / "books.yaml").write_text(books_text(symbol_weight="0.4", turnover="1.0"))
        return replace(home, books=tmp_path / "world" / "books.yaml")

    def test_what_differs_is_said_with_the_commands(self, grodt: Command, edited: Home) -> None:
        told = [line for line in grodt(edited, "limits").out.splitlines() if "books file says" in line]
        assert told == [
            "not in force: symbol_weight is 0.35 and the books file says 0.4: grodt limits set symbol_weight 0.4 --reason WHY",
            "not in force: turnover is 1.5 and the books file says 1.0: grodt limits set turnover 1.0 --reason WHY",
        ]

    def test_a_run_says_so_too(self, grodt: Command, edited: Home) -> None:
        ended = grodt(edited, "run", "--session", str(WED))
        assert ended.err.count("small: symbol_weight is 0.35 and the books file says 0.4") == 1

    def test_they_are_adopted_with_one_command_as_far_as_one_person_may(self, grodt: Command, edited: Home) -> None:
        ended = grodt(edited, "limits", "adopt", "--reason", "review", "--author", "ann")
        (request,) = _ids(edited)
        assert ended.out.splitlines()[:2] == [
            "in force: turnover from 1.5 to 1.0",
            "waits, since it gives the book more room: symbol_weight from 0.35 to 0.4",
        ]
        grodt(edited, "approve", request[:12], "--reason", "ok", "--author", "bob")
        assert grodt(edited, "limits", "adopt", "--reason", "again").out == "the limits of small in force are those of the books file\n"
        assert "not in force" not in grodt(edited, "limits").out
