"""The HTML of a tear sheet: no script, no network, readable in light and dark and on paper."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby

import numpy as np

from grodt.replay.charts import Line, Write, bar_chart, line_chart
from grodt.replay.definitions import BENCHMARK, DEFINITIONS, GROWTH, RISK, SHAPE, Definition
from grodt.replay.html import NONE, amount, document, figure, nothing, percent, plain, section, sign, table
from grodt.replay.sheet import ROLLING, Sheet
from grodt.replay.statistics import Statistics
from grodt.signals.panel import FloatArray

_TILES = ("annual_return", "annual_volatility", "sharpe", "max_drawdown", "calmar", "hit_rate")
#: A return of a few sessions is not stated per year (as GIPS has it); nor is what is made of it.
_TILES_UNDER_A_YEAR = ("total_return", "annual_volatility", "sharpe", "max_drawdown", "hit_rate")
_PARTS = (
    "sessions",
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "cvar_historical",
    "hit_rate",
    "profit_factor",
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def page_of(sheet: Sheet) -> str:
    """The whole page."""
    record, name = sheet.record, escape(sheet.record.name)
    first, last = record.sessions[0], record.sessions[-1]
    sections = [
        section("Equity", _equity(sheet)),
        section("Drawdown", _curve(sheet, [("drawdown", "drawdown")], percent, area=True, base=0.0, height=150)),
        section("Return by year", _years(sheet)),
        section("Return by month", _months(sheet)),
        section(f"Sharpe ratio over {ROLLING} sessions", _curve(sheet, [("rolling_sharpe", "Sharpe ratio")], plain, base=0.0, height=160)),
        section(
            f"Volatility per year over {ROLLING} sessions",
            _curve(sheet, [("rolling_volatility", "volatility")], percent, base=0.0, height=160),
        ),
        section("Worst drawdowns", _worst(sheet)),
        *_exposures(sheet),
        *_signals(sheet),
        *([section("By regime", _parts(sheet.regimes))] if sheet.regimes else []),
        section("Statistics", _figures(sheet)),
        section("Definitions", _definitions()),
    ]
    measured = f" · against {escape(record.benchmark_name)}" if record.benchmark is not None else ""
    tiles = _TILES if sheet.book.sessions >= record.sessions_per_year else _TILES_UNDER_A_YEAR
    rate = f"{record.risk_free:.2%} risk-free · {record.sessions_per_year:g} sessions per year"
    body = (
        f"<header><h1>{name}</h1><p>{first} to {last} · {sheet.book.sessions:,} sessions{measured} · {rate}</p></header>\n"
        f'<div class="tiles">{"".join(_tile(sheet.book, each) for each in tiles)}</div>\n' + "\n".join(sections)
    )
    return document(f"{name} · tear sheet", body)


def _tile(book: Statistics, field: str) -> str:
    known = DEFINITIONS[field]
    return f'<div title="{escape(known.text)}"><b>{figure(field, getattr(book, field))}</b><span>{escape(known.title)}</span></div>'


def _equity(sheet: Sheet) -> str:
    record = sheet.record
    if record.benchmark is None:
        return _curve(sheet, [("equity", "equity")], amount, log=True)
    lines = [
        Line(record.name, record.equity / record.equity[0]),
        Line(record.benchmark_name, record.benchmark / record.benchmark[0]),
    ]
    note = '<p class="note">Both start at 1.</p>'
    return line_chart(record.sessions, lines, plain, label="equity and benchmark, both from 1", log=True, height=260) + note


def _curve(
    sheet: Sheet,
    columns: Sequence[tuple[str, str]],
    write: Write,
    *,
    area: bool = False,
    base: float | None = None,
    height: int = 240,
    log: bool = False,
) -> str:
    lines = [Line(title, sheet.curves.get_column(column).fill_null(np.nan).to_numpy(), area) for column, title in columns]
    label = ", ".join(title for _, title in columns)
    return line_chart(sheet.record.sessions, lines, write, label=label, height=height, base=base, log=log)


def _years(sheet: Sheet) -> str:
    names = [f"{period.year}" for period in sheet.years.get_column("period")]
    series = [(sheet.record.name, sheet.years.get_column("return").to_numpy())]
    if sheet.record.benchmark is not None:
        series.append((sheet.record.benchmark_name, sheet.years.get_column("benchmark").to_numpy()))
    return bar_chart(names, series, percent, label="return of each year") if names else nothing("No year has a return yet.")


def _months(sheet: Sheet) -> str:
    if sheet.months.is_empty():
        return nothing("No month has a return yet.")
    months = {(p.year, p.month): value for p, value in sheet.months.select("period", "return").iter_rows()}
    years = {p.year: value for p, value in sheet.years.select("period", "return").iter_rows()}
    largest = max(0.01, float(np.quantile(np.abs(sheet.months.get_column("return").to_numpy()), 0.95)))
    rows = [
        f"<tr><th>{year}</th>{''.join(_cell(months.get((year, month)), largest) for month in range(1, 13))}{_cell(total, None)}</tr>"
        for year, total in years.items()
    ]
    head = "".join(f"<th>{month}</th>" for month in (*_MONTHS, "Year"))
    return f'<div class="wide"><table class="months"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _cell(value: float | None, largest: float | None) -> str:
    """A month, the stronger its colour the larger its return; or, without a largest, a year."""
    if value is None:
        return "<td></td>"
    shade = "" if largest is None else f' style="--a:{min(1.0, abs(value) / largest) * 60:.0f}%"'
    kind = "year" if largest is None else "up" if value > 0 else "down" if value < 0 else ""
    return f'<td class="{kind}"{shade}>{sign(f"{value * 100:z.1f}")}</td>'


def _worst(sheet: Sheet) -> str:
    if not sheet.worst:
        return nothing("Equity never fell below its high.")
    head = ("", "Depth", "Peak", "Trough", "Recovery", "Sessions to trough", "Sessions in all")
    rows = [
        (
            str(i),
            percent(each.depth, 2),
            str(each.peak),
            str(each.trough),
            str(each.recovery or "not yet"),
            f"{each.fall:,}",
            f"{each.length:,}",
        )
        for i, each in enumerate(sheet.worst, start=1)
    ]
    return table(head, rows)


def _exposures(sheet: Sheet) -> Iterable[str]:
    held = [(column, title) for column, title in (("gross_exposure", "gross"), ("net_exposure", "net")) if column in sheet.curves.columns]
    if held:
        yield section("Exposure over equity", _curve(sheet, held, percent, base=0.0, height=170))
    if sheet.record.turnover is not None and sheet.record.sessions.size > 1:
        months, at = np.unique(sheet.record.sessions[1:].astype("datetime64[M]"), return_inverse=True)
        sums = np.bincount(at, weights=np.asarray(sheet.record.turnover, dtype=np.float64)[1:])
        names = [str(month) for month in months]
        yield section("Turnover by month", bar_chart(names, [("traded over equity", sums)], percent, label="turnover by month", height=170))


def _signals(sheet: Sheet) -> Iterable[str]:
    if not sheet.signals:
        return
    lines = [Line(name, _summed(sheet.record.contributions[name])) for name in sheet.signals]
    note = '<p class="note">Contributions to the book\'s return, added up and not compounded.</p>'
    chart = line_chart(sheet.record.sessions, lines, percent, label="contribution of each signal, added up", base=0.0)
    yield section("By signal", chart + note + _parts(sheet.signals))


def _summed(contribution: FloatArray) -> FloatArray:
    return np.concatenate(([0.0], np.cumsum(np.asarray(contribution, dtype=np.float64)[1:])))


def _parts(parts: Mapping[str, Statistics]) -> str:
    head = [escape(DEFINITIONS[field].title) for field in _PARTS]
    titles = [DEFINITIONS[field].text for field in _PARTS]
    rows = [(escape(name), *(figure(field, getattr(each, field)) for field in _PARTS)) for name, each in parts.items()]
    return table(("", *head), rows, titles=("", *titles))


def _figures(sheet: Sheet) -> str:
    """All statistics in groups; what they are shows when pointed at."""
    groups = [(title, dict(items)) for title, items in groupby(DEFINITIONS.items(), key=lambda item: item[1].group)]
    shown = [_group(sheet, title, known) for title, known in groups if sheet.benchmark is not None or title != BENCHMARK]
    return f'<div class="groups">{"".join(shown)}</div>'


def _group(sheet: Sheet, title: str, known: Mapping[str, Definition]) -> str:
    both = sheet.benchmark is not None and title in (GROWTH, RISK, SHAPE)
    rows = []
    for field, each in known.items():
        own, theirs = getattr(sheet.book, field), getattr(sheet.benchmark, field) if both else None
        cells = f"<td>{figure(field, own)}</td>" + (f"<td>{figure(field, theirs)}</td>" if both else "")
        rows.append(f'<tr title="{escape(each.text)}"><th><span>{escape(each.title)}</span></th>{cells}</tr>')
    head = f"<tr><th></th><th>{escape(sheet.record.name)}</th><th>{escape(sheet.record.benchmark_name)}</th></tr>" if both else ""
    return f"<table><caption>{escape(title)}</caption><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _definitions() -> str:
    items = "".join(f"<dt>{escape(each.title)}</dt><dd>{escape(each.text)}</dd>" for each in DEFINITIONS.values())
    return (
        "<details><summary>What each statistic is</summary><p>Returns are simple and of one session, close to close. Losses are negative. "
        f"“{NONE}” is undefined, or not known.</p><dl>{items}</dl></details>"
    )
