"""Yahoo's chart endpoint on 127.0.0.1, as its answers show it.

The world is told as it was traded and paid. What is served is Yahoo's: prices, volumes and dividends divided by all later splits, prices as
32-bit floats, the session that goes on already with a bar, 8 days of minutes at once and 30 days of them at all.
"""

from datetime import UTC, date, datetime, time, timedelta
from email.message import Message
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from tests.fakes.http import FakeVendor, as_json

NEW_YORK = ZoneInfo("America/New_York")
OPEN, CLOSE = time(9, 30), time(16)
CHART = "/v8/finance/chart/"
MINUTES_AT_ONCE, MINUTES_REACH_BACK = timedelta(days=8), timedelta(days=30)

Numbers = tuple[float | None, float | None, float | None, float | None, float | None]


class FakeYahoo(FakeVendor):
    """Daily bars, minutes, splits (new, old) and dividends by symbol, raw."""

    def __init__(self, now: datetime = datetime(2024, 3, 2, 15, 0, tzinfo=UTC)) -> None:
        super().__init__(now)
        self.bars: dict[str, dict[date, Numbers]] = {}
        self.minutes: dict[str, dict[datetime, Numbers]] = {}
        self.splits: dict[str, dict[date, tuple[int, int]]] = {}
        self.dividends: dict[str, dict[date, float]] = {}

    def charts_asked(self) -> list[tuple[str, dict[str, str]]]:
        """Ticker and question of each request for a chart."""
        return [(asked.path.removeprefix(CHART), asked.question) for asked in self.asked if asked.path.startswith(CHART)]

    def answer(self, path: str, question: dict[str, str], headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a request."""
        if path == "/v1/test/getcrumb":
            return 200, b"crumb", {}
        if not path.startswith(CHART):
            return 404, b"<html></html>", {}
        symbol = path.removeprefix(CHART)
        if symbol not in self.bars:
            return _refusal(404, "Not Found", "No data found, symbol may be delisted")
        start, end = (datetime.fromtimestamp(int(question[name]), UTC) for name in ("period1", "period2"))
        if question["interval"] == "1m":
            if start < self.now - MINUTES_REACH_BACK:
                return _refusal(422, "Unprocessable Entity", "1m data not available. The requested range must be within the last 30 days.")
            if end - start > MINUTES_AT_ONCE:
                return _refusal(422, "Unprocessable Entity", "1m data not available. Only 8 days worth of 1m granularity data are allowed.")
            rows = {at: numbers for at, numbers in self.minutes.get(symbol, {}).items() if start <= at < end}
        else:
            rows = {_opens(day): numbers for day, numbers in self.bars[symbol].items() if start <= _opens(day) < end}
        if not rows:
            return _refusal(
                400, "Bad Request", f"Data doesn't exist for startDate = {question['period1']}, endDate = {question['period2']}"
            )
        return 200, as_json({"chart": {"result": [self._result(symbol, question["interval"], rows)], "error": None}}), {}

    def _result(self, symbol: str, interval: str, rows: dict[datetime, Numbers]) -> dict[str, Any]:
        stamps = sorted(rows)
        divisors = [self._divisor(symbol, at.astimezone(NEW_YORK).date()) for at in stamps]
        quote = {
            name: [_narrow(rows[at][number], by) for at, by in zip(stamps, divisors, strict=True)]
            for number, name in enumerate(("open", "high", "low", "close"))
        }
        volumes = [None if (volume := rows[at][4]) is None else round(volume * by) for at, by in zip(stamps, divisors, strict=True)]
        meta: dict[str, Any] = {"currency": "USD", "symbol": symbol, "instrumentType": "EQUITY", "exchangeTimezoneName": "America/New_York"}
        meta |= {"priceHint": 2, "validRanges": ["1d", "max"], "gmtoffset": -18000, "timezone": "EST"}
        first, last = stamps[0].astimezone(NEW_YORK).date(), stamps[-1].astimezone(NEW_YORK).date()
        if interval == "1m":
            days = sorted({at.astimezone(NEW_YORK).date() for at in stamps})
            meta["tradingPeriods"] = [
                [{"timezone": "EST", "start": _second(_opens(day)), "end": _second(_closes(day)), "gmtoffset": -18000}] for day in days
            ]
        dividends = {
            day: amount / self._divisor(symbol, day) for day, amount in self.dividends.get(symbol, {}).items() if first <= day <= last
        }
        splits = {day: ratio for day, ratio in self.splits.get(symbol, {}).items() if first <= day <= last}
        events: dict[str, Any] = {}
        if dividends:
            events["dividends"] = {
                str(_second(_opens(day))): {"amount": round(amount, 6), "date": _second(_opens(day))} for day, amount in dividends.items()
            }
        if splits:
            events["splits"] = {
                str(_second(_opens(day))): {
                    "date": _second(_opens(day)),
                    "numerator": new,
                    "denominator": old,
                    "splitRatio": f"{new}:{old}",
                }
                for day, (new, old) in splits.items()
            }
        indicators: dict[str, Any] = {"quote": [{**quote, "volume": volumes}]}
        if interval == "1d":
            indicators["adjclose"] = [{"adjclose": quote["close"]}]
        return {
            "meta": meta,
            "timestamp": [_second(at) for at in stamps],
            **({"events": events} if events else {}),
            "indicators": indicators,
        }

    def _divisor(self, symbol: str, day: date) -> float:
        """New shares that one share of that day has become."""
        return prod(new / old for ex_date, (new, old) in self.splits.get(symbol, {}).items() if ex_date > day)


def _refusal(status: int, code: str, why: str) -> tuple[int, bytes, dict[str, str]]:
    return status, as_json({"chart": {"result": None, "error": {"code": code, "description": why}}}), {}


def _narrow(price: float | None, divisor: float) -> float | None:
    return None if price is None else float(np.float32(price / divisor))


def _opens(day: date) -> datetime:
    return datetime.combine(day, OPEN, NEW_YORK).astimezone(UTC)


def _closes(day: date) -> datetime:
    return datetime.combine(day, CLOSE, NEW_YORK).astimezone(UTC)


def _second(at: datetime) -> int:
    return int(at.timestamp())
