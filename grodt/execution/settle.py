"""Settle: bring the ledger from the last settled session to this one, session by session.

Per session the venue plays it (paper), then one transaction books all of it: borrowing, corporate actions, fills, orders that are
over, and that the session is settled. So a kill leaves whole sessions, and the next call goes on from there.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NoReturn

import numpy as np

from grodt.bars.market import SessionMarket
from grodt.brokers.protocol import Broker, BrokerOrder
from grodt.errors import HaltActive
from grodt.execution.breaching import halt_book
from grodt.execution.outcome import halt_unread, is_same, record_answer
from grodt.execution.slipping import Slippage, Slipped
from grodt.ledger.actions import applied, apply_actions, charge_borrowing
from grodt.ledger.booking import booking_instant
from grodt.ledger.fills import Overfilled, fills_since, record_fills
from grodt.ledger.halts import Halt
from grodt.ledger.later_checks import LATE, record_later
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.order_life import Move, transition, transitions
from grodt.ledger.orders import LedgerOrder, find_orders, orders_in
from grodt.ledger.postings import record_settlement, settled
from grodt.ledger.runs import Run
from grodt.ledger.unit import Ledger, Write
from grodt.orders.fill import Fill
from grodt.orders.states import IN_FLIGHT, OPEN, OrderState
from grodt.risk.check import Check, worst
from grodt.risk.controls import PARENT_QUANTITY, Evaluation, parent_quantity, why
from grodt.risk.limits import Limits

_MAY_BE_AT_BROKER = frozenset({OrderState.APPROVED, *IN_FLIGHT, *OPEN})
_NO_COST = Decimal(0)
#: For how many days before the last settled session a real venue is asked again: its fills may come late, also of orders that are over.
_LATE = timedelta(days=7)
_ENDED = frozenset({OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.REPLACED})
_OVER = _ENDED | {OrderState.FILLED}


@dataclass(slots=True)
class Settled:
    """What one call of `settle` booked.

    Attributes:
        sessions: settled by this call, ascending.
        actions: entries of corporate actions and dividend payments.
        fills: booked; those known before are not counted.
        ended: orders found cancelled, expired, rejected or replaced.
        adopted: orders found at the broker whose answer had been lost.
        foreign: fills of orders that are not ours; not booked, reconciliation will show them.
        slipped: fills that control 32 found too far from the reference price of their order.
    """

    sessions: tuple[date, ...] = ()
    actions: int = 0
    fills: int = 0
    ended: int = 0
    adopted: int = 0
    foreign: int = 0
    slipped: tuple[Slipped, ...] = ()


def settle(
    ledger: Ledger,
    lease: Lease | None,
    broker: Broker,
    advance: Callable[[SessionMarket], None] | None,
    markets: Iterable[SessionMarket],
    *,
    run: Run,
    file: Limits,
    now: Callable[[], datetime],
    borrow_bps: Decimal = _NO_COST,
    going_on: date | None = None,
) -> Settled:
    """Settle each session after the last settled one, then whatever else the broker reports.

    Args:
        ledger: the book of record.
        lease: the book's; every write checks it.
        broker: whose fills and orders are booked.
        advance: plays a session at a paper venue; None for a real one.
        markets: sessions ascending; those settled before are passed over. Read one at a time.
        run: the run that books it.
        file: what the books file says of its limits, for those that the ledger does not know yet.
        now: the clock, read once per commit.
        borrow_bps: what the broker charges a year for borrowed shares.
        going_on: a session that is not over: what has happened in it is booked, and it is settled by a later call.

    Raises:
        BrokerUnavailable: the broker did not answer; sessions before are settled, this one is untouched.
        HaltActive: control 19 found more filled and open than was ordered, and this session is untouched; or, with this session settled,
            control 32 found too many fills in a row too far from their reference prices.
        DataError: a fill differs from one with its execution id, or a corporate action or borrowing cannot be booked.
        ValueError: the sessions are not ascending.
    """
    late = _LATE if advance is None else timedelta(0)  # what a paper venue has played, it has told
    settling = _Settling(ledger, lease, broker, run, file, now, borrow_bps, late, Settled(), going_on)
    with ledger.read() as tx:
        last = settled(tx, run.book)
    previous: date | None = None
    for market in markets:
        if previous is not None and market.session <= previous:
            raise ValueError(f"session {market.session} does not come after {previous}")
        previous = market.session
        if last is not None and market.session <= last:
            continue
        if advance is not None:
            advance(market)
        settling.book(market)
    settling.book(None)
    return settling.result


@dataclass(slots=True)
class _Settling:
    ledger: Ledger
    lease: Lease | None
    broker: Broker
    run: Run
    file: Limits
    now: Callable[[], datetime]
    borrow_bps: Decimal
    late: timedelta
    result: Settled
    going_on: date | None = None
    foreign: set[str] = field(default_factory=set)

    def book(self, market: SessionMarket | None) -> None:
        """Book one session, or with None what has come in since for sessions that are settled."""
        with self.ledger.read() as tx:
            ours = {each.order.client_order_id: each for each in orders_in(tx, self.run.book, _MAY_BE_AT_BROKER)}
            last = settled(tx, self.run.book)
            begun = market is not None and market.session == self.going_on == applied(tx, self.run.book)
        until = market.session if market is not None else last
        # Orders before fills: when an order is seen to be over, all its fills are there to be read.
        theirs = self.broker.orders(sorted(ours)) if ours else {}
        # What traded before may have come in late.
        since = last - self.late if last is not None else until
        fills = self._unbooked(since) if since is not None else ()
        short = [ours[key].order.session for key in _short_of(ours, theirs, fills)]
        if since is not None and short and min(short) < since:
            fills = self._unbooked(min(short))
        # A fill of a session that is not settled yet waits for it, because that session's corporate actions come first.
        # The order they are booked in decides average costs, so it is one that does not depend on the order they are told in.
        due = tuple(sorted((fill for fill in fills if until is not None and fill.session <= until), key=_traded))
        if (market is None or begun) and not due and not _has_news(ours, theirs):
            return
        part = LATE if market is None else str(market.session)
        children = self._require_ordered(ours, theirs, part)
        try:
            with self.ledger.write(self.lease) as tx:
                halted = self._book(tx, market, ours, theirs, due, children)
        except Overfilled as error:
            found = parent_quantity(np.array([error.filled]), np.array([0]), np.array([error.ordered]))
            self._stop(f"children_exceed_parent: {error} (control 19)", Check.of(found, scope="order", symbol=error.symbol), part)
        if halted is not None:
            raise HaltActive(f"{_stopped(self.run.book, halted)} What was filled is booked.")

    def _unbooked(self, since: date) -> tuple[Fill, ...]:
        """Fills of the sessions from `since` on that the ledger does not have, or has otherwise; each once, in the order they traded."""
        told = self.broker.fills(since)
        with self.ledger.read() as tx:
            booked = fills_since(tx, self.run.book, since)
        return tuple(dict.fromkeys(fill for fill in told if booked.get(fill.execution_id) != fill))

    def _book(
        self,
        tx: Write,
        market: SessionMarket | None,
        ours: Mapping[str, LedgerOrder],
        theirs: Mapping[str, BrokerOrder],
        fills: tuple[Fill, ...],
        children: Evaluation,
    ) -> Halt | None:
        """Book it; returns the halt that control 32 makes."""
        now = self.now()
        booked_at = booking_instant(tx, self.run.book, now)
        slippage = Slippage(tx, self.run.book, limits_in_force(tx, self.run.book, self.file).limits)
        for each in ours.values():
            self._adopt(tx, each, theirs.get(each.order.client_order_id), now)
        for key, order in theirs.items():
            if order.state is OrderState.UNKNOWN:
                halt_unread(tx, self.run.book, ours[key].order.symbol, order.reason, now)
        if market is not None:
            # A late fill of an earlier session was held when the rights of this one were cut off.
            self._fill(tx, (fill for fill in fills if fill.session < market.session), ours, slippage, now, booked_at)
            begun = applied(tx, self.run.book)
            if begun is None or begun < market.session:  # else a slot of the session has done it
                charge_borrowing(tx, self.run.book, market, self.borrow_bps, self.run.run_id, booked_at)
            self.result.actions += apply_actions(tx, self.run.book, market, self.run.run_id, booked_at)
            fills = tuple(fill for fill in fills if fill.session == market.session)
        self._fill(tx, fills, ours, slippage, now, booked_at)
        self._end(tx, theirs, now)
        if market is not None and market.session != self.going_on:
            record_settlement(tx, self.run.book, market.session, self.run.run_id, booked_at)
            self.result.sessions = (*self.result.sessions, market.session)
        if market is not None or slippage.any:
            checks = [*([Check.of(children, scope="book", at=worst(children))] if len(children.value) else []), *slippage.checks()]
            record_later(tx, self.run, LATE if market is None else str(market.session), checks, now)
        self.result.slipped += tuple(slippage.slipped)
        return slippage.halt(tx, now)

    def _require_ordered(self, ours: Mapping[str, LedgerOrder], theirs: Mapping[str, BrokerOrder], part: str) -> Evaluation:
        """Control 19 of every order that the broker tells of: what it has filled and may still fill against what was ordered."""
        told = sorted(key for key, order in theirs.items() if order.state is not OrderState.UNKNOWN)
        at_broker = [theirs[key] for key in told]
        filled = [max(order.filled_quantity, ours[key].booked_quantity) for key, order in zip(told, at_broker, strict=True)]
        left = [0 if order.state in _OVER else max(order.left, 0) for order in at_broker]
        asked = parent_quantity(*(np.array(each, dtype=np.int64) for each in (filled, left, [ours[key].order.quantity for key in told])))
        if not asked.passed.all():
            at = int(asked.passed.argmin())
            check = Check.of(asked, scope="order", symbol=ours[told[at]].order.symbol, at=at)
            self._stop(f"{why(asked, at)}: {told[at]} at the broker", check, part)
        return asked

    def _stop(self, reason: str, check: Check, part: str) -> NoReturn:
        """Halt the book by control 19; nothing of the session is booked."""
        now = self.now()
        with self.ledger.write(self.lease) as tx:
            halted = halt_book(tx, self.run.book, reason, PARENT_QUANTITY.number, now)
            record_later(tx, self.run, part, [check], now)
        raise HaltActive(_stopped(self.run.book, halted))

    def _adopt(self, tx: Write, ours: LedgerOrder, theirs: BrokerOrder | None, now: datetime) -> None:
        """Write the answer that was lost, of an order that is at the broker after all."""
        if theirs is None or ours.state in OPEN or not is_same(ours.order, theirs):
            return
        if ours.state is OrderState.APPROVED:  # the ledger was restored to an instant before it was sent
            transition(tx, theirs.client_order_id, OrderState.SENDING, run_id=self.run.run_id, now=now)
        record_answer(tx, ours.order, theirs, self.run.run_id, now)
        self.result.adopted += 1

    def _fill(
        self,
        tx: Write,
        fills: Iterable[Fill],
        ours: Mapping[str, LedgerOrder],
        slippage: Slippage,
        now: datetime,
        booked_at: datetime,
    ) -> None:
        told = tuple(fills)
        others = find_orders(tx, {fill.client_order_id for fill in told if fill.client_order_id not in ours})
        orders = {fill.client_order_id: ours.get(fill.client_order_id) or others.get(fill.client_order_id) for fill in told}
        readable = []
        for fill in told:
            if orders[fill.client_order_id] is None:
                self.foreign.add(fill.execution_id)  # it is told again in the next session
                self.result.foreign = len(self.foreign)
            elif fill.unreadable:
                halt_unread(tx, self.run.book, fill.symbol, fill.unreadable, now)
            else:
                readable.append(fill)
        booked = record_fills(tx, readable, self.run.book, self.run.run_id, booked_at)
        self.result.fills += len(booked)
        slippage.booked([(fill, order.order) for fill in booked if (order := orders[fill.client_order_id]) is not None])

    def _end(self, tx: Write, theirs: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Close orders that are over, once all their fills are booked."""
        over = []
        for each in orders_in(tx, self.run.book, OPEN):
            order = theirs.get(each.order.client_order_id)
            if order is not None and order.state in _ENDED and each.booked_quantity >= order.filled_quantity:
                over.append(Move(order.client_order_id, order.state, reason=order.reason))
        transitions(tx, over, run_id=self.run.run_id, now=now)
        self.result.ended += len(over)


def _traded(fill: Fill) -> tuple[date, datetime, str]:
    """When it traded; fills of one instant in the order of their ids."""
    return fill.session, fill.filled_at, fill.execution_id


def _stopped(book: str, halted: Halt) -> str:
    return f"book {book} is now halted: {halted}. Compare `grodt orders` with the broker's statement, then `grodt rearm --book {book}`."


def _short_of(ours: Mapping[str, LedgerOrder], theirs: Mapping[str, BrokerOrder], fills: Iterable[Fill]) -> list[str]:
    """Client order ids of the orders that have filled at the broker by more than the fills we know."""
    known = {key: each.booked_quantity for key, each in ours.items()}
    for fill in fills:
        known[fill.client_order_id] = known.get(fill.client_order_id, 0) + fill.quantity
    return [key for key, order in theirs.items() if order.filled_quantity > known.get(key, 0)]


def _has_news(ours: Mapping[str, LedgerOrder], theirs: Mapping[str, BrokerOrder]) -> bool:
    """Whether an order at the broker is over, cannot be read, or is one whose answer was lost."""
    news = {*_ENDED, OrderState.UNKNOWN}
    return any(order.state in news or ours[key].state not in OPEN for key, order in theirs.items())
