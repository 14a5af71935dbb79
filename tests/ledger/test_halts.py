"""Halts hold until people end them, or their time is over."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from grodt.errors import ConfigError, HaltActive
from grodt.ledger.acts import act, still_waiting
from grodt.ledger.halts import Halt, active, all_halts, end_halts, expire, find_halt, halt, last_armed, require_none
from grodt.ledger.rearming import TERM, Rearmed, rearm, rearm_one
from grodt.ledger.requests import requests_of
from grodt.ledger.unit import Ledger, Write
from tests.ledger.by_hand import by_hand
from tests.ledger.world import BOOK, MINUTE, NOW


def _halt(tx: Write, **changed: Any) -> Halt:
    return halt(tx, **{"scope": "book", "book": BOOK, "reason": "a look", "author": "ann", "now": NOW, **changed})


def _rearm(tx: Write, book: str = BOOK, author: str = "ann") -> Rearmed:
    return rearm(tx, book=book, reason="mended", author=author, now=NOW + MINUTE)


def test_a_halted_book_is_stopped_with_reason_author_and_the_next_step(tx: Write) -> None:
    require_none(tx, BOOK, NOW)
    _halt(tx, kind="breach", control=13, reason="basket value", author="risk")
    with pytest.raises(
        HaltActive,
        match=r"halt 1 \(breach\) on book demo by risk since 2026-11-20 21:30 UTC: basket value.*"
        r"`grodt rearm --book demo --reason WHY` \(two people\)",
    ) as caught:
        require_none(tx, BOOK, NOW)
    assert caught.value.exit_status == 3
    require_none(tx, "us", NOW)


def test_an_identical_active_halt_is_not_doubled(tx: Write) -> None:
    first = _halt(tx)
    assert _halt(tx, author="bob", now=NOW + MINUTE) == first
    others = [
        _halt(tx, reason="another"),
        _halt(tx, side="buys"),
        _halt(tx, kind="kill"),
        _halt(tx, expires_at=NOW + MINUTE),
        _halt(tx, scope="symbol", symbol="AAPL"),
        _halt(tx, scope="strategy", strategy="trend"),
    ]
    assert active(tx, BOOK, NOW) == (first, *others)


def test_a_controls_halt_is_the_same_whatever_its_numbers_were(tx: Write) -> None:
    first = _halt(tx, kind="breach", control=28, side="reduce_only", reason="value is 1.2", author="risk")
    again = _halt(tx, kind="breach", control=28, side="reduce_only", reason="value is 1.3", author="risk", now=NOW + MINUTE)
    assert again == first
    assert _halt(tx, kind="breach", control=13, reason="value is 1.3", author="risk") != first


def test_one_person_ends_pauses_and_faults_and_they_may_come_again(tx: Write) -> None:
    first = _halt(tx, kind="fault", control=31, reason="breaks", author="reconciliation")
    symbol = _halt(tx, scope="symbol", symbol="AAPL", kind="fault", control=30, reason="unknown order", author="execution")
    side = _halt(tx, side="sells")
    with pytest.raises(HaltActive) as caught:
        require_none(tx, BOOK, NOW)
    assert "AAPL" not in str(caught.value)
    assert "sells" not in str(caught.value)
    other = _halt(tx, book="us")
    assert _rearm(tx) == Rearmed((first, symbol, side))
    assert active(tx, BOOK, NOW) == ()
    assert active(tx, "us", NOW) == (other,)
    assert _rearm(tx) == Rearmed(())
    assert _halt(tx, kind="fault", control=31, reason="breaks", author="reconciliation").halt_id > first.halt_id
    assert last_armed(tx, BOOK) == NOW + MINUTE


def test_the_end_of_a_halt_of_a_symbol_or_a_strategy_does_not_arm_the_book(tx: Write) -> None:
    """Else one person could begin the counts of controls 20 to 22 anew, which takes two once one of them has stopped the book."""
    _halt(tx, scope="symbol", symbol="AAPL")
    _halt(tx, scope="strategy", strategy="momentum")
    assert len(_rearm(tx).ended) == 2
    assert last_armed(tx, BOOK) is None


def test_a_halt_that_keeps_open_orders_does_not_stand_for_one_that_cancels_them(tx: Write) -> None:
    keeps = _halt(tx, keep_orders=True)
    cancels = _halt(tx)
    assert (keeps.keep_orders, cancels.keep_orders, cancels.halt_id) == (True, False, keeps.halt_id + 1)


@pytest.mark.parametrize("kind", ["kill", "breach"])
def test_a_kill_and_a_breach_take_two_different_people(tx: Write, kind: str) -> None:
    made = _halt(tx, kind=kind)
    pause = _halt(tx, side="buys")
    done = _rearm(tx)
    assert (done.ended, done.waiting) == ((pause,), (made,))
    assert done.asked is not None
    assert (done.asked.kind, done.asked.missing, done.asked.expires_at) == ("rearm", 1, NOW + MINUTE + TERM)
    assert active(tx, BOOK, NOW) == (made,)
    with pytest.raises(ConfigError, match="ann has asked for it, which counts as agreement; another person must decide"):
        act(tx, done.asked.short, "approve", by="Ann", reason="me again", now=NOW)
    assert _rearm(tx, author="bob").asked == done.asked  # asking once more is not agreeing
    acted = act(tx, done.asked.short, "approve", by="bob", reason="looked too", now=NOW + 2 * MINUTE)
    assert (acted.what, acted.then) == ("the end of halt 1", f"ended: {made}")
    ended = find_halt(tx, made.halt_id)
    assert (ended.end_author, ended.end_reason, ended.ended_at) == ("ann and bob", "mended", NOW + 2 * MINUTE)
    require_none(tx, BOOK, NOW + 2 * MINUTE)


def test_a_rejected_request_leaves_the_halt(tx: Write) -> None:
    made = _halt(tx, kind="kill")
    asked = _rearm(tx).asked
    assert asked is not None
    assert act(tx, asked.short, "reject", by="bob", reason="not yet", now=NOW + MINUTE).then == "the halts hold"
    assert active(tx, BOOK, NOW) == (made,)
    again = _rearm(tx, author="cleo").asked
    assert again is not None
    assert again.request_id != asked.request_id


def test_a_request_about_halts_that_are_over_waits_no_more(tx: Write) -> None:
    made = _halt(tx, kind="breach", control=21, author="risk")
    of_all, of_one = _rearm(tx).asked, rearm_one(tx, made.halt_id, reason="this one", author="bob", now=NOW + MINUTE).asked
    assert of_all is not None
    assert of_one == of_all  # the same halts
    end_halts(tx, [made], reason="by other means", author="cleo", now=NOW + MINUTE)
    assert still_waiting(tx, requests_of(tx, BOOK)) == ()
    with pytest.raises(ConfigError, match="can no longer be decided: those halts are over already"):
        act(tx, of_all.short, "approve", by="cleo", reason="late", now=NOW + MINUTE)


def test_one_halt_of_several_is_ended_by_its_number(tx: Write) -> None:
    first, second = _halt(tx, side="buys"), _halt(tx, side="sells")
    assert rearm_one(tx, first.halt_id, reason="mended", author="ann", now=NOW + MINUTE).ended == (first,)
    assert active(tx, BOOK, NOW) == (second,)
    with pytest.raises(ConfigError, match=r"halt 1 was ended by ann at 2026-11-20 21:31 UTC: mended"):
        rearm_one(tx, first.halt_id, reason="again", author="bob", now=NOW + MINUTE)
    with pytest.raises(ConfigError, match=r"there is no halt 9; `grodt halts` lists"):
        rearm_one(tx, 9, reason="again", author="bob", now=NOW)


def test_a_halt_on_all_books_is_a_kill_and_outlives_the_rearming_of_one(tx: Write) -> None:
    everything = _halt(tx, scope="all", book="")
    assert everything.kind == "kill"
    _rearm(tx)
    with pytest.raises(HaltActive, match=r"on all books by ann.*`grodt rearm --all --reason WHY` \(two people\)"):
        require_none(tx, BOOK, NOW)
    assert _rearm(tx, book="").waiting == (everything,)


def test_a_pause_ends_by_itself_which_is_recorded_and_no_persons_act(tx: Write) -> None:
    until = NOW + 120 * MINUTE
    made = _halt(tx, expires_at=until)
    assert str(made) == "halt 1 (pause) on book demo by ann since 2026-11-20 21:30 UTC until 2026-11-20 23:30 UTC: a look"
    assert active(tx, BOOK, until - MINUTE) == (made,)
    require_none(tx, BOOK, until)  # though nobody has recorded it yet
    assert active(tx, BOOK, until) == ()
    assert expire(tx, until - MINUTE) == ()
    assert expire(tx, until + MINUTE) == (made,)
    ended = find_halt(tx, made.halt_id)
    assert (ended.ended_at, ended.end_author, ended.end_reason) == (until, "expiry", "its time was over")
    assert last_armed(tx, BOOK) is None
    assert _halt(tx, now=until).halt_id == 2


def test_a_fault_may_expire_too(tx: Write) -> None:
    _halt(tx, kind="fault", control=24, author="quality gate", expires_at=NOW + MINUTE)
    assert active(tx, BOOK, NOW + MINUTE) == ()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "kill", "expires_at": NOW + MINUTE}, "a kill holds until two people end it: it cannot expire"),
        ({"kind": "breach", "expires_at": NOW + MINUTE}, "a breach holds until two people end it: it cannot expire"),
        ({"scope": "all", "book": "", "expires_at": NOW + MINUTE}, "a kill holds until two people end it"),
        ({"expires_at": NOW}, r"a halt until 2026-11-20 21:30 UTC is over already, at 2026-11-20 21:30 UTC"),
        ({"scope": "strategy", "strategy": "trend", "side": "reduce_only"}, "strategy trend holds no position of its own"),
        ({"reason": " "}, "need a reason"),
        ({"author": ""}, "need an author"),
    ],
)
def test_a_halt_that_cannot_be_is_refused(tx: Write, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _halt(tx, **changed)
    assert all_halts(tx) == ()


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("all", {"book": "demo"}),
        ("book", {"book": ""}),
        ("book", {"symbol": "AAPL"}),
        ("book", {"strategy": "trend"}),
        ("symbol", {}),
        ("symbol", {"symbol": "AAPL", "strategy": "trend"}),
        ("strategy", {}),
    ],
)
def test_a_halt_whose_scope_does_not_fit_is_refused(tx: Write, scope: str, names: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="does not fit"):
        _halt(tx, scope=scope, **names)


@pytest.mark.parametrize(
    "change",
    ["kind = 'kill', expires_at = started_at", "scope = 'all'", "side = 'some'", "ended_at = started_at", "strategy = 'trend'"],
)
def test_the_ledger_refuses_what_would_not_fit_whoever_writes_it(tx: Write, change: str) -> None:
    _halt(tx)
    with pytest.raises(IntegrityError), tx.connection.begin_nested():
        tx.connection.execute(text(f"UPDATE halts SET {change}"))


def test_a_halt_holds_whatever_was_done_by_hand_to_those_before_it(ledger: Ledger) -> None:
    """One was deleted, and one whose time was over made to hold again: neither keeps a person from halting."""
    with ledger.write() as tx:
        _halt(tx, expires_at=NOW + MINUTE)
        _halt(tx, kind="kill", now=NOW + 2 * MINUTE)
    by_hand(
        ledger,
        "UPDATE halts SET ended_at = NULL, end_reason = NULL, end_author = NULL WHERE halt_id = 1",
        "DELETE FROM halts WHERE halt_id = 2",
    )
    with ledger.write() as tx:
        made = _halt(tx, kind="kill", now=NOW + 3 * MINUTE)
        assert active(tx, BOOK, NOW + 3 * MINUTE) == (made,)
    assert made.halt_id == 3


def test_the_end_of_a_halt_needs_words_and_a_person(tx: Write) -> None:
    _halt(tx)
    with pytest.raises(ConfigError, match="needs a reason"):
        rearm(tx, book=BOOK, reason=" ", author="ann", now=NOW)
    for nobody in ("", "risk", "Expiry"):
        with pytest.raises(ConfigError, match="is no person"):
            rearm(tx, book=BOOK, reason="mended", author=nobody, now=NOW)
    assert len(active(tx, BOOK, NOW)) == 1


def test_the_longest_expiry_is_not_lost_to_rounding(tx: Write) -> None:
    until = NOW + timedelta(microseconds=1)
    _halt(tx, expires_at=until)
    assert len(active(tx, BOOK, NOW)) == 1
    assert active(tx, BOOK, until) == ()
