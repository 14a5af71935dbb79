"""Each invariant: it holds of a ledger that GRODT wrote, and a violation planted by hand is found and named."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.breaks import Break, assign_break, record_breaks, resolve_break
from grodt.ledger.evidence import record_checks
from grodt.ledger.halts import Halt, end_halts, halt
from grodt.ledger.manifest import commit_files
from grodt.ledger.order_life import transition
from grodt.ledger.unit import Ledger, Write
from grodt.ledger.verify import verify_ledger
from grodt.ledger.verify_findings import Check
from grodt.money import micros
from grodt.orders.states import OrderState
from tests.ledger.by_hand import by_hand
from tests.ledger.facts import checks, lake_file
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, SESSION, basket, order, sent, started

_AAPL = "demo-eod-20261119-AAPL-0"
_INVARIANTS = [0, 1, 2, 2, 2, 2, 2, 3, 4, 5, 6, 6, 8, 9, 9, 10, 10]


def _checked(ledger: Ledger, book: str | None = None) -> tuple[Check, ...]:
    with ledger.read() as tx:
        return verify_ledger(tx, book)


def _failed(ledger: Ledger, invariant: int) -> str:
    """The first finding of the invariant. Whatever is changed by hand breaks the chain as well."""
    failed = [check for check in _checked(ledger) if not check.holds]
    assert {check.invariant for check in failed} >= {invariant}
    return next(check.findings[0] for check in failed if check.invariant == invariant)


def test_what_grodt_wrote_holds_and_each_check_says_what_it_looked_at(traded: Ledger) -> None:
    found = _checked(traded)
    assert [check.invariant for check in found] == _INVARIANTS
    assert [check.findings for check in found] == [()] * len(found)
    assert [check.checked for check in found if check.invariant not in (0, 9)] == [
        "17 postings of 4 entries",
        "3 fills against their entries",
        "0 entries of interest and fees against 0 activities",
        "10 balances",
        "0 marks",
        "2 positions of strategies",
        "2 orders",
        "9 events of 2 orders",
        "2 sends",
        "2 sends against 0 halts",
        "0 halts",
        "1 decisions against 1 files",
        "1 settled sessions: demo through 2026-11-20",
        "0 breaks",
    ]


def test_an_empty_ledger_holds_and_says_that_there_was_nothing(ledger: Ledger) -> None:
    found = _checked(ledger)
    assert all(check.holds for check in found)
    assert found[1].checked == "0 postings of 0 entries"
    assert {check.things for check in found if check.invariant} == {0}


def test_a_book_of_ones_own_is_looked_at_alone(traded: Ledger) -> None:
    by_hand(traded, "UPDATE postings SET amount = amount + 1 WHERE entry_id LIKE 'deposit%' AND account = 'cash'")
    assert [check.invariant for check in _checked(traded, BOOK) if not check.holds] == [1, 2, 9]
    assert all(check.holds for check in _checked(traded, "other"))


def _halt(scope: str, started: str, *, number: int = 1, book: str = "", symbol: str = "", side: str = "all", **ends: str) -> str:
    """A halt written by hand, its instants as HH:MM of the evening of the sends, which are at 21:30."""
    row: dict[str, object] = {"halt_id": number, "scope": scope, "book": book, "strategy": "", "symbol": symbol, "side": side}
    row |= {"reason": "odd", "author": "ann"}
    row |= {"kind": "kill" if scope == "all" else "pause", "control": 0, "keep_orders": 0}
    row |= {name: f"2026-11-20T{at}:00.000000Z" for name, at in {"started_at": started, **ends}.items()}
    row |= {"end_reason": "fine", "end_author": "ann"} if "ended_at" in ends else {}
    return f"INSERT INTO halts ({', '.join(row)}) VALUES ({', '.join(map(repr, row.values()))})"


_PLANTED = {
    "4 two legs of one bracket that have filled more than one of them was to close": (
        4,
        f"UPDATE orders SET other_leg = '{_AAPL.replace('AAPL', 'MSFT')}' WHERE symbol = 'AAPL'",
        f"orders {_AAPL} and {_AAPL.replace('AAPL', 'MSFT')} are legs of one bracket that closes 100 shares, and have filled 130 together",
    ),
    "4 a leg that has closed more than the order that it went out with has opened": (
        4,
        f"UPDATE orders SET protects = '{_AAPL.replace('AAPL', 'MSFT')}' WHERE symbol = 'AAPL'",
        f"order {_AAPL} has closed 100 shares, and {_AAPL.replace('AAPL', 'MSFT')}, with which it went out, has opened 30",
    ),
    "1 an amount that was altered": (
        1,
        "UPDATE postings SET amount = amount + 5 WHERE entry_id LIKE 'deposit%' AND account = 'cash'",
        "entry deposit:demo:2026-11-19 is out of balance by 5 USD",
    ),
    "1 shares without their other side": (
        1,
        f"DELETE FROM postings WHERE entry_id = 'fill:{_AAPL}-1' AND account = 'market'",
        f"entry fill:{_AAPL}-1 is out of balance by 60 AAPL shares",
    ),
    "2 a fill of another quantity": (
        2,
        f"UPDATE fills SET quantity = 61, notional = 61 * price WHERE execution_id = '{_AAPL}-1'",
        f"fill {_AAPL}-1 of AAPL is 61 shares and -5,734,500,000 micros of cash, and its entry posts 60 and -5,640,500,000",
    ),
    "2 a fill that is gone": (
        2,
        f"DELETE FROM fills WHERE execution_id = '{_AAPL}-2'",
        f"entry fill:{_AAPL}-2 is of a fill that is not in the ledger",
    ),
    "2 an entry that is gone": (
        2,
        f"DELETE FROM entries WHERE entry_id = 'fill:{_AAPL}-2'",
        f"postings of entry fill:{_AAPL}-2 stand without it",
    ),
    "2 shares out of nothing": (
        2,
        "INSERT INTO postings VALUES ('deposit:demo:2026-11-19', 7, 'demo', 'position', 'shares', 'AAPL', 1), "
        "('deposit:demo:2026-11-19', 8, 'demo', 'market', 'shares', 'AAPL', -1)",
        "entry deposit:demo:2026-11-19 moves shares, which a deposit never does",
    ),
    "2 a balance that was edited": (
        2,
        "UPDATE carried SET amount = amount + 5 WHERE account = 'cash'",
        "account cash USD of book demo is carried as 87,778,500,005, and its postings come to 87,778,500,000",
    ),
    "2 a balance that is gone": (
        2,
        "DELETE FROM carried WHERE account = 'position' AND symbol = 'AAPL'",
        "account position shares AAPL of book demo is carried as 0, and its postings come to 100",
    ),
    "3 an id of another intent": (
        3,
        f"UPDATE orders SET symbol = 'IBM' WHERE client_order_id = '{_AAPL}'",
        f"order {_AAPL} is not an id of IBM in book demo, eod of session 2026-11-19",
    ),
    "4 a step that may not be": (
        4,
        f"UPDATE order_events SET state = 'unknown' WHERE client_order_id = '{_AAPL}' AND state = 'accepted'",
        f"order {_AAPL}: event 7 is partially_filled, which may not follow unknown",
    ),
    "4 planned without a question": (
        4,
        f"UPDATE order_events SET state = 'planned' WHERE client_order_id = '{_AAPL}' AND state = 'approved'",
        f"order {_AAPL}: its first event, 1, is planned, and nobody was asked about its basket",
    ),
    "4 a filled quantity that shrinks": (
        4,
        f"UPDATE order_events SET filled_quantity = 90 WHERE client_order_id = '{_AAPL}' AND state = 'accepted'",
        "shares filled after 90",
    ),
    "4 more filled than ordered": (
        4,
        f"UPDATE order_events SET filled_quantity = 101 WHERE client_order_id = '{_AAPL}' AND state = 'filled'",
        "has 101 of 100 shares filled",
    ),
    "4 a state that no event led to": (
        4,
        f"UPDATE order_status SET state = 'cancelled' WHERE client_order_id = '{_AAPL}'",
        f"order {_AAPL}: its state is cancelled with 100 filled, and its last event filled with 100",
    ),
    "4 fills beyond what is filled": (
        4,
        "INSERT INTO fills SELECT 'made-up', 9, book, client_order_id, symbol, side, 1, price, price, 0, session, filled_at, run_id, "
        f"recorded_at FROM fills WHERE execution_id = '{_AAPL}-1'",
        f"order {_AAPL}: fills of 101 shares are booked, and it has 100 filled",
    ),
    "5 sent without an intent": (
        5,
        f"DELETE FROM order_events WHERE client_order_id = '{_AAPL}' AND state = 'approved'",
        f"order {_AAPL} was sent by event 3, before its intent was committed",
    ),
    "5 sent before approval": (
        5,
        "UPDATE basket_approvals SET approved_at = '2026-11-21T00:00:00.000000Z'",
        f"order {_AAPL} was sent at 2026-11-20T21:30:00.123456Z, before its basket was approved",
    ),
    "5 sent without a verdict": (
        5,
        "UPDATE evidence SET checks = replace(checks, '\"AAPL\"', '\"NONE\"')",
        f"order {_AAPL} was sent, and no control of run demo-eod-2026-11-19 let AAPL pass",
    ),
    "5 sent against a verdict": (
        5,
        "INSERT INTO evidence SELECT run_id, attempt, 10, scope, name, 'reject', bound, replace(checks, 'AAPL', 'NONE') FROM evidence",
        "order demo-eod-20261119-MSFT-0 was sent, and a control of run demo-eod-2026-11-19 refused MSFT",
    ),
    "5 sent on evidence that cannot be read": (
        5,
        "UPDATE evidence SET checks = substr(checks, 2)",
        f"order {_AAPL} was sent, and no control of run demo-eod-2026-11-19 let AAPL pass",
    ),
    "6 sent after a kill": (
        6,
        _halt("all", "21:29"),
        f"order {_AAPL} was sent at 2026-11-20T21:30:00.123456Z (event 3), while halt 1 held since 2026-11-20T21:29:00.000000Z: odd",
    ),
    "6 sent while its symbol was halted": (
        6,
        _halt("symbol", "21:29", book="demo", symbol="MSFT", ended_at="21:31"),
        "order demo-eod-20261119-MSFT-0 was sent at",
    ),
    "6 bought while buying was halted": (
        6,
        _halt("book", "21:29", book="demo", side="buys", expires_at="21:31"),
        f"order {_AAPL} was sent",
    ),
    "8 bars that were known only later": (
        8,
        "UPDATE lake_files SET known_at = '2026-11-21T00:00:00.000000Z'",
        "run demo-eod-2026-11-19 decided at 2026-11-20T21:30:00.123456Z on bars_1d/demo/2026/a.parquet of version 1, known at 2026-11-21",
    ),
    "8 a version that is not there": (
        8,
        "UPDATE runs SET snapshot_version = 2",
        "run demo-eod-2026-11-19 decided on version 2 of the lake, which is not there",
    ),
    "4 a state that the broker is said to have told otherwise": (
        4,
        f"UPDATE order_status SET reason = 'too late' WHERE client_order_id = '{_AAPL}'",
        f"order {_AAPL}: its state has another book, id of the broker or reason than its last event",
    ),
    "4 a state that is filed under another book": (
        4,
        f"UPDATE order_status SET book = 'other' WHERE client_order_id = '{_AAPL}'",
        f"order {_AAPL}: its state has another book, id of the broker or reason than its last event",
    ),
    "9 money that was moved to another book": (
        9,
        "UPDATE postings SET book = 'other' WHERE entry_id LIKE 'deposit%'",
        "entry deposit:demo:2026-11-19 is of book demo, and has postings in book other",
    ),
    "9 another memo": (
        9,
        "UPDATE entries SET memo = 'a gift' WHERE kind = 'deposit'",
        "entries entry_id deposit:demo:2026-11-19 is not as it was written, or was never written by GRODT",
    ),
}


@pytest.mark.parametrize(("invariant", "statement", "finding"), _PLANTED.values(), ids=_PLANTED)
def test_a_violation_planted_by_hand_is_found_and_named(traded: Ledger, invariant: int, statement: str, finding: str) -> None:
    by_hand(traded, statement)
    assert finding in _failed(traded, invariant)


def _settled_again(session: str) -> str:
    return f"INSERT INTO settlements VALUES ('demo', '{session}', 'run', '2026-12-01T00:00:00.000000Z')"


_LOST = f"DELETE FROM fills WHERE execution_id = '{_AAPL}-2'"


def test_an_order_that_is_over_and_whose_fills_never_came_is_found_once_they_cannot_come_any_more(traded: Ledger) -> None:
    by_hand(traded, _LOST)
    assert [check.invariant for check in _checked(traded) if not check.holds] == [2, 2, 9], "it may come late"
    by_hand(traded, _settled_again("2026-12-04"))
    found = f"order {_AAPL}: it is over with 100 shares filled, and fills of 60 are booked; none is kept as not booked, and no correction"
    assert found in _failed(traded, 4)


def test_nor_is_one_wrong_whose_position_people_have_corrected_since(traded: Ledger) -> None:
    by_hand(
        traded,
        _LOST,
        _settled_again("2026-12-04"),
        f"UPDATE entries SET kind = 'correction' WHERE entry_id = 'fill:{_AAPL}-2'",
    )
    assert 4 not in [check.invariant for check in _checked(traded) if not check.holds]


def test_a_byte_of_an_index_that_hides_an_order_is_found(tmp_path: Path) -> None:
    """What is asked of that index is short of a row, and every table is as it was."""
    file = tmp_path / "ledger.db"
    with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
        with ledger.write() as tx:
            sent(tx, [order("AAPL")])
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_order_status_book_state'")
            ((size,),) = connection.execute("PRAGMA page_size")
    content = bytearray(file.read_bytes())
    start = (root - 1) * size
    page = content[start : start + size]
    assert b"demoaccepted" in page
    content[start : start + size] = page.replace(b"demoaccepted", b"demoacceptee")
    file.write_bytes(content)
    with closing(Ledger.open(f"sqlite:///{file}")) as ledger:
        check = _checked(ledger)[0]
    assert check.what == "the database file is whole"
    assert "missing from index ix_order_status_book_state" in check.findings[0]


_NO_VIOLATION = {
    "that was over": _halt("book", "21:00", book="demo", ended_at="21:10"),
    "that had expired": _halt("book", "21:00", book="demo", expires_at="21:10", ended_at="21:40"),
    "of later": _halt("all", "21:31"),
    "of another symbol": _halt("symbol", "21:00", book="demo", symbol="IBM"),
    "of another book": _halt("book", "21:00", book="us"),
    "of the other side": _halt("book", "21:00", book="demo", side="sells"),
}


@pytest.mark.parametrize("statement", _NO_VIOLATION.values(), ids=_NO_VIOLATION)
def test_a_halt_that_did_not_concern_what_was_sent_is_no_violation(traded: Ledger, statement: str) -> None:
    by_hand(traded, statement)
    (made_up,) = [check for check in _checked(traded) if not check.holds]
    assert made_up.what == "halts are as they were made and ended"


def _halted(ledger: Ledger, at: datetime, **what: Any) -> Halt:
    with ledger.write() as tx:
        return halt(tx, **{"scope": "book", "book": BOOK, "reason": "odd", "author": "ann", "now": at, "kind": "kill", **what})


def test_what_was_sent_before_a_halt_was_sent_before_it_whatever_the_clock_says(traded: Ledger) -> None:
    _halted(traded, NOW - 60 * MINUTE)  # the clock went back
    assert all(check.holds for check in _checked(traded))


def test_what_was_sent_after_a_halt_is_found_whatever_the_clock_says(traded: Ledger) -> None:
    made = _halted(traded, NOW + 60 * MINUTE)  # and the clock goes back
    with traded.write() as tx:
        sent(tx, [order("IBM", session=NEXT)], NEXT)
    assert f"order demo-eod-20261120-IBM-0 was sent at 2026-11-20T21:30:00.123456Z (event 11), while halt {made.halt_id}" in _failed(
        traded, 6
    )


def test_what_was_sent_after_a_halt_was_ended_or_was_over_is_no_violation(traded: Ledger) -> None:
    with traded.write() as tx:
        end_halts(tx, [_halt_of(tx)], reason="fine", author="ann and bob", now=NOW)
        halt(tx, scope="book", book=BOOK, reason="tea", author="ann", now=NOW - 9 * MINUTE, expires_at=NOW - MINUTE)
        sent(tx, [order("IBM", session=NEXT)], NEXT)
    assert 6 not in [check.invariant for check in _checked(traded) if not check.holds]


def _halt_of(tx: Write) -> Halt:
    return halt(tx, scope="book", book=BOOK, reason="odd", author="ann", now=NOW - 30 * MINUTE, kind="kill")


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM halts", "it was made and is not among the halts any more"),
        ("UPDATE halts SET side = 'buys'", "it stands otherwise among the halts than it was made"),
        ("UPDATE halts SET keep_orders = 1", "it stands otherwise among the halts than it was made"),
        (
            "UPDATE halts SET ended_at = started_at, end_reason = 'fine', end_author = 'ann and bob'",
            "it stands as ended, and nobody has ended it",
        ),
    ],
)
def test_a_kill_that_was_taken_away_by_hand_is_found(traded: Ledger, statement: str, fault: str) -> None:
    _halted(traded, NOW)
    by_hand(traded, statement)
    (check,) = [check for check in _checked(traded) if not check.holds]
    assert (check.invariant, check.findings) == (6, (f"halt 1 (odd): {fault}",))


def test_so_is_one_whose_end_was_and_one_that_nobody_made(traded: Ledger) -> None:
    made = _halted(traded, NOW)
    with traded.write() as tx:
        end_halts(tx, [made], reason="fine", author="ann and bob", now=NOW + MINUTE)
    by_hand(traded, "UPDATE halts SET ended_at = NULL, end_reason = NULL, end_author = NULL", _halt("book", "21:40", number=2, book=BOOK))
    (check,) = [check for check in _checked(traded) if not check.holds]
    assert check.findings == (
        "halt 1 (odd): it was ended and stands as one that holds",
        "halt 2 (odd): it stands among the halts, and nobody has made it",
    )


def test_each_send_is_compared_with_every_halt_that_held_then(traded: Ledger) -> None:
    by_hand(
        traded,
        _halt("all", "21:40", number=1),
        _halt("symbol", "21:20", number=2, book="demo", symbol="MSFT"),
        _halt("book", "21:00", number=3, book="demo", ended_at="21:10"),
        _halt("book", "21:10", number=4, book="demo", side="buys"),
    )
    (check,) = [check for check in _checked(traded) if check.what == "nothing sent while a halt held"]
    assert check.checked == "2 sends against 4 halts"
    assert [finding.split(" since ")[0] for finding in check.findings] == [
        f"order {_AAPL} was sent at 2026-11-20T21:30:00.123456Z (event 3), while halt 4 held",
        f"order {_AAPL.replace('AAPL', 'MSFT')} was sent at 2026-11-20T21:30:00.123456Z (event 5), while halt 2 held",
        f"order {_AAPL.replace('AAPL', 'MSFT')} was sent at 2026-11-20T21:30:00.123456Z (event 5), while halt 4 held",
    ]


def _committed(ledger: Ledger, *steps: str, minutes: int) -> dict[int, tuple[str, ...]]:
    """What is found, by invariant, of a book whose commits came in that order, by a clock that went so far from one to the next."""
    one, clock = order("AAPL"), iter(NOW + number * minutes * MINUTE for number in range(len(steps)))
    with ledger.write() as tx:
        run = started(tx)
        record_checks(tx, checks(run.run_id).with_columns(scope=pl.lit("order")), 1)
    made = basket([one], run.run_id)
    does: dict[str, Callable[[Write, datetime], object]] = {
        "learn": lambda tx, now: commit_files(tx, [replace(lake_file(), known_at=now)], now),
        "decide": lambda tx, now: record_basket(tx, made, run.run_id, now),
        "approve": lambda tx, now: approve_basket(tx, made.hash, "automatic", now),
        "send": lambda tx, now: transition(tx, one.client_order_id, OrderState.SENDING, run_id=run.run_id, now=now),
    }
    for step in steps:
        with ledger.write() as tx:
            does[step](tx, next(clock))
    by_hand(ledger, "UPDATE runs SET snapshot_version = 1, snapshot_digest = 'd'")
    return {check.invariant: check.findings for check in _checked(ledger) if not check.holds}


def test_what_came_first_is_told_by_the_chain_where_the_clock_stepped_back(ledger: Ledger) -> None:
    assert _committed(ledger, "learn", "decide", "approve", "send", minutes=-60) == {}


def test_what_came_later_by_clock_and_chain_is_found(ledger: Ledger) -> None:
    found = _committed(ledger, "decide", "send", "approve", "learn", minutes=60)
    assert found.keys() == {5, 8}
    assert "before its basket was approved" in found[5][0]
    assert "known at" in found[8][0]


def test_a_posting_that_still_balances_is_found_by_its_entry_s_digest(traded: Ledger) -> None:
    by_hand(traded, "UPDATE postings SET amount = 2 * amount WHERE entry_id LIKE 'deposit%'")
    failed = [check for check in _checked(traded) if not check.holds]
    assert [check.invariant for check in failed] == [2, 9]
    assert failed[1].findings == ("entry deposit:demo:2026-11-19 has other postings, or another memo or session, than it was booked with",)


def test_an_open_break_is_a_state_that_differs_from_the_broker_s(traded: Ledger) -> None:
    with traded.write() as tx:
        record_breaks(tx, BOOK, NEXT, [Break("position", "AAPL", 100, 90)], "run", NOW)
    failed = [check for check in _checked(traded) if not check.holds]
    assert [(check.invariant, check.findings) for check in failed] == [
        (10, ("break 1 of book demo is open since 2026-11-20: position AAPL",))
    ]


def _broken(ledger: Ledger) -> None:
    """Break 1 is seen twice, with other figures and a price known once, and given to ann and then to bob; break 2 is resolved."""
    position, money = Break("position", "AAPL", 100, 90), Break("cash", "", 5, 6)
    with ledger.write() as tx:
        record_breaks(tx, BOOK, SESSION, [position, money], "run1", NOW, {"AAPL": micros(94)})
        assign_break(tx, 1, "ann", author="cyd", now=NOW)
        resolve_break(tx, 2, "a fee", "ann", NOW + MINUTE)
    with ledger.write() as tx:
        record_breaks(tx, BOOK, NEXT, [replace(position, theirs=80)], "run2", NOW + MINUTE)
        assign_break(tx, 1, "bob", author="ann", now=NOW)


_FIGURES = "its figures are others than it was last seen with"
_OTHERWISE = "it stands otherwise among the breaks than it was found"
_BREAKS_BY_HAND = {
    "deleted": ("DELETE FROM breaks WHERE break_id = 1", 1, "it was found and is not among the breaks any more"),
    "of another book": ("UPDATE breaks SET book = 'other' WHERE break_id = 1", 1, _OTHERWISE),
    "of another kind": ("UPDATE breaks SET kind = 'fraction' WHERE break_id = 1", 1, _OTHERWISE),
    "of another symbol": ("UPDATE breaks SET symbol = 'IBM' WHERE break_id = 1", 1, _OTHERWISE),
    "younger": ("UPDATE breaks SET first_seen_at = last_seen_at WHERE break_id = 1", 1, _OTHERWISE),
    "of a later session": ("UPDATE breaks SET first_session = last_session WHERE break_id = 1", 1, _OTHERWISE),
    "ours": ("UPDATE breaks SET ours = 99 WHERE break_id = 1", 1, _FIGURES),
    "theirs as it was before": ("UPDATE breaks SET theirs = 90 WHERE break_id = 1", 1, _FIGURES),
    "another price": ("UPDATE breaks SET price = price + 1 WHERE break_id = 1", 1, _FIGURES),
    "no price": ("UPDATE breaks SET price = NULL WHERE break_id = 1", 1, _FIGURES),
    "seen by another run": ("UPDATE breaks SET run_id = 'run1' WHERE break_id = 1", 1, _FIGURES),
    "seen last before": ("UPDATE breaks SET last_session = first_session WHERE break_id = 1", 1, _FIGURES),
    "ended": (
        "UPDATE breaks SET resolved_at = last_seen_at, resolved_reason = 'fine', resolved_author = 'eve' WHERE break_id = 1",
        1,
        "it stands as resolved, and nobody has resolved it",
    ),
    "opened again": (
        "UPDATE breaks SET resolved_at = NULL, resolved_reason = NULL, resolved_author = NULL WHERE break_id = 2",
        2,
        "it was resolved and stands as open",
    ),
    "resolved by another": (
        "UPDATE breaks SET resolved_author = 'eve' WHERE break_id = 2",
        2,
        "it stands as resolved otherwise than it was",
    ),
    "of another owner": ("UPDATE breaks SET owner = 'ann' WHERE break_id = 1", 1, "its owner is another than it was last given to"),
    "of no owner": ("UPDATE breaks SET owner = NULL WHERE break_id = 1", 1, "its owner is another than it was last given to"),
    "given to nobody": ("UPDATE breaks SET owner = 'ann' WHERE break_id = 2", 2, "its owner is another than it was last given to"),
    "made up": (
        "INSERT INTO breaks (break_id, book, kind, symbol, ours, theirs, first_session, first_seen_at, last_session, last_seen_at, run_id) "
        "SELECT 3, book, kind, 'IBM', ours, theirs, first_session, first_seen_at, last_session, last_seen_at, run_id FROM breaks "
        "WHERE break_id = 1",
        3,
        "it stands among the breaks, and nobody has found it",
    ),
}


@pytest.mark.parametrize(("statement", "number", "fault"), _BREAKS_BY_HAND.values(), ids=_BREAKS_BY_HAND)
def test_a_break_that_was_changed_by_hand_is_found_and_named(traded: Ledger, statement: str, number: int, fault: str) -> None:
    _broken(traded)
    before = _kept(traded)
    assert (before.things, before.findings) == (2, ())
    by_hand(traded, statement)
    (finding,) = _kept(traded).findings
    assert finding.startswith(f"break {number} of book demo (")
    assert finding.endswith(f"): {fault}")
    assert all(check.holds for check in _checked(traded) if check.invariant not in (0, 10))


def _kept(ledger: Ledger) -> Check:
    (check,) = [check for check in _checked(ledger) if check.what == "breaks are as they were found and resolved"]
    return check


def test_facts_of_a_break_that_were_changed_with_it_are_found_by_the_chain(traded: Ledger) -> None:
    _broken(traded)
    by_hand(
        traded,
        "UPDATE breaks SET theirs = 100 WHERE break_id = 1",
        "UPDATE break_sights SET theirs = 100 WHERE sight_id = 3",
        "DELETE FROM breaks WHERE break_id = 2",
        "DELETE FROM break_starts WHERE break_id = 2",
    )
    assert _kept(traded).holds
    (chain,) = [check for check in _checked(traded) if check.head]
    assert chain.findings[0].startswith("break_sights sight_id 3 is not as it was written")
    assert chain.findings[1].startswith("break_starts: 1 of 2 facts are gone")


def test_breaks_of_one_s_own_book_are_looked_at_alone(traded: Ledger) -> None:
    _broken(traded)
    by_hand(traded, "DELETE FROM breaks WHERE break_id = 1")
    with traded.read() as tx:
        (check,) = [check for check in verify_ledger(tx, "other") if check.what == "breaks are as they were found and resolved"]
    assert (check.things, check.findings) == (0, ())


def test_many_findings_are_counted(traded: Ledger) -> None:
    by_hand(traded, "UPDATE postings SET amount = amount + 1", "UPDATE postings SET amount = amount + 1 WHERE line = 0")
    (check,) = [check for check in _checked(traded) if check.invariant == 1]
    assert len(check.findings) == 6
    assert check.findings[-1].startswith("and ")
