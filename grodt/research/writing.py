"""Results on disk: tables, a page and a summary in one folder, which is replaced as a whole at the end."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from grodt.errors import ConfigError
from grodt.replay.tear_sheet import tear_sheet
from grodt.research.grid import named
from grodt.research.metrics import metric_of, ranked
from grodt.research.page import sweep_page, walk_forward_page
from grodt.research.stability import marginals, neighbours
from grodt.research.sweep import Sweep
from grodt.research.tables import (
    SWEEP_TABLES,
    WALK_FORWARD_TABLES,
    equity_frame,
    in_sample_frame,
    neighbours_frame,
    parameters_frame,
    runs_frame,
    windows_frame,
    write_table,
)
from grodt.research.walk_forward import WalkForward

SUMMARY, PAGE = "summary.json", "report.html"
OUT_OF_SAMPLE = "out_of_sample"
#: Runs named in a summary.
_TOP = 10


def require_folder(out: Path) -> Path:
    """The folder, if it may be replaced: it is not there, is empty, or holds earlier results.

    Raises:
        ConfigError: it is something else.
    """
    if not out.exists() or (out.is_dir() and ((out / SUMMARY).is_file() or not any(out.iterdir()))):
        return out
    raise ConfigError(f"--out {out} is there and holds no earlier results of this command; give a folder of its own")


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of `out` in the end, or leaves nothing behind."""
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        require_folder(out)
        shutil.rmtree(out, ignore_errors=True)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_sweep(folder: Path, book: str, done: Sweep) -> dict[str, Any]:
    """Write a sweep's tables, page and summary; returns the summary."""
    per_axis = [(axis, marginals(axis, done.parameters, done.values)) for axis in done.axes]
    around = neighbours(done.axes, done.parameters, done.values, done.best)
    frames = {
        "runs.parquet": runs_frame(done),
        "equity.parquet": equity_frame(done),
        "parameters.parquet": parameters_frame(per_axis),
        "neighbours.parquet": neighbours_frame(around),
    }
    for name, frame in frames.items():
        write_table(folder, name, SWEEP_TABLES[name], frame)
    (folder / PAGE).write_text(sweep_page(book, done), encoding="utf-8")
    count = len(done.sessions)
    best = done.runs[done.best].outcomes[count]
    facts = {
        "book": book,
        "first_session": done.sessions[0],
        "last_session": done.sessions[-1],
        "sessions": count,
        "metric": done.metric,
        "runs": len(done.runs),
        "lost": sum(count not in each.outcomes for each in done.runs),
        "signals_evaluated": done.signals,
        "trials": asdict(done.trials),
        "best": {
            "run": done.best + 1,
            "parameters": dict(done.parameters[done.best]),
            "metric": done.values[done.best],
            "deflated_sharpe": done.deflated[done.best],
            "statistics": asdict(best.statistics) | {"deflated_sharpe": done.deflated[done.best]},
        },
        "top": [
            {"run": place + 1, "parameters": dict(done.parameters[place]), "metric": done.values[place]}
            for place in ranked(done.values)[:_TOP]
            if done.values[place] is not None
        ],
        "parameters": frames["parameters.parquet"].to_dicts(),
        "neighbours": frames["neighbours.parquet"].to_dicts(),
        "errors": {named(done.parameters[each.variant]): each.error for each in done.runs if each.error},
    }
    return _summarised(folder, facts)


def write_walk_forward(folder: Path, book: str, done: WalkForward) -> dict[str, Any]:
    """Write a walk-forward analysis' tables, page, summary and the tear sheet of its tests; returns the summary."""
    values = [metric_of(each, done.metric) for each in done.tested]
    frames = {"windows.parquet": windows_frame(done, values), "in_sample/runs.parquet": in_sample_frame(done)}
    for name, frame in frames.items():
        write_table(folder, name, WALK_FORWARD_TABLES[name], frame, "train_start")
    (folder / OUT_OF_SAMPLE).mkdir(exist_ok=True)
    tear_sheet(done.record, folder / OUT_OF_SAMPLE / "tear-sheet.html")
    (folder / PAGE).write_text(walk_forward_page(book, done), encoding="utf-8")
    shown = ("window", "train_start", "train_end", "test_start", "test_end", "run", "in_sample", "out_of_sample", "degradation")
    facts = {
        "book": book,
        "first_session": done.sessions[0],
        "last_session": done.sessions[-1],
        "metric": done.metric,
        "anchored": done.anchored,
        "runs": len(done.parameters),
        "replays": done.replays,
        "signals_evaluated": done.signals,
        "in_sample": done.in_sample,
        "out_of_sample": done.out_of_sample,
        "degradation": done.degradation,
        "efficiency": done.efficiency,
        "windows": [
            {name: row[name] for name in shown} | {"parameters": dict(done.parameters[choice.best]), "deflated_sharpe": choice.deflated}
            for row, choice in zip(frames["windows.parquet"].iter_rows(named=True), done.choices, strict=True)
        ],
        "statistics": asdict(done.statistics),
        "halts": [asdict(each) for each in done.course.halts],
    }
    return _summarised(folder, facts)


def _summarised(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(facts, ensure_ascii=False, indent=1, default=date.isoformat, allow_nan=False)
    (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")
    return facts
