"""settle: book what the broker did with earlier orders, apply corporate actions, reconcile."""

from collections.abc import Collection
from functools import partial

from grodt.execution.late_actions import find_late_actions
from grodt.execution.late_marking import marked_before
from grodt.execution.markets import markets_to_settle
from grodt.execution.pricing import closes_of
from grodt.execution.settle import Settled
from grodt.execution.settle import settle as settle_sessions
from grodt.ledger.fills import fills_of
from grodt.ledger.postings import holdings, settled
from grodt.reconciliation import reconcile
from grodt.telemetry.logs import get_logger
from tasks.cycle import Cycle
from tasks.mark import mark_missed
from tasks.stage import stage

_log = get_logger("grodt.slippage")


@stage("settle", timeout_seconds=900)
def settle(cycle: Cycle) -> int:
    """Settle every session since the last one up to this one, then compare with the broker. Rows: fills booked by this run."""
    parts = cycle.parts
    with parts.ledger.read() as tx:
        last = settled(tx, cycle.book)
    start = cycle.session if last is None else parts.calendar.next(last)
    markets = markets_to_settle(
        parts.lake,
        cycle.data,
        parts.config.source,
        parts.calendar,
        start=start,
        end=cycle.session,
        terms=parts.terms,
        ordered=lambda: {order.symbol for order in parts.broker.open_orders()},
        held=lambda: _held(cycle),
        by_bars=parts.by_bars,
    )
    done: Settled = settle_sessions(
        parts.ledger,
        cycle.lease,
        parts.broker,
        parts.advance,
        marked_before(parts.ledger, cycle.book, markets, lambda session: mark_missed(cycle, session)),
        run=cycle.opened,
        file=parts.config.limits,
        now=parts.now,
        borrow_bps=parts.terms.borrow_bps,
        charges_bps=parts.config.charges_bps,
    )
    charged = f", {done.charges} charges of the account" if done.charges else ""
    cycle.tell("settle", f"{len(done.sessions)} sessions, {done.fills} fills, {done.actions} corporate actions{charged}")
    for each in done.slipped:
        _log.warning("slippage", book=cycle.book, symbol=each.fill.symbol, session=str(each.fill.session), reason=each.reason)
        cycle.tell("settle", str(each))
    compared = reconcile(
        parts.ledger,
        cycle.lease,
        parts.broker,
        book=cycle.book,
        session=cycle.session,
        run_id=cycle.run_id,
        now=parts.now(),
        foreign=done.foreign,
        charges_bps=parts.config.charges_bps,
        late_actions=find_late_actions(parts.ledger, parts.lake, cycle.data, parts.config.source, cycle.book),
        closes_of=partial(closes_of, parts.lake, cycle.data, parts.config.source, parts.calendar, cycle.session),
    )
    if compared.waiting:
        cycle.tell("settle", f"{compared.waiting} fills of later sessions wait for these to be settled")
    if compared.parts:
        cycle.tell("settle", f"{compared.parts} open orders have traded fractions of a share that are booked when they come to whole ones")
    if compared.charges:
        cycle.tell("settle", f"{compared.charges} charges of the account, of later sessions, wait for these to be settled")
    with parts.ledger.read() as tx:
        return len(fills_of(tx, cycle.run_id))


def _held(cycle: Cycle) -> Collection[str]:
    with cycle.parts.ledger.read() as tx:
        return holdings(tx, cycle.book)
