"""Stage runs: what each try of each stage did, for people and for metrics."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from grodt.ledger.tables import stage_runs
from grodt.ledger.transaction import Read, Write


@dataclass(frozen=True, slots=True)
class StageRun:
    """One try of one stage. `outcome` is running until it ended, and lost when it never said how."""

    run_id: str
    attempt: int
    stage: str
    try_number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    rows: int
    error: str


def stage_started(tx: Write, run_id: str, attempt: int, stage: str, try_number: int, now: datetime) -> None:
    """Note the start of a try. Noting it again changes nothing.

    `attempt` counts within the run, `try_number` within the attempt, both from 1.
    """
    if _find(tx, run_id, attempt, stage, try_number) is not None:
        return
    tx.connection.execute(
        insert(stage_runs).values(
            run_id=run_id, attempt=attempt, stage=stage, try_number=try_number, started_at=now, outcome="running", rows=0, error=""
        )
    )


def stage_ended(
    tx: Write, run_id: str, attempt: int, stage: str, try_number: int, outcome: str, rows: int, error: str, now: datetime
) -> None:
    """Note how a try ended: done, halted, failed or the like. Noting it again changes nothing.

    Raises:
        ValueError: it never started.
    """
    found = _find(tx, run_id, attempt, stage, try_number)
    if found is None:
        raise ValueError(f"stage {stage} of run {run_id} (attempt {attempt}, try {try_number}) never started")
    if found.ended_at is not None:
        return
    tx.connection.execute(
        update(stage_runs)
        .where(
            stage_runs.c.run_id == run_id,
            stage_runs.c.attempt == attempt,
            stage_runs.c.stage == stage,
            stage_runs.c.try_number == try_number,
        )
        .values(outcome=outcome, rows=rows, error=error, ended_at=now)
    )


def end_running_stages(tx: Write, run_id: str, rows: int, now: datetime) -> None:
    """Note that the stage which closes the run is done, in the transaction that closes it: nothing may be left to note afterwards."""
    tx.connection.execute(
        update(stage_runs)
        .where(stage_runs.c.run_id == run_id, stage_runs.c.ended_at.is_(None))
        .values(outcome="done", rows=rows, error="", ended_at=now)
    )


def stages_of(tx: Read, run_id: str) -> tuple[StageRun, ...]:
    """Every try of every stage of a run, in the order they started."""
    query = (
        select(stage_runs)
        .where(stage_runs.c.run_id == run_id)
        .order_by(stage_runs.c.attempt, stage_runs.c.started_at, stage_runs.c.stage, stage_runs.c.try_number)
    )
    return tuple(StageRun(**row._mapping) for row in tx.connection.execute(query))


def _find(tx: Read, run_id: str, attempt: int, stage: str, try_number: int) -> StageRun | None:
    query = select(stage_runs).where(
        stage_runs.c.run_id == run_id,
        stage_runs.c.attempt == attempt,
        stage_runs.c.stage == stage,
        stage_runs.c.try_number == try_number,
    )
    row = tx.connection.execute(query).first()
    return None if row is None else StageRun(**row._mapping)
