"""The minutes that intraday signals see."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from grodt.errors import ConfigError, DataError
from grodt.execution.minute_history import read_minute_panel
from grodt.lake import Lake, LakeFile, Snapshot, actions_path, minute_bars_path
from grodt.lake.tables import TABLES
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.sessions import Calendar
from grodt.signals.volume_breakout import VolumeBreakout
from tests.bars.minute_world import walk
from tests.execution.desk import Desk
from tests.signals.worlds import same

XNYS = Calendar("XNYS")
WED, EARLY, MON = date(2020, 11, 25), date(2020, 11, 27), date(2020, 11, 30)
SOURCE, KNOWN = "scripted", datetime(2020, 12, 1, tzinfo=UTC)
FIELDS = ("high", "low", "volume")


@pytest.fixture
def stocked(desk: Desk) -> tuple[Lake, Snapshot]:
    """A and B in three sessions, without the minutes 100 to 104 of each; A splits 2:1 on Friday. They drift by their minute, not by day."""
    lake = Lake(desk.folder / "lake", LedgerManifest(desk.real_ledger))
    bars = walk(["A", "B"], [WED, EARLY, MON], less=range(100, 105))
    half = (pl.col("symbol") == "A") & (pl.col("start") >= XNYS.opens_at(EARLY))
    prices = [pl.when(half).then(pl.col(name) / 2).otherwise(name).alias(name) for name in ("open", "high", "low", "close")]
    session = pl.Series("session", XNYS.sessions_of(bars["start"].dt.replace_time_zone(None).to_numpy())).cast(pl.Date)
    rows = bars.with_columns(*prices, session, source=pl.lit(SOURCE), known_at=pl.lit(KNOWN)).select(TABLES["bars_1m"].column_names())
    split = {"source": SOURCE, "symbol": "A", "ex_date": EARLY, "kind": "split", "ratio_new": 2, "ratio_old": 1, "known_at": KNOWN}
    actions = pl.DataFrame([split], schema=TABLES["corporate_actions"].create_empty().schema)

    def write(table: str, path: str, frame: pl.DataFrame) -> LakeFile:
        return lake.write(table, path, frame, source=SOURCE, known_at=KNOWN, run_id="r")

    files = [
        write("bars_1m", minute_bars_path(SOURCE, ["A", "B"], WED, MON, 2020), rows.cast(TABLES["bars_1m"].create_empty().schema)),
        write("corporate_actions", actions_path(SOURCE, ["A"], WED, MON, 2020), actions),
    ]
    with desk.real_ledger.write() as tx:
        commit_files(tx, files, KNOWN)
    return lake, LedgerManifest(desk.real_ledger).snapshot(tables=("bars_1m", "corporate_actions", "instruments"))


def test_minutes_are_rows_and_silent_ones_are_nan(stocked):
    panel = read_minute_panel(*stocked, SOURCE, XNYS, MON, ["A", "B"], "1m", FIELDS)
    assert panel.close.shape == (390 + 210 + 390, 2)
    assert np.isnan(panel.close[100:105]).all()
    assert np.count_nonzero(np.isnan(panel.close)) == 3 * 5 * 2
    assert panel.rows_per_year == 252 * 390


def test_a_width_adds_them_up_and_a_bar_of_silence_is_nan(stocked):
    panel = read_minute_panel(*stocked, SOURCE, XNYS, EARLY, ["A", "B"], "5m", FIELDS)
    assert panel.close.shape == (78 + 42, 2)
    minutes = read_minute_panel(*stocked, SOURCE, XNYS, EARLY, ["A", "B"], "1m", FIELDS)
    assert np.isnan(panel.close[20]).all()
    assert panel.close[[0, 19, 21]].tolist() == minutes.close[[4, 99, 109]].tolist()
    assert panel.raw("volume")[0].tolist() == minutes.raw("volume")[:5].sum(axis=0).tolist()


def test_the_night_of_a_split_is_no_return(stocked):
    panel = read_minute_panel(*stocked, SOURCE, XNYS, EARLY, ["A", "B"], "1m")
    night = panel.log_return[390]
    assert panel.close[390, 0] < 0.6 * panel.close[389, 0]
    assert night[0] == pytest.approx(np.log(2 * panel.close[390, 0] / panel.close[389, 0]), abs=1e-14)
    assert night[1] == pytest.approx(np.log(panel.close[390, 1] / panel.close[389, 1]), abs=1e-14)
    assert np.abs(night).max() < 0.01


@pytest.mark.parametrize("minute", [5, 7, 103, 209, 210])
def test_a_decision_within_a_session_sees_the_bars_that_have_ended_and_sees_them_as_later_ones_do(stocked, minute):
    at = XNYS.opens_at(EARLY) + timedelta(minutes=minute)
    now = read_minute_panel(*stocked, SOURCE, XNYS, EARLY, ["A", "B"], "5m", FIELDS, until=at)
    later = read_minute_panel(*stocked, SOURCE, XNYS, MON, ["A", "B"], "5m", FIELDS)
    assert len(now.sessions) == 78 + minute // 5
    cut = later.until(len(now.sessions))
    for name in ("close", "high", "volume"):
        assert same(now.raw(name), cut.raw(name).copy())
    signal = VolumeBreakout(ratio=0.5)
    one, whole = (signal.evaluate(panel, np.full((len(panel.sessions), 2), 0.2)) for panel in (now, later))
    assert same(one.forecast, whole.forecast[: len(now.sessions)].copy())


def test_it_begins_where_it_is_told_to_and_not_before_the_source(stocked):
    assert read_minute_panel(*stocked, SOURCE, XNYS, MON, ["A"], "1h", start=EARLY).sessions[0] == EARLY
    assert read_minute_panel(*stocked, SOURCE, XNYS, MON, ["A"], "1h", start=date(2020, 1, 2)).sessions[0] == WED


def test_what_is_not_there_is_said(stocked):
    with pytest.raises(DataError, match="source absent has no minutes from the beginning up to 2020-11-30; `grodt ingest --bars 1m`"):
        read_minute_panel(*stocked, "absent", XNYS, MON, ["A"], "1m")
    with pytest.raises(DataError, match=r"no bar of 1h from 2020-11-25 on has ended by 2020-11-25 15:00:00\+00:00"):
        read_minute_panel(*stocked, SOURCE, XNYS, WED, ["A"], "1h", until=datetime(2020, 11, 25, 15, tzinfo=UTC))
    with pytest.raises(ConfigError, match="width '1d' is a whole session"):
        read_minute_panel(*stocked, SOURCE, XNYS, MON, ["A"], "1d")
