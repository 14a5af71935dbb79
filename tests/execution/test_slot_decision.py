"""What a slot decides with stops; the numbers are worked by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from grodt.execution.decision import Closes
from grodt.execution.slot_decision import Entry, SlotBasis, decide_slot, entries_of
from grodt.execution.slot_market import LastPrices
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.fills import record_fills
from grodt.ledger.order_life import transition
from grodt.ledger.runs import open_run
from grodt.money import micros, micros_from_float
from grodt.orders.states import OrderState
from grodt.signals.panel import Panel
from grodt.slots import Slot
from grodt.targets.stops import StopRule
from tests.brokers.world import BOOK, MON, TUE, order
from tests.execution.desk import Desk, make_basket
from tests.execution.stocked import KNOWN, hold
from tests.execution.test_decision import CONSTRUCTION, forecasts_of, state_of
from tests.ledger.world import fill
from tests.signals.worlds import tickers

SESSION = date(2026, 11, 25)
OPEN = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
AT = OPEN + timedelta(minutes=5 * 20)
SLOT = Slot(SESSION, "1110", "trade", AT, AT + timedelta(minutes=30), AT + timedelta(minutes=5))
#: 200 USD of 100,000 at stake, 2 ATR away.
RULE = StopRule(risk_per_trade=0.002, atr_multiple=2, weight_cap=0.5, gross_cap=2.0)


def basis(
    count: int, *, lows: dict[int, dict[int, float]] | None = None, entries: dict[str, Entry] | None = None, slot: Slot = SLOT
) -> SlotBasis:
    """Twenty bars of five minutes at 10, each from 9.9 to 10.1 so that the average true range is 0.2; `lows` by symbol and bar."""
    shape = (20, count)
    close, high, low = np.full(shape, 10.0), np.full(shape, 10.1), np.full(shape, 9.9)
    for symbol, of in (lows or {}).items():
        for row, price in of.items():
            low[row, symbol] = price
    ends = np.array([np.datetime64(OPEN.replace(tzinfo=None) + timedelta(minutes=5 * (row + 1)), "us") for row in range(20)])
    panel = Panel((SESSION,) * 20, tickers(count), close, np.zeros(shape), {"high": high, "low": low}, ends=ends, rows_per_year=252.0 * 78)
    return SlotBasis(slot, panel, entries or {}, RULE)


def closes(count: int, **changed: Any) -> Closes:
    found = Closes(np.full(count, 10.0), np.full(count, micros(10), dtype=np.int64), np.zeros(count, dtype=np.int64), np.zeros((20, count)))
    return replace(found, **{name: np.array(value) for name, value in changed.items()})


def entry(quantity: int, bars: int, filled: int | None = None, **more: Any) -> Entry:
    """A trade decided at the end of so many bars, at 10; all of it has filled where nothing else is said."""
    shares = abs(quantity) if filled is None else filled
    return Entry(OPEN + timedelta(minutes=5 * bars), quantity, micros(10), **({"filled": shares, "paid": shares * micros(10)} | more))


def test_an_entry_loses_its_share_of_equity_at_the_stop() -> None:
    found = decide_slot(closes(2), forecasts_of([1.0, 0.0]), state_of(2), CONSTRUCTION, basis(2))
    assert found.targets.quantity.tolist() == [500, 0]  # 200 USD / (2 · 0.20)
    assert found.targets.weight.tolist() == [0.05, 0.0]


def test_a_trade_is_held_at_what_it_was_entered_for_until_its_stop_is_touched_after_the_entry() -> None:
    # the stop is 10 − 2 · 0.2 = 9.6; the bar before the entry that went there counts for nothing
    held = state_of(3, position=[400, 500, 500])
    rests = basis(
        3,
        lows={0: {17: 9.61}, 1: {18: 9.6}, 2: {15: 9.0}},
        entries=dict(zip(tickers(3), [entry(500, 16, 400), entry(500, 16), entry(500, 20)], strict=True)),
    )
    found = decide_slot(closes(3), forecasts_of([0.3, 0.3, 0.3]), held, CONSTRUCTION, rests)
    assert found.targets.quantity.tolist() == [500, 0, 500]  # the first still wants the 100 that did not fill
    assert found.stopped == (tickers(3)[1],)


def test_the_bar_that_ends_at_the_entry_is_not_since_and_the_one_that_begins_there_is() -> None:
    rests = basis(2, lows={0: {15: 9.0}, 1: {16: 9.5}}, entries={symbol: entry(500, 16) for symbol in tickers(2)})
    # the range of 1.1 in the bar before its entry takes the stop of the first to 9.47; that of the second is 9.6
    found = decide_slot(closes(2), forecasts_of([0.3, 0.3]), state_of(2, position=[500, 500]), CONSTRUCTION, rests)
    assert found.stopped == (tickers(2)[1],)


def test_a_split_over_night_is_no_range() -> None:
    """Ten bars at 100, from 99 to 101, then 10 for 1: a range of 0.2 in shares of today, and the stop at 10 − 2 · 0.2."""
    one = tickers(1)[0]
    rests = basis(1, lows={0: {17: 9.6}}, entries={one: entry(500, 16)})
    times = np.where(np.arange(20) < 10, 10.0, 1.0)[:, None]
    raw = {name: rests.panel.raw(name) * times for name in ("high", "low")}
    split = replace(rests, panel=replace(rests.panel, close=rests.panel.close * times, fields=raw))
    assert decide_slot(closes(1), forecasts_of([1.0]), state_of(1, position=[500]), CONSTRUCTION, split).stopped == (one,)
    whole = replace(split, panel=split.panel.until(17))
    assert decide_slot(closes(1), forecasts_of([1.0]), state_of(1), CONSTRUCTION, whole).targets.quantity.tolist() == [500]


def _traded(desk: Desk, slot: str, quantity: int, price: str, *parts: tuple[int, str]) -> None:
    """An order of a slot of Tuesday for signed shares of A; filled at its price, or in those parts (shares, price)."""
    with desk.real_ledger.write() as tx:
        run = open_run(
            tx, book=BOOK, kind="intraday", session=TUE, slot=slot, config_hash="c", code_version="v", flow_run_id="f", fence=1, now=KNOWN
        )
        basket = make_basket(run, [order("A", quantity, TUE, price, leg=int(slot))])
        record_basket(tx, basket, run.run_id, KNOWN)
        approve_basket(tx, basket.hash, "automatic", KNOWN)
        for state in (OrderState.SENDING, OrderState.ACCEPTED):
            transition(tx, basket.orders[0].client_order_id, state, run_id=run.run_id, now=KNOWN)
        shares = parts or ((abs(quantity), price),)
        fills = [fill(basket.orders[0], at, *part, session=TUE) for at, part in enumerate(shares, 1)]
        record_fills(tx, fills, BOOK, run.run_id, KNOWN)


def test_the_sale_of_what_was_held_over_night_opens_no_trade_and_what_is_bought_after_it_does(desk: Desk) -> None:
    hold(desk.real_ledger, {"A": (100, "60")}, MON)
    _traded(desk, "1000", -100, "60")
    with desk.real_ledger.read() as tx:
        assert entries_of(tx, BOOK, TUE, ZoneInfo("America/New_York")) == {}
    _traded(desk, "1100", 200, "50", (120, "50.10"), (80, "50"))
    with desk.real_ledger.read() as tx:
        found = entries_of(tx, BOOK, TUE, ZoneInfo("America/New_York"))
    first = Entry(datetime(2026, 3, 3, 16, tzinfo=UTC), 200, micros(50), filled=200, paid=120 * micros("50.10") + 80 * micros(50))
    assert found == {"A": first}
    _traded(desk, "1200", 10, "52")
    _traded(desk, "1300", -150, "51")
    with desk.real_ledger.read() as tx:
        found = entries_of(tx, BOOK, TUE, ZoneInfo("America/New_York"))
    assert found == {"A": replace(first, filled=210, paid=first.paid + 10 * micros(52), given_up=True)}


@pytest.mark.parametrize(
    ("side", "price", "adds"),
    [
        (1, "10.40", 0),  # 250 lose 0.80 each at 9.6: the 200 USD are at stake
        (1, "10.10", 187),  # (200 − 250 · 0.5) / 0.4
        (-1, "9.60", 0),
        (-1, "9.90", 187),
    ],
)
def test_a_trade_grows_by_what_its_stop_costs_from_what_was_really_paid(desk: Desk, side: int, price: str, adds: int) -> None:
    """250 of 500 filled, decided at 10. The stop stays 0.4 from there; 200 USD are at stake, commissions are no part of it."""
    _traded(desk, "1000", side * 500, "10", (250, price))
    with desk.real_ledger.read() as tx:
        found = entries_of(tx, BOOK, TUE, ZoneInfo("America/New_York"))["A"]
    rests = basis(1, entries={tickers(1)[0]: replace(found, at=OPEN + timedelta(minutes=5 * 16))})
    state = state_of(1, position=[side * 250], shortable=[True])
    decided = decide_slot(closes(1), forecasts_of([float(side)]), state, replace(CONSTRUCTION, long_only=False), rests)
    assert decided.targets.quantity.tolist() == [side * (250 + adds)]


@pytest.mark.parametrize(
    ("price", "more", "adds"),
    [
        (10.0, {}, 450),  # all of it: (200 − 20) / 0.4
        (11.0, {}, 92),  # 200 / 1.4 is 142 in all, less than 50 and (200 − 20) / 1.4
        (12.0, {}, 33),  # 200 / 2.4 in all
        (9.8, {}, 450),  # no more than it was entered for, and no nearer to its stop for it
        (9.65, {}, 450),
        (15.0, {}, 0),  # the 50 alone lose 270 from there
        (9.8, {"paid": 50 * micros(12)}, 400),  # 50 were dear: (200 − 120) / 0.2
        (10.0, {"given_up": True}, 0),
        (12.0, {"given_up": True}, 0),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_a_trade_grows_to_what_it_was_entered_for_while_it_loses_its_share_of_equity_at_its_stop_at_most(
    side: int, price: float, more: dict[str, Any], adds: int
) -> None:
    """50 of 500 filled at 10, stop at 9.6, 200 USD at stake. Of a short everything is mirrored at 10."""
    own = {name: 50 * micros(20) - value if name == "paid" and side < 0 else value for name, value in more.items()}
    trade = entry(side * 500, 16, 50, **own)
    now = 10 + side * (price - 10)
    state = state_of(1, position=[side * 50], shortable=[True])
    shorts = replace(CONSTRUCTION, long_only=False)
    rests = basis(1, entries={tickers(1)[0]: trade})
    found = decide_slot(closes(1, price=[now], micros=[micros_from_float(now)]), forecasts_of([side * 0.3]), state, shorts, rests)
    assert found.targets.quantity.tolist() == [side * (50 + adds)]


def test_a_trade_grows_to_its_weight_cap_at_most() -> None:
    rests = replace(basis(1, entries={tickers(1)[0]: entry(500, 16, 50)}), stops=replace(RULE, weight_cap=0.02))
    found = decide_slot(closes(1), forecasts_of([0.3]), state_of(1, position=[50]), CONSTRUCTION, rests)
    assert found.targets.quantity.tolist() == [200]


def test_a_trade_whose_stop_is_not_known_does_not_grow() -> None:
    rests = basis(1, entries={tickers(1)[0]: entry(500, 3, 50)})  # three bars of a range of fourteen
    assert decide_slot(closes(1), forecasts_of([0.3]), state_of(1, position=[50]), CONSTRUCTION, rests).targets.quantity.tolist() == [50]


def test_a_trade_of_the_other_side_gives_what_is_held_no_stop() -> None:
    held = state_of(1, position=[500])
    rests = basis(1, lows={0: {17: 9.0}}, entries={tickers(1)[0]: entry(-500, 16)})
    assert decide_slot(closes(1), forecasts_of([0.3]), held, CONSTRUCTION, rests).stopped == ()


def test_a_trade_is_given_up_where_the_forecast_turns_and_the_other_side_waits() -> None:
    held = state_of(3, position=[500, 500, 500], shortable=[True, True, True])
    entries = {symbol: entry(500, 16) for symbol in tickers(3)}
    shorts = replace(CONSTRUCTION, long_only=False)
    found = decide_slot(closes(3), forecasts_of([-1.0, 0.0, float("nan")]), held, shorts, basis(3, entries=entries))
    assert found.targets.quantity.tolist() == [0, 0, 0]
    flat = decide_slot(closes(3), forecasts_of([-1.0, 0.0, float("nan")]), state_of(3, shortable=[True] * 3), shorts, basis(3))
    assert flat.targets.quantity.tolist() == [-500, 0, 0]


def test_what_has_not_traded_within_the_slot_is_kept_and_not_entered() -> None:
    found = decide_slot(closes(2, age=[1, 1]), forecasts_of([1.0, -1.0]), state_of(2, position=[0, 300]), CONSTRUCTION, basis(2))
    assert found.targets.quantity.tolist() == [0, 300]


def test_by_the_time_to_be_flat_nothing_is_wanted() -> None:
    slot = replace(SLOT, role="flat")
    found = decide_slot(closes(2), forecasts_of([1.0, 1.0]), state_of(2, position=[100, 0]), CONSTRUCTION, basis(2, slot=slot))
    assert found.targets.quantity.tolist() == [0, 0]


def test_a_volatility_target_is_per_year_whatever_the_bars() -> None:
    """Returns of ±0.1 % a bar of five minutes are 0.1 % · √(252 · 78) = 14 % a year."""
    returns = np.where(np.arange(20) % 2, 0.001, -0.001)[:, None]
    found = closes(1, returns=returns)
    target = replace(CONSTRUCTION, volatility_target=0.014, weight_cap=0.9)
    decided = decide_slot(found, forecasts_of([1.0]), state_of(1), target, replace(basis(1), stops=None))
    assert decided.targets.weight[0] == pytest.approx(0.1, rel=0.01)


def test_the_last_prices_of_what_is_held_mark_it() -> None:
    prices = LastPrices(("A", "B"), np.array([10.0, np.nan]), np.array([micros(10), 0]), np.array([0, -1]), (SESSION, None))
    assert {symbol: (close.session, close.price) for symbol, close in prices.closes({"A", "B"}).items()} == {"A": (SESSION, micros(10))}
