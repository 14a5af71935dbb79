"""What a decision is taken on."""

from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from grodt.bars.quality import Completeness
from grodt.brokers.fills import FillTerms
from grodt.errors import DataError
from grodt.execution.decision import BookState, book_state, closes_of, decide_targets, propose, restricted, traded_symbols
from grodt.instruments import Instrument
from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.cash_entries import CashKind, cash_entry
from grodt.ledger.halts import halt
from grodt.ledger.marks import Mark
from grodt.ledger.order_life import transition
from grodt.ledger.postings import post
from grodt.ledger.runs import Run, close_run
from grodt.money import Micros, micros, micros_from_float
from grodt.orders.states import OrderState
from grodt.orders.terms import OrderTerms
from grodt.signals.forecasts import Forecasts
from grodt.signals.panel import Panel
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets
from grodt.targets.universe import UniverseRules, judge
from tests.brokers.world import BOOK, MON, TUE, WED, market
from tests.execution.desk import Desk, Killed
from tests.execution.stocked import KNOWN, hold
from tests.ledger.people import rearmed
from tests.signals.worlds import closes, panel_of, tickers

NAN = float("nan")
CONSTRUCTION = Construction(volatility_target=0.5, weight_cap=0.2, gross_cap=0.9, no_trade_band=0, long_only=True)


def mark(equity: str = "1000", cash: str = "900") -> Mark:
    rest = Micros(micros(equity) - micros(cash))
    return Mark(BOOK, MON, micros(cash), Micros(0), rest, micros(equity), 0.1, 0.1, micros(equity), 0.0, Micros(0))


def state_of(count: int, **changed: Any) -> BookState:
    """A flat book of 100,000 USD, all of whose symbols are in the universe."""
    if "working" in changed:
        working = np.array(changed.pop("working"))
        changed |= {"open_buys": np.maximum(working, 0), "open_sells": np.maximum(-working, 0)}
    arrays: dict[str, Any] = {name: np.zeros(count, dtype=np.int64) for name in ("position", "open_buys", "open_sells")}
    arrays |= {name: np.ones(count, dtype=np.int64) for name in ("lot", "tick")} | {"in_universe": np.ones(count, dtype=np.bool_)}
    arrays |= {name: np.zeros(count, dtype=np.bool_) for name in ("shortable", "intended", "halted", "unknown")}
    sector = changed.pop("sector", ("",) * count)
    arrays |= {name: np.array(value) for name, value in changed.items()}
    return BookState(
        symbols=tickers(count),
        sector=sector,
        equity=micros(100_000),
        cash=micros(90_000),
        previous_equity=micros(99_000),
        high_water_mark=micros(110_000),
        active_halts=0,
        open_breaks=0,
        cycles_traded=4,
        cycles_unchanged=3,
        first_basket=False,
        **arrays,
    )


def forecasts_of(combined: list[float], volatility: float = 0.2) -> Forecasts:
    row = np.array(combined)
    return Forecasts(tickers(len(row)), ("m",), row[None], row[None], row, np.full(len(row), volatility))


@given(closes(longest=40))
def test_reference_prices_are_those_of_a_naive_search(close):
    found = closes_of(panel_of(close))
    price, age = found.price, found.age
    assert found.micros.tolist() == [0 if np.isnan(each) else micros_from_float(each) for each in price]
    for column in range(close.shape[1]):
        expected = (NAN, -1)
        for back, one in enumerate(close[::-1, column]):
            if not np.isnan(one):
                expected = (one, back)
                break
        assert age[column] == expected[1]
        assert price[column] == expected[0] or (np.isnan(price[column]) and np.isnan(expected[0]))
    assert (price.dtype, age.dtype) == (np.float64, np.int64)


def test_universe_and_holdings_are_decided_on_together_in_order():
    assert traded_symbols([Instrument("C"), Instrument("A")], {"B", "A"}) == ("A", "B", "C")
    assert traded_symbols([], []) == ()


@pytest.fixture
def run(desk: Desk) -> Run:
    """Monday's, which has begun to send: AAPL is accepted, IBM on its way, MSFT has not gone. Held are 10 GONE, short 5 IBM."""
    run = desk.open(MON)
    hold(desk.real_ledger, {"GONE": (10, "5"), "IBM": (-5, "20")})
    desk.settle(run, market(MON, {}))
    desk.decide(run, {"AAPL": 30, "IBM": -20, "MSFT": 10})

    def die(number: int) -> None:
        if number == 1:
            raise Killed

    desk.broker.before_send = die
    with pytest.raises(Killed):
        desk.send(run)
    return run


UNIVERSE = (Instrument("MSFT", lot=100), Instrument("AAPL", shortable=True), Instrument("IBM"))


def state(desk: Desk, run: Run) -> BookState:
    with desk.real_ledger.read() as tx:
        return book_state(tx, run, mark(), UNIVERSE, KNOWN)


def test_a_book_s_state_is_aligned_to_universe_and_holdings(desk, run):
    found = state(desk, run)
    assert found.symbols == ("AAPL", "GONE", "IBM", "MSFT")
    assert found.position.tolist() == [0, 10, -5, 0]
    assert found.lot.tolist() == [1, 1, 1, 100]
    assert found.shortable.tolist() == [True, False, False, False]
    assert found.in_universe.tolist() == [True, False, True, True]
    assert (found.equity, found.cash) == (micros(1000), micros(1_000_050)), "cash is the ledger's of now"
    assert (found.active_halts, found.open_breaks) == (0, 0)


def test_orders_that_are_open_or_on_their_way_work_and_those_not_sent_do_not(desk, run):
    assert state(desk, run).working.tolist() == [30, 0, -20, 0]


def test_an_intent_of_this_cycle_is_one_whatever_became_of_it_and_of_another_cycle_none(desk, run):
    assert state(desk, run).intended.tolist() == [True, False, True, True]
    assert not state(desk, desk.open(TUE)).intended.any()


def test_an_open_order_in_a_symbol_that_is_neither_held_nor_traded_is_seen(desk, run):
    with desk.real_ledger.read() as tx:
        found = book_state(tx, run, mark(), (), KNOWN)
    assert found.symbols == ("AAPL", "GONE", "IBM")
    assert found.working.tolist() == [30, 0, -20]


def test_of_an_order_that_filled_in_part_the_rest_works(tmp_path, template):
    terms = FillTerms(participation=Decimal("0.1"), carry_sessions=1)
    with closing(Desk(tmp_path / "desk", template=template, terms=terms)) as desk:
        desk.cycle(MON, [market(MON, {})], {"AAPL": 30, "IBM": -20})
        run = desk.open(TUE)
        desk.settle(run, market(TUE, {"AAPL": "100", "IBM": "100"}, volume={"AAPL": 120, "IBM": 250}))
        found = state(desk, run)
        assert found.position.tolist() == [12, -20, 0]
        assert (found.open_buys.tolist(), found.open_sells.tolist()) == ([18, 0, 0], [0, 0, 0])
        assert not found.intended.any()
        assert found.rests == ()
        with desk.real_ledger.read() as tx:
            (rest,) = book_state(tx, run, mark(), UNIVERSE, KNOWN, carries=True).rests
            assert book_state(tx, desk.open(MON), mark(), UNIVERSE, KNOWN, carries=True).rests == (), "of its own cycle"
        assert (rest.order.symbol, rest.order.session, rest.filled_quantity) == ("AAPL", MON, 12)
        desk.settle(desk.open(WED), market(WED, {"AAPL": "100"}, volume={"AAPL": 70}))
        assert (state(desk, run).position.tolist(), state(desk, run).working.tolist()) == ([19, -20, 0], [0, 0, 0])


def test_halts_of_the_book_and_of_all_count_and_those_of_a_symbol_do_not(desk, run):
    with desk.real_ledger.write() as tx:
        halt(tx, scope="symbol", book=BOOK, symbol="IBM", reason="unknown", author="execution", now=KNOWN)
        halt(tx, scope="book", book="us", reason="theirs", author="ops", now=KNOWN)
    assert state(desk, run).active_halts == 0
    with desk.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, reason="ours", author="ops", now=KNOWN)
        halt(tx, scope="all", reason="everyone's", author="ops", now=KNOWN)
    assert state(desk, run).active_halts == 2


def test_a_halted_symbol_is_marked(desk, run):
    with desk.real_ledger.write() as tx:
        halt(tx, scope="symbol", book=BOOK, symbol="IBM", reason="unknown", author="execution", now=KNOWN)
    assert state(desk, run).halted.tolist() == [False, False, True, False]


def test_an_order_of_unknown_outcome_marks_its_symbol(desk, run):
    assert not state(desk, run).unknown.any()
    with desk.real_ledger.write() as tx:
        transition(tx, "demo-eod-20260302-AAPL-0", OrderState.UNKNOWN, run_id=run.run_id, now=KNOWN)
    assert state(desk, run).unknown.tolist() == [True, False, False, False]


def test_losses_are_measured_from_the_mark_before_and_the_highest(desk, run):
    with desk.real_ledger.read() as tx:
        found = book_state(tx, run, replace(mark(), profit=micros(-50), high_water_mark=micros(1200)), UNIVERSE, KNOWN)
    assert (found.equity, found.previous_equity, found.high_water_mark) == (micros(1000), micros(1050), micros(1200))


def _flow(desk: Desk, kind: CashKind, amount: str) -> None:
    with desk.real_ledger.write() as tx:
        post(tx, cash_entry(f"{kind} {amount}", kind, BOOK, micros(amount), TUE, ""), kind, KNOWN)


def test_money_that_came_or_went_since_the_mark_moves_what_is_traded_for_and_is_no_profit(desk, run):
    _flow(desk, "deposit", "500")
    _flow(desk, "withdrawal", "-200")
    with desk.real_ledger.read() as tx:
        found = book_state(tx, run, replace(mark(), profit=micros(-50), high_water_mark=micros(1200)), UNIVERSE, KNOWN)
    assert (found.equity, found.cash) == (micros(1300), micros(1_000_350))
    assert (found.previous_equity, found.high_water_mark) == (micros(1350), micros(1500))


def test_nothing_is_decided_for_a_book_that_was_emptied_since_its_mark(desk, run):
    _flow(desk, "withdrawal", "-1000")
    with pytest.raises(DataError, match=r"book demo session 2026-03-02: equity was 1000\.000000 USD, and 1000\.000000 USD were taken out"):
        state(desk, run)


def test_cycles_that_traded_are_counted_from_the_last_arming(desk, run):
    assert (state(desk, run).cycles_traded, state(desk, run).first_basket) == (1, False)
    with desk.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, reason="ours", author="ops", now=desk.now())
        rearmed(tx, BOOK, desk.now())
    assert (state(desk, run).cycles_traded, state(desk, run).first_basket) == (0, False)


def test_a_book_that_has_never_ordered_is_at_its_first_basket(desk):
    run = desk.open(MON)
    assert state(desk, run).first_basket
    desk.decide(run, {})
    assert (state(desk, run).first_basket, state(desk, run).cycles_traded) == (True, 0)


def test_cycles_done_with_the_same_configuration_are_counted_back_to_the_last_change(desk):
    def close(run: Run) -> None:
        with desk.real_ledger.write() as tx:
            close_run(tx, run.run_id, "done", desk.now())

    first = desk.open(MON)
    assert state(desk, first).cycles_unchanged == 0
    close(first)
    second = desk.open(TUE)
    assert state(desk, second).cycles_unchanged == 1
    assert state(desk, replace(second, config_hash="other")).cycles_unchanged == 0
    assert state(desk, replace(second, code_version="other")).cycles_unchanged == 0
    close(second)
    third = desk.open(WED)
    assert state(desk, third).cycles_unchanged == 2
    assert state(desk, first).cycles_unchanged == 0  # only earlier sessions count


def test_open_breaks_count(desk, run):
    with desk.real_ledger.write() as tx:
        record_breaks(tx, BOOK, MON, [Break("cash", "", 1, 2), Break("position", "AAPL", 1, 2)], run.run_id, KNOWN)
    assert state(desk, run).open_breaks == 2


def flat_panel(prices: list[float], missing_today: tuple[int, ...] = ()) -> Panel:
    """Ten weekdays of prices that do not move."""
    close = np.tile(np.array(prices), (10, 1))
    close[-1, list(missing_today)] = NAN
    return panel_of(close)


def decide(panel: Panel, forecasts: Forecasts, book: BookState) -> Targets:
    return decide_targets(closes_of(panel), forecasts, book, CONSTRUCTION)


def test_what_is_wanted_is_bought_and_what_left_the_universe_is_sold():
    book = state_of(2, position=[0, 50], in_universe=[True, False])
    targets = decide(flat_panel([100.0, 10.0]), forecasts_of([1.0, 1.0]), book)
    assert targets.quantity.tolist() == [200, 0]  # the cap of 20 % of 100,000 at 100
    assert targets.current.tolist() == [0, 50]


def test_what_has_no_bar_in_the_session_keeps_its_quantity_even_outside_the_universe():
    book = state_of(3, position=[7, 50, 0], in_universe=[True, False, True])
    targets = decide(flat_panel([100.0, 10.0, 20.0], (0, 1, 2)), forecasts_of([1.0, 1.0, 1.0]), book)
    assert targets.quantity.tolist() == [7, 50, 0]


def test_sectors_are_held_to_the_caps_of_groups():
    construction = replace(CONSTRUCTION, sizing="equal_weight", volatility_target=None, group_cap={"*": 0.2, "oil": 0.1})
    book = state_of(4, sector=("tech", "oil", "tech", ""))
    targets = decide_targets(closes_of(flat_panel([100.0] * 4)), forecasts_of([1.0] * 4), book, construction)
    # the cap of a symbol is 0.2: of 100,000 at 100 that is 200 shares
    assert targets.quantity.tolist() == [100, 100, 100, 200]


def test_between_rebalances_only_what_left_the_universe_is_sold():
    book = state_of(3, position=[10, 50, 0], in_universe=[True, False, True])
    closes = closes_of(flat_panel([100.0, 10.0, 10.0]))
    targets = decide_targets(closes, forecasts_of([NAN, 1.0, 1.0]), book, CONSTRUCTION, rebalances=False)
    assert targets.quantity.tolist() == [10, 0, 0]


@pytest.mark.parametrize("working", [50, -50])
def test_nothing_is_ordered_against_an_open_order_of_a_symbol_without_a_bar(working):
    close = np.full((5, 2), 10.0)
    close[-1, 1] = NAN
    book = state_of(2, position=[0, 100], working=[0, working])
    targets = decide_targets(closes_of(panel_of(close)), forecasts_of([1.0, 1.0]), book, CONSTRUCTION)
    assert targets.quantity.tolist() == [2_000, 100 + working]


def test_what_is_on_its_way_is_let_come_in_a_session_that_does_not_rebalance_unless_it_left_the_universe():
    book = state_of(4, position=[100, 0, 100, 0], working=[50, 70, -30, 40], in_universe=[True, True, True, False])
    closes = closes_of(flat_panel([10.0] * 4))
    targets = decide_targets(closes, forecasts_of([1.0] * 4), book, CONSTRUCTION, rebalances=False)
    assert targets.quantity.tolist() == [150, 70, 70, 0]


def test_a_forecast_for_what_left_the_universe_is_not_followed_and_stays_in_the_record():
    forecasts = forecasts_of([1.0, 1.0])
    decide(flat_panel([100.0, 10.0]), forecasts, state_of(2, in_universe=[True, False]))
    assert forecasts.combined.tolist() == [1.0, 1.0]


def test_a_proposal_asks_for_what_is_missing_after_holdings_and_open_orders():
    book = state_of(
        3,
        position=[0, 50, 0],
        working=[150, 0, 0],
        in_universe=[True, False, True],
        lot=[1, 1, 10],
        intended=[False, True, False],
        sector=("tech", "", "oil"),
        halted=[False, False, True],
        unknown=[False, True, False],
    )
    close = np.tile(np.array([100.0, 10.25, 20.0]), (10, 1))
    close[:, 2] = NAN
    close[-2:, 1] = NAN
    panel = panel_of(close)
    targets = decide(panel, forecasts_of([1.0, 1.0, 1.0]), book)
    forecasts = forecasts_of([1.0, 1.0, 1.0])
    volume = np.array([20_000, -1, 5], dtype=np.int64)
    asked = propose(BOOK, MON, "run", closes_of(panel), forecasts, targets, book, volume, Completeness(MON, 3, 2))
    assert asked.wanted.tolist() == [50, 0, 0]
    assert asked.price.tolist() == [micros(100), micros("10.25"), 0]
    assert asked.price_age.tolist() == [0, 2, -1]
    assert (asked.position.tolist(), asked.open_buys.tolist(), asked.open_sells.tolist()) == ([0, 50, 0], [150, 0, 0], [0, 0, 0])
    assert (asked.groups, asked.group.tolist()) == (("oil", "tech"), [1, -1, 0])
    assert (asked.untradable.tolist(), asked.unknown.tolist()) == ([False, False, True], [False, True, False])
    assert (asked.volume.tolist(), asked.volatility.tolist(), asked.priced.any()) == ([20_000, -1, 5], [0.2, 0.2, 0.2], False)
    np.testing.assert_array_equal(asked.log_return, panel.log_return[-1])
    np.testing.assert_array_equal(asked.weight, targets.weight)
    assert (asked.previous_equity, asked.high_water_mark) == (micros(99_000), micros(110_000))
    assert (asked.cycles_traded, asked.cycles_unchanged, asked.first_basket) == (4, 3, False)
    assert (asked.lot.tolist(), asked.intended.tolist()) == ([1, 1, 10], [False, True, False])
    assert (asked.equity, asked.buying_power) == (micros(100_000), micros(90_000))
    assert (asked.bars_expected, asked.bars_present, asked.last_session_fresh) == (3, 2, True)
    assert (asked.book, asked.session, asked.run_id, asked.symbols) == (BOOK, MON, "run", book.symbols)
    terms = OrderTerms("limit", Decimal(20), "day")
    limited = propose(BOOK, MON, "run", closes_of(panel), forecasts, targets, book, volume, Completeness(MON, 3, 2), terms=terms)
    assert (limited.priced.tolist(), limited.limit_price.tolist()) == ([True, False, False], [micros("100.2"), 0, 0])


@given(closes(longest=20))
def test_a_proposal_leads_exactly_to_the_targets(close):
    count = close.shape[1]
    book = state_of(count, position=np.arange(count) * 3, working=np.arange(count)[::-1] - 2)
    panel = panel_of(close)
    forecasts = forecasts_of([1.0 - 0.3 * place for place in range(count)])
    targets = decide(panel, forecasts, book)
    asked = propose(BOOK, WED, "run", closes_of(panel), forecasts, targets, book, np.full(count, 10**6), Completeness(WED, count, count))
    assert (asked.position + asked.open_buys - asked.open_sells + asked.wanted == targets.quantity).all()
    untraded = asked.price_age != 0
    assert (asked.wanted[untraded] == 0).all()
    assert ((asked.price > 0) == (asked.price_age >= 0)).all()


def test_what_the_universe_rules_leave_out_is_sold_and_not_bought():
    close = np.full((3, 3), 10.0)
    close[:, 2] = 2.0
    panel = panel_of(close)
    state = state_of(3, position=[100, 0, 100], in_universe=[True, False, True])
    judged = judge(UniverseRules(price=5), panel, state.in_universe, None)
    left = restricted(state, judged)
    assert left.in_universe.tolist() == [True, False, False]
    wanted = decide_targets(closes_of(panel), forecasts_of([1.0, 1.0, 1.0]), left, CONSTRUCTION).quantity
    assert wanted[0] > 0
    assert wanted[1:].tolist() == [0, 0]
    assert state.in_universe.tolist() == [True, False, True]
