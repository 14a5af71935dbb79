"""Bars, corporate actions and bad prints of the simulated exchange, from the paths of `simulated_paths`."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from grodt.bars.simulated_draws import OVERNIGHT_SHARE, Flags, Floats, Integers
from grodt.bars.simulated_paths import BLOCK, Walk, World
from grodt.bars.source import RAW_ACTIONS, RAW_BARS
from grodt.money import MICROS_PER_CENT

BAD_PRINT_RATE = 1 / 4_000
BAD_PRINT_KINDS = (
    "times_100",
    "divided_by_100",
    "spike",
    "high_below_low",
    "zero_price",
    "negative_price",
    "missing_close",
    "duplicate_row",
)
_SPIKE = 10.0  # a digit too many, or one too few
_PAID_AFTER = 20  # sessions from a dividend's ex date to its pay date
_ACTION_KINDS = ("delisting", "dividend", "split")  # ascending, as ties are sorted
_DELISTING, _DIVIDEND, _SPLIT = range(3)
_FIELDS = ("open", "high", "low", "close", "volume")
_EPOCH = 719_163  # ordinal of 1970-01-01

#: Columns of the list of bad prints.
BAD_PRINTS = pl.Schema({"symbol": pl.String(), "session": pl.Date(), "kind": pl.String()})


@dataclass(frozen=True, slots=True)
class Rendered:
    """Some years of one block of symbols, clean; arrays are symbols × sessions.

    Attributes:
        first: index of the block's first symbol.
        days: ordinals of the sessions.
        traded: whether there is a bar.
        fields: open, high, low, close, volume × symbols × sessions; meaningless where there is no bar.
        actions: one column each; rows symbol, ex day, kind, pay day (0: none), new, old, cents.
        bad: bad prints, one column each; rows symbol within the block, session, kind, detail (0 to 3).
    """

    first: int
    days: Integers
    traded: Flags
    fields: Floats
    actions: Integers
    bad: Integers

    @staticmethod
    def join(years: "list[Rendered]") -> "Rendered":
        """Consecutive years of the same block as one."""
        if len(years) == 1:
            return years[0]
        bad = [year.bad.copy() for year in years]
        for part, before in zip(bad, np.cumsum([0, *(year.days.size for year in years[:-1])]), strict=True):
            part[1] += before
        return Rendered(
            first=years[0].first,
            days=np.concatenate([year.days for year in years]),
            traded=np.concatenate([year.traded for year in years], axis=1),
            fields=np.concatenate([year.fields for year in years], axis=2),
            actions=np.concatenate([year.actions for year in years], axis=1),
            bad=np.concatenate(bad, axis=1),
        )


def render(world: World, walk: Walk) -> list[Rendered]:
    """A walked year as bars, one `Rendered` for each block.

    The session's range is that of a Brownian bridge from open to close: highest and lowest given both ends and the variance have
    closed forms in one uniform each. Volume is dollar turnover over price, raised by the size of the move.
    """
    listings, columns = world.listings, walk.columns
    move = walk.level - walk.opening
    opening = walk.opening - walk.split
    rise = (move + np.sqrt(move**2 - 2 * walk.variance * np.log(walk.uniforms[2]))) / 2
    fall = (move - np.sqrt(move**2 - 2 * walk.variance * np.log(walk.uniforms[3]))) / 2
    first, last = _to_cents(opening), _to_cents(opening + move)
    high = np.maximum(_to_cents(opening + rise), np.maximum(first, last))
    low = np.minimum(_to_cents(opening + fall), np.minimum(first, last))

    surprise = np.minimum(np.abs(walk.level - walk.previous) / listings.volatility[columns], 6.0)
    regime = 0.25 * np.log(walk.variance / ((1 - OVERNIGHT_SHARE) * listings.volatility[columns] ** 2))
    noise = 0.25 * np.log(walk.uniforms[4] / (1 - walk.uniforms[4]))
    turnover = listings.turnover[columns] + 0.4 * (surprise - 0.8) + regime + noise
    volume = np.maximum(np.rint(np.exp(turnover - opening - move)), 1.0)

    traded = walk.alive & ~walk.halted
    actions, bad = _actions(world, walk), _bad_prints(walk, traded)
    days = world.days[walk.rows]
    blocks = []
    for start in range(0, columns.stop - columns.start, BLOCK):
        part = slice(start, start + BLOCK)
        mine = bad[0] // BLOCK == start // BLOCK
        blocks.append(
            Rendered(
                first=columns.start + start,
                days=days,
                traded=np.ascontiguousarray(traded[:, part].T),
                fields=np.stack([field[:, part].T for field in (first, high, low, last, volume)]),
                actions=actions[:, actions[0] // BLOCK == (columns.start + start) // BLOCK],
                bad=bad[:, mine] - np.array([[start], [0], [0], [0]]),
            )
        )
    return blocks


def _to_cents(log_price: Floats) -> Floats:
    """Prices on the grid of a cent, at least one cent."""
    price = np.exp(log_price)
    price *= 100
    np.rint(price, out=price)
    np.maximum(price, 1.0, out=price)
    price /= 100
    return price


def _actions(world: World, walk: Walk) -> Integers:
    """Corporate actions of a walked year: symbol, ex day, kind, pay day, new, old, cents."""
    days, listings, columns = world.days, world.listings, walk.columns
    last_close = np.exp(walk.previous - walk.split)  # in shares of the session; only read where nothing splits

    row, column = walk.dividends
    cents = np.rint(100 * last_close[row, column] * -np.expm1(-listings.dividend[columns][column])).astype(np.int64)
    paid_at = walk.rows.start + row + _PAID_AFTER
    pay_day = np.where(paid_at < days.size, days[np.minimum(paid_at, days.size - 1)], days[walk.rows.start + row] + 28)
    none = np.zeros_like(row)
    dividends = np.stack([column, row, none + _DIVIDEND, pay_day, none, none, cents])[:, cents > 0]

    row, column, new, old = walk.splits
    none = np.zeros_like(row)
    splits = np.stack([column, row, none + _SPLIT, none, new, old, none])

    delisted = listings.delisted[columns]
    column = np.flatnonzero((walk.rows.start <= delisted) & (delisted < walk.rows.stop))
    row = delisted[column] - walk.rows.start
    cents = np.rint(100 * last_close[row, column] * listings.final_value[columns][column]).astype(np.int64)
    none = np.zeros_like(row)
    delistings = np.stack([column, row, none + _DELISTING, none, none, none, cents])

    found = np.concatenate([delistings, dividends, splits], axis=1)
    found[0] += columns.start
    found[1] = days[walk.rows][found[1]]
    return found


def _bad_prints(walk: Walk, traded: Flags) -> Integers:
    """Where a year's bars go wrong: symbol, session, kind, detail."""
    row, column = np.nonzero(traded & (walk.uniforms[6] < BAD_PRINT_RATE))
    kind = walk.uniforms[6][row, column] * (len(BAD_PRINT_KINDS) / BAD_PRINT_RATE)
    detail = walk.uniforms[7][row, column] * 4
    return np.stack([column, row, kind.astype(np.int64), detail.astype(np.int64)])


@dataclass(frozen=True, slots=True)
class Rows:
    """Clean bars of an answer as columns, and where they go wrong.

    Attributes:
        symbol: index of each bar's symbol.
        day: ordinal of its session.
        fields: open, high, low, close, volume × bars.
        bad: bad prints, one column each; rows bar, kind, detail.
    """

    symbol: Integers
    day: Integers
    fields: Floats
    bad: Integers

    @classmethod
    def of(cls, block: Rendered, symbols: Integers, start: int, end: int) -> "Rows":
        """Bars of some symbols of one block (indices within it, ascending) from one ordinal to another, by symbol then session."""
        first, last = np.searchsorted(block.days, [start, end + 1])
        every = symbols.size == BLOCK
        window = block.traded[:, first:last] if every else block.traded[symbols, first:last]
        fields = block.fields[:, :, first:last] if every else block.fields[:, symbols, first:last]
        asked = np.isin(block.bad[0], symbols) & (first <= block.bad[1]) & (block.bad[1] < last)
        bad = block.bad[:, asked]
        number = np.cumsum(window).reshape(window.shape) - 1
        return cls(
            symbol=np.repeat(block.first + symbols, window.sum(axis=1)),
            day=np.broadcast_to(block.days[first:last], window.shape)[window],
            fields=fields.reshape(5, -1).take(np.flatnonzero(window), axis=1),
            bad=np.stack([number[np.searchsorted(symbols, bad[0]), bad[1] - first], bad[2], bad[3]]),
        )

    @classmethod
    def join(cls, parts: "list[Rows]") -> "Rows":
        """Parts one after the other."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((5, 0)), np.empty((3, 0), np.int64))
        bad = [part.bad.copy() for part in parts]
        for part, before in zip(bad, np.cumsum([0, *(part.day.size for part in parts[:-1])]), strict=True):
            part[0] += before
        return cls(
            symbol=np.concatenate([part.symbol for part in parts]),
            day=np.concatenate([part.day for part in parts]),
            fields=np.concatenate([part.fields for part in parts], axis=1),
            bad=np.concatenate(bad, axis=1),
        )

    def with_bad_prints(self) -> "Rows":
        """The bars as the exchange publishes them."""
        fields = self.fields.copy()
        bar, kind, detail = self.bad
        by_kind = {name: bar[kind == number] for number, name in enumerate(BAD_PRINT_KINDS)}
        at = by_kind["times_100"]
        fields[:4, at] = np.round(fields[:4, at] * 100, 2)
        at = by_kind["divided_by_100"]
        fields[:4, at] = np.round(fields[:4, at] / 100, 4)
        at = by_kind["spike"]
        field = detail[kind == BAD_PRINT_KINDS.index("spike")]
        # open and high gain a digit, low and close lose one
        fields[field, at] = np.round(np.where(field < 2, fields[field, at] * _SPIKE, fields[field, at] / _SPIKE), 3)
        at = by_kind["high_below_low"]
        fields[1, at], fields[2, at] = np.round(fields[2, at] - 0.01, 2), np.round(fields[1, at] + 0.01, 2)
        at = by_kind["zero_price"]
        fields[detail[kind == BAD_PRINT_KINDS.index("zero_price")], at] = 0.0
        at = by_kind["negative_price"]
        fields[:4, at] *= -1
        fields[3, by_kind["missing_close"]] = np.nan
        times = np.ones(self.day.size, dtype=np.int64)
        times[by_kind["duplicate_row"]] = 2
        rows = np.repeat(np.arange(self.day.size), times) if times.size and times.max() > 1 else slice(None)
        return Rows(self.symbol[rows], self.day[rows], fields[:, rows], self.bad)

    def bars(self, names: pl.Series) -> pl.DataFrame:
        """The bars as RAW_BARS; `names` by index of the symbol."""
        columns = {"symbol": names.gather(self.symbol), "session": _dates(self.day)}
        columns |= {name: pl.Series(field) for name, field in zip(_FIELDS, self.fields, strict=True)}
        return pl.DataFrame(columns, schema=RAW_BARS)

    def bad_prints(self, names: pl.Series) -> pl.DataFrame:
        """The bad prints as BAD_PRINTS, in the order of the bars."""
        bar, kind, _ = self.bad[:, np.argsort(self.bad[0])]
        kinds = pl.Series(BAD_PRINT_KINDS).gather(kind)
        return pl.DataFrame({"symbol": names.gather(self.symbol[bar]), "session": _dates(self.day[bar]), "kind": kinds}, schema=BAD_PRINTS)


def actions_frame(actions: Integers, names: pl.Series) -> pl.DataFrame:
    """Corporate actions (rows as in `Rendered.actions`) as RAW_ACTIONS, by symbol, ex date and kind."""
    symbol, day, kind, pay_day, new, old, cents = actions[:, np.lexsort((actions[2], actions[1], actions[0]))]
    raw = pl.DataFrame(
        {
            "symbol": names.gather(symbol),
            "ex_date": _dates(day),
            "kind": pl.Series(_ACTION_KINDS).gather(kind),
            "pay_date": _dates(pay_day),
            "ratio_new": new,
            "ratio_old": old,
            "micros": cents * MICROS_PER_CENT,
        }
    )
    is_split = pl.col("kind") == "split"
    return raw.select(
        "symbol",
        "ex_date",
        "kind",
        pl.when(pl.col("kind") == "dividend").then("pay_date"),
        pl.when(is_split).then("ratio_new"),
        pl.when(is_split).then("ratio_old"),
        pl.when(~is_split).then((pl.col("micros").cast(pl.Decimal(24, 6)) / 1_000_000).cast(pl.Decimal(24, 6))).alias("cash_per_share"),
        pl.lit(None, dtype=pl.String).alias("new_symbol"),
    ).match_to_schema(RAW_ACTIONS)


def _dates(ordinals: Integers) -> pl.Series:
    return pl.Series((ordinals - _EPOCH).astype(np.int32)).cast(pl.Date)
