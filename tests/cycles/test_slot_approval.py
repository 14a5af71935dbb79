"""A slot whose basket people decide: what they are told to do, and from when its orders work."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

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
