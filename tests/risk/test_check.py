"""Single answers as rows of evidence."""

import numpy as np

from grodt.risk.check import Check, worst
from grodt.risk.controls import consecutive_rejects, parent_quantity, slippage


def test_a_pass_has_its_value_limit_and_headroom_and_no_reason() -> None:
    assert Check.of(consecutive_rejects(2, 5), scope="book") == Check(22, "consecutive rejects", "book", "", 2.0, 4.0, "pass", "")
    assert Check.of(consecutive_rejects(2, 5), scope="book").headroom == 2.0


def test_a_failure_says_why_and_what_followed() -> None:
    asked = slippage(np.array([100, 111]), np.array([100, 100]), 0.1)
    found = Check.of(asked, scope="order", symbol="AAPL", at=1)
    assert (found.verdict, found.reason) == ("alert", "slippage_above_limit: filled too far from the reference price")
    assert Check.of(asked, scope="book", at=1, verdict="halt", reason="so many").verdict == "halt"
    assert Check.of(asked, scope="book", at=0, verdict="halt", reason="so many") == Check(32, "slippage", "book", "", 0.0, 0.1, "pass", "")


def test_what_could_not_be_computed_is_none_and_fails() -> None:
    found = Check.of(slippage(np.array([0]), np.array([100]), 0.1), scope="order")
    assert (found.value, found.headroom, found.verdict) == (None, None, "alert")


def test_the_worst_is_what_fails_then_the_least_headroom_then_the_largest_value() -> None:
    whole = np.array([10, 50, 30])
    assert worst(parent_quantity(np.zeros(3, dtype=np.int64), whole, whole)) == 1
    assert worst(parent_quantity(np.array([0, 5, 0]), whole - [0, 5, 1], whole)) == 1
    assert worst(parent_quantity(np.array([0, 0, 31]), whole - [0, 0, 30], whole)) == 2
    assert worst(slippage(np.array([100, 0, 900]), np.full(3, 100), 0.1)) == 1
