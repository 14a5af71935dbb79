"""The API: who may do what, two people, hashes that are whole and current, and how it says what went wrong."""

from contextlib import ExitStack
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from pydantic import TypeAdapter

from grodt.desk.api import api
from grodt.desk.attempts import MOST_AT_ONCE, MOST_OF_ADDRESS, MOST_OF_NAME, WINDOW
from grodt.desk.callers import acting, caller_of
from grodt.desk.tokens import TokenRefused
from grodt.errors import BrokerUnavailable, ConfigError
from grodt.ledger.acts import act
from grodt.ledger.basket_requests import ask_for_basket
from grodt.ledger.runs import find_run, pin_limits
from grodt.ledger.users import ROLES, change_role
from tests.desk.world import CHANGES, ORIGIN, PEOPLE, UNTIL, World
from tests.ledger.world import BOOK, NOW, SESSION, order
from tests.ledger.world import basket as basket_of

WAITING = "/api/v1/waiting"
_WHY = {"reason": "looked at it"}
_OPEN = {"token", "live", "ready"}


def _path(path: str, basket: str) -> str:
    return path.replace("<request_id>", basket).replace("<int:break_id>", "1")


@pytest.mark.parametrize("each", [each for each in api.all if each.name not in _OPEN], ids=lambda each: each.name)
def test_nothing_but_health_and_the_token_is_open(still: World, basket: str, each: Any) -> None:
    answer = still.client().open(_path(each.path, basket), method=each.method, json={})
    assert (answer.status_code, answer.get_json()["title"]) == (401, "Unauthorized")


def test_every_route_is_of_an_operation_that_says_who_may(still: World) -> None:
    described = {(each.path, each.method) for each in api.all}
    routes = {
        (rule.rule, method)
        for rule in still.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api")
    }
    assert routes == described
    assert {each.name for each in api.all if each.role is None} == _OPEN


_ROLES = {
    "status": "viewer",
    "waiting": "viewer",
    "waiting_one": "viewer",
    "halts": "viewer",
    "positions": "viewer",
    "orders": "viewer",
    "limits": "viewer",
    "breaks": "viewer",
    "one_break": "viewer",
    "strategies": "viewer",
    "limit_history": "viewer",
    "description": "viewer",
    "give_back": "viewer",
    "halt": "trader",
    "rearm": "trader",
    "set_limit": "trader",
    "unset_limit": "trader",
    "adopt_limits": "trader",
    "override": "trader",
    "assign_break": "trader",
    "resolve_break": "trader",
    "correct_break": "trader",
    "approve": "approver",
    "reject": "approver",
}


def test_each_operation_takes_the_least_role_that_it_needs() -> None:
    assert {each.name: each.role for each in api.all if each.role is not None} == _ROLES


_REFUSED = [(name, each) for each in api.all if each.role for name in ("vic", "tom") if ROLES.index(PEOPLE[name]) < ROLES.index(each.role)]


@pytest.mark.parametrize(("name", "each"), _REFUSED, ids=lambda each: getattr(each, "name", each))
def test_who_may_less_than_it_takes_changes_nothing(still: World, basket: str, name: str, each: Any) -> None:
    body = _WHY | ({"book": BOOK} if each.name in ("halt", "rearm") else {})
    answer = still.ask(name, each.method, _path(each.path, basket), json=body)
    assert answer.status_code == 403
    assert answer.get_json()["detail"] == f"{name} is {PEOPLE[name]}; this takes {'an' if each.role == 'approver' else 'a'} {each.role}"
    assert (still.rows("SELECT * FROM decisions"), still.rows("SELECT * FROM halts"), still.cancelled) == ([], [], [])


def test_what_waits_is_shown_with_all_that_it_would_change(still: World, basket: str) -> None:
    (row,) = still.ask("vic", "GET", WAITING).get_json()
    assert (row["request_id"], row["still_needed"], row["expires_at"]) == (basket, 2, UNTIL.isoformat())
    assert row["subject"]["changes"]["cost"] == CHANGES.cost
    one = still.ask("vic", "GET", f"{WAITING}/{basket}").get_json()
    assert one == row | {"state": "waiting", "orders": "1 planned"}
    assert still.ask("vic", "GET", f"{WAITING}?book=none").get_json() == []


def test_two_people_approve_in_their_own_names_and_the_run_is_woken_by_the_last(world: World, basket: str) -> None:
    one = world.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY).get_json()
    assert (one["request"]["agreed"], one["request"]["state"]) == (["ann"], "waiting")
    again = world.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY)
    assert (again.status_code, again.mimetype) == (409, "application/problem+json")
    assert again.get_json()["detail"].endswith("ann has decided it (approve); another person must decide")
    world.waits = "the flow run goes on"
    two = world.ask("bob", "POST", f"{WAITING}/{basket}/approve", json=_WHY).get_json()
    assert (two["request"]["agreed"], two["request"]["state"], two["run"]) == (["ann", "bob"], "approved", "the flow run goes on")
    assert world.rows("SELECT person, verdict, reason FROM decisions ORDER BY person") == [
        ("ann", "approve", "looked at it"),
        ("bob", "approve", "looked at it"),
    ]
    assert [each.state(world.now) for each in world.woken] == ["waiting", "approved"]


def test_whoever_approved_on_the_command_line_is_no_second_person_here(world: World, basket: str) -> None:
    with world.ledger.write() as tx:
        act(tx, basket, "approve", by="Ann", reason="r", now=NOW)
    assert world.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY).status_code == 409


def test_nobody_says_in_the_body_who_they_are(still: World, basket: str) -> None:
    answer = still.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY | {"person": "bob"})
    assert answer.status_code == 422
    assert still.rows("SELECT * FROM decisions") == []


def test_one_rejects_and_nobody_can_approve_any_more(world: World, basket: str) -> None:
    assert world.ask("bob", "POST", f"{WAITING}/{basket}/reject", json={"reason": "too large"}).get_json()["request"]["state"] == "rejected"
    late = world.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY)
    assert (late.status_code, "is rejected already, by bob" in late.get_json()["detail"]) == (409, True)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 1}, {"reason": "x" * 1001}, []])
def test_a_word_needs_its_reason(still: World, basket: str, body: object) -> None:
    for verdict in ("approve", "reject"):
        assert still.ask("ann", "POST", f"{WAITING}/{basket}/{verdict}", json=body).status_code == 422
    assert still.rows("SELECT * FROM decisions") == []


def test_what_changed_since_it_was_looked_at_cannot_be_decided_by_its_old_hash(world: World, basket: str) -> None:
    with world.ledger.write() as tx:
        run = find_run(tx, f"{BOOK}-eod-{SESSION}")
        assert run is not None
        pin_limits(tx, run.run_id, 2)
        made = basket_of([order()], run.run_id)
        new = ask_for_basket(tx, made, run=run, changes=CHANGES.plain(), people=2, now=NOW, expires_at=UNTIL)
        assert new is not None
    stale = world.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY)
    assert stale.status_code == 409
    assert f"its input changed, and basket {new.short} stands in its place" in stale.get_json()["detail"]
    assert world.ask("ann", "POST", f"{WAITING}/{new.request_id}/approve", json=_WHY).status_code == 200


def test_what_has_expired_cannot_be_decided(world: World, basket: str) -> None:
    world.later(UNTIL - NOW)
    late = world.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY)
    assert (late.status_code, "expired at" in late.get_json()["detail"]) == (409, True)


def test_a_hash_must_be_whole_and_of_something(still: World, basket: str) -> None:
    for wrong in (basket[:12], basket.upper(), "0" * 64):
        assert still.ask("ann", "POST", f"{WAITING}/{wrong}/approve", json=_WHY).status_code == 404
    assert still.ask("vic", "GET", f"{WAITING}/{'0' * 64}").status_code == 404
    assert still.rows("SELECT * FROM decisions") == []


def test_whoever_loses_their_role_after_they_were_let_in_does_not_act(world: World) -> None:
    token = world.token("ann")
    caller = caller_of(world.parts, token, "api", world.parts.memory())
    with world.ledger.write() as tx:
        change_role(tx, "ann", "viewer", by="root", now=NOW)
    with pytest.raises(TokenRefused), acting(world.parts, caller, "approver"):
        raise AssertionError("let in")


def test_a_word_stands_and_says_so_although_it_is_not_seen_whether_a_run_waits(world: World, basket: str) -> None:
    world.wake_fails = BrokerUnavailable("not now")
    answer = world.ask("ann", "POST", f"{WAITING}/{basket}/approve", json=_WHY)
    assert (answer.status_code, answer.get_json()["request"]["agreed"]) == (200, ["ann"])
    session = answer.get_json()["request"]["subject"]["session"]
    assert answer.get_json()["run"] == (
        "the word stands, but whether a run waits for it could not be seen; the log says why, and "
        f"`grodt run --book {BOOK} --session {session}` goes on with it"
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "/api/token", {"name": "an\x00n", "password": "p"}, 422, "name: "),
        ("POST", "/api/v1/halts", {"book": "a\x00", "reason": "r"}, 422, "book: "),
        ("POST", "/api/v1/halts", {"book": BOOK, "reason": "r\x00"}, 422, "reason: "),
        ("GET", f"{WAITING}?book=a%00", None, 422, "book: "),
        ("GET", f"{WAITING}/abcdef%00", None, 404, "nothing waits under"),
    ],
)
def test_a_control_character_is_refused_by_the_field_it_is_in(
    still: World, method: str, path: str, body: object, status: int, told: str
) -> None:
    answer = still.ask("tom", method, path, json=body)
    assert (answer.status_code, answer.get_json()["detail"].startswith(told)) == (status, True)


class TestHalts:
    def test_a_trader_halts_a_book_and_brokers_are_asked(self, world: World) -> None:
        made = world.ask("tom", "POST", "/api/v1/halts", json={"book": BOOK, "reason": "odd fills", "minutes": 30})
        assert made.status_code == 201
        found = made.get_json()
        assert (found["halt"]["author"], found["halt"]["kind"], found["halt"]["scope"]) == ("tom", "pause", "book")
        assert found["halt"]["until"] == (NOW + timedelta(minutes=30)).isoformat()
        assert (found["told"], found["failed"]) == (["no order that it covers is open at the broker of demo"], [])
        assert [each.halt_id for each in world.cancelled] == [found["halt"]["halt_id"]]
        (row,) = world.ask("vic", "GET", "/api/v1/halts").get_json()
        assert row == found["halt"]

    def test_a_halt_stands_although_a_broker_does_not_answer_and_says_so(self, world: World) -> None:
        world.unreachable()
        made = world.ask("tom", "POST", "/api/v1/halts", json={"book": BOOK, "reason": "r"})
        assert (made.status_code, made.get_json()["failed"]) == (201, ["the broker of demo did not answer"])
        assert world.rows("SELECT count(*) FROM halts WHERE ended_at IS NULL") == [(1,)]

    def test_a_halt_of_a_book_that_has_run_stands_although_the_books_file_is_wrong(self, world: World) -> None:
        world.books_fail = ConfigError("books.yaml is no YAML")
        made = world.ask("tom", "POST", "/api/v1/halts", json={"book": BOOK, "reason": "r"})
        assert (made.status_code, made.get_json()["failed"]) == (201, ["books.yaml is no YAML"])
        assert world.rows("SELECT count(*) FROM halts WHERE ended_at IS NULL") == [(1,)]

    def test_a_kill_takes_a_second_person(self, world: World) -> None:
        number = world.ask("tom", "POST", "/api/v1/halts", json={"all_books": True, "reason": "r"}).get_json()["halt"]["halt_id"]
        asked = world.ask("tom", "POST", "/api/v1/rearm", json={"all_books": True, "reason": "mended"}).get_json()
        assert (asked["ended"], asked["waiting"], asked["request"]["agreed"]) == ([], [number], ["tom"])
        approved = world.ask("bob", "POST", f"{WAITING}/{asked['request']['request_id']}/approve", json=_WHY)
        assert approved.get_json()["then"].startswith("ended: halt")
        assert world.ask("vic", "GET", "/api/v1/halts").get_json() == []
        assert len(world.ask("vic", "GET", "/api/v1/halts?all=true").get_json()) == 1

    def test_one_person_ends_a_pause(self, world: World) -> None:
        number = world.ask("tom", "POST", "/api/v1/halts", json={"book": BOOK, "reason": "r"}).get_json()["halt"]["halt_id"]
        assert world.ask("tom", "POST", "/api/v1/rearm", json={"halt_id": number, "reason": "r"}).get_json()["ended"] == [number]
        assert world.ask("tom", "POST", "/api/v1/rearm", json={"halt_id": 99, "reason": "r"}).status_code == 404

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"reason": "r"}, 409),
            ({"all_books": True, "book": BOOK, "reason": "r"}, 409),
            ({"book": "none", "reason": "r"}, 404),
            ({"book": BOOK, "symbol": "A", "strategy": "b", "reason": "r"}, 409),
            ({"book": BOOK, "symbol": "NONE", "reason": "r"}, 409),
            ({"book": BOOK, "strategy": "none", "reason": "r"}, 409),
            ({"book": BOOK, "kill": True, "minutes": 5, "reason": "r"}, 409),
            ({"book": BOOK, "side": "both", "reason": "r"}, 422),
            ({"book": BOOK, "minutes": 0, "reason": "r"}, 422),
            ({"book": BOOK, "kill": "yes", "reason": "r"}, 422),
            ({"book": BOOK}, 422),
        ],
        ids=str,
    )
    def test_what_is_no_halt_halts_nothing(self, still: World, body: dict[str, Any], status: int) -> None:
        assert still.ask("tom", "POST", "/api/v1/halts", json=body).status_code == status
        assert (still.rows("SELECT * FROM halts"), still.cancelled) == ([], [])


class TestLogin:
    @pytest.mark.parametrize(("name", "password"), [("ann", "wrong horse battery"), ("nobody", "correct horse battery"), ("", "")])
    def test_which_of_name_and_password_is_wrong_is_not_said(self, world: World, name: str, password: str) -> None:
        answer = world.client().post("/api/token", json={"name": name or " ", "password": password or " "})
        assert (answer.status_code, answer.get_json()["detail"]) == (401, "name or password is wrong")

    def test_after_some_wrong_ones_even_the_right_one_must_wait(self, world: World) -> None:
        wrong = {"name": "ann", "password": "wrong horse battery"}
        statuses = [world.client().post("/api/token", json=wrong).status_code for _ in range(MOST_OF_NAME + 1)]
        assert statuses == [401] * MOST_OF_NAME + [429]
        right = world.client().post("/api/token", json=wrong | {"password": "correct horse battery"})
        assert (right.status_code, int(right.headers["Retry-After"])) == (429, WINDOW.seconds)
        assert world.token("bob")
        elsewhere = {"environ_base": {"REMOTE_ADDR": "10.0.0.9"}}
        assert world.client().post("/api/token", json=wrong | {"password": "correct horse battery"}, **elsewhere).status_code == 200
        world.later(WINDOW)
        assert world.token("ann")

    def test_so_many_at_once_are_checked_and_no_more_so_that_others_are_served(self, world: World) -> None:
        right = {"name": "ann", "password": "correct horse battery"}
        with ExitStack() as taken:
            assert [taken.enter_context(world.parts.attempts.place()) for _ in range(MOST_AT_ONCE)] == [True] * MOST_AT_ONCE
            answer = world.client().post("/api/token", json=right)
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert world.client().post("/api/token", json=right).status_code == 200

    @pytest.mark.parametrize("path", ["/api/token", "/login"])
    def test_what_strangers_send_slowly_is_read_in_those_places_alone(self, world: World, path: str) -> None:
        class Slow(BytesIO):
            def readinto(self, _buffer: object) -> int:
                raise AssertionError("a thread waits for it")

            read = readinto  # type: ignore[assignment]

        token = world.token("tom")
        kind = "application/json" if path == "/api/token" else "application/x-www-form-urlencoded"
        sent: dict[str, Any] = {"method": "POST", "content_type": kind, "input_stream": Slow()}
        assert world.client().open(path, environ_overrides={"CONTENT_LENGTH": "8193"}, **sent).status_code == 413
        with ExitStack() as taken:
            for _ in range(MOST_AT_ONCE):
                taken.enter_context(world.parts.attempts.place())
            assert world.client().open(path, environ_overrides={"CONTENT_LENGTH": "60"}, **sent).status_code == 429
            assert world.with_token(token, "POST", "/api/v1/halts", json={"book": BOOK, "reason": "r"}).status_code == 201

    def test_whoever_tries_many_names_from_one_address_must_wait(self, world: World) -> None:
        for number in range(MOST_OF_ADDRESS):
            body = {"name": f"user{number}", "password": "p"}
            assert world.client().post("/api/token", json=body).status_code == 401
        assert world.client().post("/api/token", json={"name": "ann", "password": "correct horse battery"}).status_code == 429

    def test_behind_a_proxy_its_header_says_from_where_and_nothing_before_it(self, world: World) -> None:
        client = World(world.folder, world.ledger, proxies=1).client()
        wrong, seen = {"name": "ann", "password": "p"}, "10.0.0.7"
        told = [f"10.1.1.{number}, {seen}" for number in range(MOST_OF_NAME + 1)]
        statuses = [client.post("/api/token", json=wrong, headers={"X-Forwarded-For": each}).status_code for each in told]
        assert statuses[-1] == 429
        assert client.post("/api/token", json=wrong, headers={"X-Forwarded-For": f"{seen}, 10.0.0.8"}).status_code == 401

    def test_a_header_does_not_say_from_where_somebody_asks(self, world: World) -> None:
        for number in range(MOST_OF_NAME):
            world.client().post("/api/token", json={"name": "ann", "password": "p"}, headers={"X-Forwarded-For": f"10.0.0.{number}"})
        assert (
            world.client().post("/api/token", json={"name": "ann", "password": "p"}, headers={"X-Forwarded-For": "1.1.1.1"}).status_code
            == 429
        )


class TestHttp:
    def test_scripts_of_named_origins_alone_may_read_answers(self, still: World) -> None:
        headers = {"Authorization": f"Bearer {still.token('vic')}"}
        ours = still.client().get(WAITING, headers=headers | {"Origin": ORIGIN})
        assert (ours.headers["Access-Control-Allow-Origin"], ours.headers.get("Access-Control-Allow-Credentials")) == (ORIGIN, None)
        for other in ("https://evil.example", f"{ORIGIN}.evil.example", "null", "http://blotter.example"):
            assert "Access-Control-Allow-Origin" not in still.client().get(WAITING, headers=headers | {"Origin": other}).headers
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        before = still.client().options(f"{WAITING}/x/approve", headers=asked)
        assert (before.headers["Access-Control-Allow-Origin"], before.headers["Access-Control-Allow-Headers"]) == (ORIGIN, "authorization")
        assert (
            "Access-Control-Allow-Origin" not in still.client().options(WAITING, headers=asked | {"Origin": "https://evil.example"}).headers
        )

    def test_what_goes_wrong_is_a_problem(self, still: World) -> None:
        for answer, status in (
            (still.ask("vic", "GET", "/api/v1/nothing"), 404),
            (still.ask("vic", "DELETE", WAITING), 405),
            (still.ask("vic", "GET", f"{WAITING}?nonsense=1"), 422),
            (still.ask("vic", "GET", "/api/v1/orders?session=yesterday"), 422),
            (still.ask("vic", "GET", "/api/v1/positions?book=none"), 404),
            (still.client().post("/api/token", data="name=ann"), 415),
            (still.client().post("/api/token", data="{", content_type="application/json"), 422),
            (still.client().post("/api/token", data="x" * 70_000, content_type="application/json"), 413),
        ):
            assert (answer.status_code, answer.mimetype, answer.get_json()["status"]) == (status, "application/problem+json", status)

    def test_a_fault_of_ours_tells_nothing_of_it(self, world: World) -> None:
        world.books_fail = ZeroDivisionError()
        answer = world.ask("vic", "GET", "/api/v1/status")
        assert (answer.status_code, answer.get_json()["detail"]) == (500, "a fault of the desk; its log has more")

    def test_nothing_is_kept_by_a_browser_or_shown_in_a_frame(self, still: World) -> None:
        headers = still.ask("vic", "GET", WAITING).headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]

    def test_health_says_whether_it_can_work(self, world: World) -> None:
        assert world.client().get("/api/v1/health/live").get_json() == {"status": "ok"}
        assert world.client().get("/api/v1/health/ready").status_code == 200
        world.ledger.close()
        (world.folder / "ledger.db").rename(world.folder / "away.db")
        assert world.client().get("/api/v1/health/ready").status_code == 503
        (world.folder / "away.db").rename(world.folder / "ledger.db")


def test_the_description_is_of_every_operation_and_refers_to_nothing_that_is_not_there(still: World) -> None:
    found = still.ask("vic", "GET", "/api/v1/openapi.json").get_json()
    assert sum(len(each) for each in found["paths"].values()) == len(api.all)
    text = TypeAdapter(dict[str, Any]).dump_json(found).decode()
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(found["components"]["schemas"])
    approve = found["paths"]["/api/v1/waiting/{request_id}/approve"]["post"]
    assert approve["parameters"] == [{"name": "request_id", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert found["paths"]["/api/v1/health/live"]["get"]["security"] == []
