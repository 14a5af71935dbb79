"""A share that is held and has no bar on the day it splits: new shares at a price of new shares, live and replayed."""

from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, NEXT_MON, TUE, WED, small_home
from tests.replay.parity import differences, replayed

SESSIONS = (TUE, WED, FRI, NEXT_MON)


def _silent_home(folder: Path, new: int, old: int) -> Home:
    """The small world, but TWIN splits by that ratio on Friday and does not trade until Monday."""
    home = small_home(folder)
    world = folder / "world"
    lines = (world / "bars.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(f"TWIN,{FRI},")]
    assert len(kept) == len(lines) - 1
    (world / "bars.csv").write_text("\n".join(_rescaled(line, new, old) for line in kept) + "\n")
    (world / "splits.csv").write_text(f"symbol,ex_date,new,old\nTWIN,{FRI},{new},{old}\n")
    return home


def _rescaled(line: str, new: int, old: int) -> str:
    """TWIN of after Friday was written for a split of 3 for 2."""
    symbol, session, *rest = line.split(",")
    if symbol != "TWIN" or session < str(FRI):
        return line
    return ",".join([symbol, session, *(f"{float(each) * 3 / 2 * old / new:.2f}" for each in rest[:4]), rest[4]])


@pytest.mark.parametrize(("new", "old"), [(3, 2), (1, 10)])
def test_a_split_without_a_bar_is_no_profit_and_no_loss(tmp_path: Path, new: int, old: int) -> None:
    home = _silent_home(tmp_path, new, old)
    home.run(*SESSIONS)
    twin = home.table("positions").filter(symbol="TWIN").sort("session")
    at = {row["session"]: row for row in twin.iter_rows(named=True)}
    before, after = at[WED], at[FRI]
    assert after["quantity"] == before["quantity"] * new // old > 0
    assert after["price_session"] == WED
    assert after["price"] == pytest.approx(before["price"] * old / new, abs=1e-6)
    ((profit, equity),) = home.sql("SELECT profit, equity FROM marks WHERE session = ?", str(FRI))
    assert abs(profit) < 0.02 * equity, "the others moved; TWIN at a price of old shares would be 6 % or more"
    assert home.sql("SELECT count(*) FROM halts") == [(0,)]
    replayed(home, SESSIONS, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
