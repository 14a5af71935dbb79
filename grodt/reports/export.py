"""Close a run: its tables go to the lake, and with them, in one transaction, its end to the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from grodt.lake import Lake, LakeFile, export_path
from grodt.ledger.entries import Holding
from grodt.ledger.fills import booked_fills, fill_sessions
from grodt.ledger.later_checks import evidence_of
from grodt.ledger.leases import Lease
from grodt.ledger.manifest import commit_files, rows_by_run
from grodt.ledger.marks import Mark, marks_by
from grodt.ledger.orders import orders_decided, touched_sessions
from grodt.ledger.runs import Run, abandoned_before, close_run, end_attempt, find_run
from grodt.ledger.stages import end_running_stages
from grodt.ledger.unit import Ledger
from grodt.ledger.valuation import Close
from grodt.reports.changes import told_in_report
from grodt.reports.figures import Figures, figures_of
from grodt.reports.frames import (
    Cycle,
    equity_frame,
    fills_frame,
    orders_frame,
    positions_frame,
    runs_frame,
    signals_frame,
    targets_frame,
    universe_frame,
)
from grodt.signals.forecasts import Forecasts
from grodt.signals.gate_evidence import regimes_frame
from grodt.slots import CLOSE
from grodt.targets.quantities import Targets
from grodt.targets.universe import Eligibility

#: Tables of which a session has one file, whatever slots it has.
_BY_SESSION = ("orders", "fills", "positions", "equity")


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What a run found and decided, beyond what the ledger keeps.

    A slot's mark and holdings are not exported: those of the session's close are. The close decides nothing, and has neither forecasts nor
    targets. `judged` is what the universe rules said, with the instruments' ids in the order of its symbols; None for a book without rules.
    """

    mark: Mark
    holdings: dict[str, Holding]
    closes: dict[str, Close]
    forecasts: Forecasts | None
    targets: Targets | None
    judged: tuple[Eligibility, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A closed run: its figures, the frames that went to the lake by table and session, and what is said of a new configuration."""

    figures: Figures
    frames: dict[tuple[str, date], pl.DataFrame]
    change: str = ""

    @property
    def rows(self) -> int:
        """Rows exported."""
        return sum(frame.height for frame in self.frames.values())


def prepare(ledger: Ledger, run: Run, decided: Decided, now: datetime) -> Exported:
    """The frames of a run that has come to its end. Orders and fills of earlier sessions that moved in it are written anew.

    So are those that moved in runs which were abandoned since the last one was done: they have shown nobody what they booked. Marks
    likewise: a run may have made that of an earlier session, whose close was missed.
    """
    with ledger.read() as tx:
        run = find_run(tx, run.run_id) or run  # as it is now: the caller's was read before its data was pinned
        figures = replace(figures_of(tx, run, rows_by_run(tx, run.run_id, "quarantine")), state="done")
        left = abandoned_before(tx, run)
        moved = set[date]().union(*(touched_sessions(tx, run.book, each.run_id) for each in (*left, run)))
        filled = set[date]().union(*(fill_sessions(tx, each.run_id) for each in (*left, run)))
        marks = [(mark, each.run_id) for each in (*left, run) for mark in marks_by(tx, each)]
        orders = {("orders", day): orders_frame(run.book, orders_decided(tx, run.book, day)) for day in moved}
        fills = {("fills", day): fills_frame(run.book, booked_fills(tx, run.book, day)) for day in filled}
        checks = evidence_of(tx, run.run_id)
        change = told_in_report(tx, run, checks)
    cycle = Cycle(run.book, run.session, run.run_id)
    own = {"risk_checks": checks, "runs": runs_frame(run, "done", figures, now)}
    if decided.forecasts is not None and decided.targets is not None:
        own["signals"] = signals_frame(cycle, decided.forecasts)
        own["targets"] = targets_frame(cycle, decided.forecasts, decided.targets)
    if run.slot in ("", CLOSE):
        own["positions"] = positions_frame(cycle, decided.holdings, decided.closes, decided.mark.equity)
        own["equity"] = equity_frame(decided.mark, run.run_id)
    if decided.judged is not None:
        judged, instruments = decided.judged
        own["universe"] = universe_frame(cycle, instruments, judged)
    if decided.forecasts is not None and decided.forecasts.gates is not None:
        own["regimes"] = regimes_frame(run.book, run.session, run.run_id, decided.forecasts.gates)
    equity = {("equity", mark.session): equity_frame(mark, name) for mark, name in marks}
    return Exported(figures, orders | fills | equity | {(table, run.session): frame for table, frame in own.items()}, change)


def close(ledger: Ledger, lease: Lease | None, lake: Lake, run: Run, exported: Exported, now: datetime) -> None:
    """Write the frames to the lake, and commit them and the end of the run together.

    All of it happens inside one write transaction. Nobody can be given the lease meanwhile, so a process that has lost it replaces
    no file; and when it commits, the stage that is running is done as well.

    Raises:
        LakeWriteFailed: the disk is full or refuses; the run stays open.
        LeaseHeld: another process was given the book; nothing was written.
    """
    with ledger.write(lease) as tx:
        lake.set_aside(run.book, sorted({table for table, _ in exported.frames}))  # written by a run that died before its commit
        commit_files(tx, list(_write(lake, run, exported.frames, now)), now)
        end_running_stages(tx, run.run_id, exported.rows, now)
        end_attempt(tx, run.run_id, "done", now)
        close_run(tx, run.run_id, "done", now)


def _write(lake: Lake, run: Run, frames: dict[tuple[str, date], pl.DataFrame], now: datetime) -> Iterable[LakeFile]:
    for (table, session), frame in sorted(frames.items()):
        if frame.height:
            path = export_path(table, run.book, session, run.slot if table not in _BY_SESSION else "")
            yield lake.write(table, path, frame, source=run.book, known_at=now, run_id=run.run_id)
