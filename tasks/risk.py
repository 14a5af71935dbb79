"""risk: every control, with evidence."""

from collections.abc import Sequence
from dataclasses import replace

from grodt.brokers.protocol import KeepsOrders
from grodt.execution.announced import Announced, announced_actions
from grodt.execution.decision import BookState, IntArray, decide_targets, propose
from grodt.execution.history import read_volume
from grodt.execution.judging import Beside, Judged, judge
from grodt.execution.resting import unwanted
from grodt.execution.resting import without as without_rests
from grodt.execution.slot_decision import decide_slot
from grodt.execution.stopping import stops_of
from grodt.execution.strategies import strategy_state
from grodt.ledger.baskets import basket_of
from grodt.ledger.orders import LedgerOrder
from grodt.ledger.runs import done_before
from grodt.money import micros
from grodt.orders.slicing import Slicing
from grodt.signals.forecasts import without
from grodt.slots import times_within
from grodt.targets.quantities import Targets
from grodt.targets.rebalancing import rebalances
from grodt.telemetry.logs import get_logger
from tasks.cycle import Cycle
from tasks.signals import Opinion
from tasks.stage import stage
from tasks.targets import bracket_positions, targets_of_strategies, trades_to_targets

_log = get_logger("grodt.risk")


@stage("risk", timeout_seconds=300)
def check_risk(cycle: Cycle, opinion: Opinion, targets: Targets) -> Judged:
    """Ask every control about the orders that lead to the targets and commit the evidence. Rows: evaluations.

    A run whose basket is committed has been judged: its evidence stands.
    """
    parts = cycle.parts
    state = opinion.state
    until = None if cycle.slot is None else parts.calendar.previous(cycle.session)  # the last session with a whole day's volume
    volume = read_volume(parts.lake, cycle.data, parts.config.source, parts.calendar, cycle.session, state.symbols, until=until)
    identity = (cycle.book, cycle.session, cycle.run_id)
    brackets = bracket_positions(cycle, state, opinion.closes)
    passed = {} if brackets is None else brackets.passed(opinion.closes)
    terms = parts.config.order
    cooling = None if brackets is None or not brackets.cooling.any() else brackets.cooling
    rests: tuple[LedgerOrder, ...] = ()
    if state.rests:
        trades = trades_to_targets(cycle)
        rests = unwanted(state, targets, opinion.closes, terms, trades=trades, closing=passed, cooling=cooling)
    ahead = ask_ahead(cycle, [symbol for symbol, asked in zip(state.symbols, _concerned(state, targets), strict=True) if asked])
    standing = ahead.standing(state)
    rests = tuple(each for each in state.rests if each in rests or each.order.symbol in standing)
    brackets = None if brackets is None else replace(brackets, changing=ahead.withdrawn_in)
    state = without_rests(state, rests)
    wanted = None
    if opinion.strategies is not None:
        held = opinion.strategies[1]
        if rests:
            with parts.ledger.read() as tx:
                names = [strategy.name for strategy, _ in parts.config.several()]
                held = strategy_state(tx, cycle.opened, state, names, withdrawn={each.order.client_order_id for each in rests})
        wanted = targets_of_strategies(cycle, opinion).wanted(held, state, opinion.closes)
    stops = stops_of(state, lambda halted: _wanted_without(cycle, opinion, targets, state, halted), passed)
    announced = ahead.of_orders(state.symbols, terms.tif)
    proposal = propose(
        *identity, opinion.closes, opinion.forecasts, targets, state, volume, cycle.completed, stops, terms, cooling, announced
    )
    judged = judge(
        parts.ledger,
        cycle.lease,
        proposal,
        parts.config.limits,
        kind=cycle.kind,
        slot=cycle.slot_name,
        attempt=cycle.attempt,
        now=parts.now(),
        wanted=wanted,
        terms=terms,
        slicing=_slicing(cycle, state),
        beside=Beside(
            state,
            {each.order.client_order_id: each.booked_quantity for each in rests},
            brackets,
            passed,
            standing,
        ),
    )
    cycle.tell("risk", f"{judged.rows} checks, {len(judged.basket.orders)} orders approved")
    if held_back := judged.before_action:
        _log.warning("nothing is ordered before a corporate action", book=cycle.book, session=str(cycle.session), symbols=list(held_back))
        cycle.tell("risk", f"{', '.join(held_back)}: a corporate action is announced, so nothing is ordered and what works is withdrawn")
    if bare := judged.without_a_stop:
        _log.warning("positions without the stop of their bracket", book=cycle.book, session=str(cycle.session), symbols=list(bare))
        cycle.tell("risk", f"{', '.join(bare)}: some or all of the position stays without the stop of its bracket")
    return judged


def ask_ahead(cycle: Cycle, symbols: Sequence[str]) -> Announced:
    """What is announced for the days up to the next session that orders at the book's broker would outlive as they were written.

    Nothing, and nobody is asked, where orders of the book's kind do not outlive it, or the run's basket is decided: a rerun sends it
    whether the source answers or not. An order of a slot works in its own session.

    Args:
        cycle: whose.
        symbols: in which something is held, wanted or open.

    Raises:
        ConfigError, VendorUnavailable, DataError: see `announced_actions`.
    """
    parts = cycle.parts
    keeps = parts.broker.keeps_orders if isinstance(parts.broker, KeepsOrders) else frozenset()
    if cycle.slot is not None or not keeps & {parts.config.order.tif, "gtc"}:
        return Announced()
    with parts.ledger.read() as tx:
        if basket_of(tx, cycle.run_id) is not None:
            return Announced()
    return Announced(keeps, announced_actions(parts.source, symbols, cycle.session, parts.calendar.next(cycle.session)))


def _concerned(state: BookState, targets: Targets) -> list[bool]:
    """Where something is held, wanted or open."""
    legs = {each.order.symbol for each in state.legs}
    found = (state.position != 0) | (targets.quantity != 0) | (state.open_buys != 0) | (state.open_sells != 0)
    return [one or symbol in legs for one, symbol in zip(found.tolist(), state.symbols, strict=True)]


def _slicing(cycle: Cycle, state: BookState) -> Slicing | None:
    """How large orders of this slot are sliced; not at all where the book is to be flat by its end."""
    if cycle.slot is None or cycle.slot.role != "trade" or (slices := cycle.parts.config.within.slices) is None:
        return None
    lots = dict(zip(state.symbols, state.lot.tolist(), strict=True))
    return Slicing(micros(slices.above), times_within(cycle.slot, slices.count, cycle.parts.calendar), lots)


def _wanted_without(cycle: Cycle, opinion: Opinion, targets: Targets, after: BookState, halted: frozenset[str]) -> IntArray:
    """Signed shares that the book would order if those strategies had no opinion, (N,). `after`: without the rests that are withdrawn.

    Strategies that hold their own have kept what they have already where they are halted, so there it is what the book wants anyway.
    """
    config, state = cycle.parts.config, opinion.state
    if opinion.strategies is not None:
        return targets.quantity - state.position - after.working
    forecasts = without(opinion.forecasts, [weight for _, weight in config.weighted_signals()], halted)
    if opinion.basis is not None:
        wanted = decide_slot(opinion.closes, forecasts, state, config.construction, opinion.basis).targets.quantity
        return wanted - state.position - after.working
    with cycle.parts.ledger.read() as tx:
        due = rebalances(config.construction.rebalance, cycle.session, done_before(tx, cycle.opened))
    targets = decide_targets(opinion.closes, forecasts, state, config.construction, rebalances=due)
    return targets.quantity - state.position - after.working
