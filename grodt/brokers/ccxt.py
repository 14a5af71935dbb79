"""An account at a crypto venue, over ccxt's asynchronous client.

Some venues take the same client id twice. So an order is looked for under our id before it is sent, and it is sent once: what ccxt names a
refusal of the order is one; whatever else goes wrong says nothing, and the order is looked up before anything else happens. Lists are read
page by page, from an instant on, until a page brings nothing new.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from grodt.bars.credentials import Credentials
from grodt.brokers.ccxt_payloads import (
    broker_cash,
    broker_fill,
    broker_order,
    broker_positions,
    is_of,
    kind_problem,
    venue_client_id,
)
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.own_loop import OwnLoop
from grodt.brokers.protocol import BrokerOrder
from grodt.errors import BrokerUnavailable, ConfigError, OrderOutcomeUnknown
from grodt.money import Micros, decimal
from grodt.orders.fill import Fill
from grodt.orders.order import Order
from grodt.orders.states import OPEN, OrderState
from grodt.sessions import Calendar

#: Seconds in which a question must be answered, all its pages together.
ANSWER_SECONDS = 60.0
#: How far back an order is looked for that is over; open ones are found however old they are.
LOOK_BACK = timedelta(days=60)
_MOST_PAGES = 200
_TAKEN_ALREADY = "client_order_id must be unique"
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def client_class(book: str, account: CcxtAccount, credentials: Credentials) -> Callable[[], Any]:
    """What makes a client.

    Raises:
        ConfigError: ccxt is not installed, or does not know the venue.
    """
    try:
        import ccxt.async_support as ccxt
    except ImportError as error:
        raise ConfigError(
            f"broker of book {book!r} is of kind ccxt and {error.name} is not installed; install it with `uv sync --extra crypto`"
        ) from None
    if account.venue not in ccxt.exchanges:
        raise ConfigError(f"broker of book {book!r}: ccxt {ccxt.__version__} knows no venue {account.venue!r}")

    def made() -> Any:
        client = getattr(ccxt, account.venue)({"apiKey": credentials.key, "secret": credentials.secret, "enableRateLimit": True})
        client.number = str  # exact, and not through floats
        client.options["warnOnFetchOpenOrdersWithoutSymbol"] = False
        if account.account == "sandbox":
            client.set_sandbox_mode(True)
        return client

    return made


class CcxtBroker:
    """A `Broker` over one account. Nothing is asked before the first question. Safe to share between threads: they take turns."""

    def __init__(
        self,
        book: str,
        account: CcxtAccount,
        calendar: Calendar,
        *,
        client: Callable[[], Any],
        ours: Callable[[], Mapping[str, str]],
        now: Callable[[], datetime],
        hidden_in: Callable[[str], str] = str,
    ) -> None:
        """Put its parts together.

        Args:
            book: whose account it is, for messages.
            account: which.
            calendar: the sessions that fills are counted to.
            client: makes a client of ccxt, inside the event loop; its numbers are texts.
            ours: every order of the book that the ledger has, as symbol by id. Asked when the venue names an id that is not known yet.
            now: the clock.
            hidden_in: a text without the account's key, as the venue's own words may repeat it.
        """
        self._asker = f"broker of book {book!r}"
        self._account = account
        self._calendar = calendar
        self._client = client
        self._ours = ours
        self._now = now
        self._hidden_in = hidden_in
        self._loop = OwnLoop("ccxt")
        self._venue: Any = None
        self._symbols: dict[str, str] = {}  # by our id
        self._by_venue: dict[str, str] = {}  # our id by the venue's client id

    def close(self) -> None:
        """Close its connections."""
        if self._venue is not None:
            self._loop.run(self._venue.close)
        self._loop.close()

    # orders

    def submit(self, order: Order, session: date) -> BrokerOrder:
        """See `Broker.submit`. A market order for the next open is sent as one for now: the session after has begun."""
        del session
        problem = kind_problem(order)
        if problem:
            return _refused(order, problem)
        self._know({order.client_order_id: order.symbol})
        try:
            return self._asked(lambda venue: self._submit(venue, order))
        except BrokerUnavailable as error:
            raise OrderOutcomeUnknown(f"order {order.client_order_id}: {error}") from None

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """See `Broker.find`."""
        return self.orders([client_order_id]).get(client_order_id)

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        """See `Broker.orders`. An id that neither this process nor the ledger knows was never sent."""
        self._learn(client_order_ids)
        symbols = {each: self._symbols[each] for each in client_order_ids if each in self._symbols}
        told = self._asked(lambda venue: self._told(venue, sorted(set(symbols.values())))) if symbols else {}
        return {each: broker_order(told[each], each) for each in sorted(symbols) if each in told}

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        """See `Broker.open_orders`. Orders of others in the account are among them."""
        rows = self._asked(lambda venue: venue.fetch_open_orders())
        known = (broker_order(row, name) for name, row in self._named(rows).items())
        found = (each for each in known if each.state in {*OPEN, OrderState.UNKNOWN})
        return tuple(sorted(found, key=lambda each: each.client_order_id))

    def cancel(self, client_order_id: str) -> None:
        """See `Broker.cancel`."""
        found = self.find(client_order_id)
        if found is not None and found.state in {*OPEN, OrderState.UNKNOWN}:
            self._asked(lambda venue: self._cancel(venue, found))

    # the book

    def fills(self, since: date) -> tuple[Fill, ...]:
        """See `Broker.fills`; of the markets that the book has ordered in. A fill belongs to the session of its day."""
        self._know(self._ours())
        symbols = sorted(set(self._symbols.values()))
        return self._asked(lambda venue: self._fills(venue, symbols, since)) if symbols else ()

    def positions(self) -> Mapping[str, Decimal]:
        """See `Broker.positions`: each coin but the quote, as its market."""

        async def told(venue: Any) -> dict[str, Decimal]:
            balance = await venue.fetch_balance()
            return broker_positions(balance, list(await venue.load_markets()), self._account.quote)

        return self._asked(told)

    def cash(self) -> Micros:
        """See `Broker.cash`: what is held of the quote currency."""
        return broker_cash(self._asked(lambda venue: venue.fetch_balance()), self._account.quote)

    # below: for the methods above

    def _asked[R](self, ask: Callable[[Any], Awaitable[R]]) -> R:
        import ccxt

        async def answer() -> R:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if self._venue is None:
                        self._venue = self._client()
                    return await ask(self._venue)
            except (ccxt.AuthenticationError, ccxt.NotSupported, ccxt.ArgumentsRequired) as error:
                raise ConfigError(
                    f"{self._asker}: {self._account.venue} ({self._account.account}): {self._said(error)}; correct the key "
                    f"{self._account.key_name}, or name another venue"
                ) from None
            except (ccxt.BaseError, OSError, TimeoutError) as error:
                raise BrokerUnavailable(
                    f"{self._asker}: no answer from {self._account.venue}: {self._said(error)}; run again later"
                ) from None

        return self._loop.run(answer)

    def _said(self, error: Exception) -> str:
        return f"{type(error).__name__} {self._hidden_in(str(error))}"

    def _know(self, symbols: Mapping[str, str]) -> None:
        self._symbols.update(symbols)
        self._by_venue.update({venue_client_id(each): each for each in symbols})

    def _learn(self, client_order_ids: Sequence[str]) -> None:
        if any(each not in self._symbols for each in client_order_ids):
            self._know(self._ours())

    def _named(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """Rows by our id, or by the venue's where an order is none of ours."""
        if any(row.get("clientOrderId") not in self._by_venue for row in rows):
            self._know(self._ours())
        return {self._by_venue.get(row.get("clientOrderId") or "", f"{self._account.venue} {row['id']}"): row for row in rows}

    async def _told(self, venue: Any, symbols: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Orders of those markets by our id, those that are over too."""
        since = self._now() - LOOK_BACK
        rows: list[Mapping[str, Any]] = []
        for symbol in symbols:
            rows += await venue.fetch_open_orders(symbol)  # first: what is over meanwhile is in the next list too, and that one counts
            if venue.has.get("fetchOrders"):
                rows += await _pages(venue.fetch_orders, symbol, since)
                continue
            rows += await _pages(venue.fetch_closed_orders, symbol, since)
            if venue.has.get("fetchCanceledOrders"):
                rows += await _pages(venue.fetch_canceled_orders, symbol, since)
        return self._named(rows)

    async def _submit(self, venue: Any, order: Order) -> BrokerOrder:
        import ccxt

        known = (await self._told(venue, [order.symbol])).get(order.client_order_id)
        if known is not None:
            return broker_order(known, order.client_order_id) if is_of(known, order) else _refused(order, _TAKEN_ALREADY)
        price = None if order.price is None else f"{decimal(order.price).normalize():f}"
        told: dict[str, Any] = {"clientOrderId": venue_client_id(order.client_order_id)}
        if order.time_in_force in ("ioc", "fok"):
            told["timeInForce"] = order.time_in_force.upper()
        try:
            row = await venue.create_order(order.symbol, order.order_type, order.side.value, order.quantity, price, told)
        except (ccxt.InsufficientFunds, ccxt.InvalidOrder, ccxt.BadRequest) as error:
            if isinstance(error, ccxt.DuplicateOrderId):
                raise OrderOutcomeUnknown(f"order {order.client_order_id}: {error}; the venue has an order under this id") from None
            return _refused(order, self._hidden_in(str(error)))
        if row.get("status") is None or row.get("amount") is None:  # venues that acknowledge with an id alone
            found = (await self._told(venue, [order.symbol])).get(order.client_order_id)
            if found is None:
                raise OrderOutcomeUnknown(f"order {order.client_order_id}: acknowledged as {row.get('id')}, and not in the list yet")
            row = found
        return broker_order(row, order.client_order_id)

    async def _cancel(self, venue: Any, found: BrokerOrder) -> None:
        import ccxt

        try:
            await venue.cancel_order(found.venue_order_id, found.symbol)
        except (ccxt.OrderNotFound, ccxt.InvalidOrder):  # it is over meanwhile
            return

    async def _fills(self, venue: Any, symbols: Sequence[str], since: date) -> tuple[Fill, ...]:
        begin = datetime.combine(self._calendar.previous(since), time.min, self._calendar.zone).astimezone(UTC)
        trades: list[Mapping[str, Any]] = []
        for symbol in symbols:
            trades += await _pages(venue.fetch_my_trades, symbol, begin)
        dated = [(self._session_of(each), each) for each in trades]
        wanted = [pair for pair in dated if pair[0] >= since]
        ordered = {(str(each["symbol"]), str(each.get("order"))) for _, each in wanted}
        known = await self._told(venue, sorted({symbol for symbol, _ in ordered})) if ordered else {}
        ids = {str(row["id"]): name for name, row in known.items()}
        for symbol, theirs in sorted(ordered):
            if theirs not in ids and venue.has.get("fetchOrder"):
                (ids[theirs],) = self._named([await venue.fetch_order(theirs, symbol)])
        told = (
            broker_fill(each, ids.get(str(each.get("order")), f"{self._account.venue} {each.get('order')}"), session, self._account.quote)
            for session, each in wanted
        )
        return tuple(sorted(told, key=lambda fill: (fill.filled_at, fill.execution_id)))

    def _session_of(self, trade: Mapping[str, Any]) -> date:
        day = (_EPOCH + int(trade["timestamp"]) * _MILLISECOND).astimezone(self._calendar.zone).date()
        return day if self._calendar.is_session(day) else self._calendar.next(day)


async def _pages(ask: Callable[..., Awaitable[Sequence[Mapping[str, Any]]]], symbol: str, since: datetime) -> list[Mapping[str, Any]]:
    """Rows from an instant on, each once: every page begins where the one before ended."""
    found: dict[str, Mapping[str, Any]] = {}
    at = (since - _EPOCH) // _MILLISECOND
    for _ in range(_MOST_PAGES):
        page = await ask(symbol, at)
        new = {str(row["id"]): row for row in page if str(row["id"]) not in found}
        if not new:
            return list(found.values())
        found |= new
        at = max(at, *(int(row["timestamp"]) for row in new.values()))
    raise BrokerUnavailable(f"{symbol}: more than {_MOST_PAGES} pages since {since:%Y-%m-%d}; ask the venue")


def _refused(order: Order, reason: str) -> BrokerOrder:
    return BrokerOrder(order.client_order_id, "", order.symbol, order.side, order.quantity, OrderState.REJECTED, 0, reason)
