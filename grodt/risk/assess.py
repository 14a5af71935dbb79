"""From a proposal to approved quantities, with a row of evidence for every question asked.

The order is fixed:

1. The book: 24 data complete and fresh, 26 scale, 29 kill switch, 31 reconciliation, 21 repeated execution. Then 13 basket value and
   14 turnover, over the basket *as proposed*, so that a swapped quantity and notional is not clipped into looking fine; 14 is not
   asked of a book's first basket. A failure of any halts: nothing is approved; the rest is asked all the same and recorded. Then 28
   daily loss and drawdown, whose failure lets the book only reduce, and 33 new strategy, whose failure reduces caps 9 and 11.
2. Each order that is wanted (not zero): 1, 17, 30, 37 at a broker whose orders outlive corporate actions, 6, 5 where it
   carries a limit price, 7, 2, 3, 18, 23. They refuse it.
3. 28 where the book or the symbol may only reduce (clips to the close), 29 where halts stop a side or a strategy (clips to what they
   leave), 35 where a leg of a bracket filled lately (clips to the close), 16 for sells (clips to what is held), 4 (clips to the share of
   volume).
4. Each order that opens or adds to a position: 8, 9, and 33 where caps are reduced, which clip to the cap. A *reducing* order, one that
   brings a position with its open orders towards zero and not past it, is asked nothing from here on: it may always shrink what is
   there.
5. Cumulative, for orders that open or add: 10 where groups have caps (clips), 15 (buys), 11 and 12. Approved reductions come first:
   their buys spend, their sells do not replenish, and both change exposure. Then the others by descending value (micros, after
   clips), then by symbol. An order that does not fit is refused whole and takes no room, so a smaller one after it may still pass.
   Last, 11 and 12 of what is left of the basket.

A control is asked even of an order that an earlier one refused, at the size that was left, so that every question has its row;
such an order takes no room. An order is approved if no control refused it.

Before all of it, 34 about each override: one that stands turns failures of its control into alerts (`grodt.risk.overriding`). Where 10, 11,
12 or 15 is lifted, its bound takes no room from the orders after it either.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from grodt.money import Micros
from grodt.risk import controls
from grodt.risk.approved import Approved, _approve
from grodt.risk.asking import Orders, ask_each
from grodt.risk.controls import Control, Evaluation
from grodt.risk.evidence import Answered, Asked, rows
from grodt.risk.exact import MOST_QUANTITY, NOTHING, BoolArray, ExactArray, IntArray, budget, budgets, exact, reduced_share, total, values
from grodt.risk.limits import Limits
from grodt.risk.overriding import Overrides
from grodt.risk.proposal import Proposal
from grodt.risk.turns import Queue, Room, caps_of_groups, take_in_turn

__all__ = ["Assessment", "Proposal", "assess", "tell_withdrawn"]

#: Micros beyond every sum of a basket; it fits 64 bits.
_NO_BOUND = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What risk made of a proposal.

    Attributes:
        proposal: what was asked.
        quantity: int64 (N,), signed shares approved; 0 where none was wanted or none passed, and everywhere after a halt.
        halt: why the book must be halted, "" if it need not be.
        halting: numbers of the controls that halt it.
        reduce_only: why the book may only reduce, "" if it may do more.
        loss: the same where it is the loss of this session that forbids more; "" where it is a halt alone.
        answers: every evaluation, in the order asked.
    """

    proposal: Proposal
    quantity: IntArray
    halt: str
    halting: tuple[int, ...]
    reduce_only: str
    loss: str
    answers: tuple[Answered, ...]

    @property
    def evidence(self) -> pl.DataFrame:
        """The answers as rows of `risk_checks`, in the order asked. Built when asked for; keep it if you need it twice."""
        asked = self.proposal
        return rows(self.answers, book=asked.book, session=asked.session, run_id=asked.run_id, symbols=asked.symbols)

    @property
    def asked(self) -> Asked:
        """The answers with the run they are of, for `rows_of`."""
        return Asked(self.answers, self.proposal.session, self.proposal.run_id)

    def approved(self) -> tuple[Approved, ...]:
        """The approved orders, by symbol."""
        places = np.flatnonzero(self.quantity)
        asked = self.proposal
        priced = (asked.priced[places], asked.limit_price[places])
        columns = (places, self.quantity[places], asked.price[places], *priced)
        return tuple(
            _approve(asked.symbols[place], quantity, Micros(price), Micros(limit) if has_one else None)
            for place, quantity, price, has_one, limit in zip(*(column.tolist() for column in columns), strict=True)
        )


def assess(proposal: Proposal, limits: Limits) -> Assessment:
    """Ask every control about a proposal. A pure function: the same proposal and limits give the same answers.

    Returns:
        The assessment. Each approved quantity has the sign of the wanted one and is no larger. After a halt there is none.
    """
    asked = proposal
    price = np.maximum(asked.price, 0)
    # The one most negative int64 has no absolute value; nothing near these sizes passes control 2.
    wanted = np.clip(asked.wanted, -MOST_QUANTITY, MOST_QUANTITY)
    places = np.flatnonzero(wanted)
    low, high = asked.low, asked.high
    overrides = Overrides(asked.overrides, asked.symbols)
    orders = Orders(places, wanted[places], low[places], high[places], overrides.answers(), overrides)
    gates = [overrides.answer(each) for each in _gates(asked, limits, wanted, price, places[~orders.reduces])]
    found = controls.loss(
        asked.equity,
        asked.previous_equity,
        asked.high_water_mark,
        daily=limits.daily_loss,
        drawdown=limits.drawdown,
        latched=asked.reduce_only,
    )
    loss = Answered(found) if asked.reduce_only else overrides.answer(found)  # a halt holds until it is ended
    new = overrides.answer(controls.new_configuration(asked.cycles_unchanged, limits.new_cycles))
    orders.answers += [*gates, loss, new]
    reduce_only, reduced = not loss.passed[0], not new.passed[0]
    ask_each(orders, asked, limits, reduce_only=reduce_only, new=reduced)
    _ask_in_turn(orders, asked, limits, price, reduced=reduced)

    failed = [gate.evaluation for gate in gates if not gate.passed[0]]
    quantity = np.zeros(len(asked.symbols), dtype=np.int64)
    if not failed:
        quantity[places] = np.where(orders.alive, orders.quantity, 0)
    return Assessment(
        proposal,
        quantity,
        "; ".join(map(controls.why, failed)),
        tuple(gate.control.number for gate in failed),
        controls.why(loss.evaluation) if reduce_only else "",
        controls.why(loss.evaluation) if reduce_only and loss.evaluation.control is not controls.LATCHED else "",
        tuple(orders.answers),
    )


def tell_withdrawn(assessed: Assessment, symbols: Collection[str]) -> Assessment:
    """Say by control 37 of which symbols what works is withdrawn, because a corporate action is announced.

    Args:
        assessed: the orders of the basket.
        symbols: of the proposal.
    """
    at = np.array([place for place, symbol in enumerate(assessed.proposal.symbols) if symbol in symbols], dtype=np.int64)
    return replace(assessed, answers=(*assessed.answers, Answered(controls.withdrawn_before_action(len(at)), at)))


def _gates(asked: Proposal, limits: Limits, wanted: IntArray, price: IntArray, adds: IntArray) -> tuple[Evaluation, ...]:
    """What halts the book: step 1. `adds`: places of orders that open or add."""
    traded = asked.cycles_traded + bool(wanted.any()) if asked.cycles_traded >= 0 else -1
    gates = (
        controls.data_complete(asked.bars_expected, asked.bars_present, asked.last_session_fresh, limits.completeness),
        controls.scale(
            asked.weight,
            asked.volatility[adds],
            asked.log_return[adds],
            weights=limits.weights_sum,
            low=limits.volatility_low,
            high=limits.volatility_high,
            returns=limits.return_high,
        ),
        controls.kill_switch(asked.active_halts),
        controls.reconciliation(asked.open_breaks),
        controls.repeated_execution(traded, limits.armed_cycles),
        controls.basket_value(wanted, price, asked.equity, limits.basket_value),
    )
    return gates if asked.first_basket else (*gates, controls.turnover(wanted, price, asked.equity, limits.turnover))


def _ask_in_turn(orders: Orders, asked: Proposal, limits: Limits, price: IntArray, *, reduced: bool) -> None:
    """Controls 10, 15, 11 and 12: step 5 of the module's order, then what exposure the basket leaves."""
    at, reduces = orders.places, orders.reduces
    room, known = _room(orders, asked, limits, price, reduces & orders.alive, reduced=reduced)
    adds = np.flatnonzero(~reduces)
    value = values(orders.quantity[adds], price[at[adds]])
    turn = adds[np.argsort(-value, kind="stable")]
    symbols = at[turn]
    last = len(asked.groups)
    group = np.where(asked.group[symbols] < 0, last, asked.group[symbols])
    wanted = orders.quantity[turn]
    queue = Queue(wanted, orders.low[turn], orders.high[turn], price[symbols], asked.lot[symbols], group, orders.alive[turn])
    taken = take_in_turn(queue, _lifted(room, known, orders.overrides))

    priced = price[symbols] > 0
    if room.groups:
        cap = np.array([*limits.of_groups(asked.groups), np.nan])[group]
        most = np.array(room.most_of_groups, dtype=np.int64)[group]
        allowed = taken.quantity
        if orders.overrides.lifts_of_book(
            controls.GROUP_WEIGHT.number
        ):  # then nothing was clipped, and what has no room fails all the same
            allowed = np.where(taken.in_group <= most, allowed, 0)
        orders.ask(controls.group_weight(taken.in_group, priced & (most != NOTHING), asked.equity, cap, wanted, allowed), turn)
    buys = np.flatnonzero(wanted > 0)
    orders.ask(controls.buying_power(taken.spent[buys], priced[buys] & known.buys, room.spendable), turn[buys])
    share = limits.gross_exposure * limits.new_share if reduced else limits.gross_exposure

    def gross(micros: ExactArray, sure: BoolArray, control: Control) -> Evaluation:
        return controls.gross_exposure(micros, sure, equity=asked.equity, most=room.most_gross, limit=share, control=control)

    def net(micros: ExactArray, before: ExactArray, sure: BoolArray, control: Control) -> Evaluation:
        limit = limits.net_exposure
        return controls.net_exposure(micros, before, sure, equity=asked.equity, most=room.most_net, limit=limit, control=control)

    orders.ask(gross(taken.gross, priced & known.exposure, controls.GROSS_EXPOSURE), turn)
    orders.ask(net(taken.net, taken.net_before, priced & known.exposure, controls.NET_EXPOSURE), turn)
    left, sure = taken.left, np.array([known.exposure])
    rest = np.array([left.gross, max(abs(left.net_low), abs(left.net_high)), 0], dtype=object)
    orders.answers.append(orders.overrides.answer(gross(rest[:1], sure, controls.GROSS_OF_BASKET)))
    orders.answers.append(orders.overrides.answer(net(rest[1:2], rest[2:], sure, controls.NET_OF_BASKET)))


@dataclass(frozen=True, slots=True)
class _Known:
    """Whether every holding, and every open buy, has a price."""

    exposure: bool
    buys: bool


def _lifted(room: Room, known: _Known, overrides: Overrides) -> Room:
    """The room with the bounds that are lifted out of reach; a bound that cannot be computed stays."""

    def most(control: Control, bound: int) -> int:
        return _NO_BOUND if overrides.lifts_of_book(control.number) and bound != NOTHING else bound

    # A buying power at or below zero leaves nothing, and is known all the same.
    spendable = _NO_BOUND if known.buys and overrides.lifts_of_book(controls.BUYING_POWER.number) else room.spendable

    return replace(
        room,
        spendable=spendable,
        most_gross=most(controls.GROSS_EXPOSURE, room.most_gross),
        most_net=most(controls.NET_EXPOSURE, room.most_net),
        most_of_groups=tuple(most(controls.GROUP_WEIGHT, each) for each in room.most_of_groups),
    )


def _room(orders: Orders, asked: Proposal, limits: Limits, price: IntArray, first: BoolArray, *, reduced: bool) -> tuple[Room, _Known]:
    """What holdings, open orders and the reductions that were approved first leave for the orders that add."""
    low, high = asked.low, asked.high
    worst = np.maximum(np.abs(low), np.abs(high))
    unpriced = (worst > 0) & (price == 0)
    known = _Known(exposure=not unpriced.any(), buys=not ((asked.open_buys > 0) & (price == 0)).any())
    shrunk = orders.places[first]
    quantity = orders.quantity[first]
    low, high = low.copy(), high.copy()
    low[shrunk] += quantity
    high[shrunk] += quantity
    after = np.maximum(np.abs(low), np.abs(high))
    exposure = values(after, price)
    buys = total(values(asked.open_buys, price)) + total(values(quantity, price[shrunk])[quantity > 0])
    buffer = exact(limits.cash_buffer)
    by = exact(limits.new_share) if reduced else exact(1.0)
    groups: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    if limits.group_weight:
        used = tuple(total(exposure[asked.group == place]) for place in range(len(asked.groups)))
        usable = np.array([not unpriced[asked.group == place].any() for place in range(len(asked.groups))], dtype=np.bool_)
        groups = caps_of_groups(budgets(asked.equity, limits.of_groups(asked.groups)), used, usable)
    room = Room(
        spent=buys,
        spendable=budget(asked.buying_power, 1 - buffer if buffer is not None and buffer < 1 else None) if known.buys else NOTHING,
        gross=total(exposure),
        most_gross=budget(asked.equity, reduced_share(exact(limits.gross_exposure), by)) if known.exposure else NOTHING,
        net_low=_signed(low, price),
        net_high=_signed(high, price),
        most_net=budget(asked.equity, exact(limits.net_exposure)) if known.exposure else NOTHING,
        groups=groups[0],
        most_of_groups=groups[1],
    )
    return room, known


def _signed(shares: IntArray, price: IntArray) -> int:
    """Σ shares · price in micros."""
    size = values(shares, price)
    return total(size[shares > 0]) - total(size[shares < 0])
