"""docs/research.md: its paths name parameters, its tables' columns are there."""

import re
from pathlib import Path

import pytest

from grodt.errors import ConfigError
from grodt.replay.definitions import DEFINITIONS
from grodt.research.grid import combinations
from grodt.research.metrics import METRICS
from grodt.research.tables import SWEEP_TABLES, WALK_FORWARD_TABLES
from grodt.settings.varied import parse_vary, varied

PAGE = (Path(__file__).resolve().parents[2] / "docs/research.md").read_text()
PATHS = sorted(
    {*re.findall(r"`((?:signals|construction|broker|limits|capital)[^`<>]*=[^`]*)`", PAGE), *re.findall(r"--vary '([^']*=\d[^']*)'", PAGE)}
)


def test_every_example_of_a_path_was_found() -> None:
    assert len(PATHS) == 10


@pytest.mark.parametrize("text", PATHS)
def test_a_path_of_the_page_names_a_parameter_of_the_demo_book(text: str) -> None:
    axes = [parse_vary(text)]
    assert varied(None, "demo", axes, combinations(axes))


def test_a_regime_needs_its_section_as_the_page_says() -> None:
    axes = [parse_vary("regime.scope=market,symbol")]
    assert "`regime.scope=market,symbol`" in PAGE
    with pytest.raises(ConfigError, match="has no `regime` section"):
        varied(None, "demo", axes, combinations(axes))


def test_the_page_names_every_table_and_its_columns() -> None:
    for file in (*SWEEP_TABLES, *WALK_FORWARD_TABLES):
        assert f"`{file}`" in PAGE
    for file in ("runs.parquet", "equity.parquet"):
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{file}`")]
        for column in SWEEP_TABLES[file].columns():
            assert column in DEFINITIONS or f"`{column}`" in row, column


def test_every_table_says_what_each_column_is() -> None:
    for file, schema in (SWEEP_TABLES | WALK_FORWARD_TABLES).items():
        assert schema.__doc__
        for name, column in schema.columns().items():
            assert column.description, f"{file} {name}"


def test_every_metric_is_named_and_is_a_statistic() -> None:
    assert set(METRICS) <= set(DEFINITIONS)
    assert all(f"`{metric}`" in PAGE for metric in METRICS)
