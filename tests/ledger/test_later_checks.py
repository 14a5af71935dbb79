"""Evidence that a run leaves after its decision."""

from datetime import timedelta

import polars as pl
import pytest

from grodt.lake.tables import RiskChecks
from grodt.ledger.evidence import record_checks
from grodt.ledger.later_checks import BASKET, LATE, basket_is_told, evidence_of, record_later
from grodt.ledger.unit import Write
from grodt.risk.check import Check
from tests.ledger.facts import checks
from tests.ledger.world import NOW, SESSION, started


def _check(value: float | None, verdict: str = "pass", scope: str = "book", symbol: str = "") -> Check:
    return Check(32, "slippage", scope, symbol, value, 0.1, verdict, "" if verdict == "pass" else "too far")  # type: ignore[arg-type]


def _standing(tx: Write, run_id: str) -> list[tuple[object, ...]]:
    found = evidence_of(tx, run_id)
    RiskChecks.validate(found)
    return found.filter(pl.col("control") == 32).select("scope", "symbol", "value", "headroom", "verdict").rows()


def test_it_stands_beside_that_of_the_decision_in_the_order_of_controls(tx: Write) -> None:
    run = started(tx)
    record_checks(tx, checks(run.run_id), 1)
    record_later(tx, run, BASKET, [_check(0.05)], NOW)
    found = evidence_of(tx, run.run_id)
    assert found["control"].to_list() == [9, 9, 32]
    assert found.row(2, named=True)["session"] == SESSION
    RiskChecks.validate(found)


def test_of_a_part_the_last_answer_stands_and_of_several_the_gravest_then_the_closest(tx: Write) -> None:
    run = started(tx)
    record_later(tx, run, "2026-11-18", [_check(0.2, "halt")], NOW)
    record_later(tx, run, "2026-11-18", [_check(0.02), _check(0.2, "alert", "order", "IBM")], NOW)
    record_later(tx, run, "2026-11-19", [_check(0.04)], NOW)
    record_later(tx, run, LATE, [_check(0.03)], NOW)
    assert _standing(tx, run.run_id) == [
        ("order", "IBM", 0.2, pytest.approx(-0.1), "alert"),
        ("book", "", 0.04, pytest.approx(0.06), "pass"),
    ]
    record_later(tx, run, LATE, [_check(None, "alert")], NOW + timedelta(seconds=1))
    assert _standing(tx, run.run_id)[1] == ("book", "", None, None, "alert")


def test_a_basket_is_told_once_something_is_said_of_it_as_a_whole(tx: Write) -> None:
    run = started(tx)
    record_later(tx, run, BASKET, [_check(0.2, "alert", "order", "IBM")], NOW)
    record_later(tx, run, LATE, [_check(0.2, "alert", "basket")], NOW)
    assert not basket_is_told(tx, run.run_id)
    record_later(tx, run, BASKET, [_check(0.0, scope="basket")], NOW)
    assert basket_is_told(tx, run.run_id)


def test_a_run_that_asked_nothing_has_none(tx: Write) -> None:
    assert evidence_of(tx, started(tx).run_id).is_empty()
