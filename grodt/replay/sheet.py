"""Everything that a tear sheet shows, computed once from a record."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from grodt.replay.definitions import DEFINITIONS
from grodt.replay.drawdowns import Drawdown, drawdown_curve, drawdowns
from grodt.replay.record import Record
from grodt.replay.returns import rolling
from grodt.replay.statistics import Statistics, calendar_returns, statistics, statistics_by
from grodt.signals.panel import FloatArray

#: Sessions of the rolling figures: half a year of 252.
ROLLING = 126
_WORST = 10


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Everything a tear sheet shows, computed once.

    Attributes:
        record: what it is of.
        book: its statistics.
        benchmark: those of the benchmark, None without one.
        signals, regimes: those of the parts, by name; empty where the record has none.
        years, months: calendar returns.
        worst: the deepest drawdowns, at most ten.
        curves: a row for each session; see `curves_of`.
    """

    record: Record
    book: Statistics
    benchmark: Statistics | None
    signals: Mapping[str, Statistics]
    regimes: Mapping[str, Statistics]
    years: pl.DataFrame
    months: pl.DataFrame
    worst: tuple[Drawdown, ...]
    curves: pl.DataFrame


def sheet_of(record: Record) -> Sheet:
    """Everything the tear sheet of a record shows."""
    own = None
    if record.benchmark is not None:
        own = statistics(
            Record(
                name=record.benchmark_name,
                sessions=record.sessions,
                equity=record.benchmark,
                risk_free=record.risk_free,
                sessions_per_year=record.sessions_per_year,
            )
        )
    return Sheet(
        record=record,
        book=statistics(record),
        benchmark=own,
        signals=statistics_by(record, "signal") if record.contributions else {},
        regimes={} if record.regimes is None else statistics_by(record, "regime"),
        years=calendar_returns(record, "year"),
        months=calendar_returns(record, "month"),
        worst=drawdowns(record.sessions, record.equity)[:_WORST],
        curves=curves_of(record),
    )


def curves_of(record: Record) -> pl.DataFrame:
    """A row for each session: equity, return, drawdown, rolling Sharpe ratio and volatility (126 sessions), and what else the record has.

    Null where undefined: the base has no return, the first sessions no rolling figure.
    """
    none = np.array([np.nan])
    rolled = rolling(record.returns, ROLLING, record.risk_free, record.sessions_per_year)
    columns: dict[str, FloatArray | None] = {
        "equity": record.equity,
        "return": np.concatenate((none, record.returns)),
        "drawdown": drawdown_curve(record.equity),
        "rolling_sharpe": np.concatenate((none, rolled[0])),
        "rolling_volatility": np.concatenate((none, rolled[1])),
        "gross_exposure": record.gross,
        "net_exposure": record.net,
        "turnover": record.turnover,
        "benchmark": record.benchmark,
    }
    columns |= {f"contribution_{name}": record.contributions[name] for name in sorted(record.contributions)}
    frame = pl.DataFrame({name: np.asarray(values, dtype=np.float64) for name, values in columns.items() if values is not None})
    days = pl.Series("session", record.sessions, dtype=pl.Date)
    return frame.fill_nan(None).insert_column(0, days)


def figures_of(sheet: Sheet) -> dict[str, Any]:
    """The sheet's figures for programs: numbers, dates and None only."""
    record = sheet.record
    return {
        "name": record.name,
        "benchmark_name": None if record.benchmark is None else record.benchmark_name,
        "risk_free": record.risk_free,
        "sessions_per_year": record.sessions_per_year,
        "trials": None if record.trials is None else asdict(record.trials),
        "statistics": asdict(sheet.book),
        "benchmark": None if sheet.benchmark is None else asdict(sheet.benchmark),
        "signals": {name: asdict(each) for name, each in sheet.signals.items()},
        "regimes": {name: asdict(each) for name, each in sheet.regimes.items()},
        "years": sheet.years.to_dicts(),
        "months": sheet.months.to_dicts(),
        "worst_drawdowns": [asdict(each) for each in sheet.worst],
        "definitions": {name: {"title": each.title, "text": each.text} for name, each in DEFINITIONS.items()},
    }
