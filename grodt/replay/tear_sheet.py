"""The tear sheet: one HTML file that needs nothing else, and beside it the same numbers as JSON and Parquet."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from grodt.errors import ConfigError
from grodt.lake.encoding import encode
from grodt.replay.page import page_of
from grodt.replay.record import Record
from grodt.replay.sheet import figures_of, sheet_of
from grodt.replay.statistics import statistics_frame


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a tear sheet."""

    html: Path
    json: Path
    curves: Path
    statistics: Path


def tear_sheet(record: Record, path: Path) -> Written:
    """Write the tear sheet to `path`, and its numbers beside it under the same name: .json, .parquet and .statistics.parquet.

    The same record gives the same bytes. Files are replaced one by one, each whole.

    Args:
        record: what the book did.
        path: of the HTML file, in a folder that exists; its suffix is .html.

    Raises:
        ConfigError: another suffix, or no such folder.
    """
    if path.suffix != ".html" or not path.parent.is_dir():
        raise ConfigError(f"tear sheet {path}: give a file that ends in .html, in a folder that exists")
    sheet = sheet_of(record)
    written = Written(path, path.with_suffix(".json"), path.with_suffix(".parquet"), path.with_suffix(".statistics.parquet"))
    _put(written.curves, encode(sheet.curves))
    _put(written.statistics, encode(statistics_frame(record), "first_session"))
    _put(
        written.json, json.dumps(figures_of(sheet), ensure_ascii=False, indent=1, default=date.isoformat, allow_nan=False).encode() + b"\n"
    )
    _put(written.html, page_of(sheet).encode())
    return written


def _put(path: Path, content: bytes | memoryview) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
