"""The command itself: help, version, and how it ends."""

import getpass
import os
import signal
import sys
import threading

import pytest

import grodt as package
from flows.cli import main
from flows.progress import fail
from grodt.errors import ConfigError, DataError, HaltActive
from tests.commands.terminal import start
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI
from tests.flows.commands import Command

COMMANDS = (
    "run",
    "ingest",
    "status",
    "positions",
    "orders",
    "breaks",
    "verify",
    "catalog",
    "check-signal",
    "halt",
    "rearm",
    "deposit",
    "withdraw",
    "ui",
    "metrics",
    "serve",
)


class TestHelp:
    def test_the_version(self, grodt: Command, empty: Home) -> None:
        ended = grodt(empty, "--version")
        assert (ended.status, ended.out, ended.err) == (0, f"grodt {package.__version__}\n", "")

    def test_without_arguments_the_commands_are_listed(self, grodt: Command, empty: Home) -> None:
        ended = grodt(empty)
        assert ended.status == 2
        assert "Usage: grodt [OPTIONS] COMMAND [ARGS]..." in ended.out + ended.err
        for name in COMMANDS:
            assert f"│ {name} " in ended.out + ended.err
        assert not empty.folder.exists()

    @pytest.mark.parametrize("command", COMMANDS)
    def test_each_command_says_what_it_does(self, grodt: Command, empty: Home, command: str) -> None:
        ended = grodt(empty, command, "--help")
        assert ended.status == 0
        assert f"Usage: grodt {command}" in ended.out
        assert not empty.folder.exists()

    @pytest.mark.parametrize("arguments", [["stat"], ["status", "--books", "x"], ["status", "small"], ["--json", "status"]])
    def test_wrong_use_ends_with_2_and_a_hint(self, grodt: Command, empty: Home, arguments: list[str]) -> None:
        ended = grodt(empty, *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert "--help' for help." in ended.err


class TestEnds:
    @pytest.mark.parametrize(("error", "status"), [(ConfigError("a"), 2), (DataError("b"), 1), (HaltActive("c"), 3)])
    def test_an_error_of_ours_is_one_line_on_stderr_and_its_status(
        self, grodt: Command, home: Home, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
    ) -> None:
        _whoever_asks_gets(error, monkeypatch)
        ended = grodt(home, "halt", "--reason", "why")
        assert (ended.status, ended.out, ended.err) == (status, "", f"error: {error}\n")

    def test_an_error_that_nobody_expected_is_not_swallowed(self, grodt: Command, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        _whoever_asks_gets(ZeroDivisionError("a bug"), monkeypatch)
        with pytest.raises(ZeroDivisionError, match="a bug"):
            grodt(home, "halt", "--reason", "why")

    def test_an_interrupt_ends_with_130_and_says_what_is_next(self, grodt: Command, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        _whoever_asks_gets(KeyboardInterrupt(), monkeypatch)
        ended = grodt(home, "halt", "--reason", "why")
        assert (ended.status, ended.out) == (130, "")
        assert ended.err == "error: interrupted; run the same command again and it goes on where it stopped\n"
        assert home.sql("SELECT * FROM halts") == []

    def test_ctrl_c_while_a_server_is_waited_for(self, grodt: Command, home: Home) -> None:
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        ended = grodt(home, "run", "--session", str(FRI))
        timer.join()
        assert ended.status == 130
        assert ended.err.endswith("error: interrupted; run the same command again and it goes on where it stopped\n")

    def test_a_reader_that_goes_away_is_no_error_of_ours(self, home: Home) -> None:
        with start(home, "status") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            errors = process.stderr.read()
            process.wait(60)
        assert "Traceback" not in errors


class TestMessages:
    @pytest.mark.parametrize(
        "message",
        [
            "column [close] is not there; it has [open], [/bold], [red]high[/red]",
            "a smile :smile: and a path C:\\[data]\\",
            "[/]",
            "two lines:\n  books.small[0]: wrong",
            "x" * 300,
        ],
    )
    def test_a_message_is_printed_as_it_stands(self, capsys: pytest.CaptureFixture[str], message: str) -> None:
        fail(message)
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == ("", f"error: {message}\n")

    def test_what_was_printed_before_it_comes_before_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        sys.stdout.write("a result")
        fail("but")
        assert capsys.readouterr() == ("a result", "error: but\n")


def _whoever_asks_gets(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command asks the system who is logged in; that raises."""

    def getuser() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", getuser)


def test_main_takes_its_arguments_from_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["grodt", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert capsys.readouterr().out.startswith("grodt ")
