"""Killed anywhere, then run again: both files end as if nothing had happened, and no order goes out twice."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers.world import MON, THU, TUE, WED, delisting_of, dividend_of, market, split_of
from tests.execution.desk import Desk, Fuse, Killed

MARKETS = {
    MON: market(MON, {"AAPL": "100"}),
    TUE: market(TUE, {"AAPL": "101", "GONE": "10", "SHRT": "20"}),
    WED: market(
        WED,
        {"AAPL": "14.4", "IBM": "52", "SHRT": "21"},
        split_of("AAPL", WED, 7, 1),
        dividend_of("AAPL", WED, "0.25", THU),
        delisting_of("GONE", WED, "9.5"),
    ),
    THU: market(THU, {"SHRT": "33"}, split_of("SHRT", THU, 2, 3), dividend_of("SHRT", THU, "0.1"), closes={"SHRT": "22"}),
}
DECISIONS = {
    MON: {"AAPL": 101, "GONE": 30, "SHRT": -50},
    TUE: {"AAPL": -1, "IBM": 10},  # AAPL is cancelled by its split
    WED: {"IBM": -10},  # does not trade
    THU: {},
}


def _work(desk: Desk) -> None:
    """The week, as a scheduler would run it: every cycle, whether it was run before or not."""
    for session, quantities in DECISIONS.items():
        desk.cycle(session, [MARKETS[session]], quantities)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Desk, list[str]]:
    """The week without a fault, and beside it its files as they were at every step: what a SIGKILL there leaves behind."""
    folder = tmp_path_factory.mktemp("undisturbed")
    fuse = Fuse(watch=lambda number: shutil.copytree(folder / "desk", folder / str(number), ignore=shutil.ignore_patterns("*-shm")))
    desk = Desk(folder / "desk", template=template, fuse=fuse)
    _work(desk)
    desk.close()
    return desk, fuse.steps


def _killed_at(folder: Path, template: Path, *points: int) -> Desk:
    """Run with a kill at each of those steps, one after the other, then to the end."""
    for point in (*points, None):
        desk = Desk(folder, template=template, fuse=Fuse(point))
        try:
            _work(desk)
        except Killed:
            assert point is not None
        finally:
            desk.close()
    return desk


def test_the_week_does_what_it_is_meant_to(undisturbed: tuple[Desk, list[str]]) -> None:
    state = undisturbed[0].state()
    assert {row[:2] for row in state["paper.db positions"]} == {("AAPL", 707), ("IBM", 10), ("SHRT", -33)}
    assert {row[0]: row[2] for row in state["ledger.db order_status"]} == {
        "demo-eod-20260302-AAPL-0": "filled",
        "demo-eod-20260302-GONE-0": "filled",
        "demo-eod-20260302-SHRT-0": "filled",
        "demo-eod-20260303-AAPL-0": "cancelled",
        "demo-eod-20260303-IBM-0": "filled",
        "demo-eod-20260304-IBM-0": "expired",
    }
    assert state["ledger.db halts"] == []
    assert state["paper.db payments"] == []


def test_killed_at_any_step_a_rerun_ends_in_the_same_ledger_and_broker(undisturbed: tuple[Desk, list[str]]) -> None:
    whole, steps = undisturbed
    expected = whole.state()
    assert len(steps) > 80
    for number, step in enumerate(steps):
        desk = Desk(whole.folder.parent / str(number))
        _work(desk)
        desk.close()
        assert desk.state() == expected, f"killed at step {number}, {step}"


def _pairs(steps: int, seed: int, count: int) -> list[tuple[int, int]]:
    draw = random.Random(seed)
    return [(draw.randrange(steps), draw.randrange(steps)) for _ in range(count)]


@pytest.mark.parametrize("count", [15, pytest.param(1500, marks=pytest.mark.slow)])
def test_killed_again_during_the_recovery_it_still_ends_the_same(
    undisturbed: tuple[Desk, list[str]], template: Path, tmp_path: Path, count: int
) -> None:
    expected = undisturbed[0].state()
    for first, second in _pairs(len(undisturbed[1]), seed=7, count=count):
        desk = _killed_at(tmp_path / f"{first}-{second}", template, first, second)
        assert desk.state() == expected, f"killed at step {first}, then at step {second} of the rerun"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda desk, n: desk.broker.lose_after.add(n), id="the reply is lost"),
        pytest.param(lambda desk, n: desk.broker.lose_before.add(n), id="the order is lost"),
        pytest.param(lambda desk, n: (desk.broker.lose_after.add(n), desk.broker.hide.add(0)), id="found at the second look-up only"),
        pytest.param(
            lambda desk, n: (desk.broker.lose_after.add(n), desk.broker.hide.update({0, 1})), id="not found, and sent again under its id"
        ),
    ],
)
def test_a_lost_message_at_any_send_changes_nothing_in_the_end(
    undisturbed: tuple[Desk, list[str]], template: Path, tmp_path: Path, fault: Callable[[Desk, int], object]
) -> None:
    expected = undisturbed[0].state(events=False)
    for number in range(len(expected["ledger.db orders"])):
        desk = Desk(tmp_path / str(number), template=template)
        fault(desk, number)
        _work(desk)
        desk.close()
        found = desk.state(events=False)
        assert len(found["paper.db orders"]) == len(expected["paper.db orders"])
        assert found == expected, f"fault at send {number}"
