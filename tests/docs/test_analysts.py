"""docs/analysts.md: its examples run as they stand, and say what is so."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.analysts_home import FRI, MON, OTHER, SPLIT, THU, make

PAGE = Path(__file__).resolve().parents[2] / "docs/analysts.md"
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the examples have defined, once all have run."""
    text, names = PAGE.read_text(), dict[str, Any]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRODT_HOME", str(make(tmp_path_factory.mktemp("analysts"))))
        for example in _EXAMPLE.finditer(text):
            lines_before = text.count("\n", 0, example.start(1))
            exec(compile("\n" * lines_before + example[1], PAGE, "exec"), names)
    return names


def test_every_example_of_the_page_is_python_and_was_found() -> None:
    text = PAGE.read_text()
    assert len(_EXAMPLE.findall(text)) == text.count("```") / 2 == 9


def test_polars_and_pandas_read_the_table_once(names: dict[str, Any]) -> None:
    assert names["turnover"].select("symbol", "bars").rows() == [(SPLIT, 5), (OTHER, 4)]
    assert names["one"].sort_values("session")["close"].tolist() == [100, 102, 101, 50.5, 51]
    assert names["returns"].dropna().tolist() == [pytest.approx(1_000_020 / 1_000_019 - 1)]


def test_duckdb_joins_evidence_and_positions(names: dict[str, Any]) -> None:
    assert names["stopped"].select("session", "symbol", "verdict", "held").rows() == [(d, SPLIT, "clip", 2000) for d in (THU, FRI)]


def test_total_return_series_are_the_same_in_polars_pandas_and_duckdb(names: dict[str, Any]) -> None:
    assert names["wide"].get_column(SPLIT).to_list() == [100, 102, 101, 101, 102]
    assert names["frame"][SPLIT].tolist() == [100, 102, 101, 101, 102]
    assert names["correlation"].shape == (2, 2)
    assert dict(names["growth"].rows()) == pytest.approx({SPLIT: 0.02, OTHER: 0.025})


def test_the_first_cycle_knew_what_was_committed_by_then(names: dict[str, Any]) -> None:
    assert names["first"]["session"] == THU
    assert (names["then"]["session"].min(), names["then"]["session"].max()) == (MON, FRI)


def test_minutes_are_added_up_to_hours_and_to_the_daily_bar(names: dict[str, Any]) -> None:
    friday = names["local"].filter(session=FRI)
    assert friday["start"].dt.strftime("%H:%M").to_list() == ["09:30", "10:30", "15:30"]
    assert friday["volume"].to_list() == [550.0, 250.0, 200.0]
    both = names["daily"].filter(session=FRI)
    assert [both[name][0] for name in ("open", "high", "low", "close", "volume")] == [
        both[f"{name}_of_minutes"][0] for name in ("open", "high", "low", "close", "volume")
    ]


def test_a_company_s_rows_come_with_its_id(names: dict[str, Any]) -> None:
    companies = names["companies"].sort("instrument", "day")
    assert companies["instrument"].to_list() == [SPLIT] * 5 + [OTHER] * 4
    assert companies.filter(instrument=SPLIT)["close"].to_list() == [100, 102, 101, 101, 102]
