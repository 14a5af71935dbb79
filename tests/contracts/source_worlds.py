"""The worlds that the contract of sources is tested in.

`alpaca`, `files` and `yahoo` tell of one and the same small world. What a source does not have (a holiday, a corporate action) is a
property of its world, which the tests hold it to.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

import pytest
from ccxt.async_support.base.throttler import Throttler

from grodt.bars.alpaca import AlpacaSource
from grodt.bars.alpaca_settings import AlpacaSettings
from grodt.bars.ccxt import CcxtSource
from grodt.bars.ccxt_settings import CcxtSettings
from grodt.bars.credentials import Credentials
from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.simulated import SimulatedSource
from grodt.bars.source import BarSource
from grodt.bars.yahoo import YahooSource
from grodt.bars.yahoo_client import YfinanceClient
from grodt.bars.yahoo_settings import YahooSettings
from grodt.sessions import Calendar
from tests.fakes.alpaca import KEY, SECRET, FakeAlpaca
from tests.fakes.ccxt import VENUE, FakeVenue
from tests.fakes.http import FakeVendor
from tests.fakes.yahoo import CHART, FakeYahoo

XNYS, ALWAYS = Calendar("XNYS"), Calendar("24/7")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True)
class Vendor:
    """The HTTP server behind a source.

    Attributes:
        server: the fake.
        bars: what the paths of its bars contain.
        pauses: what the source slept, in seconds.
    """

    server: FakeVendor
    bars: str
    pauses: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@dataclass(frozen=True)
class World:
    """A source, and what a test may ask of it.

    Attributes:
        fresh: makes the source anew, with nothing remembered.
        symbols: some that it has, ascending; each has bars from `start` to `end`, and at least one an action.
        before: the source has nothing up to this day.
        minutes: first and last of some sessions in which each of the symbols that trades then has minute bars.
        calendar: of its sessions.
        has_actions: whether there are corporate actions where it trades.
        vendor: the server that it asks; None: it asks none.
    """

    fresh: Callable[[], BarSource]
    symbols: tuple[str, ...]
    start: date
    end: date
    before: date
    minutes: tuple[date, date]
    calendar: Calendar = XNYS
    has_actions: bool = True
    vendor: Vendor | None = None


@contextmanager
def simulated(_: Path) -> Iterator[World]:
    opened, start = date(2019, 12, 2), date(2020, 1, 2)
    symbols = tuple(f"SIM{number:04d}" for number in (1, 2, 40, 41, 300))
    minutes = (date(2020, 3, 5), date(2020, 3, 10))
    yield World(lambda: SimulatedSource("any", 7, XNYS, 400, opened), symbols, start, date(2021, 6, 30), opened - DAY, minutes)


START, END = date(2020, 1, 2), date(2020, 6, 30)
SPLIT, DIVIDEND, GONE = date(2020, 3, 9), date(2020, 3, 8), date(2020, 4, 6)
SYMBOLS = ("AAA", "BRK.B", "GONE", "ZZZ")
#: A weekend lies between.
MINUTES = (date(2020, 6, 25), date(2020, 6, 30))
MINUTE_SYMBOLS = ("AAA", "BRK.B", "ZZZ")
NOW = datetime(2020, 7, 1, 12, tzinfo=UTC)


def _small_bars() -> list[tuple[str, date, float, float, float, float, float]]:
    """Prices that move a little each session; AAA splits 7:1, and GONE stops trading."""
    rows = []
    for number, symbol in enumerate(SYMBOLS):
        for at, day in enumerate(XNYS.between(START, END)):
            if symbol == "GONE" and day >= GONE:
                continue
            price = (100.0 + 10 * number) * (1 + 0.01 * ((at * (number + 3)) % 7))
            price = round(price / 7 if symbol == "AAA" and day >= SPLIT else price, 4)
            rows.append((symbol, day, price, round(price * 1.01, 4), round(price * 0.99, 4), price, 1000.0 + at))
    return rows


def _small_minutes(
    calendar: Calendar, symbols: Sequence[str], *, outside: bool
) -> list[tuple[str, datetime, float, float, float, float, float]]:
    """The first minutes of each session, its last one, and (`outside`) one before the open and one at the close."""
    rows = []
    for number, symbol in enumerate(symbols):
        for day in calendar.between(*MINUTES):
            opens, closes = calendar.opens_at(day), calendar.closes_at(day)
            starts = [*(opens + at * MINUTE for at in range(3)), closes - MINUTE]
            for start in [opens - MINUTE, *starts, closes] if outside else starts:
                at = (start - opens) // MINUTE % 7
                price = 50.25 + 10 * number + at
                rows.append((symbol, start, price, price + 0.5, price - 0.5, price, 10.0 + at))
    return rows


@contextmanager
def files(folder: Path) -> Iterator[World]:
    lines = [",".join(str(cell) for cell in row) for row in _small_bars()]
    (folder / "bars.csv").write_text("\n".join(["symbol,session,open,high,low,close,volume", *reversed(lines)]))
    (folder / "splits.csv").write_text(f"symbol,ex_date,ratio_new,ratio_old\nAAA,{SPLIT},7,1\n")
    (folder / "dividends.csv").write_text(f"symbol,ex_date,pay_date,amount\nZZZ,{DIVIDEND},2020-04-01,0.125\n")
    minutes = [
        ",".join([symbol, f"{start.astimezone(XNYS.zone):%Y-%m-%d %H:%M}", *map(str, numbers)])
        for symbol, start, *numbers in _small_minutes(XNYS, MINUTE_SYMBOLS, outside=False)
    ]
    (folder / "minutes.csv").write_text("\n".join(["symbol,start,open,high,low,close,volume", *reversed(minutes)]))
    settings = FilesSettings.model_validate(
        {
            "bars": {"path": "bars.csv"},
            "minutes": {"path": "minutes.csv", "stamps": "start", "zone": "America/New_York"},
            "splits": {"path": "splits.csv", "columns": {"ratio_new": "ratio_new", "ratio_old": "ratio_old"}},
            "dividends": {"path": "dividends.csv", "columns": {"pay_date": "pay_date"}},
            "delistings": [{"symbol": "GONE", "session": GONE, "cash_per_share": "5.37"}],
        }
    )
    yield World(lambda: FilesSource("any", settings, folder), SYMBOLS, START, END, START - DAY, MINUTES)


@contextmanager
def alpaca(_: Path) -> Iterator[World]:
    fake = FakeAlpaca()
    for symbol, day, *numbers in _small_bars():
        o, h, l, c, v = numbers  # noqa: E741
        fake.bars.setdefault(symbol, []).append((day, o, h, l, c, v))
    for symbol, minute, *numbers in _small_minutes(XNYS, MINUTE_SYMBOLS, outside=True):
        o, h, l, c, v = numbers  # noqa: E741
        fake.minutes.setdefault(symbol, []).append((minute, o, h, l, c, v))
    for symbol in SYMBOLS:
        fake.list_asset(symbol, status="inactive" if symbol == "GONE" else "active")
    fake.act("forward_splits", symbol="AAA", ex_date=str(SPLIT), new_rate=7, old_rate=1, process_date=str(SPLIT))
    dividend = {"rate": 0.125, "special": False, "foreign": False, "payable_date": "2020-04-01", "process_date": "2020-04-01"}
    fake.act("cash_dividends", symbol="ZZZ", ex_date=str(DIVIDEND), **dividend)
    fake.act("cash_mergers", acquiree_symbol="GONE", effective_date=str(GONE), rate=5.37, process_date=str(GONE))
    vendor = Vendor(fake, "/v2/stocks/bars")
    with fake.served():

        def fresh() -> AlpacaSource:
            settings = AlpacaSettings(feed="sip", data_url=fake.url, trading_url=fake.url)
            key = Credentials(KEY, SECRET)
            return AlpacaSource("any", settings, key, XNYS, random=Random(1), sleep=vendor.sleep, report=_nothing)

        yield World(fresh, SYMBOLS, START, END, START - DAY, MINUTES, vendor=vendor)


@contextmanager
def yahoo(_: Path) -> Iterator[World]:
    fake = FakeYahoo(NOW)
    for symbol, day, *numbers in _small_bars():
        o, h, l, c, v = numbers  # noqa: E741
        fake.bars.setdefault(symbol, {})[day] = (o, h, l, c, v)
    for symbol, minute, *numbers in _small_minutes(XNYS, MINUTE_SYMBOLS, outside=False):
        o, h, l, c, v = numbers  # noqa: E741
        fake.minutes.setdefault(symbol, {})[minute] = (o, h, l, c, v)
    fake.splits["AAA"] = {SPLIT: (7, 1)}
    fake.dividends["ZZZ"] = {date(2020, 3, 10): 0.125}
    vendor = Vendor(fake, CHART)
    with fake.served():

        def fresh() -> YahooSource:
            client = YfinanceClient("any", "America/New_York", timeout_seconds=10.0, url=fake.url)
            return YahooSource("any", YahooSettings(symbols=SYMBOLS), client, XNYS, now=lambda: NOW, random=Random(1), sleep=vendor.sleep)

        yield World(fresh, SYMBOLS, START, END, START - DAY, MINUTES, vendor=vendor)


async def _at_once(_: Throttler, cost: float | None = None) -> None:
    """No pause: the venue's pace is ccxt's."""


@contextmanager
def ccxt(_: Path) -> Iterator[World]:
    fake = FakeVenue(NOW)
    symbols = ("ADA/USD", "BTC/USD", "ETH/USD", "SOL/USD")
    for number, symbol in enumerate(symbols):
        fake.list_market(symbol)
        fake.days[symbol] = []
        for at, day in enumerate(ALWAYS.between(START, END)):
            price = round((100.0 + 10 * number) * (1 + 0.01 * ((at * (number + 3)) % 7)), 4)
            stamp = datetime.combine(day, time.min, UTC)
            fake.days[symbol].append((stamp, price, round(price * 1.01, 4), round(price * 0.99, 4), price, 0.5 + at))
    for symbol, minute, *numbers in _small_minutes(ALWAYS, symbols, outside=False):
        o, h, l, c, v = numbers  # noqa: E741
        fake.minutes.setdefault(symbol, []).append((minute, o, h, l, c, v))
    vendor = Vendor(fake, "/candles")
    with fake.served(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Throttler, "__call__", _at_once)

        def fresh() -> CcxtSource:
            settings = CcxtSettings(venue=VENUE, quote="USD", url=fake.url)
            return CcxtSource("any", settings, None, ALWAYS, now=lambda: NOW, random=Random(1), sleep=vendor.sleep)

        yield World(fresh, symbols, START, END, START - DAY, MINUTES, ALWAYS, has_actions=False, vendor=vendor)


def _nothing(action: object) -> None:
    raise AssertionError(f"{action} is supported")


WORLDS = {"alpaca": alpaca, "ccxt": ccxt, "files": files, "simulated": simulated, "yahoo": yahoo}
