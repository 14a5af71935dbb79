"""Minutes of the simulated exchange: paths through a session whose aggregation is the daily bar, to the cent and to the share.

A session's price walks from its open to its close as a bridge between the daily low and high, and touches both. Its shares are spread over
the minutes in the shape of a U, each minute by chance more or fewer; what hardly trades has minutes in which nobody did, and no bar of
these. Every random number is a function of (seed, session, symbol, minute), so no order of asking changes it.
"""

import numpy as np
import polars as pl

from grodt.bars.simulated_bars import Rows
from grodt.bars.simulated_draws import Flags, Floats, Integers
from grodt.bars.source import RAW_MINUTES
from grodt.sessions import INSTANT, Calendar

_STREAM = 4  # of the seed; 1 to 3 are the paths'
_SYMBOL_BITS, _MINUTE_BITS = 20, 10  # of the counter, which counts four words: a minute takes one
_SHARES_A_TRADE = 60.0
_RANGE_OF_A_BRIDGE = 1.25  # mean range of a Brownian bridge, in σ of its end without the bridge
_WICK = 0.4  # of a minute's usual move, beyond its open and close
_CENTS = 100
_EPOCH = 719_163  # ordinal of 1970-01-01
_BATCH = 2_000_000  # minutes computed together: bounds the memory of an answer


def minutes_of(rows: Rows, seed: int, calendar: Calendar, names: pl.Series) -> pl.DataFrame:
    """Clean daily bars as minutes (RAW_MINUTES), by symbol then start.

    Args:
        rows: daily bars, their prices whole cents, their volume whole shares.
        seed: of the exchange.
        calendar: its calendar.
        names: by index of the symbol.
    """
    days = np.unique(rows.day)
    stamps = [_stamps(calendar, int(day)) for day in days]
    lengths = np.array([stamp.size for stamp in stamps], dtype=np.int64)
    place = np.searchsorted(days, rows.day)
    parts: list[tuple[Integers, Floats]] = []
    order: list[Integers] = []
    for length in np.unique(lengths).tolist():
        alike = np.flatnonzero(lengths[place] == length)
        size = max(1, _BATCH // length)
        starts = np.stack([stamps[at] if lengths[at] == length else np.empty(length, np.int64) for at in range(days.size)])
        for first in range(0, alike.size, size):
            chosen = alike[first : first + size]
            made, fields, minute = _walk(_draws(seed, rows, chosen, length), rows.fields[:, chosen])
            parts.append((starts[place[chosen[made]], minute], fields))
            order.append(chosen[made])
    if not parts:
        return pl.DataFrame(schema=RAW_MINUTES)
    bar = np.concatenate(order)
    start = np.concatenate([stamp for stamp, _ in parts])
    fields = np.concatenate([field for _, field in parts], axis=1)
    if len(order) > 1:
        sort = np.argsort(bar, kind="stable")  # bars are by symbol then session, and minutes of a bar ascend
        bar, start, fields = bar[sort], start[sort], fields[:, sort]
    columns = {"symbol": names.gather(rows.symbol[bar]), "start": pl.Series(start).cast(pl.Datetime("us", "UTC"))}
    columns |= {name: pl.Series(field) for name, field in zip(RAW_MINUTES.names()[2:], fields, strict=True)}
    return pl.DataFrame(columns, schema=RAW_MINUTES)


def _stamps(calendar: Calendar, day: int) -> Integers:
    """Start of each minute of a session, in microseconds since 1970."""
    session = np.datetime64(day - _EPOCH, "D").item()
    parts = [
        np.arange(np.datetime64(start.replace(tzinfo=None), "m"), np.datetime64(end.replace(tzinfo=None), "m"))
        for start, end in calendar.trading_hours(session)
    ]
    return np.concatenate(parts).astype(INSTANT).astype(np.int64)


def _draws(seed: int, rows: Rows, chosen: Integers, length: int) -> Floats:
    """Four uniforms in (0, 1) for each bar and minute: (4, bars, minutes). The four 16-bit parts of one 64-bit word of Philox."""
    words = np.empty((chosen.size, length), dtype="<u8")
    at = ((rows.day[chosen] << _SYMBOL_BITS) + rows.symbol[chosen]).tolist()
    sequence = sorted(range(len(at)), key=at.__getitem__)
    counter = at[sequence[0]] << _MINUTE_BITS
    bits = np.random.Philox(key=(_STREAM << 64) | seed, counter=counter)
    blocks = -(-length // 4)
    for row in sequence:
        wanted = at[row] << _MINUTE_BITS
        if wanted != counter:
            bits.advance(wanted - counter)
        words[row] = bits.random_raw(4 * blocks)[:length]
        counter = wanted + blocks
    parts = words.view("<u2").reshape(chosen.size, length, 4)
    uniforms = np.empty((4, chosen.size, length))
    for factor in range(4):
        np.add(parts[:, :, factor], 0.5, out=uniforms[factor])
    uniforms *= 2.0**-16
    return uniforms


def _walk(uniforms: Floats, daily: Floats) -> tuple[Integers, Floats, Integers]:
    """Minutes with a trade, by bar then minute: which bar, the five fields, which minute.

    Args:
        uniforms: as of `_draws`.
        daily: open, high, low, close, volume × bars.
    """
    bars, length = uniforms.shape[1:]
    step, wick, size, chance = uniforms
    opened, high, low, close = np.rint(daily[:4] * _CENTS)
    shares = daily[4]
    traded, spread = _shares(shares, size, chance)

    spread_of_day = (high - low)[:, None]
    walk = np.cumsum((step - 0.5) * np.sqrt(12 / length), axis=1)
    share_of_day = np.arange(1, length + 1) / length
    walk -= share_of_day * walk[:, -1:]
    walk *= spread_of_day / _RANGE_OF_A_BRIDGE
    walk += opened[:, None] + (close - opened)[:, None] * share_of_day
    np.clip(np.rint(walk, out=walk), low[:, None], high[:, None], out=walk)
    begin = np.concatenate([opened[:, None], walk[:, :-1]], axis=1)

    # the first minute that trades opens the day, and the last one closes it
    every = np.arange(bars)
    first, last = traded.argmax(axis=1), length - 1 - traded[:, ::-1].argmax(axis=1)
    begin[every, first], walk[every, last] = opened, close
    reach = spread_of_day * _WICK / np.sqrt(length)
    top = np.minimum(np.maximum(begin, walk) + np.rint(reach * wick), high[:, None])
    bottom = np.maximum(np.minimum(begin, walk) - np.rint(reach * (1 - wick)), low[:, None])
    top[every, np.where(traded, top, -np.inf).argmax(axis=1)] = high
    bottom[every, np.where(traded, bottom, np.inf).argmin(axis=1)] = low

    bar, minute = np.nonzero(traded)
    fields = np.stack([field[traded] for field in (begin, top, bottom, walk, spread)])
    fields[:4] /= _CENTS
    return bar.astype(np.int64), fields, minute.astype(np.int64)


def _shares(shares: Floats, size: Floats, chance: Floats) -> tuple[Flags, Floats]:
    """Which minutes trade, and how many whole shares: at least one each, and the daily volume together."""
    length = size.shape[1]
    middle = (np.arange(length) + 0.5) / length
    shape = 1.0 + 2.0 * (2 * middle - 1) ** 4
    shape[0], shape[-1] = 5.0, 6.0  # the auctions
    weight = shape * (size / (1 - size)) ** 0.35
    weight /= weight.sum(axis=1, keepdims=True)
    traded = chance < -np.expm1(-weight * shares[:, None] / _SHARES_A_TRADE)
    count = traded.sum(axis=1)
    odd = (count == 0) | (count > shares)
    traded[odd] = False
    traded[odd, weight[odd].argmax(axis=1)] = True
    weight *= traded
    upto = np.cumsum(weight, axis=1)
    rest = shares - traded.sum(axis=1)
    upto *= (rest / upto[:, -1])[:, None]
    np.floor(upto, out=upto)
    # from the last minute that trades on it is all of them, whatever was rounded
    last = length - 1 - traded[:, ::-1].argmax(axis=1)
    upto = np.where(np.arange(length) >= last[:, None], rest[:, None], np.minimum(upto, rest[:, None]))
    spread = np.diff(upto, axis=1, prepend=0.0)
    return traded, spread + traded
