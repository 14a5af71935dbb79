"""Sending: once each, in order, with the intent committed first, and nothing after a halt."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from grodt.brokers.protocol import BrokerOrder
from grodt.brokers.windows import ALPACA, PAPER
from grodt.errors import BrokerUnavailable, DataError, GrodtError, HaltActive, LeaseHeld, OrderOutcomeUnknown, ReconciliationBreak
from grodt.execution import Sent, send
from grodt.execution.outcome import LOOK_UP_PAUSE_SECONDS
from grodt.execution.throttle import Throttle
from grodt.execution.windows import Windows
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.halts import active, halt
from grodt.ledger.later_checks import evidence_of
from grodt.ledger.leases import acquire
from grodt.ledger.orders import find_order, orders_of
from grodt.ledger.runs import Run
from grodt.ledger.sent import rejects_in_a_row, sendings
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.risk.controls import why
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, TUE, market, order, usd
from tests.execution.desk import WINDOWS, Desk, Killed, make_basket
from tests.ledger.people import rearmed
from tests.risk.proposals import limits

_ONE_BY_ONE = pytest.mark.parametrize("desk", [1], ids=["one by one"], indirect=True)
_APPROVED, _ACCEPTED, _CANCELLED, _UNKNOWN = OrderState.APPROVED, OrderState.ACCEPTED, OrderState.CANCELLED, OrderState.UNKNOWN
_DENIED = OrderState.DENIED


@pytest.fixture(params=[1, 3], ids=["one by one", "in groups"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, template: Path) -> Iterator[Desk]:
    """What holds of orders that go out one by one holds of groups."""
    opened = Desk(tmp_path / "desk", template=template, group=request.param)
    yield opened
    opened.close()


@pytest.fixture
def run(desk: Desk) -> Run:
    return desk.open(MON)


def _states(desk: Desk, run: Run) -> dict[str, OrderState]:
    with desk.real_ledger.read() as tx:
        return {each.order.symbol: each.state for each in orders_of(tx, run.run_id)}


def _reason(desk: Desk, client_order_id: str) -> str:
    with desk.real_ledger.read() as tx:
        found = find_order(tx, client_order_id)
    assert found is not None
    return found.reason


def _halt(desk: Desk, scope: str, symbol: str = "") -> None:
    with desk.real_ledger.write() as tx:
        halt(tx, scope=scope, book="" if scope == "all" else BOOK, symbol=symbol, reason="storm", author="ops", now=desk.now())  # type: ignore[arg-type]


def test_every_order_of_the_basket_is_sent_once_sells_first(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": -20, "MSFT": 30})
    assert desk.send(run) == Sent(orders=3, accepted=3)
    assert [each.split("-")[3] for each in desk.broker.sends] == ["IBM", "MSFT", "AAPL"]
    assert _states(desk, run) == dict.fromkeys(["IBM", "MSFT", "AAPL"], _ACCEPTED)
    assert desk.send(run) == Sent(orders=3, already=3)
    assert len(desk.broker.sends) == 3


def test_an_answer_that_cannot_be_read_is_an_order_at_the_broker_and_halts_its_symbol(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": 20})
    take = desk.paper.submit

    def submit(each: Order, session: date) -> BrokerOrder:
        answer = take(each, session)
        return replace(answer, state=_UNKNOWN, reason="status 'limbo'") if each.symbol == "AAPL" else answer

    desk.paper.submit = submit  # type: ignore[method-assign]
    assert desk.send(run) == Sent(orders=2, accepted=2)
    assert _states(desk, run) == {"AAPL": OrderState.SUBMITTED, "IBM": _ACCEPTED}
    with desk.real_ledger.read() as tx:
        assert [(each.symbol, each.reason) for each in active(tx, BOOK, desk.now())] == [("AAPL", "not understood: status 'limbo'")]


@_ONE_BY_ONE
def test_there_is_one_commit_before_each_send_and_one_after(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": 20})
    desk.fuse.steps.clear()
    desk.send(run)
    steps = [step for step in desk.fuse.steps if step in ("after a commit", "before a send")]
    assert steps == ["after a commit", "before a send", "after a commit", "before a send", "after a commit"]


def test_progress_is_told_order_by_order(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": 20})
    told: list[tuple[int, int]] = []
    send(
        desk.ledger,
        None,
        desk.broker,
        run,
        file=limits(),
        windows=WINDOWS,
        now=desk.now,
        sleep=desk.pauses.append,
        progress=lambda *each: told.append(each),
    )
    assert told == [(1, 2), (2, 2)]


def test_an_empty_basket_sends_nothing(desk: Desk, run: Run) -> None:
    desk.decide(run, {})
    assert desk.send(run) == Sent(orders=0)


def test_a_rejection_is_an_outcome_with_the_broker_s_reason(desk: Desk, run: Run) -> None:
    basket = desk.decide(run, {"AAPL": 1_000_000, "IBM": 1})
    assert desk.send(run) == Sent(orders=2, accepted=1, rejected=1)
    assert "insufficient buying power" in _reason(desk, basket.orders[0].client_order_id)


def test_a_run_without_a_basket_or_approval_sends_nothing(desk: Desk, run: Run) -> None:
    with pytest.raises(GrodtError, match="no basket"):
        desk.send(run)
    basket = desk.decide(run, {"AAPL": 1}, approve=False)
    with pytest.raises(GrodtError, match="is not approved"):
        desk.send(run)
    assert desk.broker.sends == []
    with desk.real_ledger.write() as tx:
        approve_basket(tx, basket.hash, "ann", desk.now())
    assert desk.send(run).accepted == 1


def test_a_basket_that_is_not_what_was_approved_is_not_sent(desk: Desk, run: Run) -> None:
    basket = make_basket(run, [order("AAPL", 1)])
    with desk.real_ledger.write() as tx:
        record_basket(tx, replace(basket, orders=(order("AAPL", 100),)), run.run_id, desk.now())
        approve_basket(tx, basket.hash, "ann", desk.now())
    with pytest.raises(DataError, match="not what was approved"):
        desk.send(run)
    assert desk.broker.sends == []


@pytest.mark.parametrize("scope", ["all", "book"])
def test_nothing_is_sent_after_a_halt_is_committed(desk: Desk, run: Run, scope: str) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})
    desk.broker.before_send = lambda number: _halt(desk, scope) if number == 1 else None  # while the second is on its way
    with pytest.raises(HaltActive, match=r"MSFT-0 and what follows it.*storm"):
        desk.send(run)
    assert _states(desk, run) == {"AAPL": _ACCEPTED, "IBM": _ACCEPTED, "MSFT": _APPROVED}
    with pytest.raises(HaltActive):
        desk.send(run)
    assert len(desk.broker.sends) == 2
    with desk.real_ledger.write() as tx:
        rearmed(tx, "" if scope == "all" else BOOK, desk.now())
    desk.broker.before_send = lambda number: None
    assert desk.send(run) == Sent(orders=3, accepted=1, already=2)


def test_an_order_in_a_halted_symbol_is_denied_and_the_others_go(desk: Desk, run: Run) -> None:
    basket = desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})
    _halt(desk, "symbol", "IBM")
    assert desk.send(run) == Sent(orders=3, accepted=2, cancelled=1)
    assert _states(desk, run) == {"AAPL": _ACCEPTED, "IBM": _DENIED, "MSFT": _ACCEPTED}
    assert (
        _reason(desk, basket.orders[1].client_order_id)
        == "not sent: halt 1 (pause) on IBM of book demo by ops since 2026-03-02 21:05 UTC: storm"
    )


def test_a_lost_reply_is_looked_up_and_adopted(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20})
    desk.broker.lose_after.add(0)
    assert desk.send(run) == Sent(orders=2, accepted=2, adopted=1)
    assert (len(desk.broker.sends), desk.broker.finds, desk.pauses) == (2, 1, [])


def test_an_order_that_never_arrived_is_sent_again_under_its_id_after_two_look_ups(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})
    desk.broker.lose_before.add(0)
    assert desk.send(run) == Sent(orders=1, accepted=1)
    assert desk.broker.sends == ["demo-eod-20260302-AAPL-0"] * 2
    assert (desk.broker.finds, desk.pauses) == (2, [LOOK_UP_PAUSE_SECONDS])


def test_an_order_that_stays_unknown_halts_its_symbol_and_stops_the_basket(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20})
    desk.broker.lose_before.update({0, 1})
    with pytest.raises(OrderOutcomeUnknown, match=r"buy 30 AAPL.*AAPL is halted.*grodt rearm --book demo"):
        desk.send(run)
    assert _states(desk, run) == {"AAPL": _UNKNOWN, "IBM": _APPROVED}
    with desk.real_ledger.read() as tx:
        assert [(each.scope, each.symbol) for each in active(tx, BOOK, desk.now())] == [("symbol", "AAPL")]


def test_an_unknown_order_is_looked_up_before_anything_else_is_sent(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20})
    desk.broker.lose_before.add(0)
    desk.broker.lose_after.add(1)
    desk.broker.hide.update({0, 1, 2, 3})  # the resend did arrive; nobody sees it yet
    with pytest.raises(OrderOutcomeUnknown):
        desk.send(run)
    assert desk.send(run) == Sent(orders=2, accepted=2, adopted=1)
    assert desk.broker.sends.count("demo-eod-20260302-AAPL-0") == 2
    assert [each.symbol for each in desk.paper.open_orders()] == ["AAPL", "IBM"]


def test_an_unknown_order_in_a_symbol_still_halted_is_cancelled_once_the_broker_never_had_it(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})
    desk.broker.lose_before.update({0, 1})
    with pytest.raises(OrderOutcomeUnknown):
        desk.send(run)
    assert desk.send(run) == Sent(orders=1, cancelled=1)
    assert _states(desk, run) == {"AAPL": _CANCELLED}
    assert desk.paper.open_orders() == ()


def test_a_look_up_without_an_answer_says_nothing(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})
    desk.broker.lose_after.add(0)
    desk.broker.before_send = lambda number: setattr(desk.broker, "down", True)
    with pytest.raises(BrokerUnavailable):
        desk.send(run)
    assert _states(desk, run) == {"AAPL": _UNKNOWN}
    desk.broker.down = False
    assert desk.send(run) == Sent(orders=1, accepted=1, adopted=1)
    assert len(desk.broker.sends) == 1


def test_another_order_under_our_id_halts_the_symbol(desk: Desk, run: Run) -> None:
    class Confused:
        def submit(self, order: Order, session: object, last_look: object) -> BrokerOrder:
            return replace(desk.paper.submit(order, MON), quantity=order.quantity + 1)

    desk.decide(run, {"AAPL": 30})
    words = "we sent buy 30 AAPL market opg, the broker has buy 31 AAPL market opg as paper-1"
    with pytest.raises(ReconciliationBreak, match=words):
        send(desk.ledger, None, Confused(), run, file=limits(), windows=WINDOWS, now=desk.now, sleep=desk.pauses.append)  # type: ignore[arg-type]
    assert _states(desk, run) == {"AAPL": OrderState.REJECTED}
    with desk.real_ledger.read() as tx:
        assert [each.symbol for each in active(tx, BOOK, desk.now())] == ["AAPL"]


def test_after_another_order_under_our_id_the_next_call_sends_the_rest(desk: Desk, run: Run) -> None:
    another = replace(order("AAPL", 30, MON, "100"), order_type="limit", price=usd("99"))
    desk.paper.submit(another, MON)
    desk.decide(run, {"AAPL": 30, "IBM": 20})
    with pytest.raises(ReconciliationBreak, match="buy 30 AAPL market opg, the broker has buy 30 AAPL limit opg at 99 as paper-1"):
        desk.send(run)
    assert desk.send(run).accepted == 1
    assert _states(desk, run) == {"AAPL": OrderState.REJECTED, "IBM": OrderState.ACCEPTED}
    assert [each.client_order_id for each in desk.paper.open_orders()] == [another.client_order_id, order("IBM", 20).client_order_id]


# -- what is committed while an order waits for its broker


@pytest.mark.parametrize("scope", ["all", "book"])
def test_a_halt_that_is_committed_while_an_order_waits_keeps_it(desk: Desk, run: Run, scope: str) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})
    desk.broker.before_look = lambda number: _halt(desk, scope) if number == 1 else None
    with pytest.raises(HaltActive, match=r"IBM-0 and what follows it.*storm"):
        desk.send(run)
    assert [each.split("-")[3] for each in desk.broker.sends] == ["AAPL"]
    assert _states(desk, run) == {"AAPL": _ACCEPTED, "IBM": _APPROVED, "MSFT": _APPROVED}
    with desk.real_ledger.write() as tx:
        assert len(sendings(tx, run.run_id)) == 1
        rearmed(tx, "" if scope == "all" else BOOK, desk.now())
    desk.broker.before_look = lambda number: None
    assert desk.send(run) == Sent(orders=3, accepted=2, already=1)
    assert len(desk.broker.sends) == 3


def test_a_halt_of_its_symbol_that_is_committed_while_an_order_waits_denies_it_and_the_others_go(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20})
    desk.broker.before_look = lambda number: _halt(desk, "symbol", "AAPL") if number == 0 else None
    assert desk.send(run) == Sent(orders=2, accepted=1, cancelled=1)
    assert _states(desk, run) == {"AAPL": _DENIED, "IBM": _ACCEPTED}
    assert [each.symbol for each in desk.paper.open_orders()] == ["IBM"]


def test_a_halt_that_is_committed_while_an_order_waits_to_be_sent_again_leaves_it_to_be_looked_up(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})
    desk.broker.lose_before.add(0)
    desk.broker.before_look = lambda number: _halt(desk, "book") if number == 1 else None
    with pytest.raises(HaltActive, match="storm"):
        desk.send(run)
    assert (len(desk.broker.sends), _states(desk, run)) == (1, {"AAPL": _UNKNOWN})
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    finds = desk.broker.finds
    desk.broker.before_look = lambda number: None
    assert desk.send(run) == Sent(orders=1, accepted=1)
    assert desk.broker.finds == finds + 2


@_ONE_BY_ONE
def test_so_does_one_that_is_committed_while_an_order_waits_that_a_process_before_had_marked(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})

    def die(number: int) -> None:
        raise Killed

    desk.broker.before_look = die
    with pytest.raises(Killed):
        desk.send(run)
    desk.broker.before_look = lambda number: _halt(desk, "book")
    with pytest.raises(HaltActive, match="storm"):
        desk.send(run)
    assert (desk.broker.sends, _states(desk, run)) == ([], {"AAPL": _UNKNOWN})


@_ONE_BY_ONE
def test_a_worker_whose_lease_is_taken_over_while_an_order_waits_does_not_send_it(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})
    with desk.real_ledger.write() as tx:
        lease = acquire(tx, "book:demo", "first", desk.now(), timedelta(hours=1))

    def take_over(number: int) -> None:
        with desk.real_ledger.write() as tx:
            acquire(tx, "book:demo", "second", desk.now(), timedelta(hours=1), lambda holder: False)

    desk.broker.before_look = take_over
    with pytest.raises(LeaseHeld, match="taken over by second"):
        send(desk.ledger, lease, desk.broker, run, file=limits(), windows=WINDOWS, now=desk.now, sleep=desk.pauses.append)
    assert desk.broker.sends == []


def test_a_worker_whose_lease_was_taken_over_sends_nothing_more(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20})
    with desk.real_ledger.write() as tx:
        lease = acquire(tx, "book:demo", "first", desk.now(), timedelta(hours=1))

    def take_over(number: int) -> None:
        with desk.real_ledger.write() as tx:
            acquire(tx, "book:demo", "second", desk.now(), timedelta(hours=1), lambda holder: False)

    desk.broker.before_send = take_over
    with pytest.raises(LeaseHeld, match="taken over by second"):
        send(desk.ledger, lease, desk.broker, run, file=limits(), windows=WINDOWS, now=desk.now, sleep=desk.pauses.append)
    assert len(desk.broker.sends) == 1
    assert desk.send(run) == Sent(orders=2, accepted=2, adopted=1)


def test_what_the_broker_filled_before_we_heard_of_it_is_adopted_and_booked(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})
    desk.broker.lose_after.add(0)
    desk.broker.before_send = lambda number: setattr(desk.broker, "down", True)
    with pytest.raises(BrokerUnavailable):
        desk.send(run)
    desk.broker.down = False
    tuesday = desk.open(TUE)
    settled = desk.settle(tuesday, market(TUE, {"AAPL": "100"}))
    assert (settled.adopted, settled.fills) == (1, 1)
    assert desk.reconcile(tuesday).positions == 1
    assert usd("997000") > desk.paper.cash() > usd("996900")


# -- controls 20 and 22


def _book_halts(desk: Desk) -> list[str]:
    with desk.real_ledger.read() as tx:
        return [each.reason for each in active(tx, BOOK, desk.now()) if each.scope == "book"]


def test_the_message_beyond_a_cycle_s_limit_halts_the_book_and_is_not_sent(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})
    with pytest.raises(HaltActive, match=r"MSFT-0 and what follows it .*messages_above_limit: .*\(control 20: value is 3, limit 2\)"):
        desk.send(run, cycle_messages=2)
    assert len(desk.broker.sends) == 2
    assert _states(desk, run) == {"AAPL": _ACCEPTED, "IBM": _ACCEPTED, "MSFT": _APPROVED}
    assert [reason.split(":")[0] for reason in _book_halts(desk)] == ["messages_above_limit"]
    with pytest.raises(HaltActive):
        desk.send(run)


def test_messages_are_counted_across_restarts_and_anew_after_a_person_armed_the_book(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})
    desk.broker.before_send = lambda number: _halt(desk, "book") if number == 1 else None
    with pytest.raises(HaltActive, match="storm"):
        desk.send(run)
    desk.broker.before_send = lambda number: None
    with desk.real_ledger.read() as tx:
        throttle = Throttle.of_run(tx, run, limits(cycle_messages=2))
    assert not throttle.messages(desk.now()).passed[0]
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    assert desk.send(run, cycle_messages=2) == Sent(orders=3, accepted=1, already=2)


def test_a_minute_has_its_own_limit_which_passes_with_it() -> None:
    start = datetime(2026, 3, 2, 15, tzinfo=UTC)
    throttle = Throttle(limits(minute_messages=2, cycle_messages=9), [start, start + timedelta(seconds=30)])
    assert why(throttle.messages(start + timedelta(seconds=59))).endswith("(control 20: value is 3, limit 2)")
    assert throttle.messages(start + timedelta(seconds=60)).passed[0]
    throttle.sent(start + timedelta(seconds=60))
    assert not throttle.messages(start + timedelta(seconds=89)).passed[0]


def test_everbright_2013_an_order_resubmitted_under_its_id_is_a_message_each_time(desk: Desk, run: Run) -> None:
    """A function that resubmitted what it thought was missing bought 23 billion in two minutes."""
    desk.decide(run, {"AAPL": 30, "IBM": 20})
    desk.broker.lose_before.add(0)
    with pytest.raises(HaltActive, match="messages_above_limit"):
        desk.send(run, cycle_messages=2)
    assert desk.broker.sends == ["demo-eod-20260302-AAPL-0"] * 2


def test_so_many_rejects_in_a_row_halt_the_book(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 1_000_000, "IBM": 900_000, "MSFT": 800_000, "TWTR": 1})
    with pytest.raises(HaltActive, match=r"MSFT-0 and what follows it .*rejects_in_a_row: .*\(control 22: value is 2, limit 1\)"):
        desk.send(run, rejects_in_a_row=2)
    assert len(desk.broker.sends) == 2
    with desk.real_ledger.read() as tx:
        assert not Throttle.of_run(tx, run, limits(rejects_in_a_row=2)).rejects().passed[0]
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    assert desk.send(run, rejects_in_a_row=2) == Sent(orders=4, accepted=1, rejected=1, already=2)


def test_the_last_order_s_reject_halts_too_though_nothing_is_left_to_send(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 1_000_000})
    assert desk.send(run, rejects_in_a_row=1) == Sent(orders=1, rejected=1)
    assert [reason.split(":")[0] for reason in _book_halts(desk)] == ["rejects_in_a_row"]


def test_an_accepted_order_ends_a_row_of_rejects(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 1_000_000, "IBM": 1})
    desk.send(run, rejects_in_a_row=2)
    with desk.real_ledger.read() as tx:
        assert rejects_in_a_row(tx, run.run_id) == 0
    assert _book_halts(desk) == []


# control 27: the window of the order type


def test_outside_its_window_an_order_is_denied_with_the_reason_and_the_next_is_asked_by_itself(desk: Desk, run: Run) -> None:
    """The desk's clock is at 21:05 UTC, 16:05 in New York: Alpaca refuses orders for the open until 19:00."""
    basket = desk.decide(run, {"AAPL": 10, "IBM": 20})
    desk.windows = Windows(Calendar("XNYS"), ALPACA)
    assert desk.send(run) == Sent(orders=2, cancelled=2)
    assert desk.broker.sends == []
    assert _states(desk, run) == {"AAPL": _DENIED, "IBM": _DENIED}
    assert _reason(desk, basket.orders[0].client_order_id) == (
        "outside_window: the send time is outside the order type's window (control 27: 2026-03-02 21:05:00 is not from 2026-03-03 00:00 to "
        "before 2026-03-03 14:28 UTC)"
    )
    assert desk.send(run) == Sent(orders=2, already=2)


@_ONE_BY_ONE
def test_a_window_that_ends_while_an_order_waits_refuses_it(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10})
    instants = iter([datetime(2026, 3, 3, 14, 27, 59, tzinfo=UTC), *[datetime(2026, 3, 3, 14, 28, tzinfo=UTC)] * 5])
    desk.windows, desk.now = Windows(Calendar("XNYS"), ALPACA), lambda: next(instants)  # type: ignore[method-assign]
    assert desk.send(run) == Sent(orders=1, cancelled=1)
    assert desk.broker.sends == []


@_ONE_BY_ONE
def test_a_window_that_ends_while_a_basket_is_sent_refuses_the_rest(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10, "IBM": 20})
    instants = iter([*[datetime(2026, 3, 3, 14, 27, 59, tzinfo=UTC)] * 2, *[datetime(2026, 3, 3, 14, 28, tzinfo=UTC)] * 5])
    found = send(
        desk.ledger,
        None,
        desk.broker,
        run,
        file=limits(),
        windows=Windows(Calendar("XNYS"), ALPACA),
        now=lambda: next(instants),
        sleep=desk.pauses.append,
    )
    assert found == Sent(orders=2, accepted=1, cancelled=1)
    assert _states(desk, run) == {"IBM": _ACCEPTED, "AAPL": _DENIED}


def test_an_order_type_without_a_window_is_never_sent(desk: Desk, run: Run) -> None:
    basket = make_basket(run, [replace(order("AAPL", 10), time_in_force="fok")])
    with desk.ledger.write() as tx:
        record_basket(tx, basket, run.run_id, desk.now())
        approve_basket(tx, basket.hash, "automatic", desk.now())
    assert desk.send(run) == Sent(orders=1, cancelled=1)
    assert "'fok' has no window in which it may be sent (control 27)" in _reason(desk, basket.orders[0].client_order_id)


def test_a_simulated_broker_takes_late_what_it_fills_in_the_past(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 10})
    years = timedelta(days=2000)
    found = send(
        desk.ledger, None, desk.broker, run, file=limits(), windows=Windows(Calendar("XNYS"), PAPER), now=lambda: desk.now() + years,
        sleep=desk.pauses.append,
    )  # fmt: skip
    assert found == Sent(orders=1, accepted=1)


# rows of evidence


def _evidence(desk: Desk, run: Run) -> list[tuple[object, ...]]:
    with desk.real_ledger.read() as tx:
        return evidence_of(tx, run.run_id).select("control", "scope", "symbol", "value", "limit", "verdict").rows()


def test_what_controls_said_of_a_basket_is_a_row_each_where_they_came_closest_to_their_limit(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 1_000_000})
    desk.send(run, cycle_messages=7, minute_messages=4, rejects_in_a_row=3)
    assert _evidence(desk, run) == [
        (19, "basket", "", 1_000_000.0, 1_000_000.0, "pass"),
        (20, "book", "", 3.0, 4.0, "pass"),
        (22, "book", "", 1.0, 2.0, "pass"),
        (27, "basket", "", 0.0, 0.0, "pass"),
    ]
    desk.send(run, cycle_messages=7, minute_messages=4, rejects_in_a_row=3)
    assert len(_rows(desk)) == 4


def test_a_basket_that_was_sent_in_several_calls_says_what_one_call_would_have(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})
    desk.broker.before_send = lambda number: setattr(desk.broker, "down", number == 1)
    desk.broker.lose_after.add(1)
    with pytest.raises(BrokerUnavailable):
        desk.send(run, cycle_messages=7, minute_messages=4)
    assert _rows(desk) == []
    desk.broker.down = False
    desk.send(run, cycle_messages=7, minute_messages=4)
    assert [row[3] for row in _evidence(desk, run)] == [30.0, 3.0, 0.0, 0.0]


def test_a_control_that_stops_a_send_leaves_its_row_in_the_transaction_that_halts(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30, "IBM": 20, "MSFT": 10})
    with pytest.raises(HaltActive):
        desk.send(run, cycle_messages=2)
    assert _evidence(desk, run) == [(20, "book", "", 3.0, 2.0, "halt")]
    with desk.real_ledger.write() as tx:
        rearmed(tx, BOOK, desk.now())
    desk.send(run, cycle_messages=2)
    assert _evidence(desk, run)[1] == (20, "book", "", 1.0, 2.0, "pass")  # anew since the book was armed


def test_an_order_outside_its_window_leaves_a_row_of_its_own(desk: Desk, run: Run) -> None:
    desk.decide(run, {"AAPL": 30})
    desk.windows = Windows(Calendar("XNYS"), ALPACA)
    desk.send(run)
    assert _evidence(desk, run) == [(27, "order", "AAPL", pytest.approx(10_500, abs=1), 0.0, "reject")]


def _rows(desk: Desk) -> list[object]:
    with desk.real_ledger.read() as tx:
        return list(tx.connection.execute(text("SELECT * FROM later_checks")))
