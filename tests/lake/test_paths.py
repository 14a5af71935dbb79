from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import ConfigError
from grodt.lake import actions_path, bars_path, export_path, quarantine_path
from grodt.lake.paths import require_path

START, END = date(2023, 11, 20), date(2024, 2, 3)


def test_a_bars_path_names_source_year_range_and_symbols() -> None:
    path = bars_path("demo", ["AAA", "BBB"], START, END, 2023)
    assert path.startswith("bars_1d/demo/2023/2023-11-20_2023-12-31-")
    assert path.endswith(".parquet")
    assert bars_path("demo", ["AAA", "BBB"], START, END, 2024).startswith("bars_1d/demo/2024/2024-01-01_2024-02-03-")


def test_each_table_has_a_folder_of_its_own() -> None:
    assert actions_path("demo", ["A"], START, END, 2024).startswith("corporate_actions/demo/2024/")
    assert quarantine_path("demo", ["A"], START, END, 2024).startswith("quarantine/demo/2024/")
    assert export_path("targets", "us", date(2014, 6, 9)) == "targets/us/2014/2014-06-09.parquet"


@given(st.lists(st.text(min_size=1), min_size=1))
def test_the_path_does_not_depend_on_order_or_repetition_of_symbols(symbols: list[str]) -> None:
    shuffled = [*symbols, *reversed(symbols)]
    assert bars_path("demo", symbols, START, END, 2024) == bars_path("demo", shuffled, START, END, 2024)


def test_other_symbols_give_another_path() -> None:
    assert bars_path("demo", ["AB", "C"], START, END, 2024) != bars_path("demo", ["A", "BC"], START, END, 2024)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "_history", "a=b", "a b", "x" * 65])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a folder"):
        bars_path(name, ["A"], START, END, 2024)
    with pytest.raises(ConfigError, match="cannot name a folder"):
        export_path("targets", name, END)


def test_a_path_needs_a_symbol_and_a_day_of_its_year() -> None:
    with pytest.raises(ValueError, match="at least one symbol"):
        bars_path("demo", [], START, END, 2024)
    with pytest.raises(ValueError, match="no day in 2025"):
        bars_path("demo", ["A"], START, END, 2025)


@pytest.mark.parametrize(
    "path",
    [
        "x.parquet",
        "other/x.parquet",
        "bars_1d/../x.parquet",
        "bars_1d/.x.parquet",
        "bars_1d/x.csv",
        "/bars_1d/x.parquet",
        "bars_1d//x.parquet",
    ],
)
def test_a_path_outside_the_tables_folder_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        require_path("bars_1d", path)
