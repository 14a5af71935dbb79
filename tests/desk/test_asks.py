"""Limits, overrides and breaks at the desk: by the rules of the command line, in the name of who is logged in."""

from dataclasses import replace
from typing import Any

import pytest

from grodt.errors import BrokerUnavailable, ConfigError, GrodtError
from grodt.ledger.breaks import Break, open_breaks, record_breaks
from grodt.ledger.cash_activities import keep_activities
from grodt.ledger.limits import limits_in_force
from grodt.ledger.overrides import overrides_in_force
from grodt.ledger.postings import deposit_entry, post
from grodt.ledger.runs import run_id
from grodt.ledger.unbooked import keep_unbooked
from grodt.money import Micros, micros
from grodt.orders.cash_activity import CashActivity
from grodt.settings.books import load_books
from tests.desk.test_pages import browser, send
from tests.desk.world import World
from tests.ledger.world import BOOK, NEXT, NOW, SESSION, fill, order, sent

API = "/api/v1"
LIMITS = load_books(None).book(BOOK).limits


def _weight(world: World) -> float:
    with world.ledger.read() as tx:
        return limits_in_force(tx, BOOK, LIMITS).limits.symbol_weight


def _said(world: World, name: str, path: str, status: int, /, **body: Any) -> Any:
    answer = world.ask(name, "POST", f"{API}/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def _break(world: World) -> int:
    """Cash that the broker has and we do not: 25 USD."""
    with world.ledger.write() as tx:
        post(tx, deposit_entry(BOOK, micros(100), "USD", SESSION), "r", NOW)
        record_breaks(tx, BOOK, SESSION, [Break("cash", "", micros(100), micros(125))], run_id(BOOK, "eod", SESSION), NOW)
        (found,) = open_breaks(tx, BOOK)
    return found.break_id


class TestLimits:
    def test_a_tighter_one_holds_at_once_in_the_name_of_who_set_it(self, world: World) -> None:
        told = _said(world, "tom", "limits/set", 200, book=BOOK, name="symbol_weight", value="0.01", reason="thin market")
        (made,) = told["made"]
        assert (told["request"], made["author"], made["after"], made["reason"]) == (None, "tom", "0.01", "thin market")
        assert _weight(world) == 0.01
        history = world.ask("vic", "GET", f"{API}/limits/history?book={BOOK}&name=symbol_weight").get_json()
        assert history[-1] == made

    def test_more_room_waits_for_another_person_who_may_approve(self, world: World) -> None:
        before = _weight(world)
        told = _said(world, "ann", "limits/set", 200, book=BOOK, name="symbol_weight", value="0.9", reason="more names")
        asked = told["request"]
        assert (told["made"], asked["state"], asked["still_needed"], _weight(world)) == ([], "waiting", 1, before)
        path = f"waiting/{asked['request_id']}/approve"
        _said(world, "tom", path, 403, reason="r")
        _said(world, "ann", path, 409, reason="r")
        assert _weight(world) == before
        assert _said(world, "bob", path, 200, reason="agreed")["request"]["state"] == "approved"
        assert _weight(world) == 0.9

    def test_one_of_a_symbol_that_the_book_does_not_know_is_refused_and_one_that_is_not_set_not_taken_away(self, world: World) -> None:
        named = {"book": BOOK, "name": "restricted", "symbol": "NOPE", "reason": "r"}
        assert _said(world, "tom", "limits/set", 409, **named, value="yes")["detail"].startswith(f"book {BOOK} knows no symbol 'NOPE'")
        assert _said(world, "tom", "limits/unset", 409, **named)["detail"].endswith("is not set already")

    def test_a_group_that_has_none_of_its_own_is_left_to_the_command_line(self, world: World) -> None:
        told = _said(world, "tom", "limits/set", 409, book=BOOK, name="group_weight", group="Nowhere", value="0.1", reason="r")
        assert told["detail"].startswith(
            f"group 'Nowhere' of book {BOOK} has no limit of its own yet: `grodt limits set group_weight VALUE"
        )
        assert _said(world, "tom", "limits/set", 200, book=BOOK, name="group_weight", group="*", value="0.01", reason="r")["made"]

    @pytest.mark.parametrize(("value", "why"), [("much", "symbol_weight"), ("0", "symbol_weight"), ("-1", "symbol_weight")])
    def test_what_is_no_value_of_it_is_refused(self, world: World, value: str, why: str) -> None:
        assert why in _said(world, "tom", "limits/set", 409, book=BOOK, name="symbol_weight", value=value, reason="r")["detail"]

    def test_all_of_them_are_made_those_of_the_books_file(self, world: World) -> None:
        before = _weight(world)
        _said(world, "tom", "limits/set", 200, book=BOOK, name="symbol_weight", value="0.01", reason="thin")
        told = _said(world, "ann", "limits/adopt", 200, book=BOOK, reason="calm again")
        assert (told["made"], [each["name"] for each in told["request"]["subject"]["changes"]]) == ([], ["symbol_weight"])
        _said(world, "bob", f"waiting/{told['request']['request_id']}/approve", 200, reason="yes")
        assert _weight(world) == before
        assert _said(world, "ann", "limits/adopt", 200, book=BOOK, reason="again") == {"made": [], "request": None}


class TestOverrides:
    def test_it_lifts_nothing_until_another_person_agrees(self, world: World) -> None:
        asked = _said(world, "ann", "overrides", 201, book=BOOK, control=9, cycles=1, reason="spin-off")

        def lifted() -> list[int]:
            with world.ledger.read() as tx:
                return [each.control for _, each in overrides_in_force(tx, BOOK, None, world.now)]

        assert (asked["state"], asked["kind"], lifted()) == ("waiting", "override", [])
        _said(world, "ann", f"waiting/{asked['request_id']}/approve", 409, reason="r")
        _said(world, "bob", f"waiting/{asked['request_id']}/approve", 200, reason="r")
        assert lifted() == [9]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"control": 29, "cycles": 1}, 409),
            ({"control": 9}, 409),
            ({"control": 9, "cycles": 11}, 409),
            ({"control": 9, "cycles": 1, "until": "2026-11-22T12:00:00Z"}, 409),
            ({"control": 9, "until": "2026-11-22T12:00:00"}, 422),
            ({"control": 9, "until": "2999-01-01T00:00:00Z"}, 409),
            ({"control": 9, "cycles": 1, "symbol": "NOPE"}, 409),
        ],
    )
    def test_what_may_not_be_lifted_or_has_no_one_term_is_refused(self, world: World, body: dict[str, Any], status: int) -> None:
        _said(world, "tom", "overrides", status, book=BOOK, reason="r", **body)
        assert world.rows("SELECT * FROM requests WHERE kind = 'override'") == []


class TestBreaks:
    def test_one_is_given_to_a_person_and_resolved(self, world: World) -> None:
        number = _break(world)
        assert _said(world, "tom", f"breaks/{number}/assign", 200, person="vic")["owner"] == "vic"
        closed = _said(world, "tom", f"breaks/{number}/resolve", 200, reason="booked there")
        assert (closed["resolution"], closed["resolved_by"]) == ("booked there", "tom")
        assert world.ask("vic", "GET", f"{API}/breaks/{number}").get_json() == closed
        _said(world, "tom", f"breaks/{number}/resolve", 409, reason="again")
        assert world.ask("vic", "GET", f"{API}/breaks/99").status_code == 404

    def test_its_page_shows_the_fills_that_the_broker_told_and_that_are_not_booked(self, world: World) -> None:
        number = _break(world)
        assert "not booked" not in browser(world, "vic").get(f"/breaks/{number}").text
        told = replace(fill(order(), 7, 12), execution_id="x7")
        with world.ledger.write() as tx:
            keep_unbooked(tx, BOOK, {told: "12 shares more would make 112 filled of 100 ordered"}, run_id(BOOK, "eod", SESSION), NOW)
        shown = browser(world, "vic").get(f"/breaks/{number}").text
        for part in ("Told by the broker, and not booked", "x7", "12 shares more would make 112 filled of 100 ordered"):
            assert part in shown

    def test_its_page_shows_what_the_account_says_and_what_cash_may_be_booked_as(self, world: World) -> None:
        number = _break(world)
        wire = CashActivity("w7", "transfer", "CSD", micros(25), SESSION, SESSION, words="wire of ann")
        with world.ledger.write() as tx:
            keep_activities(tx, BOOK, {wire: "booked by people"}, run_id(BOOK, "eod", SESSION), NOW)
        shown = browser(world, "ann").get(f"/breaks/{number}").text
        parts = ("What the account says", "w7", "CSD wire of ann", "booked by people", "grodt deposit 25.00", "<option>interest</option>")
        for part in parts:
            assert part in shown
        page = f"/breaks/{number}"
        assert send(browser(world, "ann"), page, page, act="correct", booked_as="interest", reason="of March").status_code == 303
        assert [what for (what,) in world.rows("SELECT subject FROM requests") if '"as":"interest"' in what] != []

    def test_a_correction_is_booked_when_another_person_agrees(self, world: World) -> None:
        number = _break(world)
        _said(world, "tom", f"breaks/{number}/correct", 409, reason="r", price="1")
        asked = _said(world, "ann", f"breaks/{number}/correct", 201, reason="a fee that came back", booked_as="fee")
        assert (asked["kind"], asked["state"]) == ("correction", "waiting")
        _said(world, "ann", f"waiting/{asked['request_id']}/approve", 409, reason="r")
        query = "SELECT sum(amount) FROM postings WHERE account = 'cash'"
        assert world.rows(query) == [(Micros(100_000_000),)]
        _said(world, "bob", f"waiting/{asked['request_id']}/approve", 200, reason="seen")
        assert world.rows(query) == [(Micros(125_000_000),)]
        assert world.rows("SELECT kind FROM entries WHERE memo = 'a fee that came back'") == [("fee",)]
        assert world.ask("vic", "GET", f"{API}/breaks/{number}").get_json()["resolved_by"] == "ann and bob"


class TestEndsOfOrders:
    """An order that we have open and the broker has no more: of 100 shares, with a break of kind order."""

    @pytest.fixture
    def number(self, world: World) -> int:
        one = order("MSFT", session=NEXT)
        with world.ledger.write() as tx:
            run = sent(tx, [one], NEXT)
            record_breaks(tx, BOOK, NEXT, [Break("order", one.client_order_id, 100, 0)], run.run_id, NOW)
            (found,) = open_breaks(tx, BOOK)
        return found.break_id

    def test_it_is_ended_when_another_person_agrees_and_the_broker_was_asked_before(self, world: World, number: int) -> None:
        asked = _said(world, "ann", f"breaks/{number}/correct", 201, reason="cancelled, by the statement")
        assert (asked["kind"], asked["state"], world.asked_for) == ("order_end", "waiting", [(BOOK, number)])
        _said(world, "ann", f"waiting/{asked['request_id']}/approve", 409, reason="r")
        state = "SELECT state FROM order_status WHERE client_order_id LIKE 'demo-eod-%-MSFT-0'"
        assert world.rows(state) == [("accepted",)]
        _said(world, "bob", f"waiting/{asked['request_id']}/approve", 200, reason="seen")
        assert world.rows(state) == [("cancelled",)]
        assert world.ask("vic", "GET", f"{API}/breaks/{number}").get_json()["resolved_by"] == "ann and bob"

    @pytest.mark.parametrize(
        ("fails", "status"), [(ConfigError("the broker has order x"), 409), (BrokerUnavailable("the broker did not answer"), 503)]
    )
    def test_where_the_broker_has_it_or_does_not_answer_nothing_is_asked_for(
        self, world: World, number: int, fails: GrodtError, status: int
    ) -> None:
        world.gone_fails = fails
        _said(world, "ann", f"breaks/{number}/correct", status, reason="r")
        page = f"/breaks/{number}"
        client = browser(world, "ann")
        assert "Ask to end the order" in client.get(page).text
        told = send(client, page, page, act="correct", reason="r")
        assert (told.status_code, str(fails) in told.text) == (status, True)
        assert world.rows("SELECT * FROM requests WHERE kind = 'order_end'") == []

    def test_a_price_makes_it_a_correction_which_an_order_has_none_of(self, world: World, number: int) -> None:
        _said(world, "ann", f"breaks/{number}/correct", 409, reason="r", price="1")
        assert world.asked_for == []


@pytest.mark.parametrize(
    "path", ["limits/set", "limits/unset", "limits/adopt", "overrides", "breaks/1/assign", "breaks/1/resolve", "breaks/1/correct"]
)
def test_a_viewer_changes_and_asks_for_nothing(world: World, path: str) -> None:
    _break(world)
    bodies: dict[str, dict[str, Any]] = {
        "limits/set": {"book": BOOK, "name": "symbol_weight", "value": "0.01", "reason": "r"},
        "limits/unset": {"book": BOOK, "name": "restricted", "symbol": "A", "reason": "r"},
        "limits/adopt": {"book": BOOK, "reason": "r"},
        "overrides": {"book": BOOK, "control": 9, "cycles": 1, "reason": "r"},
        "breaks/1/assign": {"person": "vic"},
    }
    before = world.rows("SELECT * FROM limit_changes"), world.rows("SELECT * FROM breaks"), world.rows("SELECT * FROM requests")
    _said(world, "vic", path, 403, **bodies.get(path, {"reason": "r"}))
    assert (world.rows("SELECT * FROM limit_changes"), world.rows("SELECT * FROM breaks"), world.rows("SELECT * FROM requests")) == before


class TestPages:
    def test_a_limit_is_tightened_and_loosened_on_its_page(self, world: World) -> None:
        client, page = browser(world, "ann"), f"/books/{BOOK}/limits"
        answer = send(client, page, page, act="set", name="symbol_weight", value="0.01", reason="thin <market>")
        assert (answer.status_code, answer.location) == (303, page)
        shown = client.get(page).text
        assert "thin &lt;market&gt;" in shown
        assert "Adopt all of them" in shown
        answer = send(client, page, page, act="adopt", reason="calm")
        ((request_id,),) = world.rows("SELECT request_id FROM requests WHERE kind = 'limit'")
        assert (answer.status_code, answer.location) == (303, f"/waiting/{request_id}")
        assert "You have agreed; another person must decide." in client.get(answer.location).text
        assert "symbol_weight" in client.get(answer.location).text

    def test_what_cannot_be_is_told_on_the_page(self, world: World) -> None:
        client, page = browser(world, "tom"), f"/books/{BOOK}/limits"
        answer = send(client, page, page, act="set", name="symbol_weight", value="9", reason="r")
        assert (answer.status_code, 'role="alert"' in answer.text) == (409, True)
        answer = send(client, f"/books/{BOOK}/overrides", page, control="13", cycles="1", until="", reason="r")
        assert (answer.status_code, "control 13 cannot be overridden" in answer.text) == (409, True)

    def test_an_override_until_an_instant_is_asked_for(self, world: World) -> None:
        page = f"/books/{BOOK}/limits"
        until = f"{world.now.replace(tzinfo=None):%Y-%m-%dT23:59}"
        answer = send(browser(world, "tom"), f"/books/{BOOK}/overrides", page, control="9", cycles="", until=until, symbol="", reason="r")
        assert answer.status_code == 303
        ((subject,),) = world.rows("SELECT subject FROM requests WHERE kind = 'override'")
        assert f'"until":"{until}:00+00:00"' in subject.replace('": "', '":"')

    def test_a_break_is_worked_on_its_page_and_resolved_once(self, world: World) -> None:
        number = _break(world)
        page, client = f"/breaks/{number}", browser(world, "tom")
        assert page in client.get(f"/books/{BOOK}").text
        assert send(client, page, page, act="assign", person="ann").location == page
        assert "<b>ann</b>" in client.get(page).text
        assert "given to ann by tom, " in client.get(page).text
        asked = send(client, page, page, act="correct", reason="a fee")
        assert asked.location.startswith("/waiting/")
        assert "125.00 USD" in client.get(asked.location).text
        assert send(client, page, page, act="resolve", reason="").status_code == 409
        assert send(client, page, page, act="resolve", reason="mended").location == page
        assert "Work it" not in client.get(page).text

    def test_a_viewer_sees_no_form(self, world: World) -> None:
        number = _break(world)
        client = browser(world, "vic")
        for page in (f"/books/{BOOK}/limits", f"/breaks/{number}"):
            assert "<form" not in client.get(page).text.split("<main>")[1]
