"""A basket that people decide: whole cycles, from the question to what is sent, or not."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grodt.brokers.windows import SendingHours
from grodt.errors import ConfigError, DataError, HaltActive
from grodt.ledger.acts import Acted, act
from grodt.ledger.corrections import ask_to_withdraw
from grodt.ledger.halts import halt
from grodt.ledger.requests import Request, requests_of
from grodt.ledger.unit import Ledger
from grodt.money import Micros
from grodt.sessions import Calendar
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, books_text, small_home

#: Monday's close is at 21:00 UTC; its basket can wait until two minutes before Tuesday's open.
EVENING, NIGHT, LATER, MORNING = "2015-11-23T22:00:00Z", "2015-11-24T03:00:00Z", "2015-11-24T04:00:00Z", "2015-11-24T14:28:00Z"
#: Of the paper broker, so that the configuration is another.
OTHER_TERMS = "slippage_bps: 6, commission_bps: 1"
UNTIL = datetime(2015, 11, 24, 14, 28, tzinfo=UTC)


def _home(folder: Path, approval: str, now: str = EVENING) -> Home:
    home = small_home(folder, now=now)
    assert home.books is not None
    home.books.write_text(books_text(approval=approval))
    return home


@contextmanager
def _ledger(home: Home) -> Iterator[Ledger]:
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    try:
        yield ledger
    finally:
        ledger.close()


def _asked(home: Home) -> list[Request]:
    with _ledger(home) as ledger, ledger.read() as tx:
        return list(requests_of(tx, "small", kind="basket"))


def _say(home: Home, request: Request, verdict: str, by: str, now: str = NIGHT) -> Acted:
    with _ledger(home) as ledger, ledger.write() as tx:
        return act(tx, request.request_id, verdict, by=by, reason=f"{by} says so", now=datetime.fromisoformat(now))  # type: ignore[arg-type]


def _run(home: Home, now: str | None = None, session: date = MON) -> None:
    replace(home, now=now or home.now).run(session)


def _broker_orders(home: Home) -> list[tuple[Any, ...]]:
    return home.broker("SELECT client_order_id, symbol, side, quantity FROM orders ORDER BY 1")


def _outcomes(home: Home) -> list[str]:
    return [outcome for (outcome,) in home.sql("SELECT outcome FROM run_attempts ORDER BY run_id, attempt")]


def _state(home: Home, session: date = MON) -> str:
    return str(home.sql("SELECT state FROM runs WHERE session = ?", session.isoformat())[0][0])


@pytest.fixture(scope="module")
def automatic(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Monday's cycle of a book that asks nobody. Only to be read."""
    home = _home(tmp_path_factory.mktemp("automatic"), "automatic")
    _run(home)
    return home


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Monday's cycle of a book that asks two people, before anybody has answered. Only to be read."""
    home = _home(tmp_path_factory.mktemp("asking"), "two")
    _run(home)
    return home


@pytest.fixture
def waits(asking: Home, tmp_path: Path) -> Home:
    """The same, to be changed."""
    shutil.copytree(asking.folder.parent, tmp_path / "copy")
    return replace(asking, folder=tmp_path / "copy/home", books=tmp_path / "copy/world/books.yaml")


def test_a_basket_that_waits_is_in_a_request_and_nowhere_else(asking: Home, automatic: Home) -> None:
    (request,) = _asked(asking)
    assert (request.people, request.expires_at, request.asked_by) == (2, UNTIL, "risk")
    assert asking.sql("SELECT count(*) FROM baskets UNION ALL SELECT count(*) FROM orders") == [(0,), (0,)]
    assert _broker_orders(asking) == []
    assert (_state(asking), _outcomes(asking)) == ("open", ["waiting"])
    assert asking.sql("SELECT DISTINCT holder FROM leases") == [(None,)]
    columns = ["client_order_id", "symbol", "side", "quantity", "reference_price", "order_type", "time_in_force"]
    wanted = automatic.sql(f"SELECT {', '.join(columns)} FROM orders ORDER BY sequence")
    assert [tuple(each[name] for name in columns) for each in request.subject["orders"]] == wanted
    assert asking.artifacts[-1]["key"] == "small-basket"


def test_a_run_that_waits_asks_once_however_often_it_is_run(waits: Home) -> None:
    _run(waits, NIGHT)
    assert len(_asked(waits)) == 1
    assert _outcomes(waits) == ["waiting", "waiting"]


def test_two_people_approve_and_the_rerun_sends_exactly_that(waits: Home, automatic: Home) -> None:
    (request,) = _asked(waits)
    _say(waits, request, "approve", "ann")
    _run(waits, NIGHT)
    assert _broker_orders(waits) == []
    assert _say(waits, request, "approve", "bob").then.endswith("grodt run --book small --session 2015-11-23")
    assert _broker_orders(waits) == []
    _run(waits, NIGHT)
    assert _broker_orders(waits) == _broker_orders(automatic) != []
    assert waits.sql("SELECT basket_hash FROM baskets") == [(request.request_id,)]
    assert waits.sql("SELECT basket_hash, approved_by FROM basket_approvals ORDER BY 2") == [
        (request.request_id, "ann"),
        (request.request_id, "bob"),
    ]
    assert (_state(waits), _outcomes(waits)) == ("done", ["waiting", "waiting", "done"])
    before = waits.everything()
    _run(waits, NIGHT)
    assert waits.everything() == before


def test_the_same_person_twice_is_refused(waits: Home) -> None:
    (request,) = _asked(waits)
    _say(waits, request, "approve", "ann")
    with pytest.raises(ConfigError, match="ann has decided it"):
        _say(waits, request, "approve", "Ann")
    _run(waits, NIGHT)
    assert (_broker_orders(waits), _state(waits)) == ([], "open")


def test_a_rejected_basket_ends_the_cycle_without_an_order(waits: Home) -> None:
    (request,) = _asked(waits)
    said: list[str] = []
    assert _say(waits, request, "reject", "ann").then.startswith("nothing of it is sent")
    replace(waits, now=NIGHT).run(MON, watch=lambda _session, _stage, text: said.append(text))
    assert f"basket {request.short} of book small was rejected by ann: ann says so; nothing of it was sent" in said
    assert (_state(waits), _broker_orders(waits)) == ("done", [])
    assert waits.sql("SELECT count(*) FROM baskets UNION ALL SELECT count(*) FROM orders") == [(0,), (0,)]


def test_a_basket_that_expired_ends_the_cycle_and_can_no_longer_be_approved(waits: Home) -> None:
    (request,) = _asked(waits)
    _say(waits, request, "approve", "ann")
    with pytest.raises(ConfigError, match=r"expired at 2015-11-24 14:28 UTC"):
        _say(waits, request, "approve", "bob", MORNING)
    said: list[str] = []
    replace(waits, now=MORNING).run(MON, watch=lambda _session, _stage, text: said.append(text))
    assert (
        f"basket {request.short} of book small expired at 2015-11-24 14:28 UTC, when 1 of 2 had not agreed; nothing of it was sent" in said
    )
    assert (_state(waits), _broker_orders(waits)) == ("done", [])


def test_changed_input_needs_a_new_approval_and_the_old_one_sends_nothing(waits: Home) -> None:
    """The books file changes after both have agreed, and before the cycle is run: what they agreed to is no longer what would be sent."""
    (first,) = _asked(waits)
    for name in ("ann", "bob"):
        _say(waits, first, "approve", name)
    assert waits.books is not None
    waits.books.write_text(books_text(approval="two", broker=OTHER_TERMS))
    _run(waits, NIGHT)
    old, new = _asked(waits)
    assert (old.request_id, new.request_id != first.request_id) == (first.request_id, True)
    assert (new.subject["after"], new.reason, new.agreed) == (first.request_id, "its input changed", ())
    assert (_broker_orders(waits), _state(waits)) == ([], "open")
    for name in ("ann", "bob"):
        _say(waits, new, "approve", name)
    _run(waits, NIGHT)
    assert waits.sql("SELECT basket_hash FROM baskets") == [(new.request_id,)]
    assert len(_broker_orders(waits)) == len(new.subject["orders"])


def test_money_that_leaves_while_a_basket_waits_is_no_loss_and_the_basket_is_decided_anew(waits: Home) -> None:
    (first,) = _asked(waits)
    marked = waits.sql("SELECT * FROM marks")
    amount = Micros(waits.sql("SELECT equity FROM marks")[0][0] // 4)
    with _ledger(waits) as ledger, ledger.write() as tx:
        asked = ask_to_withdraw(tx, "small", amount, Calendar("XNYS").next, by="ann", reason="paid out", now=datetime.fromisoformat(NIGHT))
    _say(waits, asked, "approve", "bob")
    with closing(sqlite3.connect(waits.folder / "brokers/paper-small.db")) as connection, connection:
        connection.execute("UPDATE account SET cash = cash - ?", (amount,))
    _run(waits, NIGHT)
    assert waits.sql("SELECT * FROM marks") == marked
    assert waits.sql("SELECT * FROM halts") == []
    second = _asked(waits)[-1]
    assert second.subject["after"] == first.request_id
    assert second.subject["value"] == pytest.approx(first.subject["value"] * 3 / 4, rel=0.01)


def test_a_superseded_basket_cannot_be_approved_even_when_the_input_is_as_before(waits: Home) -> None:
    (first,) = _asked(waits)
    assert waits.books is not None
    waits.books.write_text(books_text(approval="two", broker=OTHER_TERMS))
    _run(waits, NIGHT)
    second = _asked(waits)[-1]
    with pytest.raises(ConfigError, match=f"can no longer be decided: its input changed, and basket {second.short} stands in its place"):
        _say(waits, first, "approve", "ann")
    waits.books.write_text(books_text(approval="two"))
    _run(waits, LATER)
    third = _asked(waits)[-1]
    assert third.subject["orders"] == first.subject["orders"]
    assert third.request_id not in (first.request_id, second.request_id)
    for superseded in (first, second):
        with pytest.raises(ConfigError, match=f"basket {third.short} stands in its place"):
            _say(waits, superseded, "approve", "ann")


def test_another_rule_of_approval_is_another_question(waits: Home) -> None:
    (first,) = _asked(waits)
    _say(waits, first, "approve", "ann")
    assert waits.books is not None
    waits.books.write_text(books_text(approval="one"))
    _run(waits, NIGHT)
    second = _asked(waits)[-1]
    assert (second.people, second.agreed, second.subject["orders"]) == (1, (), first.subject["orders"])


def test_a_kill_between_approval_and_send_changes_nothing(waits: Home, automatic: Home) -> None:
    (request,) = _asked(waits)
    for name in ("ann", "bob"):
        _say(waits, request, "approve", name)

    class Killed(BaseException):
        pass

    def at_send(_session: date, stage: str, text: str) -> None:
        if (stage, text) == ("send", ""):
            raise Killed

    with pytest.raises(Killed):
        replace(waits, now=NIGHT).run(MON, watch=at_send)
    assert waits.sql("SELECT DISTINCT state FROM order_status") == [("approved",)]
    assert _broker_orders(waits) == []
    _run(waits, NIGHT)
    assert _broker_orders(waits) == _broker_orders(automatic)
    assert _state(waits) == "done"


def test_what_was_approved_is_not_committed_where_a_strategy_is_halted_while_it_is_decided_again(waits: Home) -> None:
    (request,) = _asked(waits)
    for name in ("ann", "bob"):
        _say(waits, request, "approve", name)

    def watch(_session: date, stage: str, text: str) -> None:
        if (stage, text) == ("approve", ""):
            with _ledger(waits) as ledger, ledger.write() as tx:
                when = datetime.fromisoformat(EVENING)
                halt(tx, scope="strategy", book="small", strategy="ewma_crossover", reason="wait", author="ann", now=when)

    with pytest.raises(HaltActive, match="ewma_crossover"):
        replace(waits, now=NIGHT).run(MON, watch=watch)
    assert waits.sql("SELECT count(*) FROM baskets") == [(0,)]
    _run(waits, NIGHT)
    assert _broker_orders(waits) == []
    assert waits.sql("SELECT order_count FROM baskets") == [(0,)]


def test_orders_that_are_not_what_was_approved_are_not_sent(waits: Home) -> None:
    """Somebody with access to the file changes the request's basis: the orders no longer have the hash that was approved."""
    (request,) = _asked(waits)
    for name in ("ann", "bob"):
        _say(waits, request, "approve", name)
    with closing(sqlite3.connect(waits.folder / "ledger.db")) as connection, connection:
        connection.execute("DROP TRIGGER requests_no_update")
        subject = json.dumps({**request.subject, "basis": "0" * 64}, sort_keys=True, separators=(",", ":"))
        connection.execute("UPDATE requests SET subject = ?", (subject,))
        connection.execute(
            "CREATE TRIGGER requests_no_update BEFORE UPDATE ON requests BEGIN SELECT RAISE(ABORT, 'requests is append-only'); END"
        )
    with pytest.raises(DataError, match=f"is not {request.short}, which was approved; nothing of it is sent"):
        _run(waits, NIGHT)
    assert _broker_orders(waits) == []


def test_the_next_cycle_gives_up_what_was_never_decided(waits: Home) -> None:
    (request,) = _asked(waits)
    _run(waits, "2015-11-24T22:00:00Z", TUE)
    assert (_state(waits), _state(waits, TUE)) == ("abandoned", "open")
    assert _broker_orders(waits) == []
    with pytest.raises(ConfigError, match="its run small-eod-2015-11-23 is abandoned"):
        _say(waits, request, "approve", "ann", NIGHT)


@pytest.mark.parametrize(("above", "waiting"), [(10_000_000, False), (1_000, True)])
def test_above_a_value_people_are_asked_and_below_it_nobody(tmp_path: Path, automatic: Home, above: int, waiting: bool) -> None:
    home = _home(tmp_path, f"{{above: {above}, people: 1}}")
    _run(home)
    assert [each.people for each in _asked(home)] == ([1] if waiting else [])
    if waiting:
        _say(home, _asked(home)[0], "approve", "ann")
        _run(home, NIGHT)
    else:
        assert home.sql("SELECT * FROM basket_approvals") == automatic.sql("SELECT * FROM basket_approvals")
    assert _broker_orders(home) == _broker_orders(automatic)


def test_late_over_history_a_basket_waits_as_long_as_its_window(tmp_path: Path) -> None:
    home = _home(tmp_path, "one", now="2015-12-05T12:00:00Z")
    _run(home)
    (request,) = _asked(home)
    assert request.expires_at == datetime(2015, 12, 5, 12, tzinfo=UTC) + (UNTIL - datetime(2015, 11, 23, 21, tzinfo=UTC))
    _say(home, request, "approve", "ann", "2015-12-05T13:00:00Z")
    _run(home, "2015-12-05T14:00:00Z")
    assert len(_broker_orders(home)) == len(request.subject["orders"])


def test_a_real_broker_whose_window_is_over_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.wiring.PAPER", SendingHours())
    home = _home(tmp_path, "one", now=MORNING)
    said: list[str] = []
    home.run(MON, watch=lambda _session, stage, text: said.append(f"{stage}: {text}"))
    assert _asked(home) == []
    assert (_state(home), _broker_orders(home)) == ("done", [])


def test_a_real_broker_refuses_what_was_approved_in_time_and_sent_too_late(waits: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.wiring.PAPER", SendingHours())
    (request,) = _asked(waits)
    for name in ("ann", "bob"):
        _say(waits, request, "approve", name)
    _run(waits, (UNTIL + timedelta(minutes=1)).isoformat())
    assert _broker_orders(waits) == []
    assert {state for (state,) in waits.sql("SELECT state FROM order_status")} == {"denied"}
    assert all("outside_window" in reason for (reason,) in waits.sql("SELECT reason FROM order_status"))


@pytest.mark.parametrize("verdict", ["reject", None])
def test_a_rule_that_is_loosened_while_people_are_asked_sends_nothing_without_them(tmp_path: Path, verdict: str | None) -> None:
    home = _home(tmp_path, "one")
    _run(home)
    (asked,) = _asked(home)
    if verdict is not None:
        _say(home, asked, verdict, "ann")
    assert home.books is not None
    home.books.write_text(books_text(approval="automatic"))
    _run(home, LATER)
    assert (len(_asked(home)), _broker_orders(home)) == (1, [])
    assert _state(home) == ("open" if verdict is None else "done")
