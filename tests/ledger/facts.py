"""A ledger with a row in every table."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
from sqlalchemy import insert

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.market import SessionMarket
from grodt.lake.manifest import LakeFile
from grodt.ledger.accounts import keep_account
from grodt.ledger.actions import apply_actions
from grodt.ledger.breaks import Break, assign_break, record_breaks, resolve_break
from grodt.ledger.capital_shares import record_shares
from grodt.ledger.cash_activities import begin, keep_activities
from grodt.ledger.evidence import record_checks
from grodt.ledger.fills import record_fill
from grodt.ledger.later_checks import BASKET, record_later
from grodt.ledger.manifest import commit_files
from grodt.ledger.postings import record_settlement
from grodt.ledger.strategies import record_attribution
from grodt.ledger.tables_orders import withdrawals
from grodt.ledger.unbooked import keep_unbooked, record_overfilled
from grodt.ledger.unit import Ledger
from grodt.money import micros
from grodt.orders.attribution import Attribution, Cross
from grodt.orders.cash_activity import CashActivity
from grodt.risk.check import Check
from grodt.risk.controls import messages
from tests.ledger.world import BOOK, NEXT, NOW, SESSION, fill, order, sent


def lake_file(path: str = "bars_1d/demo/2026/a.parquet", sha256: str = "a" * 64, table: str = "bars_1d") -> LakeFile:
    """A file version."""
    return LakeFile(table, path, sha256, 1000, 10, SESSION, NEXT, 1, "demo", NOW, "run")


def checks(run_id: str, value: float | None = 0.5) -> pl.DataFrame:
    """Evidence of one control, over two symbols."""
    return pl.DataFrame(
        {
            "book": BOOK,
            "session": SESSION,
            "control": pl.Series([9, 9], dtype=pl.Int16),
            "name": "symbol weight",
            "scope": "symbol",
            "symbol": ["MSFT", "AAPL"],
            "value": [value, 0.25],
            "limit": [1.0, 1.0],
            "headroom": [0.5, 0.75],
            "verdict": ["pass", "pass"],
            "reason": "",
            "run_id": run_id,
        }
    )


def one_of_each(ledger: Ledger) -> None:
    """Write a fact of every kind."""
    one = order()
    dividend = CorporateAction("AAPL", NEXT + timedelta(days=1), "dividend", NEXT + timedelta(days=9), cash_per_share=micros("0.25"))
    market = SessionMarket(dividend.ex_date, 1, NOW, NOW, {}, {}, (dividend,))
    with ledger.write() as tx:
        run = sent(tx, [one])
        whose = Attribution(
            {one.client_order_id: {"trend": 60, "value": 40}}, (Cross("IBM", "trend", 5, 100), Cross("IBM", "value", -5, 100))
        )
        record_attribution(tx, run.run_id, BOOK, SESSION, whose, NOW)
        record_shares(tx, BOOK, {"trend": 0.6, "value": 0.4}, run.run_id, NOW)
        withdrawn = {"run_id": run.run_id, "client_order_id": one.client_order_id, "booked_quantity": 0}
        tx.connection.execute(insert(withdrawals).values(withdrawn))
        record_fill(tx, replace(fill(one), trades=("AAPL:1", "AAPL:2")), BOOK, run.run_id, NOW)
        keep_unbooked(tx, BOOK, {fill(one, 2): "100 shares more would make 200 filled of 100 ordered"}, run.run_id, NOW)
        begin(tx, BOOK, SESSION, run.run_id, NOW)
        keep_activities(tx, BOOK, {CashActivity("a1", "transfer", "CSD", micros(5), NEXT, NEXT): "booked by people"}, run.run_id, NOW)
        record_overfilled(tx, {one.client_order_id: 200}, run.run_id, NOW)
        apply_actions(tx, BOOK, market, run.run_id, NOW)
        record_settlement(tx, BOOK, NEXT, run.run_id, NOW)
        record_checks(tx, checks(run.run_id), 1)
        record_later(tx, run, BASKET, [Check.of(messages(np.array([1]), np.array([1]), 100, 100), scope="book")], NOW)
        record_breaks(tx, BOOK, NEXT, [Break("cash", "", 1, 2)], run.run_id, NOW)
        assign_break(tx, 1, "ann", author="bob", now=NOW)
        record_breaks(tx, BOOK, NEXT, [Break("position", "AAPL", 100, 90)], run.run_id, NOW)
        resolve_break(tx, 2, "told late", "ann", NOW)
        keep_account(tx, BOOK, "paper demo", proof="", now=NOW)
        commit_files(tx, [lake_file()], NOW)
        commit_files(tx, [], NOW, removed=[lake_file().path])
