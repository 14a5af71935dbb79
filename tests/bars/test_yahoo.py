"""The Yahoo source, yfinance and all, against a local Yahoo that states the past in today's shares, limits, breaks and lies."""

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.message import Message
from random import Random
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import polars as pl
import pytest
from curl_cffi.requests.exceptions import InvalidJSONError
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import ValidationError
from yfinance.exceptions import YFRateLimitError
from yfinance.scrapers.history import PriceHistory

from grodt.bars import yahoo_client
from grodt.bars.patience import Patience
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, Fetched
from grodt.bars.yahoo import YahooSource
from grodt.bars.yahoo_client import YfinanceClient
from grodt.bars.yahoo_settings import YahooSettings
from grodt.errors import ConfigError, DataError, VendorUnavailable
from grodt.sessions import Calendar
from tests.examples import examples
from tests.fakes.http import Fault
from tests.fakes.yahoo import CHART, NEW_YORK, FakeYahoo

XNYS = Calendar("XNYS")
START, END = date(2024, 2, 1), date(2024, 3, 1)
DAYS = XNYS.between(START, END)
MINUTE = timedelta(minutes=1)
COLUMNS = ("Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits")
SYMBOLS = ("AAPL", "BRK-B", "MSFT", "GONE")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeYahoo]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yahoo = FakeYahoo()
    for number, symbol in enumerate(SYMBOLS[:3]):
        yahoo.bars[symbol] = {
            day: (100.13 + number + at, 101.27 + number + at, 99.01 + at, 100.5 + at, 1000.0 + at) for at, day in enumerate(DAYS)
        }
    with yahoo.served():
        yield yahoo


class Desk:
    """A source over the fake, and what it slept."""

    def __init__(
        self, fake: FakeYahoo, *, seed: int = 1, patience: Patience | None = None, timeout: float = 10.0, url: str | None = None
    ) -> None:
        self.pauses: list[float] = []
        self.source = YahooSource(
            "yahoo",
            YahooSettings(symbols=SYMBOLS),
            YfinanceClient("yahoo", "America/New_York", timeout_seconds=timeout, url=url or fake.url),
            XNYS,
            now=lambda: fake.now,
            random=Random(seed),
            sleep=self._sleep,
            patience=patience,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def fetch(self, *symbols: str, start: date = START, end: date = END) -> Fetched:
        return asyncio.run(self.source.fetch(symbols, start, end))

    def minutes(self, *symbols: str, start: date = END, end: date = END) -> pl.DataFrame:
        return asyncio.run(self.source.fetch_minutes(symbols, start, end))


@pytest.fixture
def desk(fake: FakeYahoo) -> Desk:
    return Desk(fake)


# --- as it was traded and paid


def test_the_question_is_for_prices_that_yfinance_does_not_adjust_further(fake: FakeYahoo, desk: Desk) -> None:
    desk.fetch("AAPL")
    ((symbol, question),) = fake.charts_asked()
    assert (symbol, question["interval"], question["includePrePost"]) == ("AAPL", "1d", "false")
    assert datetime.fromtimestamp(int(question["period1"]), UTC) == datetime(2024, 2, 1, 5, tzinfo=UTC)


def test_numbers_come_through_as_they_were_traded_without_the_noise_of_32_bits(desk: Desk) -> None:
    fetched = desk.fetch("BRK-B", "AAPL")
    assert (fetched.bars.schema, fetched.actions.schema, fetched.actions.height) == (RAW_BARS, RAW_ACTIONS, 0)
    assert fetched.bars.row(1) == ("AAPL", DAYS[1], 101.13, 102.27, 100.01, 101.5, 1001.0)
    assert fetched.bars["session"].to_list() == [*DAYS, *DAYS]


def test_splits_turn_prices_volumes_and_dividends_back(fake: FakeYahoo, desk: Desk) -> None:
    raw = desk.fetch("AAPL").bars
    fake.splits["AAPL"] = {DAYS[7]: (7, 1), DAYS[12]: (4, 1)}
    fake.dividends["AAPL"] = {DAYS[3]: 2.65, DAYS[7]: 0.47, DAYS[15]: 0.12}
    fetched = desk.fetch("AAPL")
    assert fetched.bars.equals(raw)
    rows = fetched.actions.select("ex_date", "kind", "ratio_new", "ratio_old", "cash_per_share", "pay_date").rows()
    assert rows == [
        (DAYS[3], "dividend", None, None, Decimal("2.65"), None),
        (DAYS[7], "dividend", None, None, Decimal("0.47"), None),
        (DAYS[7], "split", 7, 1, None, None),
        (DAYS[12], "split", 4, 1, None, None),
        (DAYS[15], "dividend", None, None, Decimal("0.12"), None),
    ]


def test_a_split_after_the_question_s_end_turns_back_too_and_is_not_told(fake: FakeYahoo, desk: Desk) -> None:
    raw = desk.fetch("AAPL", end=DAYS[4])
    fake.splits["AAPL"] = {DAYS[9]: (3, 2)}
    again = desk.fetch("AAPL", end=DAYS[4])
    assert again.bars.drop("volume").equals(raw.bars.drop("volume"))
    assert again.actions.is_empty()
    assert (again.bars["volume"] - raw.bars["volume"]).abs().max() <= 1  # Yahoo's are whole shares of today


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(100, 99_999_999), min_size=2, max_size=20),
    st.lists(st.sampled_from([(2, 1), (3, 1), (3, 2), (4, 1), (7, 1), (10, 1), (20, 1), (1, 10), (1, 8), (21, 20)]), max_size=3),
)
def test_a_price_in_cents_survives_any_later_splits_to_the_cent(fake: FakeYahoo, cents: list[int], ratios: list[tuple[int, int]]) -> None:
    fake.bars["AAPL"] = {day: (price / 100,) * 4 + (1000.0,) for day, price in zip(DAYS, cents, strict=False)}
    fake.splits["AAPL"] = {}
    fake.bars["AAPL"] |= dict.fromkeys(DAYS[-3:], (5.0, 5.0, 5.0, 5.0, 1.0))
    fake.splits["AAPL"] = dict(zip(DAYS[-3:], ratios, strict=False))
    bars = Desk(fake).fetch("AAPL").bars
    known = [day for day in DAYS[:-3] if day in fake.bars["AAPL"]]
    for row in bars.filter(pl.col("session").is_in(known)).iter_rows(named=True):
        price = fake.bars["AAPL"][row["session"]][0] or 0.0
        # 32 bits hold 7 digits: of a price of 100,000 and more not the last cent
        assert row["close"] == price if price < 50_000 else abs(row["close"] - price) <= 1.3e-7 * price


def test_a_ratio_that_is_of_no_whole_shares_is_an_error(fake: FakeYahoo, desk: Desk) -> None:
    fake.splits["AAPL"] = {DAYS[3]: (31_416, 1)}
    with pytest.raises(DataError, match=r"AAPL 2024-02-06: split ratio 31416\.0 is no ratio of whole shares"):
        desk.fetch("AAPL")


# --- sessions


def test_a_session_that_goes_on_has_no_bar_and_its_actions_are_told(fake: FakeYahoo, desk: Desk) -> None:
    fake.dividends["AAPL"] = {END: 0.5}
    fake.now = datetime.combine(END, time(15, 59), NEW_YORK).astimezone(UTC)
    fetched = desk.fetch("AAPL")
    assert fetched.bars["session"].to_list() == list(DAYS[:-1])
    assert fetched.actions["ex_date"].to_list() == [END]
    fake.now = datetime.combine(END, time(16), NEW_YORK).astimezone(UTC)
    assert desk.fetch("AAPL").bars["session"][-1] == END


def test_nothing_is_asked_of_the_future(fake: FakeYahoo, desk: Desk) -> None:
    assert desk.fetch("AAPL", start=date(2024, 3, 4), end=date(2024, 3, 8)).bars.schema == RAW_BARS
    assert desk.fetch().bars.is_empty()
    assert fake.asked == []


def test_a_row_without_any_price_is_no_bar_and_one_without_some_is_left_to_the_gate(fake: FakeYahoo, desk: Desk) -> None:
    fake.bars["AAPL"][DAYS[2]] = (None, None, None, None, None)
    fake.bars["AAPL"][DAYS[4]] = (None, 2.0, 1.0, 1.5, 10.0)
    fake.dividends["AAPL"] = {DAYS[2]: 0.3}
    fetched = desk.fetch("AAPL")
    assert DAYS[2] not in fetched.bars["session"].to_list()
    assert fetched.bars.filter(pl.col("session") == DAYS[4])["open"].to_list() == [None]
    assert fetched.actions["cash_per_share"].to_list() == [Decimal("0.3")]


# --- minutes


def _fill(fake: FakeYahoo, symbol: str, *days: date, count: int = 5) -> list[datetime]:
    stamps = [XNYS.opens_at(day) + at * MINUTE for day in days for at in range(count)]
    fake.minutes[symbol] = {at: (10.25 + number, 11.0 + number, 9.5, 10.5, 7.0) for number, at in enumerate(stamps)}
    return stamps


def test_minutes_of_weeks_are_asked_for_a_week_at_a_time(fake: FakeYahoo, desk: Desk) -> None:
    stamps = _fill(fake, "AAPL", *DAYS[1:])
    minutes = desk.minutes("AAPL", start=DAYS[1], end=END)
    assert minutes.schema == RAW_MINUTES
    assert minutes["start"].to_list() == stamps
    assert minutes.row(1) == ("AAPL", stamps[1], 11.25, 12.0, 9.5, 10.5, 7.0)
    asked = [question for _, question in fake.charts_asked() if question["interval"] == "1m"]
    assert len(asked) == 5
    assert all(int(question["period2"]) - int(question["period1"]) <= 8 * 86_400 for question in asked)


def test_minutes_older_than_30_days_are_refused_with_the_first_day_that_there_is(desk: Desk, fake: FakeYahoo) -> None:
    with pytest.raises(
        ConfigError, match="Yahoo has minute bars of the last 30 days alone, and session 2024-01-31 is older; ask from 2024-02-02 on"
    ):
        desk.minutes("AAPL", start=date(2024, 1, 31), end=END)
    fake.now = datetime(2024, 6, 1, tzinfo=UTC)
    with pytest.raises(ConfigError, match="session 2024-03-01 is older; ask from 2024-05-02 on"):
        desk.minutes("AAPL")
    assert fake.asked == []


def test_minutes_end_at_the_close_and_at_the_last_that_is_over(fake: FakeYahoo, desk: Desk) -> None:
    stamps = _fill(fake, "AAPL", END, count=391)
    assert desk.minutes("AAPL")["start"].to_list() == stamps[:390]
    fake.now = stamps[10] + timedelta(seconds=30)
    assert desk.minutes("AAPL")["start"].to_list() == stamps[:10]


def test_minutes_before_a_split_are_turned_back_too(fake: FakeYahoo, desk: Desk) -> None:
    _fill(fake, "AAPL", *DAYS[5:])
    raw = desk.minutes("AAPL", start=DAYS[5])
    fake.splits["AAPL"] = {DAYS[10]: (4, 1)}
    assert desk.minutes("AAPL", start=DAYS[5]).equals(raw)


def test_a_minute_without_a_trade_has_no_bar(fake: FakeYahoo, desk: Desk) -> None:
    stamps = _fill(fake, "AAPL", END)
    fake.minutes["AAPL"][stamps[2]] = (None, None, None, None, None)
    assert desk.minutes("AAPL")["start"].to_list() == [*stamps[:2], *stamps[3:]]


def test_a_minute_that_begins_within_a_minute_is_an_error(fake: FakeYahoo, desk: Desk) -> None:
    fake.minutes["AAPL"] = {XNYS.opens_at(END) + timedelta(seconds=90): (1.0, 1.0, 1.0, 1.0, 1.0)}
    with pytest.raises(DataError, match=r"AAPL: a minute bar is stamped 2024-03-01T14:31:30\+00:00, which is no whole minute"):
        desk.minutes("AAPL")


def test_no_minutes_are_asked_for_on_a_weekend_or_of_nobody(fake: FakeYahoo, desk: Desk) -> None:
    assert desk.minutes("AAPL", start=date(2024, 2, 24), end=date(2024, 2, 25)).schema == RAW_MINUTES
    assert desk.minutes("NOBODY").is_empty()
    assert fake.asked == []


# --- no data


def test_what_yahoo_does_not_have_has_no_rows_and_is_no_error(fake: FakeYahoo, desk: Desk) -> None:
    fetched = desk.fetch("AAPL", "GONE", "NOBODY")
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert {symbol for symbol, _ in fake.charts_asked()} == {"AAPL", "GONE"}
    assert desk.minutes("GONE").schema == RAW_MINUTES
    assert desk.fetch("GONE").bars.schema == RAW_BARS
    assert desk.pauses == []


@pytest.mark.parametrize("result", [None, [], [{"meta": {}, "indicators": {"quote": [{}]}}]])
def test_other_ways_of_saying_nothing_are_understood(fake: FakeYahoo, desk: Desk, result: object) -> None:
    fake.fail(Fault(200, json.dumps({"chart": {"result": result, "error": None}}).encode(), only=CHART))
    assert desk.fetch("AAPL").bars.is_empty()


def test_a_ticker_is_known_when_the_source_names_it(desk: Desk, fake: FakeYahoo) -> None:
    assert [each.symbol for each in desk.source.instruments(START)] == sorted(SYMBOLS)
    assert desk.source.unknown(["NOBODY", "GONE", "AAPL"]) == ("NOBODY",)
    assert [each.instrument for each in desk.source.listings(["MSFT", "AAPL"])] == ["AAPL", "MSFT"]
    assert desk.source.name == "yahoo"
    assert fake.asked == []


# --- failure


BROKEN = {
    "cut in the middle": Fault(break_off="cut", only=CHART),
    "429 without a word": Fault(429, b"Too Many Requests", only=CHART),
    "408": Fault(408, b"slow", only=CHART),
    "500": Fault(500, b'{"chart": {"result": null, "error": {"description": "internal"}}}', only=CHART),
    "502": Fault(502, b"<html>Bad Gateway</html>", only=CHART),
    "503": Fault(503, b"", {"Retry-After": "3"}, only=CHART),
    "down": Fault(200, b"<html>Will be right back...</html>", only=CHART),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
def test_what_may_pass_is_asked_again_and_the_answer_is_whole(fake: FakeYahoo, desk: Desk, fault: Fault) -> None:
    whole = desk.fetch("AAPL").bars
    fake.fail(fault, fault)
    assert desk.fetch("AAPL").bars.equals(whole)
    assert len(desk.pauses) == 2


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
def test_what_does_not_pass_is_a_vendor_who_is_unavailable_after_so_many_tries(fake: FakeYahoo, fault: Fault) -> None:
    desk = Desk(fake, patience=Patience(tries=3))
    fake.fail(*[fault] * 3)
    with pytest.raises(
        VendorUnavailable, match="source 'yahoo': AAPL: daily bars from 2024-02-01 to 2024-03-01: Yahoo did not answer in 3 tries"
    ):
        desk.fetch("AAPL")
    assert len(desk.pauses) == 2


@pytest.mark.parametrize("how", ["stall", "drip"])
def test_a_server_that_says_nothing_or_never_ends_is_not_waited_for_for_ever(fake: FakeYahoo, how: str) -> None:
    desk = Desk(fake, patience=Patience(tries=2), timeout=0.3)
    fake.fail(*[Fault(break_off=how, only=CHART)] * 2)
    with pytest.raises(VendorUnavailable, match=r"did not answer in 2 tries, at last \w*Timeout"):
        desk.fetch("AAPL")


def test_connections_that_break_before_a_byte_are_made_anew(fake: FakeYahoo) -> None:
    desk = Desk(fake, patience=Patience(tries=3))
    whole = desk.fetch("AAPL").bars
    fake.fail(*[Fault(break_off="reset", only=CHART)] * 2)
    assert desk.fetch("AAPL").bars.equals(whole)
    fake.fail(*[Fault(break_off="reset", only=CHART)] * 6)  # its HTTP client repeats a question once on a connection that it had
    with pytest.raises(VendorUnavailable, match="did not answer in 3 tries, at last ConnectionError"):
        desk.fetch("AAPL")


def test_a_host_that_nobody_answers_at_is_unavailable(fake: FakeYahoo) -> None:
    with pytest.raises(VendorUnavailable, match="at last ConnectionError"):
        Desk(fake, url="http://127.0.0.1:1", patience=Patience(tries=1)).fetch("AAPL")


def test_a_rate_limit_is_waited_out_as_long_as_the_server_asks(fake: FakeYahoo, desk: Desk) -> None:
    fake.fail(Fault(429, b"Too Many Requests", {"Retry-After": "17"}, only=CHART))
    desk.fetch("AAPL")
    (pause,) = desk.pauses
    assert 17 <= pause <= 17.5


def test_pauses_come_from_the_generator_that_was_given(fake: FakeYahoo) -> None:
    def pauses(seed: int) -> list[float]:
        desk = Desk(fake, seed=seed)
        fake.fail(*[Fault(500, only=CHART)] * 4)
        desk.fetch("AAPL")
        return desk.pauses

    assert pauses(1) == pauses(1) != pauses(2)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"finance": {"error": {"description": "Invalid Crumb"}}}', "HTTP 401"),
        (403, b"<html>Forbidden</html>", "HTTP 403"),
        (422, b'{"chart": {"result": null, "error": {"description": "no such interval"}}}', r"HTTP 422 \(no such interval\)"),
        (400, b"what?", r"HTTP 400 \(what\?\)"),
    ],
)
def test_a_refusal_names_what_to_fix_and_is_not_repeated(fake: FakeYahoo, desk: Desk, status: int, body: bytes, said: str) -> None:
    fake.fail(*[Fault(status, body, only=CHART)] * 2)  # yfinance asks once more, with other cookies
    with pytest.raises(ConfigError, match=f"source 'yahoo': AAPL: daily bars .*: Yahoo refuses: {said}") as caught:
        desk.fetch("AAPL")
    assert "correct the symbols or dates that the book names" in str(caught.value)
    assert desk.pauses == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>consent</html>", "the answer cannot be read"),
        (b'{"chart": {"result": [{"meta": {}, "indicators": {"quote": [{"open": [1]}]}, "timestamp": [1]}], "error": null}}', "KeyError"),
    ],
)
def test_an_answer_that_is_no_chart_is_an_error_and_not_remembered(fake: FakeYahoo, desk: Desk, body: bytes, said: str) -> None:
    fake.fail(Fault(200, body, only=CHART))
    with pytest.raises(DataError, match=f"AAPL: daily bars .*{said}"):
        desk.fetch("AAPL")
    assert desk.fetch("AAPL").bars.height == len(DAYS)


def test_an_old_answer_that_was_bad_is_asked_for_again(fake: FakeYahoo, desk: Desk) -> None:
    stamps = _fill(fake, "AAPL", DAYS[-4])
    fake.fail(Fault(200, b"[", only=CHART))
    with pytest.raises(DataError, match="minute bars"):
        desk.minutes("AAPL", start=DAYS[-4], end=DAYS[-4])
    assert desk.minutes("AAPL", start=DAYS[-4], end=DAYS[-4])["start"].to_list() == stamps


@pytest.mark.parametrize(
    ("raised", "error", "said"),
    [
        (YFRateLimitError(), VendorUnavailable, "at last HTTP 429"),
        (InvalidJSONError("line 1"), DataError, "the answer cannot be read: line 1"),
    ],
)
def test_what_yfinance_itself_raises_is_understood(
    fake: FakeYahoo, monkeypatch: pytest.MonkeyPatch, raised: Exception, error: type[Exception], said: str
) -> None:
    def history(*_: Any, **__: Any) -> pd.DataFrame:
        raise raised

    monkeypatch.setattr(PriceHistory, "history", history)
    with pytest.raises(error, match=said):
        Desk(fake, patience=Patience(tries=1)).fetch("AAPL")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"Open": [1.0]}, index=pd.DatetimeIndex(["2024-02-01"], tz="UTC")), "it lacks High, Low, Close, Volume, Dividends"),
        (
            pd.DataFrame({name: [1.0] for name in COLUMNS}),
            "it lacks a time zone",
        ),
    ],
)
def test_a_frame_of_another_shape_is_an_error(fake: FakeYahoo, frame: pd.DataFrame, said: str) -> None:
    class Client:
        def chart(self, symbol: str, **_: Any) -> pd.DataFrame:
            return frame

    source = YahooSource("yahoo", YahooSettings(symbols=SYMBOLS), Client(), XNYS, now=lambda: fake.now, random=Random(1))
    with pytest.raises(DataError, match=f"AAPL: .*the answer cannot be read: {said}.*update yfinance"):
        asyncio.run(source.fetch(["AAPL"], START, END))


def test_few_questions_are_under_way_at_once(fake: FakeYahoo) -> None:
    met = Barrier(2, timeout=120.0)

    class Client:
        under_way = most = 0

        def chart(self, symbol: str, **_: Any) -> pd.DataFrame:
            Client.under_way += 1
            Client.most = max(Client.most, Client.under_way)
            met.wait()
            Client.under_way -= 1
            return pd.DataFrame()

    patience = Patience(at_once=2)
    source = YahooSource("y", YahooSettings(symbols=SYMBOLS), Client(), XNYS, now=lambda: fake.now, random=Random(1), patience=patience)
    assert asyncio.run(source.fetch(SYMBOLS, START, END)).bars.is_empty()
    assert Client.most == 2


def test_cookies_are_asked_for_once_and_kept_off_the_disk(fake: FakeYahoo, desk: Desk) -> None:
    from yfinance import cache

    desk.fetch("AAPL")
    kept = cache.get_cookie_cache()
    assert type(kept) is yahoo_client._Cookies
    assert kept.lookup("any") is None
    kept.store("any", "cookie")
    assert kept.lookup("any") == {"cookie": "cookie"}


def test_no_question_leaves_for_yahoo_s_own_hosts(fake: FakeYahoo, monkeypatch: pytest.MonkeyPatch) -> None:
    from curl_cffi.requests import Session

    hosts: set[str | None] = set()
    original = Session.request

    def request(session: Any, method: Any, url: str, *arguments: Any, **named: Any) -> Any:
        hosts.add(urlsplit(url).hostname)
        return original(session, method, url, *arguments, **named)

    monkeypatch.setattr(Session, "request", request)
    Desk(fake).fetch("AAPL", "GONE")
    assert hosts == {"127.0.0.1"}


def test_a_missing_extra_says_how_to_install_it(fake: FakeYahoo, monkeypatch: pytest.MonkeyPatch) -> None:
    yahoo_client._session_class.cache_clear()
    monkeypatch.setitem(sys.modules, "yfinance", None)
    monkeypatch.setitem(sys.modules, "yfinance.cache", None)
    with pytest.raises(ConfigError, match=r"source 'yahoo' is of kind yahoo and yfinance\S* is not installed; .* `uv sync --extra yahoo`"):
        Desk(fake).fetch("AAPL")


@pytest.mark.parametrize(
    "change",
    [{"symbols": []}, {"symbols": ["AAPL", "AAPL"]}, {"symbols": ["a b"]}, {"symbols": [""]}, {"timeout_seconds": 0.0}, {"key": "x"}],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        YahooSettings.model_validate({"symbols": ["AAPL"], **change})


def test_a_fake_that_is_asked_for_something_else_says_so(fake: FakeYahoo) -> None:
    assert fake.answer("/consent", {}, Message())[0] == 404
