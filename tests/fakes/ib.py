"""An account at Interactive Brokers behind `ib_async.IB`'s methods, made of ib_async's own objects.

As there: an order's reference is no key; what is over is told apart from what is open, without the quantity that was ordered; the
commission of an execution comes after it. Orders of one OCA group (of type 2, reduce with block) are tied: what one fills the others have
as much less to fill, and one that has nothing left is cancelled. An order that comes when the others of its group are over stands alone.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from random import Random
from typing import Any, cast

import ib_async
from ib_async import AccountValue, CommissionReport, Contract, Execution, Fill, Order, OrderStatus, Position, Stock, Trade, TradeLogEntry

from grodt.bars.market import SessionMarket
from tests.fakes.alpaca import NEW_YORK
from tests.fakes.matching import trades_at

ACCOUNT = "DU1234567"


class FakeIb:
    """The account, whatever connections it has.

    Attributes:
        refuses: why an order is refused; "" where it is taken.
        mute: orders arrive and nothing is said of them.
        down: nobody listens.
        commission: of an execution; None: not told.
        ties: whether a cancel of one order of a group is a cancel of all; their documents say so, and the adapter does not rely on it.
        tells_reduced: whether an order that another one has reduced is told with fewer shares, or only with fewer remaining.
        tells_today: whether of an open order what filled in earlier sessions is no longer told, its shares being what is left of it.
        deaf: whether a cancel is heard and not done yet.
        shuffles: tells executions in any order; each once, since ib_async keeps them by their id.
        numbers: whether what arrives has their id at once; else it has its client's number alone until then.
    """

    def __init__(self, now: datetime, cash: str = "100000", participation: float | None = None) -> None:
        """Make one.

        Args:
            now: its clock.
            cash: in dollars.
            participation: of a session's volume that orders fill; None: all of it.
        """
        self.now = now
        self.cash = Decimal(cash)
        self.open: list[Trade] = []
        self.over: list[Trade] = []
        self.executions: list[Fill] = []
        self.held: dict[str, float] = {}
        self.refuses: Callable[[Order], str] = lambda _: ""
        self.mute = False
        self.down = False
        self.commission: float | None = 0.35
        self.ties = True
        self.tells_reduced = True
        self.tells_today = False
        self.deaf = False
        self.numbers = True
        self.shuffles: Random | None = None
        self._participation = participation
        self.connected: list[dict[str, Any]] = []
        self._numbers: Iterator[int] = itertools.count(1)

    def client(self) -> "ib_async.IB":
        """A client that is not connected yet."""
        return cast("ib_async.IB", _Client(self))

    def play(self, market: SessionMarket) -> None:
        """Fill what trades in the session; the rest is cancelled unless it is good till then. Let the evening come."""
        self.now = market.opens_at
        if self.tells_today:
            for trade in self.open:
                trade.order.totalQuantity, trade.orderStatus.filled = trade.orderStatus.remaining, 0.0
        for trade in list(self.open):
            if trade not in self.open:
                continue
            price = _price(market, trade)
            shares = trade.orderStatus.remaining
            if price is not None and self._participation is not None:
                shares = min(shares, market.volume[trade.contract.symbol] * self._participation // 1)
            if price is not None and shares:
                self.fill(trade, shares, float(price))
            if trade in self.open and trade.order.tif != "GTC":
                self.end(trade, "Cancelled", "Order Canceled - reason: not filled at the opening")
        self.now = datetime.combine(market.session, time(20), NEW_YORK).astimezone(UTC)

    def fill(self, trade: Trade, shares: float, price: float, *, exec_id: str = "", **changes: Any) -> None:
        """An execution of an order, now."""
        signed = shares if trade.order.action == "BUY" else -shares
        exec_id = exec_id or f"0000e0d5.{next(self._numbers):08x}.01.01"
        told: dict[str, Any] = {"side": "BOT" if signed > 0 else "SLD", "shares": shares, "price": price} | changes
        execution = Execution(
            exec_id, self.now, ACCOUNT, "NYSE", permId=trade.order.permId, orderRef=trade.order.orderRef, cumQty=shares, **told
        )
        report = CommissionReport() if self.commission is None else CommissionReport(exec_id, self.commission, "USD")
        self.executions.append(Fill(trade.contract, execution, report, self.now))
        self.held[trade.contract.symbol] = self.held.get(trade.contract.symbol, 0.0) + signed
        self.cash -= Decimal(repr(signed)) * Decimal(repr(price)) + Decimal(repr(self.commission or 0.0))
        trade.orderStatus.filled += shares
        trade.orderStatus.remaining -= shares
        for other in self._tied(trade):
            other.orderStatus.remaining -= shares
            if self.tells_reduced:
                other.order.totalQuantity -= shares
            if other.orderStatus.remaining <= 0:
                self.end(other, "Cancelled", "Order Canceled - reason: OCA group")
        if trade.orderStatus.remaining <= 0:
            self.end(trade, "Filled")

    def cancel(self, trade: Trade, words: str = "by request") -> None:
        """An order is cancelled, and with it its group."""
        for each in [trade, *(self._tied(trade) if self.ties else [])]:
            self.end(each, "Cancelled", f"Order Canceled - reason: {words}")

    def split(self, symbol: str, ratio: int) -> None:
        """A split: what is good till cancelled is cancelled, as their documents say."""
        self.held[symbol] *= ratio
        for trade in [each for each in self.open if each.contract.symbol == symbol and each.order.tif == "GTC"]:
            if trade in self.open:
                self.cancel(trade, "corporate action")

    def of(self, reference: str) -> Trade:
        """The open order under a reference."""
        (found,) = (each for each in self.open if each.order.orderRef == reference)
        return found

    def end(self, trade: Trade, status: str, words: str = "") -> None:
        """An order is over: it is told among the completed ones, without the quantity that was ordered."""
        order, filled = trade.order, trade.orderStatus.filled
        kept = Order(
            permId=order.permId,
            orderRef=order.orderRef,
            account=ACCOUNT,
            action=order.action,
            orderType=order.orderType,
            tif=order.tif,
            lmtPrice=order.lmtPrice,
            auxPrice=order.auxPrice,
            ocaGroup=order.ocaGroup,
            ocaType=order.ocaType,
            filledQuantity=filled,
        )
        log = [TradeLogEntry(self.now, status, words)] if words else []
        self.over.append(Trade(trade.contract, kept, OrderStatus(status=status, permId=order.permId), [], log))
        if trade in self.open:
            self.open.remove(trade)

    def take(self, contract: Contract, order: Order) -> Trade:
        """An order arrives."""
        order.orderId, order.account = next(self._numbers), ACCOUNT
        order.permId = 1_000_000 + order.orderId if self.numbers else 0
        assert not order.ocaGroup or order.ocaType == 2
        status = OrderStatus(status="PendingSubmit", permId=order.permId, remaining=order.totalQuantity)
        trade = Trade(contract, order, status)
        why = self.refuses(order)
        if why:
            trade.orderStatus.status = "Cancelled"
            trade.log.append(TradeLogEntry(self.now, "Cancelled", why))
            return trade
        self.open.append(trade)
        trade.orderStatus.status = "PendingSubmit" if self.mute else "PreSubmitted"
        return trade

    def told(self) -> list[Fill]:
        """Its executions, as a list tells them."""
        rows = list(self.executions)
        if self.shuffles is not None:
            self.shuffles.shuffle(rows)
        return rows

    def _tied(self, trade: Trade) -> list[Trade]:
        return [each for each in self.open if each is not trade and trade.order.ocaGroup and each.order.ocaGroup == trade.order.ocaGroup]


def _price(market: SessionMarket, trade: Trade) -> Decimal | None:
    order = trade.order
    kind, tif = {"MOC": ("market", "cls"), "LOC": ("limit", "cls")}.get(order.orderType, ("", order.tif.lower() or "day"))
    kind = kind or {"MKT": "market", "LMT": "limit", "STP": "stop", "": "market"}[order.orderType]
    limit = Decimal(repr(order.lmtPrice)) if kind == "limit" else None
    stop = Decimal(repr(order.auxPrice)) if kind == "stop" else None
    return trades_at(market, trade.contract.symbol, buys=order.action == "BUY", kind=kind, tif=tif, limit=limit, stop=stop)


class _Client:
    """One connection."""

    def __init__(self, account: FakeIb) -> None:
        self._account = account
        self._is_connected = False

    async def connectAsync(self, host: str, port: int, clientId: int, **named: Any) -> None:  # noqa: N802, N803 -- ib_async's names
        self._require(connected=False)
        self._account.connected.append({"host": host, "port": port, "clientId": clientId, **named})
        self._is_connected = True

    def disconnect(self) -> None:
        self._is_connected = False

    async def reqAllOpenOrdersAsync(self) -> list[Trade]:  # noqa: N802
        self._require()
        return list(self._account.open)

    async def reqCompletedOrdersAsync(self, apiOnly: bool) -> list[Trade]:  # noqa: N802, N803
        self._require()
        assert not apiOnly
        return list(self._account.over)

    async def reqExecutionsAsync(self) -> list[Fill]:  # noqa: N802
        self._require()
        return self._account.told()

    def fills(self) -> list[Fill]:
        return self._account.told()

    async def reqPositionsAsync(self) -> list[Position]:  # noqa: N802
        self._require()
        return [Position(ACCOUNT, Stock(symbol, "SMART", "USD"), held, 0.0) for symbol, held in self._account.held.items()]

    async def accountSummaryAsync(self, account: str) -> list[AccountValue]:  # noqa: N802
        self._require()
        return [AccountValue(account, "TotalCashValue", str(self._account.cash), "USD", "")]

    def placeOrder(self, contract: Contract, order: Order) -> Trade:  # noqa: N802
        self._require()
        return self._account.take(contract, order)

    def cancelOrder(self, order: Order) -> None:  # noqa: N802
        self._require()
        for trade in [each for each in self._account.open if each.order is order]:
            if self._account.deaf:
                trade.orderStatus.status = "PendingCancel"
            else:
                self._account.cancel(trade)

    def _require(self, *, connected: bool = True) -> None:
        if self._account.down or connected != self._is_connected:
            raise ConnectionRefusedError("nobody listens")
