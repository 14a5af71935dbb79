"""Turnover and round trips from fills."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.errors import DataError
from grodt.replay.trades import round_trips, turnover

DAY = [date(2020, 1, day) for day in range(1, 11)]


def fills(*rows: tuple[str, int, str, int, float, float]) -> pl.DataFrame:
    names = ("symbol", "session", "side", "quantity", "price", "commission")
    columns = {name: [DAY[row[i]] if name == "session" else row[i] for row in rows] for i, name in enumerate(names)}
    schema = {
        "symbol": pl.String,
        "session": pl.Date,
        "side": pl.String,
        "quantity": pl.Int64,
        "price": pl.Float64,
        "commission": pl.Float64,
    }
    frame = pl.DataFrame(columns, schema=schema)
    return frame.with_columns(pl.col("price", "commission").cast(pl.Decimal(24, 6)), notional=pl.col("price") * pl.col("quantity"))


def equity(*values: float) -> pl.DataFrame:
    return pl.DataFrame({"session": DAY[: len(values)], "equity": values})


def test_turnover_is_buys_and_sells_over_the_equity_before() -> None:
    traded = fills(("A", 1, "buy", 10, 5.0, 0), ("B", 1, "sell", 5, 10.0, 0), ("A", 2, "sell", 10, 6.0, 0))
    assert turnover(traded, equity(1000, 2000, 500)).tolist() == [0.0, 0.1, 0.03]


def test_turnover_of_the_first_session_is_over_its_own_equity() -> None:
    assert turnover(fills(("A", 0, "buy", 10, 5.0, 0)), equity(1000, 2000)).tolist() == [0.05, 0.0]
    assert turnover(fills(), equity(1000, 2000)).tolist() == [0.0, 0.0]


def test_a_fill_of_a_session_without_equity_is_an_error() -> None:
    with pytest.raises(DataError, match="fills of session 2020-01-05 and no equity of it"):
        turnover(fills(("A", 4, "buy", 1, 1.0, 0)), equity(1, 2))


def test_round_trips_worked_by_hand() -> None:
    found = round_trips(
        fills(
            ("A", 0, "buy", 10, 10.0, 1.0),
            ("A", 1, "sell", 15, 11.0, 3.0),  # ten close the first trade, five begin a short one: the commission goes 2 to 1
            ("A", 2, "buy", 5, 9.0, 0.0),
            ("B", 2, "sell", 4, 5.0, 0.0),
            ("A", 3, "sell", 3, 1.0, 0.0),  # stays open
            ("B", 4, "buy", 2, 2.0, 1.0),
            ("B", 5, "buy", 2, 3.0, 0.0),
        )
    )
    assert found.rows() == [
        ("A", DAY[0], DAY[1], 2, pytest.approx(-100 - 1 + 110 - 2)),
        ("A", DAY[1], DAY[2], 2, pytest.approx(55 - 1 - 45)),
        ("B", DAY[2], DAY[5], 3, pytest.approx(20 - 5 - 6)),
    ]


def test_two_turns_in_a_row_are_three_trades() -> None:
    rows = [("A", 0, "buy", 1, 10.0, 0), ("A", 1, "sell", 2, 12.0, 0), ("A", 1, "buy", 2, 11.0, 0), ("A", 2, "sell", 1, 10.0, 0)]
    assert round_trips(fills(*rows)).get_column("profit").to_list() == [2.0, 1.0, -1.0]


def actions(*rows: tuple[str, int, str, int | None, int | None, str | None, str | None]) -> pl.DataFrame:
    names = ("symbol", "ex_date", "kind", "ratio_new", "ratio_old", "cash_per_share", "new_symbol")
    columns = {name: [DAY[row[i]] if name == "ex_date" else row[i] for row in rows] for i, name in enumerate(names)}  # type: ignore[call-overload]
    schema = {"ex_date": pl.Date, "ratio_new": pl.Int64, "ratio_old": pl.Int64, "cash_per_share": pl.String, "new_symbol": pl.String}
    return pl.DataFrame(columns, schema_overrides=schema).with_columns(pl.col("cash_per_share").cast(pl.Decimal(24, 6)))


def test_a_split_inside_a_trade_closes_it_all_the_same() -> None:
    traded = fills(("A", 0, "buy", 15, 30.0, 0), ("A", 3, "sell", 22, 21.0, 0), ("A", 4, "buy", 10, 20.0, 0), ("A", 5, "sell", 10, 21.0, 0))
    split = actions(("A", 2, "split", 3, 2, None, None), ("A", 2, "dividend", None, None, "0.5", None), ("Z", 2, "split", 9, 1, None, None))
    found = round_trips(traded, split)  # 15 become 22.5, the half share is paid out in cash
    assert found.get_column("profit").to_list() == [22 * 21 - 450, 10]
    assert found.get_column("closed").to_list() == [DAY[3], DAY[5]]
    assert round_trips(traded).get_column("profit").to_list() != [22 * 21 - 450, 10]


def test_a_split_takes_effect_before_the_fills_of_its_ex_date() -> None:
    traded = fills(("A", 0, "buy", 10, 30.0, 0), ("A", 2, "sell", 20, 16.0, 0))
    assert round_trips(traded, actions(("A", 2, "split", 2, 1, None, None))).rows() == [("A", DAY[0], DAY[2], 2, 20.0)]


def test_a_delisting_ends_the_trade_at_its_final_value_before_a_split_of_the_same_day() -> None:
    traded = fills(("A", 0, "buy", 10, 30.0, 1.0), ("B", 0, "sell", 5, 8.0, 0), ("A", 4, "buy", 3, 5.0, 0), ("A", 5, "sell", 3, 6.0, 0))
    ends = actions(
        ("A", 2, "split", 2, 1, None, None),
        ("A", 2, "delisting", None, None, "12.5", None),
        ("B", 3, "delisting", None, None, "0", None),
        ("A", 3, "delisting", None, None, "99", None),  # nothing is held any more
    )
    assert round_trips(traded, ends).rows() == [
        ("A", DAY[0], DAY[2], 2, -176.0),
        ("B", DAY[0], DAY[3], 2, 40.0),
        ("A", DAY[4], DAY[5], 2, 3.0),
    ]


def test_a_trade_goes_on_under_a_new_symbol() -> None:
    traded = fills(("A", 0, "buy", 10, 3.0, 0), ("N", 3, "sell", 20, 2.0, 0), ("A", 4, "buy", 1, 7.0, 0), ("A", 5, "sell", 1, 8.0, 0))
    found = round_trips(traded, actions(("A", 1, "symbol_change", None, None, None, "N"), ("N", 2, "split", 2, 1, None, None)))
    assert found.rows() == [("N", DAY[0], DAY[3], 2, 10.0), ("A", DAY[4], DAY[5], 2, 1.0)]


def test_no_fill_is_no_trade() -> None:
    assert round_trips(fills()).shape == (0, 5)


def test_fills_out_of_order_or_without_quantity_are_errors() -> None:
    with pytest.raises(DataError, match="not sorted by session"):
        round_trips(fills(("A", 1, "buy", 1, 1.0, 0), ("A", 0, "sell", 1, 1.0, 0)))
    with pytest.raises(DataError, match="quantity that is not > 0"):
        round_trips(fills(("A", 1, "buy", 0, 1.0, 0)))


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 30), st.booleans(), st.integers(1, 50)), max_size=25))
def test_profits_of_a_closed_book_add_up_to_its_cash(orders: list[tuple[str, int, bool, int]]) -> None:
    rows = [
        (symbol, i // 4, "buy" if buys else "sell", quantity, float(price), 0.25)
        for i, (symbol, quantity, buys, price) in enumerate(orders)
    ]
    for symbol in "AB":
        left = sum(quantity * (1 if side == "buy" else -1) for name, _, side, quantity, _, _ in rows if name == symbol)
        if left:
            rows.append((symbol, 8, "sell" if left > 0 else "buy", abs(left), 7.0, 0.25))
    cash = sum((-1 if side == "buy" else 1) * quantity * price - fee for _, _, side, quantity, price, fee in rows)
    found = round_trips(fills(*rows))
    assert found.get_column("profit").sum() == pytest.approx(cash, abs=1e-9)
    assert np.isfinite(found.get_column("profit").to_numpy()).all()
