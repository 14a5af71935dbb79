"""`grodt catalog`: the tables, what is in them, and how fresh it is."""

import json
from pathlib import Path

import pytest

from flows.commands.catalog import _age, _size
from grodt.lake import TABLES
from grodt.lake.describe import markdown
from tests.analysts_home import make
from tests.cycles.driver import Home
from tests.flows.commands import Command


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Only to be read. The last cycle ended 38 hours ago, the bars came 62 hours ago."""
    return Home(make(tmp_path_factory.mktemp("analysts")), now="2026-11-23T12:00:00Z")


@pytest.fixture
def grodt(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_it_lists_every_table_with_rows_sessions_age_and_size(grodt: Command, home: Home) -> None:
    ended = grodt(home, "catalog")
    assert ended.status == 0
    lines = {line.split()[0]: line.split() for line in ended.out.splitlines() if line.strip()}
    assert set(TABLES) <= set(lines)
    assert lines["bars_1d"][1:8] == ["2", "9", "2026-11-16", "2026-11-20", "2", "d", "14"]
    assert lines["equity"][1:8] == ["2", "2", "2026-11-19", "2026-11-20", "1", "d", "14"]
    assert lines["fills"][1:5] == ["0", "0", "0", "B"]
    assert "Daily bars as traded" in ended.out


def test_programs_get_every_table_with_bytes_and_age_in_seconds(grodt: Command, home: Home) -> None:
    rows = {row["table"]: row for row in json.loads(grodt(home, "catalog", "--json").out)}
    assert list(rows) == list(TABLES)
    bars = rows["bars_1d"]
    size = sum(path.stat().st_size for path in (home.folder / "lake/bars_1d").rglob("*.parquet"))
    assert bars["description"].startswith("Daily bars as traded")
    assert (bars["files"], bars["rows"], bars["bytes"]) == (2, 9, size)
    assert (bars["first_session"], bars["last_session"]) == ("2026-11-16", "2026-11-20")
    assert (bars["known_at"], bars["age_seconds"]) == ("2026-11-20T22:00:00+00:00", 62 * 3600)
    nothing = rows["fills"]
    assert (nothing["rows"], nothing["bytes"], nothing["first_session"], nothing["age_seconds"]) == (0, 0, None, None)


def test_of_one_table_it_says_columns_types_units_key_rules_and_who_filled_it(grodt: Command, home: Home) -> None:
    ended = grodt(home, "catalog", "bars_1d")
    assert ended.status == 0
    said = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "close last price (float64, USD, > 0)" in said
    assert "one row for each source, symbol, session" in said
    assert "rules high_is_highest: The high is ≥ open, close, low." in said
    assert any(line.startswith("demo 2 9 2026-11-16 2026-11-20 2 d 14 h") for line in said)
    empty = grodt(home, "catalog", "fills").out
    assert "in the lake: nothing yet" in empty
    assert "rules" not in empty


def test_programs_get_the_same_of_one_table(grodt: Command, home: Home) -> None:
    (row,) = json.loads(grodt(home, "catalog", "corporate_actions", "--json").out)
    assert (row["table"], row["key"]) == ("corporate_actions", ["source", "symbol", "ex_date", "kind"])
    cash = next(column for column in row["columns"] if column["name"] == "cash_per_share")
    assert (cash["type"], cash["unit"], cash["nullable"], cash["key"]) == ("decimal(24, 6)", "USD", True, False)
    assert [rule["name"] for rule in row["rules"]] == ["split_has_a_ratio", "cash_is_given", "new_symbol_is_given"]
    assert [(part["of"], part["rows"]) for part in row["parts"]] == [("demo", 2)]
    assert row["rows"] == 2


def test_the_page_needs_no_home_and_is_printed_as_it_is(grodt: Command, tmp_path: Path) -> None:
    nowhere = Home(tmp_path / "nowhere")
    assert grodt(nowhere, "catalog", "--markdown").out == markdown()
    assert grodt(nowhere, "catalog", "equity", "--markdown").out == markdown(["equity"])
    assert not nowhere.folder.exists()


def test_a_table_that_is_not_there_is_refused_with_the_nearest(grodt: Command, home: Home) -> None:
    ended = grodt(home, "catalog", "bars_d")
    assert (ended.status, ended.out) == (2, "")
    assert "there is no table 'bars_d'; did you mean bars_1d or bars_1m?" in " ".join(ended.err.split())
    assert "there is no table 'zzz'; the lake has bars_1d" in " ".join(grodt(home, "catalog", "zzz").err.split())


def test_a_home_without_a_ledger_is_refused(grodt: Command, tmp_path: Path) -> None:
    ended = grodt(Home(tmp_path / "nowhere"), "catalog")
    assert ended.status == 2
    assert "there is no ledger" in ended.err


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "59 min"), (7260, "2 h 1 min"), (86400 * 1200 + 3600, "1,200 d 1 h")],
)
def test_ages_have_their_two_largest_units(seconds: int | None, said: str) -> None:
    assert _age(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_500, "1.0 MB"),
        (3 * 10**12, "3.0 TB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_have_up_to_three_digits(count: int, said: str) -> None:
    assert _size(count) == said
