"""What must hold however a history went: sessions left out, runs given up, years of them.

The long ones recompute a book from the Parquet tables alone, in integers and fractions: bars, corporate actions and fills in;
positions, cash and equity out.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, NEXT_TUE, TUE, WED, XNYS

_STAGES = ("open", "bars", "settle", "mark", "signals", "targets", "risk", "orders", "approve", "send", "report")
_CAPITAL = 1_000_000


class _Killed(Exception):
    """Stands for a process that ends."""


def _kill_at(session: date, at: str) -> Callable[[date, str, str], None]:
    def watch(now: date, stage: str, _text: str) -> None:
        if (now, stage) == (session, at):
            raise _Killed(stage)

    return watch


def _in_ledger(home: Home) -> tuple[list[tuple[Any, ...]], ...]:
    fills = home.sql("SELECT execution_id, session, quantity, price FROM fills ORDER BY 1")
    orders = home.sql("SELECT client_order_id, state, filled_quantity FROM orders NATURAL JOIN order_status ORDER BY 1")
    marks = home.sql("SELECT session, cash, receivable, equity, profit FROM marks ORDER BY 1")
    return fills, orders, marks


def _in_lake(home: Home) -> tuple[list[tuple[Any, ...]], ...]:
    fills = home.table("fills").sort("execution_id").select("execution_id", "session", "quantity", "price").rows()
    orders = home.table("orders").sort("client_order_id").select("client_order_id", "state", "filled_quantity").rows()
    marks = home.table("equity").sort("session").select("session", "cash", "receivable", "equity", "profit").rows()
    return (
        [(key, str(day), quantity, int(price * 10**6)) for key, day, quantity, price in fills],
        [(key, str(state), filled) for key, state, filled in orders],
        [(str(day), *(int(amount * 10**6) for amount in amounts)) for day, *amounts in marks],
    )


@pytest.mark.parametrize("at", [*(pytest.param(stage, marks=pytest.mark.long) for stage in ("mark", "signals", "send")), "report"])
def test_what_given_up_runs_booked_reaches_the_lake_with_the_next_one(home: Home, at: str) -> None:
    home.run(MON, TUE)
    for given_up in (WED, FRI):
        with pytest.raises(_Killed):
            home.run(given_up, watch=_kill_at(given_up, at))
    home.run(NEXT_MON)
    assert home.sql("SELECT session FROM runs WHERE state = 'abandoned'") == [(str(WED),), (str(FRI),)]
    assert _in_lake(home) == _in_ledger(home)
    home.run(NEXT_TUE)
    assert _in_lake(home) == _in_ledger(home)


# a book recomputed


def _rounded(amount: Fraction, places: int) -> Fraction:
    return Fraction(round(amount * 10**places), 10**places)  # half-even


def _exact(number: float | Decimal) -> Fraction:
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def _by_session(rows: Iterable[dict[str, Any]], day: str) -> dict[date, list[dict[str, Any]]]:
    found: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row[day] if XNYS.is_session(row[day]) else XNYS.next(row[day])].append(row)
    return found


def _recompute(home: Home, last: date) -> dict[date, tuple[dict[str, int], Fraction, Fraction, Fraction]]:
    """Positions, cash, dividends receivable and equity at each session's close."""
    bars = _by_session(home.table("bars_1d").to_dicts(), "session")
    actions = _by_session(home.table("corporate_actions").to_dicts(), "ex_date")
    fills = _by_session(home.table("fills").to_dicts(), "session")
    first = home.table("runs")["session"].min()
    assert isinstance(first, date)
    close: dict[str, Fraction] = {}
    held: dict[str, int] = {}
    cash, owed = Fraction(_CAPITAL), list[tuple[date, Fraction]]()
    books = {}
    for session in XNYS.between(min(bars), last):
        before = dict(held)
        for action in actions[session] if session >= first else []:
            symbol, quantity = action["symbol"], before.get(action["symbol"], 0)
            sign, value = (-1 if quantity < 0 else 1), _exact(action["cash_per_share"] or Decimal(0))
            if action["kind"] == "dividend":
                owed.append((action["pay_date"] or session, _rounded(quantity * value, 2)))
            elif action["kind"] == "split" and quantity:
                ratio = Fraction(action["ratio_new"], action["ratio_old"])
                held[symbol] = sign * (abs(quantity) * ratio).__floor__()
                fraction = abs(quantity) * ratio - abs(held[symbol])
                cash += sign * _rounded(fraction * close[symbol] / ratio, 2)
            elif action["kind"] == "delisting" and quantity:
                cash += _rounded(quantity * value, 2)
                held[symbol] = 0
        cash += sum(amount for due, amount in owed if due <= session)
        owed = [(due, amount) for due, amount in owed if due > session]
        opens = {bar["symbol"]: _exact(bar["open"]) for bar in bars[session]}
        for fill in fills[session]:
            sign = 1 if fill["side"] == "buy" else -1
            assert _exact(fill["price"]) == _rounded(opens[fill["symbol"]] * (1 + sign * Fraction(2, 10_000)), 4)
            assert _exact(fill["commission"]) == _rounded(fill["quantity"] * _exact(fill["price"]) / 10_000, 4)
            held[fill["symbol"]] = held.get(fill["symbol"], 0) + sign * fill["quantity"]
            cash -= sign * fill["quantity"] * _exact(fill["price"]) + _exact(fill["commission"])
        close |= {bar["symbol"]: _exact(bar["close"]) for bar in bars[session]}
        held = {symbol: quantity for symbol, quantity in held.items() if quantity}
        due = sum((amount for _, amount in owed), Fraction(0))
        books[session] = dict(held), cash, due, cash + due + sum(quantity * close[symbol] for symbol, quantity in held.items())
    return books


def _books(long_only: bool, seed: int) -> str:
    return f"""
sources:
  demo: {{kind: simulated, seed: {seed}, opened: 2010-01-04}}
books:
  demo:
    calendar: XNYS
    source: demo
    universe: {{listed: 40}}
    history: {{years: 2}}
    capital: {_CAPITAL}
    broker: {{kind: paper, slippage_bps: 2, commission_bps: 1}}
    signals: [{{signal: momentum, weight: 1}}, {{signal: ewma_crossover, weight: 1}}]
    construction:
      {{volatility_target: 0.1, weight_cap: 0.08, gross_cap: {0.9 if long_only else 1.4}, no_trade_band: 0.002, long_only: {long_only}}}
    limits:
      {{order_quantity: 50000, order_value: 150000, price_age: 1, symbol_weight: 0.1, gross_exposure: 1.6, basket_value: 2.5,
        cash_buffer: 0.01, completeness: 0.9,
        volume_share: 0.5, collar: 0.05, collar_sigmas: 3, symbol_position: 100000, group_weight: {{}},
        net_exposure: 1.6, turnover: 2.5, restricted: [],
        weights_sum: 2.0, volatility_low: 0.01, volatility_high: 2.0, return_high: 0.3, daily_loss: 0.3, drawdown: 0.7, armed_cycles: 10000,
        new_cycles: 1, new_share: 1.0, cycle_messages: 1000, minute_messages: 100000, rejects_in_a_row: 20,
        slippage: 0.5, slippages_in_a_row: 1000}}
    schedule: {{cron: "30 17 * * 1-5", latest_start_minutes: 600}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("long_only", "seed"), [(True, 7919), (False, 15838)])
def test_a_year_with_sessions_left_out_and_runs_killed_or_given_up_adds_up(tmp_path: Path, long_only: bool, seed: int) -> None:
    books = tmp_path / "books.yaml"
    books.write_text(_books(long_only, seed))
    home = Home(tmp_path / "home", books, "demo")
    chance = random.Random(seed)
    sessions = XNYS.between(date(2013, 9, 3), date(2014, 8, 29))
    for session in sessions:
        home.now = f"{XNYS.closes_at(session) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        if session != sessions[-1] and chance.random() < 0.4:
            continue
        while session != sessions[-1] and chance.random() < 0.15:
            with pytest.raises(_Killed):
                home.run(session, watch=_kill_at(session, chance.choice(_STAGES)))
            if chance.random() < 0.3:
                break
        else:
            home.run(session)

    assert _in_lake(home) == _in_ledger(home)
    assert home.sql("SELECT 1 FROM halts") == home.sql("SELECT 1 FROM breaks") == []
    recomputed = _recompute(home, sessions[-1])
    positions: dict[date, dict[str, int]] = defaultdict(dict)
    for session, symbol, quantity in home.table("positions").select("session", "symbol", "quantity").rows():
        positions[session][symbol] = quantity
    done = {date.fromisoformat(session) for (session,) in home.sql("SELECT session FROM runs WHERE state = 'done'")}
    assert len(done) > 100
    for row in home.table("equity").to_dicts():
        held, *money = recomputed[row["session"]]
        assert [_exact(row[name]) for name in ("cash", "receivable", "equity")] == money
        if row["session"] in done:
            assert positions[row["session"]] == held
            assert not long_only or min(held.values(), default=0) >= 0
    refused = home.sql("SELECT count(*) FROM risk_checks WHERE control = 16 AND verdict <> 'pass'")
    assert refused == [(0,)]  # nothing is wanted that may not be sold
