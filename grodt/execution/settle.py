"""Settle: bring the ledger from the last settled session to this one, session by session.

Per session the venue plays it (paper), then one transaction books all of it: borrowing, corporate actions, fills, orders that are
over, and that the session is settled. So a kill leaves whole sessions, and the next call goes on from there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter

from grodt.bars.market import SessionMarket
from grodt.brokers.protocol import Broker, BrokerOrder, TellsCash
from grodt.errors import HaltActive
from grodt.execution.breaching import halted_now
from grodt.execution.charging import new_activities
from grodt.execution.outcome import halt_unread, is_same, record_answer
from grodt.execution.overfilling import asked_of_orders, excess_of, stop
from grodt.execution.slipping import Slippage, Slipped
from grodt.execution.unbookable import OverfillError, Unbookable
from grodt.ledger.actions import applied, apply_actions, charge_borrowing
from grodt.ledger.booking import booking_instant
from grodt.ledger.cash_activities import begin, book_activities, bound
from grodt.ledger.fills import fills_since, record_fills
from grodt.ledger.halts import Halt
from grodt.ledger.later_checks import LATE, record_later
from grodt.ledger.leases import Lease
from grodt.ledger.limits import limits_in_force
from grodt.ledger.moved_actions import Moved, record_moved, without_moved
from grodt.ledger.order_life import Move, transition, transitions
from grodt.ledger.orders import LedgerOrder, find_orders, orders_in
from grodt.ledger.postings import record_settlement, settled
from grodt.ledger.runs import Run
from grodt.ledger.unbooked import (
    Unbooked,
    is_dealt_with,
    unbooked_by_order,
)
from grodt.ledger.unit import Ledger, Write
from grodt.orders.cash_activity import CashActivity
from grodt.orders.fill import Fill
from grodt.orders.states import ENDED, MAY_TRADE, OPEN, OrderState
from grodt.risk.check import Check, worst
from grodt.risk.controls import Evaluation
from grodt.risk.limits import Limits

_NO_COST = Decimal(0)
#: For how many days before the last settled session a real venue is asked again: its fills may come late, also of orders that are over.
_LATE = timedelta(days=7)
_ACKNOWLEDGED = OPEN - {OrderState.SUBMITTED} | {OrderState.FILLED}


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
        unbooked: fills that cannot be booked, and were not told before; kept as such, reconciliation will show what they make.
        charges: entries of interest and fees that the broker told.
        slipped: fills that control 32 found too far from the reference price of their order.
    """

    sessions: tuple[date, ...] = ()
    actions: int = 0
    fills: int = 0
    ended: int = 0
    adopted: int = 0
    foreign: int = 0
    unbooked: int = 0
    charges: int = 0
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
    charges_bps: Decimal = _NO_COST,
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
        charges_bps: of equity, that interest and fees of a session may come to, to be booked by themselves.
        going_on: a session that is not over: what has happened in it is booked, and it is settled by a later call.

    Raises:
        BrokerUnavailable: the broker did not answer; sessions before are settled, this one is untouched.
        HaltActive: control 19 found more filled and open than was ordered and than it knew of, and this session is untouched: calling again
            settles it; or, with this session settled, control 32 found too many fills in a row too far from their reference prices.
        DataError: a corporate action or borrowing cannot be booked.
        ValueError: the sessions are not ascending.
    """
    late = _LATE if advance is None else timedelta(0)  # what a paper venue has played, it has told
    settling = _Settling(ledger, lease, broker, run, file, now, borrow_bps, charges_bps, late, Settled(), going_on)
    with ledger.read() as tx:
        last = settled(tx, run.book)
    previous: date | None = None
    told = False
    for market in markets:
        if previous is not None and market.session <= previous:
            raise ValueError(f"session {market.session} does not come after {previous}")
        previous = market.session
        if last is not None and market.session <= last:
            continue
        with (
            ledger.read() as tx
        ):  # one answer for both sides: what it goes by is in the ledger, and stays as it is until the session is booked
            own, moved = without_moved(tx, run.book, market)
        if advance is not None:
            advance(own)
        settling.book(own, moved)
        told = advance is not None
    if not told:  # a paper venue, which nobody else plays meanwhile, has told all with the last session
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
    charges_bps: Decimal
    late: timedelta
    result: Settled
    going_on: date | None = None
    foreign: set[str] = field(default_factory=set)
    others: frozenset[str] = frozenset()

    def book(self, market: SessionMarket | None, held_back: Sequence[Moved] = ()) -> None:
        """Book one session, or with None what has come in since for sessions that are settled.

        Args:
            market: of the session.
            held_back: its actions that are booked under another ex date.
        """
        with self.ledger.read() as tx:
            ours = {each.order.client_order_id: each for each in orders_in(tx, self.run.book, MAY_TRADE)}
            last = settled(tx, self.run.book)
            unbooked = unbooked_by_order(tx, ours)
            begun = market is not None and market.session == self.going_on == applied(tx, self.run.book)
        until = market.session if market is not None else last
        # Orders before fills: when an order is seen to be over, all its fills are there to be read.
        told = self.broker.orders(sorted(ours)) if ours else {}
        self.others = frozenset(key for key, order in told.items() if ours[key].state not in OPEN and not is_same(ours[key].order, order))
        theirs = {key: order for key, order in told.items() if key not in self.others or order.state is OrderState.UNKNOWN}
        # What traded before may have come in late.
        since = last - self.late if last is not None else until
        fills = self._unbooked(since) if since is not None else ()
        short = [ours[key].order.session for key in _short_of(ours, theirs, fills, unbooked)]
        if since is not None and short and min(short) < since:
            fills = self._unbooked(min(short))
        # A fill of a session that is not settled yet waits for it, because that session's corporate actions come first.
        # The order they are booked in decides average costs, so it is one that does not depend on the order they are told in.
        due = tuple(sorted((fill for fill in fills if until is not None and fill.session <= until), key=attrgetter("traded")))
        moved = self._moved(market, last, until)
        if (market is None or begun) and not (due or moved) and not _has_news(ours, theirs):
            return
        part = LATE if market is None else str(market.session)
        with self.ledger.read() as tx:
            children, excess = asked_of_orders(tx, ours, theirs)
        if excess is not None:
            stop(self.ledger, self.lease, self.run, part, excess, self.now)
        try:
            with self.ledger.write(self.lease) as tx:
                halted = self._book(tx, market, held_back, ours, theirs, due, moved, children)
        except OverfillError as error:
            stop(self.ledger, self.lease, self.run, part, excess_of(error), self.now)
        if halted is not None:
            raise HaltActive(f"{halted_now(self.run.book, halted)} What was filled is booked.")

    def _moved(self, market: SessionMarket | None, last: date | None, until: date | None) -> tuple[CashActivity, ...]:
        """What has moved cash apart from fills up to a session; asked once for each, and not for one that goes on."""
        if until is None or (self.result.sessions if market is None else market.session == self.going_on):
            return ()
        return tuple(each for each in new_activities(self.ledger, self.broker, self.run.book, last) if each.session <= until)

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
        held_back: Sequence[Moved],
        ours: Mapping[str, LedgerOrder],
        theirs: Mapping[str, BrokerOrder],
        fills: tuple[Fill, ...],
        moved: tuple[CashActivity, ...],
        children: Evaluation,
    ) -> Halt | None:
        """Book it; returns the halt that control 32 makes."""
        now = self.now()
        booked_at = booking_instant(tx, self.run.book, now)
        slippage = Slippage(tx, self.run.book, limits_in_force(tx, self.run.book, self.file).limits)
        unbookable = Unbookable(tx, self.run.book, self.run.run_id, now, self.others)
        for each in ours.values():
            self._adopt(tx, each, theirs.get(each.order.client_order_id), now)
        for key, order in theirs.items():
            if order.state is OrderState.UNKNOWN:
                halt_unread(tx, self.run.book, ours[key].order.symbol, order.reason, now)
        if market is not None:
            # A late fill of an earlier session was held when the rights of this one were cut off.
            self._fill(tx, (fill for fill in fills if fill.session < market.session), ours, slippage, unbookable, booked_at)
            begun = applied(tx, self.run.book)
            is_first = begun is None or begun < market.session  # else a slot of the session has done it
            if is_first:
                charge_borrowing(tx, self.run.book, market, self.borrow_bps, self.run.run_id, booked_at)
            self.result.actions += apply_actions(tx, self.run.book, market, self.run.run_id, booked_at)
            if is_first:
                record_moved(tx, self.run.book, market.session, held_back, self.run.run_id, now)
            fills = tuple(fill for fill in fills if fill.session == market.session)
        self._fill(tx, fills, ours, slippage, unbookable, booked_at)
        self.result.unbooked += unbookable.keep()
        self.foreign |= unbookable.foreign
        self.result.foreign = len(self.foreign)
        self._charge(tx, market, moved, booked_at)
        self._end(tx, theirs, now)
        if market is not None and market.session != self.going_on:
            record_settlement(tx, self.run.book, market.session, self.run.run_id, booked_at)
            self.result.sessions = (*self.result.sessions, market.session)
        if market is not None or slippage.any:
            checks = [*([Check.of(children, scope="book", at=worst(children))] if len(children.value) else []), *slippage.checks()]
            record_later(tx, self.run, LATE if market is None else str(market.session), checks, now)
        self.result.slipped += tuple(slippage.slipped)
        return slippage.halt(tx, now)

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
        unbookable: Unbookable,
        booked_at: datetime,
    ) -> None:
        told = tuple(fills)
        others = find_orders(tx, {fill.client_order_id for fill in told if fill.client_order_id not in ours})
        orders = {fill.client_order_id: ours.get(fill.client_order_id) or others.get(fill.client_order_id) for fill in told}
        done = record_fills(tx, unbookable.readable(told, orders), self.run.book, self.run.run_id, booked_at)
        unbookable.add(done.refused)
        self.result.fills += len(done.booked)
        slippage.booked([(fill, order.order) for fill in done.booked if (order := orders[fill.client_order_id]) is not None])

    def _charge(self, tx: Write, market: SessionMarket | None, moved: tuple[CashActivity, ...], booked_at: datetime) -> None:
        """Book interest and fees, in the session that is settled, or was settled last; keep what else has moved cash."""
        last = settled(tx, self.run.book)
        session = last if market is None else market.session
        if session is None or not isinstance(self.broker, TellsCash):
            return
        begin(tx, self.run.book, last or session, self.run.run_id, booked_at)
        if moved:
            most = bound(tx, self.run.book, self.charges_bps)
            made = book_activities(tx, self.run.book, moved, session=session, most=most, run_id=self.run.run_id, now=booked_at)
            self.result.charges += len(made)

    def _end(self, tx: Write, theirs: Mapping[str, BrokerOrder], now: datetime) -> None:
        """Close orders that are over, once all their fills are booked, or kept because they cannot be.

        Of those that stay open, note what the venue has acknowledged; where a fill is booked, it says as much.
        """
        over, acknowledged = [], []
        opened = [each for each in orders_in(tx, self.run.book, OPEN) if each.order.client_order_id in theirs]
        unbooked = unbooked_by_order(tx, [each.order.client_order_id for each in opened])
        for each in opened:
            order, kept = theirs[each.order.client_order_id], unbooked.get(each.order.client_order_id, ())
            whole = each.booked_quantity >= order.filled_quantity or self._has_all(tx, each, order, kept)
            if order.state in ENDED and whole:
                over.append(Move(order.client_order_id, order.state, reason=order.reason))
            elif order.state is OrderState.FILLED and whole and kept:
                over.append(_filled(each, order, kept))
            elif each.state is OrderState.SUBMITTED and order.state in _ACKNOWLEDGED:
                acknowledged.append(Move(order.client_order_id, OrderState.ACCEPTED))
        transitions(tx, [*over, *acknowledged], run_id=self.run.run_id, now=now)
        self.result.ended += len(over)

    def _has_all(self, tx: Write, ours: LedgerOrder, theirs: BrokerOrder, kept: Sequence[Unbooked]) -> bool:
        """Whether its fills are all told, booked or not; of one whose shares cannot be read, people have corrected the position."""
        if ours.booked_quantity + sum(each.fill.quantity for each in kept) >= theirs.filled_quantity:
            return True
        return any(each.fill.unreadable and is_dealt_with(tx, self.run.book, each) for each in kept)


def _filled(ours: LedgerOrder, theirs: BrokerOrder, kept: Sequence[Unbooked]) -> Move:
    """The end of an order that has filled at the broker by fills of which some cannot be booked."""
    key, reason = ours.order.client_order_id, f"filled at the broker; not booked: {', '.join(each.fill.execution_id for each in kept)}"
    if theirs.filled_quantity >= ours.order.quantity:
        return Move(key, OrderState.FILLED, reason=reason)
    return Move(key, OrderState.CANCELLED, reason=reason)


def _short_of(
    ours: Mapping[str, LedgerOrder],
    theirs: Mapping[str, BrokerOrder],
    fills: Iterable[Fill],
    unbooked: Mapping[str, Sequence[Unbooked]],
) -> list[str]:
    """Client order ids of the orders that have filled at the broker by more than the fills we know, booked or not.

    Of what an order that is over has filled in fractions of a share, each trade is told, and none can be booked.
    """
    known = {key: each.booked_quantity for key, each in ours.items()}
    told = {fill.execution_id: fill for fill in fills} | {each.fill.execution_id: each.fill for of in unbooked.values() for each in of}
    for fill in told.values():
        known[fill.client_order_id] = known.get(fill.client_order_id, 0) + fill.quantity
    ended = {fill.client_order_id for fill in told.values() if fill.unreadable}
    return [
        key
        for key, order in theirs.items()
        if order.filled_quantity > known.get(key, 0) or (order.beside and order.state in ENDED and key not in ended)
    ]


def _has_news(ours: Mapping[str, LedgerOrder], theirs: Mapping[str, BrokerOrder]) -> bool:
    """Whether an order at the broker is over, cannot be read, has been acknowledged by its venue, or is one whose answer was lost."""
    news = {*ENDED, OrderState.UNKNOWN}
    return any(
        order.state in news or ours[key].state not in OPEN or (ours[key].state is OrderState.SUBMITTED and order.state in _ACKNOWLEDGED)
        for key, order in theirs.items()
    )
