"""A company changes its symbol while a book holds it, and another company takes the old one up.

Around Thanksgiving 2015, in CSV files. The company Metrix is quoted as FBX until Wednesday and as MTX from Friday on; Fabrix, which nobody
knew before, lists as FBX on the Tuesday after. Metrix pays a dividend and splits before its change, and splits again after it.
"""

import math
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import grodt
from grodt.money import micros
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, LIMITS, MON, NEXT_MON, NEXT_TUE, NEXT_WED, TUE, WED, WEEK, XNYS
from tests.faults.points import rerun, run_undisturbed

_FIRST, _LAST = date(2015, 8, 3), date(2015, 12, 4)
_NEXT_THU = date(2015, 12, 3)
SESSIONS = (*WEEK, _NEXT_THU)
#: Drift of price, first price and first session of each company.
_COMPANIES = {
    "metrix": (0.004, 30.0, _FIRST),
    "fabrix": (-0.02, 200.0, NEXT_TUE),
    "rise": (0.004, 50.0, _FIRST),
    "calm": (0.003, 70.0, _FIRST),
}


def write_world(folder: Path, *, changes: bool = True, rules: str = "") -> Path:
    """Its files and the books file; without `changes` Metrix was MTX from the beginning and Fabrix is FBY."""

    def symbol(company: str, day: date) -> str:
        if company == "metrix":
            return "FBX" if changes and day < FRI else "MTX"
        return {"fabrix": "FBX" if changes else "FBY"}.get(company, company.upper())

    folder.mkdir(parents=True, exist_ok=True)
    lines = ["symbol,session,open,high,low,close,volume"]
    for number, (company, (drift, begun, first)) in enumerate(_COMPANIES.items()):
        price = begun
        draw = random.Random(40 + number)
        for session in XNYS.between(first, _LAST):
            price *= {(WED, "metrix"): 2 / 3, (NEXT_MON, "metrix"): 1 / 2}.get((session, company), 1.0)
            opened = round(price * math.exp(draw.gauss(0.0, 0.004)), 2)
            price *= math.exp(drift + draw.gauss(0.0, 0.008))
            close = round(price, 2)
            row = f"{opened},{max(opened, close)},{min(opened, close)},{close},{draw.randrange(10_000, 90_000)}"
            lines.append(f"{symbol(company, session)},{session},{row}")
    (folder / "bars.csv").write_text("\n".join(lines) + "\n")
    old = symbol("metrix", WED - timedelta(days=1))
    (folder / "splits.csv").write_text(f"symbol,ex_date,new,old\n{old},{WED},3,2\nMTX,{NEXT_MON},2,1\n")
    (folder / "dividends.csv").write_text(f"symbol,ex_date,pay_date,amount\n{old},{WED},{NEXT_MON},0.30\n")
    listed = f"metrix,FBX,,{FRI}\nmetrix,MTX,{FRI},\nfabrix,FBX,{NEXT_TUE},\n" if changes else ""
    (folder / "instruments.csv").write_text(f"instrument,symbol,since,until\n{listed}")
    names = ["FBX", "MTX"] if changes else ["FBY", "MTX"]
    books = folder / "books.yaml"
    books.write_text(f"""
sources:
  files:
    kind: files
    bars: {{path: bars.csv}}
    splits: {{path: splits.csv, columns: {{ratio_new: new, ratio_old: old}}}}
    dividends: {{path: dividends.csv, columns: {{pay_date: pay_date}}}}
    instruments: {{path: instruments.csv}}
books:
  small:
    calendar: XNYS
    source: files
    universe: {{symbols: [{", ".join([*names, "RISE", "CALM"])}]{rules}}}
    history: {{start: {_FIRST}}}
    capital: 1000000
    broker: {{kind: paper, slippage_bps: 5, commission_bps: 1}}
    signals:
      - {{signal: ewma_crossover, weight: 1, parameters: {{fast: 4, slow: 16}}}}
    construction: {{volatility_target: 0.25, weight_cap: 0.20, gross_cap: 0.90, no_trade_band: 0, long_only: true}}
    limits: {{{", ".join(f"{name}: {value}" for name, value in LIMITS.items())}}}
    schedule: {{cron: "30 17 * * 1-5", latest_start_minutes: 60}}
""")
    return books


def _home(folder: Path, **how: Any) -> Home:
    return Home(folder / "home", write_world(folder / "world", **how), "small", "2015-12-05T12:00:00Z")


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The sessions with the change. Only to be read."""
    home = _home(tmp_path_factory.mktemp("changed"))
    home.run(*SESSIONS)
    return home


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same companies, each under one symbol for ever. Only to be read."""
    home = _home(tmp_path_factory.mktemp("undisturbed"), changes=False)
    home.run(*SESSIONS)
    return home


def _rows(home: Home, table: str, symbols: Sequence[str], *columns: str) -> list[tuple[Any, ...]]:
    return home.table(table).filter(pl.col("symbol").is_in(symbols)).sort("session", "symbol").select("session", *columns).rows()


def test_the_position_is_carried_to_the_new_symbol_and_marked_there(changed: Home) -> None:
    rows = _rows(changed, "positions", ["FBX", "MTX"], "symbol", "quantity", "cost", "price_session")
    held = {session: (symbol, quantity, cost, priced) for session, symbol, quantity, cost, priced in rows}
    assert [symbol for symbol, *_ in held.values()] == ["FBX", "FBX", *["MTX"] * 5]
    assert held[FRI][1:3] == held[WED][1:3]
    assert held[NEXT_MON][1] == 2 * held[FRI][1]
    assert all(priced == session for session, (*_, priced) in held.items())
    assert changed.sql("SELECT * FROM breaks") == []


def test_an_order_in_the_old_symbol_is_cancelled_by_both(changed: Home) -> None:
    (state, reason), *_ = changed.table("orders").filter(symbol="FBX", session=WED).select("state", "reason").rows()
    assert (state, reason) == ("cancelled", "corporate action")
    assert changed.broker("SELECT state, reason FROM orders WHERE symbol = 'FBX' AND session = ?", str(WED)) == [(state, reason)]


def test_a_dividend_that_is_owed_over_the_change_is_paid(changed: Home) -> None:
    (before,) = (quantity for session, quantity in _rows(changed, "positions", ["FBX"], "quantity") if session == TUE)
    owed = dict(changed.table("equity").select("session", "receivable").rows())
    assert [micros(owed[session]) for session in (WED, FRI, NEXT_MON)] == [300_000 * before, 300_000 * before, 0]
    assert changed.broker("SELECT * FROM payments") == []


def test_forecasts_are_those_of_a_world_in_which_the_symbol_never_changed(changed: Home, undisturbed: Home) -> None:
    columns = ("value", "forecast")
    got = [row for row in _rows(changed, "signals", ["FBX", "MTX"], "symbol", *columns) if row[0] < FRI or row[1] == "MTX"]
    assert [(session, *rest) for session, _, *rest in got] == _rows(undisturbed, "signals", ["MTX"], *columns)
    assert len(got) == len(SESSIONS)
    assert all(forecast is not None for *_, forecast in got)


def test_the_company_that_takes_the_symbol_up_begins_without_a_history(changed: Home, undisturbed: Home) -> None:
    got = [row for row in _rows(changed, "signals", ["FBX"], "value", "forecast") if row[0] >= NEXT_TUE]
    assert got == _rows(undisturbed, "signals", ["FBY"], "value", "forecast")
    assert [row[1:] for row in got] == [(None, None)] * 3
    assert changed.table("bars_1d").filter(symbol="FBX", session=NEXT_TUE).height == 1


def test_adjusted_series_go_on_through_the_change_and_begin_anew_with_the_other_company(changed: Home, undisturbed: Home) -> None:
    for adjust in ("split", "total"):
        got = grodt.read("bars_1d", home=changed.folder, adjust=adjust)
        want = grodt.read("bars_1d", home=undisturbed.folder, adjust=adjust)
        metrix = got.filter((pl.col("symbol") == "MTX") | ((pl.col("symbol") == "FBX") & (pl.col("session") < FRI))).sort("session")
        assert metrix.drop("symbol").equals(want.filter(symbol="MTX").drop("symbol"))
        fabrix = got.filter((pl.col("symbol") == "FBX") & (pl.col("session") >= NEXT_TUE))
        assert fabrix.drop("symbol").equals(want.filter(symbol="FBY").drop("symbol"))
        assert grodt.read("bars_1d", home=changed.folder, adjust=adjust, symbols="MTX").equals(got.filter(symbol="MTX"))
        assert got["symbol"].is_sorted()
    listed = grodt.read("instruments", home=changed.folder, symbols=["FBX", "MTX"], columns=["instrument", "symbol", "until"])
    assert listed.rows() == [("fabrix", "FBX", None), ("metrix", "FBX", FRI), ("metrix", "MTX", None)]


@pytest.fixture(scope="module")
def started(changed: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The three sessions before the change. Only to be copied."""
    home = replace(changed, folder=tmp_path_factory.mktemp("started") / "home")
    home.run(MON, TUE, WED)
    return home


def _copy(home: Home, folder: Path) -> Home:
    shutil.copytree(home.folder, folder / "home")
    return replace(home, folder=folder / "home")


@pytest.mark.long
def test_killed_in_the_session_of_the_change_it_ends_the_same(started: Home, tmp_path: Path) -> None:
    whole = run_undisturbed(started, [FRI], tmp_path)
    for left in random.Random(2015).sample(whole.remains, 3):
        assert rerun(left, whole) == [], str(left)


def test_done_again_after_the_change_nothing_changes(started: Home, tmp_path: Path) -> None:
    whole = _copy(started, tmp_path)
    whole.run(FRI)
    before = whole.everything()
    whole.run(FRI)
    assert whole.everything() == before


@pytest.mark.long
def test_rules_follow_the_instrument_and_what_falls_out_of_them_is_sold(tmp_path: Path) -> None:
    home = _home(tmp_path, rules=", rules: {listing: true, price: 20, age: 3, dollar_volume: 100000, window: 5}")
    home.run(*SESSIONS)
    judged = {
        (session, symbol): rest
        for session, symbol, *rest in home.table("universe")
        .select("session", "symbol", "instrument", "eligible", "reason", "price", "age")
        .rows()
    }
    sessions = len(XNYS.between(_FIRST, FRI))
    (price,) = home.table("bars_1d").filter(symbol="MTX", session=NEXT_MON)["close"]
    assert judged[WED, "FBX"][:3] == ["metrix", True, ""]
    assert judged[FRI, "MTX"][:3] == ["metrix", True, ""]
    assert judged[FRI, "MTX"][4] == sessions
    assert judged[NEXT_MON, "MTX"][:4] == ["metrix", False, f"price: {price:.2f} is below 20", price]
    assert [judged[session, "FBX"][:3] for session in (NEXT_TUE, NEXT_WED, _NEXT_THU)] == [
        ["fabrix", False, "age: 1 sessions, fewer than 3"],
        ["fabrix", False, "age: 2 sessions, fewer than 3"],
        ["fabrix", True, ""],
    ]
    ordered = home.table("orders").filter(symbol="MTX", session=NEXT_MON)
    assert ordered.select("side", "state").rows() == [("sell", "filled")]
    assert (NEXT_TUE, 0) not in _rows(home, "positions", ["MTX"], "quantity")
    assert max(session for session, *_ in _rows(home, "positions", ["MTX"], "quantity")) == NEXT_MON
    assert home.table("targets").filter(symbol="MTX", session=NEXT_MON)["target_quantity"].to_list() == [0]
