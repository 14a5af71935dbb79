"""The figures of a run that a person asks for first, read from the ledger."""

from dataclasses import asdict, dataclass
from datetime import date

from grodt.ledger.breaks import open_breaks
from grodt.ledger.fills import fills_of
from grodt.ledger.marks import mark_of
from grodt.ledger.orders import orders_of
from grodt.ledger.runs import Run, attempts_of, stages_of
from grodt.ledger.slot_marks import slot_mark_of
from grodt.ledger.unit import Read
from grodt.money import Micros, decimal
from grodt.slots import CLOSE


@dataclass(frozen=True, slots=True)
class Figures:
    """One run in numbers.

    Attributes:
        run_id, session, state: the run.
        bars: of the session.
        quarantined: rows that this run refused.
        signals: symbols with a forecast.
        orders: in its basket.
        fills: booked by it.
        positions: held at the close, or at the slot.
        equity: at the close, or at the slot, micros.
        breaks: open for the book.
        seconds: of its attempts together.
    """

    run_id: str
    session: date
    state: str
    bars: int
    quarantined: int
    signals: int
    orders: int
    fills: int
    positions: int
    equity: Micros
    breaks: int
    seconds: float


def figures_of(tx: Read, run: Run, quarantined: int = 0) -> Figures:
    """A run's figures as the ledger has them. Rows of a stage are those of its last finished try."""
    rows = {stage.stage: stage.rows for stage in stages_of(tx, run.run_id) if stage.outcome == "done"}
    at_close = run.slot in ("", CLOSE)
    mark = mark_of(tx, run.book, run.session) if at_close else slot_mark_of(tx, run.book, run.session, run.slot)
    seconds = sum((each.ended_at - each.started_at).total_seconds() for each in attempts_of(tx, run.run_id) if each.ended_at)
    return Figures(
        run_id=run.run_id,
        session=run.session,
        state=run.state,
        bars=rows.get("bars", 0),
        quarantined=quarantined,
        signals=rows.get("signals", 0),
        orders=len(orders_of(tx, run.run_id)),
        fills=len(fills_of(tx, run.run_id)),
        positions=rows.get("mark", 0),
        equity=mark.equity if mark is not None else Micros(0),
        breaks=len(open_breaks(tx, run.book)),
        seconds=seconds,
    )


def plain(figures: Figures) -> dict[str, object]:
    """The figures for JSON: money as decimal text, dates as ISO text."""
    return {**asdict(figures), "session": figures.session.isoformat(), "equity": f"{decimal(figures.equity):.2f}"}
