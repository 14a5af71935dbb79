"""The same as test_parity.py over nine real stocks; a file of its own, so that the two run side by side."""

from datetime import date
from pathlib import Path

import pytest

from grodt.sessions import Calendar
from tests.cycles.driver import SHARED, US_DAILY, Home
from tests.replay.parity import differences, replayed

XNYS = Calendar("XNYS")


@pytest.mark.long
@pytest.mark.skipif(not (SHARED / "us-daily-2004-2014/bars_daily.parquet").exists(), reason="../shared/data/us-daily-2004-2014 is absent")
def test_sixty_cycles_of_nine_real_stocks_through_a_seven_for_one_split(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", US_DAILY, "us")
    sessions = XNYS.latest(date(2014, 7, 10), 60)
    home.run(*sessions)
    done = replayed(home, sessions, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert done.written["orders"] > 100
    assert [each.action.symbol for each in done.course.account.applied if each.action.kind == "split"] == ["AAPL"]
