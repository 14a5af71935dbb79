"""A person's word, and what follows from the last one needed."""

from datetime import datetime

import pytest

from grodt.errors import ConfigError
from grodt.ledger import acts
from grodt.ledger.acts import Kind, act, still_waiting
from grodt.ledger.requests import Request, ask, find_request, waiting
from grodt.ledger.unit import Ledger, Read, Write
from tests.ledger.world import BOOK, MINUTE, NOW

SOON = NOW + 60 * MINUTE


class Effects:
    """Remembers what was carried out."""

    def __init__(self) -> None:
        self.done: list[tuple[str, datetime]] = []
        self.why_not = ""
        self.fails = False

    def carry_out(self, _tx: Write, request: Request, now: datetime) -> str:
        """Remember it."""
        if self.fails:
            raise ConfigError("it does not fit")
        self.done.append((request.request_id, now))
        return "done"

    def refusal(self, _tx: Read, _request: Request) -> str:
        """What the test says."""
        return self.why_not


@pytest.fixture
def effects(monkeypatch: pytest.MonkeyPatch) -> Effects:
    made = Effects()
    what = "a thing"
    kind = Kind(what=lambda _request: what, carry_out=made.carry_out, refusal=made.refusal)
    monkeypatch.setattr(acts, "KINDS", {"thing": kind})
    return made


def _asked(tx: Write, *, people: int, by: str = "risk", kind: str = "thing") -> str:
    return ask(tx, kind=kind, book=BOOK, subject={}, people=people, by=by, reason="r", now=NOW, expires_at=SOON).request_id


def test_the_last_word_needed_carries_it_out_and_no_other(tx: Write, effects: Effects) -> None:
    name = _asked(tx, people=2)
    first = act(tx, name, "approve", by="ann", reason="seen", now=NOW)
    assert (first.what, effects.done) == ("a thing", [])
    assert first.then == f"1 more must agree before 2026-11-20 22:30 UTC: grodt approve {name[:12]} --reason WHY"
    last = act(tx, name, "approve", by="bob", reason="seen too", now=NOW + MINUTE)
    assert (last.then, effects.done) == ("done", [(name, NOW + MINUTE)])
    assert last.request.agreed == ("ann", "bob")


def test_the_same_person_does_not_make_two(tx: Write, effects: Effects) -> None:
    name = _asked(tx, people=2, by="ann")
    with pytest.raises(ConfigError, match="another person must decide"):
        act(tx, name, "approve", by="Ann", reason="again", now=NOW)
    assert effects.done == []


def test_a_rejection_carries_nothing_out(tx: Write, effects: Effects) -> None:
    name = _asked(tx, people=1)
    assert act(tx, name, "reject", by="ann", reason="no", now=NOW).then == "nothing changes"
    with pytest.raises(ConfigError, match="is rejected already, by ann"):
        act(tx, name, "approve", by="bob", reason="yes", now=NOW)
    assert effects.done == []


def test_what_can_no_longer_take_effect_is_not_decided(tx: Write, effects: Effects) -> None:
    name = _asked(tx, people=1)
    assert [each.request_id for each in still_waiting(tx, waiting(tx, NOW))] == [name]
    effects.why_not = "another came after it"
    with pytest.raises(ConfigError, match=f"thing {name[:12]} can no longer be decided: another came after it"):
        act(tx, name, "approve", by="ann", reason="seen", now=NOW)
    assert find_request(tx, name).decisions == ()
    assert still_waiting(tx, waiting(tx, NOW)) == ()
    with pytest.raises(ConfigError, match=r"thing .* expired at 2026-11-20 22:30 UTC"):
        act(tx, name, "approve", by="ann", reason="seen", now=SOON)


def test_a_word_whose_effect_fails_is_not_in_the_ledger(ledger: Ledger, effects: Effects) -> None:
    with ledger.write() as tx:
        name = _asked(tx, people=1)
    effects.fails = True
    with pytest.raises(ConfigError, match="it does not fit"), ledger.write() as tx:
        act(tx, name, "approve", by="ann", reason="seen", now=NOW)
    with ledger.read() as read:
        assert find_request(read, name).decisions == ()


def test_a_kind_of_another_version_is_refused(tx: Write, effects: Effects) -> None:
    name = _asked(tx, people=1, kind="parcel")
    with pytest.raises(ConfigError, match=f"request {name[:12]} is a 'parcel', which this GRODT does not know"):
        act(tx, name, "approve", by="ann", reason="seen", now=NOW)
    assert effects.done == []
