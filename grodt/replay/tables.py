"""The tables of a replay: those that live cycles leave in the lake, as plain Parquet, a file for each table and year."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.replay.closing import Identity, equity_frame, fills_frame, orders_frame, runs_frame
from grodt.replay.columns import money, nullable
from grodt.replay.costs import Costs
from grodt.replay.eligibility import Judging
from grodt.replay.engine import Course, Decision
from grodt.replay.frames import Frames, write
from grodt.replay.history import Candidates, History, IntArray
from grodt.risk.evidence import Asked, rows_of
from grodt.signals.gate_evidence import regimes_frame
from grodt.targets.universe import Eligibility

#: Decisions whose evidence is made into rows at once; bounds what is kept of them.
_TOGETHER = 25
#: What a table has been given since it was last written: arrays by column, and the row each belongs to.
type Rows = dict[str, list[NDArray[Any]]]


@dataclass(slots=True, eq=False)
class Tables:
    """A `Recorder` that writes every table below a folder, year by year as the replay goes through them.

    Attributes:
        folder: where; `signals/2014.parquet` and so on.
        history, book: what is replayed.
        identity: what the rows say of it.
        judging: of the universe's rules, for table `universe`; None without rules.
        written: rows by table.
    """

    folder: Path
    history: History
    book: str
    identity: Identity
    judging: Judging | None = None
    written: dict[str, int] = field(default_factory=dict)
    _rows: dict[str, Rows] = field(default_factory=dict)
    _asked: list[tuple[Asked, Candidates]] = field(default_factory=list)
    _made: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    _frames: Frames = field(init=False)
    _costs: Costs = field(init=False)
    _applied: int = 0
    _filled: int = 0
    _signals: NDArray[np.int64] = field(init=False)
    _year: int | None = None
    _course: Course | None = None

    def __post_init__(self) -> None:
        self._frames = Frames(self.history, self.book)
        self._costs = Costs({label: column for column, label in enumerate(self.history.panel.symbols)})
        self._signals = np.zeros(len(self.history.sessions), dtype=np.int64)

    def begun(self, course: Course) -> None:
        """See `Recorder.begun`."""
        self._course = course

    def marked(self, row: int, position: IntArray, micros: IntArray, age: IntArray, equity: int) -> None:
        """See `Recorder.marked`."""
        year = self.history.sessions[row].year
        if self._year not in (None, year):
            self._flush()
        self._year = year
        self._bring_forward(row, position)
        held = np.flatnonzero(position)
        if len(held):
            self._add(
                "positions",
                row,
                column=held,
                quantity=position[held],
                cost=self._costs.cost[held],
                average_cost=self._costs.average[held],
                price=micros[held],
                age=age[held],
                equity=np.full(len(held), equity),
            )

    def decided(self, decision: Decision) -> None:
        """See `Recorder.decided`."""
        row, state, forecasts, targets = decision.row, decision.state, decision.forecasts, decision.targets
        concerned = decision.candidates.listed | (state.position != 0) | (state.open_buys != 0) | (state.open_sells != 0)
        columns = np.flatnonzero(concerned)
        ticker = self._frames.ticker_codes(decision.candidates)[columns]
        self._signals[row] = np.count_nonzero(~np.isnan(forecasts.combined[columns]))
        for number, name in enumerate(forecasts.signals):
            self._add(
                "signals",
                row,
                symbol=ticker,
                signal=np.repeat(self._frames.words.codes([name]), len(columns)),
                value=forecasts.value[number, columns],
                forecast=forecasts.forecast[number, columns],
            )
        self._add(
            "targets",
            row,
            symbol=ticker,
            forecast=forecasts.combined[columns],
            volatility=forecasts.volatility[columns],
            target_weight=targets.weight[columns],
            current_quantity=targets.current[columns],
            target_quantity=targets.quantity[columns],
            reference_price=targets.price[columns],
        )
        if self.judging is not None:
            self._judged(row, columns, ticker, self.judging.at(row))
        if forecasts.gates is not None:
            tickers = tuple(self._frames.words.of(ticker).to_list())
            session = self.history.sessions[row]
            gates = regimes_frame(self.book, session, self._frames.run_id(session), forecasts.gates.of(columns, tickers))
            self._made.setdefault("regimes", []).append(gates)
        if decision.assessment is not None:
            self._asked.append((decision.assessment.asked, decision.candidates))
            if len(self._asked) >= _TOGETHER:
                self._answer()

    def finish(self, course: Course) -> None:
        """Write what is left, and the tables that are known at the end: orders, fills, equity, runs."""
        self._flush()
        ids = self._frames.order_ids(course.orders.batches)
        for table, frame in (
            ("orders", orders_frame(self._frames, course, ids)),
            ("fills", fills_frame(self._frames, course, self.identity, ids)),
            ("equity", equity_frame(self._frames, course)),
            ("runs", runs_frame(self._frames, course, self.identity, self._signals)),
        ):
            for (year,), part in frame.with_columns(_year=pl.col("session").dt.year()).partition_by("_year", as_dict=True).items():
                self._put(table, int(str(year)), part.drop("_year"))

    # while it goes on

    def _bring_forward(self, row: int, position: IntArray) -> None:
        """Costs after this session's corporate actions and fills."""
        course = self._course
        if course is None:
            raise ValueError("the tables of a replay are told of its course before its first session")
        for applied in course.account.applied[self._applied :]:
            self._costs.act(applied)
        self._applied = len(course.account.applied)
        for filled in course.orders.filled[self._filled :]:
            self._costs.fill(filled)
        self._filled = len(course.orders.filled)
        if not np.array_equal(self._costs.shares, position):
            column = int(np.flatnonzero(self._costs.shares != position)[0])
            raise ValueError(
                f"{self.history.panel.symbols[column]} in {self.history.sessions[row]}: fills and corporate actions come to "
                f"{self._costs.shares[column]} shares, and the book has {position[column]}"
            )

    def _add(self, table: str, row: int, **columns: NDArray[Any]) -> None:
        rows = self._rows.setdefault(table, {})
        for name, values in columns.items():
            rows.setdefault(name, []).append(values)
        rows.setdefault("row", []).append(np.full(len(next(iter(columns.values()))), row, dtype=np.int64))

    def _judged(self, row: int, columns: IntArray, ticker: NDArray[np.uint32], judged: Eligibility) -> None:
        self._add(
            "universe",
            row,
            symbol=ticker,
            instrument=columns,
            eligible=judged.eligible[columns],
            reason=self._frames.words.codes([judged.reason[column] for column in columns.tolist()]),
            price=judged.price[columns],
            age=judged.age[columns],
            dollar_volume=judged.dollar_volume[columns],
        )

    def _answer(self) -> None:
        """Make rows of the answers so far, those about the same candidates together."""
        for candidates, group in groupby(self._asked, key=lambda each: each[1]):
            evidence = rows_of([asked for asked, _ in group], book=self.book, symbols=self.history.panel.symbols)
            self._made.setdefault("risk_checks", []).append(self._named(evidence, candidates))
        self._asked.clear()

    def _named(self, evidence: pl.DataFrame, candidates: Candidates) -> pl.DataFrame:
        """Evidence under tickers where those are not the labels."""
        other = {label: ticker for label, ticker in zip(self.history.panel.symbols, candidates.tickers, strict=True) if label != ticker}
        return evidence.with_columns(pl.col("symbol").replace(other)) if other else evidence

    def _flush(self) -> None:
        if self._year is None:
            return
        self._answer()
        makers: Mapping[str, Callable[[dict[str, NDArray[Any]]], dict[str, Any]]] = {
            "signals": self._signal_columns,
            "targets": self._target_columns,
            "positions": self._position_columns,
            "universe": self._universe_columns,
        }
        for table, rows in self._rows.items():
            arrays = {name: np.concatenate(parts) for name, parts in rows.items()}
            self._put(table, self._year, self._frames.frame(arrays["row"], makers[table](arrays)))
        self._rows.clear()
        for table, frames in self._made.items():
            self._put(table, self._year, pl.concat(frames))
        self._made.clear()

    def _signal_columns(self, given: dict[str, NDArray[Any]]) -> dict[str, Any]:
        return {
            "symbol": self._frames.words.of(given["symbol"]),
            "signal": self._frames.words.of(given["signal"]),
            "value": nullable(given["value"]),
            "forecast": nullable(given["forecast"]),
        }

    def _target_columns(self, given: dict[str, NDArray[Any]]) -> dict[str, Any]:
        return {
            "symbol": self._frames.words.of(given["symbol"]),
            "forecast": nullable(given["forecast"]),
            "volatility": nullable(given["volatility"]),
            "target_weight": given["target_weight"],
            "current_quantity": given["current_quantity"],
            "target_quantity": given["target_quantity"],
            "reference_price": nullable(given["reference_price"]),
        }

    def _position_columns(self, given: dict[str, NDArray[Any]]) -> dict[str, Any]:
        quantity, price, cost = given["quantity"], given["price"], given["cost"]
        value = quantity * price
        panel = self.history.panel
        priced = np.array(panel.sessions, dtype="datetime64[D]")[self.history.first_row + given["row"] - given["age"]]
        return {
            "symbol": self._frames.tickers(given["row"], given["column"]),
            "quantity": quantity,
            "cost": money(cost),
            "average_cost": money(given["average_cost"]),
            "price": price / 1e6,
            "price_session": pl.Series(priced).cast(pl.Date),
            "market_value": money(value),
            "unrealised_profit": money(value - cost),
            "weight": value / given["equity"],
        }

    def _universe_columns(self, given: dict[str, NDArray[Any]]) -> dict[str, Any]:
        return {
            "symbol": self._frames.words.of(given["symbol"]),
            "instrument": pl.Series(self.history.instruments, dtype=pl.String).gather(given["instrument"]),
            "eligible": given["eligible"],
            "reason": self._frames.words.of(given["reason"]),
            "price": nullable(given["price"]),
            "age": given["age"],
            "dollar_volume": nullable(given["dollar_volume"]),
        }

    def _put(self, table: str, year: int, frame: pl.DataFrame) -> None:
        self.written[table] = self.written.get(table, 0) + write(self.folder, table, year, frame, self.book)
