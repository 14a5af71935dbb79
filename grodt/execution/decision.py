"""What a decision is taken on: the state of a book, as arrays over the symbols of one session.

The kernel's three steps (signals, targets, risk) see nothing but this, the panel and the book's parameters; a replay that
keeps such a state in memory calls the same steps.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from grodt.bars.history import micros_of_prices
from grodt.bars.quality import Completeness
from grodt.errors import DataError
from grodt.instruments import Instrument
from grodt.ledger.baskets import traded_cycles
from grodt.ledger.breaks import open_breaks
from grodt.ledger.halts import Halt, active, last_armed
from grodt.ledger.losses import loss_marks
from grodt.ledger.marks import Mark
from grodt.ledger.orders import LedgerOrder, orders_in, orders_of
from grodt.ledger.postings import cash, deposited, holdings
from grodt.ledger.runs import Run, unchanged_before
from grodt.ledger.unit import Read
from grodt.money import Micros, decimal, units
from grodt.orders.order import Side
from grodt.orders.states import IN_FLIGHT, OPEN, OrderState
from grodt.orders.terms import MARKET_AT_OPEN, OrderTerms
from grodt.risk.proposal import Proposal
from grodt.risk.stops import Stops
from grodt.signals.forecasts import Forecasts
from grodt.signals.panel import Panel
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets, target_quantities
from grodt.targets.universe import Eligibility

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
StrArray = NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class BookState:
    """A book at the close of a session. Arrays are aligned to `symbols`, shape (N,).

    Attributes:
        symbols: ascending tickers: the universe and what is held.
        position: int64 shares held.
        open_buys, open_sells: int64 shares of open orders, both ≥ 0.
        lot: int64 shares of one lot.
        tick: int64 micros.
        sector: the instrument's; "" where it is not known.
        shortable: bool.
        in_universe: bool, whether it may be traded at all.
        intended: bool, whether this cycle has an intent in it already.
        halted: bool, whether a halt of all sides of the symbol is active.
        unknown: bool, whether an order of unknown outcome is in it.
        equity: micros, at the mark, with the deposits less withdrawals since.
        cash: micros.
        previous_equity, high_water_mark: micros, what losses are measured from, likewise; see `grodt.ledger.losses`.
        active_halts: of all that the book does.
        open_breaks: of the book.
        cycles_traded: baskets with orders since a person last armed the book.
        cycles_unchanged: cycles done before with this configuration and code.
        first_basket: whether the book has never ordered.
        halts: active ones that stop a part of its orders: a side, a strategy, all but reductions.
        rests: open orders that work on into the next session, and are no legs: good till cancelled, or carried over.
        legs: open legs of brackets, which may never trade: `open_buys` and `open_sells` are without them.
    """

    symbols: tuple[str, ...]
    position: IntArray
    open_buys: IntArray
    open_sells: IntArray
    lot: IntArray
    tick: IntArray
    sector: tuple[str, ...]
    shortable: BoolArray
    in_universe: BoolArray
    intended: BoolArray
    halted: BoolArray
    unknown: BoolArray
    equity: int
    cash: int
    previous_equity: int
    high_water_mark: int
    active_halts: int
    open_breaks: int
    cycles_traded: int
    cycles_unchanged: int
    first_basket: bool
    halts: tuple[Halt, ...] = ()
    rests: tuple[LedgerOrder, ...] = ()
    legs: tuple[LedgerOrder, ...] = ()

    @property
    def working(self) -> IntArray:
        """Shares in open orders, signed."""
        return self.open_buys - self.open_sells


def traded_symbols(universe: Collection[Instrument], held: Collection[str]) -> tuple[str, ...]:
    """Universe and holdings, ascending."""
    return tuple(sorted({instrument.symbol for instrument in universe} | set(held)))


def book_state(tx: Read, run: Run, mark: Mark, universe: Sequence[Instrument], now: datetime, *, carries: bool = False) -> BookState:
    """The run's book as the ledger has it now.

    Args:
        tx: the ledger.
        run: whose book.
        mark: of the session.
        universe: of the book.
        now: instant.
        carries: whether its broker carries orders over to further sessions, so that what it calls open of a session before works on.

    A run may be taken up again when money has come in or gone out since its mark. That is no profit and enters the next mark; what is
    traded is for what the book is worth with it, so equity and what losses are measured from all move by it.

    Raises:
        DataError: more was taken out since the mark than the book was worth.
    """
    book = run.book
    held = holdings(tx, book)
    intended = {each.order.symbol for each in orders_of(tx, run.run_id)}
    buys: dict[str, int] = {}
    sells: dict[str, int] = {}
    unknown: set[str] = set()
    rests: list[LedgerOrder] = []
    legs: list[LedgerOrder] = []
    for each in orders_in(tx, book, OPEN | IN_FLIGHT):
        side = buys if each.order.side is Side.BUY else sells
        side.setdefault(each.order.symbol, 0)
        if each.order.is_leg:
            legs.append(each)
        else:
            side[each.order.symbol] += each.order.quantity - each.filled_quantity
            works_on = each.order.time_in_force == "gtc" or (carries and each.order.session < run.session)
            rests += [each] if works_on and each.state in OPEN else []
        if each.state is OrderState.UNKNOWN:
            unknown.add(each.order.symbol)
    known: Mapping[str, Instrument] = {instrument.symbol: instrument for instrument in universe}
    symbols = traded_symbols(universe, held.keys() | buys.keys() | sells.keys())
    halts = active(tx, book, now)
    halted = {halt.symbol for halt in halts if halt.scope == "symbol" and halt.side == "all"}
    previous, high = loss_marks(tx, mark)
    since = deposited(tx, book, mark.session, None)
    if mark.equity + since <= 0:
        raise DataError(
            f"book {book} session {mark.session}: equity was {decimal(mark.equity)} USD, and {decimal(Micros(-since))} USD were taken out "
            "since, which leaves nothing to trade with: deposit, or close the book"
        )
    unlisted = Instrument("?")

    def integers(of: Callable[[str], int]) -> IntArray:
        return np.array([of(symbol) for symbol in symbols], dtype=np.int64)

    def flags(of: Callable[[str], bool]) -> BoolArray:
        return np.array([of(symbol) for symbol in symbols], dtype=np.bool_)

    return BookState(
        symbols=symbols,
        position=integers(lambda s: held[s].quantity if s in held else 0),
        open_buys=integers(lambda s: buys.get(s, 0)),
        open_sells=integers(lambda s: sells.get(s, 0)),
        lot=integers(lambda s: known.get(s, unlisted).lot),
        tick=integers(lambda s: known.get(s, unlisted).tick_micros),
        sector=tuple(known.get(s, unlisted).sector for s in symbols),
        shortable=flags(lambda s: known.get(s, unlisted).shortable),
        in_universe=flags(lambda s: s in known),
        intended=flags(lambda s: s in intended),
        halted=flags(lambda s: s in halted),
        unknown=flags(lambda s: s in unknown),
        equity=mark.equity + since,
        cash=cash(tx, book),
        previous_equity=previous + since,
        high_water_mark=high + since,
        active_halts=sum(halt.whole for halt in halts),
        open_breaks=len(open_breaks(tx, book)),
        cycles_traded=traded_cycles(tx, book, last_armed(tx, book)),
        cycles_unchanged=unchanged_before(tx, run),
        first_basket=traded_cycles(tx, book) == 0,
        halts=tuple(halt for halt in halts if halt.scope == "strategy" or halt.side != "all"),
        rests=tuple(rests),
        legs=tuple(legs),
    )


def restricted(state: BookState, judged: Eligibility) -> BookState:
    """The state with what the universe rules leave of it; what is held and not left is sold."""
    return replace(state, in_universe=state.in_universe & judged.eligible)


@dataclass(frozen=True, slots=True, eq=False)
class Closes:
    """What a decision reads of the market at the close of its session; arrays of shape (N,).

    Attributes:
        price: last close known, in shares of now, currency units; NaN where there never was one.
        micros: the same, int64; 0 where there never was one.
        age: sessions since that close; 0: of the decision's session, −1: there never was one.
        returns: log total returns of the sessions up to the decision's, (sessions, N); NaN where there is none.
    """

    price: FloatArray
    micros: IntArray
    age: IntArray
    returns: FloatArray


def last_known(panel: Panel, count: int) -> tuple[FloatArray, IntArray, IntArray]:
    """Price, micros and age of `Closes` at the last of the first `count` sessions of a panel.

    What has split since its last bar has that close carried over the split, as `grodt.bars.history.last_closes` has it.
    """
    close = panel.close[:count]
    price = np.full(close.shape[1], np.nan)
    age = np.full(close.shape[1], -1, dtype=np.int64)
    for back, closes in enumerate(close[::-1]):  # backwards: nearly every symbol has a bar in the last session
        found = (age < 0) & ~np.isnan(closes)
        price[found], age[found] = closes[found], back
        if (age >= 0).all():
            break
    micros = np.array(micros_of_prices(np.nan_to_num(price, nan=0.0)), dtype=np.int64)
    for column, carried in panel.carried_closes(count).items():
        micros[column], price[column] = carried, units(carried)
    return price, micros, age


def closes_of(panel: Panel) -> Closes:
    """The last close known of each symbol at the panel's last session."""
    price, micros, age = last_known(panel, len(panel.close))
    return Closes(price, micros, age, panel.log_return)


def decide_targets(
    closes: Closes, forecasts: Forecasts, state: BookState, construction: Construction, *, rebalances: bool = True
) -> Targets:
    """Targets of the session. What has no bar in it may not trade and keeps its quantity; what left the universe is sold.

    Where quantities are kept because nothing is decided, open orders are let come: see `let_come`.

    Args:
        closes: of the session.
        forecasts: of the session.
        state: what is held.
        construction: the parameters.
        rebalances: whether the book trades to its targets in this session; see `grodt.targets.rebalancing`.
    """
    place, groups = groups_of(state.sector) if construction.group_cap else (None, ())
    targets = target_quantities(
        forecasts,
        returns=closes.returns,
        price=closes.price,
        position=state.position,
        lot=state.lot,
        equity=state.equity / 1e6,
        tradable=closes.age == 0,
        shortable=state.shortable,
        construction=construction,
        eligible=state.in_universe,
        group=place,
        groups=groups,
        rebalances=rebalances,
    )
    undecided = closes.age != 0
    return let_come(targets, state, undecided if rebalances else undecided | state.in_universe)


def let_come(targets: Targets, state: BookState, undecided: BoolArray) -> Targets:
    """The targets, with what is on its way where a quantity is kept because nothing is decided about it.

    Without, an order would go out against the one that is open, of a symbol that nobody has looked at.

    Args:
        targets: of the state.
        state: what is held and open.
        undecided: (N,), without a bar, or in a session that does not rebalance.
    """
    kept = undecided & (targets.quantity == targets.current)
    if not kept.any():
        return targets
    return replace(targets, quantity=targets.quantity + np.where(kept, state.working, 0))


@lru_cache(maxsize=4)
def groups_of(sector: tuple[str, ...]) -> tuple[IntArray, tuple[str, ...]]:
    """Index of each symbol's sector among the sectors, −1 where it has none, (N,), and the sectors, ascending. Not to be written to."""
    groups = tuple(sorted(set(sector) - {""}))
    place = {group: index for index, group in enumerate(groups)}
    return np.array([place.get(name, -1) for name in sector], dtype=np.int64), groups


def propose(
    book: str,
    session: date,
    run_id: str,
    closes: Closes,
    forecasts: Forecasts,
    targets: Targets,
    state: BookState,
    volume: IntArray,
    completeness: Completeness,
    stops: Stops | None = None,
    terms: OrderTerms = MARKET_AT_OPEN,
    cooling: BoolArray | None = None,
    announced: StrArray | None = None,
) -> Proposal:
    """The orders that lead from what is held and working to the targets, for risk to judge.

    Args:
        book, session, run_id: the cycle.
        closes: of the session.
        forecasts: for the volatility of each symbol.
        targets: what is wanted.
        state: what is held.
        volume: shares traded in the last 20 sessions together; -1 not known.
        completeness: of the session's bars.
        stops: what the state's halts leave of them.
        terms: what orders they are; control 5 is asked of limits and stops alike.
        cooling: where a leg of a bracket has filled lately; None: nowhere.
        announced: see `Proposal`.
    """
    group, groups = groups_of(state.sector)
    wanted = targets.quantity - state.position - state.working
    prices = terms.prices(wanted, closes.micros, state.tick)
    return Proposal(
        book=book,
        session=session,
        run_id=run_id,
        symbols=state.symbols,
        wanted=wanted,
        position=state.position,
        open_buys=state.open_buys,
        open_sells=state.open_sells,
        price=closes.micros,
        price_age=closes.age,
        lot=state.lot,
        tick=state.tick,
        priced=prices > 0,
        limit_price=prices,
        volume=volume,
        group=group,
        weight=targets.weight,
        volatility=forecasts.volatility,
        log_return=closes.returns[-1],
        shortable=state.shortable,
        intended=state.intended,
        untradable=state.halted,
        unknown=state.unknown,
        groups=groups,
        equity=state.equity,
        buying_power=state.cash,
        previous_equity=state.previous_equity,
        high_water_mark=state.high_water_mark,
        bars_expected=completeness.expected,
        bars_present=completeness.present,
        last_session_fresh=completeness.last_session_fresh,
        active_halts=state.active_halts,
        open_breaks=state.open_breaks,
        reduce_only=sum(halt.scope in ("all", "book") and halt.side == "reduce_only" for halt in state.halts),
        cycles_traded=state.cycles_traded,
        cycles_unchanged=state.cycles_unchanged,
        first_basket=state.first_basket,
        stops=stops,
        cooling=cooling,
        announced=announced,
    )
