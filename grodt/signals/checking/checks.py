"""The checks, each on every panel it is given: what passes has no words, what fails has its first counterexample."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from grodt.errors import DataError
from grodt.signals.checking.subject import Finding, Given, Subject, difference, own, unequal
from grodt.signals.checking.worlds import walk
from grodt.signals.indicators import listings
from grodt.signals.panel import Panel
from grodt.signals.plugins.watched import flaws, when_of
from grodt.signals.signal import SignalOutput

type Check = Callable[[Subject, Sequence[Given], Generator], Finding]

#: Cuts of each panel that are drawn; those at the edges of the history come on top.
_CUTS = 8
#: Rows with the largest moves, before each of which a panel is cut as well: of one that is made, and of real bars.
_MOVES = 32
_REAL_MOVES = 256
_ADDED = 5


def answers(subject: Subject, worlds: Sequence[Given], _rng: Generator) -> Finding:
    """It answers on every panel, short and empty ones too, with float64 arrays of the shape asked for."""
    for given in worlds:
        rows, stated = len(given.panel.sessions), subject.signal.history
        short = sorted(count for count in {1, 2, stated // 2, stated - 1, stated} if 1 <= count < rows)
        for count in (rows, *short):
            try:
                heard = subject.ask(given.until(count))
            except DataError as error:
                return Finding("answers", "fail", f"on a panel of {count} {subject.unit}s: {error}", given.name)
            if count == rows:
                subject.heard[given.name] = heard
    return _passed("answers", "on panels of every length and of no symbol")


def cells(subject: Subject, worlds: Sequence[Given]) -> list[Finding]:
    """Values stand where there is a bar alone, are finite and within the cap: three checks in one pass."""
    names = {"bar": "no bar, no value", "value": "no bar, no value", "finite": "finite", "cap": "cap"}
    found = {"no bar, no value": "a value only where there is a bar", "finite": "no infinities", "cap": f"within ±{subject.cap:g}"}
    findings = {name: _passed(name, words) for name, words in found.items()}
    for given in worlds:
        panel = given.panel
        for flaw in flaws(subject.ask(given), panel, panel.close.shape, subject.cap):
            name = names[flaw.rule]
            if findings[name].verdict == "pass":
                findings[name] = Finding(name, "fail", str(flaw), given.name, flaw.symbol, flaw.when)
    return list(findings.values())


def look_ahead(subject: Subject, worlds: Sequence[Given], rng: Generator) -> Finding:
    """Each value from data up to T is bit for bit that of longer data cut at T, also where what comes after T is a large move."""
    return _looking_ahead(subject, worlds, rng, _MOVES)


def look_ahead_on_real_bars(subject: Subject, worlds: Sequence[Given], rng: Generator) -> Finding:
    """The same with more T: what a signal must not know happens more seldom there."""
    return _looking_ahead(subject, worlds, rng, _REAL_MOVES)


def _looking_ahead(subject: Subject, worlds: Sequence[Given], rng: Generator, moves: int) -> Finding:
    looked = 0
    for given in worlds:
        whole = subject.ask(given)
        drawn = cuts(subject.signal.history, len(given.panel.sessions), rng)
        before = [count for count in before_moves(given.panel, moves) if count not in drawn]
        for count in (*drawn, *before):
            looked += 1
            first = 0 if count in drawn else count - 1  # before a move the last value is asked for alone
            upto = f"from data up to {when_of(given.panel, count - 1)}"
            kept = SignalOutput(whole.value[first:count], whole.forecast[first:count])
            cut = subject.ask(given.until(count), count - first)
            found = difference("look-ahead", given, first, (upto, cut), ("from longer data", kept))
            if found is not None:
                return found
    return _passed("look-ahead", f"the same bits from data up to T as from longer data, at {looked:,} T")


def rows_asked_for(subject: Subject, worlds: Sequence[Given], rng: Generator) -> Finding:
    """Each value is bit for bit the same whether one row is asked for or many."""
    for given in worlds:
        rows = len(given.panel.sessions)
        whole = subject.ask(given)
        for last in sorted({1, 2, 7, *rng.integers(1, rows + 1, 3).tolist()}):
            start = rows - min(last, rows)
            few = (f"asked for the last {rows - start} of {rows} {subject.unit}s", subject.ask(given, rows - start))
            many = ("asked for all of them", SignalOutput(whole.value[start:], whole.forecast[start:]))
            found = difference("rows asked for", given, start, few, many)
            if found is not None:
                return found
    return _passed("rows asked for", f"the same bits whether one {subject.unit} is asked for or many")


def another_symbol(subject: Subject, worlds: Sequence[Given], rng: Generator) -> Finding:
    """Symbols without any bar beside them change no value of the others."""
    return _with_others("another symbol", subject, worlds, rng, "with symbols beside it that have no bars", bars=False)


def members(subject: Subject, worlds: Sequence[Given], rng: Generator) -> Finding:
    """Symbols that the book may not trade change no value of the others."""
    return _with_others("members", subject, worlds, rng, "with symbols beside it that the book may not trade", bars=True)


def compares(subject: Subject, worlds: Sequence[Given], rng: Generator) -> Finding:
    """Whether symbols that the book may trade change the values of the others."""
    found = _with_others("compares symbols", subject, worlds, rng, "with more members beside it", bars=True, member=True)
    words = "no: a symbol's values are its own" if found.verdict == "pass" else "yes: more members change the values of the others"
    return Finding("compares symbols", "note", words)


def history(subject: Subject, worlds: Sequence[Given], _rng: Generator) -> Finding:
    """A listing's first value comes in the session that `history` says, no sooner and no later."""
    stated, unit, first = subject.signal.history, subject.unit, None
    for given in worlds:
        panel, value = given.panel, subject.ask(given).value
        barred = ~np.isnan(panel.close)
        for column, start, stop in _listings(panel):
            known = np.flatnonzero(~np.isnan(value[start:stop, column]))
            if not known.size:
                continue
            age, symbol = int(known[0]) + 1, panel.symbols[column]
            if age < stated:
                when, since = when_of(panel, start + age - 1), when_of(panel, start)
                words = f"unstable warm-up: {symbol}, listed since {since}, has a value in {unit} {age}, {when}, and history says {stated}"
                return Finding("history", "fail", words, given.name, symbol, when, {"stated": stated, "found": age})
            if given.plain and barred[start : start + age, column].all():
                first = age if first is None else min(first, age)
    if first is None:
        return Finding("history", "fail", f"no symbol ever has a value, {stated} {unit}s after its listing or later")
    if first > stated:
        words = f"stated wrongly: the first value comes in {unit} {first} of a listing, and history says {stated}"
        return Finding("history", "fail", words, worlds[0].name, values={"stated": stated, "found": first})
    return _passed("history", f"the first value comes in {unit} {stated} of a listing, as stated")


def same_twice(subject: Subject, worlds: Sequence[Given], _rng: Generator) -> Finding:
    """Asked again, and after other panels, it answers the same; and so does another one of the same parameters."""
    for given in worlds:
        before = subject.heard[given.name]
        for what, signal in (("asked again", None), ("from another one of the same parameters", subject.build())):
            found = difference("same twice", given, 0, ("at first", before), (what, subject.ask(given, signal=signal)))
            if found is not None:
                return found
    return _passed("same twice", "the same bits when asked again, other panels in between")


def inputs(subject: Subject, worlds: Sequence[Given], _rng: Generator) -> Finding:
    """It leaves the panel and the volatility it is given as they are."""
    for given in worlds:
        rows = len(given.panel.sessions)
        panel, volatility = own(given.panel, subject.signal.fields, rows), given.volatility.copy()
        subject.ask_on(panel, volatility)
        compared = [("volatility", volatility, given.volatility)]
        compared += [(name, panel.raw(name), given.panel.raw(name)) for name in ("close", *subject.signal.fields)]
        compared += [("log_return", panel.log_return, given.panel.log_return)]
        for name, after, before in compared:
            changed = unequal(after, before)
            if changed.any():
                row, column = (int(place) for place in np.unravel_index(int(changed.argmax()), changed.shape))
                symbol, when = given.panel.symbols[column], when_of(given.panel, row)
                values = {"before": float(before[row, column]), "after": float(after[row, column])}
                words = f"it writes to the panel: {name} of {symbol} {when} was {values['before']!r}, and is {values['after']!r} afterwards"
                return Finding("inputs", "fail", words + _line(subject, given), given.name, symbol, when, values)
        if panel.members is not None and given.panel.members is not None and (panel.members != given.panel.members).any():
            return Finding("inputs", "fail", f"it writes to the panel's members{_line(subject, given)}", given.name)
    return _passed("inputs", "nothing it is given is written to")


def cuts(stated: int, rows: int, rng: Generator) -> list[int]:
    """Where panels are cut: around the first values, at the end, and at places that are drawn."""
    edges = {1, 2, stated - 1, stated, stated + 1, rows - 1, rows}
    drawn = rng.integers(1, rows + 1, _CUTS).tolist()
    return sorted(count for count in edges | set(drawn) if 1 <= count <= rows)


def before_moves(panel: Panel, most: int) -> list[int]:
    """Counts of rows, ascending, that end before those rows in which some symbol moved most, the first row left out."""
    change = np.abs(np.nan_to_num(panel.log_return[1:]))
    largest = change.max(axis=1, initial=0.0)
    return sorted((np.argsort(-largest, kind="stable")[:most] + 1).tolist())


def _line(subject: Subject, given: Given) -> str:
    """Where it writes: found by arrays that cannot be written to."""
    panel, volatility = own(given.panel, subject.signal.fields, len(given.panel.sessions)), given.volatility.copy()
    for array in (panel.close, panel.log_return, *panel.fields.values(), volatility, *([] if panel.members is None else [panel.members])):
        array.flags.writeable = False
    try:
        subject.ask_on(panel, volatility)
    except DataError as error:
        return f" ({error})"
    return ""


def _passed(check: str, words: str) -> Finding:
    return Finding(check, "pass", words)


def _listings(panel: Panel) -> Iterator[tuple[int, int, int]]:
    """Column, first row and end of each listing."""
    starts = listings(panel)
    for column in range(len(panel.symbols)):
        rows = np.flatnonzero(starts[:, column]).tolist()
        for start, stop in itertools.pairwise([*rows, len(panel.sessions)]):
            yield column, start, stop


def _with_others(
    check: str, subject: Subject, worlds: Sequence[Given], rng: Generator, what: str, *, bars: bool, member: bool = False
) -> Finding:
    for given in worlds:
        wider, old = _widened(subject, given, rng, bars=bars, member=member)
        alone, beside = subject.ask(given), subject.ask(wider)
        among = SignalOutput(beside.value[:, old], beside.forecast[:, old])
        where = np.ones(alone.value.shape, dtype=np.bool_) if given.panel.members is None else given.panel.members
        found = difference(check, given, 0, ("alone", alone), (what, among), where)
        if found is not None:
            return found
    return _passed(check, f"the same bits {what}")


def _widened(subject: Subject, given: Given, rng: Generator, *, bars: bool, member: bool) -> tuple[Given, list[int]]:
    """The panel with more symbols between its own, and where its own stand now."""
    panel = given.panel
    rows, width = panel.close.shape
    seed = int(rng.integers(2**32))
    others = walk(rows, _ADDED, seed, subject.per_session).panel
    new = [f"{symbol}+" if number % 2 else f"A{number}" for number, symbol in enumerate([*panel.symbols, *"ABCDE"][:_ADDED])]
    names = [*panel.symbols, *new]
    order = sorted(range(len(names)), key=names.__getitem__)

    def beside(own: np.ndarray, added: np.ndarray) -> np.ndarray:
        return np.concatenate([own, added if bars else np.full(added.shape, np.nan)], axis=1)[:, order]

    known = np.ones(panel.close.shape, dtype=np.bool_) if panel.members is None else panel.members
    allowed = np.concatenate([known, np.full((rows, _ADDED), member)], axis=1)[:, order]
    fields = {name: beside(array, others.raw(name)) for name, array in panel.fields.items()}
    wider = replace(
        panel,
        symbols=tuple(names[place] for place in order),
        close=beside(panel.close, others.close),
        log_return=beside(panel.log_return, others.log_return),
        fields=fields,
        members=allowed,
    )
    return Given.of(given.name, wider), [order.index(column) for column in range(width)]
