"""Worlds whose broker is Alpaca, over HTTP to a local fake: orders taken and then hung, 504, resets, look-ups that lag, fills told twice.

The exchange plays each day by itself, whatever becomes of us; a kill changes nothing at the account. The last of the sessions is that of
the small world's split, which no order may stand through that was told of it.
"""

import csv
import os
import random
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import httpx

import grodt.brokers.alpaca
from grodt.bars.market import SessionMarket
from grodt.bars.patience import Patience
from grodt.brokers.alpaca import AlpacaBroker
from grodt.brokers.protocol import Broker
from tests.brokers.world import market
from tests.cycles.driver import Home
from tests.cycles.small_world import BROKER, FRI, MON, TUE, WED, books_text, small_home
from tests.fakes.alpaca import KEY, SECRET
from tests.fakes.alpaca_trading import OVER, FakeTrading, evening
from tests.fakes.http import Fault, as_json
from tests.faults.homes import broken, copied, life
from tests.faults.legs import without_a_stop
from tests.faults.scenes import LEDGER, OF_SENDING, Scene, Scenes, facts_of
from tests.faults.weather import KINDS
from tests.faults.worlds import Course
from tests.new_ledgers import made_at_once

#: Enough for every basket of a script, so that no order is refused because of those that came before it.
_CAPITAL = "10000000"
#: Of questions; each is waited for as long as ever, because an answer that never comes is told of at once (`_HELD_BACK`).
_FEW_TRIES = Patience(tries=3)
#: The exchange says so where it would never answer, and the client's end makes a time-out of it: how fast the machine is decides nothing.
_HELD_BACK = "X-Held-Back"
_NOT_FOUND = as_json({"code": 40410000, "message": "order not found"})
#: What may become of an order, and of a question.
SENDS: Mapping[str, Fault] = {
    "order taken, then 504": Fault(504, b"upstream request timeout", method="POST", taken=True),
    "order lost, 504": Fault(504, b"upstream request timeout", method="POST"),
    "order taken, then 500": Fault(500, method="POST", taken=True),
    "order refused, 429": Fault(429, method="POST"),
    "order lost, 408": Fault(408, method="POST"),
    "order taken, then reset": Fault(break_off="reset", method="POST", taken=True),
    "order lost, reset": Fault(break_off="reset", method="POST"),
    "order taken, its answer cut": Fault(break_off="cut", method="POST"),
    "order taken, its answer garbled": Fault(spoil=lambda body: body[:-9], method="POST"),
    "order taken, then hung": Fault(200, headers={_HELD_BACK: "yes"}, method="POST", taken=True),
    "order lost, hung": Fault(200, headers={_HELD_BACK: "yes"}, method="POST"),
    "order as ever": Fault(method="POST"),
}
QUESTIONS: Mapping[str, Fault] = {
    "question 503": Fault(503, method="GET"),
    "question reset": Fault(break_off="reset", method="GET"),
    "question cut": Fault(break_off="cut", method="GET"),
    "question hung": Fault(200, headers={_HELD_BACK: "yes"}, method="GET"),
    "order not found yet": Fault(404, _NOT_FOUND, only="by_client_order_id", method="GET"),
    "question as ever": Fault(method="GET"),
}
#: Brackets of books; of each the stop alone rests at Alpaca. And how other books order whose orders rest.
_BRACKETS = ("{stop_bps: 60, take_profit_bps: 120, cool_off_sessions: 1}", "{stop_bps: 120, cool_off_sessions: 0}")
_RESTING = ("{type: limit, offset_bps: -10, tif: gtc}",)
#: What the list of fills may do wrong.
LISTS = ("fills doubled", "fills shuffled", "fills late", "page tokens forgotten")
_STATE = ("orders", "activities", "charges", "held", "cash", "now", "stood")


class Exchange(FakeTrading):
    """An account whose ids depend on its orders alone, so that one sent later than it would have been is told of in the same way.

    Attributes:
        withholds: whether the last fill is not told yet.
        withheld: whether one was not told since it was sound.
    """

    withholds = False
    withheld = False

    def take(self, **told: Any) -> dict[str, Any]:
        """As ever."""
        return super().take(id=str(uuid.uuid5(uuid.NAMESPACE_OID, told["client_order_id"])), **told)

    def play(self, market: SessionMarket) -> None:
        """As ever, whatever the order they came in; what has filled costs a fee, and cash earns interest."""
        self.orders.sort(key=lambda order: str(order["client_order_id"]))
        filled = len(self.activities)
        super().play(market)
        if len(self.activities) > filled:
            self.charge("FEE", f"-0.{len(self.activities) - filled:02}")
            self.charge("INT", "1.234567")

    def remembered(self) -> dict[str, Any]:
        """Its books."""
        return {name: deepcopy(getattr(self, name)) for name in _STATE}

    def restore(self, books: Mapping[str, Any]) -> None:
        """Have those books again."""
        for name in _STATE:
            setattr(self, name, deepcopy(books[name]))
        self._numbers = count(len(self.orders) + 1)
        self.be_sound()

    def in_store(self) -> tuple[Fault, ...]:
        """Faults that nobody has met yet."""
        return tuple(self._faults)

    def be_sound(self) -> None:
        """Do nothing wrong from now on."""
        self.recover()
        self.doubles = self.withholds = self.withheld = self.forgets_tokens = False
        self.shuffles = None

    def fill_as(self, script: int) -> None:
        """Fill orders whole, in three parts, or a share of what is left that its id decides; the rest expires, or rests."""
        self.parts = 3 if script % 3 == 1 else 1
        self.takes = _share if script % 3 == 2 else _left

    def _fills(self, question: dict[str, str]) -> tuple[int, Any]:
        if not (self.withholds and self.activities):
            return super()._fills(question)
        self.withheld = True
        with patch.object(self, "activities", self.activities[:-1]):
            return super()._fills(question)


def _left(order: Mapping[str, Any]) -> Decimal:
    return Decimal(order["qty"]) - Decimal(order["filled_qty"])


def _share(order: Mapping[str, Any]) -> Decimal:
    return Decimal(random.Random(str(order["client_order_id"])).randint(0, int(_left(order))))


@dataclass(frozen=True)
class AlpacaScene(Scene):
    """A script's days without faults.

    Attributes:
        account: the exchange that all worlds of a process trade at, one after the other.
        accounts: its books before each session.
    """

    account: Exchange
    accounts: dict[date, dict[str, Any]]

    def play(self, home: Home, session: date) -> None:
        """Let the exchange have its day."""
        assert home.books is not None
        with (home.books.parent / "bars.csv").open() as lines:
            rows = list(csv.DictReader(lines))
        today = {row["symbol"]: row for row in rows if row["session"] == str(session)}
        opens, closes = ({symbol: row[name] for symbol, row in today.items()} for name in ("open", "close"))
        if session == FRI:
            (before,) = (row["close"] for row in rows if (row["symbol"], row["session"]) == ("TWIN", str(WED)))
            self.account.split("TWIN", 3, 2, before=before)
        self.account.fill_as(self.script)
        ranges = {symbol: (row["low"], row["high"]) for symbol, row in today.items()}
        self.account.play(market(session, opens, at_close=closes, ranges=ranges))
        self.account.ask = {symbol: Decimal(price) for symbol, price in closes.items()}


class AlpacaCourse(Course):
    """A world that trades there."""

    broker: ClassVar[type[Broker]] = AlpacaBroker
    kinds: ClassVar[Mapping[str, int]] = {
        name: often for name, often in KINDS.items() if not name.startswith(("order", "answer", "look-up", "broker", "fills"))
    } | {"unannounced": 3}
    tellings: ClassVar[frozenset[str]] = Course.tellings | {
        "days late",
        "unannounced",
    }  # the auction that orders were for is over; they stand
    scene: AlpacaScene

    @property
    def _account(self) -> Exchange:
        return self.scene.account

    def session(self, session: date, *, last: bool) -> None:
        """The exchange's day, and the attempts of its evening."""
        if not self.world.told[1:]:
            self._account.restore(self.scene.accounts[session])
        self.scene.play(self.home, session)
        super().session(session, last=last)

    def evening(self, session: date) -> datetime:
        """When Alpaca takes orders for the next open."""
        return evening(session)

    def facts(self) -> dict[str, list[Any]]:
        """Of ledger, account and lake."""
        return _facts(self.home, self._account, any_order=self.scene.rests)

    def disagreement(self) -> list[str]:
        """Where the ledger is not as the account in the end."""
        query = "SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0"
        ours = dict(self.home.sql(query))
        ((cash,),) = self.home.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'")
        theirs = {symbol: int(quantity) for symbol, quantity in self._account.held.items() if quantity}
        if (ours, cash) == (theirs, int(self._account.cash * 1_000_000)):
            return []
        return [f"the ledger has {ours} and {cash} micros, the account {theirs} and {self._account.cash}"]

    def broken(self, *, recovered: bool) -> list[str]:
        """Which invariants do not hold."""
        return broken(self.home, recovered=recovered) + self._sent() + _loose(self.home, self._account)

    def bare(self, session: date) -> list[str]:
        """Positions that a session's cycle leaves without their stop, and without a word; but days late nothing is sent, stops neither."""
        if not self.scene.has_brackets or self.halted or self.world.befell["days late"]:
            return []
        return _unprotected(self.home, self._account, session)

    def _sent(self) -> list[str]:
        """What the account has that the ledger did not mean to send, or has twice, or otherwise."""
        if not (self.home.folder / "ledger.db").exists():
            return ["the account has orders without a ledger"] if self._account.orders else []
        meant = {row[0]: row[1:] for row in self.home.sql("SELECT client_order_id, symbol, side, quantity FROM orders")}
        intended = {row[0] for row in self.home.sql("SELECT DISTINCT client_order_id FROM order_events WHERE state = 'sending'")}
        found, seen = [], set()
        for order in self._account.orders:
            key, told = str(order["client_order_id"]), (order["symbol"], order["side"], int(order["qty"]))
            if key not in intended:
                found.append(f"the account has {key}, and no intent of it was committed before")
            elif meant[key] != told or key in seen:
                found.append(f"the account has {key} as {told}, {'again' if key in seen else f'and we meant {meant[key]}'}")
            seen.add(key)
        stood = () if self.world.befell["unannounced"] else self._account.stood
        return found + [f"{key} stood through a split that was announced" for key in stood]

    @contextmanager
    def surroundings(self, faulty: bool) -> Iterator[list[str]]:
        """Alpaca answers as it has been drawn."""
        told: list[str] = []
        if faulty:
            told = [
                *self.draw.choices(list(SENDS), k=self.draw.randrange(6)),
                *self.draw.choices(list(QUESTIONS), k=self.draw.randrange(8)),
            ]
            self._account.fail(*(({**SENDS, **QUESTIONS})[name] for name in told))
            wrong = [name for name in LISTS if self.draw.random() < 0.15]
            self._account.doubles, self._account.withholds = "fills doubled" in wrong, "fills late" in wrong
            self._account.shuffles = random.Random(self.world.seed) if "fills shuffled" in wrong else None
            self._account.forgets_tokens = "page tokens forgotten" in wrong
            told += wrong
        with _patient():
            try:
                yield told
            finally:
                self.telling |= self._account.withheld
                left = [name for name, fault in {**SENDS, **QUESTIONS}.items() for each in self._account.in_store() if each is fault]
                as_ever = {"order as ever", "question as ever"}
                self.world.planned.update(set(told) - as_ever)
                self.world.befell.update(set((Counter(told) - Counter(left)).keys()) - as_ever)
                self._account.be_sound()


class AlpacaScenes(Scenes):
    """Days without faults at an exchange that is served for as long as the process lives."""

    at = "alpaca"
    course = AlpacaCourse
    week = (MON, TUE, WED, FRI)
    scripts = 3
    brackets = len(_BRACKETS)
    resting = len(_RESTING)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stack = ExitStack()
        self.account = self._stack.enter_context(Exchange(evening(MON), _CAPITAL).served())
        self._empty = self.account.remembered()

    def close(self) -> None:
        """End the exchange."""
        self._stack.close()

    def _make(self, script: int) -> Scene:
        folder = self._folder / f"script-{script}"
        home = small_home(folder)
        assert home.books is not None
        text = books_text(slippage="0.9", slippages_in_a_row="1000").replace("30 17 * *", "5 19 * *").replace("1000000\n", f"{_CAPITAL}\n")
        order = ("", "", "", *(f"{{bracket: {each}}}" for each in _BRACKETS), *_RESTING)[script]
        if order:
            text = text.replace("    broker:", f"    order: {order}\n    broker:")
        home.books.write_text(text.replace(f"kind: paper, {BROKER}", f"kind: alpaca, trading_url: '{self.account.url}', {BROKER}"))
        home.folder.mkdir()
        scene = AlpacaScene(script, {}, {}, "bracket" in order, bool(order), self.account, {})
        self.account.restore(self._empty)
        for session in self.week:
            home = replace(home, now=evening(session).isoformat())
            scene.starts[session] = copied(home, folder / str(session))
            scene.accounts[session] = self.account.remembered()
            scene.play(home, session)
            with life(), made_at_once(), scene.decides(), _patient():
                home.run(session)
            scene.facts[session] = _facts(home, self.account, any_order=scene.rests)
            wrong = _unprotected(home, self.account, session) if scene.has_brackets else []
            assert not wrong, wrong
        wrong = broken(home) + _loose(home, self.account)
        assert not wrong, wrong
        return scene


@contextmanager
def _patient() -> Iterator[None]:
    """A key in the environment, and no pause and no answer that never comes waited for."""
    handle = httpx.AsyncHTTPTransport.handle_async_request

    async def handled(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        response = await handle(self, request)
        if _HELD_BACK in response.headers:
            await response.aclose()
            raise httpx.ReadTimeout("", request=request)
        return response

    key = {"NO_PROXY": "127.0.0.1", "APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": SECRET}
    made = partial(AlpacaBroker, sleep=_at_once, patience=_FEW_TRIES)
    with (
        patch.dict(os.environ, key),
        patch.object(grodt.brokers.alpaca, "AlpacaBroker", made),
        patch.object(httpx.AsyncHTTPTransport, "handle_async_request", handled),
    ):
        yield


async def _at_once(_seconds: float) -> None:
    """No pause."""


def _facts(home: Home, account: Exchange, *, any_order: bool) -> dict[str, list[Any]]:
    """Of ledger, account and lake, without instants and what counts tries; in `any_order` as `timeless` says."""
    orders = sorted(
        (each["client_order_id"], each["symbol"], each["side"], each["qty"], each["status"], each["filled_qty"]) for each in account.orders
    )
    fills = sorted((each["order_id"], each["symbol"], each["side"], each["qty"], each["price"]) for each in account.activities)
    held = sorted((symbol, quantity) for symbol, quantity in account.held.items() if quantity)
    facts = facts_of(home, {"ledger.db": LEDGER}, OF_SENDING if any_order else ())
    return facts | {"orders": orders, "fills": fills, "held": held, "cash": [account.cash]}


def _open_orders(home: Home, account: Exchange) -> Iterator[tuple[str, str, str, Decimal]]:
    """Of those that are: our id, symbol, what we sent it for ("stop" or "order"), and what is left, below 0 of a sale."""
    stops = {key for (key,) in home.sql("SELECT client_order_id FROM orders WHERE role = 'stop'")}
    for each in account.orders:
        if each["status"] not in OVER:
            key, left = str(each["client_order_id"]), _left(each)
            yield key, each["symbol"], "stop" if key in stops else "order", left if each["side"] == "buy" else -left


def _loose(home: Home, account: Exchange) -> list[str]:
    """Where stops and other orders would sell more than is held, two stops are live for one position, or more was sold than was held."""
    if not (home.folder / "ledger.db").exists():
        return []
    found = [f"{held:,} shares of {symbol} are held" for symbol, held in account.held.items() if held < 0]
    sold, stops = Counter[str](), Counter[str]()
    for _, symbol, role, left in _open_orders(home, account):
        sold[symbol] += int(max(-left, Decimal(0)))
        stops[symbol] += role == "stop"
    for symbol, many in stops.items():
        held = account.held.get(symbol, Decimal(0))
        if many > 1 or (many and sold[symbol] > held):
            found.append(f"{many} stops are live in {symbol}, of which {held:,} shares are held and {sold[symbol]:,} are being sold")
    return found


def _unprotected(home: Home, account: Exchange, session: date) -> list[str]:
    """Positions that stay without their whole stop after a session's cycle, although control 36 did not say so."""
    sold = Counter[str]()
    for _, symbol, _, left in _open_orders(home, account):
        sold[symbol] += int(max(-left, Decimal(0)))
    told = without_a_stop(home, session)
    return [
        f"{symbol}: {held:,} shares are held and {sold[symbol]:,} are to be sold, and control 36 does not say why"
        for symbol, held in account.held.items()
        if sold[symbol] < held and symbol not in told
    ]
