"""Remembered answers: never older than what was committed, nor than a second."""

from datetime import timedelta

from grodt.ledger.halts import halt
from grodt.ledger.users import remove_user
from tests.desk.world import World
from tests.ledger.world import BOOK, NOW


def _asked(world: World, made: list[int]) -> bytes:
    def make() -> bytes:
        made.append(1)
        return str(len(made)).encode()

    return world.parts.memory().get("key", make)


def test_an_answer_is_made_once_until_anything_is_committed_or_the_second_is_over(world: World) -> None:
    made: list[int] = []
    assert [_asked(world, made), _asked(world, made)] == [b"1", b"1"]
    with world.ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, reason="r", author="ann", now=NOW)
    assert [_asked(world, made), _asked(world, made)] == [b"2", b"2"]
    world.later(timedelta(seconds=1))
    assert _asked(world, made) == b"3"


def test_every_reader_sees_what_was_done_before_they_asked(world: World) -> None:
    token = world.token("tom")
    for number in range(1, 4):
        world.with_token(token, "POST", "/api/v1/halts", json={"book": BOOK, "reason": f"the {number}."})
        assert len(world.with_token(token, "GET", "/api/v1/halts").get_json()) == number
        assert len(world.with_token(token, "GET", "/api/v1/halts?book=none").get_json()) == 0


def test_whoever_is_changed_is_forgotten_at_once(world: World) -> None:
    token = world.token("vic")
    assert world.with_token(token, "GET", "/api/v1/halts").status_code == 200
    with world.ledger.write() as tx:
        remove_user(tx, "vic", by="root", now=NOW)
    assert world.with_token(token, "GET", "/api/v1/halts").status_code == 401


def test_what_expires_is_gone_in_its_second(world: World) -> None:
    token = world.token("tom")
    world.with_token(token, "POST", "/api/v1/halts", json={"book": BOOK, "reason": "r", "minutes": 1})
    assert len(world.with_token(token, "GET", "/api/v1/halts").get_json()) == 1
    world.later(timedelta(minutes=1))
    assert world.with_token(token, "GET", "/api/v1/halts").get_json() == []


def test_what_is_remembered_is_shown_to_nobody_without_a_token(world: World) -> None:
    assert world.ask("vic", "GET", "/api/v1/waiting").status_code == 200
    assert world.client().get("/api/v1/waiting").status_code == 401
