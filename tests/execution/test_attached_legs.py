"""Legs that go out with the order that opens a position: sent right behind it or not at all, and the same on both sides whatever fills."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.brokers.fills import FillTerms
from grodt.execution.cancelling import cancel_covered
from grodt.ledger.baskets import approve_basket, record_basket
from grodt.ledger.fills import record_fills
from grodt.ledger.halts import halt
from grodt.ledger.orders import LedgerOrder, find_orders
from grodt.ledger.postings import holding
from grodt.ledger.runs import Run
from grodt.ledger.verify import verify_ledger
from grodt.orders.basket import Basket, basket_hash
from grodt.orders.fill import Fill
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from grodt.sessions import Calendar
from tests.brokers.brackets import attached
from tests.brokers.world import BOOK, MON, THU, TUE, WED, market, order, usd
from tests.execution.desk import Desk

ENTRY = order("AAPL", 250, MON)
PAIR = attached("AAPL", 250, "95", "105", MON)
KEYS = [each.client_order_id for each in (ENTRY, *PAIR)]
A, P, F, C, E, R, D = (
    OrderState(name) for name in ("accepted", "partially_filled", "filled", "cancelled", "expired", "rejected", "denied")
)


@pytest.fixture(params=[1, 100], ids=["one by one", "in groups"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, template: Path) -> Iterator[Desk]:
    terms = FillTerms(participation=Decimal("0.1"))
    opened = Desk(tmp_path / "desk", template=template, group=request.param, terms=terms)
    yield opened
    opened.close()


def _decide(desk: Desk, run: Run, orders: Iterable[Order]) -> None:
    ordered = tuple(orders)
    digest = basket_hash(book=BOOK, kind=run.kind, session=run.session, run_id=run.run_id, orders=ordered)
    with desk.real_ledger.write() as tx:
        record_basket(tx, Basket(BOOK, run.kind, run.session, run.run_id, ordered, digest), run.run_id, desk.now())
        approve_basket(tx, digest, "automatic", desk.now())


def _decided(desk: Desk, *orders: Order) -> Run:
    run = desk.open(MON)
    _decide(desk, run, orders or (ENTRY, *PAIR))
    return run


def _sent(desk: Desk) -> Run:
    run = _decided(desk)
    assert desk.send(run).accepted == 3
    return run


def _found(desk: Desk) -> list[LedgerOrder]:
    with desk.real_ledger.read() as tx:
        found = find_orders(tx, KEYS)
    return [found[key] for key in KEYS]


def _states(desk: Desk) -> list[OrderState]:
    return [each.state for each in _found(desk)]


def _broken(desk: Desk) -> list[str]:
    """What `grodt verify` says of orders and fills; nobody has judged these."""
    with desk.real_ledger.read() as tx:
        return [finding for check in verify_ledger(tx, BOOK) if check.invariant <= 4 for finding in check.findings]


def _held(desk: Desk) -> int:
    with desk.real_ledger.read() as tx:
        return holding(tx, BOOK, "AAPL").quantity


def test_they_are_read_back_as_they_were_decided_and_wait_for_their_entry(desk: Desk) -> None:
    _sent(desk)
    assert [each.order for each in _found(desk)] == [ENTRY, *PAIR]
    assert [each.waits for each in _found(desk)] == [0, 250, 250]
    assert desk.reconcile(desk.open(MON)).open_orders == 3


def test_legs_of_an_entry_that_is_rejected_do_not_go_out(desk: Desk) -> None:
    run = _decided(desk, replace(ENTRY, quantity=20_000), *attached("AAPL", 20_000, "95", "105", MON))  # more than the account has
    sent = desk.send(run)
    assert (sent.accepted, sent.rejected, sent.cancelled) == (0, 1, 2)
    assert _states(desk) == [R, D, D]
    assert _found(desk)[1].reason == f"not sent: its entry {KEYS[0]} did not go out"


def test_legs_of_an_entry_that_a_halt_keeps_do_not_go_out(desk: Desk) -> None:
    run = _decided(desk)
    with desk.real_ledger.write() as tx:
        halt(tx, scope="symbol", book=BOOK, symbol="AAPL", side="buys", reason="rumour", author="ann", now=desk.now())
    assert desk.send(run).cancelled == 3
    assert _states(desk) == [D, D, D]
    assert desk.paper.open_orders() == ()


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize("arrives", [True, False])
def test_an_answer_that_is_lost_is_looked_up_and_each_is_there_once(desk: Desk, lost: int, arrives: bool) -> None:
    (desk.broker.lose_after if arrives else desk.broker.lose_before).add(lost)
    assert desk.send(_decided(desk)).accepted == 3
    assert _states(desk) == [A, A, A]
    assert [each.client_order_id for each in desk.paper.open_orders()] == KEYS


def test_both_fill_in_one_session_and_are_booked_in_that_order(desk: Desk) -> None:
    _sent(desk)
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}, volume={"AAPL": 10_000}, ranges={"AAPL": ("94", "100")}))
    assert (_states(desk), _held(desk)) == ([F, F, C], 0)
    assert desk.reconcile(run).open_orders == 0
    assert _broken(desk) == []


def test_of_an_entry_that_fills_in_part_both_sides_have_that_part_to_close(desk: Desk) -> None:
    _sent(desk)
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    assert (_states(desk), _held(desk)) == ([E, A, A], 100)
    assert desk.reconcile(run).open_orders == 2
    run = desk.open(WED)
    desk.settle(run, market(WED, {"AAPL": "106"}, volume={"AAPL": 600}))
    assert desk.reconcile(run).open_orders == 2
    run = desk.open(THU)
    desk.settle(run, market(THU, {"AAPL": "94"}, volume={"AAPL": 600}))
    assert (_states(desk), _held(desk)) == ([E, C, C], 0)
    assert [each.booked_quantity for each in _found(desk)] == [100, 40, 60]
    assert desk.reconcile(run).open_orders == 0


def test_legs_of_an_entry_that_never_fills_are_over_and_no_break(desk: Desk) -> None:
    _sent(desk)
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {}))
    assert _states(desk) == [E, C, C]
    assert desk.reconcile(run).open_orders == 0


@pytest.mark.parametrize(("low", "volume"), [("94", 10_000), ("96", 10_000), ("96", 1_000), ("94", 1_000), ("94", 2_800)])
def test_fills_of_a_session_that_waits_are_no_break(desk: Desk, low: str, volume: int) -> None:
    """The venue has played Tuesday, and Monday's cycle is run again: entry and leg filled beside each other."""
    desk.settle(desk.open(MON), market(MON, {"AAPL": "100"}))
    run = _sent(desk)
    desk.paper.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": volume}, ranges={"AAPL": (low, "100")}))
    fills = len(desk.paper.fills(TUE))
    desk.settle(run)
    assert desk.reconcile(run).waiting == fills
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}, volume={"AAPL": volume}, ranges={"AAPL": (low, "100")}))
    assert desk.reconcile(run).waiting == 0
    assert _held(desk) == int(desk.paper.positions().get("AAPL", 0))


def test_a_halt_of_all_but_reductions_ends_the_entry_and_with_it_what_has_nothing_to_close(desk: Desk) -> None:
    _sent(desk)
    with desk.real_ledger.write() as tx:
        halt(tx, scope="book", book=BOOK, side="reduce_only", reason="loss", author="ann", now=desk.now())
    asked = cancel_covered(desk.real_ledger, desk.paper, BOOK, desk.now)
    assert [each.client_order_id for each in asked] == KEYS[:1]
    assert desk.paper.open_orders() == ()
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    assert (_states(desk), _held(desk)) == ([C, C, C], 0)


def test_the_ledger_books_no_fill_of_a_leg_beyond_what_its_entry_opened(desk: Desk) -> None:
    run = _sent(desk)
    now = desk.now()

    def fill(name: str, of: Order, shares: int) -> Fill:
        return Fill(name, of.client_order_id, "AAPL", of.side, shares, usd("95"), usd("0"), TUE, now)

    with desk.real_ledger.write() as tx:
        done = record_fills(tx, [fill("in", ENTRY, 100), fill("out", PAIR[0], 101), fill("less", PAIR[0], 100)], BOOK, run.run_id, now)
    assert [each.execution_id for each in done.booked] == ["in", "less"]
    assert [(each.fill.execution_id, each.ordered) for each in done.refused] == [("out", 100)]
    assert done.refused[0].reason == f"with it, 101 shares would be closed, and {KEYS[0]} has opened 100 of 250"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_market_does_both_sides_agree_every_evening(tmp_path: Path, template: Path, seed: int) -> None:
    """Entries that add, turn round or open, each with its legs; volumes that fill parts; missing bars; entries carried over sessions."""
    draw = random.Random(seed)
    terms = FillTerms(participation=Decimal("0.1"), carry_sessions=draw.choice([0, 2]))
    desk = Desk(tmp_path / "desk", template=template, terms=terms, group=draw.choice([1, 100]))
    for session in Calendar("XNYS").between(MON, MON + timedelta(days=21)):
        run = desk.open(session)
        opens, ends = draw.randint(90, 110), sorted(draw.randint(85, 115) for _ in range(2))
        bar = {} if draw.random() < 0.1 else {"AAPL": str(opens)}
        ranges = {"AAPL": (str(min(opens, *ends)), str(max(opens, *ends)))}
        desk.settle(run, market(session, bar, volume={"AAPL": draw.choice([0, 500, 2_000, 10_000])}, ranges=ranges))
        desk.reconcile(run)
        held = int(desk.paper.positions().get("AAPL", 0))
        for each in desk.paper.open_orders():  # as a cycle does before it decides anew
            desk.paper.cancel(each.client_order_id)
        size = draw.choice([0, 100, 300]) * draw.choice([1, -1])
        opened = abs(size) if held * size >= 0 else max(abs(size) - abs(held), 0)
        sign = 1 if size > 0 else -1
        ends_at = ("97", "103") if size > 0 else ("103", "97")
        legs = attached("AAPL", sign * opened, *ends_at, session) if opened else ()
        _decide(desk, run, (order("AAPL", size, session), *legs) if size else ())
        desk.send(run)
    assert _broken(desk) == []
    desk.close()
