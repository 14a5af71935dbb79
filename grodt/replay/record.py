"""What a book did, as arrays: all that statistics and the tear sheet read, filled by a replay or from the lake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.errors import DataError
from grodt.replay.deflated_sharpe import Trials
from grodt.replay.drawdowns import require_sessions
from grodt.replay.returns import per_session, require_equity, require_returns, returns_of
from grodt.replay.trades import round_trips, turnover
from grodt.signals.indicators import SESSIONS_PER_YEAR
from grodt.signals.panel import FloatArray

DayArray = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A book's course over T sessions. The first session is the base: it has equity and no return.

    Attributes:
        name: of the book or the replay, for titles.
        sessions: (T,), ascending dates.
        equity: (T,), at the close, > 0, without deposits and withdrawals.
        gross, net: (T,), exposure over equity at the close; None where unknown.
        turnover: (T,), value traded in the session over equity before it, buys and sells both; None where unknown.
        benchmark: (T,), value of what the book is measured by, at the close, > 0.
        benchmark_name: what that is.
        contributions: by signal, (T,), what it added to the return of the session; the first value is not read.
        regimes: (T,), label of the regime *in force during* the session, so decided at the close before; the first is not read.
        trades: profits of round trips, in currency units, see `grodt.replay.trades.round_trips`.
        trials: what was tried before this was picked; without it there is no deflated Sharpe ratio.
        risk_free: rate per year.
        sessions_per_year: 252 for shares, 365 for venues that never close.

    Raises:
        DataError: lengths differ, sessions do not ascend, or a cell is NaN or out of its range.
    """

    name: str
    sessions: DayArray
    equity: FloatArray
    gross: FloatArray | None = None
    net: FloatArray | None = None
    turnover: FloatArray | None = None
    benchmark: FloatArray | None = None
    benchmark_name: str = "benchmark"
    contributions: Mapping[str, FloatArray] = field(default_factory=dict)
    regimes: NDArray[np.str_] | None = None
    trades: FloatArray | None = None
    trials: Trials | None = None
    risk_free: float = 0.0
    sessions_per_year: float = SESSIONS_PER_YEAR

    def __post_init__(self) -> None:
        days = require_sessions(self.sessions)
        object.__setattr__(self, "sessions", days)
        object.__setattr__(self, "equity", require_equity(self.equity, f"{self.name}: equity"))
        columns: dict[str, NDArray[Any] | None] = {
            name: getattr(self, name) for name in ("equity", "gross", "net", "turnover", "benchmark", "regimes")
        }
        columns |= {f"contribution of {signal}": values for signal, values in self.contributions.items()}
        for column, values in columns.items():
            if values is not None and np.shape(values) != days.shape:
                raise DataError(f"{self.name}: {column} has shape {np.shape(values)} and there are {days.size} sessions; give one for each")
        if self.regimes is not None and np.asarray(self.regimes).dtype.kind != "U":
            raise DataError(f"{self.name}: regimes are {np.asarray(self.regimes).dtype} and must be text, one label for each session")
        if self.benchmark is not None:
            require_equity(self.benchmark, f"{self.name}: value of {self.benchmark_name}")
        for column in ("gross", "net", "turnover"):
            _require_finite(self.name, column, getattr(self, column), days, low=None if column == "net" else 0.0)
        for signal, values in self.contributions.items():
            require_returns(np.asarray(values)[1:], f"{self.name}: contribution of {signal}")
        per_session(self.risk_free)
        if not self.sessions_per_year > 0:
            raise DataError(f"{self.name}: {self.sessions_per_year} sessions per year; 252 for shares")

    @property
    def returns(self) -> FloatArray:
        """Returns, (T − 1,): of the sessions after the first."""
        return returns_of(self.equity)

    @property
    def benchmark_returns(self) -> FloatArray | None:
        """Returns of the benchmark, (T − 1,)."""
        return None if self.benchmark is None else returns_of(self.benchmark)


def _require_finite(name: str, column: str, values: FloatArray | None, days: DayArray, low: float | None) -> None:
    if values is None:
        return
    array = np.asarray(values, dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= (-np.inf if low is None else low))))
    if bad.size:
        bound = "finite" if low is None else f"finite and >= {low:g}"
        raise DataError(f"{name}: {column} of {days[bad[0]]} is {array[bad[0]]}; it must be {bound}")


def record_of(
    equity: pl.DataFrame,
    *,
    fills: pl.DataFrame | None = None,
    actions: pl.DataFrame | None = None,
    benchmark: pl.DataFrame | None = None,
    benchmark_name: str = "benchmark",
    contributions: Mapping[str, FloatArray] | None = None,
    regimes: NDArray[np.str_] | None = None,
    trials: Trials | None = None,
    risk_free: float = 0.0,
    sessions_per_year: float = SESSIONS_PER_YEAR,
) -> Record:
    """The record of one book from the lake's tables.

    Returns come from `profit`, so a deposit or a withdrawal is none: r_t = profit_t / equity_{t−1}. Where money moved, the record's
    equity is what the first session's would have grown to by those returns; elsewhere it is the table's own.

    Args:
        equity: book, session, equity, gross_exposure, net_exposure, profit, as the lake's `equity` has them; of one book, ascending.
        fills: the book's `fills` in any order, for turnover and round trips; those outside the sessions of `equity` are an error.
        actions: corporate actions of the symbols, for round trips that one falls into.
        benchmark: session and value (such as an adjusted close) of every session of `equity`; more sessions do no harm.
        benchmark_name, contributions, regimes, trials, risk_free, sessions_per_year: as in `Record`.

    Raises:
        DataError: no row, rows of several books, a null, or what `Record` refuses.
    """
    books = equity.get_column("book").unique().sort().to_list()
    if len(books) != 1:
        raise DataError(f"equity of {len(books)} books {books}; give the rows of exactly one, such as grodt.read('equity', book=…)")
    needed = ("session", "equity", "gross_exposure", "net_exposure", "profit")
    for column in needed:
        if equity.get_column(column).null_count():
            raise DataError(f"{books[0]}: {column} is null in {equity.get_column(column).null_count()} rows of equity; drop or mend them")
    sessions = equity.get_column("session").to_numpy().astype("datetime64[D]")
    return Record(
        name=books[0],
        sessions=sessions,
        equity=_without_flows(books[0], equity),
        gross=equity.get_column("gross_exposure").to_numpy(),
        net=equity.get_column("net_exposure").to_numpy(),
        turnover=None if fills is None else turnover(fills, equity),
        benchmark=None if benchmark is None else _matched(benchmark, sessions, benchmark_name),
        benchmark_name=benchmark_name,
        contributions={} if contributions is None else contributions,
        regimes=regimes,
        trades=None if fills is None else round_trips(_in_time(fills), actions).get_column("profit").to_numpy(),
        trials=trials,
        risk_free=risk_free,
        sessions_per_year=sessions_per_year,
    )


def _in_time(fills: pl.DataFrame) -> pl.DataFrame:
    """The fills in the order they traded; the lake's stand in the order of their execution ids."""
    return fills.sort([name for name in ("session", "filled_at") if name in fills.columns], maintain_order=True)


def _without_flows(book: str, equity: pl.DataFrame) -> FloatArray:
    """Equity as it would be without deposits and withdrawals."""
    value = require_equity(equity.get_column("equity").cast(pl.Float64).to_numpy(), f"{book}: equity")
    flows = equity.select(pl.col("equity").diff() - pl.col("profit")).to_series()[1:]
    if not flows.cast(pl.Float64).abs().gt(0).any():
        return value
    profit = equity.get_column("profit").cast(pl.Float64).to_numpy()[1:]
    earned = require_returns(profit / value[:-1], f"{book}: profit over the equity before it")
    return np.concatenate((value[:1], value[0] * np.cumprod(1.0 + earned)))


def _matched(benchmark: pl.DataFrame, sessions: DayArray, name: str) -> FloatArray:
    """The benchmark's value in each session."""
    days = require_sessions(benchmark.get_column("session").to_numpy())
    missing = np.setdiff1d(sessions, days)
    if missing.size:
        first: date = missing[0].item()
        raise DataError(f"{name} has no value in {first} and {missing.size - 1} further sessions of the book; give one for each")
    return benchmark.get_column("value").cast(pl.Float64).to_numpy()[np.searchsorted(days, sessions)]
