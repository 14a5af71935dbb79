"""What tables are, in words, and the page that is generated from it."""

from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from grodt.lake import TABLES
from grodt.lake.describe import REGENERATE, ColumnFacts, RuleFacts, describe, markdown
from grodt.lake.validation import stored_types

PAGE = Path(__file__).resolve().parents[2] / "docs/data.md"


def test_the_page_is_what_the_schema_classes_say() -> None:
    assert PAGE.read_text() == markdown(), f"docs/data.md is stale; write it anew: {REGENERATE}"


@pytest.mark.parametrize("table", TABLES)
def test_each_table_column_and_rule_says_what_it_is_and_each_measure_its_unit(table: str) -> None:
    facts = describe(table)
    assert facts.description.endswith(".")
    assert facts.key == tuple(TABLES[table].primary_key())
    assert [each.name for each in facts.columns] == list(stored_types(table))
    assert [each.name for each in facts.columns if not each.description] == []
    assert [each.name for each in facts.columns if each.type.startswith(("float", "decimal")) and not each.unit] == []
    assert {rule.name for rule in facts.rules} == set(TABLES[table]._schema_validation_rules())
    assert [rule.name for rule in facts.rules if not rule.description.endswith(".")] == []


def test_a_column_has_its_type_in_the_files_its_unit_and_its_bounds() -> None:
    columns = {each.name: each for each in describe("corporate_actions").columns}
    assert columns["symbol"] == ColumnFacts("symbol", "text", "", key=True, nullable=False, bound="not empty", description="ticker")
    assert (columns["kind"].type, columns["kind"].values) == ("text", "split, dividend, delisting, symbol_change")
    assert columns["ratio_new"].values == "≥ 1, nullable"
    assert (columns["cash_per_share"].type, columns["cash_per_share"].unit) == ("decimal(24, 6)", "USD")
    assert (columns["known_at"].type, columns["ex_date"].type) == ("timestamp", "date")
    bars = {each.name: each for each in describe("bars_1d").columns}
    assert (bars["close"].type, bars["close"].unit, bars["close"].values) == ("float64", "USD", "> 0")


def test_every_bound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(dy.Schema):
        """Odd
        things."""

        share = dy.Float64(min=0, max_exclusive=1, nullable=True)

        @dy.rule()
        def unspoken(cls) -> pl.Expr:
            return pl.col("share") < 2

    monkeypatch.setitem(TABLES, "odd", Odd)
    facts = describe("odd")
    assert facts.description == "Odd things."
    assert facts.columns[0].values == "≥ 0, < 1, nullable"
    assert facts.rules == (RuleFacts("unspoken", ""),)


def test_a_table_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="table 'bars' is unknown"):
        describe("bars")
