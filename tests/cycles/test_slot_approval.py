"""A slot whose basket people decide: what they are told to do, and from when its orders work."""

import json
import shlex
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from tests.cycles.intraday_world import WED, Within, within_home
from tests.flows.commands import Command


def _approved(folder: Path, grodt: Command, at: str) -> tuple[Within, str]:
    """A book whose slot of 12:00 has asked, and whose basket was approved and sent at an instant; and what the approver was told."""
    home = within_home(folder, approval="one", within=", latest_start_minutes: 90")
    replace(home, now="2026-11-25T17:00:05Z").slots(WED, "1200")
    late = replace(home, now=at)
    (asked,) = json.loads(grodt(late, "waiting", "--json").out)
    done = grodt(late, "approve", asked["id"], "--author", "ann", "--reason", "looks good")
    assert done.status == 0
    late.slots(WED, "1200")
    return late, done.out


def test_who_approves_is_told_the_command_that_goes_on_with_the_slot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grodt = Command(capsys)
    home, told = _approved(tmp_path, grodt, "2026-11-25T17:04:00Z")
    said = told.strip().rpartition("UTC: ")[2]
    assert said == "grodt intraday --book within --session 2026-11-25 --at 12:00"
    ran = grodt(home, *shlex.split(said)[1:])
    assert (ran.status, "1 of 1 cycles are done and stay as they are" in ran.err) == (0, True)


@pytest.mark.parametrize(
    ("sent", "first"), [("2026-11-25T17:03:20Z", "2026-11-25T17:04"), ("2026-11-25T18:28:00Z", "2026-11-25T18:28")], ids=["soon", "late"]
)
def test_what_people_let_out_fills_at_no_price_from_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sent: str, first: str
) -> None:
    home, _ = _approved(tmp_path, Command(capsys), sent)
    orders = home.orders("%-1200")
    assert {state for *_, state in orders} == {"accepted"}
    next_slot = replace(home, now="2026-11-25T18:30:05Z")
    next_slot.slots(WED, "1330")
    assert {at[:16] for (at,) in home.sql("SELECT filled_at FROM fills")} == {first}
    fills = home.sql("SELECT symbol, price, filled_at FROM fills ORDER BY 1")
    minutes = home.table("bars_1m").filter(pl.col("volume") > 0).sort("start").with_columns(pl.col("start").dt.convert_time_zone("UTC"))
    for symbol, price, at in fills:
        opened = minutes.filter((pl.col("symbol") == symbol) & (pl.col("start") >= datetime.fromisoformat(at)))["open"][0]
        assert price / 1e6 == pytest.approx(opened * 1.0005, rel=1e-5)  # slippage of 5 bps
    next_slot.slots(WED, "1330")  # it waits for people, and plays its bars again
    assert home.sql("SELECT symbol, price, filled_at FROM fills ORDER BY 1") == fills
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]


def test_what_a_slot_decides_alone_fills_from_its_instant_when_it_begins_some_minutes_late(tmp_path: Path) -> None:
    fills = []
    for name, began in (("at once", "2026-11-25T17:00:00Z"), ("late", "2026-11-25T17:04:30Z"), ("later", "2026-11-29T12:00:00Z")):
        home = within_home(tmp_path / name)
        replace(home, now=began).slots(WED, "1200")
        home.slots(WED, "1330")
        fills.append(home.sql("SELECT client_order_id, quantity, price, filled_at FROM fills ORDER BY 1, 4"))
    assert fills[0] == fills[1] == fills[2] != []
