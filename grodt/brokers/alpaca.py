"""An account at Alpaca, over its trading API.

An order is sent once. What Alpaca answers decides: 2xx, it has the order; 4xx, it refuses it, and a 422 about our id means that it has
one under it, which is looked at; anything else, and no answer, says nothing, and the order is looked up before anything else happens.
Questions change nothing and are asked again, with pauses, while Alpaca is busy or away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from random import Random

from grodt.bars.alpaca_http import told_by
from grodt.bars.credentials import Credentials
from grodt.bars.patience import Patience
from grodt.brokers.alpaca_cash import FILL, broker_cash_activity
from grodt.brokers.alpaca_http import TradingHttp, refusal_of
from grodt.brokers.alpaca_listing import Listing
from grodt.brokers.alpaca_payloads import (
    ACCOUNT,
    ORDER,
    POSITIONS,
    AlpacaOrder,
    broker_cash,
    broker_fill,
    broker_order,
    broker_positions,
)
from grodt.brokers.alpaca_settings import AlpacaAccount
from grodt.brokers.own_loop import OwnLoop
from grodt.brokers.protocol import BrokerOrder, no_last_look
from grodt.errors import BrokerUnavailable, DataError, OrderOutcomeUnknown, VendorUnavailable
from grodt.money import Micros, decimal
from grodt.orders.cash_activity import CashActivity
from grodt.orders.fill import Fill
from grodt.orders.order import Order
from grodt.orders.states import OPEN, OrderState
from grodt.orders.terms import problem_of
from grodt.sessions import Calendar

#: Activities of cash are dated to days without a zone; so many days before are asked for too, and left out.
_DAYS_AROUND = timedelta(days=2)
#: An evening's basket does not wait for long: an order without an answer is looked up after this many seconds.
PATIENCE = Patience(read=20.0, answer=40.0)


class AlpacaBroker:
    """A `Broker` over one account. Nothing is asked before the first question. Safe to share between threads: they take turns."""

    #: See `RefusesOpposite`: 403, "potential wash trade detected".
    refuses_opposite = True
    #: See `KeepsOrders`.
    keeps_orders = AlpacaAccount.keeps_orders

    def __init__(
        self,
        book: str,
        settings: AlpacaAccount,
        credentials: Credentials,
        calendar: Calendar,
        *,
        random: Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: Patience = PATIENCE,
    ) -> None:
        """Put its parts together.

        Args:
            book: whose account it is, for messages.
            settings: which account.
            credentials: its key.
            calendar: the sessions that fills are counted to.
            random: jitter of pauses.
            sleep: how a pause is waited for.
            patience: how long Alpaca is waited for.
        """
        self._asker = f"broker of book {book!r}"
        self._url = settings.url
        self._account = f"alpaca {settings.account}, key {credentials.fingerprint}"
        self._calendar = calendar
        self._opened = partial(TradingHttp.opened, self._asker, credentials, patience=patience, random=random, sleep=sleep)
        self._loop = OwnLoop("alpaca")
        self._stack = AsyncExitStack()
        self._http: TradingHttp | None = None
        self._ids: dict[str, str] = {}  # our id by theirs

    @property
    def account(self) -> str:
        """See `Broker.account`."""
        return self._account

    def close(self) -> None:
        """Close its connections."""
        self._loop.run(self._stack.aclose)
        self._loop.close()

    # orders

    def submit(self, order: Order, session: date, last_look: Callable[[], None] = no_last_look) -> BrokerOrder:
        """See `Broker.submit`. `session` is for venues that play sessions; when Alpaca takes an order is in `grodt.brokers.windows`."""
        del session
        return self._asked(lambda http: self._submit(http, order, last_look))

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """See `Broker.find`. Alpaca keeps an id taken for ever, also after a cancel."""
        found = self._asked(lambda http: self._find(http, client_order_id))
        return None if found is None else broker_order(found)

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        """See `Broker.orders`."""
        return self._asked(lambda http: self._orders(http, client_order_ids))

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        """See `Broker.open_orders`. Orders of others in the account are among them."""
        rows = self._asked(lambda http: Listing(http, self._url).open_orders())
        return tuple(sorted(map(self._known, rows), key=lambda each: each.client_order_id))

    def cancel(self, client_order_id: str) -> None:
        """See `Broker.cancel`. Alpaca takes a moment to do it."""
        self._asked(lambda http: self._cancel(http, client_order_id))

    # the book

    def fills(self, since: date) -> tuple[Fill, ...]:
        """See `Broker.fills`. A fill belongs to the session of its day in the exchange's zone, or to the next one where it has none."""
        return self._asked(lambda http: self._fills(http, since))

    def positions(self) -> Mapping[str, Decimal]:
        """See `Broker.positions`."""
        url = f"{self._url}/v2/positions"
        return broker_positions(self._asked(lambda http: http.read(POSITIONS, url, {}, about="positions")), self._asker)

    def cash(self) -> Micros:
        """See `Broker.cash`."""
        url = f"{self._url}/v2/account"
        return broker_cash(self._asked(lambda http: http.read(ACCOUNT, url, {}, about="the account")), self._asker)

    def cash_activities(self, since: date) -> tuple[CashActivity, ...]:
        """See `TellsCash.cash_activities`. An activity belongs to the session of its date, or to the next one where that is none."""
        return self._asked(lambda http: self._cash_activities(http, since))

    # below: for the methods above

    def _asked[R](self, ask: Callable[[TradingHttp], Awaitable[R]]) -> R:
        """What Alpaca answers, in the thread that has the connections."""

        async def answer() -> R:
            if self._http is None:
                self._http = await self._stack.enter_async_context(self._opened())
            return await ask(self._http)

        try:
            return self._loop.run(answer)
        except VendorUnavailable as error:
            raise BrokerUnavailable(str(error)) from None

    async def _submit(self, http: TradingHttp, order: Order, last_look: Callable[[], None]) -> BrokerOrder:
        problem = problem_of(order.order_type, order.time_in_force, order.price)
        if problem:
            return _refused(order, problem)
        response = await http.send(f"{self._url}/v2/orders", _written(order), last_look)
        about = f"order {order.client_order_id}"
        if response.is_success:
            try:
                return self._known(http.parsed(ORDER, response.content, about))
            except DataError as error:
                raise OrderOutcomeUnknown(f"{error}; Alpaca answered {response.status_code}") from None
        if response.status_code != 422 or "client_order_id" not in refusal_of(response).message:
            return _refused(order, told_by(response))
        try:
            existing = await self._find(http, order.client_order_id)
        except VendorUnavailable as error:
            raise OrderOutcomeUnknown(f"{about}: {told_by(response)}, and it could not be looked up: {error}") from None
        if existing is None:
            if "unique" in refusal_of(response).message:  # it has it, and the look-up does not show it yet
                raise OrderOutcomeUnknown(f"{about}: {told_by(response)}, and a look-up does not find it")
            return _refused(order, told_by(response))
        return self._known(existing)

    async def _find(self, http: TradingHttp, client_order_id: str) -> AlpacaOrder | None:
        url, about = f"{self._url}/v2/orders:by_client_order_id", f"order {client_order_id}"
        found = await http.find(ORDER, url, {"client_order_id": client_order_id}, about=about)
        if found is not None and found.client_order_id != client_order_id:
            raise DataError(f"{self._asker}: {about}: Alpaca answers with order {found.client_order_id!r}; ask Alpaca")
        return found

    async def _orders(self, http: TradingHttp, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        found = await Listing(http, self._url).latest(client_order_ids, lambda row: row.client_order_id)
        for each in client_order_ids:
            if each not in found.rows and not found.is_whole:
                row = await self._find(http, each)
                if row is not None:
                    found.rows[each] = row
        return {key: self._known(found.rows[key]) for key in sorted(found.rows)}

    async def _cancel(self, http: TradingHttp, client_order_id: str) -> None:
        found = await self._find(http, client_order_id)
        if found is None or broker_order(found).state not in {*OPEN, OrderState.UNKNOWN}:
            return
        about = f"cancel of order {client_order_id}"
        response = await http.answer("DELETE", f"{self._url}/v2/orders/{found.id}", {}, about=about)
        if not response.is_success and response.status_code not in (404, 422):  # 404, 422: it is over meanwhile
            raise http.refused(response, about)

    async def _fills(self, http: TradingHttp, since: date) -> tuple[Fill, ...]:
        listing = Listing(http, self._url)
        midnight = datetime.combine(self._calendar.previous(since), time.min, self._calendar.zone)
        dated = [(each.transaction_time.astimezone(self._calendar.zone).date(), each) for each in await listing.activities(midnight)]
        sessions = {day: self._session(day) for day in {day for day, _ in dated}}
        told = [(sessions[day], each) for day, each in dated]
        wanted = sorted((pair for pair in told if pair[0] >= since), key=lambda pair: (pair[1].transaction_time, pair[1].id))
        await self._learn(http, listing, {each.order_id for _, each in wanted})
        return tuple(broker_fill(each, self._ids[each.order_id], session) for session, each in wanted)

    async def _cash_activities(self, http: TradingHttp, since: date) -> tuple[CashActivity, ...]:
        after = datetime.combine(self._calendar.previous(since) - _DAYS_AROUND, time.min, UTC)
        told = [row for row in await Listing(http, self._url).cash_activities(after) if row.activity_type != FILL]
        found = (broker_cash_activity(row, self._session, since) for row in told)
        return tuple(sorted((each for each in found if each and each.session >= since), key=lambda each: (each.day, each.activity_id)))

    async def _learn(self, http: TradingHttp, listing: Listing, venue_order_ids: set[str]) -> None:
        """Find out our ids of orders; one that Alpaca does not have any more is known by its own, and so is none of ours."""
        missing = sorted(venue_order_ids - self._ids.keys())
        found = await listing.latest(missing, lambda row: row.id)
        for each in missing:
            row = found.rows.get(each)
            if row is None and not found.is_whole:
                row = await http.find(ORDER, f"{self._url}/v2/orders/{each}", {}, about=f"Alpaca's order {each}")
            self._ids[each] = each if row is None else row.client_order_id

    def _known(self, row: AlpacaOrder) -> BrokerOrder:
        self._ids[row.id] = row.client_order_id
        return broker_order(row)

    def _session(self, day: date) -> date:
        return day if self._calendar.is_session(day) else self._calendar.next(day)


def _written(order: Order) -> dict[str, str]:
    """The order as Alpaca reads it. A short sale is a sell there too."""
    return {
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "qty": str(order.quantity),
        "type": order.order_type,
        "time_in_force": order.time_in_force,
    } | ({} if order.price is None else {f"{order.order_type}_price": f"{decimal(order.price).normalize():f}"})


def _refused(order: Order, reason: str) -> BrokerOrder:
    return BrokerOrder(order.client_order_id, "", order.symbol, order.side, order.quantity, OrderState.REJECTED, 0, reason)
