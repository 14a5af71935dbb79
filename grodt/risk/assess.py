"""From a proposal to approved quantities, with a row of evidence for every question asked.

The order is fixed:

1. The book: 24 data complete and fresh, 29 kill switch, 31 reconciliation. Then 13 basket value, over the basket *as proposed*, so
   that a swapped quantity and notional is not clipped into looking fine. A failure of any halts: nothing is approved; the
   rest is asked all the same and recorded.
2. Each order that is wanted (not zero): 1, 6, 2, 3, then 16 for sells (clips to what is held), then 18.
3. Each order that opens or adds to a position: 9, which clips to the cap. A *reducing* order, one that brings a position with its
   open orders towards zero and not past it, is not asked 9, 15 or 11: it may always shrink what is there.
4. Cumulative, for orders that open or add: 15 (buys) and 11. Approved reductions come first: their buys spend, their sells do not
   replenish, and both lower gross exposure. Then the others by descending value (micros, after clips), then by symbol. An
   order that does not fit either control is refused whole and takes no room, so a smaller one after it may still pass.

A control is asked even of an order that an earlier one refused, at the size that was left, so that every question has its row;
such an order takes no room. An order is approved if no control refused it.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from grodt.money import Micros
from grodt.risk import controls
from grodt.risk.approved import Approved, _approve
from grodt.risk.controls import Evaluation
from grodt.risk.evidence import Answered, rows
from grodt.risk.exact import MOST_QUANTITY, NOTHING, BoolArray, ExactArray, IntArray, budget, exact, roomy, total, values
from grodt.risk.limits import Limits
from grodt.risk.proposal import Proposal

__all__ = ["Assessment", "Proposal", "assess"]


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """What risk made of a proposal.

    Attributes:
        proposal: what was asked.
        quantity: int64 (N,), signed shares approved; 0 where none was wanted or none passed, and everywhere after a halt.
        halt: why the book must be halted, "" if it need not be.
        answers: every evaluation, in the order asked.
    """

    proposal: Proposal
    quantity: IntArray
    halt: str
    answers: tuple[Answered, ...]

    @property
    def evidence(self) -> pl.DataFrame:
        """The answers as rows of `risk_checks`, in the order asked. Built when asked for; keep it if you need it twice."""
        asked = self.proposal
        return rows(self.answers, book=asked.book, session=asked.session, run_id=asked.run_id, symbols=asked.symbols)

    def approved(self) -> tuple[Approved, ...]:
        """The approved orders, by symbol."""
        places = np.flatnonzero(self.quantity)
        symbols = self.proposal.symbols
        return tuple(
            _approve(symbols[place], quantity, Micros(price))
            for place, quantity, price in zip(
                places.tolist(), self.quantity[places].tolist(), self.proposal.price[places].tolist(), strict=True
            )
        )


@dataclass(slots=True, eq=False)
class _Orders:
    """Wanted orders while they are asked about: n of the proposal's N symbols."""

    places: IntArray
    quantity: IntArray
    answers: list[Answered]
    alive: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.places), dtype=np.bool_)

    def ask(self, evaluation: Evaluation, which: IntArray | None = None) -> None:
        """Record an answer and take its consequence. `which`: the orders it was asked of; None for all."""
        at = np.arange(len(self.places)) if which is None else which
        self.answers.append(Answered(evaluation, self.places[at]))
        left = evaluation.quantity
        if left is None:
            self.alive[at] &= evaluation.passed
        else:
            self.alive[at] &= left != 0
            self.quantity[at] = np.where(left != 0, left, self.quantity[at])


def assess(proposal: Proposal, limits: Limits) -> Assessment:
    """Ask every control about a proposal. A pure function: the same proposal and limits give the same answers.

    Returns:
        The assessment. Each approved quantity has the sign of the wanted one and is no larger. After a halt there is none.
    """
    asked = proposal
    price_known = np.maximum(asked.price, 0)
    # The one most negative int64 has no absolute value; nothing near these sizes passes control 2.
    wanted = np.clip(asked.wanted, -MOST_QUANTITY, MOST_QUANTITY)
    gates = (
        controls.data_complete(asked.bars_expected, asked.bars_present, asked.last_session_fresh, limits.completeness),
        controls.kill_switch(asked.active_halts),
        controls.reconciliation(asked.open_breaks),
        controls.basket_value(wanted, price_known, asked.equity, limits.basket_value),
    )
    places = np.flatnonzero(wanted)
    orders = _Orders(places, wanted[places], [Answered(gate) for gate in gates])
    symbols = [asked.symbols[place] for place in places.tolist()] if limits.overrides else [""] * len(places)
    quantity_limit, value_limit, weight_limit = (limits.of(name, symbols) for name in ("order_quantity", "order_value", "symbol_weight"))
    price = price_known[places]
    low = (asked.position + np.minimum(asked.working, 0))[places]
    high = (asked.position + np.maximum(asked.working, 0))[places]

    orders.ask(controls.limit_exists(quantity_limit, value_limit, weight_limit))
    orders.ask(controls.reference_price(price, asked.price_age[places], limits.price_age))
    orders.ask(controls.order_quantity(orders.quantity, quantity_limit))
    orders.ask(controls.order_value(orders.quantity, price, value_limit))
    sells = np.flatnonzero(orders.quantity < 0)
    shortable = asked.shortable[places]
    orders.ask(controls.short_permission(orders.quantity[sells], low[sells], shortable[sells], quantity_limit[sells]), sells)
    orders.ask(controls.duplicate_intent(asked.intended[places]))
    adds = np.flatnonzero(~_reduces(orders.quantity, low, high))
    lot = asked.lot[places]
    orders.ask(
        controls.symbol_weight(
            orders.quantity[adds],
            low=low[adds],
            high=high[adds],
            price=price[adds],
            lot=lot[adds],
            equity=asked.equity,
            limit=weight_limit[adds],
        ),
        adds,
    )
    _ask_in_turn(orders, asked, limits, price_known)

    halt = "; ".join(_why(gate) for gate in gates if not gate.passed[0])
    quantity = np.zeros(len(asked.symbols), dtype=np.int64)
    if not halt:
        quantity[places] = np.where(orders.alive, orders.quantity, 0)
    return Assessment(proposal, quantity, halt, tuple(orders.answers))


def _reduces(quantity: IntArray, low: IntArray, high: IntArray) -> BoolArray:
    """Whether an order brings what is held, its open orders on the same side done, towards zero and not past it."""
    long = (quantity < 0) & (low > 0) & (low + quantity >= 0)
    short = (quantity > 0) & (high < 0) & (high + quantity <= 0)
    return np.asarray(long | short)


def _ask_in_turn(orders: _Orders, asked: Proposal, limits: Limits, price_known: IntArray) -> None:
    """Controls 15 and 11: step 4 of the module's order, then what gross exposure the basket leaves."""
    low = asked.position + np.minimum(asked.working, 0)
    high = asked.position + np.maximum(asked.working, 0)
    worst = np.maximum(np.abs(low), np.abs(high))
    open_buys = np.maximum(asked.working, 0)
    gross_known = not ((worst > 0) & (price_known == 0)).any()
    buys_known = not ((open_buys > 0) & (price_known == 0)).any()

    at, quantity, price = orders.places, orders.quantity, price_known[orders.places]
    after = np.maximum(np.abs(low[at] + quantity), np.abs(high[at] + quantity))
    change = values(after, price) - values(worst[at], price)
    value = values(quantity, price)
    buy = np.where(quantity > 0, value, 0)

    reduces = _reduces(quantity, low[at], high[at])
    first = reduces & orders.alive
    spent = total(values(open_buys, price_known)) + total(buy[first])
    gross = total(values(worst, price_known)) + total(change[first])

    adds = np.flatnonzero(~reduces)
    turn = adds[np.argsort(-value[adds], kind="stable")]
    buffer = exact(limits.cash_buffer)
    spendable = budget(asked.buying_power, 1 - buffer if buffer is not None and buffer < 1 else None)
    most = budget(asked.equity, exact(limits.gross_exposure))
    spent_with, gross_with, taken = _take_in_turn(
        buy[turn],
        change[turn],
        orders.alive[turn],
        spent=spent,
        gross=gross,
        spendable=spendable if buys_known else NOTHING,
        most=most if gross_known else NOTHING,
    )
    priced = price[turn] > 0
    buys = np.flatnonzero(quantity[turn] > 0)
    orders.ask(controls.buying_power(spent_with[buys], priced[buys] & buys_known, spendable), turn[buys])
    orders.ask(controls.gross_exposure(gross_with, priced & gross_known, asked.equity, limits.gross_exposure), turn)
    left = np.array([gross + total(change[turn][taken])], dtype=object)
    known = np.array([gross_known])
    rest = controls.gross_exposure(left, known, asked.equity, limits.gross_exposure, controls.GROSS_OF_BASKET)
    orders.answers.append(Answered(rest))


def _take_in_turn(
    buy: ExactArray, change: ExactArray, alive: BoolArray, *, spent: int, gross: int, spendable: int, most: int
) -> tuple[ExactArray, ExactArray, BoolArray]:
    """Buying power spent and gross exposure with each order in its turn, and which were taken: those alive that fit both.

    All orders are added up at once; only from the first that does not fit are they taken one at a time.

    Args:
        buy: (n,) micros an order spends; 0 for a sell.
        change: (n,) micros it adds to gross exposure.
        alive: (n,) whether it can still be approved; if not it takes no room.
        spent: micros spent before the first.
        gross: micros of gross exposure before the first.
        spendable: micros that may be spent, asked of buys.
        most: micros of gross exposure at most.
    """
    buy, change = roomy(buy, spent), roomy(change, gross)
    buys = np.where(alive, buy, 0)
    changes = np.where(alive, change, 0)
    spent_with = spent + np.cumsum(buys) - buys + buy
    gross_with = gross + np.cumsum(changes) - changes + change
    taken = alive & ((buy == 0) | (spent_with <= spendable)) & (gross_with <= most)
    refused = np.flatnonzero(alive & ~taken)
    if len(refused) == 0:
        return spent_with, gross_with, taken
    start = int(refused[0])
    spent, gross = int(spent_with[start] - buy[start]), int(gross_with[start] - change[start])
    spent_list, gross_list, taken_list = spent_with.tolist(), gross_with.tolist(), taken.tolist()
    for place, (one_buy, one_change, one_alive) in enumerate(
        zip(buy[start:].tolist(), change[start:].tolist(), alive[start:].tolist(), strict=True), start
    ):
        spent_list[place], gross_list[place] = spent + one_buy, gross + one_change
        fits = one_alive and (one_buy == 0 or spent + one_buy <= spendable) and gross + one_change <= most
        taken_list[place] = fits
        if fits:
            spent, gross = spent + one_buy, gross + one_change
    return np.array(spent_list, dtype=buy.dtype), np.array(gross_list, dtype=change.dtype), np.array(taken_list, dtype=np.bool_)


def _why(gate: Evaluation) -> str:
    value, limit = float(gate.value[0]), float(gate.limit[0])
    measured = "cannot be computed" if np.isnan(value) else f"is {value:.6g}"
    return f"{gate.control.code}: {gate.control.words} (control {gate.control.number}: value {measured}, limit {limit:.6g})"
