"""Who may start a cycle, when, and what is left of earlier ones."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grodt.errors import BrokerUnavailable, ConfigError, HaltActive, LeaseHeld, SessionError
from grodt.execution.opening import LEASE_TTL, Opened, Opening, open_cycle
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.cash_entries import cash_entry
from grodt.ledger.halts import HaltScope, halt
from grodt.ledger.leases import holder_of, release
from grodt.ledger.order_life import transition
from grodt.ledger.orders import orders_of
from grodt.ledger.postings import cash, deposited, post, record_settlement
from grodt.ledger.runs import attempts_of, close_run, find_run
from grodt.ledger.unit import Ledger, Read, Write
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from grodt.slots import Slot
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, order, usd
from tests.execution.desk import TERMS, FaultyBroker, PaperBroker, make_basket
from tests.ledger.people import rearmed
from tests.risk.proposals import limits

CAPITAL = usd("250000")
SATURDAY, GOOD_FRIDAY = FRI + timedelta(days=1), date(2026, 4, 3)


class Office:
    """A ledger and a broker, and processes that open cycles of one book."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.path = folder / "ledger.db"
        shutil.copy(template, self.path)
        self.ledger = Ledger.open(f"sqlite:///{self.path}")
        self.paper = PaperBroker(folder / "paper.db", BOOK, CAPITAL, TERMS)
        self.broker = FaultyBroker(self.paper)
        self.now = datetime(2026, 3, 6, 22, tzinfo=UTC)
        self.dead: set[str] = set()
        self.pauses: list[float] = []

    def open(
        self, session: date = MON, *, holder: str = "here", ledger: Ledger | None = None, config_hash: str = "c", slot: Slot | None = None
    ) -> Opened:
        kind = "eod" if slot is None else "intraday"
        opening = Opening(BOOK, kind, session, Calendar("XNYS"), CAPITAL, "USD", config_hash, "v", "h", limits(), "flow", holder, slot)
        return open_cycle(
            ledger or self.ledger,
            self.broker,
            opening,
            now=lambda: self.now,
            sleep=self.pauses.append,
            is_alive=lambda name: name not in self.dead,
        )

    def finish(self, opened: Opened) -> None:
        assert opened.lease is not None
        with self.ledger.write(opened.lease) as tx:
            record_settlement(tx, BOOK, opened.run.session, opened.run.run_id, self.now)
            close_run(tx, opened.run.run_id, "done", self.now)
            release(tx, opened.lease)

    def die(self, holder: str = "here") -> None:
        self.dead.add(holder)

    def read[R](self, question: Callable[[Read], R]) -> R:
        with self.ledger.read() as tx:
            return question(tx)

    def content(self) -> list[str]:
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())

    def close(self) -> None:
        self.ledger.close()
        self.paper.close()


@pytest.fixture
def office(tmp_path: Path, template: Path) -> Iterator[Office]:
    opened = Office(tmp_path, template)
    yield opened
    opened.close()


class Sealed:
    """A ledger that refuses to be written."""

    def __init__(self, inner: Ledger) -> None:
        self.read = inner.read

    def write(self, *_: Any) -> Any:
        raise AssertionError("something was written")


def test_the_first_cycle_opens_with_a_lease_and_the_capital(office):
    opened = office.open()
    assert not opened.done
    assert (opened.run.run_id, opened.run.state, opened.run.attempts) == ("demo-eod-2026-03-02", "open", 1)
    assert (opened.lease.name, opened.lease.fence, opened.lease.holder) == ("book:demo", 1, "here")
    assert opened.lease.expires_at == office.now + LEASE_TTL
    assert office.read(lambda tx: (deposited(tx, BOOK, None, WED), cash(tx, BOOK))) == (CAPITAL, CAPITAL)


def test_a_cycle_that_is_done_is_left_alone_without_a_write(office):
    office.finish(office.open())
    sealed: Any = Sealed(office.ledger)
    again = office.open(ledger=sealed, holder="another", config_hash="changed")
    assert again.done
    assert again.run.state == "done"


@pytest.mark.parametrize(
    ("session", "now", "said"),
    [
        (SATURDAY, None, "2026-03-07 is not a session of XNYS .* the nearest are 2026-03-06 and 2026-03-09"),
        (GOOD_FRIDAY, datetime(2026, 5, 1, tzinfo=UTC), "2026-04-03 is not a session"),
        (date(2026, 3, 9), None, "session 2026-03-09 of XNYS is not over: it closes at 2026-03-09 20:00 UTC"),
        (FRI, datetime(2026, 3, 6, 20, 59, tzinfo=UTC), "session 2026-03-06 of XNYS is not over: .*latest complete session is 2026-03-05"),
        (date(1980, 1, 2), None, "1980-01-02 is outside the sessions XNYS knows"),
    ],
)
def test_a_session_that_is_none_or_is_not_over_leaves_nothing(office, session, now, said):
    office.now = now or office.now
    sealed: Any = Sealed(office.ledger)
    with pytest.raises(SessionError, match=said):
        office.open(session, ledger=sealed)


def test_a_session_is_over_at_its_close(office):
    office.now = datetime(2026, 3, 6, 21, tzinfo=UTC)
    assert not office.open(FRI).done


def test_cycles_run_forward_only(office):
    office.finish(office.open(WED))
    before = office.content()
    with pytest.raises(SessionError, match=r"book demo has settled through 2026-03-04, so session 2026-03-03 can no .*GRODT_HOME"):
        office.open(TUE)
    assert office.content() == before
    assert not office.open(THU).done


@pytest.mark.parametrize(
    ("scope", "book", "command"), [("book", BOOK, "grodt rearm --book demo --reason WHY"), ("all", "", "grodt rearm --all --reason WHY")]
)
def test_a_halt_of_the_book_or_of_all_stops_before_anything_is_written(office, scope: HaltScope, book, command):
    with office.ledger.write() as tx:
        halt(tx, scope=scope, book=book, reason="a look at the prices", author="ops", now=office.now)
    before = office.content()
    with pytest.raises(HaltActive, match=f"book demo is halted: halt 1 .*a look at the prices.*run `{command}`"):
        office.open()
    assert office.content() == before
    with office.ledger.write() as tx:
        rearmed(tx, book, office.now)
    assert not office.open().done


def test_a_halt_of_a_symbol_or_of_another_book_does_not_stop_the_book(office):
    with office.ledger.write() as tx:
        halt(tx, scope="symbol", book=BOOK, symbol="AAPL", reason="order of unknown outcome", author="execution", now=office.now)
        halt(tx, scope="book", book="us", reason="theirs", author="ops", now=office.now)
    assert not office.open().done


def test_a_halt_of_a_symbol_is_not_named_beside_the_one_that_stops(office):
    with office.ledger.write() as tx:
        halt(tx, scope="symbol", book=BOOK, symbol="AAPL", reason="x", author="execution", now=office.now)
        halt(tx, scope="book", book=BOOK, reason="y", author="ops", now=office.now)
    with pytest.raises(HaltActive, match=r"^book demo is halted: halt 2 \(pause\) on book demo by ops") as caught:
        office.open()
    assert "AAPL" not in str(caught.value)


def test_a_second_process_is_told_who_works_on_the_book(office):
    office.open(holder="host:1:0")
    before = office.content()
    with pytest.raises(LeaseHeld, match="book:demo is being worked on by host:1:0 until 2026-03-06 22:30"):
        office.open(holder="host:2:0")
    with pytest.raises(LeaseHeld, match="host:1:0"):
        office.open(TUE, holder="host:2:0")
    assert office.content() == before


def test_a_dead_process_is_taken_over_and_can_write_no_more(office):
    first = office.open(holder="host:1:0")
    office.die("host:1:0")
    second = office.open(holder="host:2:0")
    assert (second.run.run_id, second.run.attempts, second.lease.fence) == (first.run.run_id, 2, 2)
    attempts = office.read(lambda tx: attempts_of(tx, first.run.run_id))
    assert [each.outcome for each in attempts] == ["lost", "running"]
    with pytest.raises(LeaseHeld, match="taken over by host:2:0"), office.ledger.write(first.lease):
        pass


def test_a_lease_that_expired_is_taken_over_even_from_the_living(office):
    office.open(holder="host:1:0")
    office.now += LEASE_TTL
    assert office.open(holder="host:2:0").lease.fence == 2


def test_the_capital_is_deposited_once_however_often_the_first_cycle_dies(office):
    office.open(MON)
    office.die()
    office.open(MON, holder="second")
    office.die("second")
    office.open(WED, holder="third")
    assert office.read(lambda tx: (deposited(tx, BOOK, None, WED), cash(tx, BOOK))) == (CAPITAL, CAPITAL)


def test_a_book_whose_whole_deposit_was_taken_out_again_gets_no_second_one(office):
    opened = office.open(MON)
    with office.ledger.write() as tx:
        post(tx, cash_entry("gain", "correction", BOOK, CAPITAL, MON, "as much again was earned"), opened.run.run_id, office.now)
    office.finish(opened)
    with office.ledger.write() as tx:
        post(
            tx, cash_entry("withdrawal:1", "withdrawal", BOOK, -CAPITAL, TUE, "the stake is taken off the table"), "withdrawal", office.now
        )
    office.open(TUE)
    assert office.read(lambda tx: (deposited(tx, BOOK, None, TUE), cash(tx, BOOK))) == (0, CAPITAL)


def half_done(office: Office) -> Opened:
    """Monday's cycle has approved two orders and dies before it sends one."""
    opened = office.open(MON)
    basket = make_basket(opened.run, [order("AAPL", 10), order("IBM", 5)])
    with office.ledger.write(opened.lease) as tx:
        record_basket(tx, basket, opened.run.run_id, office.now)
        approve_basket(tx, basket.hash, "automatic", office.now)
    office.die()
    return opened


def test_an_earlier_cycle_that_did_not_end_is_abandoned_and_what_it_did_not_send_is_cancelled(office):
    earlier = half_done(office)
    office.open(TUE, holder="next")
    run, orders = office.read(lambda tx: (find_run(tx, earlier.run.run_id), orders_of(tx, earlier.run.run_id)))
    assert run.state == "abandoned"
    assert {(each.state, each.reason) for each in orders} == {(OrderState.CANCELLED, "not sent before the session ended")}
    assert office.broker.sends == []


def test_a_halted_cycle_of_an_earlier_session_is_abandoned_too(office):
    earlier = office.open(MON)
    with office.ledger.write(earlier.lease) as tx:
        close_run(tx, earlier.run.run_id, "halted", office.now)
        release(tx, earlier.lease)
    office.open(TUE)
    assert office.read(lambda tx: find_run(tx, earlier.run.run_id)).state == "abandoned"


def test_a_cycle_that_was_abandoned_is_not_taken_up_again(office):
    half_done(office)
    later = office.open(TUE, holder="next")
    with office.ledger.write(later.lease) as tx:
        release(tx, later.lease)
    again = office.open(MON)
    assert again.done
    assert again.run.state == "abandoned"
    assert office.read(lambda tx: holder_of(tx, "book:demo")) is None


def in_flight(office: Office) -> Opened:
    """Monday's cycle dies while its one order is on its way."""
    opened = half_done(office)
    with office.ledger.write() as tx:
        for each in orders_of(tx, opened.run.run_id):
            transition(tx, each.order.client_order_id, OrderState.SENDING, run_id=opened.run.run_id, now=office.now)
    return opened


def test_a_broker_that_does_not_answer_leaves_the_book_free_for_the_next_try(office):
    earlier = in_flight(office)
    office.broker.down = True
    with pytest.raises(BrokerUnavailable):
        office.open(TUE, holder="next")
    run, lease = office.read(lambda tx: (find_run(tx, earlier.run.run_id), holder_of(tx, "book:demo")))
    assert run.state == "open"
    assert lease is None
    (attempt,) = office.read(lambda tx: attempts_of(tx, "demo-eod-2026-03-03"))
    assert (attempt.outcome, attempt.error) == ("failed", "BrokerUnavailable: no answer; try again later")
    office.broker.down = False
    assert office.open(TUE, holder="next").run.attempts == 2
    assert office.read(lambda tx: find_run(tx, earlier.run.run_id)).state == "abandoned"


def test_another_configuration_after_the_basket_is_refused_and_holds_no_lease(office):
    half_done(office)
    before = office.content()
    with pytest.raises(ConfigError, match="has made its basket with configuration c and code v, and now they are d and v"):
        office.open(MON, holder="next", config_hash="d")
    assert office.content() == before
    assert office.open(MON, holder="next").run.attempts == 2


def test_a_cycle_that_another_process_ends_in_the_meantime_is_done_and_the_lease_is_free(office):
    opened = office.open(MON, holder="other")

    class Slow:
        """Between our look and our lease, the other process ends the run."""

        write = staticmethod(office.ledger.write)

        @contextmanager
        def read(self) -> Iterator[Read]:
            with office.ledger.read() as tx:
                yield tx
            office.finish(opened)

    slow: Any = Slow()
    found = office.open(MON, ledger=slow)
    assert found.done
    assert found.run.state == "done"
    assert office.read(lambda tx: holder_of(tx, "book:demo")) is None


def test_a_kill_inside_the_opening_leaves_all_of_it_or_nothing(office):
    class Killed(BaseException):
        pass

    class Dying:
        read = staticmethod(office.ledger.read)

        @contextmanager
        def write(self, lease: Any = None) -> Iterator[Write]:
            with office.ledger.write(lease) as tx:
                yield tx
                raise Killed

    before = office.content()
    dying: Any = Dying()
    with pytest.raises(Killed):
        office.open(ledger=dying)
    assert office.content() == before
    assert office.open().run.attempts == 1


def sent(office: Office, opened: Opened) -> None:
    """Its cycle has sent two orders and is done."""
    basket = make_basket(opened.run, [order("AAPL", 10), order("IBM", 5)])
    with office.ledger.write(opened.lease) as tx:
        record_basket(tx, basket, opened.run.run_id, office.now)
        approve_basket(tx, basket.hash, "automatic", office.now)
        for each in basket.orders:
            transition(tx, each.client_order_id, OrderState.SENDING, run_id=opened.run.run_id, now=office.now)
            office.paper.submit(each, each.session)
            transition(tx, each.client_order_id, OrderState.ACCEPTED, run_id=opened.run.run_id, now=office.now)
    office.finish(opened)


AT = datetime(2026, 3, 3, 15, 30, tzinfo=UTC)
SLOT = Slot(TUE, "1030", "trade", AT, AT + timedelta(minutes=30), AT + timedelta(minutes=5))


def test_a_book_that_is_switched_to_slots_with_orders_left_is_refused_and_named_each(office):
    sent(office, office.open(MON))
    before = office.content()
    with pytest.raises(ConfigError) as caught:
        office.open(TUE, slot=SLOT)
    named = [f"{each.client_order_id} ({each.side} {each.quantity} {each.symbol}, accepted)" for each in office.paper.open_orders()]
    assert len(named) == 2
    assert str(caught.value) == (
        f"book demo now decides within its sessions, and 2 of the orders that it decided at their end are not over: {', '.join(named)}. "
        "Nothing was opened: take the `intraday` section out again and run the book until they are over, or cancel those at the "
        "broker with `grodt halt --book demo --reason WHY` and `grodt rearm --book demo --reason WHY`"
    )
    assert office.content() == before


def test_it_goes_on_once_they_are_over_at_the_broker_though_the_ledger_has_not_settled_that(office):
    sent(office, office.open(MON))
    for each in office.paper.open_orders():
        office.paper.cancel(each.client_order_id)
    assert office.open(TUE, slot=SLOT).run.kind == "intraday"


def test_a_book_that_is_switched_back_to_the_end_of_its_sessions_is_refused_likewise(office):
    sent(office, office.open(TUE, slot=SLOT))
    with pytest.raises(ConfigError, match=r"now decides at the end of its sessions, and 2 of .* put the `intraday` section back"):
        office.open(WED)


def test_orders_that_were_approved_and_never_sent_are_left_over_too(office):
    half_done(office)
    office.die()
    with pytest.raises(ConfigError, match=r"2 of the orders that it decided at their end are not over: .*, approved\)"):
        office.open(TUE, slot=SLOT, holder="another")
