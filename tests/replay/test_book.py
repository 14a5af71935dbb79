"""The record of a live book, out of the ledger of real cycles."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.unit import Ledger
from grodt.replay.book import record_of_book
from grodt.replay.record import Record
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_TUE, TUE, WEEK, small_home


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Every session of the week but Tuesday."""
    home = small_home(tmp_path_factory.mktemp("record"))
    home.run(*(session for session in WEEK if session != TUE))
    return home


def _record(home: Home, session=NEXT_TUE) -> Record | None:
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    manifest = LedgerManifest(ledger)
    with ledger.read() as tx:
        found = record_of_book(
            tx,
            Lake(home.folder / "lake", manifest),
            manifest.snapshot(tables=["corporate_actions"]),
            source="files",
            book="small",
            session=session,
            sessions_per_year=252,
        )
    ledger.close()
    return found


def test_equity_and_exposure_are_the_ledgers(week: Home) -> None:
    record = _record(week)
    table = week.table("equity").sort("session").filter(pl.col("session") <= NEXT_TUE)
    assert record is not None
    assert record.sessions.astype(object).tolist() == table["session"].to_list()
    assert record.equity.tolist() == pytest.approx([float(value) for value in table["equity"]])
    assert record.gross.tolist() == table["gross_exposure"].to_list()
    assert record.name == "small"


def test_a_fill_of_a_session_that_was_settled_late_counts_in_its_own(week: Home) -> None:
    record = _record(week)
    fills = week.table("fills").filter(pl.col("session") <= NEXT_TUE)
    assert record is not None
    before = np.concatenate((record.equity[:1], record.equity[:-1]))
    assert float((record.turnover * before).sum()) == pytest.approx(float(fills["notional"].sum()))
    tuesday = fills.filter(session=TUE)["notional"].sum()
    assert tuesday > 0
    assert record.turnover[1] * before[1] == pytest.approx(float(tuesday))


def test_before_the_first_mark_there_is_no_record(week: Home, tmp_path: Path) -> None:
    assert _record(week, MON.replace(day=1)) is None


def test_each_cycle_leaves_the_books_tear_sheet(week: Home) -> None:
    folder = week.folder / "reports" / "small"
    page = (folder / "tear-sheet.html").read_text()
    figures = json.loads((folder / "tear-sheet.json").read_text())
    assert page.startswith("<!doctype html>")
    assert "small" in page
    assert figures["name"] == "small"
    curves = pl.read_parquet(folder / "tear-sheet.parquet")
    assert curves["session"].to_list() == list(WEEK)
    assert FRI in curves["session"].to_list()
