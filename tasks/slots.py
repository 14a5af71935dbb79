"""bars, settle, mark, signals and targets of a slot: what an intraday cycle does otherwise than an end of day."""

from collections.abc import Sequence
from datetime import date
from functools import partial

from grodt.bars.market import SlotBar
from grodt.brokers.paper import PaperBroker
from grodt.errors import ConfigError
from grodt.execution.decision import book_state
from grodt.execution.late_actions import find_late_actions
from grodt.execution.late_marking import marked_before
from grodt.execution.markets import markets_to_settle
from grodt.execution.marking import Marked
from grodt.execution.minute_history import read_minute_panel
from grodt.execution.pricing import closes_of
from grodt.execution.refresh import Refreshed
from grodt.execution.settle import Settled
from grodt.execution.settle import settle as settle_sessions
from grodt.execution.slot_bars import SlotData, refresh_slot
from grodt.execution.slot_decision import STOP_FIELDS, SlotBasis, decide_slot, entries_of, slot_closes
from grodt.execution.slot_market import bars_between, last_prices
from grodt.execution.slot_marking import mark_slot
from grodt.execution.slot_settling import cancel_what_is_left, player
from grodt.ledger.actions import applied
from grodt.ledger.fills import fills_of
from grodt.ledger.postings import holdings, settled
from grodt.money import decimal
from grodt.reconciliation import reconcile
from grodt.signals.forecasts import fields_of, forecast_session
from grodt.signals.warm_up import require_history
from grodt.slots import slots_of
from grodt.targets.quantities import Targets
from grodt.telemetry.logs import get_logger
from tasks.cycle import Cycle
from tasks.lake_log import log_lake
from tasks.mark import mark_missed
from tasks.signals import Opinion, tell_regime
from tasks.stage import stage
from tasks.wiring import is_alive, process_name

_log = get_logger("grodt.slippage")


@stage("bars", timeout_seconds=7200)
def fetch_slot(cycle: Cycle) -> int:
    """Bring the lake up to the slot and pin what this run reads. Rows: symbols of the universe that have traded in the session."""
    parts, within = cycle.parts, cycle.parts.config.within
    data = SlotData(cycle.within, within.rule().every, within.history_sessions, parts.config.minute_quality)
    refreshed: Refreshed = refresh_slot(
        parts.ledger,
        cycle.lease,
        parts.lake,
        parts.source,
        data,
        calendar=parts.calendar,
        run=cycle.opened,
        universe=parts.universe,
        history_start=parts.config.history.first_day(cycle.session),
        thresholds=parts.quality(),
        revisions=parts.config.history.revisions,
        holder=process_name(),
        is_alive=is_alive,
        now=parts.now,
        sleep=cycle.sleep,
        progress=lambda done, total, rows: cycle.tell("bars", f"fetched {done} of {total} parts, {rows:,} bars"),
    )
    cycle.snapshot, cycle.completeness = refreshed.snapshot, refreshed.completeness
    for taken_back in refreshed.taken_back:
        cycle.tell("bars", str(taken_back))
    log_lake(refreshed.unmerged, refreshed.taken_back)
    return refreshed.completeness.present


@stage("settle", timeout_seconds=900)
def settle_slot(cycle: Cycle) -> int:
    """Book what has happened up to the slot, take back what earlier slots left open, compare with the broker. Rows: fills booked."""
    parts, slot = cycle.parts, cycle.within
    goes_on = None if slot.role == "close" else cycle.session
    done = _settle(cycle, goes_on)
    if goes_on is not None and cancel_what_is_left(parts.ledger, parts.broker, cycle.opened):
        done = _settle(cycle, goes_on)
    reconcile(
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
    with parts.ledger.read() as tx:
        return len(fills_of(tx, cycle.run_id))


def _settle(cycle: Cycle, goes_on: date | None) -> Settled:
    parts, paper = cycle.parts, _paper(cycle)
    with parts.ledger.read() as tx:
        last, begun = settled(tx, cycle.book), applied(tx, cycle.book)
        held = tuple(holdings(tx, cycle.book))
    start = parts.calendar.next(last) if last is not None else begun or cycle.session
    markets = markets_to_settle(
        parts.lake,
        cycle.data,
        parts.config.source,
        parts.calendar,
        start=start,
        end=cycle.session,
        terms=parts.terms,
        ordered=tuple,
        held=lambda: held,
    )
    done: Settled = settle_sessions(
        parts.ledger,
        cycle.lease,
        paper,
        player(paper, lambda session: _bars(cycle, session), goes_on),
        marked_before(parts.ledger, cycle.book, markets, lambda session: mark_missed(cycle, session)),
        run=cycle.opened,
        file=parts.config.limits,
        now=parts.now,
        borrow_bps=parts.terms.borrow_bps,
        charges_bps=parts.config.charges_bps,
        going_on=goes_on,
    )
    cycle.tell("settle", f"{done.fills} fills, {done.actions} corporate actions")
    for each in done.slipped:
        _log.warning("slippage", book=cycle.book, symbol=each.fill.symbol, session=str(each.fill.session), reason=each.reason)
        cycle.tell("settle", str(each))
    return done


def _bars(cycle: Cycle, session: date) -> Sequence[SlotBar]:
    """The bars of a session that have ended by the slot, with the prices of what has an open order.

    All of them, also where nothing is open: what has been played is behind the orders that this slot sends.
    """
    parts, paper = cycle.parts, _paper(cycle)
    ordered = {order.symbol for order in paper.open_orders()}
    slots = slots_of(parts.config.within.rule(), parts.calendar, session)
    place = (parts.lake, cycle.data, parts.config.source, parts.calendar)
    slices = 1 if parts.config.within.slices is None else parts.config.within.slices.count
    bars = bars_between(
        *place, slots, until=cycle.within.at, symbols=ordered, terms=parts.terms, slices=slices, starts=paper.starts(session)
    )
    return tuple(bars)


def _paper(cycle: Cycle) -> PaperBroker:
    paper = cycle.parts.broker
    if not isinstance(paper, PaperBroker):
        raise ConfigError(f"book {cycle.book}: orders for the day go to the paper broker alone as yet; set broker.kind to paper")
    return paper


@stage("mark", timeout_seconds=300)
def mark_at_slot(cycle: Cycle) -> Marked:
    """Value what is held at the last minute's close: equity, exposure, the session's profit so far. Rows: positions."""
    parts = cycle.parts
    marked = mark_slot(
        parts.ledger,
        cycle.lease,
        parts.lake,
        cycle.data,
        source=parts.config.source,
        calendar=parts.calendar,
        book=cycle.book,
        slot=cycle.within,
        every=parts.config.within.rule().every,
        run_id=cycle.run_id,
        now=parts.now(),
    )
    cycle.tell("mark", f"equity {decimal(marked.mark.equity):,.2f}, {decimal(marked.mark.profit):+,.2f} in this session")
    return marked


@stage("signals", timeout_seconds=900)
def compute_slot_signals(cycle: Cycle, marked: Marked) -> Opinion:
    """Read the bars that have ended by the slot and compute every signal at the last of them. Rows: symbols with a forecast."""
    parts, slot, within = cycle.parts, cycle.within, cycle.parts.config.within
    with parts.ledger.read() as tx:
        state = book_state(tx, cycle.opened, marked.mark, parts.universe(cycle.session), parts.now())
        entries = entries_of(tx, cycle.book, cycle.session, parts.calendar.zone)
    specs, gating = parts.config.weighted_signals(), parts.config.gating()
    place = (parts.lake, cycle.data, parts.config.source, parts.calendar)
    fields = sorted({*fields_of(specs, gating), *(STOP_FIELDS if within.stops is not None else ())})
    start = parts.calendar.latest(parts.calendar.previous(cycle.session), within.history_sessions)[0]
    panel = read_minute_panel(*place, cycle.session, state.symbols, within.bars, fields, start=start, until=slot.at)
    require_history(panel, [signal for signal, _ in specs])
    panel = panel.of_members(state.in_universe[None])
    if gating is not None:
        gating.require_history(f"book {cycle.book} slot {slot}", len(panel.sessions))
    forecasts = forecast_session(panel, specs, gating=gating)
    if forecasts.gates is not None:
        tell_regime(cycle, forecasts.gates)
    prices = last_prices(*place, slot, within.rule().every, state.symbols, marked.holdings)
    return Opinion(state, slot_closes(prices, panel), forecasts, basis=SlotBasis(slot, panel, entries, within.stops))


@stage("targets", timeout_seconds=300)
def compute_slot_targets(cycle: Cycle, opinion: Opinion) -> Targets:
    """Quantities from the forecasts, by weights or by stops; nothing where the book is to be flat. Rows: symbols wanted."""
    if opinion.basis is None:
        raise ValueError(f"cycle {cycle.run_id} has signals of no slot")
    decided = decide_slot(opinion.closes, opinion.forecasts, opinion.state, cycle.parts.config.construction, opinion.basis)
    flat = ", to be flat by the close" if cycle.within.role == "flat" else ""
    stops = f"; given up at their stop: {', '.join(decided.stopped)}" if decided.stopped else ""
    cycle.tell("targets", f"{decided.targets.rows} symbols wanted{flat}{stops}")
    return decided.targets
