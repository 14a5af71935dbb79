"""A book that trades by the signal of docs/signals.md, word for word, in whole cycles."""

import re
from math import log
from pathlib import Path

import pytest

from grodt.errors import DataError
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED, WEEK, books_text, small_home
from tests.replay.parity import differences, replayed

PAGE = Path(__file__).resolve().parents[2] / "docs/signals.md"
_CROSSOVER = "- {signal: ewma_crossover, weight: 1, parameters: {fast: 4, slow: 16}}"


def example() -> str:
    """The file that the page shows."""
    found = re.search(r"^```python\n(# my_signals\.py\n.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def own_home(folder: Path, text: str, **limits: str) -> Home:
    """A home of the small world, whose book trades by the crossover and by `gap` of a file with that text."""
    home = small_home(folder)
    assert home.books is not None
    own = f"{_CROSSOVER}\n      - {{signal: gap, file: my_signals.py, weight: 1, parameters: {{cap: 1.5}}}}"
    assert _CROSSOVER in books_text()
    home.books.write_text(books_text(**limits).replace(_CROSSOVER, own))
    (home.books.parent / "my_signals.py").write_text(text)
    return home


def test_the_example_has_ten_lines() -> None:
    assert len([line for line in example().splitlines() if line.strip() and not line.startswith("#")]) <= 10


def test_a_week_is_traded_by_it_and_its_values_stand_in_the_lake(tmp_path: Path) -> None:
    home = own_home(tmp_path, example())
    home.run(*WEEK)
    assert home.sql("SELECT count(*) FROM fills")[0][0] > 0
    signals = home.table("signals").filter(signal="gap")
    assert sorted(set(signals["session"])) == list(WEEK)
    bars = {(row["symbol"], row["session"]): row for row in home.table("bars_1d").to_dicts()}
    value = {(row["symbol"], row["session"]): row["value"] for row in signals.to_dicts()}
    rise = log(bars["RISE", MON]["close"] / bars["RISE", TUE]["open"])
    assert value["RISE", TUE] == pytest.approx(rise, abs=1e-12)
    # three for two on Friday: the close before is of 1.5 times as many shares
    assert value["TWIN", FRI] == pytest.approx(log(bars["TWIN", WED]["close"] / (1.5 * bars["TWIN", FRI]["open"])), abs=1e-12)
    assert signals["forecast"].abs().max() <= 1.5
    # a replay of the week decides and trades the same
    replayed(home, WEEK, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}


def test_a_change_of_its_code_is_another_configuration_which_trades_under_reduced_caps_at_first(tmp_path: Path) -> None:
    home = own_home(tmp_path, example(), new_cycles="2")
    home.run(MON, TUE)
    assert home.books is not None
    own = home.books.parent / "my_signals.py"
    own.write_text(own.read_text().replace("scale=2.0", "scale=1.9"))
    home.run(WED)
    first, second, third = (row[0] for row in home.sql("SELECT config_hash FROM runs ORDER BY session"))
    assert first == second != third
    left = home.sql(
        "SELECT DISTINCT session, value FROM risk_checks JOIN runs USING (run_id) WHERE control = 33 AND scope = 'book' ORDER BY session"
    )
    assert [(day, float(cycles)) for day, cycles in left] == [(str(MON), 2), (str(TUE), 1), (str(WED), 2)]


def test_a_value_that_no_signal_may_give_stops_the_cycle_before_anything_is_decided(tmp_path: Path) -> None:
    home = own_home(tmp_path, example().replace("- panel.log_return", "- panel.log_return * np.inf"))
    with pytest.raises(DataError, match=r"signal gap in my_signals\.py: CASH 2015-11-23: the value is -?inf; it must be finite"):
        home.run(MON)
    assert home.sql("SELECT count(*) FROM orders") == [(0,)]
    assert home.sql("SELECT state FROM runs") == [("open",)]
