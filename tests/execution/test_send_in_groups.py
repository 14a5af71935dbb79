"""Orders of which several are marked as being sent at once: killed anywhere, halted anywhere, each still goes out once or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from grodt.brokers.alpaca import AlpacaBroker
from grodt.brokers.ib import IbBroker
from grodt.brokers.protocol import TakesGroups
from grodt.errors import HaltActive, LeaseHeld
from grodt.execution import Sent, send
from grodt.execution.throttle import Throttle
from grodt.ledger.halts import halt
from grodt.ledger.leases import acquire
from grodt.ledger.orders import events_of, orders_of
from grodt.ledger.runs import Run
from grodt.ledger.sent import sendings
from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, MON, TUE, market
from tests.execution.desk import Desk, Fuse
from tests.ledger.people import rearmed
from tests.risk.proposals import limits

WANTED = {"AAPL": 50, "GE": 40, "IBM": 30, "KO": 20, "MSFT": 10, "TWTR": -10, "XOM": -20}
MARKETS = [market(TUE, dict.fromkeys(WANTED, "101"))]


@pytest.fixture
def desk(tmp_path: Path, template: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "desk", template=template, group=3)
    yield opened
    opened.close()


@pytest.fixture
def run(desk: Desk) -> Run:
    return desk.open(MON)


def _states(desk: Desk, run: Run) -> list[str]:
    """In the order of sending."""
    with desk.real_ledger.read() as tx:
        return [each.state.value for each in orders_of(tx, run.run_id)]


def test_the_paper_broker_takes_groups_and_real_venues_do_not(desk: Desk) -> None:
    assert isinstance(desk.paper, TakesGroups)
    assert desk.paper.group == 250
    for venue in (AlpacaBroker, IbBroker):
        assert not isinstance(venue.__new__(venue), TakesGroups)


def test_a_group_s_intents_are_one_commit_and_its_answers_are_in_the_next_once_the_broker_keeps_them(desk: Desk, run: Run) -> None:
    desk.decide(run, WANTED)
    desk.fuse.steps.clear()
    assert desk.send(run) == Sent(orders=7, accepted=7)
    steps = [step for step in desk.fuse.steps if step in ("after a commit", "before a send", "before a group", "after a group")]
    group = ["before a group", "before a send", "before a send", "before a send", "after a group", "after a commit"]
    assert steps == ["after a commit", *group, *group, "before a group", "before a send", "after a group", "after a commit"]


def _work(desk: Desk) -> None:
    desk.cycle(MON, [market(MON, {})], {"AAPL": 50, "GE": 40, "IBM": 30, "KO": -20})
    desk.cycle(TUE, MARKETS, {})


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_any_step_or_without_power_a_rerun_ends_as_the_undisturbed_run(tmp_path: Path, template: Path, stride: int) -> None:
    """At a SIGKILL the broker has what was submitted; without power it may have forgotten what its group had submitted so far."""
    fuse = Fuse(watch=lambda number: shutil.copytree(tmp_path / "desk", tmp_path / str(number), ignore=shutil.ignore_patterns("*-shm")))
    whole = Desk(tmp_path / "desk", template=template, fuse=fuse, group=3)
    _work(whole)
    whole.close()
    expected = whole.state()
    assert [row[2] for row in expected["ledger.db order_status"]] == ["filled"] * 4
    begun: int | None = None
    worlds: list[tuple[str, Path]] = []
    first, last = fuse.steps.index("before a group"), len(fuse.steps) - fuse.steps[::-1].index("after a group")
    for number, step in list(enumerate(fuse.steps))[first - 2 : last + 3]:  # `test_kill` has the other steps
        begun = number if step == "before a group" else begun
        worlds.append((f"killed at step {number}, {step}", tmp_path / str(number)))
        if step == "after a send" and begun is not None:
            dark = tmp_path / f"{number}-dark"
            shutil.copytree(tmp_path / str(number), dark)
            for file in dark.glob("paper.db*"):
                file.unlink()
            for file in (tmp_path / str(begun)).glob("paper.db*"):
                shutil.copy(file, dark)
            worlds.append((f"without power at step {number}, {step}", dark))
    assert len(worlds) > 15
    chosen = worlds[::stride]
    assert {what.split(" at ")[0] for what, _ in chosen} == {"killed", "without power"}
    for what, folder in chosen:
        desk = Desk(folder, group=3)
        _work(desk)
        desk.close()
        assert desk.state() == expected, what


def test_what_the_ledger_has_as_accepted_is_at_the_broker_after_a_loss_of_power(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group's orders are written without a sync; the commit that ends it syncs the file, for which it has to write something itself."""
    desk = Desk(tmp_path / "desk", template=template, group=250)
    run, wal, inner = desk.open(MON), desk.folder / "paper.db-wal", desk.paper.together
    desk.decide(run, WANTED)
    sizes: list[int] = []

    @contextmanager
    def together() -> Iterator[None]:
        with inner():
            yield
            sizes.append(wal.stat().st_size)
        sizes.append(wal.stat().st_size)

    monkeypatch.setattr(desk.paper, "together", together)
    assert desk.send(run).accepted == len(WANTED)
    unsynced, synced = sizes
    assert synced > unsynced, "SQLite syncs nothing at a commit that wrote no page"
    desk.close()


@pytest.mark.parametrize("at", range(7))
def test_a_kill_by_another_process_stops_the_next_order_of_a_group(desk: Desk, run: Run, at: int) -> None:
    desk.decide(run, WANTED)

    def kill(number: int) -> None:
        if number == at:
            other = Ledger.open(f"sqlite:///{desk.folder / 'ledger.db'}")
            with other.write() as tx:
                halt(tx, scope="all", kind="kill", reason="storm", author="ops", now=desk.now())
            other.close()

    desk.broker.before_send = kill
    if at == 6:
        assert desk.send(run) == Sent(orders=7, accepted=7)
        return
    with pytest.raises(HaltActive, match="storm"):
        desk.send(run)
    assert len(desk.broker.sends) == at + 1
    assert _states(desk, run) == ["accepted"] * (at + 1) + ["approved"] * (6 - at)
    desk.broker.before_send = lambda number: None
    with desk.real_ledger.write() as tx:
        assert len(sendings(tx, run.run_id)) == at + 1  # what was taken back never went out
        assert Throttle.of_run(tx, run, limits(cycle_messages=at + 2)).messages(desk.now()).passed[0]
        rearmed(tx, "", desk.now())
    assert desk.send(run) == Sent(orders=7, accepted=6 - at, already=at + 1)
    assert len(set(desk.broker.sends)) == len(desk.broker.sends) == 7
    with desk.real_ledger.read() as tx:
        assert [each for check in verify_ledger(tx, BOOK) if check.invariant in (3, 4, 6) for each in check.findings] == []


def test_a_halt_of_a_symbol_denies_its_order_although_it_was_marked(desk: Desk, run: Run) -> None:
    basket = desk.decide(run, WANTED)

    def stop(number: int) -> None:
        if number == 0:
            with desk.real_ledger.write() as tx:
                halt(tx, scope="symbol", book=BOOK, symbol=basket.orders[2].symbol, reason="storm", author="ops", now=desk.now())

    desk.broker.before_send = stop
    assert desk.send(run) == Sent(orders=7, accepted=6, cancelled=1)
    assert _states(desk, run) == ["accepted"] * 2 + ["denied"] + ["accepted"] * 4
    with desk.real_ledger.read() as tx:
        lived = [event.state for event in events_of(tx, basket.orders[2].client_order_id)]
    assert lived == [OrderState.APPROVED, OrderState.SENDING, OrderState.APPROVED, OrderState.DENIED]


def test_what_others_commit_without_stopping_anything_changes_nothing(desk: Desk, run: Run) -> None:
    desk.decide(run, WANTED)
    desk.broker.before_send = lambda number: desk.open(TUE) if number == 0 else None  # type: ignore[assignment,return-value]
    assert desk.send(run) == Sent(orders=7, accepted=7)


def test_a_reply_that_is_lost_within_a_group_takes_the_rest_of_it_back_until_it_is_known(desk: Desk, run: Run) -> None:
    basket = desk.decide(run, WANTED)
    desk.broker.lose_after.add(1)
    desk.broker.hide.add(0)
    assert desk.send(run) == Sent(orders=7, accepted=7, adopted=1)
    assert desk.broker.sends == [order.client_order_id for order in basket.orders]
    with desk.real_ledger.read() as tx:
        lived = [event.state for event in events_of(tx, basket.orders[2].client_order_id)]
    assert lived == [OrderState.APPROVED, OrderState.SENDING, OrderState.APPROVED, OrderState.SENDING, OrderState.ACCEPTED]


def test_a_lease_lost_right_after_the_intents_lets_nothing_out(desk: Desk, run: Run) -> None:
    """Between the commit of the intents and the first look at others' commits is a moment too."""
    desk.decide(run, WANTED)
    with desk.real_ledger.write() as tx:
        lease = acquire(tx, "book:demo", "first", desk.now(), timedelta(hours=1))
    state = desk.real_ledger.state

    def lost() -> str:
        with desk.real_ledger.write() as tx:
            acquire(tx, "book:demo", "second", desk.now(), timedelta(hours=1), lambda holder: False)
        return state()

    desk.ledger.state = lost  # type: ignore[method-assign]
    with pytest.raises(LeaseHeld, match="taken over by second"):
        send(desk.ledger, lease, desk.broker, run, file=limits(), windows=desk.windows, now=desk.now, sleep=desk.pauses.append)
    assert desk.broker.sends == []


def test_a_halt_right_after_the_intents_lets_nothing_out(desk: Desk, run: Run) -> None:
    desk.decide(run, WANTED)
    state = desk.real_ledger.state

    def stopped() -> str:
        with desk.real_ledger.write() as tx:
            halt(tx, scope="book", book=BOOK, reason="storm", author="ops", now=desk.now())
        return state()

    desk.ledger.state = stopped  # type: ignore[method-assign]
    with pytest.raises(HaltActive, match="storm"):
        desk.send(run)
    assert desk.broker.sends == []
    assert _states(desk, run) == ["approved"] * 7


def test_orders_that_were_taken_back_are_no_messages_of_control_20(desk: Desk, run: Run) -> None:
    """Seven orders and seven messages allowed: two of the first group were taken back, and are sent with the next."""
    basket = desk.decide(run, WANTED)

    def stop(number: int) -> None:
        if number == 0:
            with desk.real_ledger.write() as tx:
                halt(tx, scope="symbol", book=BOOK, symbol=basket.orders[1].symbol, reason="storm", author="ops", now=desk.now())

    desk.broker.before_send = stop
    assert desk.send(run, cycle_messages=6) == Sent(orders=7, accepted=6, cancelled=1)
