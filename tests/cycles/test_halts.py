"""A halt stops a book before anything is sent; the run waits for a person and then goes on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grodt.errors import HaltActive, ReconciliationBreak
from grodt.ledger.halts import halt
from grodt.ledger.unit import Ledger
from grodt.risk.limit_values import Key
from tasks.wiring import source
from tests.cycles.driver import Home
from tests.cycles.limits import loosen
from tests.cycles.processes import Processes
from tests.cycles.small_world import FRI, MON, TUE, WED, books_text, small_home
from tests.flows.commands import Command
from tests.ledger.people import rearmed

NOW = datetime(2015, 12, 5, 12, tzinfo=UTC)


@contextmanager
def _ledger(home: Home) -> Iterator[Ledger]:
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    try:
        yield ledger
    finally:
        ledger.close()


def _halt(home: Home, scope: str = "book", **changed: Any) -> None:
    with _ledger(home) as ledger, ledger.write() as tx:
        book = "" if scope == "all" else "small"
        halt(tx, **{"scope": scope, "book": book, "reason": "a person looks", "author": "ops", "now": NOW, **changed})


def _rearm(home: Home) -> None:
    with _ledger(home) as ledger, ledger.write() as tx:
        rearmed(tx, "small", NOW)


@pytest.mark.parametrize("scope", ["book", "all"])
def test_a_halted_book_does_not_open(home: Home, scope: str) -> None:
    home.run(MON)
    _halt(home, scope, keep_orders=True)
    before = {name: content for name, content in home.everything().items() if name != "ledger.db"}
    for _ in range(2):  # the first gave back what it took
        with pytest.raises(HaltActive, match=r"(?s)a person looks.*grodt rearm"):
            home.run(TUE)
    assert {name: content for name, content in home.everything().items() if name != "ledger.db"} == before
    assert home.sql("SELECT session FROM runs") == [(str(MON),)]


def test_a_halt_after_orders_were_made_keeps_them_from_being_sent_and_rearming_sends_them_once(home: Home, week: Home) -> None:
    def watch(_session: object, stage: str, text: str) -> None:
        if stage == "send" and text == "2 of 5 orders":
            _halt(home, keep_orders=True)

    with pytest.raises(HaltActive, match="a person looks"):
        home.run(MON, watch=watch)
    assert home.broker("SELECT state, count(*) FROM orders") == [("accepted", 2)]
    assert home.sql("SELECT state FROM runs") == [("halted",)]
    assert home.sql("SELECT stage, outcome FROM stage_runs WHERE outcome <> 'done'") == [("send", "halted")]
    assert home.sql("SELECT outcome FROM run_attempts") == [("halted",)]
    _rearm(home)
    home.run(MON, TUE)
    query = "SELECT client_order_id, symbol, side, quantity FROM orders WHERE session <= ? ORDER BY 1"
    assert home.broker(query, str(TUE)) == week.broker(query, str(TUE))
    assert home.sql("SELECT state FROM order_status WHERE client_order_id LIKE '%20151123%'") == [("filled",)] * 5


def test_a_halted_symbol_is_not_even_ordered_and_the_others_are_sent(home: Home) -> None:
    home.run(MON)
    _halt(home, "symbol", symbol="TWIN")
    home.run(TUE)
    states = dict(home.sql("SELECT symbol, state FROM orders NATURAL JOIN order_status WHERE session = ?", str(TUE)))
    assert "TWIN" not in states
    assert set(states.values()) == {"accepted"}
    query = "SELECT verdict FROM risk_checks WHERE run_id = 'small-eod-2015-11-24' AND control = 17 AND symbol = 'TWIN'"
    assert home.sql(query) == [("reject",)]


def test_a_symbol_that_is_halted_once_it_is_ordered_is_denied(home: Home) -> None:
    home.run(MON)
    home.run(TUE, watch=lambda _session, stage, text: _halt(home, "symbol", symbol="TWIN") if (stage, text) == ("send", "") else None)
    states = dict(home.sql("SELECT symbol, state FROM orders NATURAL JOIN order_status WHERE session = ?", str(TUE)))
    assert states.pop("TWIN") == "denied"
    assert set(states.values()) == {"accepted"}


def test_a_broker_that_holds_something_else_halts_the_book_before_it_decides(home: Home) -> None:
    home.run(MON, TUE)
    with closing(sqlite3.connect(home.folder / "brokers/paper-small.db")) as broker:
        broker.execute("UPDATE positions SET quantity = quantity + 7 WHERE symbol = 'RISE'")
        broker.commit()
    with pytest.raises(ReconciliationBreak, match="RISE"):
        home.run(WED)
    assert home.sql("SELECT kind, symbol, theirs - ours FROM breaks WHERE resolved_at IS NULL") == [("position", "RISE", 7)]
    assert home.sql("SELECT count(*) FROM orders WHERE session = ?", str(WED)) == [(0,)]
    with pytest.raises(HaltActive):
        home.run(WED)
    assert home.sql("SELECT attempt FROM run_attempts WHERE run_id = 'small-eod-2015-11-25'") == [(1,)]


def test_an_incomplete_session_halts_the_book_and_is_asked_for_again_after_rearming(home: Home) -> None:
    home.run(MON)
    assert home.books is not None
    bars = home.books.parent / "bars.csv"
    whole = bars.read_text()
    lines = whole.splitlines(keepends=True)
    bars.write_text("".join(line for line in lines if line.startswith("RISE") or f",{TUE}," not in line))
    source.cache_clear()  # a process keeps what it has read
    with pytest.raises(HaltActive, match=r"good bars for 1 of 5 listed symbols"):
        home.run(TUE)
    assert home.table("bars_1d").filter(session=TUE).is_empty()
    bars.write_text(whole)
    source.cache_clear()  # a process keeps what it has read
    _rearm(home)
    home.run(TUE)
    assert home.table("bars_1d").filter(session=TUE).height == 5


def test_a_basket_over_its_limit_halts_and_leaves_its_evidence(home: Home) -> None:
    assert home.books is not None
    home.books.write_text(books_text(basket_value="0.2"))
    with pytest.raises(HaltActive, match=r"(?i)basket"):
        home.run(FRI)
    verdicts = home.sql("SELECT DISTINCT verdict FROM risk_checks")
    assert ("halt",) in verdicts
    assert home.sql("SELECT count(*) FROM orders") == [(0,)]
    assert home.sql("SELECT state FROM runs") == [("halted",)]
    loosen(home, Key("basket_value"), 1.5)
    _rearm(home)
    home.run(FRI)
    assert home.sql("SELECT state FROM runs") == [("done",)]


def test_grodt_halt_from_another_process_stops_a_cycle_that_is_sending_and_cancels_what_it_has_sent(
    home: Home, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that sends has the lease, and two of five orders are out; the second one's answer is not even in the ledger."""
    reached, go_on = processes.event(), processes.event()
    sending = processes.start(home, [MON], waits=(MON, "send", reached, go_on), said="2 of 5 orders")
    assert reached.wait(60)
    halted = Command(capsys)(home, "halt", "--kill", "--reason", "wrong prices", "--author", "ann")
    assert halted.status == 0
    assert halted.out.splitlines()[2] == "asked the broker of small to cancel 5 open orders: 2 cancelled, 3 not at the broker"
    go_on.set()
    sending.join(60)
    assert sending.exitcode == 1
    assert home.broker("SELECT state, count(*) FROM orders GROUP BY 1") == [("cancelled", 2)]
    states = "SELECT state, count(*) FROM order_status GROUP BY 1 ORDER BY 1"
    assert home.sql(states) == [("accepted", 2), ("approved", 3)]  # what the broker said is settled with the next cycle
    # three more of the group were marked as being sent: the broker never had them, and they are approved again
    assert home.sql("SELECT outcome, count(*) FROM cancels GROUP BY 1 ORDER BY 1") == [("cancelled", 2), ("not_there", 3)]
    assert home.sql("SELECT outcome, error LIKE '%halt 1 (kill) on book small by ann%wrong prices%' FROM run_attempts") == [("halted", 1)]
    with _ledger(home) as ledger, ledger.write() as tx:
        rearmed(tx, "small", NOW)
    home.run(MON, TUE)
    assert home.sql("SELECT state, count(*) FROM order_status WHERE client_order_id LIKE '%1123%' GROUP BY 1 ORDER BY 1") == [
        ("cancelled", 2),
        ("filled", 3),
    ]


def test_a_pause_stops_a_cycle_for_its_time_and_no_longer(home: Home) -> None:
    _halt(home, expires_at=NOW + timedelta(hours=2))
    with pytest.raises(HaltActive, match=r"until 2015-12-05 14:00 UTC: a person looks"):
        home.run(MON)
    home.now = "2015-12-05T14:00:00Z"
    home.run(MON)
    assert home.sql("SELECT ended_at, end_author, end_reason FROM halts") == [
        ("2015-12-05T14:00:00.000000Z", "expiry", "its time was over"),
    ]


def test_a_breach_while_sending_cancels_what_was_sent_and_a_fault_does_not(home: Home) -> None:
    assert home.books is not None
    home.books.write_text(books_text(cycle_messages="2"))
    with pytest.raises(HaltActive, match="messages_above_limit"):
        home.run(MON)
    assert home.broker("SELECT state, count(*) FROM orders GROUP BY 1") == [("cancelled", 2)]
    assert home.sql("SELECT kind, control, keep_orders FROM halts") == [("breach", 20, 0)]


def test_a_halted_strategy_opens_nothing_by_itself_and_nothing_is_sold_for_its_silence(tmp_path: Path) -> None:
    """The trend is long; the reversion alone would hold nothing. Halted, the trend buys no more, and what it holds is not sold out."""
    free, held = small_home(tmp_path / "free"), small_home(tmp_path / "held")
    for home in (free, held):
        assert home.books is not None
        trend = "      - {signal: ewma_crossover, weight: 1, parameters: {fast: 4, slow: 16}}\n"
        text = home.books.read_text()
        assert trend in text
        home.books.write_text(text.replace(trend, f"{trend}      - {{signal: rsi_reversion, weight: 0.25}}\n"))
        home.run(MON)
    _halt(held, "strategy", strategy="ewma_crossover", now=NOW - timedelta(hours=1))
    held.run(TUE)
    free.run(TUE)
    query = "SELECT symbol, iif(side = 'buy', quantity, -quantity) FROM orders WHERE session = ?"
    whole, left = dict(free.sql(query, str(TUE))), dict(held.sql(query, str(TUE)))
    assert min(whole.values()) < 0 < max(whole.values())
    assert left == {symbol: quantity for symbol, quantity in whole.items() if quantity < 0}
    rows = "SELECT symbol, value, bound, verdict FROM risk_checks WHERE control = 29 AND scope = 'order' AND verdict <> 'pass'"
    assert held.sql(rows) == [(symbol, quantity, 0.0, "reject") for symbol, quantity in sorted(whole.items()) if quantity > 0]
    assert held.table("targets").filter(session=TUE).drop("run_id").equals(free.table("targets").filter(session=TUE).drop("run_id"))


def test_a_strategy_halted_while_the_basket_is_decided_keeps_it_from_being_committed_and_the_rerun_decides_with_the_halt(
    home: Home,
) -> None:
    """Whoever halts has a clock that is an hour behind."""

    def watch(_session: object, stage: str, text: str) -> None:
        if (stage, text) == ("orders", ""):
            _halt(home, "strategy", strategy="ewma_crossover", now=NOW - timedelta(hours=1))

    with pytest.raises(HaltActive, match=r"ewma_crossover .* while the basket was being decided"):
        home.run(MON, watch=watch)
    assert home.sql("SELECT count(*) FROM baskets") == [(0,)]
    assert home.sql("SELECT state FROM runs") == [("halted",)]
    home.run(MON)
    assert home.sql("SELECT order_count FROM baskets") == [(0,)]
    assert home.sql("SELECT state FROM runs") == [("done",)]
