"""The pages: a cookie that only this site sends, forms that only our pages make, and the rules of the API."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from grodt.desk.tokens import LIFE, LONGEST_LOGIN, of_login, signed
from grodt.errors import BrokerUnavailable
from grodt.ledger.users import require_user
from tests.desk.world import PASSWORD, World
from tests.ledger.world import BOOK, MINUTE, NEXT, NOW, order, sent

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_OPEN = {"/login", "/static/<path:filename>"}


def browser(world: World, name: str) -> FlaskClient:
    """A browser in which somebody is logged in."""
    client = world.client()
    answer = client.post("/login", data={"name": name, "password": PASSWORD, "next": "/"})
    assert (answer.status_code, answer.location) == (303, "/")
    return client


def send(client: FlaskClient, path: str, shown_on: str, **form: Any) -> TestResponse:
    """Send a form with what the page brought that it is shown on."""
    csrf = _CSRF.search(client.get(shown_on).text)
    assert csrf is not None
    return client.post(path, data={"csrf": csrf[1], **form})


def _paths(world: World, basket: str) -> list[tuple[str, str]]:
    rules = [rule for rule in world.app.url_map.iter_rules() if not rule.rule.startswith("/api") and rule.rule not in _OPEN]
    return [
        (rule.rule.replace("<request_id>", basket).replace("<book>", BOOK).replace("<int:break_id>", "1"), method)
        for rule in rules
        for method in sorted((rule.methods or set()) & {"GET", "POST"})
    ]


def test_whoever_is_not_logged_in_sees_the_login_alone_and_comes_back_from_it(still: World, basket: str) -> None:
    paths = _paths(still, basket)
    assert len(paths) == 13
    for path, method in paths:
        answer = still.client().open(path, method=method, data={"reason": "r", "verdict": "approve"})
        back = path if method == "GET" else "/"
        assert (answer.status_code, answer.location) == (303, f"/login?next={back}"), path
    assert f'name="next" value="/waiting/{basket}"' in still.client().get(f"/login?next=/waiting/{basket}").text
    assert still.rows("SELECT * FROM decisions") == []


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/a\nb", ""])
def test_the_login_leads_nowhere_else(still: World, elsewhere: str) -> None:
    answer = still.client().post("/login", data={"name": "ann", "password": PASSWORD, "next": elsewhere})
    assert answer.location == "/"


def test_a_wrong_password_is_told_and_gives_no_cookie(world: World) -> None:
    answer = world.client().post("/login", data={"name": "ann", "password": "wrong horse battery", "next": "/"})
    assert (answer.status_code, "name or password is wrong" in answer.text, "Set-Cookie" in answer.headers) == (401, True, False)


def test_a_name_with_a_control_character_is_told(still: World) -> None:
    answer = still.client().post("/login", data={"name": "an\x00n", "password": PASSWORD})
    assert (answer.status_code, "name: " in answer.text) == (422, True)


def test_a_word_stands_although_it_is_not_seen_whether_a_run_waits(world: World, basket: str) -> None:
    world.wake_fails = BrokerUnavailable("not now")
    ann, page = browser(world, "ann"), f"/waiting/{basket}"
    answer = send(ann, page, page, verdict="approve", reason="looked at it")
    assert (answer.status_code, answer.location) == (303, f"{page}?woken=no")
    shown = ann.get(answer.location).text
    assert ("The flow run that waits" in shown, "the word stands" in shown) == (False, True)


def test_the_cookie_is_for_this_site_and_no_script(world: World) -> None:
    answer = world.client().post("/login", data={"name": "ann", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("grodt_desk=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=900"):
        assert part in cookie
    assert "Secure" not in cookie
    served = World(world.folder, world.ledger, https=True).client().post("/login", data={"name": "ann", "password": PASSWORD})
    assert served.headers["Set-Cookie"].startswith("__Host-grodt_desk=")
    assert "Secure" in served.headers["Set-Cookie"]


def test_a_cookie_is_no_token_and_a_token_no_cookie(world: World, basket: str) -> None:
    client = browser(world, "ann")
    assert client.get("/api/v1/waiting").status_code == 401
    cookie = client.get_cookie("grodt_desk")
    assert cookie is not None
    assert world.with_token(cookie.value, "GET", "/api/v1/waiting").status_code == 401
    other = world.client()
    other.set_cookie("grodt_desk", world.token("ann"))
    assert other.get("/").status_code == 303


def test_two_people_see_what_a_basket_changes_and_approve_it(world: World, basket: str) -> None:
    ann, bob = browser(world, "ann"), browser(world, "bob")
    page = f"/waiting/{basket}"
    assert page in ann.get("/").text
    shown = ann.get(page).text
    for part in (
        basket,
        "2 of 2",
        "900,000.00",  # cash now
        "890,625.00",  # and after
        "10.94%",  # gross after
        "5.00",  # cost
        "+100",
        "94.1000",  # its limit
        "symbol weight",
        "95%",  # of that limit is used
        "&lt;b&gt;MSFT",
    ):
        assert part in shown
    assert "<b>MSFT" not in shown
    assert "<script" not in shown
    assert 'style="' not in shown
    assert send(ann, page, page, verdict="approve", reason="looked at it").location == page
    assert "You have agreed; another person must decide." in ann.get(page).text
    assert 'name="verdict"' not in ann.get(page).text
    world.waits = "the run goes on"
    assert send(bob, page, page, verdict="approve", reason="me too").location == f"{page}?woken=1"
    assert world.rows("SELECT person, verdict, reason FROM decisions ORDER BY person") == [
        ("ann", "approve", "looked at it"),
        ("bob", "approve", "me too"),
    ]
    assert 'pill approved">approved' in bob.get(page).text
    late = send(ann, page, page, verdict="reject", reason="changed my mind")
    assert (late.status_code, "is approved already, by bob" in late.text) == (409, True)


def test_a_form_needs_a_reason_and_a_verdict(still: World, basket: str) -> None:
    ann, page = browser(still, "ann"), f"/waiting/{basket}"
    assert send(ann, page, page, verdict="approve", reason=" ").status_code == 422
    assert send(ann, page, page, verdict="perhaps", reason="r").status_code == 422
    assert send(ann, page, page, verdict="approve", reason="r", person="bob").status_code == 422
    assert still.rows("SELECT * FROM decisions") == []


def test_who_may_not_decide_or_halt_sees_no_form_and_sends_none(still: World, basket: str) -> None:
    tom, vic, page = browser(still, "tom"), browser(still, "vic"), f"/waiting/{basket}"
    assert "tom is trader; an approver decides it." in tom.get(page).text
    assert send(tom, page, page, verdict="approve", reason="r").status_code == 403
    assert 'action="/halts"' in tom.get("/halts").text
    assert 'action="/halts"' not in vic.get("/halts").text
    assert send(vic, "/halts", "/halts", book=BOOK, reason="r").status_code == 403
    assert (still.rows("SELECT * FROM decisions"), still.rows("SELECT * FROM halts")) == ([], [])


class TestForgedForms:
    @pytest.mark.parametrize("csrf", ["", "x", "é"])
    def test_without_what_the_page_brought_nothing_is_done(self, still: World, basket: str, csrf: str) -> None:
        answer = browser(still, "ann").post(f"/waiting/{basket}", data={"csrf": csrf, "verdict": "approve", "reason": "r"})
        assert (answer.status_code, "load the page again" in answer.text) == (403, True)
        assert still.rows("SELECT * FROM decisions") == []

    def test_what_the_page_brought_somebody_else_is_no_good(self, still: World, basket: str) -> None:
        page = f"/waiting/{basket}"
        csrf = _CSRF.search(browser(still, "bob").get(page).text)
        assert csrf is not None
        assert browser(still, "ann").post(page, data={"csrf": csrf[1], "verdict": "approve", "reason": "r"}).status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost.evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
        ids=str,
    )
    def test_a_form_of_another_site_is_refused_although_it_knew_everything(
        self, world: World, basket: str, headers: dict[str, str]
    ) -> None:
        client, page = browser(world, "ann"), f"/waiting/{basket}"
        csrf = _CSRF.search(client.get(page).text)
        assert csrf is not None
        form = {"csrf": csrf[1], "verdict": "approve", "reason": "r"}
        assert client.post(page, data=form, headers=headers).status_code == 403
        assert world.client().post("/login", data={"name": "ann", "password": PASSWORD}, headers=headers).status_code == 403
        assert client.post(page, data=form, headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}).status_code == 303


class TestSessions:
    def test_logging_out_ends_the_cookie_wherever_it_is_and_what_it_was_renewed_to(self, world: World) -> None:
        client, copy = browser(world, "ann"), world.client()
        cookie = client.get_cookie("grodt_desk")
        assert cookie is not None
        copy.set_cookie("grodt_desk", cookie.value)
        world.later(LIFE / 2 + MINUTE)
        assert "Set-Cookie" in client.get("/").headers
        assert copy.get("/").status_code == 200
        assert send(client, "/logout", "/").location == "/login"
        assert copy.get("/").status_code == 303

    def test_it_goes_on_while_somebody_looks_and_ends_when_nobody_does(self, world: World) -> None:
        client = browser(world, "ann")
        for _ in range(4):
            world.later(LIFE - MINUTE)
            assert client.get("/").status_code == 200
        world.later(LIFE)
        assert client.get("/").status_code == 303

    def test_it_ends_after_a_working_day_in_any_case(self, world: World) -> None:
        with world.ledger.read() as tx:
            claims = of_login(require_user(tx, "ann"), "pages", NOW)
        world.now = NOW + LONGEST_LOGIN
        client = world.client()
        client.set_cookie("grodt_desk", signed(claims.renewed(world.now), world.parts.keys))
        answer = client.get("/halts")
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)


class TestHalts:
    def test_a_trader_halts_a_symbol_s_book_and_ends_it(self, world: World) -> None:
        tom = browser(world, "tom")
        made = send(tom, "/halts", "/halts", book=BOOK, of="book", name="", side="buys", minutes="", reason="odd fills")
        assert made.location == "/halts?made=1"
        shown = tom.get(made.location).text
        assert "No order that it covers was open." in shown
        assert "stops buys; by tom" in shown
        assert "odd fills" in tom.get("/").text
        assert [each.side for each in world.cancelled] == ["buys"]
        assert send(tom, "/halts/end", "/halts", halt_id=1, reason="mended").location == "/halts"
        assert "That are over" in tom.get("/halts").text

    def test_a_broker_that_does_not_answer_is_named(self, world: World) -> None:
        world.unreachable()
        answer = send(browser(world, "tom"), "/halts", "/halts", book=BOOK, reason="r")
        assert "open orders may still be at the broker. the broker of demo did not answer" in answer.text
        assert world.rows("SELECT count(*) FROM halts WHERE ended_at IS NULL") == [(1,)]

    def test_the_end_of_a_kill_is_asked_for_and_decided_by_another(self, world: World) -> None:
        ann = browser(world, "ann")
        assert send(ann, "/halts", "/halts", book="*", reason="stop").status_code == 303
        asked = send(ann, "/halts/end", "/halts", halt_id=1, reason="mended").location
        assert asked.startswith("/waiting/")
        assert "You have agreed; another person must decide." in ann.get(asked).text
        assert send(browser(world, "bob"), asked, asked, verdict="approve", reason="r").status_code == 303
        assert world.rows("SELECT end_author FROM halts") == [("ann and bob",)]

    @pytest.mark.parametrize(
        "form",
        [{"of": "symbol"}, {"name": "AAPL"}, {"book": "*", "of": "symbol", "name": "AAPL"}, {"reason": ""}, {"minutes": "x"}],
        ids=str,
    )
    def test_what_is_no_halt_is_told_on_the_page(self, still: World, form: dict[str, str]) -> None:
        answer = send(browser(still, "tom"), "/halts", "/halts", **({"book": BOOK, "reason": "r"} | form))
        assert (answer.status_code in (409, 422), 'role="alert"' in answer.text) == (True, True)
        assert still.rows("SELECT * FROM halts") == []


def test_a_book_is_shown_and_one_that_is_not_there_is_not_found(world: World) -> None:
    with world.ledger.write() as tx:
        sent(tx, [order("MSFT", session=NEXT)], session=NEXT)
    vic = browser(world, "vic")
    shown = vic.get(f"/books/{BOOK}").text
    for part in ("symbol weight", "MSFT", "market opg", "93.7000", 'pill accepted">accepted'):
        assert part in shown
    assert vic.get("/books/none").status_code == 404
    assert vic.get("/nothing").status_code == 404
    with vic.get("/static/desk.css") as style:
        assert style.mimetype == "text/css"
