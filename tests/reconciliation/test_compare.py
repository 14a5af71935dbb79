"""Comparing two books finds every difference and nothing else."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grodt.ledger.breaks import Break
from grodt.money import Micros
from grodt.reconciliation import Books, compare

_positions = st.dictionaries(st.sampled_from("ABCDE"), st.integers(-3, 3))
_books = st.builds(Books, _positions, st.integers(-30_000, 30_000).map(Micros), _positions)


def _book(cash: int = 0, **positions: int) -> Books:
    return Books(positions, Micros(cash), {})


def test_what_one_side_lacks_is_zero_there() -> None:
    assert compare(_book(AAPL=7, IBM=0), _book(MSFT=-2)) == (Break("position", "AAPL", 7, 0), Break("position", "MSFT", 0, -2))


def test_cash_may_differ_by_a_cent_and_no_more() -> None:
    assert compare(_book(cash=10_000), _book()) == ()
    assert compare(_book(cash=-10_001), _book()) == (Break("cash", "", -10_001, 0),)


def test_a_fraction_of_a_share_is_a_break_beside_the_whole_ones() -> None:
    theirs = Books({"AAPL": 7}, Micros(0), {}, fractions={"AAPL": 250_000_000, "IBM": 1})
    found = compare(_book(AAPL=6), theirs)
    assert found == (Break("position", "AAPL", 6, 7), Break("fraction", "AAPL", 0, 250_000_000), Break("fraction", "IBM", 0, 1))
    assert [each.shown(each.theirs) for each in found] == [7, Decimal("0.25"), Decimal("0.000000001")]


def test_open_orders_are_compared_one_by_one() -> None:
    ours, theirs = Books({}, Micros(0), {"a": 10, "b": 5}), Books({}, Micros(0), {"a": 10, "c": 5})
    assert compare(ours, theirs) == (Break("order", "b", 5, 0), Break("order", "c", 0, 5))


def test_an_order_in_flight_may_be_there_or_not_but_not_larger_or_turned_round() -> None:
    ours = Books({}, Micros(0), {}, in_flight={"a": 10})
    for theirs, is_break in ((0, False), (10, False), (4, False), (11, True), (-10, True)):
        found = compare(ours, Books({}, Micros(0), {"a": theirs}))
        assert found == ((Break("order", "a", 0, theirs),) if is_break else ())


@given(_books)
def test_a_book_agrees_with_itself(book: Books) -> None:
    assert compare(book, book) == ()


@given(_books, _books)
def test_the_other_way_round_the_same_breaks_are_seen_with_the_sides_changed(ours: Books, theirs: Books) -> None:
    assert compare(ours, theirs) == tuple(Break(each.kind, each.symbol, each.theirs, each.ours) for each in compare(theirs, ours))


@given(_books, _books)
def test_no_break_means_equal_books(ours: Books, theirs: Books) -> None:
    if not compare(ours, theirs):
        for mine, other in ((ours.positions, theirs.positions), (ours.open_orders, theirs.open_orders)):
            assert {k: v for k, v in mine.items() if v} == {k: v for k, v in other.items() if v}
        assert abs(ours.cash - theirs.cash) <= 10_000
