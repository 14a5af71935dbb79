"""An account at Interactive Brokers, over ib_async and a TWS or gateway that runs.

An order's number there is no key: placing a known number changes the order. So our id is in `orderRef`, each order has a fresh number, and
before one is sent the account is searched for our id. Interactive Brokers tells completed orders and executions of the current day
alone: a cycle that comes a day late does not find them, and reconciliation says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grodt.brokers.ib_payloads import (
    PENDING,
    REDUCE_WITH_BLOCK,
    broker_fill,
    broker_order,
    exact_shares,
    group_of,
    key_of,
    kind_of,
    reference_of,
    shares_together,
    symbol_of,
    words_of,
)
from grodt.brokers.ib_settings import IbAccount
from grodt.brokers.own_loop import OwnLoop
from grodt.brokers.protocol import BrokerOrder, no_last_look
from grodt.errors import BrokerUnavailable, ConfigError, DataError, OrderOutcomeUnknown
from grodt.money import Micros, decimal, micros
from grodt.orders.fill import Fill
from grodt.orders.order import Order
from grodt.orders.states import OPEN, OrderState
from grodt.orders.terms import problem_of
from grodt.sessions import Calendar

if TYPE_CHECKING:
    import ib_async

#: Seconds in which a question must be answered.
ANSWER_SECONDS = 30.0
#: An order's first word, and a fill's commission, are looked for so often, a tenth of a second apart.
LOOKS = 100
_LOOK_SECONDS = 0.1
_CASH = "TotalCashValue"


def client_class(book: str) -> Callable[[], "ib_async.IB"]:
    """What makes a client.

    Raises:
        ConfigError: ib_async is not installed.
    """
    try:
        from ib_async import IB
    except ImportError as error:
        raise ConfigError(
            f"broker of book {book!r} is of kind ib and {error.name} is not installed; install it with `uv sync --extra ib`"
        ) from None
    return IB


class IbBroker:
    """A `Broker` over one account. It connects with the first question. Safe to share between threads: they take turns.

    Both legs of a bracket are one OCA group there, whose name is the bracket's.
    """

    #: See `TakesPairs`.
    pairs = True

    #: See `KeepsOrders`.
    keeps_orders = IbAccount.keeps_orders

    def __init__(
        self,
        book: str,
        settings: IbAccount,
        calendar: Calendar,
        *,
        client: Callable[[], "ib_async.IB"],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Put its parts together.

        Args:
            book: whose account it is, for messages.
            settings: which account, and where TWS or the gateway listens.
            calendar: in whose zone an execution's session is its day.
            client: makes an `ib_async.IB`, inside the event loop.
            sleep: how a word that is late is waited for.
        """
        self._asker = f"broker of book {book!r}"
        self._settings = settings
        self._calendar = calendar
        self._client = client
        self._sleep = sleep
        self._loop = OwnLoop("ib")
        self._ib: ib_async.IB | None = None

    @property
    def account(self) -> str:
        """See `Broker.account`."""
        return f"ib {self._settings.account}"

    def close(self) -> None:
        """Close the connection."""
        self._loop.run(self._disconnected)
        self._loop.close()

    def submit(self, order: Order, session: date, last_look: Callable[[], None] = no_last_look) -> BrokerOrder:
        """See `Broker.submit`."""
        del session
        try:
            return self._asked(lambda ib: self._submit(ib, order, last_look))
        except BrokerUnavailable as error:
            raise OrderOutcomeUnknown(f"order {order.client_order_id}: {error}") from None

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """See `Broker.find`."""
        return self.orders([client_order_id]).get(client_order_id)

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        """See `Broker.orders`."""
        told = self._asked(self._trades) if client_order_ids else {}
        return {key: broker_order(told[key]) for key in sorted(set(client_order_ids)) if key in told}

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        """See `Broker.open_orders`. Orders of others in the account are among them; one without a reference has its `permId` for an id."""
        told = self._asked(self._trades)
        found = (broker_order(trades) for _, trades in sorted(told.items()))
        return tuple(order for order in found if order.state in {*OPEN, OrderState.UNKNOWN})

    def cancel(self, client_order_id: str) -> None:
        """See `Broker.cancel`."""
        self._asked(lambda ib: self._cancel(ib, client_order_id))

    def fills(self, since: date) -> tuple[Fill, ...]:
        """See `Broker.fills`; of the current day alone."""
        return self._asked(lambda ib: self._fills(ib, since))

    def positions(self) -> Mapping[str, Decimal]:
        """See `Broker.positions`."""
        told = [each for each in self._asked(lambda ib: ib.reqPositionsAsync()) if each.account == self._settings.account and each.position]
        held = {symbol_of(each.contract): exact_shares(each) for each in told}
        if len(held) != len(told):
            raise DataError(f"{self._asker}: Interactive Brokers tells two positions under one symbol; nothing is compared")
        return dict(sorted(held.items()))

    def cash(self) -> Micros:
        """See `Broker.cash`."""
        told = self._asked(lambda ib: ib.accountSummaryAsync(self._settings.account))
        found = [each.value for each in told if each.tag == _CASH and each.currency == "USD"]
        if len(found) != 1:
            raise DataError(f"{self._asker}: account {self._settings.account} tells {len(found)} values of {_CASH} in USD, and 1 is needed")
        return micros(found[0])

    # below: for the methods above

    def _asked[R](self, ask: Callable[["ib_async.IB"], Awaitable[R]]) -> R:
        async def answer() -> R:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await ask(await self._connected())
            except (OSError, TimeoutError) as error:
                await self._disconnected()
                where = f"{self._settings.host}:{self._settings.port}"
                raise BrokerUnavailable(
                    f"{self._asker}: no answer from TWS or the gateway at {where} ({type(error).__name__} {error}); start it and log in, "
                    "then run again"
                ) from None

        return self._loop.run(answer)

    async def _connected(self) -> "ib_async.IB":
        if self._ib is None:
            ib, where = self._client(), self._settings
            await ib.connectAsync(where.host, where.port, where.client_id, account=where.account, raiseSyncErrors=True)
            self._ib = ib
        return self._ib

    async def _disconnected(self) -> None:
        if self._ib is not None:
            with suppress(OSError):
                self._ib.disconnect()
            self._ib = None

    async def _trades(self, ib: "ib_async.IB") -> dict[str, list["ib_async.Trade"]]:
        """The account's orders by our id, open ones first, each once. One that TWS has not acknowledged has no `permId` yet."""
        told = [*await ib.reqAllOpenOrdersAsync(), *await ib.reqCompletedOrdersAsync(apiOnly=False)]
        mine = {key_of(trade.order): trade for trade in reversed(told) if trade.order.account in ("", self._settings.account)}
        found: dict[str, list[ib_async.Trade]] = {}
        for trade in reversed(mine.values()):
            found.setdefault(reference_of(trade.order), []).append(trade)
        return found

    async def _submit(self, ib: "ib_async.IB", order: Order, last_look: Callable[[], None]) -> BrokerOrder:
        import ib_async

        problem = problem_of(order.order_type, order.time_in_force, order.price)
        if problem:
            return _refused(order, problem)
        there = await self._trades(ib)
        known = there.get(order.client_order_id)
        if known is not None:
            return broker_order(known)
        group = group_of(order)
        if group and order.role == "take_profit" and not _works(there.get(order.other, ()), group):
            return _refused(order, f"its stop {order.other} is not open, and a take profit is not placed without it")
        kind, tif, price_field = kind_of(order)
        told: dict[str, Any] = {"orderRef": order.client_order_id, "account": self._settings.account, "orderType": kind, "tif": tif}
        if order.price is not None:
            told[price_field] = float(decimal(order.price))
        if group:
            told |= {"ocaGroup": group, "ocaType": REDUCE_WITH_BLOCK}
        contract = ib_async.Stock(order.symbol.replace(".", " "), "SMART", "USD")
        last_look()
        trade = ib.placeOrder(contract, ib_async.Order(action=order.side.upper(), totalQuantity=order.quantity, **told))
        for _ in range(LOOKS):
            if trade.orderStatus.status not in PENDING:
                break
            await self._sleep(_LOOK_SECONDS)
        else:
            raise OrderOutcomeUnknown(f"{self._asker}: order {order.client_order_id}: still {trade.orderStatus.status!r}")
        answer = broker_order([trade])
        return _refused(order, words_of(trade)) if answer.state in (OrderState.REJECTED, OrderState.CANCELLED) else answer

    async def _cancel(self, ib: "ib_async.IB", client_order_id: str) -> None:
        there = await self._trades(ib)
        asked = there.get(client_order_id, [])
        groups = {trade.order.ocaGroup for trade in asked if shares_together(trade.order)}
        both = [trade for trades in there.values() for trade in trades if trade in asked or trade.order.ocaGroup in groups]
        # The stop last: whatever ends in between, no take profit is left without it.
        for trade in sorted(both, key=lambda trade: trade.order.orderType == "STP"):
            if broker_order([trade]).state in {*OPEN, OrderState.UNKNOWN}:
                ib.cancelOrder(trade.order)

    async def _fills(self, ib: "ib_async.IB", since: date) -> tuple[Fill, ...]:
        await ib.reqExecutionsAsync()
        for _ in range(LOOKS):
            told = [each for each in ib.fills() if each.execution.acctNumber == self._settings.account]
            late = [each.execution.execId for each in told if not each.commissionReport.execId]
            if not late:
                break
            await self._sleep(_LOOK_SECONDS)
        else:
            raise BrokerUnavailable(f"{self._asker}: the commission of execution {late[0]} is not told yet; run again later")
        dated = [(each.execution.time.astimezone(self._calendar.zone).date(), each) for each in told]
        fills = [broker_fill(each, session) for session, each in dated if session >= since]
        return tuple(sorted(fills, key=lambda fill: (fill.filled_at, fill.execution_id)))


def _works(trades: Sequence["ib_async.Trade"], group: str) -> bool:
    """Whether the order under one id of ours is open and unfilled in that OCA group, and nobody has asked for its cancel."""
    if not trades or broker_order(trades).state not in (OrderState.SUBMITTED, OrderState.ACCEPTED):
        return False
    return all(trade.orderStatus.status != "PendingCancel" and trade.order.ocaGroup == group for trade in trades)


def _refused(order: Order, reason: str) -> BrokerOrder:
    return BrokerOrder(order.client_order_id, "", order.symbol, order.side, order.quantity, OrderState.REJECTED, 0, reason)
