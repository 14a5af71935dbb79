"""What is told and not judged: how fast a seed fades, what a split does, how large forecasts are, and how long it takes."""

import time

import numpy as np

from grodt.signals.checking.subject import Finding, Given, Subject
from grodt.signals.checking.worlds import PER_SESSION, rows_of, split_walk, walk
from grodt.signals.panel import Panel
from grodt.signals.plugins.watched import when_of

#: What speed and the average forecast are measured on.
SYMBOLS, ROWS = 500, 2520
_SYMBOLS = 6
#: Of a day in New York.
_MINUTES = 390
#: Relative differences below this are rounding.
_ROUNDING = 1e-9


def first_session(subject: Subject, seed: int) -> Finding:
    """How much a value depends on the panel's first session, one, two and three histories after it."""
    stated = subject.signal.history
    later, ages = PER_SESSION * -(-stated // PER_SESSION), (stated, 2 * stated, 3 * stated)  # the start of a session
    panel = walk(later + 3 * stated, _SYMBOLS, seed, subject.per_session, ticks=False).panel
    whole = subject.ask(Given.of("walks", panel)).value
    cut = subject.ask(Given.of("walks", starting(panel, later))).value
    level = float(np.nanmean(np.abs(whole))) if np.isfinite(whole).any() else 0.0
    shares = []
    for age in ages:
        apart = np.abs(whole[later + age - 1] - cut[age - 1])
        shares.append(float(np.nanmax(apart)) / level if level > 0 and np.isfinite(apart).any() else 0.0)
    values = {f"after {age}": share for age, share in zip(ages, shares, strict=True)}
    if max(shares) < _ROUNDING:
        return Finding("first session", "note", "where the history begins decides no value (but for rounding)", values=values)
    told = ", ".join(f"{share:.2g} after {age} {subject.unit}s" for age, share in zip(ages, shares, strict=True))
    return Finding("first session", "note", f"a seed that fades: a later start moves a value by {told}, of an average value", values=values)


def splits(subject: Subject, seed: int) -> Finding:
    """Whether a value is another one because shares were split on the way."""
    rows = rows_of(subject.signal.history)
    plain, split = split_walk(rows, _SYMBOLS, seed, subject.per_session)
    without, with_them = (subject.ask(Given.of(world.name, world.panel)).value for world in (plain, split))
    level = float(np.nanmean(np.abs(without))) if np.isfinite(without).any() else 0.0
    moved = (np.abs(with_them - without) > 1e-6 * level) | (np.isnan(without) != np.isnan(with_them))
    if not moved.any():
        return Finding("splits", "note", "a split changes no value")
    row, column = (int(place) for place in np.unravel_index(int(moved.argmax()), moved.shape))
    symbol, when = plain.panel.symbols[column], when_of(plain.panel, row)
    values = {"without": float(without[row, column]), "with": float(with_them[row, column])}
    words = (
        f"LOOK: a split makes the value of {symbol} {when} {values['with']:.6g} in place of {values['without']:.6g}; unless the price as"
    )
    return Finding("splits", "note", f"{words} quoted is meant, use panel.adjusted()", split.name, symbol, when, values)


def size_and_speed(subject: Subject, seed: int) -> list[Finding]:
    """How large an average forecast is on random walks, and how long the signal takes, for all rows and for the last one."""
    per_session = 1 if subject.per_session == 1 else _MINUTES
    given = Given.of("walks", walk(ROWS + subject.signal.history, SYMBOLS, seed, per_session).panel)
    started = time.perf_counter()
    output = subject.ask(given, ROWS)
    whole = time.perf_counter() - started
    started = time.perf_counter()
    subject.ask(given, 1)
    last = time.perf_counter() - started
    known = np.abs(output.forecast[~np.isnan(output.forecast)])
    average, capped = (float(known.mean()), float((known >= subject.cap).mean())) if known.size else (0.0, 0.0)
    words = f"{average:.2f} on random walks, {capped:.0%} of them at the cap; 1 before the cap is the convention"
    size = Finding("average forecast", "note", words, values={"average": average, "at the cap": capped})
    told = f"{SYMBOLS} symbols × {ROWS:,} {subject.unit}s in {whole:.2f} s, the last row alone in {last:.2f} s"
    return [size, Finding("speed", "note", told, values={"all rows, seconds": whole, "last row, seconds": last})]


def starting(panel: Panel, row: int) -> Panel:
    """The panel from that row on, as it would be had nothing before been known."""
    close, change = panel.close[row:], panel.log_return[row:].copy()
    first = np.argmax(~np.isnan(close), axis=0)
    change[first, np.arange(close.shape[1])] = np.nan
    return Panel(
        panel.sessions[row:],
        panel.symbols,
        close,
        change,
        {name: array[row:] for name, array in panel.fields.items()},
        None if panel.members is None else panel.members[row:],
        None if panel.ends is None else panel.ends[row:],
        panel.rows_per_year,
    )
