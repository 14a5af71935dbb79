"""Charts as inline SVG, drawn from numbers alone: equal numbers give equal text. Colours are classes that the page's style sheet fills."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from grodt.signals.panel import FloatArray

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 58, 14, 10, 22
#: Columns of a chart: each shows first, lowest, highest and last of its sessions, so that no extreme is lost.
_COLUMNS = 440
#: Colours of the style sheet; later lines begin again.
_COLOURS = 8
#: Above this quotient of highest and lowest an axis of values is logarithmic.
_LOG_ABOVE = 6.0

type Write = Callable[[float], str]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of a chart: name in the legend, (T,) values with NaN where there is none, and whether to fill the area to zero."""

    name: str
    values: FloatArray
    area: bool = False


def line_chart(
    days: NDArray[np.datetime64],
    lines: Sequence[Line],
    write: Write,
    *,
    label: str,
    height: int = 220,
    log: bool = False,
    base: float | None = None,
) -> str:
    """Lines over sessions.

    Args:
        days: (T,).
        lines: with their legend if there are several.
        write: an axis value in words.
        label: what the chart shows, for those who cannot see it.
        height: in pixels of the drawing.
        log: logarithmic values where they span enough; they are > 0.
        base: a value that the axis always contains.
    """
    shown = np.concatenate([line.values for line in lines])
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return '<p class="none">No value yet: the series is too short.</p>'
    low, high = float(shown.min()), float(shown.max())
    if base is not None:
        low, high = min(low, base), max(high, base)
    curved = log and low > 0 and high / low > _LOG_ABOVE
    ticks = _log_ticks(low, high) if curved else nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    bottom, top = (math.log(low), math.log(high)) if curved else (low, high)

    def y(values: FloatArray) -> FloatArray:
        return _TOP + (height - _TOP - _BOTTOM) * (1.0 - ((np.log(values) if curved else values) - bottom) / (top - bottom))

    x = _across(days)
    parts = [_grid(ticks, y(np.array(ticks)), write), _dates(days, x, height)]
    if base is not None and not curved:
        parts.append(_base(float(y(np.array([base]))[0])))
    zero = float(height - _BOTTOM) if curved else float(y(np.array([0.0 if base is None else base]))[0])
    for number, line in enumerate(lines):
        parts += _path(x, y(line.values), line, number, zero)
    return _frame(height, label, parts) + _legend([line.name for line in lines])


def _path(x: FloatArray, y: FloatArray, line: Line, number: int, zero: float) -> list[str]:
    """The line, in as many pieces as it has gaps."""
    known = np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], known, [False])).astype(np.int8)))
    out = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        keep = _kept(x[start:end], y[start:end]) + start
        points = " ".join(f"{_at(px)},{_at(py)}" for px, py in zip(x[keep], y[keep], strict=True))
        if line.area:
            out.append(
                f'<polygon class="area s{number % _COLOURS}" points="{_at(x[start])},{_at(zero)} {points} {_at(x[end - 1])},{_at(zero)}"/>'
            )
        out.append(
            f'<polyline class="line s{number % _COLOURS}" points="{points}"/>' if keep.size > 1 else _dot(x[start], y[start], number)
        )
    return out


def _dot(x: float, y: float, number: int) -> str:
    return f'<circle class="dot s{number % _COLOURS}" cx="{_at(x)}" cy="{_at(y)}" r="2"/>'


def _kept(x: FloatArray, y: FloatArray) -> NDArray[np.int64]:
    """Rows to draw: all of a short line; of a long one first, lowest, highest and last of each column."""
    if x.size <= 4 * _COLUMNS:
        return np.arange(x.size)
    starts = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], _COLUMNS + 1)[:-1]))
    ends = np.append(starts[1:], x.size)
    rows = [(s, s + int(y[s:e].argmin()), s + int(y[s:e].argmax()), e - 1) for s, e in zip(starts.tolist(), ends.tolist(), strict=True)]
    return np.unique(np.array(rows, dtype=np.int64))


def bar_chart(names: Sequence[str], series: Sequence[tuple[str, FloatArray]], write: Write, *, label: str, height: int = 200) -> str:
    """Bars side by side in groups; NaN draws none. A bar says its value when pointed at.

    Args:
        names: of the groups.
        series: name and (groups,) values of each kind of bar.
        write: a value in words.
        label: what the chart shows.
        height: in pixels of the drawing.
    """
    shown = np.concatenate([values for _, values in series])
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return '<p class="none">No value yet: the series is too short.</p>'
    ticks = nice_ticks(min(0.0, float(shown.min())), max(0.0, float(shown.max())))
    low, high = ticks[0], ticks[-1]

    def y(value: float) -> float:
        return _TOP + (height - _TOP - _BOTTOM) * (1.0 - (value - low) / (high - low))

    step = (_WIDTH - _LEFT - _RIGHT) / len(names)
    wide = min(40.0, 0.76 * step / len(series))
    parts = [_grid(ticks, np.array([y(tick) for tick in ticks]), write)]
    every = -(-len(names) // 16)
    for group, name in enumerate(names):
        middle = _LEFT + step * (group + 0.5)
        for number, (kind, values) in enumerate(series):
            value = float(values[group])
            if math.isfinite(value):
                left, ends = middle + wide * (number - len(series) / 2), sorted((y(0.0), y(value)))
                box = f'x="{_at(left)}" y="{_at(ends[0])}" width="{_at(0.92 * wide)}" height="{_at(ends[1] - ends[0])}"'
                parts.append(
                    f'<rect class="bar s{number % _COLOURS}" {box}><title>{escape(f"{name} · {kind}: {write(value)}")}</title></rect>'
                )
        if group % every == 0:
            parts.append(f'<text class="tick" x="{_at(middle)}" y="{height - 6}" text-anchor="middle">{escape(name)}</text>')
    parts.append(_base(y(0.0)))
    return _frame(height, label, parts) + _legend([kind for kind, _ in series])


def range_chart(
    names: Sequence[str],
    low: FloatArray,
    middle: FloatArray,
    high: FloatArray,
    write: Write,
    *,
    label: str,
    marked: int | None = None,
    height: int = 200,
) -> str:
    """Ranges side by side, each with a dot in it, joined by a line; NaN draws none. A range says its values when pointed at.

    Args:
        names: of the ranges, in their order.
        low, middle, high: (ranges,).
        write: a value in words.
        label: what the chart shows.
        marked: the range in another colour.
        height: in pixels of the drawing.
    """
    known = np.flatnonzero(np.isfinite(middle))
    if not known.size:
        return '<p class="none">No value yet: nothing was measured.</p>'
    ticks = nice_ticks(float(low[known].min()), float(high[known].max()))
    bottom, top = ticks[0], ticks[-1]

    def y(value: float) -> float:
        return _TOP + (height - _TOP - _BOTTOM) * (1.0 - (value - bottom) / (top - bottom))

    step = (_WIDTH - _LEFT - _RIGHT) / len(names)
    x = [_LEFT + step * (place + 0.5) for place in range(len(names))]
    parts = [_grid(ticks, np.array([y(tick) for tick in ticks]), write)]
    if bottom <= 0.0 <= top:
        parts.append(_base(y(0.0)))
    if known.size > 1:
        points = " ".join(f"{_at(x[place])},{_at(y(float(middle[place])))}" for place in known.tolist())
        parts.append(f'<polyline class="line s5" points="{points}"/>')
    every = -(-len(names) // 24)
    for place, name in enumerate(names):
        if place in known:
            kind = "s1" if place == marked else "s0"
            ends = y(float(high[place])), y(float(low[place]))
            told = f"{name}: {write(float(middle[place]))} ({write(float(low[place]))} to {write(float(high[place]))})"
            box = f'x="{_at(x[place] - 5)}" y="{_at(ends[0])}" width="10" height="{_at(max(ends[1] - ends[0], 1.0))}"'
            parts.append(
                f'<g class="{kind}"><title>{escape(told)}</title><rect class="area {kind}" {box}/>'
                f'<circle class="dot {kind}" cx="{_at(x[place])}" cy="{_at(y(float(middle[place])))}" r="4"/></g>'
            )
        if place % every == 0:
            parts.append(f'<text class="tick" x="{_at(x[place])}" y="{height - 6}" text-anchor="middle">{escape(name)}</text>')
    return _frame(height, label, parts)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values that enclose low and high, about `count` of them: steps of 1, 2, 2.5 or 5 times a power of ten."""
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-100):
        pad = 0.1 * abs(high) or 0.01
        low, high = low - pad, high + pad
    raw = (high - low) / (count - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(nice for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if nice * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{step * i:.12g}") for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten (powers alone where that is many) that enclose low and high."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    mantissas = (1.0,) if last - first > 3 else (1.0, 2.0, 5.0)
    every = [float(f"{m * 10.0**power:.12g}") for power in range(first, last + 1) for m in mantissas]
    return [tick for i, tick in enumerate(every) if (i + 1 == len(every) or every[i + 1] > low) and (i == 0 or every[i - 1] < high)]


def _across(days: NDArray[np.datetime64]) -> FloatArray:
    """Where each session lies across the chart, by its date."""
    number: FloatArray = days.astype("datetime64[D]").astype(np.int64).astype(np.float64)
    span = max(1.0, float(number[-1]) - float(number[0]))
    across: FloatArray = _LEFT + (_WIDTH - _LEFT - _RIGHT) * (number - number[0]) / span
    return across


def _dates(days: NDArray[np.datetime64], x: FloatArray, height: int) -> str:
    """The dates below: starts of years, of months where there are few years, or both ends of a short series."""
    years, months = days.astype("datetime64[Y]"), days.astype("datetime64[M]")
    starts = np.flatnonzero(years[1:] != years[:-1]) + 1
    if starts.size >= 4:
        return "".join(_date(x[i], str(years[i]), height) for i in starts[:: -(-starts.size // 12)].tolist())
    starts = np.flatnonzero(months[1:] != months[:-1]) + 1
    if starts.size >= 2:
        step = next(step for step in (1, 2, 3, 6) if starts.size <= 12 * step or step == 6)
        return "".join(_date(x[i], str(months[i]), height) for i in starts.tolist() if months[i].astype(np.int64) % step == 0)
    ends = [(0, "start"), (days.size - 1, "end")] if days.size > 1 else [(0, "start")]
    return "".join(f'<text class="tick" x="{_at(x[i])}" y="{height - 6}" text-anchor="{anchor}">{days[i]}</text>' for i, anchor in ends)


def _date(x: float, text: str, height: int) -> str:
    line = f'<line class="grid" x1="{_at(x)}" x2="{_at(x)}" y1="{_TOP}" y2="{height - _BOTTOM}"/>'
    return line + f'<text class="tick" x="{_at(x)}" y="{height - 6}" text-anchor="middle">{text}</text>'


def _grid(ticks: Sequence[float], heights: FloatArray, write: Write) -> str:
    return "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_at(y)}" y2="{_at(y)}"/>'
        f'<text class="tick" x="{_LEFT - 6}" y="{_at(y + 3.5)}" text-anchor="end">{escape(write(tick))}</text>'
        for tick, y in zip(ticks, heights.tolist(), strict=True)
    )


def _base(y: float) -> str:
    return f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_at(y)}" y2="{_at(y)}"/>'


def _frame(height: int, label: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    return (
        '<p class="legend">'
        + "".join(f'<span><i class="s{i % _COLOURS}"></i>{escape(name)}</span>' for i, name in enumerate(names))
        + "</p>"
    )


def _at(value: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{value:z.1f}"
