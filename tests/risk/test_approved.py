"""Only risk approves: an unchecked quantity is refused when it runs, and before that when it is type-checked."""

import copy
import dataclasses
import sys
from pathlib import Path

import pytest
from mypy import api

from grodt.money import Micros
from grodt.risk.approved import Approved
from grodt.risk.assess import assess
from tests.risk.proposals import limits, proposal

SNIPPET = """
from datetime import date
from grodt.money import Micros
from grodt.orders.basket import build_basket
from grodt.orders.order import Order, Side
from grodt.risk.approved import Approved

day = date(2026, 11, 20)
Order("id", "demo", day, "S0", Side.BUY, 10, Micros(1))
Order.of(10, "demo", "eod", day)
build_basket([10], book="demo", kind="eod", session=day, run_id="demo-eod-2026-11-20")


def checked(approved: tuple[Approved, ...]) -> None:
    build_basket(approved, book="demo", kind="eod", session=day, run_id="demo-eod-2026-11-20")
"""


def test_nobody_else_makes_an_approved_quantity() -> None:
    with pytest.raises(TypeError, match=r"S0: an Approved quantity is made by grodt\.risk alone"):
        Approved("S0", 10, Micros(1))


def test_an_approved_quantity_cannot_be_altered_or_made_larger() -> None:
    (approved,) = assess(proposal([10]), limits()).approved()
    with pytest.raises(dataclasses.FrozenInstanceError):
        approved.quantity = 20
    with pytest.raises(TypeError, match=r"made by grodt\.risk alone"):
        dataclasses.replace(approved, quantity=20)
    assert copy.deepcopy(approved) == approved


def test_a_zero_quantity_is_never_approved() -> None:
    from grodt.risk.approved import _approve

    with pytest.raises(ValueError, match="never zero"):
        _approve("S0", 0, Micros(1))


@pytest.mark.long
def test_an_order_of_a_plain_int_does_not_type_check(tmp_path: Path) -> None:
    snippet = tmp_path / "unchecked.py"
    snippet.write_text(SNIPPET, encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    limit = sys.getrecursionlimit()  # mypy raises it for the whole process
    try:
        # with the options and the cache of the project's own check, so that only the snippet is new
        report, problems, status = api.run(
            [f"--cache-dir={root / '.mypy_cache'}", f"--config-file={root / 'pyproject.toml'}", str(snippet)]
        )
    finally:
        sys.setrecursionlimit(limit)
    assert (status, problems) == (1, "")
    errors = [line for line in report.splitlines() if ": error: " in line]
    assert [int(line.split(":")[1]) for line in errors] == [9, 10, 11], report
    assert 'expected "ApprovedQuantity"' in errors[0]
    assert 'expected "Approved"' in errors[1]
    assert 'expected "Approved"' in errors[2]
