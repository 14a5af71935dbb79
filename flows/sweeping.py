"""What `grodt sweep` and `grodt walk-forward` have to do, and doing it without Prefect: they send nothing and write no ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import grodt
from flows.at_home import chosen_book, limits_at_home
from flows.replaying import asked_range
from grodt.ledger.manifest import snapshot, snapshot_as_of
from grodt.replay.closing import Identity
from grodt.replay.course import Plan, Recorder
from grodt.replay.eligibility import Judging
from grodt.replay.history import History
from grodt.replay.reading import Wanted
from grodt.replay.running import read_members
from grodt.replay.tables import Tables
from grodt.research.grid import Axis, Parameters, combinations
from grodt.research.metrics import require_metric
from grodt.research.shared import Setting
from grodt.research.sweep import Progress, sweep
from grodt.research.variants import Use, Variant, fields_read, needs_liquidity
from grodt.research.walk_forward import Window, require_walkable, walk_forward, windows_of
from grodt.research.workers import require_workers
from grodt.research.writing import OUT_OF_SAMPLE, replacing, require_folder, write_sweep, write_walk_forward
from grodt.settings.book import BookConfig
from grodt.settings.varied import parse_vary, varied
from tasks.environment import environment
from tasks.wiring import DataParts, books, data_parts


@dataclass(frozen=True, slots=True)
class Asked:
    """Runs that can be begun: everything that the user wrote was looked at.

    Attributes:
        book: its name.
        sessions: of the range, ascending.
        axes: what is varied.
        variants: the book with each combination, in the grid's order.
        metric: what they are compared by.
        workers: processes.
        out: the folder of the results.
        as_of: the data as it was known then; None: as it is.
        risk_free: rate per year, 0.02 for two per cent.
    """

    book: str
    sessions: tuple[date, ...]
    axes: tuple[Axis, ...]
    variants: tuple[Variant, ...]
    metric: str
    workers: int
    out: Path
    as_of: datetime | None
    risk_free: float

    def __str__(self) -> str:
        """What is run, in words."""
        return f"{self.book}: {len(self.variants):,} combinations over {len(self.sessions):,} sessions"


def ask_runs(
    name: str | None,
    start: date,
    end: date,
    vary: Sequence[str],
    *,
    kind: str,
    metric: str,
    workers: int,
    sample: int | None,
    seed: int,
    out: Path | None,
    as_of: datetime | None,
    risk_free: float,
) -> Asked:
    """Look at what is to be run before anything is.

    Args:
        name: of the book.
        start, end: first and last day.
        vary: parameters with their values, see `parse_vary`.
        kind: of the results, for their folder.
        metric: what runs are compared by.
        workers: processes.
        sample, seed: how many combinations are drawn, and from which seed; None: all.
        out: the folder of the results; None: one in the home.
        as_of, risk_free: see `Asked`.

    Raises:
        ConfigError: anything of it is wrong; see `asked_range`, `parse_vary`, `combinations`, `varied` and `require_folder`.
    """
    axes = tuple(parse_vary(text) for text in vary)
    drawn = combinations(axes, sample=sample, seed=seed)
    require_metric(metric)
    require_workers(workers)
    where = environment()
    book = chosen_book(name)
    books(where).book(book).require_one_strategy("what is swept or walked forward is one")
    configs = varied(where.books_file, book, axes, drawn, limits=limits_at_home(book).limits)
    _, sessions = asked_range(book, start, end)
    folder = where.reports / book / "research" / f"{kind}_{sessions[0]}_{sessions[-1]}" if out is None else out
    variants = tuple(variant_of(config, parameters) for config, parameters in zip(configs, drawn, strict=True))
    return Asked(book, sessions, axes, variants, metric, workers, require_folder(folder.resolve()), as_of, risk_free)


def ask_windows(asked: Asked, train: int, test: int, *, anchored: bool) -> tuple[Window, ...]:
    """The windows of a walk-forward analysis of that.

    Raises:
        ConfigError: see `windows_of` and `require_walkable`.
    """
    windows = windows_of(len(asked.sessions), train, test, anchored=anchored)
    require_walkable(asked.axes, len(asked.variants), windows)
    return windows


def run_sweep(asked: Asked, *, say: Callable[[str], None], progress: Progress) -> dict[str, Any]:
    """Run it; returns the summary.

    Raises:
        ConfigError, SessionError, DataError, WorkerLost: see `data_parts`, `read_members` and `sweep`; nothing was written.
    """
    parts = data_parts(asked.book, asked.sessions[-1])
    try:
        history, setting, _ = _read(parts, asked, say)
        with replacing(asked.out) as folder:
            done = sweep(history, asked.axes, asked.variants, setting, metric=asked.metric, workers=asked.workers, progress=progress)
            say("writing tables and report")
            return write_sweep(folder, asked.book, done)
    finally:
        parts.close()


def run_walk_forward(
    asked: Asked,
    windows: Sequence[Window],
    *,
    anchored: bool,
    evidence: bool,
    say: Callable[[str], None],
    progress: Progress,
) -> dict[str, Any]:
    """Run it; arguments, answer and errors as for `run_sweep`."""
    parts = data_parts(asked.book, asked.sessions[-1])
    try:
        history, setting, identity = _read(parts, asked, say)
        rules = parts.config.universe.rules
        kept: list[Tables] = []
        with replacing(asked.out) as folder:

            def recorder(tested: History) -> Recorder:
                judging = None if rules is None else Judging(tested, rules)
                kept.append(Tables(folder / OUT_OF_SAMPLE, tested, asked.book, identity, judging))
                return kept[0]

            done = walk_forward(
                history,
                asked.axes,
                asked.variants,
                setting,
                windows,
                metric=asked.metric,
                anchored=anchored,
                recorder=recorder,
                evidence=evidence,
                workers=asked.workers,
                progress=progress,
            )
            say("writing tables and report")
            kept[0].finish(done.course)
            return write_walk_forward(folder, asked.book, done) | {"rows_out_of_sample": kept[0].written}
    finally:
        parts.close()


def _read(parts: DataParts, asked: Asked, say: Callable[[str], None]) -> tuple[History, Setting, Identity]:
    """The history that all variants share, read once; what statistics read; and what rows say of it."""
    config, calendar, last = parts.config, parts.calendar, asked.sessions[-1]
    with parts.ledger.read() as tx:
        data = snapshot(tx) if asked.as_of is None else snapshot_as_of(tx, asked.as_of)
    rules = config.universe.rules
    fields = {*fields_read(asked.variants), *(("volume",) if rules is not None and rules.needs_turnover else ())}
    wanted = Wanted(config.source, asked.sessions[0], last, tuple(sorted(fields)), liquidity=needs_liquidity(asked.variants))
    history = read_members(parts.lake, data, calendar, wanted, rules, parts.universe, say)
    actions = parts.lake.read("corporate_actions", data, source=config.source, end=last)
    setting = Setting(actions, calendar.sessions_per_year(last), asked.risk_free)
    return history, setting, Identity(data.id, parts.config_hash, grodt.__version__, calendar.opens_at, calendar.closes_at)


def variant_of(config: BookConfig, parameters: Parameters) -> Variant:
    """The book of the books file with a combination of parameters, as research knows it."""
    uses = tuple(Use(each.model_dump_json(exclude={"weight", "regimes"}), each.build(), each.weight) for each in config.signals)
    plan = Plan(config.name, config.capital_micros, config.construction, config.limits, config.broker.terms())
    return Variant(parameters, uses, plan, config.gating())
