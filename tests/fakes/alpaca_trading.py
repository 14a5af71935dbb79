"""Alpaca's trading endpoints on 127.0.0.1: one account, its orders, fills, positions and cash, as its documentation shows them.

A session is played with `play`: orders for the open fill at its opens, and what does not fill expires. Beside the faults of
`tests.fakes.http`, which may let an order take effect (`taken`), the list of fills can be told twice, out of order, or without heed of the
page's token.

A split, a delisting or a change of symbol moves shares and leaves every open order as it was written. A stop that the price has passed
is refused, where the price is known (`ask`).
"""

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.message import Message
from itertools import count
from random import Random
from threading import RLock
from typing import Any

from grodt.bars.market import SessionMarket
from tests.fakes.alpaca import NEW_YORK, FakeAlpacaHost
from tests.fakes.http import as_json
from tests.fakes.matching import trades_at

Answer = tuple[int, Any]
#: Any other state is that of an open order, as the parameter `status=open` understands it.
OVER = ("filled", "canceled", "expired", "replaced", "rejected")
#: No order for the open is taken within, in New York.
REFUSED_OPG = (time(9, 28), time(19))
REFUSED_CLS = (time(15, 50), time(19))
SHORT_MARGIN = Decimal("1.03")
_CENT = Decimal("0.01")
_NAMES = uuid.UUID(int=0)


class FakeTrading(FakeAlpacaHost):
    """An account.

    Attributes:
        orders: in the order they came.
        ask: price that an order in the symbol is valued at.
        stood: our ids of orders that were open in a symbol when it split, was delisted or changed.
        unlisted: symbols that Alpaca does not have.
        takes: shares of an order that fill at the open.
        parts: fills that these come in.
        charges: what moved cash apart from fills, in the order it came.
        doubles, shuffles, forgets_tokens: what the lists of fills and of charges do wrong.
    """

    def __init__(self, now: datetime, cash: str = "100000", *, shorting: bool = False) -> None:
        super().__init__(now)
        self.cash = Decimal(cash)
        self.currency = "USD"
        self.shorting = shorting
        self.orders: list[dict[str, Any]] = []
        self.activities: list[dict[str, Any]] = []
        self.charges: list[dict[str, Any]] = []
        self.held: dict[str, Decimal] = {}
        self.ask: dict[str, Decimal] = {}
        self.stood: list[str] = []
        self.unlisted: set[str] = set()
        self.takes: Callable[[dict[str, Any]], Decimal] = _left
        self.parts = 1
        self.doubles = False
        self.shuffles: Random | None = None
        self.forgets_tokens = False
        self._book = RLock()
        self._numbers = count(1)

    # the session

    def play(self, market: SessionMarket) -> None:
        """Fill what trades in this session, and let the evening come."""
        with self._book:
            self.now = market.opens_at
            for order in [each for each in self.orders if _is_open(each)]:
                price = _price(market, order)
                for part in _parts(Decimal(0) if price is None else self.takes(order), self.parts):
                    self.fill(order["client_order_id"], part, price or 0)
                if _is_open(order) and order["time_in_force"] != "gtc":
                    order["status"] = "expired"
                elif order["status"] == "accepted":  # in the evening it was not routed yet
                    order["status"] = "new"
            self.now = datetime.combine(market.session, time(20), NEW_YORK).astimezone(UTC)

    def fill(self, client_order_id: str, quantity: Decimal | str, price: Decimal | str, /, **changes: Any) -> None:
        """A fill of an order, now; `changes` to what is told of it."""
        with self._book:
            order, quantity, price = self.of(client_order_id), Decimal(quantity), Decimal(price)
            filled = Decimal(order["filled_qty"]) + quantity
            whole = filled == Decimal(order["qty"])
            order |= {"filled_qty": str(filled), "status": "filled" if whole else "partially_filled"}
            self.move(order["symbol"], quantity if order["side"] == "buy" else -quantity, price)
            at = self.now + timedelta(microseconds=len(self.activities))
            activity = {
                "id": f"{at.astimezone(NEW_YORK):%Y%m%d%H%M%S%f}"[:17] + f"::{uuid.uuid5(_NAMES, str(len(self.activities)))}",
                "activity_type": "FILL",
                "order_id": order["id"],
                "symbol": order["symbol"],
                "side": order["side"],
                "type": "fill" if whole else "partial_fill",
                "qty": str(quantity),
                "price": str(price),
                "cum_qty": str(filled),
                "leaves_qty": str(Decimal(order["qty"]) - filled),
                "transaction_time": _utc(at),
            }
            self.activities.append(activity | changes)

    def charge(self, code: str, amount: str, /, day: date | None = None, **changes: Any) -> dict[str, Any]:
        """Cash that moves apart from fills, on that day in New York; `changes` to what is told of it."""
        with self._book:
            self.cash += Decimal(amount)
            on = day or self.now.astimezone(NEW_YORK).date()
            told = {
                "id": f"{on:%Y%m%d}000000000::{uuid.uuid5(_NAMES, f'charge {len(self.charges)}')}",
                "activity_type": code,
                "date": str(on),
                "net_amount": amount,
                "description": "",
                "status": "executed",
            }
            self.charges.append(told | changes)
            return self.charges[-1]

    def move(self, symbol: str, quantity: Decimal | str, price: Decimal | str = "0") -> None:
        """Shares and what they cost, without an order: a transfer, or the cash of one."""
        with self._book:
            self.held[symbol] = self.held.get(symbol, Decimal(0)) + Decimal(quantity)
            self.cash -= Decimal(quantity) * Decimal(price)

    def split(self, symbol: str, new: int, old: int, *, before: str | None = None) -> None:
        """A split of what is held; with a price of one old share, the fraction is paid. Open orders stay as they are."""
        with self._book:
            self._stand(symbol)
            held = self.held.get(symbol, Decimal(0)) * new / old
            if before is not None:
                fraction = held - int(held)
                self.cash += (fraction * Decimal(before) * old / new).quantize(_CENT)
                held = Decimal(int(held))
            self.held[symbol] = held

    def delist(self, symbol: str, value: str) -> None:
        """What is held is paid and gone; open orders stay as they are."""
        with self._book:
            self._stand(symbol)
            self.move(symbol, -self.held.get(symbol, Decimal(0)), value)
            self.unlisted.add(symbol)

    def rename(self, symbol: str, new: str) -> None:
        """What is held has another symbol; open orders stay as they are."""
        with self._book:
            self._stand(symbol)
            self.held[new] = self.held.pop(symbol, Decimal(0))
            self.unlisted.add(symbol)

    def _stand(self, symbol: str) -> None:
        self.stood += [str(each["client_order_id"]) for each in self.orders if each["symbol"] == symbol and _is_open(each)]

    def of(self, client_order_id: str) -> dict[str, Any]:
        """The order with our id."""
        return next(each for each in self.orders if each["client_order_id"] == client_order_id)

    def take(self, **told: Any) -> dict[str, Any]:
        """Put an order into the account, whoever gave it and whatever the rules say."""
        with self._book:
            number = next(self._numbers)
            plain = {
                "id": str(uuid.uuid5(_NAMES, f"order {number}")),
                "client_order_id": str(uuid.uuid5(_NAMES, f"client {number}")),
                "created_at": _utc(self.now + timedelta(microseconds=number)),
                "submitted_at": _utc(self.now + timedelta(microseconds=number)),
                "symbol": "AAPL",
                "side": "buy",
                "qty": None,
                "notional": None,
                "filled_qty": "0",
                "filled_avg_price": None,
                "type": "market",
                "time_in_force": "day",
                "status": "accepted",
                "replaced_by": None,
            }
            self.orders.append(plain | told)
            return self.orders[-1]

    def replace(self, client_order_id: str, quantity: int) -> dict[str, Any]:
        """What a person does who changes an order on Alpaca's page: another order takes its place."""
        old = self.of(client_order_id)
        new = self.take(symbol=old["symbol"], side=old["side"], qty=str(quantity), time_in_force=old["time_in_force"])
        old |= {"status": "replaced", "replaced_by": new["id"]}
        return new

    # the endpoints

    def answer(self, path: str, question: dict[str, str], headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a question."""
        refusal, limits = self.admitted(path, headers)
        if refusal is not None:
            return refusal
        with self._book:
            status, content = self._answer(path, question)
        return status, as_json(content), limits

    def act(self, method: str, path: str, content: bytes, headers: Message) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of an order or a cancel."""
        refusal, limits = self.admitted(path, headers)
        if refusal is not None:
            return refusal
        with self._book:
            status, told = self._cancel(path) if method == "DELETE" else self._submit(json.loads(content))
        return status, b"" if told is None else as_json(told), limits

    def _answer(self, path: str, question: dict[str, str]) -> Answer:
        match path.removeprefix("/v2/").split("/"):
            case ["account"]:
                return 200, {"id": "account", "status": "ACTIVE", "currency": self.currency, "cash": str(self.cash)}
            case ["positions"]:
                rows = [{"symbol": symbol, "qty": str(held), "side": "long"} for symbol, held in sorted(self.held.items()) if held]
                return 200, rows
            case ["orders"]:
                return self._list(question)
            case ["orders:by_client_order_id"]:
                wanted = question["client_order_id"]
                return self._one(wanted, [each for each in self.orders if each["client_order_id"] == wanted])
            case ["orders", wanted]:
                return self._one(wanted, [each for each in self.orders if each["id"] == wanted])
            case ["account", "activities", "FILL"]:
                return self._fills(question)
            case ["account", "activities"] if question.get("category") == "non_trade_activity":
                return self._page(self.charges, question)
        return 404, {"message": "Not Found"}

    def _one(self, wanted: str, found: list[dict[str, Any]]) -> Answer:
        return (200, found[0]) if found else (404, {"code": 40410000, "message": f"order not found for {wanted}"})

    def _list(self, question: dict[str, str]) -> Answer:
        limit = int(question.get("limit", "50"))
        if not 1 <= limit <= 500:
            return 422, {"code": 40010001, "message": "limit must be between 1 and 500"}
        wanted = question.get("status", "open")
        rows = [each for each in self.orders if wanted == "all" or _is_open(each) == (wanted == "open")]
        if "after" in question:
            rows = [each for each in rows if _at(each["submitted_at"]) > _at(question["after"])]
        if "until" in question:
            rows = [each for each in rows if _at(each["submitted_at"]) < _at(question["until"])]
        rows.sort(key=lambda each: _at(each["submitted_at"]), reverse=question.get("direction", "desc") == "desc")
        return 200, rows[:limit]

    def _fills(self, question: dict[str, str]) -> Answer:
        return self._page(self.activities, question)

    def _page(self, activities: list[dict[str, Any]], question: dict[str, str]) -> Answer:
        size = int(question.get("page_size", "100"))
        if not 1 <= size <= 100:
            return 422, {"code": 42210000, "message": "page_size must be between 1 and 100"}
        rows = sorted(activities, key=lambda each: str(each["id"]))
        token = question.get("page_token")
        ids = [each["id"] for each in rows]
        if token is not None and not self.forgets_tokens:
            if token not in ids:
                return 422, {"code": 42210000, "message": "invalid page_token"}
            rows = rows[ids.index(token) + 1 :]
        rows = [each for each in rows if _of_activity(each) > _at(question["after"])]
        page = [each for row in rows[: size // 2] for each in (row, row)] if self.doubles else rows[:size]
        if self.shuffles is not None:
            self.shuffles.shuffle(page)
        return 200, page

    def _cancel(self, path: str) -> Answer:
        found = [each for each in self.orders if path.endswith(f"/{each['id']}")]
        if not found:
            return 404, {"code": 40410000, "message": "order not found"}
        if not _is_open(found[0]):
            return 422, {"code": 42210000, "message": f'order is already in "{found[0]["status"]}" state'}
        found[0]["status"] = "canceled"
        return 204, None

    def _submit(self, told: dict[str, Any]) -> Answer:
        refusal = self._malformed(told) or self._refusal(told)
        return refusal or (200, self.take(**told))

    def _malformed(self, told: dict[str, Any]) -> Answer | None:
        known = {each["client_order_id"] for each in self.orders}
        if len(told.get("client_order_id", "")) > 48:
            return 422, {"code": 40010001, "message": "client_order_id must be no more than 48 characters"}
        if told.get("client_order_id") in known:
            return 422, {"code": 40010001, "message": "client_order_id must be unique"}
        if (told.get("qty") is None) == (told.get("notional") is None):
            return 400, {"code": 40010000, "message": "qty or notional is required, and not both"}
        if told["symbol"] in self.unlisted:
            return 422, {"code": 42210000, "message": f'asset "{told["symbol"]}" not found'}
        carried = {"market": None, "limit": "limit_price", "stop": "stop_price"}.get(told["type"], "trail_price")
        if {"limit_price", "stop_price"} & told.keys() != ({carried} if carried else set()):
            return 422, {"code": 40010001, "message": f"{told['type']} orders require {carried}, and no other price"}
        if told["type"] == "stop" and told["time_in_force"] not in ("day", "gtc"):
            return 422, {"code": 40010001, "message": "invalid order type for time_in_force"}
        if "stop_price" in told and Decimal(told["stop_price"]) * 100 % 1:
            return 422, {"code": 42210000, "message": "sub-penny increment does not fulfill minimum pricing criteria"}
        if "limit_price" in told and Decimal(told["limit_price"]) * 100 % 1:
            return 422, {"code": 42210000, "message": "sub-penny increment does not fulfill minimum pricing criteria"}
        fractional = told.get("notional") is not None or Decimal(told["qty"]) % 1 != 0
        if fractional and told["time_in_force"] != "day":
            return 422, {"code": 42210000, "message": "fractional orders must be DAY orders"}
        at = self.now.astimezone(NEW_YORK).time()
        refused = {"opg": REFUSED_OPG, "cls": REFUSED_CLS}.get(told["time_in_force"])
        if refused is not None and refused[0] <= at < refused[1]:
            return 422, {"code": 42210000, "message": f"{told['time_in_force']} orders cannot be submitted at this time"}
        return None

    def _refusal(self, told: dict[str, Any]) -> Answer | None:
        symbol, buys = told["symbol"], told["side"] == "buy"
        price = self.ask.get(symbol, Decimal(100))
        if told["type"] == "stop" and symbol in self.ask and (price <= _CENT + _stop(told) if not buys else price >= _stop(told) - _CENT):
            return 422, {"code": 42210000, "message": f"stop price must be beyond the current price {price}"}
        quantity = Decimal(told["qty"]) if told.get("qty") is not None else Decimal(told["notional"]) / price
        working = [each for each in self.orders if _is_open(each)]
        if any(each["symbol"] == symbol and each["side"] != told["side"] for each in working):
            return 403, {"code": 40310000, "message": "potential wash trade detected. use complex orders"}
        reserved = sum(
            (_left(each) * self.ask.get(each["symbol"], Decimal(100)) for each in working if each["side"] == "buy"), start=Decimal(0)
        )
        free = self.cash - reserved
        if buys and quantity * price > free:
            return 403, {"code": 40310000, "message": "insufficient buying power", "buying_power": str(free)}
        available = self.held.get(symbol, Decimal(0)) - sum(_left(each) for each in working if each["symbol"] == symbol)
        if not buys and quantity > available and (available > 0 or not self.shorting or quantity % 1):
            words = f"insufficient qty available for order (requested: {quantity}, available: {max(available, Decimal(0))})"
            return 403, {"code": 40310000, "message": words}
        if not buys and quantity > available and quantity * price * SHORT_MARGIN > free:
            return 403, {"code": 40310000, "message": "insufficient buying power", "buying_power": str(free)}
        return None


def _price(market: SessionMarket, order: dict[str, Any]) -> Decimal | None:
    limit, stop = (None if order.get(name) is None else Decimal(order[name]) for name in ("limit_price", "stop_price"))
    buys, kind, tif = order["side"] == "buy", order["type"], order["time_in_force"]
    return trades_at(market, order["symbol"], buys=buys, kind=kind, tif=tif, limit=limit, stop=stop)


def _is_open(order: dict[str, Any]) -> bool:
    return order["status"] not in OVER


def _stop(order: dict[str, Any]) -> Decimal:
    return Decimal(order["stop_price"])


def _left(order: dict[str, Any]) -> Decimal:
    return Decimal(order["qty"] or "0") - Decimal(order["filled_qty"])


def _parts(quantity: Decimal, parts: int) -> Iterable[Decimal]:
    """The quantity in so many whole parts, none of them empty."""
    share = quantity // parts
    sizes = [share] * (parts - 1) + [quantity - share * (parts - 1)]
    return [size for size in sizes if size > 0]


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _of_activity(row: dict[str, Any]) -> datetime:
    """When a fill traded, or midnight of the day in a charge's id."""
    if "transaction_time" in row:
        return _at(row["transaction_time"])
    return datetime.strptime(row["id"][:8], "%Y%m%d").replace(tzinfo=UTC)


def evening(session: date) -> datetime:
    """Eight in the evening of a session in New York, when orders for the next open are taken."""
    return datetime.combine(session, time(20), NEW_YORK).astimezone(UTC)
