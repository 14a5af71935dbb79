"""Slots of an intraday book, killed at every instant and run again: a sliced book with stops, whose orders fill in part."""

from datetime import date
from pathlib import Path

import pytest

from tests.cycles.intraday_world import FRI, SLOTS, STOPS, WED, within_home
from tests.faults.homes import life
from tests.faults.points import rerun, run_undisturbed

#: A process that is killed closes nothing; here it is an exception, and what it held is collected at some later time.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize(
    ("before", "session", "slot"),
    [(SLOTS[:2], WED, "1330"), (SLOTS[:4], WED, "close"), (SLOTS[:3], FRI, "1030")],
    ids=["a third slot", "the close", "the first slot after a close that was missed"],
)
def test_a_slot_that_is_killed_at_any_instant_and_run_again_ends_the_same(
    folder: Path, before: tuple[str, ...], session: date, slot: str
) -> None:
    broker = "slippage_bps: 5, commission_bps: 1, participation: 0.02"
    home = within_home(folder / f"before-{session}-{slot}", broker=broker, within=f", stops: {STOPS}, slices: {{above: 20000, count: 3}}")
    with life():
        home.slots(WED, *before)
    whole = run_undisturbed(home, [(session, slot)], folder / f"on-{session}-{slot}")  # type: ignore[list-item]  # see Within
    assert len(whole.remains) > 60
    assert whole.instants > 250
    for left in whole.remains:
        assert rerun(left, whole) == [], str(left)
