import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.halts import halt
from grodt.ledger.manifest import commit_files
from grodt.ledger.marks import Mark, record_mark
from grodt.ledger.requests import ask, decide
from grodt.ledger.runs import close_run, end_attempt, stage_ended, stage_started
from grodt.ledger.unit import Ledger
from grodt.money import micros
from grodt.sessions import Calendar
from grodt.telemetry import metrics
from grodt.telemetry.ledger_metrics import LedgerMetrics
from tests.ledger.facts import lake_file, one_of_each
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, open_ledger, started

#: A Monday: 2026-11-23 is complete, NEXT is the Friday before.
LATER = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


def _source(ledger: Ledger) -> LedgerMetrics:
    return LedgerMetrics(ledger, {"demo": Calendar("XNYS")}, lambda: LATER)


def _samples(text: bytes) -> Samples:
    families = text_string_to_metric_families(text.decode())
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def _value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def test_an_empty_ledger_has_metrics_without_samples(ledger: Ledger) -> None:
    text = metrics.render(_source(ledger))
    assert _samples(text) == {}
    assert b"# HELP grodt_equity_usd " in text


def test_every_metric_is_documented_and_every_documented_one_is_there(ledger: Ledger) -> None:
    shown = set(re.findall(r"# TYPE (\S+)", metrics.render(_source(ledger)).decode()))
    assert set(re.findall(r"`(grodt_\w+)`", metrics.__doc__ or "")) == shown


def test_runs_and_stages_are_counted(ledger: Ledger) -> None:
    with ledger.write() as tx:
        run = started(tx)
        stage_started(tx, run.run_id, 1, "bars", 1, NOW)
        stage_ended(tx, run.run_id, 1, "bars", 1, "failed", 0, "VendorUnavailable: x", NOW + MINUTE)
        stage_started(tx, run.run_id, 1, "bars", 2, NOW + MINUTE)
        stage_ended(tx, run.run_id, 1, "bars", 2, "done", 50, "", NOW + MINUTE + timedelta(seconds=1.5))
        stage_started(tx, run.run_id, 1, "mark", 1, NOW)
        end_attempt(tx, run.run_id, "done", NOW + 2 * MINUTE)
        close_run(tx, run.run_id, "done", NOW + 2 * MINUTE)
        started(tx, NEXT)
    samples = _samples(metrics.render(_source(ledger)))
    cycle = {"book": BOOK, "kind": "eod"}
    assert _value(samples, "grodt_run_last_success_timestamp_seconds", **cycle) == (NOW + 2 * MINUTE).timestamp()
    assert _value(samples, "grodt_run_last_success_session_timestamp_seconds", **cycle) == _midnight(SESSION)
    assert _value(samples, "grodt_runs", **cycle, state="done") == 1
    assert _value(samples, "grodt_runs", **cycle, state="open") == 1
    assert _value(samples, "grodt_run_attempts_total", **cycle, outcome="done") == 1
    bars = {"book": BOOK, "stage": "bars"}
    assert _value(samples, "grodt_stage_tries_total", **bars, outcome="failed") == 1
    assert _value(samples, "grodt_stage_tries_total", **bars, outcome="done") == 1
    assert _value(samples, "grodt_stage_seconds", **bars) == 1.5
    assert _value(samples, "grodt_stage_rows", **bars) == 50
    assert _value(samples, "grodt_stage_success", **bars) == 1
    assert not any(("stage", "mark") in labels for _, labels in samples)


def test_the_latest_mark_is_shown(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for session, equity in ((SESSION, 1000), (NEXT, 900)):
            cash, owed = micros("400.5"), micros("0.5")
            total, top = micros(equity), micros(1000)
            worth = micros(equity - 401)
            record_mark(tx, Mark(BOOK, session, cash, owed, worth, total, 0.6, -0.2, top, total / top - 1, micros(-100)), "run", NOW)
    samples = _samples(metrics.render(_source(ledger)))
    shown = {name: value for (name, labels), value in samples.items() if labels == {("book", BOOK)}}
    assert shown == pytest.approx(
        {
            "grodt_equity_usd": 900,
            "grodt_cash_usd": 400.5,
            "grodt_receivable_usd": 0.5,
            "grodt_profit_usd": -100,
            "grodt_exposure_gross_ratio": 0.6,
            "grodt_exposure_net_ratio": -0.2,
            "grodt_drawdown_ratio": -0.1,
            "grodt_mark_session_timestamp_seconds": _midnight(NEXT),
        }
    )


def test_orders_fills_breaks_and_halts_are_counted(ledger: Ledger) -> None:
    one_of_each(ledger)
    with ledger.write() as tx:
        record_breaks(
            tx, BOOK, NEXT, [Break("position", "AAPL", 100, 90), Break("position", "MSFT", 0, 5), Break("cash", "", 1, 2)], "run", NOW
        )
        halt(tx, scope="book", book=BOOK, reason="breaks", author="settle", now=NOW)
        halt(tx, scope="all", reason="drill", author="ops", now=NOW)
    samples = _samples(metrics.render(_source(ledger)))
    assert _value(samples, "grodt_orders", book=BOOK, state="filled") == 1
    assert _value(samples, "grodt_fills_total", book=BOOK) == 1
    assert _value(samples, "grodt_breaks_open", book=BOOK, kind="position") == 2
    assert _value(samples, "grodt_breaks_open", book=BOOK, kind="cash") == 1
    assert _value(samples, "grodt_break_oldest_age_seconds", book=BOOK) == pytest.approx((LATER - NOW).total_seconds())
    assert _value(samples, "grodt_halts_active", book=BOOK, scope="book", side="all", kind="pause") == 1
    assert _value(samples, "grodt_halts_active", book="", scope="all", side="all", kind="kill") == 1


def test_what_waits_for_people_is_counted_with_its_first_expiry(ledger: Ledger) -> None:
    asked = {"kind": "limit", "book": BOOK, "people": 2, "by": "ann", "reason": "calm market", "now": NOW}
    with ledger.write() as tx:
        for hours, name in ((3, "turnover"), (2, "drawdown"), (4, "daily_loss")):
            ask(tx, **asked, subject={"name": name}, expires_at=LATER + timedelta(hours=hours))
        refused = ask(tx, **asked, subject={"name": "collar"}, expires_at=LATER + timedelta(hours=1))
        decide(tx, refused.request_id, "reject", by="bob", reason="no", now=NOW)
        ask(tx, **asked, subject={"name": "lots"}, expires_at=LATER)
    samples = _samples(metrics.render(_source(ledger)))
    assert _value(samples, "grodt_requests_waiting", book=BOOK, kind="limit") == 3
    first = _value(samples, "grodt_request_first_expiry_timestamp_seconds", book=BOOK, kind="limit")
    assert first == (LATER + timedelta(hours=2)).timestamp()


def test_the_lake_counts_current_files_alone_and_data_has_an_age(ledger: Ledger) -> None:
    with ledger.write() as tx:
        commit_files(tx, [lake_file(), lake_file("bars_1d/demo/2026/b.parquet", "b" * 64)], NOW)
        commit_files(tx, [lake_file(sha256="c" * 64)], NOW)
        commit_files(tx, [lake_file("equity/demo/2026/c.parquet", "d" * 64, table="equity")], NOW)
    samples = _samples(metrics.render(_source(ledger)))
    assert _value(samples, "grodt_lake_files", table="bars_1d", source="demo") == 2
    assert _value(samples, "grodt_lake_rows", table="bars_1d", source="demo") == 20
    assert _value(samples, "grodt_lake_bytes", table="equity", source="demo") == 1000
    assert _value(samples, "grodt_data_age_seconds", source="demo") == pytest.approx((LATER - NOW).total_seconds())
    assert _value(samples, "grodt_data_age_sessions", source="demo") == 1


def test_data_that_is_up_to_date_lacks_no_session_and_a_source_without_a_calendar_has_no_such_figure(ledger: Ledger) -> None:
    with ledger.write() as tx:
        commit_files(tx, [lake_file()], NOW)
    fresh = LedgerMetrics(ledger, {"demo": Calendar("XNYS")}, lambda: datetime(2026, 11, 20, 22, tzinfo=UTC))
    assert _value(_samples(metrics.render(fresh)), "grodt_data_age_sessions", source="demo") == 0
    unknown = LedgerMetrics(ledger, {}, lambda: LATER)
    assert not any(name == "grodt_data_age_sessions" for name, _ in _samples(metrics.render(unknown)))


def test_each_scrape_of_the_server_reads_anew(ledger: Ledger) -> None:
    server = metrics.serve(_source(ledger), 0)
    try:
        with urllib.request.urlopen(server.url) as reply:
            assert _samples(reply.read()) == {}
            assert reply.headers["Content-Type"].startswith("text/plain")
        one_of_each(ledger)
        with urllib.request.urlopen(server.url) as reply:
            assert _value(_samples(reply.read()), "grodt_fills_total", book=BOOK) == 1
    finally:
        server.stop()
    server.wait()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(server.url)
