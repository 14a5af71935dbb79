"""What one session does to the paper broker's book, inside one transaction of its file."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date
from typing import NamedTuple

import numpy as np

from grodt.bars.corporate_actions import ActionKind, CorporateAction, by_ex_date, closes_after, entitlement, split
from grodt.bars.market import SessionMarket
from grodt.brokers.fills import FillTerms, commissions, fill_session
from grodt.brokers.paper_legs import FILLED_BY_OTHER, IS_LEG, OPEN_STATES, WAITS, end_brackets
from grodt.brokers.triggers import Bar, Priced, never_worse, traded_price
from grodt.errors import DataError, SessionError
from grodt.money import Micros
from grodt.orders.borrowing import borrow_costs
from grodt.orders.states import OrderState


class Working(NamedTuple):
    """An order that a session works on."""

    number: int
    client_order_id: str
    session: str
    symbol: str
    side: str
    quantity: int
    filled: int
    executions: int
    order_type: str
    time_in_force: str
    price: int | None
    triggered: int = 0
    role: str = ""
    other: str = ""
    entry: str = ""
    beside: int = 0
    waits: int = 0

    @property
    def priced(self) -> Priced:
        """What it says about its price."""
        return Priced(
            self.side == "buy", self.order_type, self.time_in_force, self.price, triggered=bool(self.triggered) or self.executions > 0
        )

    @property
    def is_plain(self) -> bool:
        """Whether it is a market order for the open, which the account's terms speak of."""
        return self.order_type == "market" and self.time_in_force == "opg"

    @property
    def left(self) -> int:
        """Shares still to fill. What the other leg of a bracket has filled is no longer there to close; what its entry has not, not yet."""
        return self.quantity - self.filled - self.beside - self.waits

    def fills_at_close(self, terms: FillTerms) -> bool:
        """Whether it fills at the close of a session."""
        return self.time_in_force == "cls" or (self.is_plain and terms.fill_at == "close")


def play(connection: sqlite3.Connection, market: SessionMarket, terms: FillTerms, *, intraday: bool) -> None:
    """Play a session, or leave the book alone if it was played before; see `PaperBroker.advance`.

    Of an intraday book it works the orders for the open alone; `paper_bars` works those for the day.
    """
    if connection.execute("SELECT 1 FROM sessions WHERE session = ?", (market.session.isoformat(),)).fetchone():
        return
    last = last_session(connection)
    if last is not None and market.session < last:
        raise SessionError(
            f"session {market.session} comes before {last}, the last one the paper broker played; "
            f"run from {last} on, or start a new account"
        )
    connection.execute("INSERT INTO sessions VALUES (?)", (market.session.isoformat(),))
    _charge_borrowing(connection, market, terms)
    _apply_actions(connection, market)
    _work_orders(connection, market, terms, "opg" if intraday else None)
    reserve(connection)


def last_session(connection: sqlite3.Connection) -> date | None:
    """The last session played, None before the first."""
    (last,) = connection.execute("SELECT max(session) FROM sessions").fetchone()
    return None if last is None else date.fromisoformat(last)


def reserve(connection: sqlite3.Connection) -> None:
    """Set aside what open orders will cost (sells: bring) at their reference prices; legs of brackets, which may never trade, nothing."""
    connection.execute(
        "UPDATE account SET reserved = (SELECT coalesce(sum("
        "CASE side WHEN 'buy' THEN 1 ELSE -1 END * (quantity - filled_quantity) * reference_price), 0) "
        f"FROM orders WHERE state IN {OPEN_STATES} AND NOT {IS_LEG})"
    )


def _charge_borrowing(connection: sqlite3.Connection, market: SessionMarket, terms: FillTerms) -> None:
    if not terms.borrow_bps:
        return
    short = dict(connection.execute("SELECT symbol, quantity FROM positions WHERE quantity < 0"))
    costs = borrow_costs(short, market.previous_close, market.session, market.nights, terms.borrow_bps)
    connection.execute("UPDATE account SET cash = cash - ?", (sum(costs.values()),))


def _apply_actions(connection: sqlite3.Connection, market: SessionMarket) -> None:
    session = market.session.isoformat()
    closes = dict(market.previous_close)
    credit = 0
    for actions in by_ex_date(market.actions):
        credit += _apply(connection, session, actions, closes)
        closes = closes_after(closes, actions)
    (paid,) = connection.execute("SELECT coalesce(sum(amount), 0) FROM payments WHERE due <= ?", (session,)).fetchone()
    connection.execute("DELETE FROM payments WHERE due <= ?", (session,))
    connection.execute("UPDATE account SET cash = cash + ?", (credit + paid,))


def _apply(
    connection: sqlite3.Connection,
    session: str,
    actions: Mapping[ActionKind, Mapping[str, CorporateAction]],
    closes: Mapping[str, Micros],
) -> int:
    """Play the actions of one ex date; returns what they pay at once."""
    dividends, splits, delistings, changes = (actions[kind] for kind in ("dividend", "split", "delisting", "symbol_change"))
    before = _held(connection, {symbol for of_kind in actions.values() for symbol in of_kind})
    after = dict(before)
    credit = 0
    for symbol, dividend in dividends.items():
        if symbol in before:
            due = (dividend.pay_date or dividend.ex_date).isoformat()
            owed = entitlement(before[symbol], dividend)
            connection.execute("INSERT INTO payments VALUES (?, ?, ?, ?)", (symbol, dividend.ex_date.isoformat(), due, owed))
    for symbol, division in splits.items():
        if symbol in before:
            price = closes.get(symbol, Micros(0))
            if before[symbol] * division.ratio_new % division.ratio_old and price < 1:
                raise DataError(f"{symbol} {session}: a split leaves a fraction of {before[symbol]} shares and no previous close prices it")
            outcome = split(before[symbol], division, price)
            credit += outcome.cash_in_lieu
            after[symbol] = outcome.quantity
    for symbol, delisting in delistings.items():
        if symbol in before:
            credit += entitlement(before[symbol], delisting)
            after[symbol] = 0
    moved: dict[str, int] = {}
    for symbol, change in changes.items():
        moved[change.new_symbol] = moved.get(change.new_symbol, 0) + after.pop(symbol, 0)
        moved.setdefault(symbol, 0)
    wanted = {symbol: after.get(symbol, 0) - before.get(symbol, 0) + moved.get(symbol, 0) for symbol in {*before, *moved}}
    _hold(connection, wanted)
    cancelled = [(symbol,) for symbol in sorted({*splits, *delistings, *changes})]
    connection.executemany(
        f"UPDATE orders SET state = 'cancelled', reason = 'corporate action' WHERE symbol = ? AND state IN {OPEN_STATES}", cancelled
    )
    return credit


def _work_orders(connection: sqlite3.Connection, market: SessionMarket, terms: FillTerms, time_in_force: str | None) -> None:
    """Fill orders; then, in the same bar, the legs that are attached to those that filled at its open, as far as these did."""
    session = market.session.isoformat()
    working = working_orders(connection, time_in_force, "<", session)
    worked = _sessions_worked(connection, {order.session for order in working}, session)

    def after(order: Working, quantity: int) -> tuple[str, int, int, str, int]:
        return _after(order, quantity, worked[order.session], terms.carry_sessions)

    entries = {order.client_order_id: order for order in working}
    behind = {order.number: order for order in working if order.entry in entries}
    first = [order for order in working if order.number not in behind and (not order.entry or order.left > 0)]
    done = execute(connection, one_leg_each(first, market), market, terms, after)
    if behind:
        now = [order for order in working_orders(connection, time_in_force, "<", session) if order.number in behind]
        # What fills at the close has met nothing of the bar.
        live = [order._replace(waits=behind[order.number].waits) if entries[order.entry].fills_at_close(terms) else order for order in now]
        legs = one_leg_each([order for order in live if order.left > 0], market)
        done += execute(connection, legs, market, terms, after, before=done)
    # A stop that has triggered closes, whether it has filled by now or not; a take profit that nothing is left for may yet rest for long.
    closed = {each.order.entry for each in done if each.order.entry and (each.quantity or each.order.role == "stop")}
    end_brackets(connection, closed)


def working_orders(connection: sqlite3.Connection, time_in_force: str | None, compared: str, session: str) -> list[Working]:
    """Open orders of that time in force (None: of any), the earliest sent first.

    They were decided in a session that compares so (`<`, `=`, `<=`) with one.
    """
    return [
        Working(*row)
        for row in connection.execute(
            "SELECT number, client_order_id, session, symbol, side, quantity, filled_quantity, executions, order_type, time_in_force, "
            f"price, triggered, role, other, entry, {FILLED_BY_OTHER}, {WAITS} "
            f"FROM orders WHERE state IN {OPEN_STATES} "
            f"AND time_in_force = coalesce(?, time_in_force) AND session {compared} ? ORDER BY number",
            (time_in_force, session),
        )
    ]


class Traded(NamedTuple):
    """An order that met its price: at which, before costs, in micros, and the signed shares of it that filled, which may be none."""

    order: Working
    base: int
    quantity: int


def execute(
    connection: sqlite3.Connection,
    working: Sequence[Working],
    market: SessionMarket,
    terms: FillTerms,
    after: Callable[[Working, int], tuple[str, int, int, str, int]],
    *,
    is_bar: bool = False,
    before: Sequence[Traded] = (),
) -> list[Traded]:
    """Fill orders as far as the market takes them.

    Args:
        connection: inside a transaction.
        working: the orders.
        market: of a session, or of a bar of one.
        terms: what trading costs.
        after: state, shares filled, executions, reason and number of an order, told what it filled now.
        is_bar: whether it is a bar of a session, in which orders fill by the terms alone.
        before: what filled of the same market already. It has had its share of the volume and moved the price, and what fills now is told
            as of the close, in a session: its bar does not say when, but it was later.
    """
    plain = {order.number: is_bar or order.is_plain for order in working}
    bases = {order.number: _base_price(order, market, terms, plain[order.number]) for order in working if order.symbol in market.open}
    traded = [(order, base) for order in working if (base := bases.get(order.number)) is not None]
    filling = list(zip(traded, _fills(traded, market, terms, before), strict=True))
    executed = [(order, *fill) for (order, _), fill in filling if fill[0]]
    filled = {order.number: quantity for order, quantity, _, _ in executed}
    triggered = {order.number for order, _ in traded if order.order_type == "stop"}
    connection.executemany("UPDATE orders SET triggered = 1 WHERE number = ?", [(number,) for number in sorted(triggered)])
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM fills").fetchone()
    opens, closes = (instant.astimezone(UTC).isoformat() for instant in (market.opens_at, market.closes_at))
    connection.executemany(
        "INSERT INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                number + i,
                f"{order.client_order_id}-{order.executions + 1}",
                order.client_order_id,
                order.symbol,
                order.side,
                abs(quantity),
                price,
                commission,
                market.session.isoformat(),
                closes
                if (before and not is_bar) or order.time_in_force == "cls" or (plain[order.number] and terms.fill_at == "close")
                else opens,
            )
            for i, (order, quantity, price, commission) in enumerate(executed, 1)
        ],
    )
    connection.executemany(
        "UPDATE orders SET state = ?, filled_quantity = ?, executions = ?, reason = ? WHERE number = ?",
        [after(order._replace(triggered=int(order.number in triggered)), filled.get(order.number, 0)) for order in working],
    )
    change: dict[str, int] = {}
    for order, quantity, _, _ in executed:
        change[order.symbol] = change.get(order.symbol, 0) + quantity
    _hold(connection, change)
    # Python's integers: a whole basket's value may pass 64 bits where no single fill does.
    paid = sum(quantity * price + commission for _, quantity, price, commission in executed)
    connection.execute("UPDATE account SET cash = cash - ?", (paid,))
    return [Traded(order, base, fill[0]) for (order, base), fill in filling]


def one_leg_each(working: Sequence[Working], market: SessionMarket) -> list[Working]:
    """The orders without the take profits whose session is their stop's.

    A bar that reaches both legs of a bracket does not say which came first, so the stop is taken; and one that has triggered is a market
    order, beside which nothing else closes the position.
    """
    stops = {order.client_order_id: order for order in working if order.role == "stop"}

    def is_stopped(order: Working) -> bool:
        stop = stops.get(order.other) if order.role == "take_profit" else None
        return stop is not None and stop.symbol in market.open and _base_price(stop, market, FillTerms(), plain=False) is not None

    return [order for order in working if not is_stopped(order)]


def _base_price(order: Working, market: SessionMarket, terms: FillTerms, plain: bool) -> int | None:
    """What it trades at before costs; None where it does not. A `plain` order fills by the account's terms."""
    symbol = order.symbol
    if plain:
        return _told(market, terms.fill_at, market.open if terms.fill_at == "open" else market.close, symbol)
    rest = ((name, getattr(market, name)) for name in ("high", "low", "close"))
    bar = Bar(market.open[symbol], *(_told(market, name, told, symbol) for name, told in rest))
    return traded_price(order.priced, bar, terms.fill_at)


def _fills(
    traded: Sequence[tuple[Working, int]], market: SessionMarket, terms: FillTerms, before: Sequence[Traded] = ()
) -> list[tuple[int, int, int]]:
    """Signed shares filled, price and commission of each order, from its price before costs.

    Args:
        traded: the orders, each with that price.
        market: see `execute`.
        terms: likewise.
        before: likewise.
    """
    if not traded:
        return []
    symbols = {order.symbol for order, _ in traded}
    had = [each for each in before if each.quantity and each.order.symbol in symbols]
    orders = [*(each.order for each in had), *(order for order, _ in traded)]
    wanted = [*(each.quantity for each in had), *(order.left if order.side == "buy" else -order.left for order, _ in traded)]
    place = {symbol: index for index, symbol in enumerate(sorted(symbols))}
    volume = [_told(market, "volume", market.volume, order.symbol) for order in orders] if terms.needs_volume else None
    figures = [_told(market, "figures", market.figures, order.symbol) for order in orders] if terms.needs_figures else None
    done = fill_session(
        np.array(wanted, dtype=np.int64),
        np.array([*(each.base for each in had), *(base for _, base in traded)], dtype=np.int64),
        terms,
        symbol=None if len(symbols) == len(orders) else np.array([place[order.symbol] for order in orders], dtype=np.int64),
        volume=None if volume is None else np.array(volume, dtype=np.float64),
        average_value=None if figures is None else np.array([each.average_value for each in figures], dtype=np.float64),
        volatility=None if figures is None else np.array([each.volatility for each in figures], dtype=np.float64),
    )
    now = [order for order, _ in traded]
    told = list(zip(done.quantity.tolist(), done.price.tolist(), done.commission.tolist(), strict=True))[len(had) :]
    return told if all(order.is_plain for order in now) else _as_promised(now, told, terms)


def _as_promised(orders: Sequence[Working], told: Sequence[tuple[int, int, int]], terms: FillTerms) -> list[tuple[int, int, int]]:
    """No limit is passed, and of `fok` all fills or nothing; what others fill is not changed by it."""
    whole = [0 if order.time_in_force == "fok" and abs(fill[0]) < order.left else fill[0] for order, fill in zip(orders, told, strict=True)]
    prices = [never_worse(order.priced, price) if filled else 0 for order, filled, (_, price, _) in zip(orders, whole, told, strict=True)]
    charged = commissions(np.abs(np.array(whole, dtype=np.int64)), np.array(prices, dtype=np.int64), terms)
    return list(zip(whole, prices, charged.tolist(), strict=True))


def _told[T](market: SessionMarket, name: str, by_symbol: Mapping[str, T], symbol: str) -> T:
    if symbol not in by_symbol:
        raise DataError(
            f"{symbol} {market.session}: an order fills by its {name}, and the session was read without; read it for what is ordered"
        )
    return by_symbol[symbol]


def _sessions_worked(connection: sqlite3.Connection, decided: Iterable[str], session: str) -> dict[str, int]:
    """For each session that decided an order, the sessions that its orders have worked in, this one included."""
    count = "SELECT count(*) FROM sessions WHERE session > ? AND session <= ?"
    return {each: int(connection.execute(count, (each, session)).fetchone()[0]) for each in decided}


def _after(order: Working, quantity: int, worked: int, carried: int) -> tuple[str, int, int, str, int]:
    """State, shares filled, executions and reason of an order after a session that filled so much of it.

    The account's terms carry market orders for the open alone over to further sessions; `gtc` works until it is cancelled.
    """
    filled = order.filled + abs(quantity)
    state, reason = OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED, ""
    if filled == order.quantity:
        state = OrderState.FILLED
    elif order.time_in_force in ("ioc", "fok"):
        state, reason = OrderState.CANCELLED, "did not fill at once"
    elif order.time_in_force != "gtc" and worked > (carried if order.is_plain else 0):
        state = OrderState.EXPIRED
        unmet = "it was triggered and did not fill" if order.triggered else "its price was not met"
        reason = "the rest did not fill" if filled else "no trade in session" if order.price is None else unmet
    return state.value, filled, order.executions + (quantity != 0), reason, order.number


def _hold(connection: sqlite3.Connection, change: Mapping[str, int]) -> None:
    """Add to positions; a flat one has no row."""
    held = _held(connection, change)
    after = {symbol: held.get(symbol, 0) + quantity for symbol, quantity in change.items()}
    connection.executemany("DELETE FROM positions WHERE symbol = ?", [(symbol,) for symbol in after])
    connection.executemany("INSERT INTO positions VALUES (?, ?)", [(symbol, quantity) for symbol, quantity in after.items() if quantity])


def _held(connection: sqlite3.Connection, symbols: Iterable[str]) -> dict[str, int]:
    asked = (json.dumps(sorted(symbols)),)
    return dict(connection.execute("SELECT symbol, quantity FROM positions WHERE symbol IN (SELECT value FROM json_each(?))", asked))
