"""Paths of the simulated exchange: the listings' parameters, market and sector factors, prices, splits.

A path is walked one calendar year at a time for a run of neighbouring symbols; `State` is what one year hands to the next.

Arrays are sessions × symbols unless said otherwise. Prices are natural logarithms; a traded price is `exp(level − split)`, where
`level` is the price had there been no split.
"""

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from grodt.bars.simulated_draws import OVERNIGHT_SHARE, Flags, Floats, Integers, draw, normals, variances
from grodt.sessions import Calendar

SECTORS = (
    "Communication",
    "Consumer",
    "Energy",
    "Financials",
    "Health",
    "Industrials",
    "Materials",
    "Real Estate",
    "Technology",
    "Utilities",
)

#: Symbols computed and kept together; a run of symbols is a whole number of these.
BLOCK = 64
#: Symbols that exist, whatever part of them a book sees: SIM0001 to SIM9999, in whole blocks.
SUPPLY = 9_999
_COLUMNS = -(-SUPPLY // BLOCK) * BLOCK

SESSIONS_PER_YEAR = 252
SECTOR_LOADING = 0.25  # correlation with the sector's factor
DELISTED_PER_YEAR = 0.004
HALT_RATE = 1 / 2_000
NEWS_RATE = 1 / 250
NEWS_FACTOR = 4.0  # an overnight shock with news is that much wider
REVERSE_SPLIT_BELOW = np.log(3.0)
_FACTOR_GARCH = (0.11, 0.87)  # weight of the last squared shock, and of the last variance
_OWN_GARCH = (0.10, 0.88)
_LISTINGS, _FACTORS, _SYMBOLS = 1, 2, 3  # which stream, above the seed in the key


@dataclass(frozen=True, slots=True)
class Listings:
    """What stays the same about each symbol; arrays over all that exist.

    Attributes:
        volatility: of one session's log return.
        market, own: loadings on the market and on the symbol's own shocks; with the sector's their squares sum to 1.
        sector: index into SECTORS.
        drift: of the log price in one session, dividends included.
        start, split_above: log price at the opening of the exchange, and above which the symbol splits.
        turnover: log of dollars traded in a usual session.
        dividend: fall of the log price at each quarterly ex date; 0 for a symbol that pays none.
        dividend_month, dividend_day: month of the first ex date of a year (0 to 2), and day of the month from which it is due.
        delisted: position of the session of the delisting among the world's days; their number where that is not in sight.
        final_value: what a delisting pays, as a share of the last close.
    """

    volatility: Floats
    market: Floats
    own: Floats
    sector: Integers
    drift: Floats
    start: Floats
    split_above: Floats
    turnover: Floats
    dividend: Floats
    dividend_month: Integers
    dividend_day: Integers
    delisted: Integers
    final_value: Floats

    @classmethod
    def of(cls, seed: int, days: Integers, opened: int) -> Self:
        """Drawn from the seed alone; `days` and `opened` (an ordinal) only place the delistings."""
        one, two = (draw(seed, _LISTINGS, np.array([day]), 0, _COLUMNS)[:, 0, :] for day in (1, 2))
        yearly = 0.15 + 0.45 * one[0] ** 1.7
        market = 0.41 + 0.28 * one[1]
        start = np.log(15) + np.log(10) * one[3]
        life = 60 - np.log(two[3]) * (365.25 / DELISTED_PER_YEAR)
        taken_over = two[4] < 0.7
        return cls(
            volatility=yearly / np.sqrt(SESSIONS_PER_YEAR),
            market=market,
            own=np.sqrt(1 - market**2 - SECTOR_LOADING**2),
            sector=np.arange(_COLUMNS) % len(SECTORS),
            drift=(0.02 + 0.08 * one[2] - yearly**2 / 2) / SESSIONS_PER_YEAR,
            start=start,
            split_above=np.maximum(start + 0.35 + 0.9 * one[4], np.log(60)),
            turnover=np.log(1e6) + np.log(1_000) * one[5],
            dividend=np.where(one[6] < 0.6, (0.01 + 0.03 * one[7]) / 4, 0.0),
            dividend_month=(two[0] * 3).astype(np.int64),
            dividend_day=1 + (two[1] * 25).astype(np.int64),
            delisted=np.searchsorted(days, opened + life.astype(np.int64)).astype(np.int64),
            final_value=np.where(taken_over, 1.0 + 0.3 * two[5], 0.02 + 0.4 * two[5]),
        )


@dataclass(frozen=True, slots=True)
class Factors:
    """Shocks of the market (column 0) and the sectors in one year, volatility included, and the variance they were drawn with.

    The market's variance multiplies that of the sectors and of each symbol's own shocks: turbulent times are so for all.
    `last_variance` is the state after the year, without that product.
    """

    overnight: Floats
    intraday: Floats
    variance: Floats
    last_variance: Floats


@dataclass(frozen=True, slots=True)
class State:
    """Where some symbols stand after a year's last session: variance of the own shocks, log price without splits, log of all splits."""

    variance: Floats
    level: Floats
    split: Floats


@dataclass(frozen=True, slots=True)
class Walk:
    """One year of a run of symbols.

    Attributes:
        rows, columns: the sessions among the world's days, and the symbols.
        previous, opening, level: log price without splits at the last close, the open and the close.
        split: log of all splits up to and including the session.
        variance: of the intraday log return.
        splits: row, column, new shares, old shares of each split.
        dividends: row, column of each ex date.
        alive, halted: whether the symbol is listed, and whether it is halted.
        uniforms: the eight draws of each session and symbol.
        end: the state after the last session.
    """

    rows: slice
    columns: slice
    previous: Floats
    opening: Floats
    level: Floats
    split: Floats
    variance: Floats
    splits: Integers
    dividends: Integers
    alive: Flags
    halted: Flags
    uniforms: Floats
    end: State


@dataclass(frozen=True, slots=True)
class World:
    """The sessions of the exchange since it opened (ordinals of dates, ascending) and its listings."""

    seed: int
    days: Integers
    listings: Listings

    @classmethod
    def of(cls, seed: int, calendar: Calendar, opened: date) -> Self:
        """Sessions from `opened` to the end of what the calendar knows."""
        first, last = calendar.bounds()
        days = np.array([day.toordinal() for day in calendar.between(min(max(opened, first), last), last) if day >= opened], dtype=np.int64)
        return cls(seed, days, Listings.of(seed, days, opened.toordinal()))

    def rows(self, year: int) -> slice:
        """The sessions of a calendar year among `days`."""
        first, last = np.searchsorted(self.days, [date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()])
        return slice(int(first), int(last))

    def start(self, columns: slice) -> State:
        """The state of some symbols when the exchange opens."""
        level = self.listings.start[columns]
        return State(variance=np.ones_like(level), level=level, split=np.zeros_like(level))

    def factors(self, year: int, before: Floats | None) -> Factors:
        """Market and sectors in a year, from the variance after the year before (None: when the exchange opens)."""
        days = self.days[self.rows(year)]
        count = len(SECTORS) + 1
        uniforms = draw(self.seed, _FACTORS, days, 0, count)
        overnight, intraday = normals(uniforms[0], uniforms[1])
        path = variances(np.ones(count) if before is None else before, overnight, intraday, _FACTOR_GARCH)
        variance = path[:-1].copy()
        variance[:, 1:] *= variance[:, :1]
        size = np.sqrt(variance)
        return Factors(overnight=size * overnight, intraday=size * intraday, variance=variance, last_variance=path[-1])

    def walk(self, year: int, columns: slice, state: State, factors: Factors) -> Walk:
        """A run of symbols through one year."""
        rows, listings = self.rows(year), self.listings
        uniforms = draw(self.seed, _SYMBOLS, self.days[rows], columns.start, columns.stop - columns.start)
        overnight, intraday = normals(uniforms[0], uniforms[1])
        own = variances(state.variance, overnight, intraday, _OWN_GARCH)
        size = listings.own[columns] * np.sqrt(own[:-1] * factors.variance[:, :1])
        sector = 1 + listings.sector[columns]
        market_loading, volatility = listings.market[columns], listings.volatility[columns]

        overnight *= size * np.where(uniforms[5] > 1 - NEWS_RATE, NEWS_FACTOR, 1.0)
        overnight += market_loading * factors.overnight[:, :1] + SECTOR_LOADING * factors.overnight[:, sector]
        overnight *= np.sqrt(OVERNIGHT_SHARE) * volatility
        overnight += listings.drift[columns]
        intraday *= size
        intraday += market_loading * factors.intraday[:, :1] + SECTOR_LOADING * factors.intraday[:, sector]
        intraday *= np.sqrt(1 - OVERNIGHT_SHARE) * volatility
        common = market_loading**2 * factors.variance[:, :1] + SECTOR_LOADING**2 * factors.variance[:, sector]
        variance = (1 - OVERNIGHT_SHARE) * volatility**2 * (common + size**2)

        alive = np.arange(rows.start, rows.stop)[:, None] < listings.delisted[columns]
        halted = uniforms[5] < HALT_RATE
        dividends = self._ex_dates(year, columns, alive)
        overnight[dividends[0], dividends[1]] -= listings.dividend[columns][dividends[1]]
        level = state.level + np.cumsum(overnight + intraday, axis=0)
        previous = np.concatenate([state.level[None], level[:-1]])

        may_split = alive & ~halted
        may_split[dividends[0], dividends[1]] = False
        splits, split = _splits(previous, state.split, listings.split_above[columns], may_split, uniforms[7])
        return Walk(
            rows=rows,
            columns=columns,
            previous=previous,
            opening=level - intraday,
            level=level,
            split=split,
            variance=variance,
            splits=splits,
            dividends=dividends,
            alive=alive,
            halted=halted,
            uniforms=uniforms,
            end=State(variance=own[-1], level=level[-1], split=split[-1]),
        )

    def _ex_dates(self, year: int, columns: slice, alive: Flags) -> Integers:
        """Row and column of each quarterly ex date: the first session on or after the due day."""
        rows, listings = self.rows(year), self.listings
        firsts = np.array([date(year, month, 1).toordinal() for month in range(1, 13)])
        months = listings.dividend_month[columns] + 3 * np.arange(4)[:, None]
        due = firsts[months] + listings.dividend_day[columns] - 1
        row = np.searchsorted(self.days[rows], due)
        inside = (listings.dividend[columns] > 0) & (row < rows.stop - rows.start) & (due > self.days[0])
        found, column = row[inside], np.nonzero(inside)[1]
        listed = alive[found, column]
        return np.stack([found[listed], column[listed]]).astype(np.int64)


def _splits(previous: Floats, before: Floats, above: Floats, may: Flags, choice: Floats) -> tuple[Integers, Floats]:
    """Splits of one year, (row, column, new, old) by column, and the log of all splits up to each session.

    A symbol splits in the session after a close above its threshold, and the other way round below REVERSE_SPLIT_BELOW. Splits are
    few: each turn of the loop places the next one of every symbol that still has one.
    """
    split = np.repeat(before[None], len(previous), axis=0)
    traded = previous - split
    hit = may & ((traded > above) | (traded < REVERSE_SPLIT_BELOW))
    columns = np.flatnonzero(hit.any(axis=0))
    hit = hit[:, columns]
    row_numbers = np.arange(len(previous))[:, None]
    found: list[Integers] = [np.empty((4, 0), dtype=np.int64)]
    while columns.size:
        rows = hit.argmax(axis=0)
        pick = choice[rows, columns]
        high = previous[rows, columns] - split[rows, columns] > above[columns]
        new = np.where(high, np.where(pick < 0.7, 2, np.where(pick < 0.85, 3, 4)), 1)
        old = np.where(high, 1, np.where(pick < 0.7, 10, 5))
        found.append(np.stack([rows, columns, new, old]).astype(np.int64))
        split[:, columns] += np.where(row_numbers >= rows, np.log(new / old), 0.0)
        traded = previous[:, columns] - split[:, columns]
        hit = may[:, columns] & (row_numbers > rows) & ((traded > above[columns]) | (traded < REVERSE_SPLIT_BELOW))
        more = hit.any(axis=0)
        columns, hit = columns[more], hit[:, more]
    return np.concatenate(found, axis=1), split
