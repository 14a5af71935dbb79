"""What needs people's word, and what counts as theirs."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from grodt.errors import ConfigError
from grodt.ledger.requests import Request, ask, decide, find_request, requests_of, waiting
from grodt.ledger.unit import Write
from tests.ledger.world import BOOK, MINUTE, NOW

SOON = NOW + 60 * MINUTE
SUBJECT = {"name": "order_value", "to": 200000}


def _asked(tx: Write, by: str = "ann", people: int = 2, subject: object = None) -> Request:
    return ask(
        tx, kind="limit", book=BOOK, subject={"of": subject} if subject else SUBJECT, people=people, by=by, reason="more room", now=NOW,
        expires_at=SOON,
    )  # fmt: skip


def test_two_people_are_the_one_who_asks_and_another(tx: Write) -> None:
    asked = _asked(tx)
    assert (asked.state(NOW), asked.agreed, asked.missing) == ("waiting", ("ann",), 1)
    assert waiting(tx, NOW, BOOK) == (asked,)
    with pytest.raises(ConfigError, match=r"ann has asked for it, which counts as agreement; another person must decide"):
        decide(tx, asked.short, "approve", by=" ANN ", reason="again", now=NOW)
    done = decide(tx, asked.short, "approve", by="bob", reason="checked", now=NOW + MINUTE)
    assert (done.state(NOW + MINUTE), done.agreed) == ("approved", ("ann", "bob"))
    assert waiting(tx, NOW + MINUTE) == ()
    assert done.state(SOON + MINUTE) == "approved"
    with pytest.raises(ConfigError, match=r"limit .* is approved already, by bob at 2026-11-20 21:31 UTC"):
        decide(tx, asked.short, "reject", by="cleo", reason="late", now=NOW + 2 * MINUTE)


def test_who_decided_comes_after_who_asked_also_where_a_clock_stands_still(tx: Write) -> None:
    asked = _asked(tx, by="tim")
    done = decide(tx, asked.short, "approve", by="bob", reason="checked", now=NOW)
    assert [each.person for each in done.decisions] == ["tim", "bob"]
    with pytest.raises(ConfigError, match="is approved already, by bob at"):
        decide(tx, asked.short, "approve", by="ann", reason="late", now=NOW)


@pytest.mark.parametrize("same", ["Ann  Lee", "ann\u00a0lee", "\uff21nn Lee", "ANN\tLEE"])
def test_one_person_is_one_however_their_name_is_spelt(tx: Write, same: str) -> None:
    asked = _asked(tx, by="Ann Lee")
    with pytest.raises(ConfigError, match="another person must decide"):
        decide(tx, asked.short, "approve", by=same, reason="again", now=NOW)


@pytest.mark.parametrize("unseen", ["\u200b", "\u2060", "\u202e", "\u00ad", "\ufe0f", "\u3164", "\x00", "\x1b"])
def test_a_name_has_nothing_that_nobody_sees(tx: Write, unseen: str) -> None:
    asked = _asked(tx, by="ann")
    with pytest.raises(ConfigError, match=r"author .*: it has .*; write it without"):
        decide(tx, asked.short, "approve", by=f"an{unseen}n", reason="again", now=NOW)
    assert find_request(tx, asked.short).agreed == ("ann",)


def test_what_the_system_asks_for_is_nobodys_agreement(tx: Write) -> None:
    asked = ask(tx, kind="basket", book=BOOK, subject={}, people=1, by="risk", reason="above 1,000", now=NOW, expires_at=SOON)
    assert asked.missing == 1
    for name in ("risk", "Automatic", "  "):
        with pytest.raises(ConfigError, match="is no person"):
            decide(tx, asked.short, "approve", by=name, reason="r", now=NOW)
    with pytest.raises(ConfigError, match=r"reason .*U\+0000"):
        decide(tx, asked.short, "approve", by="ann", reason="r\x00", now=NOW)
    assert decide(tx, asked.short, "approve", by="ann", reason="seen", now=NOW).state(NOW) == "approved"


def test_one_rejection_ends_it(tx: Write) -> None:
    asked = _asked(tx)
    done = decide(tx, asked.short, "reject", by="bob", reason="no need", now=NOW + MINUTE)
    assert done.state(NOW + MINUTE) == "rejected"
    again = _asked(tx)  # even at the same instant
    assert (again.request_id != asked.request_id, again.state(NOW)) == (True, "waiting")
    with pytest.raises(ConfigError, match="is rejected already, by bob"):
        decide(tx, asked.short, "approve", by="cleo", reason="but", now=NOW + MINUTE)


def test_nothing_is_decided_from_the_instant_it_expires_on(tx: Write) -> None:
    asked = _asked(tx)
    assert asked.state(SOON - MINUTE) == "waiting"
    assert waiting(tx, SOON) == ()
    with pytest.raises(ConfigError, match=r"limit .* expired at 2026-11-20 22:30 UTC; ask for it anew"):
        decide(tx, asked.short, "approve", by="bob", reason="ok", now=SOON)


def test_the_same_request_is_not_doubled_while_it_waits(tx: Write) -> None:
    first = _asked(tx)
    again = ask(tx, kind="limit", book=BOOK, subject=SUBJECT, people=2, by="bob", reason="me too", now=NOW + MINUTE, expires_at=SOON)
    assert again == first
    assert _asked(tx, subject="other").request_id != first.request_id
    assert len(requests_of(tx, BOOK, kind="limit")) == 2
    assert requests_of(tx, "us") == ()


def test_an_id_is_found_by_its_beginning_alone(tx: Write) -> None:
    made = [
        ask(tx, kind="basket", book=BOOK, subject={}, people=1, by="risk", reason="r", now=NOW, expires_at=SOON, request_id=name)
        for name in ("abcdef01", "abcdef02")
    ]
    assert find_request(tx, "ABCDEF02") == made[1]
    for wrong, words in (("abcde", "too short"), ("abcdef0", "begins the ids abcdef01, abcdef02"), ("abc%ef", "nothing waits under")):
        with pytest.raises(ConfigError, match=words):
            find_request(tx, wrong)


def test_an_id_names_one_request_for_good(tx: Write) -> None:
    ask(tx, kind="basket", book=BOOK, subject={}, people=1, by="risk", reason="r", now=NOW, expires_at=SOON, request_id="abcdef01")
    with pytest.raises(ValueError, match="is a basket of book 'demo', not this limit"):
        ask(tx, kind="limit", book=BOOK, subject={}, people=1, by="risk", reason="r", now=NOW, expires_at=SOON, request_id="abcdef01")


@pytest.mark.parametrize("table", ["requests", "decisions"])
@pytest.mark.parametrize("act", ["UPDATE {} SET reason = 'x'", "DELETE FROM {}"])
def test_what_was_said_stays_said(tx: Write, table: str, act: str) -> None:
    _asked(tx)
    with pytest.raises(IntegrityError, match="is append-only"), tx.connection.begin_nested():
        tx.connection.execute(text(act.format(table)))


def test_words_and_terms_are_needed(tx: Write) -> None:
    with pytest.raises(ConfigError, match="needs a reason"):
        ask(tx, kind="limit", book=BOOK, subject={}, people=1, by="ann", reason=" ", now=NOW, expires_at=SOON)
    with pytest.raises(ValueError, match="cannot be asked for"):
        ask(tx, kind="limit", book=BOOK, subject={}, people=1, by="ann", reason="r", now=SOON, expires_at=SOON)
