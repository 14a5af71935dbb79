"""The strategies of a book when a cycle decides: what each holds, and from that what the book wants and whose it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grodt.errors import DataError
from grodt.execution.decision import BookState, BoolArray, Closes, IntArray, decide_targets
from grodt.ledger.halts import Halt
from grodt.ledger.orders import orders_in
from grodt.ledger.runs import Run
from grodt.ledger.strategies import shares_of, strategy_positions
from grodt.ledger.unit import Read
from grodt.orders.attribution import Wanted
from grodt.orders.order import Side
from grodt.orders.shares import apportion
from grodt.orders.states import IN_FLIGHT, OPEN
from grodt.signals.forecasts import ForecastHistory, Forecasts, combine
from grodt.targets.quantities import Targets
from grodt.targets.strategies import Strategy, Wish, net_targets


@dataclass(frozen=True, slots=True, eq=False)
class StrategyState:
    """What strategies hold at the close of a session, those of the books file first, then others that hold or are about to.

    Attributes:
        names: (S).
        position, working: shares held, and signed shares of open orders, (S, N).
        open_sells: shares that open orders may still sell, ≥ 0, (S, N); of those too that the basket withdraws, since one may fill before
            it is cancelled.
    """

    names: tuple[str, ...]
    position: IntArray
    working: IntArray
    open_sells: IntArray

    @property
    def free(self) -> IntArray:
        """Shares that each may give to others whatever becomes of its open orders, (S, N)."""
        return np.asarray(np.maximum(self.position - self.open_sells, 0))


@dataclass(frozen=True, slots=True, eq=False)
class StrategyTargets:
    """The book's targets, and shares of each strategy, (S, N), which add up to them."""

    targets: Targets
    quantity: IntArray

    def wanted(self, held: StrategyState, state: BookState, closes: Closes) -> Wanted:
        """What each strategy asks risk for."""
        crossable = (closes.age == 0) & (closes.micros > 0) & ~state.halted
        return Wanted(held.names, self.quantity - held.position - held.working, held.free, crossable)


def strategy_state(tx: Read, run: Run, state: BookState, names: Sequence[str], withdrawn: Collection[str] = frozenset()) -> StrategyState:
    """What strategies hold, as the ledger has it without what the run itself has made them trade with each other.

    Args:
        tx: the ledger.
        run: that decides; a rerun sees what the first attempt saw.
        state: of its book.
        names: of its strategies now.
        withdrawn: our ids of open orders that are cancelled before its basket goes out, as the state has it.

    Raises:
        DataError: what they hold does not add up to what the book holds, or one holds less than nothing.
    """
    at = {symbol: place for place, symbol in enumerate(state.symbols)}
    position: dict[str, IntArray] = {name: np.zeros(len(at), dtype=np.int64) for name in names}
    working, sells = ({name: each.copy() for name, each in position.items()} for _ in range(2))

    def add(to: dict[str, IntArray], name: str, symbol: str, quantity: int) -> None:
        for each in (position, working, sells):
            each.setdefault(name, np.zeros(len(at), dtype=np.int64))
        to[name][at[symbol]] += quantity

    for (name, symbol), each in strategy_positions(tx, run.book, without_crosses_of=run.run_id).items():
        if each.quantity < 0:
            raise DataError(
                f"book {run.book}: strategy {name} is short of {-each.quantity:,} {symbol}, and a book of several holds none; "
                "buy it back as a book with `signals` before it gets `strategies`"
            )
        if each.quantity:
            add(position, name, symbol, each.quantity)
    shared = shares_of(tx, run.book)
    for order in orders_in(tx, run.book, OPEN | IN_FLIGHT):
        shares = shared.get(order.order.client_order_id) or {run.book: order.order.quantity}
        if order.order.side is Side.SELL:
            booked = apportion(order.booked_quantity, list(shares.values()))
            for (name, share), done in zip(shares.items(), booked, strict=True):
                add(sells, name, order.order.symbol, share - done)
        if order.order.client_order_id in withdrawn or order.order.is_leg:
            continue
        sign = 1 if order.order.side is Side.BUY else -1
        filled = apportion(order.filled_quantity, list(shares.values()))
        for (name, share), done in zip(shares.items(), filled, strict=True):
            add(working, name, order.order.symbol, sign * (share - done))
    found = StrategyState(tuple(position), *(np.array([each[name] for name in position]) for each in (position, working, sells)))
    for what, ours, theirs in (("hold", found.position, state.position), ("have ordered", found.working, state.working)):
        off = np.flatnonzero(ours.sum(axis=0) != theirs)
        if len(off):
            symbol, sums = state.symbols[off[0]], ours.sum(axis=0)
            raise DataError(
                f"book {run.book}: its strategies {what} {sums[off[0]]:,} {symbol} and the book {theirs[off[0]]:,}; run `grodt verify`"
            )
    return found


def decide_strategies(
    strategies: Sequence[Strategy],
    forecasts: Sequence[Forecasts],
    due: Sequence[bool],
    *,
    held: StrategyState,
    state: BookState,
    closes: Closes,
) -> StrategyTargets:
    """Targets of each strategy on its share of the equity and what it holds, and of the book.

    A strategy that is halted keeps what it has. One that the book has no more leaves what can be traded.

    Args:
        strategies: of the book, in the order of `held`.
        forecasts: of each.
        due: whether each rebalances in this session.
        held: what they hold.
        state: of the book, with its halts.
        closes: of the session.
    """
    wishes, tradable = [], closes.age == 0
    for place, (strategy, forecast, rebalances) in enumerate(zip(strategies, forecasts, due, strict=True)):
        equity = state.equity if strategy.share == 1 else int(state.equity * strategy.share)
        nothing = np.zeros_like(state.position)
        own = replace(state, position=held.position[place], open_buys=nothing, open_sells=nothing, equity=equity)
        targets = decide_targets(closes, forecast, own, strategy.construction, rebalances=rebalances)
        stopped = _stopped(state.halts, strategy.name, targets)
        wish = Wish.of(targets, strategy.share, equity / 1e6, stopped)
        # What it has ordered and is on its way is let come where it is halted, and where nothing is decided.
        come = wish.kept & (~tradable | (state.in_universe & (not rebalances)))
        if stopped is not None:
            come |= stopped
        wishes.append(replace(wish, quantity=wish.quantity + np.where(come, held.working[place], 0)))
    price = np.where(closes.micros > 0, closes.price, np.nan)
    for place in range(len(strategies), len(held.names)):
        wish = Wish.leaving(held.position[place], price, state.equity / 1e6, tradable)
        wishes.append(replace(wish, quantity=wish.quantity + np.where(tradable, 0, held.working[place])))
    net, quantity = net_targets(state.symbols, wishes, price=price, position=state.position, lot=state.lot, equity=state.equity / 1e6)
    return StrategyTargets(net, quantity)


def merged[F: (Forecasts, ForecastHistory)](strategies: Sequence[Strategy], forecasts: Sequence[F]) -> F:
    """Forecasts of all strategies, of one session or of many, as the book's: signals by strategy and name, combined by their shares."""
    names = tuple(f"{strategy.name}.{name}" for strategy, each in zip(strategies, forecasts, strict=True) for name in each.signals)
    stacked: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in forecasts]) for name in ("value", "forecast")}
    combined = combine([each.combined for each in forecasts], [strategy.share for strategy in strategies])
    return replace(forecasts[0], signals=names, combined=combined, **stacked)


def _stopped(halts: Sequence[Halt], name: str, targets: Targets) -> BoolArray | None:
    """Where a halt of the strategy keeps it from trading; None where none does."""
    sides = {each.side for each in halts if each.scope == "strategy" and each.strategy == name}
    if not sides:
        return None
    buys, sells = targets.quantity > targets.current, targets.quantity < targets.current
    everywhere = np.ones(len(buys), dtype=np.bool_)
    return everywhere if "all" in sides else (buys & ("buys" in sides)) | (sells & ("sells" in sides))
