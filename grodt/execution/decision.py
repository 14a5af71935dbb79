"""What a decision is taken on: the state of a book, as arrays over the symbols of one session.

The kernel's three steps (signals, targets, risk) see nothing but this, the panel and the book's parameters; a replay that
keeps such a state in memory calls the same steps.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from grodt.bars.history import micros_of_prices
from grodt.bars.quality import Completeness
from grodt.instruments import Instrument
from grodt.ledger.breaks import open_breaks
from grodt.ledger.halts import active
from grodt.ledger.marks import Mark
from grodt.ledger.orders import orders_in, orders_of
from grodt.ledger.postings import holdings
from grodt.ledger.runs import Run
from grodt.ledger.unit import Read
from grodt.orders.order import Side
from grodt.orders.states import IN_FLIGHT, OPEN
from grodt.risk.proposal import Proposal
from grodt.signals.forecasts import Forecasts
from grodt.signals.panel import Panel
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets, target_quantities
from grodt.targets.universe import Eligibility

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BookState:
    """A book at the close of a session. Arrays are aligned to `symbols`, shape (N,).

    Attributes:
        symbols: ascending tickers: the universe and what is held.
        position, working: int64 shares held, and in open orders, signed.
        lot: int64 shares of one lot.
        shortable: bool.
        in_universe: bool, whether it may be traded at all.
        intended: bool, whether this cycle has an intent in it already.
        equity, cash: micros.
        active_halts: of the book and of all books; a symbol's halt stops that symbol's order when it is sent.
        open_breaks: of the book.
    """

    symbols: tuple[str, ...]
    position: IntArray
    working: IntArray
    lot: IntArray
    shortable: BoolArray
    in_universe: BoolArray
    intended: BoolArray
    equity: int
    cash: int
    active_halts: int
    open_breaks: int


def traded_symbols(universe: Collection[Instrument], held: Collection[str]) -> tuple[str, ...]:
    """Universe and holdings, ascending."""
    return tuple(sorted({instrument.symbol for instrument in universe} | set(held)))


def book_state(tx: Read, run: Run, mark: Mark, universe: Sequence[Instrument]) -> BookState:
    """The run's book as the ledger has it now."""
    book = run.book
    held = holdings(tx, book)
    intended = {each.order.symbol for each in orders_of(tx, run.run_id)}
    working: dict[str, int] = {}
    for each in orders_in(tx, book, OPEN | IN_FLIGHT):
        left = each.order.quantity - each.filled_quantity
        working[each.order.symbol] = working.get(each.order.symbol, 0) + (left if each.order.side is Side.BUY else -left)
    known: Mapping[str, Instrument] = {instrument.symbol: instrument for instrument in universe}
    symbols = traded_symbols(universe, held.keys() | working.keys())
    return BookState(
        symbols=symbols,
        position=np.array([held[s].quantity if s in held else 0 for s in symbols], dtype=np.int64),
        working=np.array([working.get(s, 0) for s in symbols], dtype=np.int64),
        lot=np.array([known[s].lot if s in known else 1 for s in symbols], dtype=np.int64),
        shortable=np.array([s in known and known[s].shortable for s in symbols], dtype=np.bool_),
        in_universe=np.array([s in known for s in symbols], dtype=np.bool_),
        intended=np.array([s in intended for s in symbols], dtype=np.bool_),
        equity=mark.equity,
        cash=mark.cash,
        active_halts=sum(halt.scope != "symbol" for halt in active(tx, book)),
        open_breaks=len(open_breaks(tx, book)),
    )


def restricted(state: BookState, judged: Eligibility) -> BookState:
    """The state with what the universe rules leave of it; what is held and not left is sold."""
    return replace(state, in_universe=state.in_universe & judged.eligible)


def reference_prices(panel: Panel) -> tuple[FloatArray, IntArray]:
    """Last close known of each symbol, and its age in sessions (0: the panel's last session; NaN and −1 where there never was one)."""
    price = np.full(len(panel.symbols), np.nan)
    age = np.full(len(panel.symbols), -1, dtype=np.int64)
    for back, closes in enumerate(panel.close[::-1]):  # backwards: nearly every symbol has a bar in the last session
        found = (age < 0) & ~np.isnan(closes)
        price[found], age[found] = closes[found], back
        if (age >= 0).all():
            break
    return price, age


def decide_targets(panel: Panel, forecasts: Forecasts, state: BookState, construction: Construction) -> Targets:
    """Targets of the session. What has no bar in it may not trade and keeps its quantity; what left the universe is sold."""
    price, age = reference_prices(panel)
    outside = np.where(state.in_universe, forecasts.combined, np.nan)
    considered = Forecasts(forecasts.symbols, forecasts.signals, forecasts.value, forecasts.forecast, outside, forecasts.volatility)
    return target_quantities(
        considered,
        returns=panel.log_return,
        price=price,
        position=state.position,
        lot=state.lot,
        equity=state.equity / 1e6,
        tradable=age == 0,
        shortable=state.shortable,
        construction=construction,
    )


def propose(
    book: str, session: date, run_id: str, panel: Panel, targets: Targets, state: BookState, completeness: Completeness
) -> Proposal:
    """The orders that lead from what is held and working to the targets, for risk to judge."""
    price, age = reference_prices(panel)
    return Proposal(
        book=book,
        session=session,
        run_id=run_id,
        symbols=state.symbols,
        wanted=targets.quantity - state.position - state.working,
        position=state.position,
        working=state.working,
        price=np.array(micros_of_prices(np.nan_to_num(price, nan=0.0)), dtype=np.int64),
        price_age=age,
        lot=state.lot,
        shortable=state.shortable,
        intended=state.intended,
        equity=state.equity,
        buying_power=state.cash,
        bars_expected=completeness.expected,
        bars_present=completeness.present,
        last_session_fresh=completeness.last_session_fresh,
        active_halts=state.active_halts,
        open_breaks=state.open_breaks,
    )
