"""Two small cycles, Monday's and Tuesday's, up to their report: two symbols, one order each day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from grodt.execution.marking import mark_book
from grodt.lake import Lake
from grodt.ledger.evidence import record_checks
from grodt.ledger.manifest import LedgerManifest, snapshot
from grodt.ledger.runs import Run, find_run, pin_snapshot, stage_ended, stage_started
from grodt.ledger.unit import Ledger
from grodt.reports.export import Decided, Exported, close, prepare
from grodt.risk.assess import assess
from grodt.sessions import Calendar
from grodt.signals.forecasts import Forecasts
from grodt.targets.quantities import Targets
from tests.brokers.world import BOOK, MON, TUE, WED, market
from tests.execution.desk import Desk
from tests.execution.stocked import SOURCE, stock
from tests.risk.proposals import limits, proposal

SYMBOLS = ("AAPL", "IBM")
CLOSES = {MON: (100.0, 50.0), TUE: (110.0, 49.0), WED: (112.0, 48.0)}
NOW = datetime(2026, 3, 9, tzinfo=UTC)


@dataclass
class Cycles:
    """Runs of a desk that end in the lake."""

    desk: Desk

    def __post_init__(self) -> None:
        self.ledger: Ledger = self.desk.real_ledger
        self.lake = Lake(self.desk.folder / "lake", LedgerManifest(self.ledger))
        bars = [(symbol, day, price) for day, prices in CLOSES.items() for symbol, price in zip(SYMBOLS, prices, strict=True)]
        self.data = stock(self.lake, self.ledger, bars)

    def decided(self, session: date, quantities: Mapping[str, int], *, risk_clips: bool = False) -> tuple[Run, Decided]:
        """A cycle up to its report. The run is as `open` read it: before its data was pinned."""
        run = self.desk.open(session)
        with self.ledger.write() as tx:
            pin_snapshot(tx, run.run_id, snapshot(tx, tables=("bars_1d", "corporate_actions")))
        self._stage(run, "bars", 2)
        opens = {symbol: str(price) for symbol, price in zip(SYMBOLS, CLOSES[session], strict=True)}
        self.desk.settle(run, market(session, opens))
        marked = mark_book(
            self.ledger,
            None,
            self.lake,
            self.data,
            source=SOURCE,
            calendar=Calendar("XNYS"),
            book=BOOK,
            session=session,
            run_id=run.run_id,
            now=NOW,
        )
        self._stage(run, "mark", marked.rows)
        self._stage(run, "signals", 1)
        asked = proposal(list(quantities.values()), price=[100.0] * len(quantities))
        bound = {"order_quantity": 60, "cash_buffer": 0.5} if risk_clips else {}
        evidence = assess(asked, limits(**bound)).evidence.with_columns(
            book=pl.lit(BOOK),
            session=pl.lit(session),
            run_id=pl.lit(run.run_id),
            symbol=pl.col("symbol").replace({"S0": "AAPL", "S1": "IBM"}),
        )
        with self.ledger.write() as tx:
            record_checks(tx, evidence, run.attempts)
        self.desk.decide(run, quantities)
        self.desk.send(run)
        value = np.array([[0.25, np.nan], [1.5, -0.5]])
        forecasts = Forecasts(SYMBOLS, ("momentum", "ewma"), value, value * 2, np.array([1.25, np.nan]), np.array([0.2, np.nan]))
        current = np.array([marked.holdings[s].quantity if s in marked.holdings else 0 for s in SYMBOLS], dtype=np.int64)
        wanted = current + np.array([quantities.get(symbol, 0) for symbol in SYMBOLS], dtype=np.int64)
        targets = Targets(SYMBOLS, np.array([0.01, 0.0]), wanted, current, np.array([CLOSES[session][0], np.nan]))
        return run, Decided(marked.mark, dict(marked.holdings), dict(marked.closes), forecasts, targets)

    def prepared(self, session: date, quantities: Mapping[str, int], *, risk_clips: bool = False) -> tuple[Run, Exported]:
        run, decided = self.decided(session, quantities, risk_clips=risk_clips)
        return run, prepare(self.ledger, run, decided, NOW)

    def close(self, run: Run, exported: Exported) -> None:
        close(self.desk.ledger, None, self.lake, run, exported, NOW)

    def cycle(self, session: date, quantities: Mapping[str, int]) -> Exported:
        run, exported = self.prepared(session, quantities)
        self.close(run, exported)
        return exported

    def run(self, session: date) -> Run:
        with self.ledger.read() as tx:
            found = find_run(tx, f"demo-eod-{session}")
        assert found is not None
        return found

    def _stage(self, run: Run, stage: str, rows: int) -> None:
        with self.ledger.write() as tx:
            stage_started(tx, run.run_id, run.attempts, stage, 1, NOW)
            stage_ended(tx, run.run_id, run.attempts, stage, 1, "done", rows, "", NOW)
