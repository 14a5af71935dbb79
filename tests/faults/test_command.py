"""What the command says of a case that ends otherwise than it should: the command that lives just that case again."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

import flows.end_of_day
from grodt.errors import DataError
from tasks.cycle import Cycle
from tests.cycles.small_world import MON
from tests.faults.__main__ import main, never_befell
from tests.faults.cases import session_of
from tests.faults.worlds import World

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def _broken_product() -> Iterator[None]:
    """A pipeline that does not send in a second attempt."""
    send = flows.end_of_day.send_orders  # type: ignore[attr-defined]

    def sent(cycle: Cycle, *args: Any) -> Any:
        if cycle.attempt > 1:
            raise DataError("sends nothing after a restart")
        return send(cycle, *args)

    with patch.object(flows.end_of_day, "send_orders", sent):
        yield


def _again(printed: str) -> list[list[str]]:
    """The arguments of the commands that are printed."""
    return [found.split() for found in re.findall(r"again: uv run python -m tests\.faults (.*)", printed)]


def _is_reproduced(asked: list[str], again: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with _broken_product():
        assert main(asked) == 1
        assert again in _again(capsys.readouterr().out)
        assert main(again) == 1
    printed = capsys.readouterr().out
    assert again in _again(printed)
    assert "sends nothing after a restart" in printed


@pytest.mark.long
def test_of_a_kill_that_ends_otherwise_the_command_names_the_one_that_lives_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--points", "--session", str(MON), "--from", "100", "--to", "101"]
    _is_reproduced(asked, ["--points", "--session", str(MON), "--point", "100"], capsys)


@pytest.mark.long
def test_of_a_pair_that_ends_otherwise_too(capsys: pytest.CaptureFixture[str]) -> None:
    pair = next(number for number in range(100) if session_of(number) == MON)
    _is_reproduced(["--pairs", "1", "--first", str(pair)], ["--pair", str(pair)], capsys)
    assert main(["--pair", str(pair)]) == 0


@pytest.mark.long
def test_of_a_world_that_is_wrong_too(capsys: pytest.CaptureFixture[str]) -> None:
    _is_reproduced(["--seed", "1"], ["--seed", "1"], capsys)


@pytest.mark.parametrize(
    ("world", "again"),
    [
        (World(7), "--seed 7"),
        (World(7, at="alpaca"), "--seed 7 --at alpaca"),
        (World(7, only_brackets=True), "--seed 7 --brackets"),
    ],
)
def test_a_world_says_of_which_kind_it_is(world: World, again: str) -> None:
    assert _again(f"{world}") == [again.split()]


def test_a_fault_that_is_planned_often_and_never_befalls_is_told() -> None:
    assert never_befell({"kill": 90, "power": 60, "locked": 49}, {"kill": 1}) == ["power"]


@pytest.mark.parametrize("asked", [[], ["--points", "--point", "3"], ["--pairs", "3", "--from", "3"]])
def test_what_says_nothing_is_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(asked)
    assert "error:" in capsys.readouterr().err
