"""A cycle that was interrupted leaves a record of it."""

import pytest

from tests.cycles.driver import Home
from tests.cycles.interrupted import Stop, stop_at
from tests.cycles.small_world import MON


def test_an_attempt_that_was_interrupted_says_so(home: Home) -> None:
    with pytest.raises(Stop):
        home.run(MON, watch=stop_at("risk"))
    home.run(MON)
    assert home.sql("SELECT attempt, outcome, error FROM run_attempts") == [(1, "failed", "Stop: "), (2, "done", "")]
    assert home.sql("SELECT stage FROM stage_runs WHERE attempt = 1 AND stage IN ('targets', 'risk')") == [("targets",)]
    assert home.table("runs").select("attempts", "outcome").rows() == [(2, "done")]
