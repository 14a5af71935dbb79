"""An account at a crypto venue behind the methods of ccxt's client that the broker calls, with ccxt's own errors and shapes.

It is asked as Binance is: a client id may be given twice; an order is told by its id or ours, trades between two instants, so many of them;
numbers are texts.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import ccxt

from grodt.bars.market import SessionMarket
from tests.fakes.matching import trades_at

QUOTE = "USD"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeCcxtAccount:
    """The account, whatever clients it has.

    Attributes:
        before, after: raised by an order before and after it was taken.
        down: what every question raises.
        bare: whether an order is acknowledged with its id alone.
        fee: of a trade, as ccxt tells it.
        markets: names of what is traded.
        digits: of a price.
        doubles, shuffles: what a list of trades does wrong: each is told twice, or they are told in any order.
    """

    def __init__(self, now: datetime, cash: str = "100000", participation: Decimal | None = None) -> None:
        """Make one.

        Args:
            now: its clock.
            cash: of the quote currency.
            participation: of a session's volume that orders fill; None: all of it.
        """
        self.now = now
        self.balance = {QUOTE: Decimal(cash)}
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.before: Exception | None = None
        self.after: Exception | None = None
        self.down: Exception | None = None
        self.bare = False
        self.digits = 6
        self.doubles = False
        self.shuffles: Random | None = None
        self._participation = participation
        self.fee: Callable[[Decimal], dict[str, str]] = lambda value: {"cost": str(value / 1000), "currency": QUOTE}
        self.sent: list[dict[str, Any]] = []
        self.clients = 0
        self.markets: list[str] = []
        self._numbers = itertools.count(1)

    def client(self) -> "_Client":
        """A client."""
        self.clients += 1
        return _Client(self)

    def play(self, market: SessionMarket) -> None:
        """Fill what trades in the session; what is left of an order that is not good till cancelled ends. Let the day after begin."""
        self.now = market.opens_at
        for order in [each for each in self.orders if each["status"] == "open"]:
            symbol = order["symbol"]
            limit = None if order["price"] is None else Decimal(order["price"])
            tif = (order["timeInForce"] or ("GTC" if limit is not None else "IOC")).lower()
            price = trades_at(market, symbol, buys=order["side"] == "buy", kind=order["type"], tif=tif, limit=limit)
            amount = Decimal(order["amount"]) - Decimal(order["filled"])
            if price is not None and self._participation is not None:
                amount = min(amount, Decimal(market.volume[symbol]) * self._participation // 1)
            if price is not None and amount:
                self.fill(order, amount, price)
            if order["status"] == "open" and tif != "gtc":
                order["status"] = "canceled"
        self.now = datetime.combine(market.session, market.closes_at.time(), UTC) + timedelta(hours=3)

    def fill(self, order: dict[str, Any], amount: Decimal, price: Decimal, /, **changes: Any) -> None:
        """A trade of an order, now."""
        signed, fee = (amount if order["side"] == "buy" else -amount), self.fee(amount * price)
        base = order["symbol"].partition("/")[0]
        self.balance[base] = self.balance.get(base, Decimal(0)) + signed
        self.balance[QUOTE] -= signed * price
        if fee:
            self.balance[fee["currency"]] -= Decimal(fee["cost"])
        filled = Decimal(order["filled"]) + amount
        order |= {"filled": str(filled), "status": "closed" if filled == Decimal(order["amount"]) else "open"}
        told = {"id": f"t{len(self.trades)}", "order": order["id"], "symbol": order["symbol"], "side": order["side"], "amount": str(amount)}
        self.trades.append(told | {"price": str(price), "fee": fee, "timestamp": self.milliseconds()} | changes)

    def take(self, **told: Any) -> dict[str, Any]:
        """An order arrives, whoever gave it."""
        plain = {"symbol": "AAPL/USD", "type": "market", "side": "buy", "amount": "1", "price": None, "timeInForce": None}
        order = plain | {"clientOrderId": None, "filled": "0", "status": "open"} | told
        order |= {"id": f"o{next(self._numbers)}", "timestamp": self.milliseconds()}
        self.orders.append(order)
        return order

    def milliseconds(self) -> int:
        """Now, and no two events at one time."""
        self.now += timedelta(milliseconds=1)
        return (self.now - _EPOCH) // timedelta(milliseconds=1)


class _Client:
    def __init__(self, account: FakeCcxtAccount) -> None:
        self._account = account
        self.number: type = float
        self.options: dict[str, Any] = {}

    def set_sandbox_mode(self, _on: bool) -> None:
        pass

    async def close(self) -> None:
        pass

    async def load_markets(self) -> dict[str, Any]:
        self._require()
        return {name: {} for name in self._account.markets}

    async def create_order(self, symbol: str, kind: str, side: str, amount: Any, price: Any, params: dict[str, Any]) -> dict[str, Any]:
        self._require()
        account = self._account
        account.sent.append({"symbol": symbol, "type": kind, "side": side, "amount": amount, "price": price} | params)
        if account.before is not None:
            raise account.before
        told = {"symbol": symbol, "type": kind, "side": side, "amount": str(amount), "price": price}
        order = account.take(**told, clientOrderId=params["clientOrderId"], timeInForce=params.get("timeInForce"))
        if account.after is not None:
            raise account.after
        return {"id": order["id"]} if account.bare else dict(order)

    def amount_to_precision(self, _symbol: str, amount: str) -> str:
        return amount

    def price_to_precision(self, _symbol: str, price: str) -> str:
        return str(round(Decimal(price), self._account.digits))

    async def fetch_open_orders(self, symbol: str | None = None) -> list[dict[str, Any]]:
        self._require()
        return [dict(each) for each in self._account.orders if each["status"] == "open" and symbol in (None, each["symbol"])]

    async def fetch_order(self, venue_order_id: str, symbol: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._require()
        key, wanted = ("clientOrderId", params["clientOrderId"]) if params else ("id", venue_order_id)
        found = [dict(each) for each in self._account.orders if (each[key], each["symbol"]) == (wanted, symbol)]
        if not found:
            raise ccxt.OrderNotFound(wanted)
        return found[-1]

    async def fetch_my_trades(self, symbol: str, since: int, limit: int, params: dict[str, Any]) -> list[dict[str, Any]]:
        self._require()
        rows = [each for each in self._account.trades if each["symbol"] == symbol and since <= each["timestamp"] <= params["until"]]
        told = [dict(each) for row in rows[-limit:] for each in (row,) * (2 if self._account.doubles else 1)]
        if self._account.shuffles is not None:
            self._account.shuffles.shuffle(told)
        return told

    async def fetch_balance(self) -> dict[str, Any]:
        self._require()
        return {"total": {name: str(amount) for name, amount in self._account.balance.items()}}

    async def cancel_order(self, venue_order_id: str, symbol: str) -> None:
        self._require()
        for order in self._account.orders:
            if (order["id"], order["symbol"], order["status"]) == (venue_order_id, symbol, "open"):
                order["status"] = "canceled"
                return
        raise ccxt.OrderNotFound(venue_order_id)

    def _require(self) -> None:
        if self._account.down is not None:
            raise self._account.down
