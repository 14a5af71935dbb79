"""Alpaca's lists of orders and activities, to their last page.

Orders are paged by the instant they were submitted, whose bounds are exclusive: each page begins a microsecond early, so that of two
orders of one instant none is lost between two pages, and what comes twice is seen once. Activities are paged by the last id.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, TypeAdapter

from grodt.brokers.alpaca_cash import CASH_ACTIVITIES, AlpacaCashActivity
from grodt.brokers.alpaca_http import TradingHttp
from grodt.brokers.alpaca_payloads import ACTIVITIES, ORDERS, AlpacaActivity, AlpacaOrder
from grodt.errors import DataError

ORDERS_PER_PAGE = 500
ACTIVITIES_PER_PAGE = 100
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Latest:
    """Orders that were looked for.

    Attributes:
        rows: those that were found, by what they were looked for by.
        is_whole: whether every order of the account was seen, so that what was not found is not there.
    """

    rows: dict[str, AlpacaOrder]
    is_whole: bool


class Listing:
    """Lists of one account."""

    def __init__(self, http: TradingHttp, url: str) -> None:
        self._http = http
        self._url = url

    async def open_orders(self) -> list[AlpacaOrder]:
        """Every order that may still fill.

        Raises:
            VendorUnavailable, ConfigError, DataError: see `TradingHttp.read`; or more orders of one instant than a page has.
        """
        rows: dict[str, AlpacaOrder] = {}
        after: datetime | None = None
        while True:
            page = await self._page("open", "asc", {} if after is None else {"after": _written(after)}, "open orders")
            if not _adds(rows, page, ORDERS_PER_PAGE, "open orders"):
                return list(rows.values())
            after = max(map(_submitted, page)) - _TICK

    async def latest(self, wanted: Collection[str], key: Callable[[AlpacaOrder], str]) -> Latest:
        """Look for orders, the latest first, for as long as a page is cheaper than asking for what is missing one by one.

        Raises:
            VendorUnavailable, ConfigError, DataError: as `open_orders`.
        """
        missing = set(wanted)
        seen: dict[str, AlpacaOrder] = {}
        found: dict[str, AlpacaOrder] = {}
        until: datetime | None = None
        in_vain = 0
        while in_vain < len(missing):
            page = await self._page("all", "desc", {} if until is None else {"until": _written(until)}, "orders")
            hits = {key(row): row for row in page if key(row) in missing}
            found |= hits
            missing -= hits.keys()
            in_vain = 0 if hits else in_vain + 1
            if not _adds(seen, page, ORDERS_PER_PAGE, "orders"):
                return Latest(found, is_whole=True)
            until = min(map(_submitted, page)) + _TICK
        return Latest(found, is_whole=False)

    async def activities(self, after: datetime) -> list[AlpacaActivity]:
        """Fills after an instant, each once; one that is told again otherwise is there in both ways.

        Raises:
            VendorUnavailable, ConfigError, DataError: see `TradingHttp.read`; or the pages go in a circle.
        """
        return await self._activities(ACTIVITIES, "activities/FILL", {"after": _written(after)}, lambda row: row.id, "fills")

    async def cash_activities(self, after: datetime) -> list[AlpacaCashActivity]:
        """What moved cash apart from fills after an instant, likewise.

        Raises:
            VendorUnavailable, ConfigError, DataError: as `activities`.
        """
        bounds = {"category": "non_trade_activity", "after": _written(after)}
        return await self._activities(CASH_ACTIVITIES, "activities", bounds, lambda row: row.id, "activities of cash")

    async def _activities[R: BaseModel](
        self, model: TypeAdapter[list[R]], path: str, bounds: dict[str, str], id_of: Callable[[R], str], about: str
    ) -> list[R]:
        rows: dict[R, None] = {}
        question = {**bounds, "direction": "asc", "page_size": str(ACTIVITIES_PER_PAGE)}
        while True:
            page = await self._http.read(model, f"{self._url}/v2/account/{path}", question, about=about)
            known = len(rows)
            rows |= dict.fromkeys(page)
            if len(page) < ACTIVITIES_PER_PAGE:
                return list(rows)
            if len(rows) == known:
                circle = f"Alpaca's pages go in a circle after {id_of(page[-1])}"
                raise DataError(f"{about}: {circle}; nothing is booked: run again, and ask Alpaca")
            question = {**question, "page_token": id_of(page[-1])}

    async def _page(self, status: str, direction: str, bound: dict[str, str], about: str) -> list[AlpacaOrder]:
        question = {"status": status, "direction": direction, "limit": str(ORDERS_PER_PAGE), "nested": "false", **bound}
        return await self._http.read(ORDERS, f"{self._url}/v2/orders", question, about=about)


def _adds(rows: dict[str, AlpacaOrder], page: list[AlpacaOrder], full: int, about: str) -> bool:
    """Add a page; whether another may follow."""
    known = len(rows)
    rows |= {row.id: row for row in page}
    if len(page) < full:
        return False
    if len(rows) == known:
        raise DataError(f"{about}: Alpaca has more than {full} of one instant, and pages by instants; cancel some of them there")
    return True


def _submitted(row: AlpacaOrder) -> datetime:
    return row.submitted_at or row.created_at


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
