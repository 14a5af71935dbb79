"""Splits, dividends, delistings and changes of symbol on what the book held at the close before."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from grodt.bars.corporate_actions import CorporateAction, entitlement, split
from grodt.bars.market import SessionMarket
from grodt.errors import DataError
from grodt.ledger.actions import applied, apply_actions
from grodt.ledger.fills import record_fill
from grodt.ledger.halts import active, halt
from grodt.ledger.postings import (
    Holding,
    balances,
    cash,
    commission_total,
    deposit_entry,
    deposited,
    dividend_total,
    entries_in,
    holding,
    holdings,
    post,
    realised,
    receivable,
    unpaid_dividends,
)
from grodt.ledger.unit import Ledger, Write
from grodt.money import Micros, micros
from grodt.orders.order import Side
from tests.examples import examples
from tests.ledger.world import BOOK, NEXT, NOW, SESSION, count, fill, order, sent, unbalanced, undone

EX = date(2026, 11, 23)
PAY = date(2026, 12, 5)  # a Saturday
AFTER = date(2026, 12, 7)


def market(session: date, *actions: CorporateAction, closes: Mapping[str, Micros] | None = None) -> SessionMarket:
    return SessionMarket(session, 1, NOW, NOW, {}, closes or {}, actions)


def hold(tx: Write, quantity: int, price: str = "645.57", symbol: str = "AAPL") -> None:
    one = order(symbol, Side.BUY if quantity > 0 else Side.SELL, abs(quantity))
    run = sent(tx, [one])
    record_fill(tx, fill(one, price=price, commission="0"), BOOK, run.run_id, NOW)


def hold_all(tx: Write, **positions: tuple[int, str]) -> None:
    """Quantity and price by symbol, out of one basket."""
    orders = [order(symbol, Side.BUY if quantity > 0 else Side.SELL, abs(quantity)) for symbol, (quantity, _) in positions.items()]
    run = sent(tx, orders)
    for number, (one, (_, price)) in enumerate(zip(orders, positions.values(), strict=True), 1):
        record_fill(tx, fill(one, number, price=price, commission="0"), BOOK, run.run_id, NOW)


def seven_for_one(symbol: str = "AAPL") -> CorporateAction:
    return CorporateAction(symbol, EX, "split", ratio_new=7, ratio_old=1)


def dividend(amount: str = "0.25", pay: date | None = PAY) -> CorporateAction:
    return CorporateAction("AAPL", EX, "dividend", pay, cash_per_share=micros(amount))


def test_seven_for_one_is_seven_times_the_shares_at_a_seventh_of_the_cost(tx: Write) -> None:
    hold(tx, 100)
    before = cash(tx, BOOK)
    assert apply_actions(tx, BOOK, market(EX, seven_for_one()), "run", NOW) == 1
    assert holdings(tx, BOOK) == {"AAPL": Holding(700, micros("64557"))}
    assert (cash(tx, BOOK), realised(tx, BOOK)) == (before, 0)
    assert unbalanced(tx) == []


def test_a_reverse_split_pays_the_fraction_and_relieves_its_cost(tx: Write) -> None:
    hold(tx, 105, "2")
    before = cash(tx, BOOK)
    action = CorporateAction("AAPL", EX, "split", ratio_new=1, ratio_old=10)
    apply_actions(tx, BOOK, market(EX, action, closes={"AAPL": micros("3")}), "run", NOW)
    assert holdings(tx, BOOK) == {"AAPL": Holding(10, micros(200))}
    assert cash(tx, BOOK) - before == micros(15)
    assert realised(tx, BOOK) == micros(5)
    assert unbalanced(tx) == []


def test_a_short_pays_for_its_fraction(tx: Write) -> None:
    hold(tx, -105, "2")
    before = cash(tx, BOOK)
    action = CorporateAction("AAPL", EX, "split", ratio_new=1, ratio_old=10)
    apply_actions(tx, BOOK, market(EX, action, closes={"AAPL": micros("3")}), "run", NOW)
    assert holdings(tx, BOOK) == {"AAPL": Holding(-10, micros(-200))}
    assert cash(tx, BOOK) - before == micros(-15)
    assert realised(tx, BOOK) == micros(-5)


def test_a_reverse_split_of_less_than_one_new_share_closes_the_position(tx: Write) -> None:
    hold(tx, 3, "2")
    action = CorporateAction("AAPL", EX, "split", ratio_new=1, ratio_old=10)
    apply_actions(tx, BOOK, market(EX, action, closes={"AAPL": micros("3")}), "run", NOW)
    assert holding(tx, BOOK, "AAPL") == Holding(0, Micros(0))
    assert realised(tx, BOOK) == micros(3)


@pytest.mark.parametrize("closes", [{}, {"AAPL": Micros(0)}])
def test_a_fraction_without_a_close_to_pay_it_at_is_bad_data(tx: Write, closes: dict[str, Micros]) -> None:
    hold(tx, 105)
    action = CorporateAction("AAPL", EX, "split", ratio_new=1, ratio_old=10)
    with pytest.raises(DataError, match="AAPL 2026-11-23: the 1:10 split leaves book demo a fraction of a share and no close before"):
        apply_actions(tx, BOOK, market(EX, action, closes=closes), "run", NOW)


def test_a_one_for_one_split_books_nothing(tx: Write) -> None:
    hold(tx, 100)
    action = CorporateAction("AAPL", EX, "split", ratio_new=1, ratio_old=1)
    assert apply_actions(tx, BOOK, market(EX, action), "run", NOW) == 0


def test_a_dividend_is_owed_from_its_ex_date_and_paid_at_the_first_session_from_its_pay_date(tx: Write) -> None:
    hold(tx, 100)
    before = cash(tx, BOOK)
    apply_actions(tx, BOOK, market(EX, dividend()), "run", NOW)
    assert (cash(tx, BOOK), receivable(tx, BOOK), dividend_total(tx, BOOK)) == (before, micros(25), micros(25))
    assert unpaid_dividends(tx, BOOK) == (("AAPL", EX, PAY, micros(25)),)
    assert apply_actions(tx, BOOK, market(date(2026, 12, 4)), "run", NOW) == 0
    assert apply_actions(tx, BOOK, market(AFTER), "run", NOW) == 1
    assert (cash(tx, BOOK), receivable(tx, BOOK), dividend_total(tx, BOOK)) == (before + micros(25), 0, micros(25))
    assert unpaid_dividends(tx, BOOK) == ()
    assert unbalanced(tx) == []


@pytest.mark.parametrize("pay", [None, EX, EX - timedelta(days=1)])
def test_a_dividend_without_a_later_pay_date_is_paid_at_once(tx: Write, pay: date | None) -> None:
    hold(tx, 100)
    before = cash(tx, BOOK)
    assert apply_actions(tx, BOOK, market(EX, dividend(pay=pay)), "run", NOW) == 1
    assert (cash(tx, BOOK), receivable(tx, BOOK), unpaid_dividends(tx, BOOK)) == (before + micros(25), 0, ())


def test_a_dividend_on_the_day_of_a_split_is_per_share_held_before_it(tx: Write) -> None:
    hold(tx, 100)
    apply_actions(tx, BOOK, market(EX, dividend(), seven_for_one()), "run", NOW)
    assert receivable(tx, BOOK) == micros(25)
    assert holding(tx, BOOK, "AAPL").quantity == 700


def test_a_short_owes_the_dividend(tx: Write) -> None:
    hold(tx, -100)
    apply_actions(tx, BOOK, market(EX, dividend()), "run", NOW)
    assert receivable(tx, BOOK) == micros(-25)
    apply_actions(tx, BOOK, market(AFTER), "run", NOW)
    assert (receivable(tx, BOOK), dividend_total(tx, BOOK)) == (0, micros(-25))


def test_a_dividend_below_half_a_cent_books_nothing(tx: Write) -> None:
    hold(tx, 1)
    assert apply_actions(tx, BOOK, market(EX, dividend("0.004")), "run", NOW) == 0


@pytest.mark.parametrize(("value", "gain"), [("700", "5443"), ("0", "-64557")])
def test_a_delisting_turns_the_position_into_its_final_value(tx: Write, value: str, gain: str) -> None:
    hold(tx, 100)
    before = cash(tx, BOOK)
    action = CorporateAction("AAPL", EX, "delisting", cash_per_share=micros(value))
    apply_actions(tx, BOOK, market(EX, action), "run", NOW)
    assert holdings(tx, BOOK) == {}
    assert holding(tx, BOOK, "AAPL").cost == 0
    assert cash(tx, BOOK) - before == 100 * micros(value)
    assert realised(tx, BOOK) == micros(gain)


def test_a_delisting_on_the_day_of_a_split_pays_per_share_held_before_it(tx: Write) -> None:
    hold(tx, 100)
    before = cash(tx, BOOK)
    action = CorporateAction("AAPL", EX, "delisting", cash_per_share=micros(700))
    apply_actions(tx, BOOK, market(EX, action, seven_for_one()), "run", NOW)
    assert holdings(tx, BOOK) == {}
    assert cash(tx, BOOK) - before == micros(70_000)
    assert unbalanced(tx) == []


def test_actions_of_symbols_that_are_not_held_book_nothing(tx: Write) -> None:
    hold(tx, 100)
    assert apply_actions(tx, BOOK, market(EX, seven_for_one("MSFT")), "run", NOW) == 0


def test_a_session_is_applied_once_even_when_its_fills_have_come_since(tx: Write) -> None:
    hold(tx, 100)
    first = apply_actions(tx, BOOK, market(EX, dividend(), seven_for_one()), "run", NOW)
    one = order(session=NEXT)
    run = sent(tx, [one], NEXT)
    record_fill(tx, fill(one, 2, session=EX), BOOK, run.run_id, NOW)
    before = balances(tx, BOOK)
    assert apply_actions(tx, BOOK, market(EX, dividend(), seven_for_one()), "run", NOW) == first == 2
    assert balances(tx, BOOK) == before
    assert holding(tx, BOOK, "AAPL").quantity == 800
    assert applied(tx, BOOK) == EX


def test_sessions_are_applied_forward_and_before_their_fills(tx: Write) -> None:
    hold(tx, 100)
    with pytest.raises(ValueError, match="come before its fills, and one of 2026-11-20 is booked already"):
        apply_actions(tx, BOOK, market(NEXT), "run", NOW)
    apply_actions(tx, BOOK, market(EX), "run", NOW)
    with pytest.raises(ValueError, match="cannot be applied after those of 2026-11-23"):
        apply_actions(tx, BOOK, market(EX - timedelta(days=1)), "run", NOW)


def change(symbol: str = "FBX", new: str = "MTX", session: date = EX) -> CorporateAction:
    return CorporateAction(symbol, session, "symbol_change", new_symbol=new)


def test_a_change_of_symbol_moves_shares_and_cost_and_nothing_else(tx: Write) -> None:
    hold(tx, 100, "10", "FBX")
    before = (cash(tx, BOOK), realised(tx, BOOK), commission_total(tx, BOOK))
    assert apply_actions(tx, BOOK, market(EX, change()), "run", NOW) == 1
    assert holdings(tx, BOOK) == {"MTX": Holding(100, micros(1000))}
    assert holding(tx, BOOK, "FBX") == Holding(0, Micros(0))
    assert (cash(tx, BOOK), realised(tx, BOOK), commission_total(tx, BOOK)) == before
    (entry,) = entries_in(tx, BOOK, EX)
    assert (entry.entry_id, entry.kind, entry.memo) == ("symbol-change:demo:FBX:2026-11-23", "symbol_change", "FBX is MTX")
    assert apply_actions(tx, BOOK, market(EX, change()), "run", NOW) == 1
    assert unbalanced(tx) == []


def test_what_is_held_under_the_new_symbol_already_becomes_one_position(tx: Write) -> None:
    hold_all(tx, FBX=(100, "10"), MTX=(50, "40"))
    apply_actions(tx, BOOK, market(EX, change()), "run", NOW)
    assert holdings(tx, BOOK) == {"MTX": Holding(150, micros(3000))}
    assert realised(tx, BOOK) == 0


@pytest.mark.parametrize(
    ("short", "left", "gain"),
    [(-30, Holding(70, micros(700)), "300"), (-100, None, "1000"), (-150, Holding(-50, micros(-1000)), "1000")],
)
def test_a_long_and_a_short_that_become_one_close_each_other(tx: Write, short: int, left: Holding | None, gain: str) -> None:
    hold_all(tx, FBX=(100, "10"), MTX=(short, "20"))
    apply_actions(tx, BOOK, market(EX, change()), "run", NOW)
    assert holdings(tx, BOOK) == ({} if left is None else {"MTX": left})
    assert holding(tx, BOOK, "MTX").cost == (left.cost if left else 0)
    assert realised(tx, BOOK) == micros(gain)
    assert unbalanced(tx) == []


def test_two_companies_may_exchange_their_symbols_and_a_third_take_one_up(tx: Write) -> None:
    hold_all(tx, A=(1, "10"), B=(2, "10"), C=(4, "10"))
    apply_actions(tx, BOOK, market(EX, change("A", "B"), change("B", "A"), change("C", "D")), "run", NOW)
    assert {symbol: held.quantity for symbol, held in holdings(tx, BOOK).items()} == {"A": 2, "B": 1, "D": 4}
    apply_actions(tx, BOOK, market(AFTER, change("D", "A", AFTER), change("A", "E", AFTER)), "run", NOW)
    assert {symbol: held.quantity for symbol, held in holdings(tx, BOOK).items()} == {"A": 4, "B": 1, "E": 2}


def test_on_one_date_a_dividend_comes_before_a_split_and_both_before_the_change(tx: Write) -> None:
    hold(tx, 100, "10", "FBX")
    actions = (
        CorporateAction("FBX", EX, "dividend", PAY, cash_per_share=micros("0.5")),
        CorporateAction("FBX", EX, "split", ratio_new=3, ratio_old=2),
        change(),
    )
    assert apply_actions(tx, BOOK, market(EX, *actions), "run", NOW) == 3
    assert holdings(tx, BOOK) == {"MTX": Holding(150, micros(1000))}
    assert unpaid_dividends(tx, BOOK) == (("FBX", EX, PAY, micros(50)),)
    apply_actions(tx, BOOK, market(AFTER), "run", NOW)
    assert receivable(tx, BOOK) == 0
    assert balances(tx, BOOK, ("receivable",)) == {}


def test_what_is_delisted_on_the_date_of_a_change_is_gone(tx: Write) -> None:
    hold_all(tx, FBX=(100, "10"), MTX=(7, "10"))
    gone = CorporateAction("FBX", EX, "delisting", cash_per_share=micros(12))
    assert apply_actions(tx, BOOK, market(EX, change(), gone), "run", NOW) == 1
    assert holdings(tx, BOOK) == {"MTX": Holding(7, micros(70))}
    assert realised(tx, BOOK) == micros(200)


def test_actions_of_days_without_a_session_apply_one_date_after_the_other(tx: Write) -> None:
    """A change on Saturday, a split under the new symbol on Sunday whose fraction is paid at the close under the old one."""
    hold(tx, 101, "10", "FBX")
    saturday, sunday = EX - timedelta(days=2), EX - timedelta(days=1)
    halved = CorporateAction("MTX", sunday, "split", ratio_new=1, ratio_old=2)
    before = cash(tx, BOOK)
    apply_actions(tx, BOOK, market(EX, halved, change(session=saturday), closes={"FBX": micros(12)}), "run", NOW)
    assert holding(tx, BOOK, "MTX").quantity == 50
    assert cash(tx, BOOK) - before == micros(12)


def test_a_halt_of_a_symbol_holds_under_the_new_one_too(tx: Write) -> None:
    halt(tx, scope="symbol", book=BOOK, symbol="FBX", reason="a rumour", author="ann", now=NOW)
    halt(tx, scope="symbol", book="other", symbol="FBX", reason="theirs", author="ann", now=NOW)
    halt(tx, scope="symbol", book=BOOK, symbol="IBM", reason="another", author="ann", now=NOW)
    for _ in range(2):
        apply_actions(tx, BOOK, market(EX, change()), "run", NOW)
    held = {(each.symbol, each.reason, each.author) for each in active(tx, BOOK, NOW)}
    assert held == {
        ("FBX", "a rumour", "ann"),
        ("MTX", "a rumour (of FBX before it changed its symbol)", "ann"),
        ("IBM", "another", "ann"),
    }


SYMBOLS = ("A", "B")
trades = st.tuples(
    st.just("trade"),
    st.sampled_from(SYMBOLS),
    st.integers(-500, 500).filter(bool),
    st.integers(10_000, 10**9),
    st.integers(0, 10**6),
)
splits = st.tuples(st.just("split"), st.sampled_from(SYMBOLS), st.integers(1, 10), st.integers(1, 10), st.integers(10_000, 10**9))
pays = st.tuples(st.just("dividend"), st.sampled_from(SYMBOLS), st.integers(1, 10**7), st.one_of(st.none(), st.integers(-2, 3)), st.none())
ends = st.tuples(st.just("delisting"), st.sampled_from(SYMBOLS), st.integers(0, 10**9), st.none(), st.none())
changes = st.tuples(st.just("symbol_change"), st.sampled_from(SYMBOLS), st.none(), st.none(), st.none())
events = st.lists(st.one_of(trades, splits, pays, ends, changes), max_size=14)


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=events)
def test_whatever_happens_positions_and_cash_are_the_sums_of_it(ledger: Ledger, happened: Sequence[tuple[str, str, int, int, int]]) -> None:
    first = date(2026, 11, 24)
    fills = {n: event for n, event in enumerate(happened) if event[0] == "trade"}
    orders = {n: order(event[1], Side.BUY if event[2] > 0 else Side.SELL, abs(event[2]), leg=n) for n, event in fills.items()}
    shares = dict.fromkeys(SYMBOLS, 0)
    money = micros(10**6)
    due: list[tuple[date, int]] = []
    with undone(ledger) as tx:
        post(tx, deposit_entry(BOOK, money, "USD", SESSION), "run", NOW)
        run = sent(tx, list(orders.values()))
        for n, (kind, symbol, x, y, z) in enumerate(happened):
            session = first + timedelta(days=n)
            action: CorporateAction | None = None
            if kind == "split":
                action = CorporateAction(symbol, session, "split", ratio_new=x, ratio_old=y)
            elif kind == "dividend":
                pay = None if y is None else session + timedelta(days=y)
                action = CorporateAction(symbol, session, "dividend", pay, cash_per_share=Micros(x))
            elif kind == "delisting":
                action = CorporateAction(symbol, session, "delisting", cash_per_share=Micros(x))
            elif kind == "symbol_change":
                (other,) = set(SYMBOLS) - {symbol}
                action = CorporateAction(symbol, session, "symbol_change", new_symbol=other)
            closes = {symbol: Micros(z or 1)}
            value = sum(balances(tx, BOOK, ("cost", "realised")).values())
            for _ in range(2):
                apply_actions(tx, BOOK, market(session, *([action] if action else []), closes=closes), run.run_id, NOW)
            if action is not None and kind == "split":
                outcome = split(shares[symbol], action, closes[symbol])
                shares[symbol], money = outcome.quantity, Micros(money + outcome.cash_in_lieu)
            elif action is not None and kind == "symbol_change":
                shares[action.new_symbol] += shares[symbol]
                shares[symbol] = 0
                assert sum(balances(tx, BOOK, ("cost", "realised")).values()) == value
            elif action is not None:
                due.append((action.pay_date or session, entitlement(shares[symbol], action)))
                if kind == "delisting":
                    shares[symbol] = 0
            else:
                made = fill(orders[n], n + 1, price=y, commission=str(z // 10**6), session=session)
                for _ in range(2):
                    record_fill(tx, made, BOOK, run.run_id, NOW)
                shares[symbol] += x
                money = Micros(money - x * y - made.commission)
            money = Micros(money + sum(amount for day, amount in due if day <= session))
            due = [(day, amount) for day, amount in due if day > session]
        held = holdings(tx, BOOK)
        assert {symbol: each.quantity for symbol, each in held.items()} == {s: q for s, q in shares.items() if q}
        assert cash(tx, BOOK) == money
        assert receivable(tx, BOOK) == sum(amount for _, amount in due) == sum(each[3] for each in unpaid_dividends(tx, BOOK))
        costs = balances(tx, BOOK, ("cost",))
        assert {symbol for _, _, symbol in costs} <= set(held)
        worth = cash(tx, BOOK) + receivable(tx, BOOK) + sum(costs.values())
        assert worth == deposited(tx, BOOK, None, date.max) + realised(tx, BOOK) + dividend_total(tx, BOOK) - commission_total(tx, BOOK)
        assert unbalanced(tx) == []
        assert count(tx, "fills") == len(fills)
