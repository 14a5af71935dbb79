"""The Alpaca source against a local Alpaca that pages, limits, stalls, breaks and lies. No test waits: a pause moves the fake's clock."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grodt.bars.alpaca import SYMBOLS_AT_ONCE, AlpacaSource
from grodt.bars.alpaca_actions import UnsupportedAction
from grodt.bars.alpaca_settings import VARIABLES, AlpacaSettings
from grodt.bars.credentials import Credentials, from_environment
from grodt.bars.patience import Patience, pause_asked_for
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, RAW_MINUTES, Fetched
from grodt.errors import ConfigError, DataError, TransientError, VendorUnavailable
from grodt.sessions import Calendar
from tests.fakes.alpaca import KEY, NEW_YORK, SECRET, FakeAlpaca, Fault

XNYS = Calendar("XNYS")
START, END = date(2024, 2, 26), date(2024, 3, 1)
WEEK = XNYS.between(START, END)
PAYLOADS = Path(__file__).resolve().parents[2] / "../shared/data/alpaca-payloads"
needs_payloads = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="../shared/data/alpaca-payloads is absent")
BARS, ACTIONS, ASSETS = "/v2/stocks/bars", "/v1/corporate-actions", "/v2/assets"
#: Short enough that a stall is over at once, long enough for an answer on a loaded machine.
PATIENCE = Patience(read=5.0, answer=10.0)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAlpaca]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    alpaca = FakeAlpaca()
    for number, symbol in enumerate(("AAPL", "BRK.B", "MSFT")):
        alpaca.bars[symbol] = [(day, 100.0 + number, 102.5, 99.25, 101.0, 1000.0 + at) for at, day in enumerate(WEEK)]
        alpaca.list_asset(symbol)
    with alpaca.served():
        yield alpaca


class Sleeper:
    """Sleeps by moving the fake's clock."""

    def __init__(self, fake: FakeAlpaca) -> None:
        self.pauses: list[float] = []
        self._fake = fake

    async def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._fake.advance(seconds)
        await asyncio.sleep(0)


class Desk:
    """A source over the fake, what it slept and what it reported."""

    def __init__(self, fake: FakeAlpaca, *, seed: int = 1, patience: Patience = PATIENCE, secret: str = SECRET, **settings: Any) -> None:
        self.sleeper = Sleeper(fake)
        self.reported: list[UnsupportedAction] = []
        where = {"feed": "sip", "data_url": fake.url, "trading_url": fake.url, **settings}
        self.source = AlpacaSource(
            "alpaca",
            AlpacaSettings.model_validate(where),
            Credentials(KEY, secret),
            XNYS,
            random=Random(seed),
            sleep=self.sleeper,
            report=self.reported.append,
            patience=patience,
        )

    def fetch(self, *symbols: str, start: date = START, end: date = END) -> Fetched:
        return asyncio.run(self.source.fetch(symbols, start, end))

    def minutes(self, *symbols: str, start: date = START, end: date = END) -> pl.DataFrame:
        return asyncio.run(self.source.fetch_minutes(symbols, start, end))

    def actions(self, *symbols: str, start: date = date(2000, 1, 1), end: date = END) -> list[dict[str, Any]]:
        return self.fetch(*symbols, start=start, end=end).actions.rows(named=True)


@pytest.fixture
def desk(fake: FakeAlpaca) -> Desk:
    return Desk(fake)


# --- the question


def test_a_question_is_for_raw_daily_bars_of_one_feed_without_symbol_mapping(fake: FakeAlpaca, desk: Desk) -> None:
    desk.fetch("MSFT", "AAPL")
    (asked,) = fake.asked_of(BARS)
    assert asked == {
        "symbols": "AAPL,MSFT",
        "timeframe": "1Day",
        "start": "2024-02-26T05:00:00Z",
        "end": "2024-03-01T17:00:00Z",
        "limit": "10000",
        "adjustment": "raw",
        "asof": "-",
        "feed": "sip",
        "sort": "asc",
    }


def test_a_bar_is_of_the_session_that_begins_at_its_stamp_in_new_york_also_across_a_change_of_clocks(fake: FakeAlpaca, desk: Desk) -> None:
    sessions = XNYS.between(date(2024, 3, 4), date(2024, 3, 15))
    fake.now = datetime(2024, 3, 16, tzinfo=UTC)
    fake.bars["AAPL"] = [(day, 1.0, 1.0, 1.0, 1.0, 1.0) for day in sessions]
    assert {stamp.hour for stamp in (fake.stamp(day).astimezone(UTC) for day in sessions)} == {4, 5}
    assert desk.fetch("AAPL", start=sessions[0], end=sessions[-1]).bars["session"].to_list() == list(sessions)
    # the week's last session alone, and the first
    for day in (sessions[0], sessions[-1]):
        assert desk.fetch("AAPL", start=day, end=day).bars["session"].to_list() == [day]


def test_numbers_come_through_as_they_are(desk: Desk) -> None:
    bars = desk.fetch("BRK.B").bars
    assert bars.schema == RAW_BARS
    assert bars.row(1) == ("BRK.B", WEEK[1], 101.0, 102.5, 99.25, 101.0, 1001.0)


def test_pages_are_followed_to_the_last_one_even_when_that_is_empty(fake: FakeAlpaca, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = desk.fetch("AAPL", "BRK.B", "MSFT").bars
    for size, pages in ((1, 16), (4, 4), (5, 4), (14, 2), (15, 2), (16, 1)):
        monkeypatch.setattr("grodt.bars.alpaca.BARS_PER_PAGE", size)
        fake.asked.clear()
        assert desk.fetch("AAPL", "BRK.B", "MSFT").bars.equals(whole)
        asked = fake.asked_of(BARS)
        assert len(asked) == pages
        assert len({question.get("page_token") for question in asked}) == pages
        assert len({json.dumps({**question, "page_token": ""}) for question in asked}) == 1


def test_corporate_actions_are_paged_too(fake: FakeAlpaca, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        day = f"2023-0{number + 1}-02"
        fake.act("cash_dividends", symbol="AAPL", ex_date=day, process_date=day, rate=0.1)
    monkeypatch.setattr("grodt.bars.alpaca.ACTIONS_PER_PAGE", 2)
    assert len(desk.actions("AAPL")) == 5
    assert len(fake.asked_of(ACTIONS)) == 3


def test_actions_of_days_to_come_are_told_without_a_question_for_bars(fake: FakeAlpaca, desk: Desk) -> None:
    ahead = END + timedelta(days=3)
    fake.act("forward_splits", symbol="AAPL", ex_date=str(ahead), new_rate=4, old_rate=1, process_date=str(ahead))
    fake.act("forward_splits", symbol="MSFT", ex_date=str(END), new_rate=2, old_rate=1, process_date=str(END))
    told = asyncio.run(desk.source.actions_ahead(["MSFT", "AAPL"], END + timedelta(days=1), ahead))
    assert told.schema == RAW_ACTIONS
    assert told.select("symbol", "ex_date", "kind", "ratio_new", "ratio_old").rows() == [("AAPL", ahead, "split", 4, 1)]
    assert [asked.path for asked in fake.asked] == [ACTIONS]
    assert asyncio.run(desk.source.actions_ahead([], END, ahead)).height == 0


def test_many_symbols_are_asked_for_in_parts_a_few_questions_at_once(fake: FakeAlpaca) -> None:
    symbols = [f"S{number:04d}" for number in range(5 * SYMBOLS_AT_ONCE + 1)]
    fake.bars = {symbol: [(WEEK[0], 10.0, 10.0, 10.0, 10.0, 1.0)] for symbol in symbols}
    fake.answers_from = 3
    desk = Desk(fake, patience=Patience(at_once=3))
    assert desk.fetch(*reversed(symbols)).bars["symbol"].to_list() == symbols
    asked = fake.asked_of(BARS)
    assert sorted(len(question["symbols"].split(",")) for question in asked) == [1, *[SYMBOLS_AT_ONCE] * 5]
    assert fake.most_at_once == 3
    assert all(len(f"{BARS}?{httpx.QueryParams(question)}") < 2000 for question in asked)


def test_a_source_serves_one_event_loop_after_the_other(desk: Desk) -> None:
    assert desk.fetch("AAPL").bars.equals(desk.fetch("AAPL").bars)


# --- minutes


def _open(day: date) -> datetime:
    return XNYS.opens_at(day)


def test_minutes_are_asked_for_from_open_to_close_and_stamped_at_their_start(fake: FakeAlpaca, desk: Desk) -> None:
    first = _open(WEEK[0])
    fake.minutes["AAPL"] = [(first + timedelta(minutes=at), 10.0 + at, 11.0 + at, 9.0, 10.5, 100.0) for at in (0, 1, 389)]
    minutes = desk.minutes("AAPL", "MSFT")
    assert minutes.schema == RAW_MINUTES
    assert minutes.row(1) == ("AAPL", first + timedelta(minutes=1), 11.0, 12.0, 9.0, 10.5, 100.0)
    assert minutes.height == 3
    (asked,) = fake.asked_of(BARS)
    assert (asked["timeframe"], asked["start"], asked["end"]) == ("1Min", "2024-02-26T14:30:00Z", "2024-03-01T21:00:00Z")
    assert (asked["adjustment"], asked["asof"], asked["feed"]) == ("raw", "-", "sip")


def test_minutes_before_the_open_and_after_the_close_are_left_out(fake: FakeAlpaca, desk: Desk) -> None:
    day, minute = WEEK[1], timedelta(minutes=1)
    stamps = [_open(day) - minute, _open(day), XNYS.closes_at(day) - minute, XNYS.closes_at(day), _open(WEEK[2])]
    fake.minutes["AAPL"] = [(stamp, 1.0, 1.0, 1.0, 1.0, 1.0) for stamp in stamps]
    assert desk.minutes("AAPL", start=WEEK[0], end=WEEK[2])["start"].to_list() == [stamps[1], stamps[2], stamps[4]]
    assert desk.minutes("AAPL", start=day, end=day)["start"].to_list() == stamps[1:3]


def test_minutes_are_paged_too(fake: FakeAlpaca, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.minutes["AAPL"] = [(_open(WEEK[0]) + timedelta(minutes=at), 1.0, 1.0, 1.0, 1.0, 1.0) for at in range(10)]
    whole = desk.minutes("AAPL")
    monkeypatch.setattr("grodt.bars.alpaca.BARS_PER_PAGE", 3)
    fake.asked.clear()
    assert desk.minutes("AAPL").equals(whole)
    assert len(fake.asked_of(BARS)) == 4


def test_no_minutes_are_asked_for_on_a_weekend(fake: FakeAlpaca, desk: Desk) -> None:
    assert desk.minutes("AAPL", start=date(2024, 2, 24), end=date(2024, 2, 25)).schema == RAW_MINUTES
    assert desk.minutes().is_empty()
    assert fake.asked == []


def test_a_minute_bar_that_begins_within_a_minute_is_an_error(fake: FakeAlpaca, desk: Desk) -> None:
    fake.minutes["AAPL"] = [(_open(WEEK[0]) + timedelta(seconds=59), 1.0, 1.0, 1.0, 1.0, 1.0)]
    with pytest.raises(DataError, match=r"AAPL: field t of a minute bar is 2024-02-26T14:30:59\+00:00, which is no whole minute"):
        desk.minutes("AAPL")


# --- no data


def test_what_did_not_trade_or_is_not_known_has_no_rows_and_is_no_error(fake: FakeAlpaca, desk: Desk) -> None:
    fake.bars["MSFT"] = []
    fetched = desk.fetch("AAPL", "MSFT", "NOBODY")
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert desk.fetch("NOBODY").bars.is_empty()
    assert desk.sleeper.pauses == []


@pytest.mark.parametrize("bars", [{}, None])
def test_both_ways_of_saying_nothing_are_understood(fake: FakeAlpaca, desk: Desk, bars: object) -> None:
    fake.fail(Fault(200, json.dumps({"bars": bars, "next_page_token": None}).encode(), only=BARS))
    fake.fail(Fault(200, json.dumps({"corporate_actions": bars, "next_page_token": None}).encode(), only=ACTIONS))
    fetched = desk.fetch("AAPL")
    assert (fetched.bars.height, fetched.bars.schema, fetched.actions.schema) == (0, RAW_BARS, RAW_ACTIONS)


def test_a_null_price_is_left_to_the_gate(fake: FakeAlpaca, desk: Desk) -> None:
    fake.fail(Fault(spoil=lambda body: body.replace(b'"o": 100.0', b'"o": null', 1), only=BARS))
    bars = desk.fetch("AAPL").bars
    assert bars["open"].to_list() == [None, 100.0, 100.0, 100.0, 100.0]


def test_bars_that_were_not_asked_for_are_left_to_the_gate(fake: FakeAlpaca, desk: Desk) -> None:
    fake.fail(Fault(spoil=lambda body: body.replace(b'"AAPL"', b'"TSLA"'), only=BARS))
    assert set(desk.fetch("AAPL").bars["symbol"]) == {"TSLA"}


# --- failure


BROKEN = {
    "reset": Fault(break_off="reset"),
    "cut in the middle": Fault(break_off="cut", only=BARS),
    "429 without a word": Fault(429),
    "408": Fault(408, b"slow"),
    "500": Fault(500, b'{"message": "internal server error occurred"}'),
    "502": Fault(502, b"<html>Bad Gateway</html>"),
    "503": Fault(503, b"", {"Retry-After": "3"}),
    "504": Fault(504, b"[1, 2]"),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
def test_what_may_pass_is_asked_again_and_the_answer_is_whole(fake: FakeAlpaca, desk: Desk, fault: Fault) -> None:
    whole = desk.fetch("AAPL", "MSFT")
    fake.fail(fault, fault)
    again = desk.fetch("AAPL", "MSFT")
    assert again.bars.equals(whole.bars)
    assert len(desk.sleeper.pauses) == 2


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
def test_what_does_not_pass_is_a_vendor_who_is_unavailable_after_so_many_tries(fake: FakeAlpaca, fault: Fault) -> None:
    desk = Desk(fake, patience=Patience(tries=3, read=5.0))
    fake.fail(*[fault] * 3)
    with pytest.raises(
        VendorUnavailable, match=r"daily bars of AAPL from 2024-02-26 to 2024-03-01: Alpaca did not answer in 3 tries"
    ) as caught:
        desk.fetch("AAPL")
    assert isinstance(caught.value, TransientError)
    assert "Run again later" in str(caught.value)
    assert len(desk.sleeper.pauses) == 2
    assert len(fake.asked) == 3


@pytest.mark.parametrize(("how", "patience"), [("stall", Patience(tries=2, read=0.1)), ("drip", Patience(tries=2, answer=0.2))])
def test_a_server_that_says_nothing_or_never_ends_is_not_waited_for_for_ever(fake: FakeAlpaca, how: str, patience: Patience) -> None:
    desk = Desk(fake, patience=patience)
    fake.fail(*[Fault(break_off=how, only=BARS)] * 2)
    with pytest.raises(VendorUnavailable, match=r"did not answer in 2 tries, at last (ConnectTimeout|ReadTimeout|TimeoutError)"):
        desk.fetch("AAPL")


def test_a_host_that_nobody_answers_at_is_unavailable(fake: FakeAlpaca) -> None:
    desk = Desk(fake, data_url="http://127.0.0.1:1", patience=Patience(tries=2))
    with pytest.raises(VendorUnavailable, match="ConnectError"):
        desk.fetch("AAPL")


def test_pauses_grow_and_are_jittered_from_the_generator_that_was_given(fake: FakeAlpaca) -> None:
    def pauses(seed: int) -> list[float]:
        desk = Desk(fake, seed=seed, patience=Patience(tries=8, first_pause=1.0, longest_pause=20.0))
        fake.fail(*[Fault(500)] * 7)
        desk.fetch("AAPL")
        return desk.sleeper.pauses

    first = pauses(1)
    assert first == pauses(1) != pauses(2)
    for pause, longest in zip(first, (1, 2, 4, 8, 16, 20, 20), strict=True):
        assert longest / 2 <= pause <= longest


def test_the_minute_s_last_answer_is_followed_by_a_pause_until_the_next_minute(fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grodt.bars.alpaca.BARS_PER_PAGE", 2)
    fake.allowed_in_a_window = 3
    desk = Desk(fake)
    assert desk.fetch("AAPL", "BRK.B", "MSFT").bars.height == 15
    assert len(fake.asked) == 9  # 8 pages of bars and one of actions, three in each minute
    assert len(desk.sleeper.pauses) == 2
    assert all(60 < pause <= 61.5 for pause in desk.sleeper.pauses)


def test_a_rate_limit_that_others_use_up_too_is_waited_out_until_the_instant_the_server_names(fake: FakeAlpaca) -> None:
    symbols = [f"S{number:04d}" for number in range(5 * SYMBOLS_AT_ONCE)]
    fake.bars = {symbol: [(WEEK[0], 10.0, 10.0, 10.0, 10.0, 1.0)] for symbol in symbols}
    fake.allowed_in_a_window = 2
    desk = Desk(fake, patience=Patience(at_once=4, tries=20))
    assert desk.fetch(*symbols).bars["symbol"].to_list() == symbols
    assert desk.sleeper.pauses
    assert all(0 <= pause <= 61.5 for pause in desk.sleeper.pauses)


def test_the_server_s_wait_does_not_depend_on_our_clock(fake: FakeAlpaca) -> None:
    fake.now = datetime(1999, 12, 31, 23, 0, tzinfo=UTC)
    fake.fail(Fault(429, b"{}", {"X-RateLimit-Reset": str(int((fake.now + timedelta(seconds=40)).timestamp()))}))
    fake.sip_is_subscribed = True
    desk = Desk(fake)
    desk.fetch("AAPL")
    (pause,) = desk.sleeper.pauses
    assert 40 <= pause <= 40.5


def test_a_server_that_asks_for_more_than_patience_is_not_asked_again(fake: FakeAlpaca, desk: Desk) -> None:
    fake.fail(Fault(503, b"maintenance", {"Retry-After": "3600"}))
    with pytest.raises(
        VendorUnavailable, match=r"in 1 try, at last HTTP 503 \(maintenance\); it asks to wait 3600 s, longer than the 90 s"
    ):
        desk.fetch("AAPL")
    assert desk.sleeper.pauses == []


DATE = "Fri, 01 Mar 2024 22:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {}, None),
        (503, {"Retry-After": "7"}, 7),
        (503, {"Retry-After": "Fri, 01 Mar 2024 22:00:09 GMT", "Date": DATE}, 9),
        (503, {"Retry-After": "Fri, 01 Mar 2024 21:00:00 GMT", "Date": DATE}, 0),
        (503, {"Retry-After": "Fri, 01 Mar 2024 22:00:09 GMT"}, None),
        (503, {"Retry-After": "soon", "Date": DATE}, None),
        (503, {"X-RateLimit-Reset": "1709330460", "Date": DATE}, None),
        (429, {"X-RateLimit-Reset": "1709330460", "Date": DATE}, 60),
        (429, {"X-RateLimit-Reset": "1709330400", "Date": DATE}, 0),
        (429, {"X-RateLimit-Reset": "1709330460", "Retry-After": "90", "Date": DATE}, 90),
        (429, {"X-RateLimit-Reset": "1709330460"}, None),
        (429, {"X-RateLimit-Reset": "-5", "Date": "yesterday"}, None),
    ],
)
def test_what_the_server_asks_to_wait(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked_for(status, httpx.Headers(headers)) == seconds


@given(
    st.dictionaries(
        st.sampled_from(["Retry-After", "X-RateLimit-Reset", "Date"]), st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"))
    )
)
def test_no_header_breaks_the_reading_of_it(headers: dict[str, str]) -> None:
    asked_for = pause_asked_for(429, httpx.Headers(headers))
    assert asked_for is None or asked_for >= 0


def test_one_part_that_fails_ends_the_others_and_gives_its_own_error(fake: FakeAlpaca) -> None:
    symbols = [f"S{number:04d}" for number in range(4 * SYMBOLS_AT_ONCE)]
    fake.fail(Fault(422, b'{"message": "bad"}'))
    with pytest.raises(ConfigError, match=r"daily bars of S\d{4}, .* and 195 more"):
        Desk(fake).fetch(*symbols)


# --- a question that is wrong


def test_a_wrong_key_names_the_two_variables_and_hides_the_secret(fake: FakeAlpaca) -> None:
    desk = Desk(fake, secret="hunter2")
    for call in (lambda: desk.fetch("AAPL"), lambda: desk.source.instruments(START)):
        with pytest.raises(ConfigError, match="correct APCA_API_KEY_ID and APCA_API_SECRET_KEY, and see that they belong to ") as caught:
            call()
        assert "hunter2" not in str(caught.value)
    assert desk.sleeper.pauses == []
    assert "hunter2" not in repr(Credentials(KEY, "hunter2"))


def test_fresh_sip_bars_without_a_subscription_name_the_feed(fake: FakeAlpaca, desk: Desk) -> None:
    fake.sip_is_subscribed = False
    fake.now = datetime(2024, 3, 1, 17, 5, tzinfo=UTC)  # in the session
    with pytest.raises(ConfigError, match=r"HTTP 403 \(subscription does not permit querying recent SIP data\); set the source's `feed`"):
        desk.fetch("AAPL")


def test_a_session_that_has_just_closed_early_may_be_asked_for_without_a_subscription(fake: FakeAlpaca, desk: Desk) -> None:
    fake.sip_is_subscribed = False
    day = date(2023, 11, 24)
    fake.now = XNYS.closes_at(day)
    fake.bars["AAPL"] = [(day, 1.0, 1.0, 1.0, 1.0, 1.0)]
    assert desk.fetch("AAPL", start=day, end=day).bars.height == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(400, b'{"message": "invalid symbol: a:b"}'), r"HTTP 400 \(invalid symbol: a:b\); correct the symbols or dates"),
        (Fault(422, b'{"code": 42210000, "message": "no"}'), r"HTTP 422 \(no\); correct the symbols or dates"),
        (Fault(404, b"404 page not found"), r"HTTP 404 \(404 page not found\); correct the source's `data_url`"),
        (Fault(301, b"", {"Location": "https://elsewhere.test/"}), r"HTTP 301 \(Moved Permanently\); correct the source's `data_url`"),
        (Fault(410, b'{"message": 5}'), r"HTTP 410 \(\{.message.: 5\}\)"),
        (Fault(403, b'{"message": "forbidden."}'), r"HTTP 403 \(forbidden\.\); correct APCA_API_KEY_ID"),
        (Fault(400, b"x" * 5000), r"HTTP 400 \(x{300}…\)"),
    ],
)
def test_a_refusal_says_what_to_fix_and_is_not_repeated(fake: FakeAlpaca, desk: Desk, fault: Fault, said: str) -> None:
    fake.fail(fault)
    with pytest.raises(ConfigError, match=r"source 'alpaca': daily bars of AAPL .*: Alpaca refuses: " + said):
        desk.fetch("AAPL")
    assert len(fake.asked) == 1


def test_a_symbol_that_cannot_be_one_is_named(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="invalid symbol: AAPL:NASDAQ"):
        desk.fetch("AAPL:NASDAQ")


# --- an answer that is wrong


def _page(record: str, symbol: str = "AAPL") -> bytes:
    return f'{{"bars": {{"{symbol}": [{record}]}}, "next_page_token": null}}'.encode()


GOOD = '{"t": "2024-02-26T05:00:00Z", "o": 1, "h": 2, "l": 1, "c": 2, "v": 3}'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"bars": {"AAPL": [{"t": "2024-02-', "daily bars of AAPL .*: the answer cannot be read: Invalid JSON: EOF"),
        (b"", "Invalid JSON: EOF"),
        (b"<html>Sign in</html>", "Invalid JSON: expected value"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[]", "Input should be an object"),
        (b'{"bars": {}}', "next_page_token: Field required"),
        (b'{"next_page_token": null}', "bars: Field required"),
        (b'{"bars": [], "next_page_token": null}', "bars: Input should be an object"),
        (b'{"bars": {}, "next_page_token": 5}', "next_page_token: Input should be a valid string"),
        (_page(GOOD.replace('"c": 2, ', "")), "bars.AAPL.0.c: Field required"),
        (_page(f"{GOOD}, {GOOD.replace('"h": 2', '"h": "2"')}"), r"bars.AAPL.1.h: Input should be a valid number \(given: '2'\)"),
        (_page(GOOD.replace('"v": 3', '"v": true')), "bars.AAPL.0.v: Input should be a valid number"),
        (_page(GOOD.replace('"v": 3', '"v": 1e999')), "bars.AAPL.0.v: Input should be a finite number"),
        (_page(GOOD.replace('"v": 3', '"v": NaN')), "bars.AAPL.0.v: Input should be a finite number"),
        (_page(GOOD.replace("2024-02-26T05:00:00Z", "yesterday")), "bars.AAPL.0.t: Input should be a valid datetime"),
        (_page(GOOD.replace("05:00:00Z", "05:00:00")), "bars.AAPL.0.t: Input should have timezone info"),
        (_page(GOOD.replace('"2024-02-26T05:00:00Z"', "1708923600")), "bars.AAPL.0.t: Input should be a valid datetime"),
        (_page("null"), "bars.AAPL.0: Input should be an object"),
    ],
)
def test_bars_that_cannot_be_read_name_symbol_and_field(fake: FakeAlpaca, desk: Desk, body: bytes, said: str) -> None:
    fake.fail(Fault(200, body, only=BARS))
    with pytest.raises(DataError, match=said) as caught:
        desk.fetch("AAPL")
    assert "; ask Alpaca" in str(caught.value)
    assert desk.sleeper.pauses == []


@pytest.mark.parametrize(("hours", "said"), [(5, "2024-02-26T05:00:00"), (-5, "2024-02-25T19:00:00"), (16, "2024-02-26T16:00:00")])
def test_a_stamp_that_is_no_midnight_in_new_york_leaves_the_session_in_doubt(fake: FakeAlpaca, desk: Desk, hours: int, said: str) -> None:
    fake.stamp = lambda day: datetime.combine(day, datetime.min.time(), NEW_YORK) + timedelta(hours=hours)
    with pytest.raises(DataError, match=f"AAPL: field t of a daily bar is {said}.*not midnight in America/New_York"):
        desk.fetch("AAPL", start=START - timedelta(days=1))


def test_pages_that_go_in_a_circle_are_noticed(fake: FakeAlpaca, desk: Desk) -> None:
    page = b'{"bars": {}, "next_page_token": "again"}'
    fake.fail(*[Fault(200, page, only=BARS)] * 2)
    with pytest.raises(DataError, match="page token 'again' comes twice"):
        desk.fetch("AAPL")


# --- corporate actions


def test_each_kind_that_can_be_expressed_is(fake: FakeAlpaca, desk: Desk) -> None:
    fake.act("forward_splits", symbol="AAPL", ex_date="2014-06-09", new_rate=7, old_rate=1, process_date="2014-06-09")
    fake.act("forward_splits", symbol="MSFT", ex_date="2015-01-05", new_rate=1.5, old_rate=1, process_date="2015-01-05")
    fake.act("reverse_splits", symbol="AAPL", ex_date="2023-08-24", new_rate=1, old_rate=50, process_date="2023-08-24")
    fake.act("stock_dividends", symbol="AAPL", ex_date="2023-09-05", rate=0.05, process_date="2023-09-05")
    fake.act("cash_dividends", symbol="AAPL", ex_date="2023-05-04", rate=0.125, payable_date="2023-05-19", process_date="2023-05-19")
    fake.act("cash_mergers", acquiree_symbol="GLOP", effective_date="2023-07-17", rate=5.37, process_date="2023-07-17")
    fake.act("redemptions", symbol="ORPHY", rate=0.141134, process_date="2023-06-13")
    fake.act("worthless_removals", symbol="ATNXQ", process_date="2023-10-11")
    fake.act("name_changes", old_symbol="FB", new_symbol="META", process_date="2022-06-09")
    rows = [tuple(row.values()) for row in desk.actions("AAPL", "MSFT", "GLOP", "ORPHY", "ATNXQ", "FB")]
    assert rows == [
        ("AAPL", date(2014, 6, 9), "split", None, 7, 1, None, None),
        ("AAPL", date(2023, 5, 4), "dividend", date(2023, 5, 19), None, None, Decimal("0.125"), None),
        ("AAPL", date(2023, 8, 24), "split", None, 1, 50, None, None),
        ("AAPL", date(2023, 9, 5), "split", None, 21, 20, None, None),
        ("ATNXQ", date(2023, 10, 11), "delisting", None, None, None, Decimal(0), None),
        ("FB", date(2022, 6, 9), "symbol_change", None, None, None, None, "META"),
        ("GLOP", date(2023, 7, 17), "delisting", None, None, None, Decimal("5.37"), None),
        ("MSFT", date(2015, 1, 5), "split", None, 3, 2, None, None),
        ("ORPHY", date(2023, 6, 13), "delisting", None, None, None, Decimal("0.141134"), None),
    ]
    assert desk.reported == []


@pytest.mark.parametrize(
    ("written", "read"), [("123456789.123457", "123456789.123457"), ("0.0000125", "0.000012"), ("1", "1"), ('"0.37"', "0.37")]
)
def test_money_goes_from_the_digits_of_the_json_to_decimal(fake: FakeAlpaca, desk: Desk, written: str, read: str) -> None:
    fake.act("cash_dividends", symbol="AAPL", ex_date="2023-05-04", rate=0.5, process_date="2023-05-04")
    fake.fail(Fault(spoil=lambda body: body.replace(b"0.5", written.encode()), only=ACTIONS))
    assert desk.actions("AAPL")[0]["cash_per_share"] == Decimal(read)


def test_an_action_is_found_by_its_ex_date_though_alpaca_finds_it_by_the_day_it_is_processed(fake: FakeAlpaca, desk: Desk) -> None:
    fake.act("cash_dividends", symbol="AAPL", ex_date="2024-02-28", rate=1, payable_date="2024-05-28", process_date="2024-05-28")
    fake.act("cash_dividends", symbol="AAPL", ex_date="2024-03-04", rate=2, payable_date="2024-02-28", process_date="2024-02-28")
    assert [row["cash_per_share"] for row in desk.actions("AAPL", start=START)] == [1]
    (early,) = desk.actions("AAPL", start=date(2024, 3, 4), end=date(2024, 3, 4))
    assert (early["cash_per_share"], early["pay_date"]) == (2, date(2024, 3, 4))  # owed from the ex date on


def test_two_dividends_of_one_day_add_up_and_a_record_that_comes_twice_counts_once(fake: FakeAlpaca, desk: Desk) -> None:
    usual = {"symbol": "AAPL", "ex_date": "2023-05-04", "rate": 0.25, "process_date": "2023-05-19", "special": False}
    fake.act("cash_dividends", **usual, payable_date="2023-05-19")
    fake.act("cash_dividends", **usual, payable_date="2023-05-19")
    fake.act("cash_dividends", **{**usual, "special": True}, payable_date="2023-06-01")
    (row,) = desk.actions("AAPL")
    assert (row["cash_per_share"], row["pay_date"]) == (Decimal("0.5"), date(2023, 6, 1))


def test_a_reverse_split_and_a_split_of_one_day_are_one_ratio(fake: FakeAlpaca, desk: Desk) -> None:
    fake.act("reverse_splits", symbol="AAPL", ex_date="2023-05-04", new_rate=1, old_rate=100, process_date="2023-05-04")
    fake.act("forward_splits", symbol="AAPL", ex_date="2023-05-04", new_rate=50, old_rate=1, process_date="2023-05-04")
    (row,) = desk.actions("AAPL")
    assert (row["ratio_new"], row["ratio_old"]) == (1, 2)


UNSUPPORTED: dict[str, dict[str, Any]] = {
    "name_changes": {"old_symbol": "FB", "new_cusip": "30303M102"},
    "stock_mergers": {"acquiree_symbol": "FB", "acquirer_symbol": "EXR", "effective_date": "2022-06-09", "acquirer_rate": 0.895},
    "stock_and_cash_mergers": {"acquiree_symbol": "FB", "acquirer_symbol": "EXR", "effective_date": "2022-06-09", "cash_rate": 7.8},
    "spin_offs": {"source_symbol": "FB", "new_symbol": "SRM", "ex_date": "2022-06-09"},
    "unit_splits": {"old_symbol": "FB", "new_symbol": "LVRO", "effective_date": "2022-06-09"},
    "rights_distributions": {"source_symbol": "FB", "new_symbol": "IFN.RTWI", "ex_date": "2022-06-09"},
    "something_new": {"symbol": "FB", "effective_date": None},
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_what_cannot_be_expressed_stops_nothing_and_is_reported_once(fake: FakeAlpaca, desk: Desk, kind: str) -> None:
    fake.bars["FB"] = fake.bars["AAPL"]
    fake.act(kind, **UNSUPPORTED[kind], process_date="2022-06-09")
    fake.act("cash_dividends", symbol="FB", ex_date="2023-05-04", rate=1, process_date="2023-05-04")
    for _ in range(2):
        assert [row["kind"] for row in desk.actions("FB", "AAPL")] == ["dividend"]
    (reported,) = desk.reported
    assert (reported.symbol, reported.on, reported.kind) == ("FB", date(2022, 6, 9), kind)
    assert reported.why


def test_a_change_of_ticker_is_an_action_of_the_old_one_and_of_its_day(fake: FakeAlpaca, desk: Desk) -> None:
    fake.act("name_changes", old_symbol="FB", new_symbol="META", process_date="2022-06-09")
    day = date(2022, 6, 9)
    (row,) = desk.actions("FB", "META", start=day, end=day)
    assert (row["symbol"], row["ex_date"], row["kind"], row["new_symbol"]) == ("FB", day, "symbol_change", "META")
    assert desk.actions("META") == desk.actions("FB", start=day + timedelta(days=1)) == []
    assert desk.reported == []


def test_a_change_of_name_under_which_the_ticker_stays_is_none(fake: FakeAlpaca, desk: Desk) -> None:
    fake.act("name_changes", old_symbol="FB", new_symbol="FB", old_cusip="A", new_cusip="B", process_date="2022-06-09")
    assert desk.actions("FB") == []
    assert desk.reported == []


def test_a_ticker_cannot_become_two(fake: FakeAlpaca, desk: Desk) -> None:
    for new in ("META", "FACE"):
        fake.act("name_changes", old_symbol="FB", new_symbol=new, process_date="2022-06-09")
    with pytest.raises(DataError, match="FB 2022-06-09: the ticker changes to both FACE and META"):
        desk.actions("FB")


def test_only_the_acquired_company_is_concerned_by_a_merger(fake: FakeAlpaca, desk: Desk) -> None:
    fake.act("cash_mergers", acquiree_symbol="GLOP", acquirer_symbol="AAPL", effective_date="2023-07-17", rate=5, process_date="2023-07-17")
    assert desk.actions("AAPL") == []


def test_a_dividend_of_nothing_is_reported_and_left_out(fake: FakeAlpaca, desk: Desk) -> None:
    fake.act("cash_dividends", symbol="AAPL", ex_date="2023-05-04", rate=0.0, process_date="2023-05-04")
    assert desk.actions("AAPL") == []
    assert [action.why for action in desk.reported] == ["a dividend of nothing is none"]


@pytest.mark.parametrize(
    ("kind", "record", "said"),
    [
        ("forward_splits", {"symbol": "AAPL", "ex_date": "2023-05-04", "new_rate": 2}, "AAPL.forward_splits.0.old_rate: Field required"),
        ("reverse_splits", {"symbol": "AAPL", "ex_date": "2023-05-04", "new_rate": 0, "old_rate": 5}, "AAPL.reverse_splits.0.new_rate"),
        ("forward_splits", {"symbol": "AAPL", "ex_date": "4 May", "new_rate": 2, "old_rate": 1}, "AAPL.forward_splits.0.ex_date"),
        (
            "forward_splits",
            {"symbol": "AAPL", "ex_date": "2023-05-04", "new_rate": True, "old_rate": 1},
            "new_rate: Value error, must be a",
        ),
        ("forward_splits", {"symbol": "AAPL", "ex_date": "2023-05-04", "new_rate": 1e-9, "old_rate": 7}, r"AAPL 2023-05-04: split ratio"),
        ("forward_splits", {"symbol": "AAPL", "ex_date": "2023-05-04", "new_rate": "1e-999999999", "old_rate": 1}, "new_rate: Decimal"),
        ("cash_dividends", {"symbol": "AAPL", "ex_date": "2023-05-04", "rate": "1e999999999"}, "AAPL.cash_dividends.0.rate"),
        ("cash_dividends", {"symbol": "AAPL", "ex_date": "2023-05-04", "rate": -1}, "AAPL.cash_dividends.0.rate: Input should be greater"),
        ("cash_dividends", {"symbol": "AAPL", "ex_date": "2023-05-04", "rate": float("nan")}, "AAPL.cash_dividends.0.rate"),
        ("cash_dividends", {"symbol": "AAPL", "ex_date": "2023-05-04", "rate": "much"}, "AAPL.cash_dividends.0.rate"),
        ("cash_dividends", {"symbol": "AAPL", "rate": 1}, "AAPL.cash_dividends.0.ex_date: Field required"),
        ("cash_mergers", {"acquiree_symbol": "AAPL", "rate": 1}, "AAPL.cash_mergers.0.effective_date: Field required"),
    ],
)
def test_an_action_that_cannot_be_read_names_symbol_and_field(
    fake: FakeAlpaca, desk: Desk, kind: str, record: dict[str, Any], said: str
) -> None:
    fake.act(kind, **record, process_date="2023-05-04")
    with pytest.raises(DataError, match=said):
        desk.actions("AAPL")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"corporate_actions": {"cash', "corporate actions of AAPL .*: the answer cannot be read: Unterminated string"),
        (b"\xff", "the answer cannot be read"),
        (b"[" * 100_000, "the answer cannot be read"),
        (b'{"corporate_actions": {"cash_dividends": [1]}, "next_page_token": null}', "corporate_actions.cash_dividends.0"),
        (b'{"corporate_actions": {}}', "next_page_token: Field required"),
        (b'{"next_page_token": null}', "corporate_actions: Field required"),
    ],
)
def test_actions_that_are_no_actions_are_an_error(fake: FakeAlpaca, desk: Desk, body: bytes, said: str) -> None:
    fake.fail(Fault(200, body, only=ACTIONS))
    with pytest.raises(DataError, match=said):
        desk.fetch("AAPL")


def test_an_unsupported_record_without_symbol_or_date_is_reported_all_the_same(fake: FakeAlpaca, desk: Desk) -> None:
    page = {"corporate_actions": {"riddles": [{"ex_date": "?", "what": 1}]}, "next_page_token": None}
    fake.fail(Fault(200, json.dumps(page).encode(), only=ACTIONS))
    desk.fetch("AAPL")
    assert [(action.symbol, action.on, action.kind) for action in desk.reported] == [("", None, "riddles")]


# --- instruments


def test_instruments_are_the_active_assets_of_exchanges_asked_for_once(fake: FakeAlpaca, desk: Desk) -> None:
    fake.list_asset("GONE", status="inactive")
    fake.list_asset("PINK", exchange="OTC")
    fake.list_asset("HARD", easy_to_borrow=False)
    fake.list_asset("MSFT", status="inactive")  # an earlier company of that ticker
    listed = desk.source.instruments(END)
    assert [(each.symbol, each.shortable) for each in listed] == [("AAPL", True), ("BRK.B", True), ("HARD", False), ("MSFT", True)]
    assert desk.source.instruments(START) == listed
    assert desk.source.unknown(["NOBODY", "GONE", "PINK", "AAPL"]) == ("NOBODY",)
    assert len(fake.asked_of(ASSETS)) == 1
    assert [each.symbol for each in Desk(fake, feed="otc").source.instruments(END)] == ["PINK"]


def test_a_list_of_assets_that_could_not_be_had_is_asked_for_again_by_the_next_who_needs_it(fake: FakeAlpaca) -> None:
    desk = Desk(fake, patience=Patience(tries=1))
    fake.fail(Fault(503))
    with pytest.raises(VendorUnavailable, match="the list of assets"):
        desk.source.instruments(END)
    assert desk.source.instruments(END)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "assets: Input should be a valid array"),
        (b'[{"symbol": "A B"}]', "assets.0.symbol: String should match"),
        (b"[1", "Invalid JSON"),
        (b'[{"symbol": "A", "status": "active", "exchange": "X", "shortable": "yes", "easy_to_borrow": true}]', "assets.0.shortable"),
    ],
)
def test_assets_that_cannot_be_read_are_an_error(fake: FakeAlpaca, desk: Desk, body: bytes, said: str) -> None:
    fake.fail(Fault(200, body, only=ASSETS))
    with pytest.raises(DataError, match=rf"the list of assets: the answer cannot be read: {said}"):
        desk.source.unknown(["AAPL"])


# --- payloads as the API shapes them


def _payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


@needs_payloads
def test_the_recorded_bars_are_read(fake: FakeAlpaca, desk: Desk) -> None:
    fake.fail(Fault(200, _payload("historical_stock_data__test_get_bars_0"), only=BARS))
    bars = desk.fetch("AAPL", start=date(2022, 2, 1), end=date(2022, 2, 2)).bars
    assert bars.rows() == [
        ("AAPL", date(2022, 2, 1), 174.0, 174.84, 172.31, 174.61, 85998033.0),
        ("AAPL", date(2022, 2, 2), 174.64, 175.88, 173.33, 175.84, 84817432.0),
    ]
    first, second = fake.asked_of(BARS)
    assert second == {**first, "page_token": "QUFQTHxEfDIwMjItMDItMDJUMDU6MDA6MDAuMDAwMDAwMDAwWg=="}


@needs_payloads
@pytest.mark.parametrize("name", ["multi", "single"])
def test_the_recorded_empty_answers_are_no_data(fake: FakeAlpaca, desk: Desk, name: str) -> None:
    fake.fail(Fault(200, _payload(f"historical_stock_data__test_get_bars_{name}_empty_response_0"), only=BARS))
    assert desk.fetch("AAPL").bars.is_empty()


@needs_payloads
def test_the_recorded_corporate_actions_are_read_or_reported_every_one(fake: FakeAlpaca, desk: Desk) -> None:
    fake.fail(Fault(200, _payload("corporate_actions__test_get_corporate_actions_0"), only=ACTIONS))
    recorded = json.loads(_payload("corporate_actions__test_get_corporate_actions_0"))["corporate_actions"]
    symbols = {value for records in recorded.values() for record in records for name, value in record.items() if name.endswith("symbol")}
    rows = {row["symbol"]: tuple(row.values())[1:] for row in desk.actions(*symbols, end=date(2024, 12, 31))}
    assert rows == {
        "ATNXQ": (date(2023, 10, 11), "delisting", None, None, None, Decimal(0), None),
        "BSAQ": (date(2023, 8, 15), "symbol_change", None, None, None, None, "VFS"),
        "FCF": (date(2023, 5, 4), "dividend", date(2023, 5, 19), None, None, Decimal("0.125"), None),
        "GLOP": (date(2023, 7, 17), "delisting", None, None, None, Decimal("5.37"), None),
        "MNTS": (date(2023, 8, 24), "split", None, 1, 50, None, None),
        "MSBC": (date(2023, 5, 19), "split", None, 21, 20, None, None),
        "ORPHY": (date(2023, 6, 13), "delisting", None, None, None, Decimal("0.141134"), None),
        "SRE": (date(2023, 8, 22), "split", None, 2, 1, None, None),
    }
    assert {(action.symbol, action.kind) for action in desk.reported} == {
        ("IFN", "rights_distributions"),
        ("JUPW", "spin_offs"),
        ("LSI", "stock_mergers"),
        ("MLVF", "stock_and_cash_mergers"),
        ("TPBAU", "unit_splits"),
    }


@needs_payloads
def test_the_recorded_asset_is_an_instrument(fake: FakeAlpaca, desk: Desk) -> None:
    fake.fail(Fault(200, b"[" + _payload("asset_routes__test_get_asset_0") + b"]", only=ASSETS))
    (apple,) = desk.source.instruments(END)
    assert (apple.symbol, apple.shortable, apple.currency) == ("AAPL", True, "USD")


# --- settings and key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"feed": "overnight"}, "feed"),
        ({"adjustment": "all"}, "'raw'"),
        ({"key": "x"}, "Extra inputs"),
        ({"data_url": "http://data.alpaca.markets"}, "must be the https URL of a host"),
        ({"data_url": "data.alpaca.markets"}, "must be the https URL of a host"),
        ({"data_url": "https://me:secret@data.alpaca.markets"}, "must be the https URL of a host"),
        ({"data_url": "https://data.alpaca.markets/v2"}, "must be the https URL of a host"),
        ({"data_url": "https://data.alpaca.markets:99999"}, "must be the https URL of a host"),
        ({"trading_url": "https://"}, "must be the https URL of a host"),
    ],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AlpacaSettings.model_validate({"feed": "iex", **change})


def test_a_slash_at_the_end_of_a_url_does_no_harm() -> None:
    assert AlpacaSettings(feed="iex", data_url="https://data.alpaca.markets/") == AlpacaSettings(feed="iex")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"APCA_API_SECRET_KEY": "s"}, "APCA_API_KEY_ID is not set; set APCA_API_KEY_ID and APCA_API_SECRET_KEY in the environment"),
        ({"APCA_API_KEY_ID": "k", "APCA_API_SECRET_KEY": " "}, "APCA_API_SECRET_KEY is not set; set APCA_API_KEY_ID and"),
        ({"APCA_API_KEY_ID": "k\nX: y", "APCA_API_SECRET_KEY": "s"}, "has characters that no key has"),
        ({"APCA_API_KEY_ID": "k", "APCA_API_SECRET_KEY": "sé"}, "has characters that no key has"),
    ],
)
def test_a_key_that_is_half_set_or_spoilt_names_both_variables(variables: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        from_environment(variables, VARIABLES, "alpaca")
    assert caught.value.exit_status == 2


def test_a_key_is_read_without_the_blanks_around_it() -> None:
    assert from_environment({"APCA_API_KEY_ID": " k ", "APCA_API_SECRET_KEY": "s\n"}, VARIABLES, "a") == Credentials("k", "s")
    assert from_environment({}, VARIABLES, "a") is None


def test_nothing_secret_is_logged(fake: FakeAlpaca, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        desk.fetch("AAPL")
    assert SECRET not in caplog.text
