"""Signals switched off by regime, in whole cycles."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grodt.errors import ConfigError
from grodt.execution.history import read_panel
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.unit import Ledger
from grodt.signals.regime import REGIMES, RegimeModel
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, SYMBOLS, TUE, WED, XNYS, books_text, small_home
from tests.flows.commands import Command

WINDOWS = {"vwap_window": 5, "momentum": 5, "atr_length": 5, "atr_window": 20, "short": 4, "long": 20}


@pytest.fixture
def grodt(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def _books(regimes: str | None, **regime: object) -> str:
    """The small world's books file; its crossover on in those regimes alone."""
    text = books_text()
    line = "parameters: {fast: 4, slow: 16}}"
    assert line in text
    if regimes is not None:
        text = text.replace(line, f"{line[:-1]}, regimes: [{regimes}]}}")
    return text.replace("    construction:\n", f"    regime: {json.dumps(WINDOWS | regime)}\n    construction:\n")


def _home(folder: Path, regimes: str | None, **regime: object) -> Home:
    home = small_home(folder)
    _configure(home, _books(regimes, **regime))
    return home


def _configure(home: Home, text: str) -> None:
    assert home.books is not None
    home.books.write_text(text)


def test_what_was_measured_is_in_a_table_and_switches_the_signal(tmp_path: Path) -> None:
    home = _home(tmp_path, "trending")
    home.run(MON, TUE, WED)
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    lake = Lake(home.folder / "lake", LedgerManifest(ledger))
    snapshot = LedgerManifest(ledger).snapshot(tables=("bars_1d", "corporate_actions", "instruments"))
    for session in (MON, TUE, WED):
        panel = read_panel(lake, snapshot, "files", XNYS, session, SYMBOLS, ("high", "low", "volume"))
        measured = RegimeModel(**WINDOWS).evaluate(panel, 1)
        rows = home.table("regimes").filter(session=session).sort("symbol")
        assert rows["symbol"].to_list() == ["", *SYMBOLS]
        market = REGIMES[measured.market[0]]
        assert rows["regime"].to_list() == [market, *(REGIMES[code] for code in measured.label[0])]
        assert rows["confidence"].to_list() == [measured.market_confidence[0], *measured.confidence[0]]
        assert set(rows["in_force"]) == {market}
        off = market != "trending"
        assert set(rows["switched_off"]) == {"ewma_crossover" if off else ""}
        assert set(rows["reason"]) == {f"market is {market}" if off else ""}
        signals = home.table("signals").filter(session=session)
        assert (signals["forecast"] == 0).all() == off
        assert signals["value"].null_count() == 0
        assert (signals["value"] != 0).all()
        assert set(rows["run_id"]) == {f"small-eod-{session}"}
    ledger.close()


def test_a_signal_that_an_override_switches_off_buys_nothing_and_sells_what_it_held(tmp_path: Path) -> None:
    home = _home(tmp_path, "trending", override="trending")
    home.run(MON, TUE)
    _configure(home, _books("trending", override="ranging"))
    home.run(WED)
    held = dict(home.table("positions").filter(session=WED).select("symbol", "quantity").rows())
    assert len(held) == 5
    sold = home.table("orders").filter(session=WED)
    assert set(sold["side"]) == {"sell"}
    assert dict(sold.select("symbol", "quantity").rows()) == held
    assert home.table("targets").filter(session=WED)["target_quantity"].to_list() == [0] * 5
    rows = home.table("regimes").filter(session=WED)
    assert rows.select("in_force", "override", "switched_off", "reason").unique().rows() == [
        ("ranging", True, "ewma_crossover", "override")
    ]
    before = home.table("regimes").filter(session=MON)
    assert before.select("in_force", "override", "switched_off", "reason").unique().rows() == [("trending", True, "", "override")]


def test_a_book_without_a_regime_section_has_no_such_table_and_the_orders_of_one_whose_signal_is_always_on(tmp_path: Path) -> None:
    plain, measured = small_home(tmp_path / "plain"), _home(tmp_path / "measured", None)
    for home in (plain, measured):
        home.run(MON)
    assert not (plain.folder / "lake" / "regimes").exists()
    assert set(measured.table("regimes")["switched_off"]) == {""}
    for table in ("signals", "targets", "orders"):
        hashes = ["basket_hash"] if table == "orders" else []
        assert plain.table(table).drop(hashes).equals(measured.table(table).drop(hashes))


@pytest.mark.long
def test_another_home_makes_the_same_bytes(tmp_path: Path) -> None:
    one, other = (
        _home(tmp_path / "one", "trending, ranging", scope="symbol"),
        _home(tmp_path / "other", "trending, ranging", scope="symbol"),
    )
    for home in (one, other):
        home.run(MON, TUE)
    tables = ("regimes", "signals", "targets", "orders")
    assert one.files(*tables) == other.files(*tables)
    assert {name.split("/")[0] for name in one.files(*tables)} == set(tables)
    rows = one.table("regimes")
    assert rows.filter(pl.col("symbol") != "").select((pl.col("regime") == pl.col("in_force")).all()).item()
    assert set(rows.filter(symbol="")["switched_off"]) == {""}


def test_a_history_too_short_to_tell_regimes_stops_the_cycle_before_anything_is_ordered(tmp_path: Path) -> None:
    home = _home(tmp_path, "trending", atr_window=252)
    with pytest.raises(ConfigError, match=r"book small session 2015-11-23: regime needs 257 sessions of history and there are 80"):
        home.run(MON)
    assert home.sql("SELECT count(*) FROM orders") == [(0,)]
    _configure(home, _books("trending", atr_window=252, override="trending"))
    home.run(MON)
    assert home.sql("SELECT count(*) FROM orders")[0][0] > 0
    assert home.table("regimes")["regime"].null_count() == 6


def test_what_was_switched_off_and_why_is_told_logged_and_explained(tmp_path: Path, grodt: Command) -> None:
    home = _home(tmp_path, "high_volatility", override="ranging")
    said: list[str] = []
    home.run(MON, watch=lambda _session, stage, text: said.append(text) if stage == "signals" else None)
    (told,) = [text for text in said if "off:" in text]
    assert told.endswith("off: ewma_crossover in 5 of 5 symbols (override)")
    lines = [json.loads(line) for line in (home.folder / "logs/grodt.jsonl").read_text().splitlines()]
    (line,) = [line for line in lines if line["event"] == "regime"]
    assert (line["book"], line["session"], line["stage"]) == ("small", str(MON), "signals")
    assert (line["switched_off"], line["reason"]) == ({"ewma_crossover": 5}, "override")
    (chain,) = json.loads(grodt(home, "explain", "RISE", "-s", str(MON), "--json").out)
    assert [row["of"] for row in chain["regimes"]] == ["market", "RISE"]
    assert {row["reason"] for row in chain["regimes"]} == {"override"}
    tree = grodt(home, "explain", "RISE", "-s", str(MON)).out
    assert "in force: ranging; off: ewma_crossover (override)" in tree
    assert np.isfinite(chain["regimes"][1]["confidence"])
