"""docs/costs.md: its lines load, its table is the configuration's, its sums are right."""

import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from grodt.brokers.fills import FillTerms, fill_session
from grodt.money import micros
from grodt.orders.borrowing import borrow_cost
from grodt.settings.brokers import PaperConfig
from tests.settings.books_files import edited, load, mistake

PAGE = (Path(__file__).resolve().parents[2] / "docs/costs.md").read_text()
ROWS = [[cell.strip(" `") for cell in line.split("|")[1:5]] for line in PAGE.splitlines() if line.startswith("| `")]


def test_the_books_file_s_lines_load_and_name_every_term(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    broker = YAML(typ="safe", pure=True).load(block)["broker"]
    assert set(broker) == set(PaperConfig.model_fields)
    assert load(tmp_path, edited({"books.demo.broker": broker})).book("demo").broker.participation == Decimal("0.05")


def test_the_table_has_every_term_with_its_default() -> None:
    assert {name for name, *_ in ROWS} == set(PaperConfig.model_fields) - {"kind"}
    for name, default, *_ in ROWS:
        field = PaperConfig.model_fields[name]
        if default == "must be given":
            assert field.is_required()
        elif default == "none":
            assert field.default is None
        else:
            assert str(field.default) == default


@pytest.mark.parametrize(("name", "bounds"), [(name, bounds) for name, _, bounds, *_ in ROWS if "…" in bounds])
def test_its_bounds_are_those_that_are_asked(tmp_path: Path, name: str, bounds: str) -> None:
    low, high = (Decimal(bound.removeprefix("above ")) for bound in bounds.split(" … "))
    step = Decimal(1)
    for allowed in (high, low if "above" not in bounds else Decimal("0.01")):
        load(tmp_path, edited({f"books.demo.broker.{name}": int(allowed) if allowed == int(allowed) else float(allowed)}))
    for refused in (low - step, high + step):
        assert name in mistake(tmp_path, edited({f"books.demo.broker.{name}": int(refused)}))


def test_its_sums_are_right() -> None:
    terms = FillTerms(slippage_bps=Decimal(5), impact=Decimal(1), commission_per_share=micros("0.005"), minimum_commission=micros("1.00"))
    figures = {"average_value": np.array([20_000 * 50.0]), "volatility": np.array([0.02])}
    fills = fill_session(np.array([200]), np.array([micros("50")]), terms, **figures)
    assert (fills.price.tolist(), fills.commission.tolist()) == ([micros("50.125")], [micros("1.00")])
    assert borrow_cost(np.array([-100]), np.array([micros("360")]), 3, Decimal(100)).tolist() == [micros("3.00")]
    for number in ("50.125", "3.00"):
        assert number in PAGE
