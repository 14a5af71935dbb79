"""What a book is worth, and what of it is profit."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.ledger.entries import Holding
from grodt.ledger.marks import Mark
from grodt.ledger.valuation import Close, value_book
from grodt.money import Micros, micros

DAY = date(2026, 11, 20)


def close(price: str, session: date = DAY) -> Close:
    return Close(session, micros(price))


def value(
    held: dict[str, int] | None = None,
    prices: dict[str, str] | None = None,
    cash: str = "1000",
    receivable: str = "0",
    previous: Mark | None = None,
    flows: str = "0",
    session: date = DAY,
) -> Mark:
    return value_book(
        "demo",
        session,
        holdings={symbol: Holding(quantity, Micros(1)) for symbol, quantity in (held or {}).items()},
        cash=micros(cash),
        receivable=micros(receivable),
        closes={symbol: close(price) for symbol, price in (prices or {}).items()},
        previous=previous,
        flows=micros(flows),
    )


def test_a_book_of_cash_alone_is_worth_its_cash():
    mark = value(flows="1000")
    assert (mark.equity, mark.positions_value, mark.gross, mark.net) == (micros(1000), 0, 0.0, 0.0)
    assert (mark.high_water_mark, mark.drawdown, mark.profit) == (micros(1000), 0.0, 0)


def test_longs_and_shorts_net_and_add_up_over_equity():
    mark = value({"A": 10, "B": -5}, {"A": "50", "B": "20"}, cash="600", receivable="0.5", flows="1000")
    assert mark.positions_value == micros(400)
    assert mark.equity == micros("1000.5")
    assert mark.gross == pytest.approx(600 / 1000.5)
    assert mark.net == pytest.approx(400 / 1000.5)
    assert mark.profit == micros("0.5")


def test_the_high_water_mark_stays_and_drawdown_is_measured_from_it():
    first = value(cash="1000", flows="1000")
    high = value(cash="1200", previous=first)
    low = value(cash="900", previous=high)
    assert (high.high_water_mark, high.drawdown, high.profit) == (micros(1200), 0.0, micros(200))
    assert (low.high_water_mark, low.profit) == (micros(1200), micros(-300))
    assert low.drawdown == pytest.approx(-0.25)


def test_a_deposit_is_no_profit_and_closes_no_drawdown():
    first = value(cash="900", previous=value(cash="1000", flows="1000"))
    mark = value(cash="1400", previous=first, flows="500")
    assert (mark.profit, mark.high_water_mark) == (0, micros(1500))
    assert mark.drawdown == pytest.approx(-100 / 1500)


def test_a_withdrawal_is_no_loss():
    mark = value(cash="400", previous=value(cash="1000", flows="1000"), flows="-600")
    assert (mark.profit, mark.high_water_mark, mark.drawdown) == (0, micros(400), 0.0)


def test_what_was_never_priced_is_an_error_that_names_it():
    with pytest.raises(DataError, match="book demo session 2026-11-20: A, C held and never priced; ingest its bars, or give its delisting"):
        value({"C": 1, "B": 1, "A": 1}, {"B": "5"})


@pytest.mark.parametrize("cash", ["-50", "-51"])
def test_equity_that_is_not_above_zero_is_an_error(cash):
    with pytest.raises(DataError, match=r"equity is -?[01]\.00 USD, not above zero; the book cannot trade"):
        value({"A": 1}, {"A": "50"}, cash=cash)


amounts = st.integers(-(10**12), 10**12)


@given(
    cash=st.integers(10**14, 10**15),
    receivable=amounts,
    held=st.dictionaries(st.sampled_from("ABCDE"), st.tuples(st.integers(-(10**4), 10**4), st.integers(1, 10**9))),
)
def test_equity_is_the_sum_and_net_never_exceeds_gross(cash, receivable, held):
    mark = value_book(
        "demo",
        DAY,
        holdings={symbol: Holding(quantity, Micros(0)) for symbol, (quantity, _) in held.items()},
        cash=Micros(cash),
        receivable=Micros(receivable),
        closes={symbol: Close(DAY, Micros(price)) for symbol, (_, price) in held.items()},
        previous=None,
        flows=cash,
    )
    worth = sum(quantity * price for quantity, price in held.values())
    assert mark.equity == cash + receivable + worth
    assert mark.profit == receivable + worth
    assert abs(mark.net) <= mark.gross + 1e-12
    assert mark.drawdown <= 0


@given(st.lists(st.tuples(st.integers(1, 10**15), st.integers(-(10**12), 10**12)), min_size=1, max_size=20))
def test_profits_and_flows_add_up_to_equity_and_drawdown_is_never_above_zero(days):
    previous: Mark | None = None
    profit = flows = 0
    for number, (cash, flow) in enumerate(days):
        high = 0 if previous is None else previous.high_water_mark
        mark = value_book(
            "demo",
            DAY + timedelta(days=number),
            holdings={},
            cash=Micros(cash),
            receivable=Micros(0),
            closes={},
            previous=previous,
            flows=flow,
        )
        profit, flows = profit + mark.profit, flows + flow
        assert mark.equity == profit + flows
        assert mark.high_water_mark == (cash if previous is None else max(cash, high + flow))
        assert -1 < mark.drawdown <= 0
        previous = mark
