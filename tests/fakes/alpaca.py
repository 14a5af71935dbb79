"""Alpaca's data and asset endpoints on 127.0.0.1, as its documentation and answers show them.

It pages over all symbols together, sorted by symbol and time, and names a sequel whenever a page is full, even when the sequel is empty.
Corporate actions are found by the day they are processed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from typing import Any
from zoneinfo import ZoneInfo

from tests.fakes.http import FakeVendor, Fault, as_json

__all__ = ["KEY", "NEW_YORK", "SECRET", "FakeAlpaca", "Fault"]

KEY, SECRET = "PKTEST", "s3cret"
NEW_YORK = ZoneInfo("America/New_York")
RATE_WINDOW = timedelta(minutes=1)
SIP_DELAY = timedelta(minutes=15)
FEEDS = ("iex", "sip", "delayed_sip", "otc", "boats", "overnight")
_OF_AN_ACCOUNT = ("/v2/assets", "/v2/account", "/v2/orders", "/v2/positions")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.]*")


class FakeAlpacaHost(FakeVendor):
    """One of Alpaca's hosts: the key, and so many requests a minute."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.allowed_in_a_window: int | None = None
        self._window_began = now
        self._used = 0

    def admitted(self, path: str, headers: Message) -> tuple[tuple[int, bytes, dict[str, str]] | None, dict[str, str]]:
        """A refusal, where the key is wrong or its minute used up; and the headers that tell of the limit."""
        if headers.get("APCA-API-KEY-ID") != KEY or headers.get("APCA-API-SECRET-KEY") != SECRET:
            return (401 if path.startswith(_OF_AN_ACCOUNT) else 403, as_json({"message": "forbidden."}), {}), {}
        if self.allowed_in_a_window is None:
            return None, {}
        with self._lock:
            if self.now >= self._window_began + RATE_WINDOW:
                self._window_began, self._used = self.now, 0
            reset = int((self._window_began + RATE_WINDOW).timestamp()) + 1
            left = self.allowed_in_a_window - self._used
            limits = {"X-RateLimit-Remaining": str(max(0, left - 1)), "X-RateLimit-Reset": str(reset)}
            if left <= 0:
                return (429, as_json({"message": "too many requests."}), limits), limits
            self._used += 1
        return None, limits


class FakeAlpaca(FakeAlpacaHost):
    """The world that is served. Bars are (session, open, high, low, close, volume) by symbol, minutes (start, …); actions are by kind."""

    def __init__(self, now: datetime = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)) -> None:
        super().__init__(now)
        self.bars: dict[str, list[tuple[date, float, float, float, float, float]]] = {}
        self.minutes: dict[str, list[tuple[datetime, float, float, float, float, float]]] = {}
        self.actions: dict[str, list[dict[str, Any]]] = {}
        self.assets: list[dict[str, Any]] = []
        self.stamp: Callable[[date], datetime] = lambda day: datetime.combine(day, datetime.min.time(), NEW_YORK)
        self.sip_is_subscribed = True

    def list_asset(self, symbol: str, **changes: Any) -> None:
        """Add an asset, active and shortable unless said otherwise."""
        plain = {"id": f"id-{symbol}-{len(self.assets)}", "class": "us_equity", "exchange": "NASDAQ", "symbol": symbol, "status": "active"}
        self.assets.append({**plain, "tradable": True, "shortable": True, "easy_to_borrow": True, **changes})

    def act(self, kind: str, **record: Any) -> None:
        """Add a corporate action of that kind; dates as text."""
        self.actions.setdefault(kind, []).append({"id": f"{kind}-{len(self.actions.get(kind, []))}", **record})

    def answer(self, path: str, question: dict[str, str], headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a request."""
        refusal, limits = self.admitted(path, headers)
        if refusal is not None:
            return refusal
        answers = {"/v2/stocks/bars": self._bars, "/v1/corporate-actions": self._actions, "/v2/assets": self._assets}
        if path not in answers:
            return 404, b"404 page not found", limits
        status, content = answers[path](question)
        return status, as_json(content), limits

    def _bars(self, question: dict[str, str]) -> tuple[int, Any]:
        limit = int(question.get("limit", "1000"))
        symbols = sorted(question["symbols"].split(","))
        odd = [symbol for symbol in symbols if not _SYMBOL.fullmatch(symbol)]
        if odd:
            return 400, {"message": f"invalid symbol: {odd[0]}"}
        if not 1 <= limit <= 10_000:
            return 400, {"message": "limit must be between 1 and 10000"}
        if question.get("adjustment", "raw") != "raw" or question.get("asof") != "-":
            return 400, {"message": "this fake knows raw bars without symbol mapping alone"}
        if question.get("feed") not in FEEDS:
            return 400, {"message": f"invalid feed: {question.get('feed')}"}
        start, end = (datetime.fromisoformat(question[name]) for name in ("start", "end"))
        if end < start:
            return 400, {"message": "end should not be before start"}
        if question["feed"] == "sip" and not self.sip_is_subscribed and end > self.now - SIP_DELAY:
            return 403, {"message": "subscription does not permit querying recent SIP data"}
        match question.get("timeframe"):
            case "1Day":
                stamped = {symbol: [(self.stamp(bar[0]), bar[1:]) for bar in bars] for symbol, bars in self.bars.items()}
            case "1Min":
                stamped = {symbol: [(bar[0], bar[1:]) for bar in bars] for symbol, bars in self.minutes.items()}
            case other:
                return 400, {"message": f"invalid timeframe: {other}"}
        rows = [
            (symbol, stamp, numbers)
            for symbol in dict.fromkeys(symbols)
            for stamp, numbers in sorted(stamped.get(symbol, []))
            if start <= stamp <= end
        ]
        page, token = _page(rows, question, limit)
        bars: dict[str, list[dict[str, Any]]] = {}
        for symbol, stamp, (o, h, l, c, v) in page:  # noqa: E741
            bars.setdefault(symbol, []).append({"t": _utc(stamp), "o": o, "h": h, "l": l, "c": c, "v": v, "n": 7, "vw": c})
        return 200, {"bars": bars, "next_page_token": token}

    def _actions(self, question: dict[str, str]) -> tuple[int, Any]:
        limit = int(question.get("limit", "100"))
        if not 1 <= limit <= 1_000:
            return 400, {"message": "limit must be between 1 and 1000"}
        wanted = set(question["symbols"].split(","))
        found = sorted(
            (
                (record.get("process_date", ""), kind, number, record)
                for kind, records in self.actions.items()
                for number, record in enumerate(records)
                if wanted & {value for name, value in record.items() if name.endswith("symbol")}
                and question["start"] <= record.get("process_date", question["start"]) <= question["end"]
            ),
            key=lambda row: row[:3],
        )
        page, token = _page(found, question, limit)
        by_kind: dict[str, list[Any]] = {}
        for _, kind, _, record in page:
            by_kind.setdefault(kind, []).append(record)
        return 200, {"corporate_actions": by_kind, "next_page_token": token}

    def _assets(self, question: dict[str, str]) -> tuple[int, Any]:
        status = question.get("status")
        return 200, [asset for asset in self.assets if status is None or asset["status"] == status]


def _page[R](rows: Sequence[R], question: Mapping[str, str], limit: int) -> tuple[Sequence[R], str | None]:
    """The page that the token names. A token that is not this fake's own (of a recorded payload) names the end."""
    told = re.fullmatch(r"row\+(\d+)/==", question.get("page_token", "row+0/=="))
    at = int(told[1]) if told else len(rows)
    page = rows[at : at + limit]
    return page, f"row+{at + limit}/==" if len(page) == limit else None


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
