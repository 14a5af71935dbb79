"""A worker of another version than the book expects, and what a change of configuration or code shows."""

from datetime import datetime
from pathlib import Path

import pytest

import grodt
from grodt.errors import VersionRefused
from grodt.ledger.unit import Ledger
from grodt.ledger.versions import expect_version
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, WED, books_text


def _expect(home: Home, version: str) -> None:
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    with ledger.write() as tx:
        expect_version(tx, home.book, version, by="ann", reason="release", now=datetime.fromisoformat(home.now))
    ledger.close()


def _report(home: Home, session: object) -> str:
    return Path(home.folder, "reports", home.book, f"{session}.md").read_text()


def test_knight_2012_a_stale_worker_refuses_to_trade_before_it_opens_a_run(home: Home) -> None:
    home.run(MON)
    assert home.sql("SELECT version, author FROM expected_versions") == [(grodt.__version__, "automatic")]
    _expect(home, "999.0.0")
    before = home.everything()
    with pytest.raises(
        VersionRefused, match=rf"book small expects GRODT 999\.0\.0 .*by ann: release.* it is {grodt.__version__}: nothing was"
    ):
        home.run(TUE)
    assert home.everything() == before
    _expect(home, grodt.__version__)
    home.run(TUE)
    assert home.sql("SELECT state FROM runs ORDER BY session") == [("done",), ("done",)]


def test_a_changed_configuration_is_shown_with_what_changed_and_how_long_caps_are_reduced(home: Home) -> None:
    assert home.books is not None
    home.books.write_text(books_text(new_cycles="2"))
    home.run(MON)
    assert (
        f"**Configuration new since {MON}, the first session of its book. Caps were reduced in this cycle; caps reduced for 1 more"
        in _report(home, MON)
    )
    home.run(TUE)
    assert "Caps were reduced in this cycle; caps are not reduced" not in _report(home, MON)
    home.books.write_text(books_text(new_cycles="2").replace("no_trade_band: 0", "no_trade_band: 0.001"))
    home.run(WED)
    old, new = (row[0][:8] for row in home.sql("SELECT DISTINCT config_hash FROM runs ORDER BY session"))
    said = (
        f"**Configuration changed on {WED}: configuration {old} → {new}. Caps were reduced in this cycle; caps reduced for 1 more cycle.**"
    )
    assert said in _report(home, WED)
    assert [len(row[0]) for row in home.sql("SELECT DISTINCT code_hash FROM runs")] == [64]
