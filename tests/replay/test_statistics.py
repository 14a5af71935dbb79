"""All statistics of a record at once: whole, by signal, by regime, by year and month."""

import math
from dataclasses import asdict, fields

import numpy as np
import polars as pl
import pytest
from hypothesis import given

from grodt.errors import DataError
from grodt.replay.definitions import DEFINITIONS
from grodt.replay.deflated_sharpe import Trials
from grodt.replay.record import Record
from grodt.replay.returns import sharpe, total_return
from grodt.replay.statistics import Statistics, calendar_returns, statistics, statistics_by, statistics_frame
from grodt.signals.panel import FloatArray
from tests.replay.courses import days, full_record, random_returns, record, series


def test_a_record_worked_by_hand() -> None:
    course = Record(
        "demo",
        days(5),
        np.array([100.0, 110, 99, 110, 121]),
        gross=np.array([0.0, 1.0, 0.0, 0.5, 0.5]),
        net=np.array([0.0, 1.0, 0.0, -0.5, 0.5]),
        turnover=np.array([9.0, 1.0, 1.0, 0.5, 0.5]),
        trades=np.array([10.0, -5.0, 5.0]),
        sessions_per_year=4,
    )
    found, day = statistics(course), [each.item() for each in days(5)]
    assert (found.sessions, found.first_session, found.last_session) == (4, day[1], day[4])
    assert found.total_return == pytest.approx(0.21)
    assert found.annual_return == pytest.approx(0.21)
    assert found.max_drawdown == pytest.approx(-0.1)
    assert (found.drawdown_peak, found.drawdown_trough, found.drawdown_recovery, found.drawdown_sessions) == (day[1], day[2], day[3], 2)
    assert found.calmar == pytest.approx(2.1)
    assert (found.best_session, found.worst_session) == (pytest.approx(1 / 9), pytest.approx(-0.1))
    assert found.hit_rate == 0.75
    assert (found.trades, found.trade_hit_rate, found.trade_profit_factor) == (3, pytest.approx(2 / 3), 3.0)
    assert (found.gross_exposure, found.net_exposure, found.time_in_market) == (0.5, 0.25, 0.75)  # the base is not counted
    assert found.annual_turnover == 3.0
    assert (found.alpha, found.beta, found.deflated_sharpe) == (None, None, None)


def test_a_record_of_one_session_has_no_statistic() -> None:
    found = asdict(statistics(record([], gross=np.zeros(1), turnover=np.zeros(1), benchmark=np.ones(1), trades=np.array([]))))
    assert (found.pop("sessions"), found.pop("trades")) == (0, 0)
    assert set(found.values()) == {None}


def test_nothing_undefined_looks_like_a_number() -> None:
    steady = asdict(statistics(record([0.01] * 30, benchmark=np.ones(31))))
    for name in ("sharpe", "sortino", "calmar", "profit_factor", "skewness", "beta", "alpha", "probabilistic_sharpe", "drawdown_peak"):
        assert steady[name] is None, name
    assert (steady["annual_volatility"], steady["max_drawdown"]) == (0.0, 0.0)


@given(returns=series)
def test_every_figure_is_finite_or_none(returns: FloatArray) -> None:
    found = asdict(statistics(record(returns, benchmark=np.cumprod(np.concatenate(([1.0], 1 + returns[::-1]))), trials=Trials(5, 0.01))))
    assert all(math.isfinite(value) for value in found.values() if isinstance(value, float))


def test_the_whole_goes_by_the_equity_itself_so_that_no_rounding_hides_a_recovery() -> None:
    course = Record("demo", days(3), np.array([100.0, 90.0, 100.0]))
    assert statistics(course).drawdown_recovery == days(3)[2].item()


def test_a_signal_is_measured_by_what_it_added_and_pays_no_risk_free_rate() -> None:
    course = full_record()
    found = statistics_by(course, "signal")
    assert list(found) == ["a <b> & c", "momentum"]
    added = course.contributions["momentum"][1:]
    assert found["momentum"].sharpe == pytest.approx(sharpe(added))
    assert found["momentum"].total_return == pytest.approx(total_return(added))
    assert (found["momentum"].gross_exposure, found["momentum"].annual_turnover, found["momentum"].trades) == (None, None, None)
    assert found["momentum"].beta is not None


def test_a_regime_is_measured_over_its_own_sessions() -> None:
    returns = np.array([0.1, -0.2, 0.1, 0.05, -0.1])
    labels = np.array(["up", "up", "down", "up", "up", "down"])  # the first is not read
    course = record(returns, regimes=labels, gross=np.array([5.0, 0.0, 1.0, 1.0, 0.0, 1.0]), risk_free=0.02)
    found = statistics_by(course, "regime")
    assert list(found) == ["down", "up"]
    assert found["down"].total_return == pytest.approx(0.8 * 0.9 - 1)
    assert (found["down"].sessions, found["down"].gross_exposure) == (2, 1.0)
    day = [each.item() for each in days(6)]
    assert (found["down"].first_session, found["down"].last_session, found["down"].drawdown_peak) == (day[2], day[5], day[1])
    assert found["down"].max_drawdown == pytest.approx(-0.28)
    assert found["up"].sharpe == pytest.approx(sharpe(returns[[0, 2, 3]], 0.02))


@given(returns=series)
def test_regimes_take_the_whole_apart_and_multiply_to_it(returns: FloatArray) -> None:
    labels = np.array(["a", "b", "c"])[np.arange(returns.size + 1) % 3]
    parts = statistics_by(record(returns, regimes=labels), "regime").values()
    assert sum(each.sessions for each in parts) == returns.size
    assert math.prod(1 + (each.total_return or 0.0) for each in parts) == pytest.approx(1 + total_return(returns), rel=1e-9)


def test_parts_that_a_record_does_not_have_are_an_error() -> None:
    with pytest.raises(DataError, match="no contributions of signals"):
        statistics_by(record([0.1]), "signal")
    with pytest.raises(DataError, match="no regimes in the record"):
        statistics_by(record([0.1]), "regime")


def test_every_statistic_has_one_definition_in_its_order() -> None:
    assert list(DEFINITIONS) == [each.name for each in fields(Statistics)]
    assert len({each.title for each in DEFINITIONS.values()}) == len(DEFINITIONS)


def test_the_frame_has_a_row_for_the_book_and_each_part() -> None:
    frame = statistics_frame(full_record())
    assert frame.select("part", "name").rows() == [
        ("book", "demo"),
        ("signal", "a <b> & c"),
        ("signal", "momentum"),
        ("regime", "ranging"),
        ("regime", "trending"),
    ]
    assert frame.columns == ["part", "name", *DEFINITIONS]
    assert (frame.schema["sharpe"], frame.schema["trades"], frame.schema["drawdown_peak"]) == (pl.Float64, pl.Int64, pl.Date)
    assert statistics_frame(record([0.1])).height == 1


@given(returns=series)
def test_months_and_years_multiply_to_the_total_return(returns: FloatArray) -> None:
    course = record(returns, benchmark=np.arange(1.0, returns.size + 2))
    for every in ("month", "year"):
        found = calendar_returns(course, every)  # type: ignore[arg-type]
        assert found.get_column("sessions").sum() == returns.size
        assert float((1 + found.get_column("return")).product()) == pytest.approx(1 + total_return(returns), rel=1e-9)
        assert float((1 + found.get_column("benchmark")).product()) == pytest.approx(returns.size + 1)


def test_a_month_runs_from_the_last_session_of_the_one_before() -> None:
    sessions = np.array(["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-28", "2020-04-01", "2021-01-04"], dtype="datetime64[D]")
    course = Record("demo", sessions, np.array([100.0, 110.0, 100.0, 121.0, 242.0, 121.0]))
    months = calendar_returns(course, "month")
    assert [f"{day:%Y-%m}" for day in months.get_column("period")] == ["2020-01", "2020-02", "2020-04", "2021-01"]
    assert months.get_column("return").to_list() == pytest.approx([0.1, 0.1, 1.0, -0.5])
    assert months.get_column("sessions").to_list() == [1, 2, 1, 1]
    assert months.get_column("benchmark").null_count() == 4
    assert calendar_returns(course, "year").get_column("return").to_list() == pytest.approx([1.42, -0.5])


def test_a_month_that_only_the_base_lies_in_is_not_there() -> None:
    sessions = np.array(["2020-01-31", "2020-02-03"], dtype="datetime64[D]")
    assert calendar_returns(Record("demo", sessions, np.array([1.0, 2.0])), "month").height == 1
    assert calendar_returns(record([]), "year").height == 0


def test_the_same_record_gives_the_same_figures() -> None:
    returns = random_returns(2, 300)
    assert statistics(record(returns)) == statistics(record(returns.copy()))
