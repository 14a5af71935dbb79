"""`grodt.read`: what analysts get from a home."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import grodt
from grodt.errors import ConfigError, DataError, SessionError
from grodt.lake import Lake, actions_path, bars_path, instruments_path
from grodt.lake.validation import types
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.ledger.unit import Ledger
from tests.analysts_home import FIRST, FRI, MON, OTHER, SECOND, SPLIT, THIRD, THU, TUE, WED, make


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only to be read."""
    return make(tmp_path_factory.mktemp("analysts"))


def _closes(home: Path, symbol: str = SPLIT, **arguments: Any) -> list[float]:
    return grodt.read("bars_1d", home=home, symbols=symbol, columns=["close"], **arguments).get_column("close").to_list()


def test_a_table_is_read_as_it_is_now_each_row_once_in_the_order_of_its_key(home: Path) -> None:
    bars = grodt.read("bars_1d", home=home)
    assert bars.schema == types("bars_1d")
    assert bars.select("symbol", "session").rows() == [(SPLIT, d) for d in (MON, TUE, WED, THU, FRI)] + [
        (OTHER, d) for d in (MON, TUE, THU, FRI)
    ]
    assert _closes(home) == [100, 102, 101, 50.5, 51]
    assert grodt.read("corporate_actions", home=home).schema == types("corporate_actions")


def test_it_is_narrowed_by_source_or_book_symbols_sessions_and_columns_in_the_order_asked_for(home: Path) -> None:
    got = grodt.read(
        "bars_1d", home=home, source="demo", symbols=[OTHER, "NONE"], start=TUE, end="2026-11-19", columns=["close", "session"]
    )
    assert got.columns == ["close", "session"]
    assert got.rows() == [(20.5, TUE), (19.5, THU)]
    assert grodt.read("bars_1d", home=home, source="other").is_empty()
    assert grodt.read("equity", home=home, book="demo", start=FRI, columns=["session"]).rows() == [(FRI,)]
    assert grodt.read("corporate_actions", home=home, end=THU, columns=["symbol"]).rows() == [(SPLIT,)]
    assert grodt.read("risk_checks", home=home, symbols=OTHER, columns=["verdict", "session"]).rows() == [("pass", THU), ("pass", FRI)]


def test_a_table_without_files_has_its_columns_and_no_rows(home: Path) -> None:
    assert grodt.read("fills", home=home).schema == types("fills")
    assert grodt.read("bars_1d", home=home, start="2027-01-01", adjust="total").schema == types("bars_1d")


def test_the_home_is_what_grodt_home_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRODT_HOME", str(home))
    assert grodt.read("equity").height == 2
    monkeypatch.delenv("GRODT_HOME")
    monkeypatch.chdir(home.parent)
    with pytest.raises(ConfigError, match=r"there is no ledger in .*\.grodt: run `grodt run` first"):
        grodt.read("equity")
    assert not (home.parent / ".grodt").exists()


def test_split_adjusted_prices_and_volume_go_on_through_the_split(home: Path) -> None:
    assert _closes(home, adjust="split") == [100, 102, 101, 101, 102]
    got = grodt.read("bars_1d", home=home, symbols=SPLIT, start=WED, adjust="split")
    assert got.columns == list(types("bars_1d"))
    assert got.select("session", "high", "volume").rows() == [(WED, 102.0, 1000.0), (THU, 103.0, 500.0), (FRI, 104.0, 500.0)]


def test_total_return_prices_reinvest_dividends(home: Path) -> None:
    assert _closes(home, OTHER, adjust="split") == [20, 20.5, 19.5, 20]
    assert _closes(home, OTHER, adjust="total") == pytest.approx([20, 20.5, 19.5, 20.5], rel=1e-15)


@pytest.mark.parametrize("adjust", ["split", "total"])
def test_where_the_range_starts_or_ends_changes_no_value(home: Path, adjust: Any) -> None:
    whole = grodt.read("bars_1d", home=home, adjust=adjust)
    for start, end in ((THU, None), (None, THU), (TUE, THU), (FRI, FRI)):
        part = grodt.read("bars_1d", home=home, adjust=adjust, start=start, end=end)
        assert part.equals(whole.filter(pl.col("session").is_between(start or MON, end or FRI)))


def test_the_past_is_read_as_it_was_known(home: Path) -> None:
    assert _closes(home, as_of=FIRST) == [100, 102, 101, 50]
    assert _closes(home, as_of=SECOND) == _closes(home)
    assert _closes(home, as_of=FIRST - timedelta(seconds=1)) == []
    assert [grodt.read("equity", home=home, as_of=at).height for at in (FIRST, SECOND, THIRD)] == [0, 1, 2]
    assert grodt.read("corporate_actions", home=home, as_of=FIRST).is_empty()


def test_an_adjusted_past_knows_no_action_that_was_learned_since(home: Path) -> None:
    for adjust in ("split", "total"):
        assert _closes(home, as_of=FIRST, adjust=adjust) == [100, 102, 101, 50]
        assert _closes(home, as_of=SECOND, adjust=adjust) == [100, 102, 101, 101, 102]


def test_a_file_that_is_not_as_listed_is_refused(home: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "home"
    shutil.copytree(home, spoiled)
    path = next((spoiled / "lake/bars_1d").rglob("2026-11-20*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"2026-11-20_2026-11-20.* is altered"):
        grodt.read("bars_1d", home=spoiled)
    assert grodt.read("bars_1d", home=spoiled, end=THU).height == 7


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda read: read("bars"), ValueError, "table 'bars' is unknown; the lake has bars_1d"),
        (lambda read: read("bars_1d", columns=["price"]), ValueError, "bars_1d has no column 'price'; it has source, symbol"),
        (lambda read: read("equity", symbols="A"), ValueError, "equity has no column 'symbol'"),
        (lambda read: read("bars_1d", adjust="back"), ValueError, "adjust 'back' is unknown; use none, split, total"),
        (lambda read: read("equity", adjust="split"), ValueError, "adjust='split' is for bars_1d; equity is read as it is"),
        (lambda read: read("bars_1d", book="demo"), ValueError, "bars_1d is filled by sources: use source= in place of book='demo'"),
        (lambda read: read("equity", source="demo"), ValueError, "equity is filled by the cycles of books: use book= in place of source="),
        (lambda read: read("bars_1d", start=FRI, end=MON), ValueError, "start 2026-11-20 is after end 2026-11-16"),
        (lambda read: read("bars_1d", start="20.11.2026"), SessionError, "session '20.11.2026' is not a date"),
        (lambda read: read("bars_1d", end=FIRST), ValueError, "is an instant; a session is a date"),
        (lambda read: read("bars_1d", as_of=datetime(2026, 11, 20)), ValueError, "as_of 2026-11-20T00:00:00 has no time zone"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_can(
    home: Path, call: Callable[[Callable[..., pl.DataFrame]], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as refused:
        call(lambda table, **arguments: grodt.read(table, home=home, **arguments))
    assert message in str(refused.value)


def test_import_grodt_loads_nothing_until_read_is_asked_for() -> None:
    code = "import sys, grodt; sys.exit(bool({'polars', 'sqlalchemy', 'prefect'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = "import sys, grodt; grodt.read; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="module 'grodt' has no attribute 'write'"):
        grodt.write  # noqa: B018


def test_a_date_may_be_given_as_a_date_or_as_text(home: Path) -> None:
    assert grodt.read("bars_1d", home=str(home), start=date(2026, 11, 20)).equals(grodt.read("bars_1d", home=home, start="2026-11-20"))


def _renamed(home: Path) -> Path:
    """FBX of one company until Tuesday, which is MTX from Wednesday on (known on Friday night), and another company's FBX on Friday."""
    home.mkdir()
    quoted = [("FBX", MON, 10.0), ("FBX", TUE, 5.5), ("MTX", WED, 5.0), ("MTX", FRI, 6.0), ("FBX", FRI, 70.0)]
    rest = {"source": "demo", "volume": 100.0, "known_at": FIRST}
    bars = [{"symbol": s, "session": d, **dict.fromkeys(("open", "high", "low", "close"), p), **rest} for s, d, p in quoted]
    split = {"source": "demo", "symbol": "FBX", "ex_date": TUE, "kind": "split", "ratio_new": 2, "ratio_old": 1, "known_at": FIRST}
    listed = [("one", "FBX", MON, WED), ("one", "MTX", WED, None), ("two", "FBX", FRI, None)]
    names = ("instrument", "symbol", "session", "until")
    said = [{"source": "demo", "known_at": SECOND, **dict(zip(names, row, strict=True))} for row in listed]
    with closing(Ledger.open(f"sqlite:///{home / 'ledger.db'}")) as ledger:
        lake = Lake(home / "lake", LedgerManifest(ledger))
        for table, path, rows, at in (
            ("bars_1d", bars_path("demo", ["FBX", "MTX"], MON, FRI, 2026), bars, FIRST),
            ("corporate_actions", actions_path("demo", ["FBX"], MON, FRI, 2026), [split], FIRST),
            ("instruments", instruments_path("demo"), said, SECOND),
        ):
            frame = pl.DataFrame(rows, schema=types(table))
            file = lake.write(table, path, frame, source="demo", known_at=at, run_id="r")
            with ledger.write() as tx:
                commit_files(tx, [file], at)
    return home


@pytest.mark.parametrize("adjust", ["split", "total"])
def test_a_series_goes_on_through_a_change_of_symbol_and_begins_anew_for_a_reused_ticker(tmp_path: Path, adjust: Any) -> None:
    home = _renamed(tmp_path / "home")
    got = grodt.read("bars_1d", home=home, adjust=adjust)
    assert got.select("symbol", "session", "close").rows() == [
        ("FBX", MON, 10.0),
        ("FBX", TUE, 11.0),
        ("FBX", FRI, 70.0),
        ("MTX", WED, 10.0),
        ("MTX", FRI, 12.0),
    ]
    assert got["volume"].to_list() == [100.0, 50.0, 100.0, 50.0, 50.0]
    assert _closes(home, "MTX", adjust=adjust, start=FRI) == [12.0]
    assert _closes(home, "FBX", adjust=adjust) == [10.0, 11.0, 70.0]
    assert _closes(home, "MTX") == [5.0, 6.0]


def test_before_a_change_of_symbol_was_known_the_new_symbol_is_a_series_of_its_own(tmp_path: Path) -> None:
    home = _renamed(tmp_path / "home")
    assert _closes(home, "MTX", adjust="split", as_of=FIRST) == [5.0, 6.0]
    assert _closes(home, "MTX", adjust="split", as_of=SECOND) == [10.0, 12.0]
    assert grodt.read("instruments", home=home, as_of=FIRST).is_empty()
    assert grodt.read("instruments", home=home, symbols="FBX", columns=["instrument", "until"]).rows() == [("one", WED), ("two", None)]
