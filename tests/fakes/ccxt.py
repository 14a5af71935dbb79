"""A crypto venue on 127.0.0.1: Coinbase Exchange's market data, as its documentation and answers show it.

Candles come newest first, 300 of a stretch at most; a stretch without trades has none; the day or minute that goes on has one already. A
stretch for more than 300 candles is refused. A request with a key must carry the right one.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

from tests.fakes.http import FakeVendor, as_json

VENUE = "coinbaseexchange"
MOST = 300
WIDTHS = {"60": timedelta(minutes=1), "86400": timedelta(days=1)}

#: (start, open, high, low, close, volume)
Candle = tuple[datetime, float, float, float, float, float]


class FakeVenue(FakeVendor):
    """The market that is served: candles by symbol (BTC/USD) and width."""

    def __init__(self, now: datetime = datetime(2024, 3, 2, 9, 30, 15, tzinfo=UTC)) -> None:
        super().__init__(now)
        self.days: dict[str, list[Candle]] = {}
        self.minutes: dict[str, list[Candle]] = {}
        self.products: list[dict[str, Any]] = []
        self.gives_at_most = MOST
        self.changes: Callable[[list[list[Any]]], list[list[Any]]] = lambda rows: rows

    def list_market(self, symbol: str, **changes: Any) -> None:
        """Add a market, online unless said otherwise."""
        base, quote = symbol.split("/")
        plain = {
            "id": f"{base}-{quote}",
            "base_currency": base,
            "quote_currency": quote,
            "quote_increment": "0.01",
            "base_increment": "0.00000001",
        }
        self.products.append(
            {**plain, "display_name": symbol, "min_market_funds": "1", "status": "online", "margin_enabled": False, **changes}
        )

    def candles_asked(self) -> list[dict[str, str]]:
        """The questions for candles, in the order they came."""
        return [asked.question for asked in self.asked if asked.path.endswith("/candles")]

    def answer(self, path: str, question: dict[str, str], headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a request."""
        if path == "/currencies":
            names = sorted({product[side] for product in self.products for side in ("base_currency", "quote_currency")})
            return (
                200,
                as_json([{"id": name, "name": name, "max_precision": "0.01", "status": "online", "details": {}} for name in names]),
                {},
            )
        if path == "/products":
            return 200, as_json(self.products), {}
        parts = path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "products" and parts[2] == "candles":
            return self._candles(parts[1], question)
        return 404, as_json({"message": "NotFound"}), {}

    def _candles(self, product: str, question: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if product not in {each["id"] for each in self.products}:
            return 404, as_json({"message": "NotFound"}), {}
        width = WIDTHS.get(question["granularity"])
        if width is None:
            return 400, as_json({"message": "Unsupported granularity"}), {}
        start, end = (datetime.fromisoformat(question[name]) for name in ("start", "end"))
        if (end - start) / width >= MOST:
            return (
                400,
                as_json({"message": "granularity too small for the requested time range. Count of aggregations requested exceeds 300"}),
                {},
            )
        served = (self.days if width == WIDTHS["86400"] else self.minutes).get(product.replace("-", "/"), [])
        found = sorted(candle for candle in served if start <= candle[0] <= end and candle[0] <= self.now)[: self.gives_at_most]
        rows = [[int(at.timestamp()), low, high, opened, close, volume] for at, opened, high, low, close, volume in reversed(found)]
        return 200, as_json(self.changes(rows)), {}
