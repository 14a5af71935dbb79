"""The paper broker: a venue with a book of its own, in a file of its own, so that comparing it with the ledger means something.

It works an order from the first session after the one that decided it: a market order for the open at the price and as far as its
`FillTerms` say, and in as many sessions after that; every other as `grodt.brokers.triggers` says, in that session alone unless it is
`gtc`. `advance` plays one session.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Self

from grodt.bars.market import SessionMarket
from grodt.brokers.fills import FillTerms
from grodt.brokers.paper_bars import end_day, play_bar, starts
from grodt.brokers.paper_book import immediate, open_book, translated
from grodt.brokers.paper_legs import OPEN_STATES, end_legs
from grodt.brokers.paper_orders import ORDER_COLUMNS, broker_order, find_order
from grodt.brokers.paper_session import last_session, play, reserve
from grodt.brokers.paper_taking import Rules, take
from grodt.brokers.protocol import BrokerOrder, no_last_look
from grodt.errors import BrokerUnavailable, OrderOutcomeUnknown
from grodt.money import Micros
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side

_SIDES = {side.value: side for side in Side}


def paper_account(book: str) -> str:
    """What `Broker.account` is of a book's paper account."""
    return f"paper {book}"


class PaperBroker:
    """A `Broker` over one SQLite file. Safe to share between threads; several processes take turns.

    It refuses an order (state `rejected`) when it is not of whole shares, of this
    book and of a kind that exists, when the session after its decision has passed, when a buy is not covered by cash at reference
    prices (open sells count, open buys count against), and a sell beyond what is held unless `allow_short`. Prices move and commission
    comes on top, so a buy that was covered when sent still fills when it no longer is: cash may then be slightly below zero, which
    risk's cash buffer is for.

    It knows both legs of a bracket as one group: a leg is refused beyond what is held and not being closed already, its other leg aside,
    and a take profit without an open stop; where one fills the other has as much less to close, and is cancelled in the same transaction
    when that is nothing; a cancel of one is a cancel of both. An attached leg is taken beside its entry, an open market order, for no more
    than that opens. It closes what has filled of it so far, from the open on at which it fills, in that very session; where it fills or
    triggers, the rest of the entry is cancelled, and where the entry is over with nothing to close, so is the leg.

    Corporate actions and the cost of borrowed shares follow the ledger's rules on the broker's own positions; `advance` says how.
    """

    #: Orders that may be marked as being sent before the first of them is submitted; see `TakesGroups`.
    group = 250
    #: See `TakesPairs`.
    pairs = True
    #: See `AttachesLegs`.
    attaches = True

    def __init__(
        self,
        path: Path,
        book: str,
        initial_cash: Micros,
        terms: FillTerms,
        *,
        allow_short: bool = False,
        intraday: bool = False,
        busy_seconds: float = 10.0,
    ) -> None:
        """Open the account, or make it.

        Args:
            path: its file; folders are made.
            book: the book whose account it is.
            initial_cash: opening cash of a new account; an existing one keeps its own.
            terms: what trading and borrowing cost, and how much of an order a session takes.
            allow_short: whether positions may go below zero.
            intraday: whether the book decides within its sessions: its orders for the day are for what is left of the session that decided
                them, and `play_bar` works them; those of other books are for the whole of the next session.
            busy_seconds: how long a lock held by another process is waited for.

        Raises:
            ConfigError, DataError, BrokerUnavailable: see `open_book`.
        """
        self._path = path
        self._rules = Rules(book, allow_short, intraday)
        self._terms = terms
        self._lock = threading.RLock()
        self._connection = open_book(path, book, initial_cash, busy_seconds)

    @property
    def account(self) -> str:
        """See `Broker.account`. The paper account of a book is its own."""
        return paper_account(self._rules.book)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        """The broker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    # orders

    def submit(self, order: Order, session: date, last_look: Callable[[], None] = no_last_look) -> BrokerOrder:
        """See `Broker.submit`. Accepted and refused orders are kept; malformed ones are refused without a trace."""
        try:
            with self._lock, translated(self._path), immediate(self._connection):
                last_look()
                return take(self._connection, order, session, self._rules)
        except BrokerUnavailable as error:  # the commit itself may have failed after it took effect
            raise OrderOutcomeUnknown(f"order {order.client_order_id}: no definite answer: {error}") from error

    @contextmanager
    def together(self) -> Iterator[None]:
        """See `TakesGroups.together`. One sync of the file for all of them."""
        with self._lock:
            with translated(self._path):
                self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                yield
            finally:
                with translated(self._path):
                    self._connection.execute("PRAGMA synchronous = FULL")
                    # A commit that syncs, and with it those before. SQLite writes no page for an update that changes nothing, and a commit
                    # without a page syncs nothing.
                    with immediate(self._connection):
                        for change in (1, -1):
                            self._connection.execute("UPDATE account SET reserved = reserved + ?", (change,))

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """See `Broker.find`."""
        with self._reading() as connection:
            return find_order(connection, client_order_id)

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        """See `Broker.orders`."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {ORDER_COLUMNS} FROM orders WHERE client_order_id IN (SELECT value FROM json_each(?)) ORDER BY 1",
                (json.dumps(list(client_order_ids)),),
            )
            return {found.client_order_id: found for found in map(broker_order, rows)}

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        """See `Broker.open_orders`."""
        with self._reading() as connection:
            rows = connection.execute(f"SELECT {ORDER_COLUMNS} FROM orders WHERE state IN {OPEN_STATES} ORDER BY 1")
            return tuple(map(broker_order, rows))

    def cancel(self, client_order_id: str) -> None:
        """See `Broker.cancel`. The paper broker cancels at once."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE orders SET state = 'cancelled', reason = 'cancelled on request' "
                f"WHERE (client_order_id = ? OR other = ?) AND state IN {OPEN_STATES}",
                (client_order_id, client_order_id),
            )
            end_legs(connection)
            reserve(connection)

    # the book

    def fills(self, since: date) -> tuple[Fill, ...]:
        """See `Broker.fills`."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT execution_id, client_order_id, symbol, side, quantity, price, commission, session, filled_at "
                "FROM fills WHERE session >= ? ORDER BY number",
                (since.isoformat(),),
            )
            day, instant = cache(date.fromisoformat), cache(datetime.fromisoformat)  # of few sessions
            return tuple(
                Fill(
                    execution,
                    client,
                    symbol,
                    _SIDES[side],
                    quantity,
                    Micros(price),
                    Micros(commission),
                    day(session),
                    instant(filled_at),
                )
                for execution, client, symbol, side, quantity, price, commission, session, filled_at in rows
            )

    def positions(self) -> Mapping[str, Decimal]:
        """See `Broker.positions`."""
        with self._reading() as connection:
            rows = connection.execute("SELECT symbol, quantity FROM positions ORDER BY symbol")
            return {symbol: Decimal(quantity) for symbol, quantity in rows}

    def cash(self) -> Micros:
        """See `Broker.cash`."""
        with self._reading() as connection:
            return Micros(connection.execute("SELECT cash FROM account").fetchone()[0])

    # time

    def last_session(self) -> date | None:
        """The last session played, None before the first."""
        with self._reading() as connection:
            return last_session(connection)

    def works_by_bars(self) -> bool:
        """Whether an open order needs more of a session than its open: its high, low and close."""
        with self._reading() as connection:
            query = f"SELECT 1 FROM orders WHERE state IN {OPEN_STATES} AND (order_type, time_in_force) <> ('market', 'opg') LIMIT 1"
            return connection.execute(query).fetchone() is not None

    def starts(self, session: date) -> tuple[datetime, ...]:
        """From when orders decided in a session work that do not at once, ascending, whatever became of them."""
        with self._reading() as connection:
            return starts(connection, session)

    def advance(self, market: SessionMarket) -> None:
        """Play one session, in one transaction; a session played before is left as it is.

        In this order: borrowed shares are paid for, for the nights since the session before; dividends and delistings are owed on what
        was held at the previous close; splits; a delisting closes the position at its final value; a change of symbol moves it; payments
        due by this session are paid; open orders in a symbol that split, was delisted or changed its symbol are cancelled; open orders
        decided in an earlier session fill, the earliest sent first, as far as the session takes them. What is left of one expires after its
        last session. Dividends stay owed under the symbol they were declared under.

        Raises:
            SessionError: the session comes before the last one played and was never played itself.
            DataError: an action twice, a split with a fraction or a short position and no previous close, an impossible price or
                figure, or one that the terms need and the market does not have.
            BrokerUnavailable: the file did not take it; may be repeated.
        """
        with self._writing() as connection:
            play(connection, market, self._terms, intraday=self._rules.intraday)

    def play_bar(self, bar: SessionMarket, rests: Sequence[SessionMarket] = ()) -> None:
        """Play one bar of the session that goes on, in one transaction; what was played before is left as it is.

        Orders for the day that were accepted before it fill, the earliest sent first, as far as the bar takes them; the rest works on in
        the next one. One that begins to work within the bar fills in the rest of it that begins there, behind those that were there
        before it and what they filled of its symbol, which it does not change. See `grodt.brokers.paper_bars`.

        Args:
            bar: to be played.
            rests: of the bar, from each of `starts` within it to its end, ascending.

        Raises:
            SessionError: the session was not begun with `advance`, or the bar overlaps one that was played.
            DataError, BrokerUnavailable: as of `advance`.
        """
        with self._writing() as connection:
            play_bar(connection, bar, self._terms, rests)

    def end_day(self, session: date) -> None:
        """The session is over: what is left of its orders for the day, and of earlier ones, expires. Again, it changes nothing.

        Raises:
            BrokerUnavailable: the file did not take it; may be repeated.
        """
        with self._writing() as connection:
            end_day(connection, session)

    # below: for the methods above

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self._path), immediate(self._connection):
            yield self._connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self._path):
            yield self._connection
