"""An intraday book on an exchange with a lunch break: what has traded is counted, not what the clock has run."""

from datetime import datetime
from pathlib import Path

import pytest

from grodt.sessions import Calendar
from tests.cycles.intraday_world import WED, Within, within_home


def _home(folder: Path, calendar: str, times: str, within: str = "") -> Within:
    """The book on that exchange, with a slot every hour."""
    home = within_home(folder, within=within)
    text = home.books.read_text().replace("calendar: XNYS", f"calendar: {calendar}")
    text = text.replace('every: 90m, bars: 5m, first: "10:30", last: "13:30", flat_by: "15:50"', f"every: 60m, bars: 5m, {times}")
    home.books.write_text(text)
    return home


def _halts(home: Within) -> list[str]:
    return [reason for (reason,) in home.sql("SELECT reason FROM halts")]


@pytest.mark.parametrize("slices", ["", ", slices: {above: 1000, count: 7}"])
def test_a_book_that_is_flat_by_the_end_of_the_break_sells_there_and_its_slices_work_while_the_exchange_trades(
    tmp_path: Path, slices: str
) -> None:
    home = _home(tmp_path, "XHKG", 'first: "10:30", last: "11:30", flat_by: "13:00"', slices)
    home.slots(WED, "1030", "1130", "1300", "close")
    assert _halts(home) == []
    sold = home.orders("%-1300")
    assert sold
    assert {(side, state) for _, side, _, state in sold} == {("sell", "filled")}
    assert home.files("positions") == {}
    times = {datetime.fromisoformat(at) for (at,) in home.sql("SELECT works_from FROM orders WHERE works_from IS NOT NULL")}
    assert [at for at in times if not Calendar("XHKG").is_open(at)] == []
    assert len(times) >= 6 if slices else not times


def test_a_slot_at_the_end_of_the_break_decides(tmp_path: Path) -> None:
    home = _home(tmp_path, "XTKS", 'first: "10:30", last: "13:30", flat_by: "15:00"')
    home.slots(WED, "1030", "1230", "1330", "1500", "close")
    assert _halts(home) == []
    assert home.sql("SELECT count(*) FROM runs WHERE state = 'done'") == [(5,)]
    assert home.orders("%-1500")
