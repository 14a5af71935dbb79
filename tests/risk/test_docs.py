"""docs/risk.md says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

from grodt.risk import controls
from grodt.risk.controls import Control
from grodt.risk.limits import Limits
from grodt.risk.overriding import NOT_LIFTED, OF_BOOK, OF_ORDERS, OF_SHARED

PAGE = (Path(__file__).resolve().parents[2] / "docs/risk.md").read_text(encoding="utf-8")
ROWS = {int(row[1]): row[0] for row in re.finditer(r"^\| (\d+) \|.*$", PAGE, re.MULTILINE)}
CONTROLS = [one for one in vars(controls).values() if isinstance(one, Control)]


def test_every_control_has_its_row_and_every_row_its_control() -> None:
    assert sorted(ROWS) == list(range(1, 38))
    assert {control.number for control in CONTROLS} == set(ROWS)


def test_rows_have_the_names_and_reason_codes_of_the_code() -> None:
    for control in CONTROLS:
        if control.code != "loss_beyond_limit":  # where it passes, no code is shown
            assert f"`{control.code}`" in ROWS[control.number], control
        assert f"| {control.name} |" in ROWS[control.number]


def test_every_limit_of_the_books_file_is_named_once() -> None:
    for limit in fields(Limits):
        if limit.name != "overrides":
            assert len([row for row in ROWS.values() if f"`{limit.name}`" in row.split("|")[4]]) == 1, limit.name


def test_the_table_of_overrides_names_every_control_once() -> None:
    def row(start: str) -> list[int]:
        (found,) = re.findall(rf"^\| {start} \|(.*)\|$", PAGE, re.MULTILINE)
        return sorted(int(number) for number in re.findall(r"\d+", found))

    assert row("for a symbol, or for every order") == sorted(OF_ORDERS)
    assert row("for the whole book") == sorted(OF_SHARED | OF_BOOK)
    assert sorted(row("never") + row("not either")) == sorted(NOT_LIFTED)
