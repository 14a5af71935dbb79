"""What strategies hold, against the book's own entries and by hand."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.corporate_actions import CorporateAction
from grodt.ledger.entries import FLAT, Entry, Holding, delisting_entry, fill_entry, split_entry, symbol_change_entry
from grodt.ledger.strategy_book import StrategyBook, StrategyPosition
from grodt.money import Micros, micros
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.orders.shares import apportion
from tests.examples import examples

_DAY = date(2026, 3, 2)
_NOW = datetime(2026, 3, 2, 21, tzinfo=UTC)


def _fill(symbol: str, signed: int, price: int, remainder: int) -> Fill:
    side = Side.BUY if signed > 0 else Side.SELL
    return Fill("x", "o", symbol, side, abs(signed), Micros(price), Micros(0), _DAY, _NOW, remainder=remainder)


def _figures(position: StrategyPosition) -> tuple[int, int, int, int, int]:
    return position.quantity, position.cost, position.realised, position.cost_fifo, position.realised_fifo


def test_what_is_sold_leaves_at_average_cost_and_the_oldest_first() -> None:
    """100 at 10 and 100 at 12; 150 sold at 13. At average cost of 11: 150 · 2 = 300. First in first out: 100 · 3 + 50 · 1 = 350."""
    book = StrategyBook("demo")
    for signed, price in ((100, 10), (100, 12), (-150, 13)):
        book.fill("IBM", {"demo": signed}, price, 0)
    assert _figures(book.position("demo", "IBM")) == (50, 550, 300, 600, 350)
    book.fill("IBM", {"demo": -80}, 14, 3)  # 30 are sold short; 50 · 3 at average cost, 50 · 2 by lots
    assert _figures(book.position("demo", "IBM")) == (-30, -420, 450, -420, 450)
    assert (book.position("demo", "IBM").average_cost, book.position("demo", "IBM").commission) == (14, 3)


def test_each_strategy_has_its_part_of_a_fill_a_split_and_a_delisting() -> None:
    book = StrategyBook("demo")
    book.fill("IBM", {"trend": 30, "value": 10}, 100, 4)
    book.split("IBM", 20, 0, 0)  # 3 for 2
    assert [(who, each.quantity, each.cost, each.commission) for who, _, each in book] == [("trend", 45, 3000, 3), ("value", 15, 1000, 1)]
    book.delist("IBM", 6000)
    assert [(who, *_figures(each)) for who, _, each in book] == [("trend", 0, 0, 1500, 0, 1500), ("value", 0, 0, 500, 0, 500)]


def test_what_a_strategy_sells_and_does_not_hold_is_sold_by_those_that_hold_it() -> None:
    """trend has 40 at 10 and sells 100 at 12: the 60 it lacks are sold by the others, in proportion, and so is commission paid."""
    book = StrategyBook("demo")
    book.fill("IBM", {"trend": 40, "value": 60, "carry": 30}, 10, 0)
    book.fill("IBM", {"trend": -100}, 12, 100)
    assert [(who, each.quantity, each.realised, each.commission) for who, _, each in book] == [
        ("carry", 10, 40, 20),
        ("trend", 0, 80, 40),
        ("value", 20, 80, 40),
    ]
    book.fill("IBM", {"value": -50}, 12, 0)  # more than the book has: it is short, and nobody is long beside that
    assert [(who, each.quantity) for who, _, each in book] == [("carry", 0), ("trend", 0), ("value", -20)]
    book.fill("IBM", {"trend": 25}, 11, 0)
    assert [(who, each.quantity, each.realised) for who, _, each in book] == [("carry", 0, 60), ("trend", 5, 80), ("value", 0, 140)]


def test_a_reverse_split_leaves_a_lot_that_comes_to_nothing_in_the_next() -> None:
    book = StrategyBook("demo")
    for price in (10, 20, 30):
        book.fill("IBM", {"demo": 1}, price, 0)
    book.split("IBM", -2, 0, 0)
    assert _figures(book.position("demo", "IBM")) == (1, 60, 0, 60, 0)


def test_the_final_value_of_shares_that_a_split_took_the_same_day_is_the_default_s_profit() -> None:
    """5 shares at 4 become nothing by a split of 1 for 10, and a delisting pays 15 all the same: the cost is lost, the cash is not."""
    book = StrategyBook("demo")
    book.fill("IBM", {"a": 5}, 4, 0)
    book.split("IBM", -5, 0, 20)
    book.delist("IBM", 15)
    assert [(strategy, _figures(position)) for strategy, _, position in book] == [("a", (0, 0, -20, 0, -20)), ("demo", (0, 0, 15, 0, 15))]


def test_shares_that_come_by_a_correction_are_of_those_who_hold_some() -> None:
    book = StrategyBook("demo")
    book.fill("IBM", {"trend": 30, "value": 10}, 100, 0)
    book.correct("IBM", -4, None)
    book.correct("IBM", 8, 50)
    assert [(who, each.quantity, each.cost) for who, _, each in book] == [("trend", 33, 3300), ("value", 11, 1100)]
    book.correct("MSFT", 5, 7)
    assert book.position("demo", "MSFT").quantity == 5


@dataclass
class _Beside:
    """The same events to strategies and to the book's own entries."""

    strategies: StrategyBook
    held: dict[str, Holding] = field(default_factory=dict)
    realised: dict[str, int] = field(default_factory=dict)

    def post(self, entry: Entry | None) -> Entry | None:
        for line in () if entry is None else entry.postings:
            own = self.held.get(line.symbol, FLAT)
            if line.account == "position":
                self.held[line.symbol] = Holding(own.quantity + line.amount, own.cost)
            elif line.account == "cost":
                self.held[line.symbol] = Holding(own.quantity, Micros(own.cost + line.amount))
            elif line.account == "realised":
                self.realised[line.symbol] = self.realised.get(line.symbol, 0) - line.amount
        return entry


def _amount(entry: Entry, account: str) -> int:
    return sum(line.amount for line in entry.postings if line.account == account)


_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("fill"), st.integers(-300, 300).filter(bool), st.integers(1, 5_000_000)),
        st.tuples(st.just("split"), st.integers(1, 7), st.integers(1, 7)),
        st.tuples(st.just("rename"), st.just(0), st.just(0)),
        st.tuples(st.just("delisting"), st.integers(0, 90), st.just(0)),
    ),
    max_size=12,
)


@examples(300)
@given(events=_EVENTS, weights=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_strategies_add_up_to_the_book_and_one_alone_is_the_book(events: list[tuple[str, int, int]], weights: list[int]) -> None:
    """Long only where there are several, as the books file wants it; a book of one strategy may be short."""
    names = [f"s{number}" for number in range(len(weights))]
    both = _Beside(StrategyBook("demo"))
    symbol, other = "IBM", "XYZ"
    for kind, first, second in events:
        held = both.held.get(symbol, FLAT)
        if kind == "fill":
            own = [both.strategies.position(name, symbol).quantity for name in names]
            signed = first if len(names) == 1 else max(first, -held.quantity)
            parts = apportion(abs(signed), weights if signed > 0 or len(names) == 1 else own) if signed else ()
            if signed:
                remainder = second % (abs(signed) + 1) - abs(signed) // 2
                both.post(fill_entry(_fill(symbol, signed, second, remainder), "demo", held))
                sign = 1 if signed > 0 else -1
                own_parts = {n: sign * p for n, p in zip(names, parts, strict=True) if p}
                both.strategies.fill(symbol, own_parts, second, 0, sign * remainder)
        elif kind == "split" and first != second and held.quantity:
            action = CorporateAction(symbol, _DAY, "split", ratio_new=first, ratio_old=second)
            entry = both.post(split_entry(action, "demo", held, micros(90)))
            if entry is not None:
                both.strategies.split(symbol, _amount(entry, "position"), _amount(entry, "cash"), -_amount(entry, "cost"))
        elif kind == "rename":
            change = CorporateAction(symbol, _DAY, "symbol_change", new_symbol=other)
            if both.post(symbol_change_entry(change, "demo", held, both.held.get(other, FLAT))) is not None:
                both.strategies.rename([(symbol, other)])
            symbol, other = other, symbol
        elif kind == "delisting" and held.quantity:
            gone = CorporateAction(symbol, _DAY, "delisting", cash_per_share=micros(first))
            entry = both.post(delisting_entry(gone, "demo", held, held.quantity))
            assert entry is not None
            both.strategies.delist(symbol, _amount(entry, "cash"))
    paid = [0, 0, 0]  # over both symbols: what was earned stays under the old one when its cost goes to the new one
    for each in (symbol, other):
        own = both.held.get(each, FLAT)
        positions = [position for _, of, position in both.strategies if of == each]
        assert sum(position.quantity for position in positions) == own.quantity
        paid[0] += own.cost - both.realised.get(each, 0)
        paid[1] += sum(position.cost - position.realised for position in positions)
        paid[2] += sum(position.cost_fifo - position.realised_fifo for position in positions)
        assert all(sum(lot.quantity for lot in position.lots) == position.quantity for position in positions)
        if len(names) == 1 and positions:
            assert (positions[0].cost, positions[0].realised) == (own.cost, both.realised.get(each, 0))
    assert paid[0] == paid[1] == paid[2]
