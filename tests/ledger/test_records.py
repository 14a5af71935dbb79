"""Evidence, marks and breaks."""

from dataclasses import replace
from math import nan

import polars as pl
import pytest
from sqlalchemy.exc import DBAPIError

from grodt.errors import ConfigError, DataError
from grodt.lake.tables import RiskChecks
from grodt.ledger.breaks import Break, find_break, open_breaks, record_breaks, resolve_break
from grodt.ledger.evidence import checks_of, record_checks
from grodt.ledger.marks import Mark, latest_mark, mark_of, record_mark
from grodt.ledger.unit import Write
from grodt.money import Micros, micros
from tests.ledger.facts import checks
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, count, started

MARK = Mark(BOOK, SESSION, micros(900), micros(1), micros(99), micros(1000), 0.1, 0.1, micros(1250), -0.2, micros(-50))


def test_evidence_comes_back_as_it_was_in_the_lakes_schema(tx: Write) -> None:
    run = started(tx)
    assert checks_of(tx, run.run_id).is_empty()
    record_checks(tx, checks(run.run_id), 1)
    found = checks_of(tx, run.run_id)
    assert found["symbol"].to_list() == ["AAPL", "MSFT"]
    assert found.sort("symbol", descending=True).equals(RiskChecks.cast(checks(run.run_id)))
    RiskChecks.validate(found)


def test_evidence_twice_changes_nothing_and_other_evidence_is_refused(tx: Write) -> None:
    run = started(tx)
    record_checks(tx, checks(run.run_id), 1)
    record_checks(tx, checks(run.run_id), 1)
    record_checks(tx, checks(run.run_id).clear(), 1)
    assert count(tx, "risk_checks") == 2
    with pytest.raises(DataError, match="attempt 1 of run demo-eod-2026-11-19 has left other evidence"):
        record_checks(tx, checks(run.run_id, value=0.6), 1)


def test_the_last_attempts_evidence_counts_and_the_earlier_one_stays(tx: Write) -> None:
    run = started(tx)
    record_checks(tx, checks(run.run_id), 1)
    record_checks(tx, checks(run.run_id, value=0.6), 2)
    assert checks_of(tx, run.run_id)["value"].to_list() == [0.25, 0.6]
    assert count(tx, "risk_checks") == 4


def test_what_is_no_number_is_kept_as_null(tx: Write) -> None:
    run = started(tx)
    record_checks(tx, checks(run.run_id, value=nan), 1)
    record_checks(tx, checks(run.run_id, value=None), 1)
    assert checks_of(tx, run.run_id)["value"].to_list() == [0.25, None]


def test_evidence_of_many_symbols_comes_back_as_it_was(tx: Write) -> None:
    run = started(tx)
    one = checks(run.run_id).filter(symbol="AAPL")
    symbols = pl.Series("symbol", [f"S{place:05d}" for place in range(12_345)], dtype=pl.String())
    places = pl.int_range(len(symbols)).cast(pl.Float64)
    many = symbols.to_frame().join(one.drop("symbol"), how="cross").select(one.columns)
    even = places % 2 == 0
    many = many.with_columns(
        value=pl.when(places % 7 == 0).then(None).otherwise(places / 3),
        limit=pl.lit(5_000.0),
        headroom=pl.when(places % 7 == 0).then(None).when(even).then(5_000.0 - places / 3).otherwise(None),
        reason=pl.when(places % 5 == 0).then(pl.format("because of {}", places)).otherwise(pl.lit("")),
    )
    record_checks(tx, many, 1)
    assert checks_of(tx, run.run_id).equals(RiskChecks.cast(many).sort("control", "scope", "symbol"))
    record_checks(tx, many, 1)
    assert count(tx, "risk_checks") == 12_345


def test_evidence_that_says_a_thing_twice_or_of_a_scope_that_is_none_is_refused(tx: Write) -> None:
    run = started(tx)
    one = checks(run.run_id)
    with pytest.raises(ValueError, match="evidence has a check twice: control 9, symbol 'AAPL'"):
        record_checks(tx, pl.concat([one, one.filter(symbol="AAPL").with_columns(verdict=pl.lit("alert"))]), 1)
    with pytest.raises(pl.exceptions.InvalidOperationError):
        record_checks(tx, one.with_columns(scope=pl.lit("galaxy")), 2)


def test_evidence_of_no_run_or_of_two_is_refused(tx: Write) -> None:
    run = started(tx)
    other = started(tx, NEXT)
    for frame in (checks("other"), checks(other.run_id), pl.concat([checks(run.run_id), checks(other.run_id)])):
        with pytest.raises(ValueError, match="is not one run of the ledger"):
            record_checks(tx, frame, 1)


def test_marks_are_found_by_session_and_before_one(tx: Write) -> None:
    assert latest_mark(tx, BOOK, None) is None
    later = replace(MARK, session=NEXT)
    record_mark(tx, MARK, "run", NOW)
    record_mark(tx, later, "run", NOW)
    assert latest_mark(tx, BOOK) == later == mark_of(tx, BOOK, NEXT)
    assert latest_mark(tx, BOOK, NEXT) == MARK
    assert latest_mark(tx, BOOK, SESSION) is None
    assert mark_of(tx, "us", SESSION) is None


def test_a_run_may_mark_anew_and_another_run_may_not(tx: Write) -> None:
    record_mark(tx, MARK, "run", NOW)
    record_mark(tx, MARK, "another run", NOW)
    again = replace(MARK, gross=0.2)
    record_mark(tx, again, "run", NOW + MINUTE)
    assert mark_of(tx, BOOK, SESSION) == again
    with pytest.raises(DataError, match="was marked at 1000000000 micros by run run and would be"):
        record_mark(tx, MARK, "another run", NOW)


def test_a_mark_adds_up_and_has_numbers() -> None:
    with pytest.raises(ValueError, match=r"is not cash . receivable . positions"):
        replace(MARK, equity=Micros(1))
    with pytest.raises(ValueError, match="drawdown is nan, which is no number"):
        replace(MARK, drawdown=nan)


def test_an_open_break_keeps_its_first_sight_and_takes_new_figures(tx: Write) -> None:
    record_breaks(tx, BOOK, SESSION, [Break("position", "AAPL", 100, 90), Break("cash", "", 5, 6)], "run1", NOW)
    record_breaks(tx, BOOK, NEXT, [Break("position", "AAPL", 100, 80)], "run2", NOW + MINUTE)
    position, money = open_breaks(tx, BOOK)
    assert position.difference == Break("position", "AAPL", 100, 80)
    assert (position.first_session, position.first_seen_at, position.last_session, position.last_seen_at) == (
        SESSION,
        NOW,
        NEXT,
        NOW + MINUTE,
    )
    assert position.run_id == "run2"
    assert (money.difference, money.last_session) == (Break("cash", "", 5, 6), SESSION)
    assert open_breaks(tx, "us") == ()


def test_a_resolved_break_is_over_and_may_come_again_as_a_new_one(tx: Write) -> None:
    record_breaks(tx, BOOK, SESSION, [Break("cash", "", 5, 6)], "run", NOW)
    (first,) = open_breaks(tx, BOOK)
    resolve_break(tx, first.break_id, "fee of the broker", "ann", NOW)
    assert open_breaks(tx, BOOK) == ()
    with pytest.raises(ConfigError, match=f"no open break {first.break_id}"):
        resolve_break(tx, first.break_id, "fee of the broker", "ann", NOW)
    record_breaks(tx, BOOK, NEXT, [Break("cash", "", 5, 6)], "run", NOW)
    (second,) = open_breaks(tx, BOOK)
    assert second.break_id != first.break_id
    with pytest.raises(ConfigError, match="needs a reason"):
        resolve_break(tx, second.break_id, "", "ann", NOW)


@pytest.mark.parametrize("author", ["", "  ", "reconciliation", "Risk", "a\u200bnn", "ann and reconciliation", "ann\u00a0and\u00a0risk"])
def test_a_break_is_resolved_by_people_alone(tx: Write, author: str) -> None:
    record_breaks(tx, BOOK, SESSION, [Break("cash", "", 5, 6)], "run", NOW)
    (found,) = open_breaks(tx, BOOK)
    with pytest.raises(ConfigError, match="author"):
        resolve_break(tx, found.break_id, "fee of the broker", author, NOW)
    assert open_breaks(tx, BOOK) == (found,)
    resolve_break(tx, found.break_id, "fee of the broker", " ann and bob  b", NOW)
    assert find_break(tx, found.break_id).resolved_author == "ann and bob b"


def test_the_tables_keep_their_own_rules(tx: Write) -> None:
    record_mark(tx, MARK, "run", NOW)
    with pytest.raises(DBAPIError, match="ck_marks_equity_adds_up"), tx.connection.begin_nested():
        tx.connection.exec_driver_sql("UPDATE marks SET equity = equity + 1")
    kept = "cannot store TEXT value in INTEGER column marks.cash|invalid input syntax for type bigint"
    with pytest.raises(DBAPIError, match=kept), tx.connection.begin_nested():
        tx.connection.exec_driver_sql("UPDATE marks SET cash = 'much'")
