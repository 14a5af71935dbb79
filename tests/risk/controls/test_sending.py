"""Controls of sending and of what comes back against numbers worked by hand."""

import pytest

from grodt.risk import controls
from tests.risk.controls.by_hand import NAN, USD, check, flags, floats, ints

SECOND = 1_000_000


def test_19_compares_fills_and_open_orders_with_what_was_ordered() -> None:
    most = 2**63 - 1
    found = controls.parent_quantity(ints(60, 60, 0, 100, -1, 0, most), ints(40, 41, 0, 1, 0, -1, most), ints(100, 100, 0, 100, 9, 9, most))
    assert found.passed.tolist() == [True, False, True, False, False, False, False]
    check(
        controls.parent_quantity(ints(60, 60, -1), ints(40, 41, 0), ints(100, 100, 9)),
        value=[100, 101, NAN],
        limit=[100, 100, NAN],
        passed=[True, False, False],
    )


@pytest.mark.parametrize(
    ("in_cycle", "in_window", "value", "limit", "passed"),
    [
        (10, 5, 10, 10, True),
        (8, 5, 5, 5, True),  # the window is closer to its limit
        (11, 5, 11, 10, False),
        (8, 6, 6, 5, False),
        (11, 6, 11, 10, False),
        (0, 0, 0, 10, True),
        (-1, 0, NAN, 10, False),
        (0, -1, NAN, 5, False),
    ],
)
def test_20_compares_messages_of_the_cycle_and_of_a_minute(in_cycle: int, in_window: int, value: float, limit: float, passed: bool) -> None:
    check(controls.messages(ints(in_cycle), ints(in_window), 10, 5), value=[value], limit=[limit], passed=[passed])


def test_20_of_one_message_more_and_of_two_and_three() -> None:
    check(
        controls.messages(ints(8, 9, 10), ints(3, 4, 5), 9, 5),
        value=[8, 9, 10],
        limit=[9, 9, 9],
        passed=[True, True, False],
    )


def test_20_fails_without_a_limit() -> None:
    check(controls.messages(ints(1), ints(1), NAN, 5), value=[1], limit=[NAN], passed=[False])
    check(controls.messages(ints(1), ints(1), 5, 0), value=[1], limit=[NAN], passed=[False])


@pytest.mark.parametrize(("in_a_row", "value", "passed"), [(0, 0, True), (4, 4, True), (5, 5, False), (-1, NAN, False)])
def test_22_halts_at_so_many_rejects_in_a_row(in_a_row: int, value: float, passed: bool) -> None:
    check(controls.consecutive_rejects(in_a_row, 5), value=[value], limit=[4], passed=[passed])


def test_22_fails_without_a_limit() -> None:
    check(controls.consecutive_rejects(0, NAN), value=[0], limit=[NAN], passed=[False])
    check(controls.consecutive_rejects(0, 0), value=[0], limit=[NAN], passed=[False])


def test_27_takes_a_send_time_inside_its_window() -> None:
    # from 10 s to 20 s: the first instant is inside, the last is not
    found = controls.session_window(ints(10, 15, 20, 9, 22) * SECOND, ints(*[10] * 5) * SECOND, ints(*[20] * 5) * SECOND)
    check(found, value=[0, 0, 0.000001, 1, 2.000001], limit=[0] * 5, passed=[True, True, False, False, False])


@pytest.mark.parametrize("closes", [10, 9])
def test_27_finds_nothing_inside_a_window_that_is_empty_or_turned_round(closes: int) -> None:
    check(controls.session_window(ints(10), ints(10), ints(closes)), value=[NAN], limit=[0], passed=[False])


def test_32_compares_a_fill_with_its_reference() -> None:
    found = controls.slippage(ints(101, 99, 102, 0, 100) * USD, ints(100, 100, 100, 100, 0) * USD, 0.01)
    check(found, value=[0.01, 0.01, 0.02, NAN, NAN], limit=[0.01] * 5, passed=[True, True, False, False, False])
    assert not controls.slippage(ints(USD), ints(USD), NAN).passed.any()


def test_34_wants_two_people_a_term_a_reason_and_a_control_that_may_be_lifted() -> None:
    inf = float("inf")
    found = controls.override(
        ints(9, 9, 1, 13, 29, 9, 9, 9, 9), ints(2, 1, 2, 2, 2, 2, 2, 2, 3), floats(60, 60, 60, 60, 60, 0, inf, NAN, 60),
        flags(True, True, True, True, True, True, True, True, False),
    )  # fmt: skip
    check(found, value=[0, 1, 1, 1, 1, 1, 1, 1, 1], limit=[0] * 9, passed=[True] + [False] * 8)
