"""The figures of a run that a person asks for first, read from the ledger."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from grodt.ledger.breaks import OpenBreak, all_breaks
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
        positions: held at the close, or at the slot; None if it has not come to count them.
        equity: at the close, or at the slot, micros; None without a mark, as of a run that was halted before.
        breaks: open for the book when the run was done; before that, now.
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
    positions: int | None
    equity: Micros | None
    breaks: int
    seconds: float

    def line(self) -> str:
        """What the run did, in one line for who watches it."""
        equity = "" if self.equity is None else f", equity {decimal(self.equity):,.2f}"
        return f"{self.fills} fills, {self.orders} orders{equity}"


def figures_of(tx: Read, run: Run, quarantined: int = 0) -> Figures:
    """A run's figures as the ledger has them. Rows of a stage are those of its last finished try."""
    rows = {stage.stage: stage.rows for stage in stages_of(tx, run.run_id) if stage.outcome == "done"}
    at_close = run.slot in ("", CLOSE)
    mark = mark_of(tx, run.book, run.session) if at_close else slot_mark_of(tx, run.book, run.session, run.slot)
    attempts = attempts_of(tx, run.run_id)
    ended = attempts[-1].ended_at if attempts and run.state == "done" else None
    seconds = sum((each.ended_at - each.started_at).total_seconds() for each in attempts if each.ended_at)
    return Figures(
        run_id=run.run_id,
        session=run.session,
        state=run.state,
        bars=rows.get("bars", 0),
        quarantined=quarantined,
        signals=rows.get("signals", 0),
        orders=len(orders_of(tx, run.run_id)),
        fills=len(fills_of(tx, run.run_id)),
        positions=rows.get("mark"),
        equity=mark.equity if mark is not None else None,
        breaks=sum(_was_open(each, run, ended) for each in all_breaks(tx, run.book)),
        seconds=seconds,
    )


def _was_open(found: OpenBreak, run: Run, ended: datetime | None) -> bool:
    """Whether a break was open when its book's run was done; without an end, whether it is."""
    if ended is None:
        return found.resolved_at is None
    return found.first_session <= run.session and (found.resolved_at is None or found.resolved_at > ended)


def plain(figures: Figures) -> dict[str, object]:
    """The figures for JSON: money as decimal text, dates as ISO text."""
    equity = None if figures.equity is None else f"{decimal(figures.equity):.2f}"
    return {**asdict(figures), "session": figures.session.isoformat(), "equity": equity}
