"""A week of a crypto book, weekend and all, over a local venue: symbols with a slash, sessions that are days in UTC."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from ccxt.async_support.base.throttler import Throttler

from grodt.errors import ConfigError
from grodt.sessions import Calendar
from tests.cycles.driver import Home
from tests.fakes.ccxt import VENUE, FakeVenue

ALWAYS = Calendar("24/7")
SYMBOLS = ("ADA/USD", "DOT/USD", "LTC/USD", "XRP/USD")
FIRST, LAST = date(2024, 1, 1), date(2024, 3, 10)
#: Thursday to Monday.
WEEK = ALWAYS.between(date(2024, 3, 7), date(2024, 3, 10))
NOW = datetime(2024, 3, 11, 0, 30, tzinfo=UTC)


async def at_once(_: Throttler, cost: float | None = None) -> None:
    """No pause: the venue's pace is ccxt's."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Throttler, "__call__", at_once)
    venue = FakeVenue(NOW)
    for number, symbol in enumerate(SYMBOLS):
        venue.list_market(symbol)
        venue.days[symbol] = []
        for at, day in enumerate(ALWAYS.between(FIRST, NOW.date())):
            price = round((5.0 + number) * 1.006**at * (1 + 0.004 * ((at * (number + 2)) % 5)), 4)
            stamp = datetime.combine(day, time.min, UTC)
            venue.days[symbol].append((stamp, price, round(price * 1.01, 4), round(price * 0.99, 4), price, 5000.5 + at))
    books = tmp_path / "books.yaml"
    with venue.served():
        books.write_text(books_text(venue.url, "24/7"))
        yield Home(tmp_path / "home", books, "crypto", NOW.isoformat())


def books_text(url: str, calendar: str) -> str:
    """A books file of one crypto book on paper."""
    return f"""
sources:
  venue: {{kind: ccxt, venue: {VENUE}, quote: USD, url: "{url}"}}
books:
  crypto:
    calendar: {calendar}
    source: venue
    universe: {{symbols: [{", ".join(SYMBOLS)}]}}
    history: {{start: {FIRST}}}
    capital: 100000
    broker: {{kind: paper, slippage_bps: 5, commission_bps: 10}}
    signals:
      - {{signal: ewma_crossover, weight: 1, parameters: {{fast: 4, slow: 16}}}}
    construction:
      {{volatility_target: 0.25, weight_cap: 0.20, gross_cap: 0.90, no_trade_band: 0, long_only: true}}
    limits: {{order_quantity: 100000, order_value: 60000, price_age: 1, symbol_weight: 0.35, gross_exposure: 0.98, basket_value: 1.5,
      cash_buffer: 0.01, completeness: 0.9,
      volume_share: 1.0, collar: 0.05, collar_sigmas: 3, symbol_position: 100000000, group_weight: {{}},
      net_exposure: 2.0, turnover: 2.5, restricted: [],
      weights_sum: 2.0, volatility_low: 0.01, volatility_high: 10.0, return_high: 0.3, daily_loss: 0.3, drawdown: 0.7, armed_cycles: 10000,
      new_cycles: 1, new_share: 1.0, cycle_messages: 1000, minute_messages: 100000, rejects_in_a_row: 20,
      slippage: 0.5, slippages_in_a_row: 1000}}
    schedule: {{cron: "15 0 * * *", latest_start_minutes: 60}}
"""


def test_a_crypto_book_trades_on_every_day_and_ends_reconciled(home: Home) -> None:
    home.run(*WEEK)
    assert home.sql("SELECT session, state FROM runs ORDER BY session") == [(str(day), "done") for day in WEEK]
    bars = home.table("bars_1d")
    assert sorted(bars["session"].unique().to_list()) == list(ALWAYS.between(FIRST, LAST))
    assert sorted(bars["symbol"].unique().to_list()) == list(SYMBOLS)
    held = home.table("positions").filter(session=LAST)
    assert held.height > 0
    assert set(held["symbol"]) <= set(SYMBOLS)
    fills = home.sql("SELECT DISTINCT session FROM fills ORDER BY session")
    assert (str(WEEK[0] + timedelta(days=1)),) in fills
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]


def test_a_crypto_source_under_an_exchange_s_calendar_is_refused_before_a_file_is_made(home: Home) -> None:
    assert home.books is not None
    home.books.write_text(home.books.read_text().replace("24/7", "XNYS"))
    with pytest.raises(ConfigError, match="set the book's calendar to '24/7'"):
        home.run(WEEK[0])
    assert list(home.folder.rglob("*.db")) == list(home.folder.rglob("*.parquet")) == []
