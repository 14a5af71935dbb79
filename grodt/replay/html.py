"""Pieces of a page: no script, no network, readable in light and dark and on paper. Equal facts give equal text."""

from collections.abc import Sequence
from datetime import date
from html import escape

from grodt.replay.definitions import DEFINITIONS
from grodt.replay.style import STYLE

NONE = "–"


def document(title: str, body: str, style: str = STYLE) -> str:
    """A whole page.

    Args:
        title: of the window, as HTML.
        body: what stands in it, as HTML.
        style: its style sheet.
    """
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head>\n<body><main>{body}\n</main></body></html>\n"
    )


def section(title: str, body: str) -> str:
    """A section under its title; the body is HTML already."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], titles: Sequence[str] = ()) -> str:
    """A table of cells that are HTML already; the first column names the row."""
    hints = [f' title="{escape(text)}"' if text else "" for text in titles] or [""] * len(head)
    top = "".join(f"<th{hint}>{text}</th>" for text, hint in zip(head, hints, strict=True))
    body = "".join(f"<tr><th>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def nothing(text: str) -> str:
    """What stands where there is nothing to show."""
    return f'<p class="none">{text}</p>'


def percent(value: float, digits: int | None = None) -> str:
    """A share in per cent, of that many digits or of as many as it needs."""
    return sign(f"{100 * value:z,.{digits}f} %" if digits is not None else f"{100 * value:,.6g} %")


def plain(value: float) -> str:
    """A number of as many digits as it needs."""
    return sign(f"{value:,.6g}")


def sign(text: str) -> str:
    """The text with a minus sign of its own width."""
    return text.replace("-", "−")


def amount(value: float) -> str:
    """An amount of money in short, such as 1.5 M."""
    for size, letter in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:,.6g}{letter}"
    return plain(value)


def figure(field: str, value: float | date | None) -> str:
    """A statistic as its kind is written."""
    if value is None:
        return NONE
    if isinstance(value, date):
        return value.isoformat()
    kind = DEFINITIONS[field].kind
    return f"{value:,}" if kind == "count" else percent(value, 2) if kind == "percent" else sign(f"{value:z,.2f}")
