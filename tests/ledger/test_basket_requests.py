"""A run asks about one basket at a time, and only the last can be decided."""

import pytest

from grodt.errors import ConfigError, DataError
from grodt.ledger.acts import act, still_waiting
from grodt.ledger.basket_requests import ask_for_basket, current_request, record_approved
from grodt.ledger.baskets import approvals_of, basket_of
from grodt.ledger.requests import Request, find_request, waiting
from grodt.ledger.runs import Run, close_run, pin_limits
from grodt.ledger.unit import Write
from grodt.orders.order import Order
from tests.ledger.world import MINUTE, NOW, basket, order, started

UNTIL = NOW + 60 * MINUTE
_SHOWN = {"cash_now": 5}


def _ask(tx: Write, run: Run, *orders: Order, people: int = 1, limits: int = 1, until: object = UNTIL) -> Request | None:
    pin_limits(tx, run.run_id, limits)
    made = basket(orders or [order()], run.run_id)
    return ask_for_basket(
        tx, made, run=run, changes=_SHOWN, people=people, now=NOW, expires_at=until  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_id_is_the_hash_that_the_basket_will_have(tx: Write) -> None:
    run = started(tx)
    asked = _ask(tx, run)
    assert asked is not None
    plain = basket([order()], run.run_id)
    assert asked.request_id == plain.on(asked.subject["basis"]).hash != plain.hash
    assert (asked.kind, asked.book, asked.subject["value"]) == ("basket", "demo", 9_370_000_000)


def test_nothing_changed_is_the_same_question(tx: Write) -> None:
    run = started(tx)
    assert _ask(tx, run) == _ask(tx, run) == current_request(tx, run)
    assert len(waiting(tx, NOW)) == 1


@pytest.mark.parametrize("changed", [{"limits": 2}, {"people": 2}, {"quantity": 99}])
def test_whatever_changes_is_another_question_and_the_last_one_counts(tx: Write, changed: dict[str, object]) -> None:
    run = started(tx)
    first = _ask(tx, run)
    orders = [order(quantity=99)] if "quantity" in changed else []
    second = _ask(tx, run, *orders, **{name: value for name, value in changed.items() if name != "quantity"})  # type: ignore[arg-type]
    assert first is not None
    assert second is not None
    assert (second.subject["after"], current_request(tx, run)) == (first.request_id, second)
    assert still_waiting(tx, waiting(tx, NOW)) == (second,)
    with pytest.raises(ConfigError, match=f"basket {first.short} can no longer be decided: its input changed, and basket {second.short}"):
        act(tx, first.request_id, "approve", by="ann", reason="r", now=NOW)
    third = _ask(tx, run)  # back to what it was, and still another question
    assert third is not None
    assert third.request_id not in (first.request_id, second.request_id)
    assert current_request(tx, run) == third


def test_it_is_too_late_to_ask_when_the_window_is_over_but_not_to_find_what_was_asked(tx: Write) -> None:
    run = started(tx)
    assert _ask(tx, run, until=NOW) is None
    first = _ask(tx, run)
    assert _ask(tx, run, until=NOW) == first is not None
    assert _ask(tx, run, limits=2, until=NOW) is None


def test_an_approved_basket_is_recorded_with_the_names_once(tx: Write) -> None:
    run = started(tx)
    asked = _ask(tx, run, people=2)
    assert asked is not None
    with pytest.raises(ValueError, match="is waiting, not approved"):
        record_approved(tx, basket([order()], run.run_id), asked, NOW)
    for name in ("ann", "bob"):
        act(tx, asked.request_id, "approve", by=name, reason="r", now=NOW + MINUTE)
    approved = find_request(tx, asked.request_id)
    assert basket_of(tx, run.run_id) is None
    for _ in range(2):
        made = record_approved(tx, basket([order()], run.run_id), approved, UNTIL + MINUTE)  # agreement in time holds for good
    assert basket_of(tx, run.run_id) == made
    assert made.require_intact().hash == asked.request_id
    assert [(each.by, each.at) for each in approvals_of(tx, made.hash)] == [("ann", NOW + MINUTE), ("bob", NOW + MINUTE)]


def test_other_orders_than_those_approved_are_not_recorded(tx: Write) -> None:
    run = started(tx)
    asked = _ask(tx, run)
    assert asked is not None
    done = act(tx, asked.request_id, "approve", by="ann", reason="r", now=NOW)
    with pytest.raises(DataError, match=f"is not {asked.short}, which was approved; nothing of it is sent"):
        record_approved(tx, basket([order(quantity=101)], run.run_id), done.request, NOW)
    assert basket_of(tx, run.run_id) is None


def test_a_run_that_is_over_asks_nobody_any_more(tx: Write) -> None:
    run = started(tx)
    asked = _ask(tx, run)
    assert asked is not None
    close_run(tx, run.run_id, "abandoned", NOW)
    with pytest.raises(ConfigError, match=f"its run {run.run_id} is abandoned"):
        act(tx, asked.request_id, "approve", by="ann", reason="r", now=NOW)
