"""The ccxt source against a local venue that gives little, gives twice, limits, breaks and lies. A pause moves the fake's clock."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support
import polars as pl
import pytest
from ccxt.async_support.base.throttler import Throttler
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import ValidationError

from grodt.bars import ccxt_venue
from grodt.bars.ccxt import CcxtSource
from grodt.bars.ccxt_settings import CcxtSettings
from grodt.bars.ccxt_venue import CcxtVenue
from grodt.bars.credentials import Credentials, from_environment, source_variables
from grodt.bars.patience import Patience
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, Fetched
from grodt.errors import ConfigError, DataError, VendorUnavailable
from grodt.sessions import Calendar
from tests.examples import examples
from tests.fakes.ccxt import VENUE, Candle, FakeVenue
from tests.fakes.http import Fault

ALWAYS = Calendar("24/7")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
START, END = date(2024, 2, 1), date(2024, 2, 29)
FIRST = datetime(2024, 2, 1, tzinfo=UTC)
CANDLES, MARKETS = "/candles", "/products"
KEY, SECRET = "thekey", "thesecret"


def candles(first: datetime, width: timedelta, count: int) -> list[Candle]:
    return [(first + at * width, 100.25 + at, 101.5 + at, 99.125 + at, 100.1 + at, 0.5 + at) for at in range(count)]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVenue]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Throttler, "__call__", _at_once)  # ccxt's own pace has tests of its own
    venue = FakeVenue()
    for symbol in ("BTC/USD", "ETH/USD", "SOL/USD"):
        venue.list_market(symbol)
        venue.days[symbol] = candles(FIRST, DAY, 31)
    with venue.served():
        yield venue


async def _at_once(_: Throttler, cost: float | None = None) -> None:
    """No pause."""


class Sleeper:
    """Sleeps by moving the fake's clock."""

    def __init__(self, fake: FakeVenue) -> None:
        self.pauses: list[float] = []
        self._fake = fake

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._fake.advance(seconds)
        await asyncio.sleep(0)


class Desk:
    """A source over the fake, and what it slept."""

    def __init__(
        self, fake: FakeVenue, *, seed: int = 1, patience: Patience | None = None, key: Credentials | None = None, **changes: Any
    ) -> None:
        self.sleeper = Sleeper(fake)
        self.source = CcxtSource(
            "venue",
            CcxtSettings.model_validate({"venue": VENUE, "quote": "USD", "url": fake.url, **changes}),
            key,
            ALWAYS,
            now=lambda: fake.now,
            random=Random(seed),
            sleep=self.sleeper,
            patience=patience,
        )

    def fetch(self, *symbols: str, start: date = START, end: date = END) -> Fetched:
        return asyncio.run(self.source.fetch(symbols, start, end))

    def minutes(self, *symbols: str, start: date = START, end: date = START) -> pl.DataFrame:
        return asyncio.run(self.source.fetch_minutes(symbols, start, end))


@pytest.fixture
def desk(fake: FakeVenue) -> Desk:
    return Desk(fake)


# --- bars


def test_a_daily_bar_is_of_the_day_in_utc_and_its_numbers_come_through_as_they_are(desk: Desk) -> None:
    fetched = desk.fetch("ETH/USD", "BTC/USD")
    assert (fetched.bars.schema, fetched.actions.schema, fetched.actions.height) == (RAW_BARS, RAW_ACTIONS, 0)
    assert fetched.bars.height == 2 * 29
    assert fetched.bars.row(1) == ("BTC/USD", date(2024, 2, 2), 101.25, 102.5, 100.125, 101.1, 1.5)
    assert fetched.bars["symbol"].is_sorted()


def test_the_day_that_goes_on_has_no_bar_though_the_venue_gives_one(fake: FakeVenue, desk: Desk) -> None:
    day = fake.now.date()
    fake.now = datetime(2024, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    assert desk.fetch("BTC/USD", start=END, end=day).bars["session"].to_list() == [END]
    fake.now = datetime(2024, 3, 2, tzinfo=UTC)
    assert desk.fetch("BTC/USD", start=END, end=day).bars["session"].to_list() == [END, date(2024, 3, 1)]


def test_nothing_is_asked_for_days_that_are_not_over(fake: FakeVenue, desk: Desk) -> None:
    fetched = desk.fetch("BTC/USD", start=fake.now.date(), end=date.max)
    assert (fetched.bars.height, fetched.bars.schema) == (0, RAW_BARS)
    assert fake.asked == []


def test_pages_are_followed_to_the_end_however_few_candles_each_has(fake: FakeVenue, desk: Desk) -> None:
    whole = desk.fetch("BTC/USD").bars
    for most in (1, 7, 28, 29):
        fake.gives_at_most = most
        fake.asked.clear()
        assert desk.fetch("BTC/USD").bars.equals(whole)
        assert len(fake.candles_asked()) == -(-29 // most)


def test_a_long_history_is_asked_for_in_stretches_that_the_venue_takes(fake: FakeVenue, desk: Desk) -> None:
    fake.days["BTC/USD"] = candles(datetime(2021, 1, 1, tzinfo=UTC), DAY, 1000)
    bars = desk.fetch("BTC/USD", start=date(2021, 1, 1), end=date(2023, 9, 27)).bars
    assert bars["session"].to_list() == [date(2021, 1, 1) + DAY * at for at in range(1000)]
    assert [question["start"][:10] for question in fake.candles_asked()] == ["2021-01-01", "2021-10-28", "2022-08-24", "2023-06-20"]


def test_a_gap_longer_than_a_page_hides_nothing_after_it(fake: FakeVenue, desk: Desk) -> None:
    early, late = candles(datetime(2021, 1, 1, tzinfo=UTC), DAY, 3), candles(datetime(2023, 6, 1, tzinfo=UTC), DAY, 2)
    fake.days["BTC/USD"] = early + late
    bars = desk.fetch("BTC/USD", start=date(2020, 6, 1), end=END).bars
    assert bars["session"].to_list() == [candle[0].date() for candle in early + late]


def test_candles_that_come_twice_or_were_not_asked_for_leave_one_row_each(fake: FakeVenue, desk: Desk) -> None:
    whole = desk.fetch("BTC/USD", start=date(2024, 2, 5), end=date(2024, 2, 9)).bars
    before = [int((FIRST + DAY * at).timestamp()) for at in (0, 1)]
    fake.changes = lambda rows: [*rows, *rows[-1:], *[[at, 1, 1, 1, 1, 1] for at in before]]
    fake.gives_at_most = 2
    assert desk.fetch("BTC/USD", start=date(2024, 2, 5), end=date(2024, 2, 9)).bars.equals(whole)


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, 399), max_size=30), st.integers(1, 300), st.integers(0, 399), st.integers(0, 399))
def test_whatever_the_venue_has_and_however_it_pages_the_answer_is_what_it_has(
    fake: FakeVenue, days: set[int], most: int, first: int, last: int
) -> None:
    origin = datetime(2022, 1, 1, tzinfo=UTC)
    fake.days["BTC/USD"] = [(origin + DAY * at, 1.0 + at, 1.0 + at, 1.0 + at, 1.0 + at, 1.0) for at in days]
    fake.gives_at_most = most
    start, end = ((origin + DAY * at).date() for at in (first, last))
    bars = Desk(fake).fetch("BTC/USD", start=start, end=end).bars
    assert bars["open"].to_list() == [1.0 + at for at in sorted(days) if first <= at <= last]


def test_a_null_price_is_left_to_the_gate(fake: FakeVenue, desk: Desk) -> None:
    fake.changes = lambda rows: [[at, low, high, None, close, volume] for at, low, high, _, close, volume in rows]
    assert desk.fetch("BTC/USD").bars["open"].null_count() == 29


def test_days_that_do_not_begin_at_midnight_are_no_sessions(fake: FakeVenue, desk: Desk) -> None:
    fake.days["BTC/USD"] = candles(FIRST + timedelta(hours=16), DAY, 5)
    with pytest.raises(
        DataError, match=r"BTC/USD: a daily bar of coinbaseexchange is stamped 2024-02-01T16:00:00\+00:00, which is no midnight"
    ):
        desk.fetch("BTC/USD")


def test_minutes_are_stamped_at_their_start_and_reach_to_the_last_that_is_over(fake: FakeVenue, desk: Desk) -> None:
    day = datetime(2024, 3, 2, tzinfo=UTC)
    fake.minutes["BTC/USD"] = candles(day - MINUTE, MINUTE, 600)
    minutes = desk.minutes("BTC/USD", start=day.date(), end=day.date())
    assert minutes.schema == RAW_MINUTES
    assert (minutes["start"][0], minutes["start"][-1]) == (day, day + timedelta(hours=9, minutes=29))
    assert minutes["start"].diff().drop_nulls().unique().to_list() == [MINUTE]
    assert minutes.row(0)[2:] == (101.25, 102.5, 100.125, 101.1, 1.5)


def test_a_minute_that_begins_within_a_minute_is_an_error(fake: FakeVenue, desk: Desk) -> None:
    fake.minutes["BTC/USD"] = candles(FIRST + timedelta(seconds=7), MINUTE, 2)
    with pytest.raises(DataError, match="which is no whole minute"):
        desk.minutes("BTC/USD")


# --- no data


def test_what_did_not_trade_or_is_not_known_has_no_rows_and_is_no_error(fake: FakeVenue, desk: Desk) -> None:
    fake.days["SOL/USD"] = []
    assert set(desk.fetch("BTC/USD", "SOL/USD", "NOBODY/USD").bars["symbol"]) == {"BTC/USD"}
    assert desk.fetch("NOBODY/USD").bars.schema == RAW_BARS
    assert desk.minutes("BTC/USD").schema == RAW_MINUTES
    assert desk.sleeper.pauses == []


# --- instruments


def test_instruments_are_the_active_spot_markets_of_the_quote_asked_for_once(fake: FakeVenue, desk: Desk) -> None:
    fake.list_market("ADA/EUR")
    fake.list_market("ABC/USD", status="delisted")
    fake.list_market("SHIB/USD", quote_increment="0.00000001")
    listed = desk.source.instruments(END)
    assert [(each.symbol, each.currency, each.tick_micros, each.shortable) for each in listed] == [
        ("BTC/USD", "USD", 10_000, False),
        ("ETH/USD", "USD", 10_000, False),
        ("SHIB/USD", "USD", 1, False),
        ("SOL/USD", "USD", 10_000, False),
    ]
    assert desk.source.unknown(["ABC/USD", "NOBODY/USD", "ADA/EUR", "BTC/USD"]) == ("NOBODY/USD", "ADA/EUR")
    desk.fetch("BTC/USD")
    assert len([asked for asked in fake.asked if asked.path == MARKETS]) == 1
    assert desk.source.unknown([]) == ()


def test_nothing_is_asked_before_the_first_question(fake: FakeVenue, desk: Desk) -> None:
    assert desk.source.unknown([]) == ()
    assert [each.instrument for each in desk.source.listings(["ETH/USD", "BTC/USD", "ETH/USD"])] == ["BTC/USD", "ETH/USD"]
    assert fake.asked == []


def test_a_list_of_markets_that_could_not_be_had_is_asked_for_again(fake: FakeVenue) -> None:
    desk = Desk(fake, patience=Patience(tries=1))
    fake.fail(Fault(503, only=MARKETS))
    with pytest.raises(VendorUnavailable, match="the list of markets"):
        desk.source.instruments(END)
    assert len(desk.source.instruments(END)) == 3


# --- failure


BROKEN = {
    "cut in the middle": Fault(break_off="cut", only=CANDLES),
    "429 without a word": Fault(429, b"{}", only=CANDLES),
    "408": Fault(408, b"slow", only=CANDLES),
    "418": Fault(418, b"banned", only=CANDLES),
    "500": Fault(500, b'{"message": "Internal server error"}', only=CANDLES),
    "502": Fault(502, b"<html>Bad Gateway</html>", only=CANDLES),
    "503": Fault(503, b"", {"Retry-After": "3"}, only=CANDLES),
    "504": Fault(504, b"[1, 2]", only=CANDLES),
    "524": Fault(524, b"a status that ccxt has no name for", only=CANDLES),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
def test_what_may_pass_is_asked_again_and_the_answer_is_whole(fake: FakeVenue, desk: Desk, fault: Fault) -> None:
    whole = desk.fetch("BTC/USD").bars
    fake.fail(fault, fault)
    assert desk.fetch("BTC/USD").bars.equals(whole)
    assert len(desk.sleeper.pauses) == 2


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
def test_what_does_not_pass_is_a_venue_that_is_unavailable_after_so_many_tries(fake: FakeVenue, fault: Fault) -> None:
    desk = Desk(fake, patience=Patience(tries=3))
    fake.fail(*[fault] * 3)
    with pytest.raises(
        VendorUnavailable, match=r"1d bars of BTC/USD from 2024-02-01 to 2024-02-29: coinbaseexchange did not answer in 3 tries"
    ):
        desk.fetch("BTC/USD")
    assert len(desk.sleeper.pauses) == 2


@pytest.mark.parametrize("how", ["stall", "drip"])
def test_a_venue_that_says_nothing_or_never_ends_is_not_waited_for_for_ever(fake: FakeVenue, how: str) -> None:
    desk = Desk(fake, patience=Patience(tries=2, answer=0.2))
    desk.source.instruments(END)
    fake.fail(*[Fault(break_off=how, only=CANDLES)] * 2)
    with pytest.raises(VendorUnavailable, match=r"did not answer in 2 tries, at last no whole answer in 0\.2 s"):
        desk.fetch("BTC/USD")


def test_connections_that_break_before_a_byte_are_made_anew(fake: FakeVenue) -> None:
    desk = Desk(fake, patience=Patience(tries=3))
    whole = desk.fetch("BTC/USD").bars
    fake.fail(*[Fault(break_off="reset", only=CANDLES)] * 2)
    assert desk.fetch("BTC/USD").bars.equals(whole)
    fake.fail(*[Fault(break_off="reset", only=CANDLES)] * 6)  # ccxt's own client repeats a question once
    with pytest.raises(VendorUnavailable, match="did not answer in 3 tries, at last ExchangeNotAvailable"):
        desk.fetch("BTC/USD")


def test_a_host_that_nobody_answers_at_is_unavailable(fake: FakeVenue) -> None:
    with pytest.raises(VendorUnavailable, match=r"the list of markets: .* at last ExchangeNotAvailable"):
        Desk(fake, url="http://127.0.0.1:1", patience=Patience(tries=2)).fetch("BTC/USD")


def test_pauses_grow_and_are_jittered_from_the_generator_that_was_given(fake: FakeVenue) -> None:
    def pauses(seed: int) -> list[float]:
        desk = Desk(fake, seed=seed, patience=Patience(tries=8, first_pause=1.0, longest_pause=20.0))
        fake.fail(*[Fault(500, only=CANDLES)] * 7)
        desk.fetch("BTC/USD")
        return desk.sleeper.pauses

    first = pauses(1)
    assert first == pauses(1) != pauses(2)
    for pause, longest in zip(first, (1, 2, 4, 8, 16, 20, 20), strict=True):
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(429, {"Retry-After": "7"}, 7), (503, {"retry-after": "11"}, 11), (429, {"X-RateLimit-Reset": "1709371855"}, 40)],
)
def test_the_server_s_wait_is_waited(fake: FakeVenue, desk: Desk, status: int, headers: dict[str, str], seconds: float) -> None:
    fake.fail(Fault(status, b"{}", headers, only=CANDLES))
    desk.fetch("BTC/USD")
    (pause,) = desk.sleeper.pauses
    assert seconds <= pause <= seconds + 0.5


def test_the_waits_of_two_questions_at_once_are_not_mixed_up(fake: FakeVenue, desk: Desk) -> None:
    desk.source.instruments(END)
    fake.fail(Fault(429, b"{}", {"Retry-After": "7"}, only="BTC-USD"), Fault(500, b"{}", only="ETH-USD"))
    fake.answers_from = 2
    desk.fetch("BTC/USD", "ETH/USD")
    short, long = sorted(desk.sleeper.pauses)
    assert short <= 0.5
    assert 7 <= long <= 7.5


def test_a_server_that_asks_for_more_than_patience_is_not_asked_again(fake: FakeVenue, desk: Desk) -> None:
    fake.fail(Fault(503, b"maintenance", {"Retry-After": "3600"}, only=CANDLES))
    with pytest.raises(VendorUnavailable, match=r"in 1 try, at last .*HTTP 503.*; it asks to wait 3600 s, longer than the 90 s"):
        desk.fetch("BTC/USD")
    assert desk.sleeper.pauses == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"message": "invalid start"}, "correct the symbols or dates that the book names, or the source's `venue`"),
        (401, {"message": "no"}, "it wants a key: set `with_key: true` for the source"),
        (403, {"message": "Forbidden"}, "it serves no one at your place or address: choose another `venue`"),
        (404, {"message": "NotFound"}, "correct the source's `url`, or update ccxt"),
        (451, {"message": "restricted"}, "choose another `venue`"),
        (422, {"message": "eh"}, "correct the symbols or dates"),
    ],
)
def test_a_refusal_names_what_to_fix_and_is_not_repeated(fake: FakeVenue, desk: Desk, status: int, body: dict[str, str], said: str) -> None:
    fake.fail(Fault(status, json.dumps(body).encode(), only=CANDLES))
    with pytest.raises(
        ConfigError, match=rf"source 'venue': 1d bars of BTC/USD .*coinbaseexchange refuses: .*HTTP {status} .*{body['message']}"
    ) as caught:
        desk.fetch("BTC/USD")
    assert said in str(caught.value)
    assert desk.sleeper.pauses == []
    assert len(fake.candles_asked()) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>maintenance</html>", "answered what is no JSON: <html>maintenance</html>"),
        (b"[[1706745600, 1, 2", "answered what is no JSON"),
        (b'{"candles": 7}', "a candle has no time"),
        (b"[[null, 1, 1, 1, 1, 1]]", "a candle has no time"),
        (b"7", "answered what is no JSON"),
    ],
)
def test_an_answer_that_is_no_candles_is_an_error(fake: FakeVenue, desk: Desk, body: bytes, said: str) -> None:
    fake.fail(Fault(200, body, only=CANDLES))
    with pytest.raises(DataError, match="1d bars of BTC/USD from 2024-02-01 to 2024-02-29: the answer cannot be read") as caught:
        desk.fetch("BTC/USD")
    assert said in str(caught.value)
    assert desk.sleeper.pauses == []


@pytest.mark.parametrize(
    ("rows", "said"), [([[None, 1, 1, 1, 1, 1]], "a candle has no time"), ([7], "int"), ([[1, "x", 1, 1, 1, 1]], "could not append")]
)
def test_rows_that_are_no_candles_are_an_error_whoever_made_them(
    fake: FakeVenue, desk: Desk, monkeypatch: pytest.MonkeyPatch, rows: list[Any], said: str
) -> None:
    async def fetch_ohlcv(*_: Any) -> list[Any]:
        return rows

    monkeypatch.setattr(ccxt.async_support.coinbaseexchange, "fetch_ohlcv", fetch_ohlcv)
    with pytest.raises(DataError, match=f"the answer cannot be read: .*{said}.*; ask coinbaseexchange, or update ccxt"):
        desk.fetch("BTC/USD")


def test_markets_that_cannot_be_read_are_an_error(fake: FakeVenue, desk: Desk) -> None:
    fake.fail(Fault(200, b'[{"id": "BTC"}]', only=MARKETS))
    with pytest.raises(DataError, match="the list of markets: the answer cannot be read: ValueError not enough values"):
        desk.source.instruments(END)


# --- settings and key


def test_questions_keep_the_venue_s_own_pace(fake: FakeVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[float | None] = []

    async def counted(_: Throttler, cost: float | None = None) -> None:
        costs.append(cost)

    monkeypatch.setattr(Throttler, "__call__", counted)
    Desk(fake).fetch("BTC/USD", "ETH/USD")
    assert len(costs) == len(fake.asked) == 4


def test_few_questions_are_under_way_at_once(fake: FakeVenue) -> None:
    symbols = [f"C{number:02d}/USD" for number in range(12)]
    for symbol in symbols:
        fake.list_market(symbol)
        fake.days[symbol] = candles(FIRST, DAY, 3)
    desk = Desk(fake, patience=Patience(at_once=3))
    desk.source.instruments(END)
    fake.answers_from = 3
    assert desk.fetch(*symbols).bars["symbol"].unique().sort().to_list() == symbols
    assert fake.most_at_once == 3


def test_a_key_is_sent_to_the_venue_and_shown_to_nobody(fake: FakeVenue, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(fake, key=Credentials(KEY, SECRET))
    fake.fail(Fault(401, f'{{"message": "key {KEY} with {SECRET} is unknown"}}'.encode(), only=CANDLES))
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError, match=r"key … with … is unknown") as caught:
        desk.fetch("BTC/USD")
    assert "correct the key: VENUE_API_KEY and VENUE_API_SECRET, or the source's Prefect block" in str(caught.value)
    shown = caplog.text + str(caught.value) + repr(caught.value) + repr(Credentials(KEY, SECRET)) + repr(desk.source)
    assert KEY not in shown
    assert SECRET not in shown


def test_the_client_gets_the_key(fake: FakeVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    original = ccxt.async_support.coinbaseexchange.load_markets

    async def load_markets(client: Any, *arguments: Any) -> Any:
        seen.append((client.apiKey, client.secret))
        return await original(client, *arguments)

    monkeypatch.setattr(ccxt.async_support.coinbaseexchange, "load_markets", load_markets)
    Desk(fake, key=Credentials(KEY, SECRET)).source.instruments(END)
    Desk(fake).source.instruments(END)
    assert seen == [(KEY, SECRET), (None, None)]


def test_a_source_s_own_variables_are_named_after_it() -> None:
    names = source_variables("coinbase-pro")
    assert str(names) == "COINBASE_PRO_API_KEY and COINBASE_PRO_API_SECRET"
    assert from_environment({"COINBASE_PRO_API_KEY": KEY, "COINBASE_PRO_API_SECRET": SECRET}, names, "coinbase-pro") == Credentials(
        KEY, SECRET
    )


def test_crypto_needs_the_calendar_that_never_closes(fake: FakeVenue) -> None:
    with pytest.raises(ConfigError, match=r"every day is one; set the book's calendar to '24/7' \(given: 'XNYS'\)"):
        CcxtSource("venue", CcxtSettings(venue=VENUE, quote="USD"), None, Calendar("XNYS"), now=lambda: fake.now, random=Random(1))


def test_a_venue_that_ccxt_does_not_have_is_a_clear_error(fake: FakeVenue) -> None:
    with pytest.raises(ConfigError, match=r"source 'venue': ccxt \S+ knows no venue 'mtgox'"):
        Desk(fake, venue="mtgox").fetch("BTC/USD")


def test_a_venue_without_bars_of_its_own_is_a_clear_error(fake: FakeVenue) -> None:
    with pytest.raises(ConfigError, match=r"venue bit2c has no daily bars of its own \(1d\); its widths are none"):
        Desk(fake, venue="bit2c").fetch("BTC/USD")


@pytest.mark.parametrize("venue", ["binance", "bitstamp", "coinbase", "kraken", "okx"])
def test_another_host_takes_the_place_of_each_of_a_venue_s_addresses(venue: str) -> None:
    async def addresses() -> tuple[Any, Any]:
        settings = CcxtSettings.model_validate({"venue": venue, "quote": "USD", "url": "http://127.0.0.1:9"})
        own = getattr(ccxt.async_support, venue)()
        async with CcxtVenue.opened("v", settings, None, patience=Patience(), random=Random(1), sleep=asyncio.sleep) as opened:
            assert opened.client.enableRateLimit
            return own.urls["api"], opened.client.urls["api"]

    theirs, ours = (_leaves(each) for each in asyncio.run(addresses()))
    assert len(ours) == len(theirs) > 0
    for their, our in zip(theirs, ours, strict=True):
        assert our == f"http://127.0.0.1:9{urlsplit(their).path}"


def _leaves(addresses: Any) -> list[str]:
    return [leaf for each in addresses.values() for leaf in _leaves(each)] if isinstance(addresses, dict) else [addresses]


def test_a_width_that_the_venue_does_not_have_is_a_clear_error(fake: FakeVenue, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ccxt_venue._require_bars

    def without_minutes(source: str, venue: str, client: Any) -> None:
        original(source, venue, client)
        del client.timeframes["1m"]

    monkeypatch.setattr(ccxt_venue, "_require_bars", without_minutes)
    with pytest.raises(ConfigError, match="venue coinbaseexchange has no bars of 1m; it has 5m, 15m, 1h, 6h, 1d"):
        desk.minutes("BTC/USD")


def test_a_missing_extra_says_how_to_install_it(fake: FakeVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    ccxt_venue._venue_class.cache_clear()
    monkeypatch.setitem(sys.modules, "ccxt.async_support", None)
    with pytest.raises(
        ConfigError, match=r"source 'venue' is of kind ccxt and ccxt\.async_support is not installed; .* `uv sync --extra crypto`"
    ):
        Desk(fake).fetch("BTC/USD")


@pytest.mark.parametrize(
    "change",
    [{"venue": "Kraken!"}, {"quote": "usd"}, {"url": "http://example.com"}, {"timeout_seconds": 0.0}, {"with_key": "yes"}, {"key": "x"}],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        CcxtSettings.model_validate({"venue": "kraken", "quote": "USD", **change})
