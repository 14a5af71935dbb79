"""Cycles whose decisions are scripted: opened, fetched, settled, reconciled, sent and closed by the flow as it stands.

What reads closes and thinks about them changes nothing but the ledger's evidence, and costs half a cycle. Where positions have brackets it
decides what is cancelled for what, so there the targets alone are scripted.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import polars as pl

import flows.end_of_day
import tasks.targets
from grodt.execution.decision import BookState, Closes, let_come
from grodt.execution.judging import Judged
from grodt.ledger.baskets import basket_of
from grodt.ledger.evidence import record_checks
from grodt.ledger.halts import active
from grodt.ledger.orders import orders_in
from grodt.ledger.postings import holdings
from grodt.ledger.runs import close_run
from grodt.money import micros
from grodt.orders.order import Order, Side, client_order_id
from grodt.orders.states import IN_FLIGHT, OPEN
from grodt.signals.forecasts import Forecasts
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets
from tasks.cycle import Cycle
from tasks.kinds import END_OF_DAY
from tasks.risk import ask_ahead
from tasks.signals import Opinion
from tests.cycles.small_world import SYMBOLS
from tests.execution.desk import make_basket

_PRICE = micros("40")


@contextmanager
def scripted_decisions(script: int) -> Iterator[None]:
    """Let cycles want what that script says, session by session, in place of what signals and risk would say."""
    with ExitStack() as patches:
        for name in ("mark", "compute_targets"):
            patches.enter_context(patch.object(flows.end_of_day, name, lambda *_: None))
        patches.enter_context(patch.object(flows.end_of_day, "compute_signals", _opinion))
        patches.enter_context(patch.object(flows.end_of_day, "check_risk", lambda cycle, *_: _decide(cycle, script)))
        patches.enter_context(patch.object(flows.end_of_day, "report", lambda cycle, *_: _close(cycle)))
        yield


@contextmanager
def scripted_targets(script: int) -> Iterator[None]:
    """Let cycles want what that script says, and decide as ever what leads there, what risk lets pass, and what makes way for what."""
    compute = flows.end_of_day.compute_targets

    def computed(cycle: Cycle, opinion: Opinion) -> Targets:
        with patch.object(tasks.targets, "decide_targets", partial(_targets, _wanted_by(cycle, script))):
            return compute(cycle, opinion)

    with ExitStack() as patches:
        patches.enter_context(patch.object(flows.end_of_day, "compute_targets", computed))
        patches.enter_context(patch.object(flows.end_of_day, "report", lambda cycle, *_: _close(cycle)))
        yield


def _targets(wanted: Mapping[str, int], closes: Closes, forecasts: Forecasts, state: BookState, *_: Construction, **__: bool) -> Targets:
    """So many shares of each symbol; what has no bar, or no volatility because it lacks one, keeps what it has and has ordered.

    Sizings by volatility do not add to a symbol without one, and control 26 halts the book of an order that does.
    """
    scripted = np.array([wanted[symbol] if within else 0 for symbol, within in zip(state.symbols, state.in_universe, strict=True)])
    known = (closes.age == 0) & (forecasts.volatility > 0)
    quantity = np.where(known, scripted, state.position).astype(np.int64)
    weight = np.nan_to_num(quantity * closes.price * 1e6 / state.equity)
    return let_come(Targets(state.symbols, weight, quantity, state.position, closes.price), state, ~known)


def _wanted_by(cycle: Cycle, script: int) -> dict[str, int]:
    """Shares of each symbol that the script wants of the cycle."""
    draw = random.Random(f"{script} {cycle.session}")
    sizes = (0, 700, 1_900, 3_100) if cycle.parts.config.construction.long_only else (-1_200, 0, 700, 1_900)
    return {symbol: draw.choice(sizes) for symbol in SYMBOLS}


def _opinion(cycle: Cycle, *_: object) -> SimpleNamespace:
    """Nothing but the halts that the cycle decides with."""
    with cycle.parts.ledger.read() as tx:
        return SimpleNamespace(state=SimpleNamespace(halts=active(tx, cycle.book, cycle.parts.now())))


def _decide(cycle: Cycle, script: int) -> Judged:
    """Orders that lead from what is held and ordered to what is wanted; each passes one control."""
    with cycle.parts.ledger.read() as tx:
        made = basket_of(tx, cycle.run_id)
        if made is not None:
            return Judged(made, pl.DataFrame(), committed=True)
        held = {symbol: each.quantity for symbol, each in holdings(tx, cycle.book).items()}
        for each in orders_in(tx, cycle.book, {*OPEN, *IN_FLIGHT}):
            left = each.order.quantity - each.booked_quantity
            held[each.order.symbol] = held.get(each.order.symbol, 0) + (left if each.order.side is Side.BUY else -left)
    wanted = _wanted_by(cycle, script)
    listed = {each.symbol for each in cycle.parts.universe(cycle.session)}
    announced = ask_ahead(cycle, SYMBOLS).kinds
    orders = [_order(cycle, symbol, wanted[symbol] - held.get(symbol, 0)) for symbol in SYMBOLS if symbol in listed - announced.keys()]
    basket = make_basket(cycle.opened, [each for each in orders if each is not None])
    with cycle.parts.ledger.write(cycle.lease) as tx:
        record_checks(tx, _passed(cycle, [each.symbol for each in basket.orders]), cycle.attempt)
    return Judged(basket, pl.DataFrame())


def _order(cycle: Cycle, symbol: str, quantity: int) -> Order | None:
    if quantity == 0:
        return None
    return Order.recorded(
        client_order_id=client_order_id(cycle.book, END_OF_DAY, cycle.session, symbol),
        book=cycle.book,
        session=cycle.session,
        symbol=symbol,
        side=Side.BUY if quantity > 0 else Side.SELL,
        quantity=abs(quantity),
        reference_price=_PRICE,
        order_type="market",
        time_in_force="opg",
    )


def _passed(cycle: Cycle, symbols: list[str]) -> pl.DataFrame:
    row = {
        "book": cycle.book,
        "session": cycle.session,
        "control": 1,
        "name": "order_quantity",
        "scope": "order",
        "value": 1.0,
        "limit": 2.0,
    }
    said = {"headroom": 1.0, "verdict": "pass", "reason": "", "run_id": cycle.run_id}
    return pl.DataFrame([row | said | {"symbol": symbol} for symbol in symbols])


def _close(cycle: Cycle) -> None:
    with cycle.parts.ledger.write(cycle.lease) as tx:
        close_run(tx, cycle.run_id, "done", cycle.parts.now())
