"""Every statistic of a record at once: of the whole, of each signal, of each regime, by year and month.

A statistic that is undefined is None here, NaN in `grodt.replay.returns`; `grodt.replay.definitions` says what each one is.
"""

import math
from dataclasses import dataclass, fields
from datetime import date
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.replay import benchmark as against
from grodt.replay import returns as single
from grodt.replay import tails
from grodt.replay.deflated_sharpe import Trials, deflated_sharpe_of, probabilistic_sharpe_of
from grodt.replay.drawdowns import calmar, drawdowns
from grodt.replay.record import DayArray, Record
from grodt.signals.panel import FloatArray

#: Level of value at risk and expected shortfall.
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of one series; None where undefined or where what it needs was not given. `definitions.DEFINITIONS` explains each."""

    sessions: int
    first_session: date | None
    last_session: date | None
    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float | None
    drawdown_peak: date | None
    drawdown_trough: date | None
    drawdown_recovery: date | None
    drawdown_sessions: int | None
    best_session: float | None
    worst_session: float | None
    var_historical: float | None
    cvar_historical: float | None
    var_gaussian: float | None
    cvar_gaussian: float | None
    skewness: float | None
    excess_kurtosis: float | None
    tail_ratio: float | None
    hit_rate: float | None
    profit_factor: float | None
    trades: int | None
    trade_hit_rate: float | None
    trade_profit_factor: float | None
    gross_exposure: float | None
    net_exposure: float | None
    time_in_market: float | None
    annual_turnover: float | None
    alpha: float | None
    beta: float | None
    correlation: float | None
    tracking_error: float | None
    information_ratio: float | None
    probabilistic_sharpe: float | None
    deflated_sharpe: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Observed:
    """Some of a record's sessions, arrays (n,); `base` is the session before the first of them."""

    base: date
    sessions: DayArray
    equity: FloatArray  # (n + 1,), from the base on
    returns: FloatArray
    gross: FloatArray | None
    net: FloatArray | None
    turnover: FloatArray | None
    benchmark: FloatArray | None
    trades: FloatArray | None
    trials: Trials | None
    risk_free: float


def statistics(record: Record) -> Statistics:
    """The statistics of the whole record."""
    return _statistics(record, _observed(record, record.returns, np.ones(record.sessions.size - 1, dtype=np.bool_)))


def statistics_by(record: Record, part: Literal["signal", "regime"]) -> dict[str, Statistics]:
    """The same statistics for each part, by name, in alphabetical order.

    A **signal** is the series of what it added to the book's return each session; its equity is that, compounded by itself, and it is
    no capital of its own, so no risk-free rate is taken from it. A **regime** is the sessions under its label, one after another as if
    nothing lay between; growth per year is per 252 sessions *of the regime*, and its drawdown runs over its own sessions. Exposure and
    turnover are the book's, so signals have none; nor have parts round trips or a deflated Sharpe ratio.

    Raises:
        DataError: the record has no such parts.
    """
    if part == "signal":
        if not record.contributions:
            raise DataError(f"{record.name}: no contributions of signals in the record; give them, or ask for another part")
        every = np.ones(record.sessions.size - 1, dtype=np.bool_)
        found = {
            name: _observed(record, np.asarray(record.contributions[name], dtype=np.float64)[1:], every, whole=False)
            for name in sorted(record.contributions)
        }
    else:
        if record.regimes is None:
            raise DataError(f"{record.name}: no regimes in the record; give a label for each session, or ask for another part")
        labels = np.asarray(record.regimes)[1:]
        found = {str(name): _observed(record, record.returns, labels == name, whole=False, book=True) for name in np.unique(labels)}
    return {name: _statistics(record, each) for name, each in found.items()}


def _observed(record: Record, returns: FloatArray, rows: NDArray[np.bool_], *, whole: bool = True, book: bool = False) -> _Observed:
    at = np.flatnonzero(rows)

    def chosen(values: FloatArray | None) -> FloatArray | None:
        return None if values is None or not (whole or book) else np.asarray(values, dtype=np.float64)[1:][at]

    theirs = record.benchmark_returns
    return _Observed(
        base=record.sessions[at[0]].item() if at.size else record.sessions[0].item(),
        sessions=record.sessions[1:][at],
        equity=record.equity if whole else single.growth_of(returns[at]),  # the equity itself where there is one: a product of rounded
        returns=returns[at],  # returns can miss a high-water mark by a rounding
        gross=chosen(record.gross),
        net=chosen(record.net),
        turnover=chosen(record.turnover),
        benchmark=None if theirs is None else theirs[at],
        trades=record.trades if whole else None,
        trials=record.trials if whole else None,
        risk_free=record.risk_free if whole or book else 0.0,
    )


def _statistics(record: Record, seen: _Observed) -> Statistics:
    r, rate, year = seen.returns, seen.risk_free, record.sessions_per_year
    under = drawdowns(np.concatenate((np.array([seen.base], dtype="datetime64[D]"), seen.sessions)), seen.equity)
    worst = under[0] if under else None
    some = bool(r.size)
    theirs = seen.benchmark
    traded = None if seen.trades is None else np.asarray(seen.trades, dtype=np.float64)
    return Statistics(
        sessions=r.size,
        first_session=seen.sessions[0].item() if some else None,
        last_session=seen.sessions[-1].item() if some else None,
        total_return=_known(single.total_return(r)),
        annual_return=_known(single.annual_return(r, year)),
        annual_volatility=_known(single.annual_volatility(r, year)),
        sharpe=_known(single.sharpe(r, rate, year)),
        sortino=_known(single.sortino(r, rate, year)),
        calmar=_known(calmar(seen.equity, year)),
        max_drawdown=(worst.depth if worst else 0.0) if some else None,
        drawdown_peak=worst.peak if worst else None,
        drawdown_trough=worst.trough if worst else None,
        drawdown_recovery=worst.recovery if worst else None,
        drawdown_sessions=worst.length if worst else None,
        best_session=float(r.max()) if some else None,
        worst_session=float(r.min()) if some else None,
        var_historical=_known(tails.historical_var(r, LEVEL)),
        cvar_historical=_known(tails.historical_cvar(r, LEVEL)),
        var_gaussian=_known(tails.gaussian_var(r, LEVEL)),
        cvar_gaussian=_known(tails.gaussian_cvar(r, LEVEL)),
        skewness=_known(tails.skewness(r)),
        excess_kurtosis=_known(tails.excess_kurtosis(r)),
        tail_ratio=_known(tails.tail_ratio(r)),
        hit_rate=_known(single.hit_rate(r)),
        profit_factor=_known(single.profit_factor(r)),
        trades=None if traded is None else traded.size,
        trade_hit_rate=None if traded is None else _known(single.hit_rate(traded)),
        trade_profit_factor=None if traded is None else _known(single.profit_factor(traded)),
        gross_exposure=_mean(seen.gross),
        net_exposure=_mean(seen.net),
        time_in_market=None if seen.gross is None else _mean(np.where(seen.gross > 0, 1.0, 0.0)),
        annual_turnover=None if seen.turnover is None or not some else float(seen.turnover.mean()) * year,
        alpha=None if theirs is None else _known(against.alpha(r, theirs, rate, year)),
        beta=None if theirs is None else _known(against.beta(r, theirs)),
        correlation=None if theirs is None else _known(against.correlation(r, theirs)),
        tracking_error=None if theirs is None else _known(against.tracking_error(r, theirs, year)),
        information_ratio=None if theirs is None else _known(against.information_ratio(r, theirs, year)),
        probabilistic_sharpe=_known(probabilistic_sharpe_of(r, rate, 0.0, year)),
        deflated_sharpe=None if seen.trials is None else _known(deflated_sharpe_of(r, seen.trials, rate, year)),
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(values: FloatArray | None) -> float | None:
    return None if values is None or not values.size else float(values.mean())


def statistics_frame(record: Record) -> pl.DataFrame:
    """The statistics of the book and of its parts, one row each: part (book, signal, regime), name, and a column for every figure."""
    rows: list[tuple[str, str, Statistics]] = [("book", record.name, statistics(record))]
    if record.contributions:
        rows += [("signal", name, each) for name, each in statistics_by(record, "signal").items()]
    if record.regimes is not None:
        rows += [("regime", name, each) for name, each in statistics_by(record, "regime").items()]
    columns = {"part": [part for part, _, _ in rows], "name": [name for _, name, _ in rows]}
    schema: dict[str, type[pl.DataType]] = {"part": pl.String, "name": pl.String} | {f.name: _dtype(f.type) for f in fields(Statistics)}
    return pl.DataFrame(columns | {f.name: [getattr(each, f.name) for _, _, each in rows] for f in fields(Statistics)}, schema=schema)


def _dtype(annotation: object) -> type[pl.DataType]:
    kind = str(annotation)
    return pl.Date if "date" in kind else pl.Int64 if "int" in kind else pl.Float64


def calendar_returns(record: Record, every: Literal["month", "year"]) -> pl.DataFrame:
    """Compounded return of each calendar month or year with a session after the base: period (its first day), return, sessions, benchmark.

    A period at either end counts the sessions it has. Compounded over all periods they are the total return.
    """
    days = record.sessions[1:]
    period = days.astype("datetime64[M]" if every == "month" else "datetime64[Y]")
    found, last = np.unique(period[::-1], return_index=True)
    end = days.size - last  # row, in the record, of each period's last session
    start = np.concatenate(([0], end[:-1])).astype(np.int64)[: found.size]
    theirs = record.benchmark
    return pl.DataFrame(
        {
            "period": pl.Series(found.astype("datetime64[D]"), dtype=pl.Date),
            "return": record.equity[end] / record.equity[start] - 1.0,
            "sessions": pl.Series(end - start, dtype=pl.Int64),
            "benchmark": pl.Series(np.full(found.size, np.nan) if theirs is None else theirs[end] / theirs[start] - 1.0).fill_nan(None),
        }
    )
