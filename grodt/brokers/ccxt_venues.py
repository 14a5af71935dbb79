"""How the lists of a crypto venue are read whole.

ccxt has one way to ask and the venues have many ways to cut an answer short, so what is not named here is not traded at: a page that is
taken for the last would be a fill that nobody books, or an order that is sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from grodt.errors import BrokerUnavailable, ConfigError

type Row = Mapping[str, Any]
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rule(Protocol):
    """How one venue is asked. Every row is as ccxt tells it."""

    async def trades(self, venue: Any, symbols: Sequence[str], since: datetime, now: datetime) -> list[Row]:
        """The account's trades in those markets from an instant on, each once.

        Raises:
            BrokerUnavailable: it cannot be known that these are all.
        """
        ...

    async def over(self, venue: Any, symbol: str, venue_client_id: str) -> list[Row]:
        """Orders in a market under a client id; those that are open may be left out."""
        ...


@dataclass(frozen=True, slots=True)
class Windows:
    """Trades between two instants, both told, at most `page` of them: a window whose page is full is halved. One order by client id.

    Attributes:
        length: of a window, the longest that the venue answers.
        page: rows at most, and asked for.
    """

    length: timedelta
    page: int

    async def trades(self, venue: Any, symbols: Sequence[str], since: datetime, now: datetime) -> list[Row]:
        """See `Rule.trades`."""
        found: dict[tuple[str, str], Row] = {}
        for symbol in symbols:
            begin, last = _milliseconds(since), _milliseconds(now)
            while begin <= last:
                end = begin + self.length // _MILLISECOND - 1
                found |= {(symbol, str(row["id"])): row for row in await self._between(venue, symbol, begin, end)}
                begin = end  # a millisecond is asked for twice, so that neither bound needs to be inclusive
        return list(found.values())

    async def _between(self, venue: Any, symbol: str, begin: int, end: int) -> list[Row]:
        page = list(await venue.fetch_my_trades(symbol, begin, self.page, {"until": end}))
        strays = [row["id"] for row in page if not begin <= int(row["timestamp"]) <= end]
        if strays:
            raise BrokerUnavailable(f"{symbol}: asked from {_at(begin)} to {_at(end)}, the venue told trade {strays[0]} of another time")
        if len(page) < self.page:
            return page
        if end - begin < 2:
            raise BrokerUnavailable(f"{symbol}: a page of {self.page} trades at {_at(begin)}, and no way to the rest; ask the venue")
        half = (begin + end) // 2
        return [*await self._between(venue, symbol, begin, half), *await self._between(venue, symbol, half, end)]

    async def over(self, venue: Any, symbol: str, venue_client_id: str) -> list[Row]:
        """See `Rule.over`."""
        import ccxt

        try:
            return [await venue.fetch_order("", symbol, {"clientOrderId": venue_client_id})]
        except ccxt.OrderNotFound:
            return []


@dataclass(frozen=True, slots=True)
class Offsets:
    """Trades of all markets, newest first, by how many rows are left out: to the page that is empty. Orders that are over by client id."""

    async def trades(self, venue: Any, symbols: Sequence[str], since: datetime, now: datetime) -> list[Row]:
        """See `Rule.trades`. No instant and no market is told to ccxt, which would leave rows out of a page and not say so."""
        del now
        found: dict[str, Row] = {}
        start, offset = _milliseconds(since) // 1000 - 1, 0
        while page := await venue.fetch_my_trades(None, None, None, {"start": start, "ofs": offset}):
            new = {str(row["id"]): row for row in page if str(row["id"]) not in found}
            if not new:  # what trades meanwhile pushes a few rows into the next page, and never all
                raise BrokerUnavailable(f"the venue told the page of trades at offset {offset} before; run again later")
            found |= new
            offset += len(page)
        return [row for row in found.values() if row["symbol"] in symbols and int(row["timestamp"]) >= _milliseconds(since)]

    async def over(self, venue: Any, symbol: str, venue_client_id: str) -> list[Row]:
        """See `Rule.over`."""
        rows = list(await venue.fetch_closed_orders(None, None, None, {"clientOrderId": venue_client_id}))
        others = [row["id"] for row in rows if row.get("clientOrderId") != venue_client_id or row["symbol"] != symbol]
        if others:
            raise BrokerUnavailable(f"{symbol}: asked for the orders under {venue_client_id}, the venue told {others[0]}; ask the venue")
        return rows


#: By the venues' own documents: Binance's spot `myTrades` answers for 24 hours and 1,000 rows, Kraken's `TradesHistory` takes `ofs`.
VENUES: dict[str, Rule] = {"binance": Windows(timedelta(days=1), 1000), "kraken": Offsets()}


def rule_of(venue: str) -> Rule:
    """How a venue is asked.

    Raises:
        ConfigError: that is not known.
    """
    if venue not in VENUES:
        raise ConfigError(
            f"venue {venue!r}: how its lists are read whole is not stated, so a fill could be missed; broker kind ccxt trades at "
            f"{', '.join(sorted(VENUES))}"
        )
    return VENUES[venue]


def _milliseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MILLISECOND


def _at(milliseconds: int) -> str:
    return f"{_EPOCH + milliseconds * _MILLISECOND:%Y-%m-%d %H:%M:%S.%f}"
