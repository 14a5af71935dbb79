"""Sessions of the week beside Friday's, killed at every instant and run again: those that differ most from it."""

from datetime import date
from pathlib import Path

import pytest

from tests.cycles.small_world import MON, NEXT_TUE, WED, WEEK, small_home
from tests.faults.homes import life
from tests.faults.points import rerun, run_undisturbed

#: A process that is killed closes nothing; here it is an exception, and what it held is collected at some later time.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("session", [MON, WED, NEXT_TUE], ids=["the first of all", "ex a dividend", "a delisting, and a dividend is paid"])
def test_killed_at_any_instant_and_run_again_it_ends_the_same(folder: Path, session: date) -> None:
    home = small_home(folder / f"before-{session}")
    home.folder.mkdir(parents=True)
    with life():
        home.run(*(each for each in WEEK if each < session))
    whole = run_undisturbed(home, [session], folder / f"on-{session}")
    assert len(whole.remains) > 90
    for left in whole.remains:
        assert rerun(left, whole) == [], str(left)
