from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.corporate_actions import ActionKind, CorporateAction, by_ex_date, carried, closes_after, entitlement, renamed, split
from grodt.errors import DataError
from grodt.money import Micros, micros

EX_DATE = date(2014, 6, 9)


def split_of(new: int, old: int) -> CorporateAction:
    return CorporateAction("AAPL", EX_DATE, "split", ratio_new=new, ratio_old=old)


def test_seven_for_one_makes_seven_times_the_shares_and_no_cash():
    outcome = split(100, split_of(7, 1), micros("645.57"))
    assert (outcome.quantity, outcome.cash_in_lieu) == (700, 0)


def test_a_fraction_of_a_reverse_split_is_paid_at_the_last_close():
    outcome = split(105, split_of(1, 10), micros("2.50"))
    assert outcome.quantity == 10
    assert outcome.cash_in_lieu == micros("12.50"), "five old shares at 2.50"


def test_three_for_two_pays_half_a_new_share():
    outcome = split(5, split_of(3, 2), micros("30.00"))
    assert outcome.quantity == 7
    assert outcome.cash_in_lieu == micros("10.00"), "half a new share, each worth 30 · 2/3"


def test_a_holding_too_small_for_one_new_share_becomes_cash():
    outcome = split(3, split_of(1, 10), micros("2.50"))
    assert (outcome.quantity, outcome.cash_in_lieu) == (0, micros("7.50"))


ACTIONS = st.builds(split_of, st.integers(1, 50), st.integers(1, 50))
PRICES = st.integers(0, 10_000_000_000).map(Micros)


@given(quantity=st.integers(-(10**9), 10**9), action=ACTIONS, price=PRICES)
def test_a_split_keeps_the_value_to_half_a_cent(quantity: int, action: CorporateAction, price: Micros):
    outcome = split(quantity, action, price)
    after = outcome.quantity * Fraction(price) * action.ratio_old / action.ratio_new + outcome.cash_in_lieu
    assert abs(after - quantity * price) <= 5_000 + Fraction(1, 2)
    assert abs(outcome.quantity) * action.ratio_old <= abs(quantity) * action.ratio_new, "towards zero"


@given(quantity=st.integers(0, 10**9), action=ACTIONS, price=PRICES)
def test_a_short_mirrors_a_long(quantity: int, action: CorporateAction, price: Micros):
    long, short = split(quantity, action, price), split(-quantity, action, price)
    assert (short.quantity, short.cash_in_lieu) == (-long.quantity, -long.cash_in_lieu)


def test_a_close_is_carried_over_splits_one_after_the_other_each_rounded_half_even_to_a_micro():
    assert carried(micros("100"), []) == micros("100")
    assert carried(micros("100"), [split_of(3, 2)]) == micros("66.666667")
    assert carried(Micros(5), [split_of(2, 1)]) == 2
    assert carried(Micros(7), [split_of(2, 1)]) == 4
    later = replace(split_of(3, 1), ex_date=EX_DATE + timedelta(days=1))
    assert carried(micros("100"), [split_of(3, 2), later]) == micros("22.222222")


@given(quantity=st.integers(-(10**6), 10**6), action=ACTIONS, price=PRICES)
def test_a_holding_at_the_close_carried_is_worth_what_it_was_but_for_the_rounding_of_a_price(quantity, action, price):
    outcome = split(quantity, action, price)
    after = outcome.quantity * carried(price, [action]) + outcome.cash_in_lieu
    assert abs(after - quantity * price) <= Fraction(abs(outcome.quantity), 2) + 5_000 + Fraction(1, 2)


def test_a_split_that_is_told_again_under_a_corrected_date_is_carried_over_once():
    first = split_of(2, 1)
    again, beyond = (replace(first, ex_date=EX_DATE + timedelta(days=days)) for days in (20, 40))
    assert carried(micros("100"), [first, again]) == micros("50")
    assert carried(micros("100"), [first, again, beyond]) == micros("25"), "as the books, that have the first one"
    assert carried(micros("100"), [first, replace(again, ratio_new=3)]) == micros("16.666667")


def test_a_split_that_is_in_a_close_already_is_not_carried_over_when_it_is_told_again():
    first = split_of(2, 1)
    again, beyond = (replace(first, ex_date=EX_DATE + timedelta(days=days)) for days in (20, 40))
    barred = EX_DATE + timedelta(days=10)
    assert carried(micros("50"), [first, again], EX_DATE) == micros("50")
    assert carried(micros("50"), [first, again], barred) == micros("50")
    assert carried(micros("50"), [first, again, beyond], barred) == micros("25")
    assert carried(micros("50"), [first, replace(again, ratio_new=5)], barred) == micros("10")


def test_a_close_that_no_longer_fits_is_refused():
    with pytest.raises(DataError, match=r"AAPL 2014-06-09: a close of 1e\+06 before the 1:10000000 split is beyond 64 bits"):
        carried(micros(1_000_000), [split_of(1, 10_000_000)])


def test_closes_after_a_date_are_in_its_new_shares_under_its_new_symbols():
    change = CorporateAction("AAPL", EX_DATE, "symbol_change", new_symbol="APPL")
    (of_date,) = by_ex_date([change, split_of(2, 1)])
    assert closes_after({"AAPL": micros(10), "KO": micros(3)}, of_date) == {"APPL": micros(5), "KO": micros(3)}
    assert closes_after({"KO": micros(3)}, of_date) == {"KO": micros(3)}


def test_a_dividend_is_rounded_to_the_cent_half_to_even_and_a_short_pays_it():
    dividend = CorporateAction("KO", EX_DATE, "dividend", cash_per_share=micros("0.305"))
    assert entitlement(100, dividend) == micros("30.50")
    assert entitlement(1, dividend) == micros("0.30")
    assert entitlement(3, dividend) == micros("0.92")
    assert entitlement(-100, dividend) == micros("-30.50")
    assert entitlement(0, dividend) == 0


def test_a_delisting_may_pay_nothing():
    assert entitlement(500, CorporateAction("LEH", EX_DATE, "delisting")) == 0
    assert entitlement(500, CorporateAction("XYZ", EX_DATE, "delisting", cash_per_share=micros("13.75"))) == micros("6875")


@pytest.mark.parametrize(
    ("kind", "new", "old", "cash", "says"),
    [
        ("split", 0, 1, 0, "AAPL 2014-06-09: split ratio 0:1 is not positive"),
        ("split", 2, 0, 0, "split ratio 2:0"),
        ("split", -2, 1, 0, "split ratio -2:1"),
        ("dividend", 0, 0, 0, "dividend of 0 micros"),
        ("dividend", 0, 0, -5, "dividend of -5 micros"),
        ("delisting", 0, 0, -1, "final value of -1 micros is below zero"),
    ],
)
def test_an_action_that_makes_no_sense_is_refused(kind: ActionKind, new: int, old: int, cash: int, says: str):
    with pytest.raises(ValueError, match=says):
        CorporateAction("AAPL", EX_DATE, kind, ratio_new=new, ratio_old=old, cash_per_share=Micros(cash))


def test_only_a_split_splits_and_only_at_a_price():
    with pytest.raises(ValueError, match="a dividend is not a split"):
        split(100, CorporateAction("AAPL", EX_DATE, "dividend", cash_per_share=micros("0.47")), micros("645.57"))
    with pytest.raises(ValueError, match="last close of -1 micros is below zero"):
        split(100, split_of(7, 1), Micros(-1))


def change_of(symbol: str, new: str, ex_date: date = EX_DATE) -> CorporateAction:
    return CorporateAction(symbol, ex_date, "symbol_change", new_symbol=new)


def test_actions_come_by_ex_date_and_then_in_the_order_they_apply():
    earlier = date(2014, 6, 7)
    delisting = CorporateAction("GONE", EX_DATE, "delisting")
    given_actions = [change_of("FBX", "MTX"), delisting, split_of(7, 1), change_of("OLD", "NEW", earlier)]
    first, second = by_ex_date(given_actions)
    assert list(first) == list(second) == ["dividend", "split", "delisting", "symbol_change"]
    assert first["symbol_change"] == {"OLD": change_of("OLD", "NEW", earlier)}
    assert (second["split"], second["delisting"]) == ({"AAPL": split_of(7, 1)}, {"GONE": delisting})
    assert second["dividend"] == {}


def test_two_actions_of_one_kind_symbol_and_date_are_bad_data():
    with pytest.raises(DataError, match="AAPL 2014-06-09: two corporate actions of one kind, split"):
        list(by_ex_date([split_of(7, 1), split_of(2, 1)]))


def test_symbols_change_all_at_once():
    exchanged = renamed({"A": 1, "B": 2, "C": 3}, [change_of("A", "B"), change_of("B", "A"), change_of("X", "C"), split_of(7, 1)])
    assert exchanged == {"A": 2, "B": 1, "C": 3}
    assert renamed({"A": 1, "B": 2}, [change_of("A", "B")]) == {"B": 1}


@pytest.mark.parametrize(("kind", "new"), [("symbol_change", ""), ("symbol_change", "FBX"), ("delisting", "MTX")])
def test_only_a_change_names_a_symbol_and_another_one(kind: ActionKind, new: str):
    with pytest.raises(ValueError, match=f"FBX 2014-06-09: a {kind} to symbol '{new}'; only a change names one, another one"):
        CorporateAction("FBX", EX_DATE, kind, new_symbol=new)
