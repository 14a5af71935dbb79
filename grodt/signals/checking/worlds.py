"""Panels to look for flaws on: made of a seed, with whatever happens to real bars."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from grodt.bars.source import RAW_ACTIONS
from grodt.signals.panel import FIELDS, BoolArray, FloatArray, Panel
from grodt.signals.returns import total_returns

_FIRST = date(2020, 1, 1)
#: Bars of a session, where rows are bars: few, so that a short panel has several sessions.
PER_SESSION = 40
_OPENS_AT = np.timedelta64(14 * 60 + 30, "m")
_TICK = 2


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A panel with all fields, whose members are known of all rows.

    Attributes:
        name: what happens in it.
        panel: its history.
        plain: whether nothing in it may keep a signal from having a value.
    """

    name: str
    panel: Panel
    plain: bool = False


@dataclass(slots=True)
class _Draft:
    """A world that is being made.

    Attributes:
        rng: what it is drawn by.
        bars: open, high, low, close and volume, (T, N) each.
        sessions: of each row.
        members: what the book may trade, (T, N).
        per_session: rows of a session; 1 where a row is one.
        actions: symbol, ex date, kind, ratio new, ratio old, cash.
    """

    rng: Generator
    bars: dict[str, FloatArray]
    sessions: tuple[date, ...]
    members: BoolArray
    per_session: int
    actions: list[tuple[str, date, str, int | None, int | None, str | None]]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and symbols."""
        rows, symbols = self.members.shape
        return rows, symbols

    def start_at(self, row: int) -> int:
        """The first row of a session, at that row or soon after."""
        return min(-(-row // self.per_session) * self.per_session, self.shape[0] - 1)

    def without(self, rows: slice | NDArray[np.bool_], column: int) -> None:
        """No bars there."""
        for array in self.bars.values():
            array[rows, column] = np.nan

    def split(self, row: int, column: int, new: int, old: int) -> None:
        """One share is cut into new/old at that row: a lower price, a larger volume from there on."""
        row = self.start_at(row)
        for name, array in self.bars.items():
            array[row:, column] *= new / old if name == "volume" else old / new
        self.actions.append((tickers(self.shape[1])[column], self.sessions[row], "split", new, old, None))

    def dividend(self, row: int, column: int, cash: str) -> None:
        """So much cash a share."""
        self.actions.append((tickers(self.shape[1])[column], self.sessions[self.start_at(row)], "dividend", None, None, cash))

    def delist(self, row: int, column: int) -> int:
        """The listing has its last bar before that row; what follows under the ticker is another company, at another price."""
        row = self.start_at(row)
        for name, array in self.bars.items():
            if name != "volume":
                array[row:, column] *= 3.7
        self.actions.append((tickers(self.shape[1])[column], self.sessions[row], "delisting", None, None, "1"))
        return row

    def world(self, name: str, *, plain: bool = False) -> World:
        """It, made."""
        rows, symbols = self.shape
        days = np.array(self.sessions, dtype="datetime64[D]")
        change = total_returns(self.bars["close"], _frame(self.actions), days.astype(np.int64), tickers(symbols))
        others = {field: self.bars[field] for field in FIELDS}
        minutes = (np.arange(rows) % self.per_session + 1).astype("timedelta64[m]")
        ends = (days.astype("datetime64[m]") + _OPENS_AT + minutes).astype("datetime64[us]")
        at = None if self.per_session == 1 else ends
        rows_per_year = 252.0 * self.per_session
        panel = Panel(self.sessions, tickers(symbols), self.bars["close"], change, others, self.members, at, rows_per_year)
        return World(name, panel, plain)


def tickers(count: int) -> tuple[str, ...]:
    """That many, ascending."""
    return tuple(f"S{number:04d}" for number in range(count))


def _frame(rows: list[tuple[str, date, str, int | None, int | None, str | None]]) -> pl.DataFrame:
    names = ("symbol", "ex_date", "kind", "ratio_new", "ratio_old", "cash_per_share")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    schema = {name: pl.String if name in ("kind", "cash_per_share") else RAW_ACTIONS[name] for name in names}
    return pl.DataFrame(columns, schema=schema).with_columns(pl.col("cash_per_share").cast(RAW_ACTIONS["cash_per_share"]))


def _draft(rng: Generator, rows: int, symbols: int, per_session: int, *, ticks: bool = True) -> _Draft:
    """Random walks without drift, as most real ones look from near."""
    count = -(-rows // per_session)
    days = [day for offset in range(2 * count + 7) if (day := _FIRST + timedelta(days=offset)).weekday() < 5][:count]
    sessions = tuple(day for day in days for _ in range(per_session))[:rows]
    width = rng.uniform(0.008, 0.03, symbols) / per_session**0.5
    steps = rng.normal(0, 1, (4, rows, symbols)) * width
    close = np.exp(np.cumsum(steps[0], axis=0) + np.log(rng.uniform(40, 200, symbols)))
    before = np.concatenate([close[:1], close[:-1]])
    opened = before * np.exp(steps[1] / 3)
    high = np.maximum(opened, close) * np.exp(np.abs(steps[2]) / 3)
    low = np.minimum(opened, close) * np.exp(-np.abs(steps[3]) / 3)
    bars = {"open": opened, "high": high, "low": low, "close": close, "volume": np.ceil(rng.lognormal(10, 1, (rows, symbols)))}
    if ticks:
        bars = {name: array if name == "volume" else np.maximum(np.round(array, _TICK), 0.01) for name, array in bars.items()}
    return _Draft(rng, bars, sessions, np.ones((rows, symbols), dtype=np.bool_), per_session, [])


def rows_of(history: int) -> int:
    """Rows of a world, so that a symbol that is listed after a third of it still has values."""
    return 2 * history + 3 * PER_SESSION


def worlds(history: int, seed: int, per_session: int) -> tuple[World, ...]:
    """The panels that a signal of that history is looked at on; the same ones for the same arguments."""
    makers = (_walks, _gaps, _listings, _extremes, _alone, _nobody, _jumps)
    return tuple(maker(np.random.default_rng([seed, place]), rows_of(history), per_session) for place, maker in enumerate(makers))


def walk(rows: int, symbols: int, seed: int, per_session: int, *, ticks: bool = True) -> World:
    """Random walks alone."""
    return _draft(np.random.default_rng([seed, 100]), rows, symbols, per_session, ticks=ticks).world("walks", plain=True)


def split_walk(rows: int, symbols: int, seed: int, per_session: int) -> tuple[World, World]:
    """The same walks without splits and with one of each symbol."""
    pair = [_draft(np.random.default_rng([seed, 101]), rows, symbols, per_session, ticks=False) for _ in range(2)]
    row = pair[1].start_at(rows // 2)
    for column in range(symbols):
        pair[1].split(row, column, *((7, 1), (3, 2), (1, 10))[column % 3])
    return pair[0].world("without splits", plain=True), pair[1].world("with splits", plain=True)


def _walks(rng: Generator, rows: int, per_session: int) -> World:
    draft = _draft(rng, rows, 9, per_session)
    draft.without(slice(0, rows // 5), 2)
    draft.without(slice(0, rows // 3), 6)
    return draft.world("walks", plain=True)


def _gaps(rng: Generator, rows: int, per_session: int) -> World:
    """Late listings, single missing bars, halts, early ends; members come and go."""
    draft = _draft(rng, rows, 11, per_session)
    for column in range(1, 11):
        draft.without(rng.random(rows) < rng.choice([0.02, 0.3]), column)
        if column % 3 == 0:
            draft.without(slice(0, int(rng.integers(1, rows))), column)
        if column % 4 == 0:
            draft.without(slice(int(rng.integers(1, rows)), rows), column)
        start = int(rng.integers(0, rows))
        draft.without(slice(start, start + int(rng.integers(2, 30))), column)
        start = int(rng.integers(0, rows))
        draft.members[start : start + int(rng.integers(1, rows)), column] = False
    return draft.world("gaps, halts, late listings and early ends")


def _listings(rng: Generator, rows: int, per_session: int) -> World:
    draft = _draft(rng, rows, 9, per_session)
    third = rows // 3
    draft.split(third, 0, 7, 1)
    draft.dividend(third, 1, "1.25")
    draft.dividend(third + rows // 4, 1, "0.30")
    draft.delist(third, 2)
    gone = draft.delist(third, 3)
    draft.without(slice(gone - min(gone, 7), gone), 3)
    draft.split(third, 4, 1, 10)
    halted = draft.start_at(third)
    draft.split(third, 5, 3, 2)
    draft.without(slice(halted - 3, halted + 4), 5)
    draft.delist(third // 2, 6)
    draft.delist(third, 6)
    draft.without(slice(draft.start_at(2 * third), rows), 7)
    return draft.world("splits, dividends, delistings and new companies under old tickers")


def _extremes(rng: Generator, rows: int, per_session: int) -> World:
    draft = _draft(rng, rows, 9, per_session, ticks=False)
    prices = [name for name in draft.bars if name != "volume"]
    for name in prices:
        draft.bars[name][:, 0:2] = 50.0  # stands still
        draft.bars[name][:, 2] = np.where(np.arange(rows) % 2, 10.0, 10.01)
        draft.bars[name][rows // 2, 3] *= 1000
        draft.bars[name][:, 4] *= 1e-6
        draft.bars[name][:, 5] *= 1e6
    draft.bars["volume"][:, 1:3] = 0.0
    draft.bars["volume"][rows // 2 :, 4] = 0.0
    draft.without(np.arange(rows) != rows // 2, 7)
    draft.without(slice(0, rows), 8)
    return draft.world("prices that stand still, leap, are tiny or huge; no volume; no bars")


def _jumps(rng: Generator, rows: int, per_session: int) -> World:
    """Jumps that stay, up and down, and bad prints that the next bar takes back."""
    draft = _draft(rng, rows, 6, per_session)
    prices = [name for name in draft.bars if name != "volume"]
    happens = rng.random((rows, 6))
    factor = np.exp(rng.choice([-1.0, 1.0], (rows, 6)) * rng.uniform(0.08, 0.25, (rows, 6)))
    stays = np.cumprod(np.where(happens < 0.02, factor, 1.0), axis=0)
    passes = np.where(happens > 0.97, factor, 1.0)
    for name in prices:
        draft.bars[name] = np.maximum(np.round(draft.bars[name] * stays * passes, _TICK), 0.01)
    return draft.world("jumps, and bad prints that the next bar takes back")


def _alone(rng: Generator, rows: int, per_session: int) -> World:
    return _draft(rng, rows, 1, per_session).world("one symbol")


def _nobody(rng: Generator, rows: int, per_session: int) -> World:
    return _draft(rng, PER_SESSION, 0, per_session).world("no symbol")
