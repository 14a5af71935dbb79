"""The small world's week once more, told by Alpaca's API instead of files: everything that a book does with it must be the same."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from grodt.errors import ConfigError, VendorUnavailable
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, NEXT_TUE, SYMBOLS, WED, WEEK, books_text, write_world
from tests.fakes.alpaca import KEY, SECRET, FakeAlpaca, Fault

NOW = datetime(2015, 12, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAlpaca]:
    """The world of the files, behind the API."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    alpaca = FakeAlpaca(NOW)
    folder = write_world(tmp_path / "world").parent
    with (folder / "bars.csv").open() as lines:
        for row in csv.DictReader(lines):
            opened, high, low, close, volume = (float(row[name]) for name in ("open", "high", "low", "close", "volume"))
            alpaca.bars.setdefault(row["symbol"], []).append((date.fromisoformat(row["session"]), opened, high, low, close, volume))
    for symbol in SYMBOLS:
        alpaca.list_asset(symbol)
    alpaca.act("forward_splits", symbol="TWIN", ex_date=str(FRI), new_rate=3, old_rate=2, process_date=str(FRI))
    paid = str(NEXT_TUE)
    alpaca.act("cash_dividends", symbol="CASH", ex_date=str(WED), rate=0.5, payable_date=paid, process_date=paid)
    alpaca.act("cash_dividends", symbol="CASH", ex_date=str(NEXT_MON), rate=0.25, process_date=str(NEXT_MON))
    alpaca.act("cash_mergers", acquiree_symbol="GONE", effective_date=str(NEXT_TUE), rate=31.5, process_date=str(NEXT_TUE))
    with alpaca.served():
        yield alpaca


def _home(folder: Path, fake: FakeAlpaca) -> Home:
    text = books_text()
    start, end = text.index("  files:"), text.index("books:")
    books = folder / "world" / "alpaca.yaml"
    own = f"  files:\n    kind: alpaca\n    feed: sip\n    data_url: {fake.url}\n    trading_url: {fake.url}\n"
    books.write_text(text[:start] + own + text[end:])
    return Home(folder / "alpaca", books, "small", NOW.isoformat())


@pytest.mark.long
def test_a_week_over_alpaca_ends_as_the_same_week_over_files(week: Home, tmp_path: Path, fake: FakeAlpaca) -> None:
    home = _home(tmp_path, fake)
    home.run(*WEEK)
    for table, apart in (("bars_1d", ["known_at"]), ("corporate_actions", ["known_at"]), ("positions", []), ("equity", []), ("fills", [])):
        ours, theirs = (each.table(table).drop(apart) for each in (home, week))
        assert ours.height > 0
        assert_frame_equal(ours, theirs, check_row_order=False)


def test_a_corporate_action_that_is_not_supported_is_in_the_log_and_stops_nothing(tmp_path: Path, fake: FakeAlpaca) -> None:
    home = _home(tmp_path, fake)
    fake.act("spin_offs", source_symbol="RISE", new_symbol="RISEN", ex_date=str(MON), process_date=str(MON))
    home.run(MON)
    assert home.sql("SELECT state FROM runs") == [("done",)]
    lines = [json.loads(line) for path in (home.folder / "logs").iterdir() for line in path.read_text().splitlines()]
    (told,) = [line for line in lines if line["logger"] == "grodt.sources"]
    assert (told["level"], told["source"], told["symbol"], told["on"], told["kind"]) == (
        "warning",
        "files",
        "RISE",
        str(MON),
        "spin_offs",
    )


def test_a_vendor_who_is_down_for_good_fails_the_cycle_and_the_next_attempt_is_whole(tmp_path: Path, fake: FakeAlpaca) -> None:
    home = _home(tmp_path, fake)
    # asks for an hour's patience, so that nothing waits here
    fake.fail(Fault(503, b"maintenance", {"Retry-After": "3600"}, only="/v2/stocks/bars"))
    with pytest.raises(VendorUnavailable, match="maintenance"):
        home.run(MON)
    assert home.sql("SELECT count(*) FROM orders") == [(0,)]
    home.run(MON)
    assert home.sql("SELECT state FROM runs") == [("done",)]


def test_a_ticker_that_alpaca_does_not_have_and_a_missing_key_are_found_before_a_file_is_made(
    tmp_path: Path, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _home(tmp_path, fake)
    fake.assets = [asset for asset in fake.assets if asset["symbol"] != "GONE"]
    with pytest.raises(ConfigError, match=r"universe\.symbols names GONE, which source 'files' does not have"):
        home.run(MON)
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    with FakeAlpaca(NOW).served() as other, pytest.raises(ConfigError, match="APCA_API_SECRET_KEY is not set; set APCA_API_KEY_ID and"):
        _home(tmp_path, other).run(MON)
    assert list(home.folder.rglob("*.db")) == []
    assert list(home.folder.rglob("*.parquet")) == []
