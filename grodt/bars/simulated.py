"""The simulated exchange: daily bars and minute bars that are reproducible from a seed for any symbols and dates, in any order of asking.

Its symbols SIM0001, SIM0002, … all exist since the exchange opened and trade until they are delisted. `symbols` says how many of
them `instruments` names: the first that are listed on that session, so that after a delisting a further symbol, with a history
of its own, takes the place. What a symbol does depends on the seed, its number, the calendar and the opening date only.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from threading import Lock

import numpy as np
import polars as pl

from grodt.bars.simulated_bars import Rendered, Rows, actions_frame, render
from grodt.bars.simulated_draws import Integers
from grodt.bars.simulated_minutes import minutes_of
from grodt.bars.simulated_paths import BLOCK, SECTORS, SUPPLY, Factors, State, World
from grodt.bars.source import Fetched
from grodt.errors import ConfigError
from grodt.instruments import Instrument, Listing, one_listing_each
from grodt.sessions import Calendar

_RUN = 8  # blocks walked together
_KEPT_BLOCKS = 128  # rendered block-years kept, of about 0.7 MB
_SHORTABLE_ABOVE = np.log(20e6)  # dollars traded in a usual session


@dataclass(frozen=True, slots=True)
class Truth:
    """What the exchange knows and does not publish: every bar as it was, and the bad prints (BAD_PRINTS) put in their place."""

    bars: pl.DataFrame
    bad_prints: pl.DataFrame


class SimulatedSource:
    """A source of simulated bars.

    Attributes:
        name: the source's name in the books file.

    Raises:
        ConfigError: `symbols` is outside 1 to 9999, or `seed` is negative or has more than 64 bits.
    """

    def __init__(self, name: str, seed: int, calendar: Calendar, symbols: int, opened: date) -> None:
        if not 1 <= symbols <= SUPPLY:
            raise ConfigError(f"source {name}: {symbols} symbols asked of the simulated exchange; give a number from 1 to {SUPPLY}")
        if not 0 <= seed < 2**64:
            raise ConfigError(f"source {name}: seed {seed} of the simulated exchange; give a whole number from 0 to 2^64 − 1")
        self._name = name
        self._seed = seed
        self._calendar = calendar
        self._symbols = symbols
        self._opened = opened
        self._lock = Lock()
        self._built: World | None = None
        self._names = pl.Series([f"SIM{number:04d}" for number in range(1, SUPPLY + 1)])
        self._instruments: dict[int, Instrument] = {}
        self._factors: dict[int, Factors] = {}
        self._states: dict[tuple[int, int], State] = {}  # by year and block, before the year's first session
        self._kept: OrderedDict[tuple[int, int], Rendered] = OrderedDict()  # by year and block, least recently used first

    @property
    def name(self) -> str:
        """Its name in the books file."""
        return self._name

    def instruments(self, session: date) -> tuple[Instrument, ...]:
        """The first `symbols` that are listed on that session, by number; none before the exchange opened.

        A delisting is not told in advance: `delisted_on` is None for all of them.
        """
        with self._lock:
            world = self._world()
            position = int(np.searchsorted(world.days, session.toordinal(), side="right")) - 1
            if position < 0:
                return ()
            listed = np.flatnonzero(world.listings.delisted[:SUPPLY] > position)[: self._symbols]
            return tuple(self._instrument(world, index) for index in listed.tolist())

    def unknown(self, symbols: Sequence[str]) -> tuple[str, ...]:
        """Those of the symbols that the exchange never had."""
        return tuple(symbol for symbol in symbols if _indices([symbol]).size == 0)

    def listings(self, symbols: Sequence[str]) -> tuple[Listing, ...]:
        """The exchange never changes a symbol, and never gives one to another company."""
        return one_listing_each(symbols)

    async def fetch(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        """Bars and corporate actions as the exchange publishes them, bad prints included.

        Symbols that the exchange does not have, dates before it opened and dates that the calendar does not know have no data. The
        calendar ends a year from today; a pay date beyond that is 28 days after its ex date until the session it falls on is known.
        An answer is a frame in memory (12 million bars are 3 GB while it is made): ask for thousands of symbols year by year.
        """
        return await asyncio.to_thread(self._answer, symbols, start, end)

    async def actions_ahead(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `TellsActionsAhead.actions_ahead`. The exchange announces everything."""
        return (await self.fetch(symbols, start, end)).actions

    async def fetch_minutes(self, symbols: Sequence[str], start: date, end: date) -> pl.DataFrame:
        """See `MinuteSource.fetch_minutes`. A session's minutes add up to its daily bar as it truly was, without bad prints."""
        return await asyncio.to_thread(lambda: minutes_of(self._rows(symbols, start, end)[0], self._seed, self._calendar, self._names))

    def truth(self, symbols: Sequence[str], start: date, end: date) -> Truth:
        """The bars of `fetch` as they truly were, and which of them it publishes wrongly. For tests of quality gates."""
        rows, _ = self._rows(symbols, start, end)
        return Truth(rows.bars(self._names), rows.bad_prints(self._names))

    def _answer(self, symbols: Sequence[str], start: date, end: date) -> Fetched:
        rows, actions = self._rows(symbols, start, end)
        return Fetched(rows.with_bad_prints().bars(self._names), actions_frame(actions, self._names))

    def _rows(self, symbols: Sequence[str], start: date, end: date) -> tuple[Rows, Integers]:
        """Clean bars and actions of the asked symbols, one run of blocks after the other."""
        indices = _indices(symbols)
        parts: list[Rows] = []
        actions: list[Integers] = [np.empty((7, 0), dtype=np.int64)]
        with self._lock:
            world = self._world()
            days = world.days[np.searchsorted(world.days, start.toordinal()) : np.searchsorted(world.days, end.toordinal(), side="right")]
            if days.size == 0:
                return Rows.join(parts), actions[0]
            years = range(date.fromordinal(int(days[0])).year, date.fromordinal(int(days[-1])).year + 1)
            for run in _runs(np.unique(indices // BLOCK).tolist()):
                for number, rendered in zip(run, zip(*self._blocks(world, run, years), strict=True), strict=True):
                    block = Rendered.join(list(rendered))
                    inside = indices[indices // BLOCK == number] - block.first
                    parts.append(Rows.of(block, inside, int(days[0]), int(days[-1])))
                    asked = np.isin(block.actions[0] - block.first, inside)
                    asked &= (days[0] <= block.actions[1]) & (block.actions[1] <= days[-1])
                    actions.append(block.actions[:, asked])
        return Rows.join(parts), np.concatenate(actions, axis=1)

    def _world(self) -> World:
        """Sessions and listings, made when first asked for: the calendar is slow to load."""
        if self._built is None:
            self._built = World.of(self._seed, self._calendar, self._opened)
        return self._built

    def _blocks(self, world: World, run: range, years: range) -> list[list[Rendered]]:
        """Each year of a run of blocks, walked from the latest year whose opening state is known, or as it was kept."""
        missing = [year for year in years if any((year, number) not in self._kept for number in run)]
        if missing:
            self._walk(world, run, missing)
        found = []
        for year in years:
            for number in run:
                self._kept.move_to_end((year, number))
            found.append([self._kept[year, number] for number in run])
        while len(self._kept) > _KEPT_BLOCKS:
            self._kept.popitem(last=False)
        return found

    def _walk(self, world: World, run: range, wanted: list[int]) -> None:
        """Walks a run of blocks up to the last wanted year and keeps the wanted ones rendered. Years before are walked only."""
        first_year = date.fromordinal(int(world.days[0])).year
        columns = slice(run.start * BLOCK, run.stop * BLOCK)
        year = wanted[0]
        while year > first_year and any((year, number) not in self._states for number in run):
            year -= 1
        state = world.start(columns) if year == first_year else _join([self._states[year, number] for number in run])
        for current in range(year, wanted[-1] + 1):
            walk = world.walk(current, columns, state, self._factors_of(world, current))
            state = walk.end
            for offset, number in enumerate(run):
                part = slice(offset * BLOCK, (offset + 1) * BLOCK)
                self._states[current + 1, number] = State(state.variance[part].copy(), state.level[part].copy(), state.split[part].copy())
            if current in wanted:
                self._kept.update(((current, number), block) for number, block in zip(run, render(world, walk), strict=True))

    def _factors_of(self, world: World, year: int) -> Factors:
        """Market and sectors in a year, from the opening on."""
        for current in range(date.fromordinal(int(world.days[0])).year, year + 1):
            if current not in self._factors:
                before = self._factors.get(current - 1)
                self._factors[current] = world.factors(current, None if before is None else before.last_variance)
        return self._factors[year]

    def _instrument(self, world: World, index: int) -> Instrument:
        if index not in self._instruments:
            self._instruments[index] = Instrument(
                symbol=self._names[index],
                sector=SECTORS[world.listings.sector[index]],
                shortable=bool(world.listings.turnover[index] > _SHORTABLE_ABOVE),
                listed_on=date.fromordinal(int(world.days[0])),
            )
        return self._instruments[index]


def _indices(symbols: Iterable[str]) -> Integers:
    """Numbers (from 0) of the symbols that the exchange has, ascending, each once."""
    digits = (symbol[3:] for symbol in symbols if symbol.startswith("SIM") and len(symbol) == 7)
    found = {int(text) - 1 for text in digits if text.isascii() and text.isdigit() and int(text) > 0}
    return np.array(sorted(found), dtype=np.int64)


def _runs(blocks: list[int]) -> list[range]:
    """Neighbouring blocks in runs of at most `_RUN`."""
    runs: list[range] = []
    for block in blocks:
        if runs and runs[-1].stop == block and len(runs[-1]) < _RUN:
            runs[-1] = range(runs[-1].start, block + 1)
        else:
            runs.append(range(block, block + 1))
    return runs


def _join(states: list[State]) -> State:
    return State(
        variance=np.concatenate([state.variance for state in states]),
        level=np.concatenate([state.level for state in states]),
        split=np.concatenate([state.split for state in states]),
    )
