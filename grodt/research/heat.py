"""Tables whose cells are coloured by their value."""

from collections.abc import Collection, Sequence
from html import escape

import numpy as np

from grodt.replay.charts import Write
from grodt.replay.html import NONE, nothing
from grodt.replay.style import STYLE
from grodt.signals.panel import FloatArray

#: The style sheet of a tear sheet, and what coloured tables need.
HEAT_STYLE = (
    STYLE
    + """.heat{width:auto}
.heat td{background:color-mix(in srgb,var(--s0) var(--a,0%),transparent);min-width:58px;text-align:center}
.heat th{text-align:right;padding-right:10px}
.heat .mark{box-shadow:inset 0 0 0 2px var(--s1);font-weight:600}
.heat caption{font-weight:500;color:var(--soft);white-space:nowrap}
thead th:first-child{text-align:left}
.heats{display:flex;flex-wrap:wrap;gap:20px 40px;align-items:start}
"""
)
#: Strongest colour, per cent; text stays readable on it in light and in dark.
_STRONGEST = 60
#: A table of more columns says its values when pointed at.
_WIDE = 14


def heat_table(
    down: Sequence[str],
    across: Sequence[str],
    values: FloatArray,
    write: Write,
    *,
    caption: str,
    corner: str = "",
    marked: Collection[tuple[int, int]] = (),
) -> str:
    """A cell for each value, the stronger its colour the larger it is among all; NaN has none.

    Args:
        down, across: names of rows and columns.
        values: (rows, columns).
        write: a value in words.
        caption: above the table.
        corner: what rows and columns are.
        marked: cells with a frame.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return nothing("No run has the metric.")
    low, span = float(known.min()), float(known.max() - known.min())

    def cell(row: int, column: int) -> str:
        value = float(values[row, column])
        kind = ' class="mark"' if (row, column) in marked else ""
        if not np.isfinite(value):
            return f"<td{kind}>{NONE}</td>"
        share = round(_STRONGEST * (value - low) / span) if span > 0 else 0
        text = escape(write(value))
        told = f' title="{escape(across[column])}: {text}"' if len(across) > _WIDE else ""
        return f'<td{kind} style="--a:{share}%"{told}>{text}</td>'

    head = "".join(f"<th>{escape(name)}</th>" for name in across)
    rows = [
        f"<tr><th>{escape(name)}</th>{''.join(cell(row, column) for column in range(len(across)))}</tr>" for row, name in enumerate(down)
    ]
    return (
        f'<div class="wide"><table class="heat"><caption>{escape(caption)}</caption><thead><tr><th>{escape(corner)}</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
