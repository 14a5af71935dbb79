"""A ledger of ten years of daily cycles: how large its file is, and what `positions`, `explain` and reconciliation take of it.

It is made by the ledger's own functions, so that its invariants and its audit chain hold: runs, baskets, orders, events, fills, entries,
postings, evidence, marks, settlements, and the manifest of what each cycle exports, merged by month. What the commands read of the
lake is there for the sessions after which they are asked.

Each question is asked in this process as its command or stage asks it: the ledger is open, its statements have been built, the modules
are imported. Starting Python and importing takes a command some 0.3 CPU seconds more.
"""

import argparse
import gc
import math
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import insert, select

from grodt.brokers.protocol import BrokerOrder
from grodt.lake import Lake, LakeFile, export_path
from grodt.lake.validation import types
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, announce, evidence_seal
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.evidence import checks_of, record_checks
from grodt.ledger.fills import record_fills
from grodt.ledger.manifest import LedgerManifest, commit_files, snapshot
from grodt.ledger.marks import Mark, record_mark
from grodt.ledger.order_life import Move, transitions
from grodt.ledger.postings import cash, deposit_entry, holdings, post, record_settlement
from grodt.ledger.runs import Run, close_run, end_attempt, latest_close, open_run
from grodt.ledger.tables_orders import evidence
from grodt.ledger.unit import Ledger, Read, Write
from grodt.ledger.verify import verify_ledger
from grodt.money import Micros, micros
from grodt.orders.basket import Basket, basket_hash
from grodt.orders.fill import Fill
from grodt.orders.order import Order, Side, client_order_id
from grodt.orders.states import OrderState
from grodt.reconciliation import reconcile
from grodt.reports.explanation import explain
from grodt.reports.rows import position_rows
from grodt.risk.assess import assess
from tests.benchmarks.risk import LOOSE
from tests.benchmarks.risk import book as proposal_of
from tests.brokers.world import instant
from tests.risk.proposals import limits, symbols_of

#: Milliseconds of each question.
BAR = 100.0
_BOOK = "bench"
_FIRST = date(2016, 1, 4)
#: Invariants of `grodt verify` that are not kept here: evidence is a copy of the first session's, and no run names a version of the lake.
_OF_OTHERS = (5, 8)
_EXPORTED = ("signals", "targets", "risk_checks", "orders", "fills", "positions", "equity", "runs")


class _Years:
    """The cycles of a book that orders all its symbols in the first session, and so holds each, and a share of them in every other."""

    def __init__(self, ledger: Ledger, lake: Lake, symbols: int, ordered: float) -> None:
        self.ledger, self.lake = ledger, lake
        self.symbols = symbols_of(symbols)
        self._draw = np.random.default_rng(7)
        self._count = max(1, round(symbols * ordered))
        asked = proposal_of(symbols, ordered)
        self._evidence = assess(asked, limits(order_quantity=10**9, order_value=1e9, symbol_weight=0.01, **LOOSE)).evidence
        self._held: dict[str, int] = {}
        self.opened: list[Order] = []
        self._month: list[LakeFile] = []
        self._packed: list[dict[str, Any]] = []
        self._columns: list[list[Any]] = []
        self.orders = 0
        self.positions = 0

    def deposit(self) -> None:
        """What it begins with."""
        with self.ledger.write() as tx:
            post(tx, deposit_entry(_BOOK, micros(10**10), "USD", _FIRST - timedelta(days=1)), "start", instant(_FIRST, 1))

    def cycle(self, session: date, *, asked: bool) -> Run:
        """One session, in one transaction: what was ordered in the one before fills, and the next orders go out.

        Args:
            session: which.
            asked: whether questions follow, so that its positions are in the lake.
        """
        now = instant(session)
        with self.ledger.write() as tx:
            run = open_run(
                tx, book=_BOOK, kind="eod", session=session, config_hash="c", code_version="v", flow_run_id="f", fence=1, now=now
            )
            record_fills(tx, [self._fill(order, session) for order in self.opened], _BOOK, run.run_id, now)
            record_settlement(tx, _BOOK, session, run.run_id, now)
            money = cash(tx, _BOOK)
            record_mark(tx, Mark(_BOOK, session, money, Micros(0), Micros(0), money, 0.1, 0.1, money, 0.0, Micros(0)), run.run_id, now)
            self._judge(tx, run)
            self.opened = list(self._decide(session))
            digest = basket_hash(book=_BOOK, kind="eod", session=session, run_id=run.run_id, orders=self.opened)
            record_basket(tx, Basket(_BOOK, "eod", session, run.run_id, tuple(self.opened), digest), run.run_id, now)
            approve_basket(tx, digest, "automatic", now)
            for state in (OrderState.SENDING, OrderState.ACCEPTED):
                moves = [Move(order.client_order_id, state, f"paper-{self.orders + place}") for place, order in enumerate(self.opened)]
                transitions(tx, moves, run_id=run.run_id, now=now)
            self.orders += len(self.opened)
            self.positions += len(self._held)
            self._export(tx, run, now, asked=asked)
            end_attempt(tx, run.run_id, "done", now)
            close_run(tx, run.run_id, "done", now)
        return run

    def broker(self) -> "_Agreeing":
        """A broker that has what the ledger has."""
        with self.ledger.read() as tx:
            return _Agreeing(tx, self.opened)

    def _judge(self, tx: Write, run: Run) -> None:
        """Evidence: of the first session recorded, of the others copied with its seal made anew, which is a fifth of the work."""
        if not self._packed:
            given = self._evidence.with_columns(pl.lit(_BOOK).alias("book"), session=run.session, run_id=pl.lit(run.run_id))
            record_checks(tx, given, 1)
            self._packed = [row._asdict() for row in tx.connection.execute(select(evidence))]
            frame = checks_of(tx, run.run_id).rename({"limit": "bound"}).with_columns(pl.col("scope").cast(pl.String))
            self._columns = [frame.sort("control", "scope", "symbol")[name].to_list() for name in EVIDENCE_COLUMNS]
            return
        tx.connection.execute(insert(evidence), [row | {"run_id": run.run_id} for row in self._packed])
        announce(tx, EVIDENCE, evidence_seal(run.run_id, 1, len(self._columns[0]), self._columns))

    def _decide(self, session: date) -> Iterator[Order]:
        count = self._count if self._held else len(self.symbols)
        for place in sorted(self._draw.choice(len(self.symbols), count, replace=False).tolist()):
            symbol = self.symbols[place]
            held = self._held.get(symbol, 0)
            side = Side.SELL if held > 1 and self._draw.random() < 0.5 else Side.BUY
            quantity = int(self._draw.integers(1, held if side is Side.SELL else 100))
            self._held[symbol] = self._held.get(symbol, 0) + (quantity if side is Side.BUY else -quantity)
            yield Order(client_order_id(_BOOK, "eod", session, symbol, 0), _BOOK, session, symbol, side, quantity, micros(100))

    def _fill(self, order: Order, session: date) -> Fill:
        price = micros(Decimal(int(self._draw.integers(9_000, 11_000))) / 100)
        key, shares = order.client_order_id, order.quantity
        return Fill(f"{key}-1", key, order.symbol, order.side, shares, price, micros("0.5"), session, instant(session, 14))

    def _export(self, tx: Write, run: Run, now: datetime, *, asked: bool) -> None:
        """The session's files in the manifest; at the end of a month they become one for each table."""
        if asked:
            commit_files(tx, [self._positions(tx, run, now)], now)
            return
        files = [_named(table, run, export_path(table, _BOOK, run.session)) for table in _EXPORTED]
        commit_files(tx, files, now)
        self._month += files
        if self._month[0].first_session.month != (run.session + timedelta(days=3)).month:  # type: ignore[union-attr]
            merged = [_named(t, run, f"{t}/{_BOOK}/{run.session.year}/{run.session:%Y-%m}-{run.session}.parquet") for t in _EXPORTED]
            commit_files(tx, merged, now, removed=[file.path for file in self._month])
            self._month = []

    def _positions(self, tx: Read, run: Run, now: datetime) -> LakeFile:
        zero = Decimal(0)
        fixed = {"book": _BOOK, "session": run.session, "price": 100.0, "price_session": run.session, "weight": 0.0, "run_id": run.run_id}
        money = {"average_cost": zero, "market_value": zero, "unrealised_profit": zero}
        rows = [
            {"symbol": symbol, "quantity": held.quantity, "cost": Decimal(held.cost) / 10**6, **fixed, **money}
            for symbol, held in holdings(tx, _BOOK).items()
        ]
        frame = pl.DataFrame(rows, schema=types("positions"))
        path = export_path("positions", _BOOK, run.session)
        return self.lake.write("positions", path, frame, source=_BOOK, known_at=now, run_id=run.run_id)


class _Agreeing:
    """What reconciliation asks of a broker."""

    def __init__(self, tx: Read, orders: list[Order]) -> None:
        self._positions = {symbol: Decimal(held.quantity) for symbol, held in holdings(tx, _BOOK).items()}
        self._cash = cash(tx, _BOOK)
        self._orders = tuple(
            BrokerOrder(each.client_order_id, "", each.symbol, each.side, each.quantity, OrderState.ACCEPTED, 0) for each in orders
        )

    def positions(self) -> dict[str, Decimal]:
        return self._positions

    def cash(self) -> Micros:
        return self._cash

    def open_orders(self) -> tuple[BrokerOrder, ...]:
        return self._orders


def _named(table: str, run: Run, path: str) -> LakeFile:
    digest = f"{abs(hash(path)):064x}"[:64]
    return LakeFile(table, path, digest, 10_000, 500, run.session, run.session, 1, _BOOK, instant(run.session), run.run_id)


def _sessions(count: int) -> list[date]:
    """Weekdays, which are about the sessions of a year."""
    days = (_FIRST + timedelta(days=place) for place in range(count * 2))
    return [day for day in days if day.weekday() < 5][:count]


@dataclass
class _Asked:
    """A ledger at one size: what `grodt positions`, `grodt explain` and the settle stage ask of it."""

    ledger: Ledger
    lake: Lake
    years: _Years
    run: Run

    def positions(self) -> object:
        with self.ledger.read() as tx:
            done = latest_close(tx, _BOOK)
            assert done is not None
            current = snapshot(tx, tables=["positions"], session=done.session)
        return position_rows(self.lake, current, _BOOK, done.session)

    def explain(self) -> object:
        with self.ledger.read() as tx:
            return explain(tx, self.lake, self.run, _BOOK, self.years.opened[0].symbol, instant(self.run.session))

    def reconciliation(self) -> Callable[[], object]:
        broker: Any = self.years.broker()
        session, run_id = self.run.session, self.run.run_id
        return lambda: reconcile(self.ledger, None, broker, book=_BOOK, session=session, run_id=run_id, now=instant(session))

    def all(self) -> dict[str, tuple[float, float]]:
        """Milliseconds of each question, by the clock and of CPU."""
        asked = {"positions": self.positions, "explain": self.explain, "reconcile": self.reconciliation()}
        gc.collect()
        return {name: _least(work) for name, work in asked.items()}


def _least(work: Callable[[], object], repeats: int = 9) -> tuple[float, float]:
    """Milliseconds by the clock, median, and of CPU, least. The first call is not counted: it builds statements."""
    work()
    clock, processor = [], []
    for _ in range(repeats):
        start, worked = time.perf_counter(), time.process_time()
        work()
        clock.append((time.perf_counter() - start) * 1e3)
        processor.append((time.process_time() - worked) * 1e3)
    return statistics.median(clock), min(processor)


def main() -> int:
    """Print growth and times; 1 where a question takes longer than its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=2_520)
    parser.add_argument("--ordered", type=float, default=0.1, help="share of the symbols that a session orders")
    parser.add_argument("--verify", action="store_true", help="let grodt verify's invariants be checked too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.open(f"sqlite:///{path}")
        lake = Lake(Path(folder) / "lake", LedgerManifest(ledger))
        years = _Years(ledger, lake, asked.symbols, asked.ordered)
        years.deposit()
        print(f"{asked.symbols:,} symbols, {asked.ordered:.0%} ordered a session; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
        print("| sessions | position rows | orders | file MB | kB a session | built in CPU s | positions ms | explain ms | reconcile ms |")
        print("|---|---|---|---|---|---|---|---|---|")
        found = dict(_growing(ledger, lake, years, path, _sessions(asked.sessions)))
        failed = _verdicts(found)
        if asked.verify:
            failed |= _verified(ledger)
        ledger.close()
    return int(failed)


def _verified(ledger: Ledger) -> bool:
    """Print what `grodt verify` looked at in the ledger, what each check took, and what was not looked at; True where one failed."""
    said = [("", time.process_time())]
    with ledger.read() as tx:
        checks = verify_ledger(tx, None, say=lambda what: said.append((what.partition(":")[0], time.process_time())))
        files = len(LedgerManifest(ledger).snapshot().files)
    said.append(("", time.process_time()))
    took = dict.fromkeys((what for what, _ in said), 0.0)
    for (what, start), (_, end) in pairwise(said):
        took[what] += end - start
    print("\n| invariant | looked at | CPU s | |\n|---|---|---|---|")
    for check in checks:
        verdict = "holds" if check.holds else "not kept by what makes this ledger" if check.invariant in _OF_OTHERS else "FAIL"
        print(f"| {check.invariant} | {check.checked} | {took[check.what]:.2f} | {verdict if check.things else 'nothing is there'} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nverify: {sum(took.values()):.1f} CPU s; peak of this process {peak:,.0f} MB, growing the ledger included")
    print(f"not looked at: the lake, of whose {files:,} files only positions of the sessions that were asked about are written here")
    return any(not check.holds and check.invariant not in _OF_OTHERS for check in checks)


def _growing(
    ledger: Ledger, lake: Lake, years: _Years, path: Path, sessions: list[date]
) -> Iterator[tuple[int, dict[str, tuple[float, float]]]]:
    """Build it session by session, and ask after a tenth, half and all of them: the sessions so far, and the times."""
    ask = sorted({max(1, len(sessions) // 10), max(1, len(sessions) // 2), len(sessions)})
    worked, size, before = 0.0, path.stat().st_size, 0
    for number, session in enumerate(sessions, 1):
        start = time.process_time()
        run = years.cycle(session, asked=number in ask)
        worked += time.process_time() - start
        if number in ask:
            each, size, before = (path.stat().st_size - size) / (number - before), path.stat().st_size, number
            times = _Asked(ledger, lake, years, run).all()
            cells = " | ".join(f"{clock:.0f} (CPU {processor:.0f})" for clock, processor in times.values())
            counts = f"{number:,} | {years.positions:,} | {years.orders:,}"
            print(f"| {counts} | {size / 1e6:,.0f} | {each / 1e3:,.0f} | {worked:,.0f} | {cells} |", flush=True)
            yield number, times


def _verdicts(found: dict[int, dict[str, tuple[float, float]]]) -> bool:
    """Print each question's time at the end beside its bar, and how it grew; True where one failed."""
    first, last = min(found), max(found)
    failed = False
    print("\n| question | ms | CPU ms, least | growth of CPU with sessions, exponent | verdict |\n|---|---|---|---|---|")
    for name, (clock, processor) in found[last].items():
        grown = math.log(processor / found[first][name][1]) / math.log(last / first) if last > first else math.nan
        failed |= clock > BAR
        verdict = f"{'PASS' if clock <= BAR else 'FAIL'}: bar {BAR:.0f} ms"
        print(f"| {name} | {clock:.1f} | {processor:.1f} | {grown:.2f} | {verdict} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
