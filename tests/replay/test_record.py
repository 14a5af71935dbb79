"""The record: what it refuses, and how the lake's tables fill it."""

import math
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from grodt.errors import DataError
from grodt.lake import TABLES
from grodt.replay.record import Record, record_of
from tests.replay.courses import days, equity_table, record


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("equity", np.array([1.0, math.nan, 1.0]), "demo: equity: number 1 of 3 is nan"),
        ("equity", np.array([1.0, 0.0, 1.0]), "demo: equity: number 1 of 3 is 0.0"),
        ("equity", np.ones(2), r"equity has shape \(2,\) and there are 3 sessions"),
        ("gross", np.array([0.0, -0.1, 0.0]), "gross of 2020-01-02 is -0.1; it must be finite and >= 0"),
        ("net", np.array([0.0, math.inf, 0.0]), "net of 2020-01-02 is inf; it must be finite"),
        ("turnover", np.array([0.0, 0.0, math.nan]), "turnover of 2020-01-03 is nan"),
        ("benchmark", np.array([1.0, 1.0, -1.0]), "value of benchmark: number 2 of 3 is -1.0"),
        ("contributions", {"s": np.zeros(2)}, "contribution of s has shape"),
        ("contributions", {"s": np.array([0.0, math.nan, 0.0])}, "contribution of s: number 0 of 2 is nan"),
        ("regimes", np.array([1, 2, 3]), "regimes are int64 and must be text"),
        ("risk_free", -2.0, "risk-free rate -2.0"),
        ("sessions_per_year", 0.0, "0.0 sessions per year"),
        ("sessions", days(3)[::-1], "session 2020-01-02 follows 2020-01-03"),
    ],
)
def test_a_bad_cell_is_one_error_that_names_it(column: str, value: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Record(**({"name": "demo", "sessions": days(3), "equity": np.ones(3)} | {column: value}))


def test_returns_are_of_the_sessions_after_the_base() -> None:
    course = record([0.1, -0.5], benchmark=np.array([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(course.returns, [0.1, -0.5])
    assert course.benchmark_returns is not None
    assert course.benchmark_returns.tolist() == [1.0, -0.5]
    assert record([0.1]).benchmark_returns is None


def test_the_lakes_equity_fills_a_record() -> None:
    course = record_of(equity_table(["1000", "1010.5", "990"], ["0", "10.5", "-20.5"]), risk_free=0.01)
    assert (course.name, course.equity.tolist(), course.risk_free) == ("demo", [1000.0, 1010.5, 990.0], 0.01)
    assert course.gross is not None
    assert course.net is not None
    assert (course.gross.tolist(), course.net.tolist()) == ([0.5] * 3, [-0.25] * 3)
    assert (course.turnover, course.trades, course.benchmark) == (None, None, None)
    assert course.sessions.tolist() == days(3).tolist()


def test_the_columns_a_record_reads_are_those_of_the_lakes_tables() -> None:
    assert set(equity_table(["1"], ["0"]).columns) <= set(TABLES["equity"].columns())
    assert {"symbol", "session", "side", "quantity", "price", "commission", "notional"} <= set(TABLES["fills"].columns())
    assert {"symbol", "ex_date", "kind", "ratio_new", "ratio_old"} <= set(TABLES["corporate_actions"].columns())


def test_a_deposit_is_no_return() -> None:
    course = record_of(equity_table(["1000", "1600", "1680"], ["0", "100", "80"]))  # 500 came in during the second session
    np.testing.assert_allclose(course.returns, [0.1, 0.05])
    assert course.equity[0] == 1000.0


def test_fills_and_a_benchmark_come_in_by_session() -> None:
    day = days(3)
    fills = pl.DataFrame(
        {
            "symbol": ["A", "A"],
            "session": pl.Series([day[1].item(), day[2].item()], dtype=pl.Date),
            "side": ["buy", "sell"],
            "quantity": [10, 10],
            "price": [10.0, 12.0],
            "notional": [100.0, 120.0],
            "commission": [0.0, 1.0],
        }
    )
    index = pl.DataFrame({"session": pl.Series(days(5), dtype=pl.Date), "value": [1.0, 2.0, 3.0, 4.0, 5.0]})
    table = equity_table(["1000", "1000", "1019"], ["0", "0", "19"])
    course = record_of(table, fills=fills, benchmark=index, benchmark_name="index")
    assert course.turnover is not None
    assert course.trades is not None
    assert course.benchmark is not None
    assert course.turnover.tolist() == [0.0, 0.1, 0.12]
    assert course.trades.tolist() == [19.0]
    assert course.benchmark.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(DataError, match="index has no value in 2020-01-02 and 0 further sessions"):
        record_of(table, benchmark=index.gather([0, 2, 3]), benchmark_name="index")


def test_fills_are_taken_in_the_order_they_traded() -> None:
    at = [datetime(2020, 1, 2, 15, minute, tzinfo=UTC) for minute in (2, 1, 3)]
    fills = pl.DataFrame(
        {
            "symbol": ["A"] * 3,
            "session": [date(2020, 1, 2)] * 3,
            "side": ["sell", "buy", "buy"],
            "quantity": [5, 5, 9],
            "price": [12.0, 10.0, 1.0],
            "notional": [60.0, 50.0, 9.0],
            "commission": [0.0] * 3,
            "filled_at": at,
        }
    )
    trades = record_of(equity_table(["1000", "1010"], ["0", "10"]), fills=fills).trades
    assert trades is not None
    assert trades.tolist() == [10.0]


def test_rows_of_several_books_of_none_or_with_nulls_are_errors() -> None:
    table = equity_table(["1000", "1100"], ["0", "100"])
    with pytest.raises(DataError, match=r"equity of 2 books \['demo', 'other'\]"):
        record_of(pl.concat([table, equity_table(["1"], ["0"], book="other")]))
    with pytest.raises(DataError, match="equity of 0 books"):
        record_of(table.clear())
    with pytest.raises(DataError, match="demo: profit is null in 1 rows"):
        record_of(table.with_columns(profit=pl.Series([None, 100], dtype=pl.Decimal(24, 6))))
    with pytest.raises(DataError, match="follows"):
        record_of(table.reverse())
