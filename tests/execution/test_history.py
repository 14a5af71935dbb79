"""The history that signals see."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.execution.history import read_panel, read_volume, volume_sums
from grodt.lake import Lake, Snapshot
from grodt.ledger.manifest import LedgerManifest
from grodt.sessions import Calendar
from grodt.signals.panel import FloatArray
from tests.brokers.world import FRI, MON, THU, TUE, WED
from tests.execution.desk import Desk
from tests.execution.stocked import SOURCE, stock
from tests.signals.worlds import closes

XNYS = Calendar("XNYS")


@pytest.fixture
def stocked(desk: Desk) -> tuple[Lake, Snapshot]:
    lake = Lake(desk.folder / "lake", LedgerManifest(desk.real_ledger))
    bars = [("A", date(2025, 12, 30), 9.0), ("A", MON, 10.0), ("A", TUE, 11.0), ("A", THU, 12.0), ("B", TUE, 20.0), ("B", WED, 21.0)]
    stock(lake, desk.real_ledger, [("A", date(2020, 1, 2), 5.0)], source="other")
    return lake, stock(lake, desk.real_ledger, bars)


def test_it_begins_at_the_source_s_first_session_and_ends_at_the_decision_s(stocked):
    panel = read_panel(*stocked, SOURCE, XNYS, THU, ["A", "B"])
    assert panel.sessions == XNYS.between(date(2025, 12, 30), THU)
    assert panel.symbols == ("A", "B")
    assert panel.close[-4:].tolist()[0][0] == 10.0
    assert panel.close[-1, 0] == 12.0
    assert np.isnan(panel.close[-1, 1])


def test_a_symbol_without_a_bar_is_a_column_without_values(stocked):
    panel = read_panel(*stocked, SOURCE, XNYS, THU, ["A", "NONE"])
    assert panel.symbols == ("A", "NONE")
    assert np.isnan(panel.close[:, 1]).all()


@pytest.mark.parametrize("session", [MON, TUE, WED, THU])
def test_what_a_session_saw_is_the_same_when_more_has_come(stocked, session):
    long, short = read_panel(*stocked, SOURCE, XNYS, FRI, ["A", "B"]), read_panel(*stocked, SOURCE, XNYS, session, ["A", "B"])
    same = long.until(len(short.sessions))
    assert same.sessions == short.sessions
    assert same.close.tobytes() == short.close.tobytes()
    assert same.log_return.tobytes() == short.log_return.tobytes()


@pytest.mark.parametrize(("source", "session"), [("absent", THU), (SOURCE, date(2025, 12, 29))])
def test_a_source_without_bars_up_to_the_session_is_an_error(stocked, source, session):
    with pytest.raises(DataError, match=f"source {source} has no bars up to {session}; check its history and the universe"):
        read_panel(*stocked, source, XNYS, session, ["A"])


def test_volume_is_summed_over_the_window_and_not_known_without_a_bar_in_it(stocked):
    volume = read_volume(*stocked, SOURCE, XNYS, THU, ["A", "B", "NONE"], 4)
    (one,) = set(read_volume(*stocked, SOURCE, XNYS, MON, ["A"], 1).tolist())
    assert one > 0
    assert volume.tolist() == [3 * one, 2 * one, -1]  # A has no bar on Wednesday, and December is not in the window
    assert read_volume(*stocked, SOURCE, XNYS, THU, ["A", "B"], 1).tolist() == [one, -1]
    assert volume.dtype == np.int64


@given(closes(longest=30), st.integers(1, 8), st.integers(1, 8))
def test_sums_of_volume_are_those_of_each_window_by_itself(close: FloatArray, last: int, window: int) -> None:
    volume = np.where(np.isnan(close), np.nan, np.rint(close))
    last = min(last, len(volume))
    found = volume_sums(volume, last, window)
    for row in range(last):
        end = len(volume) - last + row + 1
        part = volume[max(0, end - window) : end]
        expected = np.where(np.isnan(part).all(axis=0), -1, np.nansum(part, axis=0))
        assert found[row].tolist() == expected.tolist()
