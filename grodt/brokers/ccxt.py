"""An account at a crypto venue, over ccxt's asynchronous client.

Some venues take the same client id twice. So an order is looked for under our id before it is sent, and it is sent once: what ccxt names a
refusal of the order is one, unless the venue has the order all the same; whatever else goes wrong says nothing, and the order is looked up
before anything else happens. How lists are read whole is the venue's own rule (`ccxt_venues`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from grodt.brokers.ccxt_payloads import (
    broker_cash,
    broker_positions,
    exact,
    kind_problem,
    may_be,
    one_order,
    precision_problem,
    venue_client_id,
)
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.ccxt_trades import are_all, fill_of, gather, is_fraction, part_of, unreadable_fill
from grodt.brokers.ccxt_venues import Row, rule_of
from grodt.brokers.own_loop import OwnLoop
from grodt.brokers.protocol import BrokerOrder, Part, no_last_look
from grodt.errors import BrokerUnavailable, ConfigError, OrderOutcomeUnknown
from grodt.money import Micros, decimal
from grodt.orders.fill import Fill
from grodt.orders.order import Order
from grodt.orders.states import ENDED, OPEN, OrderState
from grodt.sessions import Calendar

#: Seconds in which a question must be answered, all its pages together; one for fills has many, and ccxt keeps to the venue's pace.
ANSWER_SECONDS = 60.0
FILLS_SECONDS = 600.0
#: What venues tell as the client id of an order that was given none.
_NO_NAME = (None, "", "0")
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Times that an order and its trades are asked for, when it trades meanwhile.
_LOOKS = 5

#: Symbol and the venue's id of an order.
type _Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Traded:
    """An order with trades of it.

    Attributes:
        name: our id, or one that says whose it is.
        order: as the venue tells it; None: the trades name none.
        trades: as told.
        ours: whether it is an order of ours.
        over: whether it can trade no more.
    """

    name: str
    order: Row | None
    trades: Sequence[Row]
    ours: bool
    over: bool


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
        key: str = "none",
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
            key: fingerprint of the account's key.

        Raises:
            ConfigError: it is not known how this venue's lists are read whole.
        """
        self._rule = rule_of(account.venue)
        self._asker = f"broker of book {book!r}"
        self._account = account
        self._calendar = calendar
        self._client = client
        self._ours = ours
        self._now = now
        self._hidden_in = hidden_in
        self._key = key
        self._loop = OwnLoop("ccxt")
        self._venue: Any = None
        self._symbols: dict[str, str] = {}  # by our id
        self._by_venue: dict[str, str] = {}  # our id by the venue's client id

    @property
    def account(self) -> str:
        """See `Broker.account`."""
        return f"ccxt {self._account.venue} {self._account.account}, key {self._key}"

    def close(self) -> None:
        """Close its connections."""
        if self._venue is not None:
            self._loop.run(self._venue.close)
        self._loop.close()

    # orders

    def submit(self, order: Order, session: date, last_look: Callable[[], None] = no_last_look) -> BrokerOrder:
        """See `Broker.submit`. A market order for the next open is sent as one for now: the session after has begun."""
        del session
        problem = kind_problem(order)
        if problem:
            return _refused(order, problem)
        self._know({order.client_order_id: order.symbol})
        try:
            return self._asked(lambda venue: self._submit(venue, order, last_look))
        except BrokerUnavailable as error:
            raise OrderOutcomeUnknown(f"order {order.client_order_id}: {error}") from None

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """See `Broker.find`."""
        return self.orders([client_order_id]).get(client_order_id)

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        """See `Broker.orders`. An id that neither this process nor the ledger knows was never sent."""
        self._learn(client_order_ids)
        by_symbol: dict[str, list[str]] = {}
        for each in sorted({each for each in client_order_ids if each in self._symbols}):
            by_symbol.setdefault(self._symbols[each], []).append(each)
        found: dict[str, BrokerOrder] = {}
        for symbol, names in by_symbol.items():
            told = self._asked(partial(self._told, symbol=symbol, names=names))
            found |= {each: one_order(told[each], each) for each in names if each in told}
        return dict(sorted(found.items()))

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        """See `Broker.open_orders`. Orders of others in the account are among them."""
        rows = self._asked(lambda venue: venue.fetch_open_orders())
        known = [one_order(told, name) for name, told in self._named(rows).items()]
        found = (each for each in known if each.state in {*OPEN, OrderState.UNKNOWN})
        return tuple(sorted(found, key=lambda each: each.client_order_id))

    def cancel(self, client_order_id: str) -> None:
        """See `Broker.cancel`."""
        self._learn([client_order_id])
        if client_order_id in self._symbols:
            self._asked(partial(self._cancel, client_order_id=client_order_id))

    # the book

    def fills(self, since: date) -> tuple[Fill, ...]:
        """See `Broker.fills`; of the markets that the book has ordered in. A fill belongs to the session of its day."""
        self._know(self._ours())
        symbols = sorted(set(self._symbols.values()))
        return self._asked(partial(self._fills, symbols=symbols, since=since), FILLS_SECONDS) if symbols else ()

    def parts(self) -> tuple[Part, ...]:
        """See `TellsParts.parts`."""
        self._know(self._ours())
        return self._asked(self._parts, FILLS_SECONDS)

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

    def _asked[R](self, ask: Callable[[Any], Awaitable[R]], seconds: float = ANSWER_SECONDS) -> R:
        import ccxt

        async def answer() -> R:
            try:
                async with asyncio.timeout(seconds):
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

    def _named(self, rows: Sequence[Row]) -> dict[str, list[Row]]:
        """Rows by our id, or by the venue's where an order is none of ours."""
        if any(row.get("clientOrderId") not in self._by_venue for row in rows):
            self._know(self._ours())
        found: dict[str, list[Row]] = {}
        for row in rows:
            found.setdefault(self._by_venue.get(row.get("clientOrderId") or "", self._foreign(row["symbol"], row["id"])), []).append(row)
        return found

    def _foreign(self, symbol: Any, venue_order_id: Any) -> str:
        return f"{self._account.venue} {symbol} {venue_order_id}"

    async def _told(self, venue: Any, symbol: str, names: Sequence[str], like: Order | None = None) -> dict[str, list[Row]]:
        """Orders of a market under those ids of ours, by our id; those that are over too.

        Raises:
            BrokerUnavailable: an open order that has no client id may be one that is not found, sent as `like`.
        """
        rows = list(await venue.fetch_open_orders(symbol))  # first: what is over meanwhile is told after, and that word counts
        nameless = [row for row in rows if row.get("clientOrderId") in _NO_NAME and (like is None or may_be(row, like))]
        found: dict[str, list[Row]] = {}
        for each in names:
            theirs = venue_client_id(each)
            mine = [row for row in rows if row.get("clientOrderId") == theirs]
            mine += await self._rule.over(venue, symbol, theirs)
            if mine:
                found[each] = mine
            elif nameless:
                raise BrokerUnavailable(
                    f"{self._asker}: order {each} is not at {self._account.venue} under its client id, and {symbol} has the open order "
                    f"{nameless[0]['id']} without one, which may be it; look at it there, cancel it or wait until it is over"
                )
        return found

    async def _submit(self, venue: Any, order: Order, last_look: Callable[[], None]) -> BrokerOrder:
        import ccxt

        name, look_up = order.client_order_id, partial(self._told, venue, order.symbol, [order.client_order_id], order)
        if known := (await look_up()).get(name):
            return one_order(known, name)
        price = None if order.price is None else f"{decimal(order.price).normalize():f}"
        told: dict[str, Any] = {"clientOrderId": venue_client_id(name)}
        if order.time_in_force in ("ioc", "fok"):
            told["timeInForce"] = order.time_in_force.upper()
        try:
            await venue.load_markets()
            if problem := precision_problem(order, price, venue.amount_to_precision, venue.price_to_precision):
                return _refused(order, problem)
            last_look()
            row = await venue.create_order(order.symbol, order.order_type, order.side.value, order.quantity, price, told)
        except (ccxt.DuplicateOrderId, ccxt.OrderNotFound) as error:  # ccxt counts them among refusals, and they speak of an order there
            raise OrderOutcomeUnknown(f"order {name}: {self._said(error)}; the venue may have an order under this id") from None
        except (ccxt.InsufficientFunds, ccxt.InvalidOrder, ccxt.BadRequest) as error:
            found = await self._after_sending(look_up, name)  # refused, or there already
            return one_order(found, name) if found else _refused(order, self._hidden_in(str(error)))
        if row.get("status") is not None and row.get("amount") is not None:
            return one_order([row], name)
        found = await self._after_sending(look_up, name)  # venues that acknowledge with an id alone
        if not found:
            raise OrderOutcomeUnknown(f"order {name}: acknowledged as {row.get('id')}, and not in the list yet")
        return one_order(found, name)

    async def _after_sending(self, look_up: Callable[[], Awaitable[Mapping[str, list[Row]]]], name: str) -> list[Row] | None:
        """What is there under our id; no error of this question, a wrong key neither, says that nothing was taken."""
        import ccxt

        try:
            return (await look_up()).get(name)
        except ccxt.BaseError as error:
            raise OrderOutcomeUnknown(f"order {name}: sent, and not looked up: {self._said(error)}") from None

    async def _cancel(self, venue: Any, client_order_id: str) -> None:
        import ccxt

        symbol = self._symbols[client_order_id]
        rows = (await self._told(venue, symbol, [client_order_id])).get(client_order_id, [])
        for row in {row["id"]: row for row in rows}.values():
            if one_order([row], client_order_id).state not in {*OPEN, OrderState.UNKNOWN}:
                continue
            try:
                await venue.cancel_order(row["id"], symbol)
            except (ccxt.OrderNotFound, ccxt.InvalidOrder):  # it is over meanwhile
                continue

    async def _fills(self, venue: Any, symbols: Sequence[str], since: date) -> tuple[Fill, ...]:
        begin = datetime.combine(self._calendar.previous(since), time.min, self._calendar.zone).astimezone(UTC)
        rows = await self._rule.trades(venue, symbols, begin, self._now())
        keys = {_order_of(each) for each in rows if self._session_of(each) >= since}
        told: list[Fill] = []
        for each in await self._traded(venue, rows, keys, begin):
            for trades in [each.trades] if each.ours else [[trade] for trade in each.trades]:
                found = gather(trades, self._account.quote)
                told += [fill_of(group, each.name, self._session_of(group[-1])) for group in found.whole]
                odd = [*found.unreadable, *((trade, f"quantity {trade['amount']}") for trade in found.rest if each.over or not each.ours)]
                told += [unreadable_fill(trade, each.name, self._session_of(trade), why) for trade, why in odd]
        return tuple(sorted((fill for fill in told if fill.session >= since), key=lambda fill: (fill.filled_at, fill.execution_id)))

    async def _parts(self, venue: Any) -> tuple[Part, ...]:
        rows = await venue.fetch_open_orders()
        opened = [row for name, of in self._named(rows).items() if name in self._symbols for row in of if exact(row.get("filled")) % 1]
        if not opened:
            return ()
        begin = min(map(_given_at, opened))
        trades = await self._rule.trades(venue, sorted({row["symbol"] for row in opened}), begin, self._now())
        found = await self._traded(venue, trades, {(row["symbol"], row["id"]) for row in opened}, begin)
        waiting = ((each.name, gather(each.trades, self._account.quote).rest) for each in found if not each.over)
        return tuple(sorted((part_of(rest, name) for name, rest in waiting if rest), key=lambda part: part.client_order_id))

    async def _traded(self, venue: Any, rows: Sequence[Row], keys: Collection[_Key], begin: datetime) -> list[_Traded]:
        """Orders with their trades: of ours that fill in fractions of a coin all of them, so that they are gathered as they always will be.

        Args:
            venue: to be asked.
            rows: trades from `begin` on.
            keys: of the orders.
            begin: may be later than trades of the orders are.

        Raises:
            BrokerUnavailable: the trades of an order do not come to what it has filled, however often both are asked for.
        """
        told = {(row["symbol"], str(row["id"])): row for row in rows}
        short: list[_Traded] = []
        for _ in range(_LOOKS):
            by_order: dict[_Key, list[Row]] = {}
            for row in told.values():
                by_order.setdefault(_order_of(row), []).append(row)
            # After their trades: what has filled by then is all told, or is found missing.
            found = [await self._order(venue, key, by_order.get(key, [])) for key in sorted(keys, key=str)]
            short = [
                each
                for each in found
                if each.ours and each.order and any(map(is_fraction, each.trades)) and not are_all(each.trades, each.order)
            ]
            if not short:
                return found
            begin = min([begin, *(_given_at(each.order) for each in short if each.order)])
            again = await self._rule.trades(venue, sorted({each.trades[0]["symbol"] for each in short}), begin, self._now())
            told |= {(row["symbol"], str(row["id"])): row for row in again}
        order = short[0].order or {}
        raise BrokerUnavailable(
            f"{self._asker}: the trades that {self._account.venue} tells of order {short[0].name} do not come to the "
            f"{order.get('filled')} that it says have filled; run again later, and compare them there"
        )

    async def _order(self, venue: Any, key: _Key, trades: list[Row]) -> _Traded:
        symbol, venue_order_id = key
        if not venue_order_id:
            return _Traded(self._foreign(*key), None, trades, ours=False, over=True)
        row = await venue.fetch_order(venue_order_id, symbol)
        ((name, _),) = self._named([row]).items()
        over = one_order([row], name).state in {*ENDED, OrderState.FILLED}
        return _Traded(name, row, trades, ours=name in self._symbols, over=over)

    def _session_of(self, trade: Mapping[str, Any]) -> date:
        day = (_EPOCH + int(trade["timestamp"]) * _MILLISECOND).astimezone(self._calendar.zone).date()
        return day if self._calendar.is_session(day) else self._calendar.next(day)


def _order_of(trade: Row) -> _Key:
    return str(trade["symbol"]), str(trade.get("order") or "")


def _given_at(order: Row) -> datetime:
    return _EPOCH + int(order["timestamp"]) * _MILLISECOND


def _refused(order: Order, reason: str) -> BrokerOrder:
    return BrokerOrder(order.client_order_id, "", order.symbol, order.side, order.quantity, OrderState.REJECTED, 0, reason)
