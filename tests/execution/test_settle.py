"""Settling: every session once, every fill once, however late and in whatever order they come."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from grodt.brokers.protocol import BrokerOrder
from grodt.errors import BrokerUnavailable
from grodt.execution import Settled, settle
from grodt.ledger.fills import fills_in
from grodt.ledger.halts import active
from grodt.ledger.order_life import transition
from grodt.ledger.orders import events_of, find_order
from grodt.ledger.postings import cash, holdings, settled
from grodt.ledger.runs import Run
from grodt.ledger.strategies import check_strategies, strategy_positions
from grodt.orders.fill import Fill
from grodt.orders.states import OrderState
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, dividend_of, instant, market, order, split_of, usd
from tests.execution.desk import Desk

_AT = datetime(2026, 3, 9, 12, tzinfo=UTC)


class Venue:
    """A live venue in outline: what it answers is set by hand."""

    def __init__(self) -> None:
        self.known: dict[str, BrokerOrder] = {}
        self.executions: list[Fill] = []
        self.asked_since: list[date] = []

    def orders(self, client_order_ids: Sequence[str]) -> Mapping[str, BrokerOrder]:
        return {key: self.known[key] for key in client_order_ids if key in self.known}

    def fills(self, since: date) -> tuple[Fill, ...]:
        self.asked_since.append(since)
        return tuple(fill for fill in self.executions if fill.session >= since)

    def fill(self, number: int, symbol: str, quantity: int, session: date, *, decided: date = MON, ordered: int = 30) -> Fill:
        of = order(symbol, ordered, decided)
        price, at = usd("100"), instant(session, 14)
        made = Fill(f"x{number}", of.client_order_id, symbol, of.side, quantity, price, usd("0"), session, at)
        self.executions.append(made)
        return made

    def say(self, symbol: str, state: OrderState, filled: int, reason: str = "", *, decided: date = MON, ordered: int = 30) -> None:
        of = order(symbol, ordered, decided)
        self.known[of.client_order_id] = BrokerOrder(of.client_order_id, "v", symbol, of.side, ordered, state, filled, reason)


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def monday(desk: Desk) -> Run:
    """30 AAPL and 30 IBM sent on Monday, Monday settled."""
    run = desk.open(MON)
    desk.settle(run, market(MON, {}))
    desk.decide(run, {"AAPL": 30, "IBM": 30})
    desk.send(run)
    return run


def _settle(desk: Desk, venue: Venue, session: date, *markets: object) -> Settled:
    run = desk.open(session)
    return settle(desk.ledger, None, venue, None, markets, run=run, file=desk.file, now=desk.now)  # type: ignore[arg-type]


def _order(desk: Desk, symbol: str) -> tuple[OrderState, int, str]:
    with desk.real_ledger.read() as tx:
        found = find_order(tx, order(symbol, 30).client_order_id)
    assert found is not None
    return found.state, found.filled_quantity, found.reason


def _halted(desk: Desk) -> list[tuple[str, str]]:
    with desk.real_ledger.read() as tx:
        return [(each.symbol, each.reason) for each in active(tx, BOOK, desk.now()) if each.scope == "symbol"]


def _holds(desk: Desk) -> dict[str, int]:
    with desk.real_ledger.read() as tx:
        return {symbol: held.quantity for symbol, held in holdings(tx, BOOK).items()}


def test_the_sessions_since_the_last_settled_one_are_settled_and_no_others(desk: Desk, monday: Run) -> None:
    run = desk.open(WED)
    markets = [market(session, {"AAPL": "100"}) for session in (MON, TUE, WED)]
    found = desk.settle(run, *markets)
    assert (found.sessions, found.fills, found.ended) == ((TUE, WED), 1, 1)
    with desk.real_ledger.read() as tx:
        assert settled(tx, BOOK) == WED
        assert [fill.symbol for fill in fills_in(tx, BOOK, TUE)] == ["AAPL"]
    assert _order(desk, "IBM") == (OrderState.EXPIRED, 0, "no trade in session")
    assert desk.settle(run, *markets) == Settled()


def test_settling_again_writes_nothing(desk: Desk, monday: Run) -> None:
    run = desk.open(TUE)
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    desk.fuse.steps.clear()
    desk.settle(run, market(TUE, {"AAPL": "100"}))
    assert "before a write" not in desk.fuse.steps


def test_a_paper_venue_has_told_all_with_its_last_session_and_a_real_one_is_asked_once_more(desk: Desk, monday: Run, venue: Venue) -> None:
    asked = []
    for session, advance in ((TUE, None), (WED, lambda _: None)):
        run = desk.open(session)
        settle(desk.ledger, None, venue, advance, [market(session, {})], run=run, file=desk.file, now=desk.now)  # type: ignore[arg-type]
        asked.append(len(venue.asked_since))
    assert asked == [2, 3]
    settle(desk.ledger, None, venue, lambda _: None, [], run=run, file=desk.file, now=desk.now)  # type: ignore[arg-type]
    assert len(venue.asked_since) == 4  # no session of its own: whatever was left by an attempt before


def test_sessions_out_of_order_are_refused(desk: Desk, monday: Run) -> None:
    with pytest.raises(ValueError, match="does not come after"):
        desk.settle(desk.open(WED), market(WED, {}), market(TUE, {}))


def test_a_broker_that_does_not_answer_leaves_the_session_to_be_settled(desk: Desk, monday: Run) -> None:
    desk.broker.down = True
    with pytest.raises(BrokerUnavailable):
        desk.settle(desk.open(TUE), market(TUE, {"AAPL": "100"}))
    desk.broker.down = False
    assert desk.settle(desk.open(TUE), market(TUE, {"AAPL": "100"})).fills == 1


def test_a_split_and_a_dividend_reach_shares_and_cash_on_their_days(desk: Desk, monday: Run) -> None:
    run = desk.open(FRI)
    actions = (split_of("AAPL", WED, 7, 1), dividend_of("AAPL", WED, "0.5", THU))
    sessions = [market(TUE, {"AAPL": "100", "IBM": "100"}), market(WED, {}, *actions), market(FRI, {})]
    found = desk.settle(run, *sessions)
    assert found.actions == 3
    assert _holds(desk) == {"AAPL": 210, "IBM": 30}
    with desk.real_ledger.read() as tx:
        assert cash(tx, BOOK) == desk.paper.cash()
        assert holdings(tx, BOOK)["AAPL"].cost == 30 * usd("100.05")
    desk.reconcile(run)


def test_a_split_stays_behind_the_fill_before_it_though_the_clock_has_stepped_back_between_them(desk: Desk, monday: Run) -> None:
    """30 shares at 100.05 on Tuesday, split seven for one on Wednesday, and a minute is lost in between; likewise on Friday."""
    place: dict[str, Any] = {"run": desk.open(WED), "file": desk.file}
    ahead, back = _AT + timedelta(minutes=1), _AT
    settle(desk.ledger, None, desk.paper, desk.paper.advance, [market(TUE, {"AAPL": "100"})], now=lambda: ahead, **place)
    split = market(WED, {}, split_of("AAPL", WED, 7, 1))
    settle(desk.ledger, None, desk.paper, desk.paper.advance, [split], now=lambda: back, **place)
    again = market(THU, {}, split_of("AAPL", THU, 2, 1))
    settle(desk.ledger, None, desk.paper, desk.paper.advance, [again], now=lambda: back, **place)
    with desk.real_ledger.read() as tx:
        assert [*check_strategies(tx, BOOK).findings] == []
        assert strategy_positions(tx, BOOK)[BOOK, "AAPL"].quantity == 420
        events = tx.connection.exec_driver_sql("SELECT recorded_at FROM entries WHERE kind IN ('fill', 'split') ORDER BY session").scalars()
        assert [datetime.fromisoformat(at) - ahead for at in events] == [timedelta(microseconds=number) for number in range(3)]


def test_fills_that_come_twice_and_out_of_order_are_booked_once(desk: Desk, monday: Run, venue: Venue) -> None:
    venue.say("AAPL", OrderState.FILLED, 30)
    for number, quantity in ((2, 20), (1, 10), (2, 20)):
        venue.fill(number, "AAPL", quantity, TUE)
    assert _settle(desk, venue, TUE, market(TUE, {})).fills == 2
    assert _order(desk, "AAPL") == (OrderState.FILLED, 30, "")
    assert _holds(desk) == {"AAPL": 30}


@pytest.mark.parametrize("told", [(2, 3), (3, 2)])
def test_average_costs_do_not_depend_on_the_order_in_which_fills_are_told(
    desk: Desk, monday: Run, venue: Venue, told: tuple[int, int]
) -> None:
    venue.say("AAPL", OrderState.PARTIALLY_FILLED, 10)
    venue.fill(1, "AAPL", 10, TUE)
    _settle(desk, venue, TUE, market(TUE, {}))
    tuesday = desk.open(TUE)
    desk.decide(tuesday, {"AAPL": -10})
    desk.send(tuesday)
    venue.say("AAPL", OrderState.FILLED, 30)
    venue.say("AAPL", OrderState.FILLED, 10, decided=TUE, ordered=-10)
    bought = replace(venue.fill(2, "AAPL", 20, WED), price=usd("130"))
    sold = venue.fill(3, "AAPL", 10, WED, decided=TUE, ordered=-10)
    venue.executions[1:] = [{2: bought, 3: sold}[number] for number in told]
    assert _settle(desk, venue, WED, market(WED, {})).fills == 2
    with desk.real_ledger.read() as tx:
        assert holdings(tx, BOOK)["AAPL"].cost == 20 * usd("120")  # 10 at 100 and 20 at 130, a third of it sold


def test_a_partial_fill_then_a_cancel_keeps_what_filled(desk: Desk, monday: Run, venue: Venue) -> None:
    venue.say("AAPL", OrderState.CANCELLED, 10, "by the venue")
    venue.fill(1, "AAPL", 10, TUE)
    found = _settle(desk, venue, TUE, market(TUE, {}))
    assert (found.fills, found.ended) == (1, 1)
    assert _order(desk, "AAPL") == (OrderState.CANCELLED, 10, "by the venue")


def test_a_fill_reported_after_its_session_was_settled_is_booked_with_its_own_date(desk: Desk, monday: Run, venue: Venue) -> None:
    _settle(desk, venue, TUE, market(TUE, {}))
    late = venue.fill(1, "AAPL", 30, TUE)
    assert _settle(desk, venue, TUE).fills == 1
    with desk.real_ledger.read() as tx:
        assert fills_in(tx, BOOK, TUE) == (late,)


def test_a_late_fill_of_an_earlier_session_counts_for_the_rights_of_this_one(desk: Desk, monday: Run, venue: Venue) -> None:
    _settle(desk, venue, TUE, market(TUE, {}))
    venue.fill(1, "AAPL", 30, TUE)
    _settle(desk, venue, WED, market(WED, {}, split_of("AAPL", WED, 2, 1)))
    assert _holds(desk) == {"AAPL": 60}


def test_a_fill_after_a_cancel_is_booked_all_the_same(desk: Desk, monday: Run, venue: Venue) -> None:
    venue.say("AAPL", OrderState.CANCELLED, 0, "by the venue")
    _settle(desk, venue, TUE, market(TUE, {}))
    venue.fill(1, "AAPL", 30, TUE)
    assert _settle(desk, venue, WED, market(WED, {})).fills == 1
    assert _order(desk, "AAPL")[:2] == (OrderState.FILLED, 30)


def test_a_fill_of_a_session_not_settled_yet_waits_for_it_whatever_its_place(desk: Desk, monday: Run, venue: Venue) -> None:
    venue.say("AAPL", OrderState.FILLED, 30)
    venue.say("IBM", OrderState.FILLED, 30)
    venue.fill(1, "AAPL", 30, WED)
    venue.fill(2, "IBM", 30, TUE)
    assert _settle(desk, venue, TUE, market(TUE, {})).fills == 1
    assert _holds(desk) == {"IBM": 30}
    split = market(WED, {}, split_of("AAPL", WED, 2, 1), split_of("IBM", WED, 2, 1))
    assert _settle(desk, venue, WED, split).fills == 1
    assert _holds(desk) == {"AAPL": 30, "IBM": 60}


def test_an_order_that_is_over_stays_open_until_its_fills_are_booked(desk: Desk, monday: Run, venue: Venue) -> None:
    venue.say("AAPL", OrderState.EXPIRED, 10)
    assert _settle(desk, venue, TUE, market(TUE, {})).ended == 0
    assert _order(desk, "AAPL")[0] is OrderState.ACCEPTED
    venue.fill(1, "AAPL", 10, TUE)
    assert _settle(desk, venue, WED, market(WED, {})).ended == 1
    assert _order(desk, "AAPL")[:2] == (OrderState.EXPIRED, 10)


def test_a_fill_that_an_order_lacks_is_asked_for_from_the_session_that_decided_it(desk: Desk, monday: Run, venue: Venue) -> None:
    """However long ago that was: here a fortnight, when fills of a week before are asked for in any case."""
    last, now = MON + timedelta(days=14), MON + timedelta(days=15)
    _settle(desk, venue, TUE, market(TUE, {}))
    _settle(desk, venue, last, market(last, {}))
    venue.fill(1, "AAPL", 10, TUE)
    venue.say("AAPL", OrderState.PARTIALLY_FILLED, 10)
    venue.asked_since.clear()
    assert _settle(desk, venue, now, market(now, {})).fills == 1
    assert venue.asked_since[:2] == [MON + timedelta(days=7), MON]
    assert _order(desk, "AAPL")[:2] == (OrderState.PARTIALLY_FILLED, 10)


def test_a_fill_of_a_cancelled_order_that_comes_sessions_late_is_booked(desk: Desk, monday: Run, venue: Venue) -> None:
    venue.say("AAPL", OrderState.CANCELLED, 0, "by the venue")
    for session in (TUE, WED, THU):
        assert _settle(desk, venue, session, market(session, {})).fills == 0
    late = venue.fill(1, "AAPL", 10, TUE)
    assert _settle(desk, venue, FRI, market(FRI, {})).fills == 1
    assert _holds(desk) == {"AAPL": 10}
    with desk.real_ledger.read() as tx:
        assert fills_in(tx, BOOK, TUE) == (late,)


def test_a_fill_of_an_order_that_is_not_ours_is_counted_and_left_to_reconciliation(desk: Desk, monday: Run, venue: Venue) -> None:
    venue.fill(1, "MSFT", 5, TUE)
    found = _settle(desk, venue, TUE, market(TUE, {}))
    assert (found.foreign, found.fills) == (1, 0)
    assert _holds(desk) == {}


def test_a_fill_that_changes_its_story_stays_as_it_is_booked_and_the_other_is_kept_once(desk: Desk, monday: Run, venue: Venue) -> None:
    first = venue.fill(1, "AAPL", 10, TUE)
    _settle(desk, venue, TUE, market(TUE, {}))
    venue.executions.append(replace(first, quantity=20))
    venue.fill(3, "IBM", 30, WED)
    found = _settle(desk, venue, WED, market(WED, {}))
    assert (found.fills, found.unbooked) == (1, 1)
    assert _holds(desk) == {"AAPL": 10, "IBM": 30}
    assert _settle(desk, venue, WED) == Settled()


def test_an_order_of_which_the_broker_says_what_we_do_not_know_stays_open_and_its_symbol_is_halted(
    desk: Desk, monday: Run, venue: Venue
) -> None:
    venue.say("AAPL", OrderState.UNKNOWN, 10, "status 'limbo'")
    venue.fill(1, "AAPL", 10, TUE)
    found = _settle(desk, venue, TUE, market(TUE, {}))
    assert (found.fills, found.ended) == (1, 0)
    assert _order(desk, "AAPL")[:2] == (OrderState.PARTIALLY_FILLED, 10)
    assert _halted(desk) == [("AAPL", "not understood: status 'limbo'")]
    _settle(desk, venue, TUE)
    assert len(_halted(desk)) == 1


def test_what_the_venue_has_acknowledged_since_is_accepted_once_and_what_filled_needs_no_word_of_it(desk: Desk, venue: Venue) -> None:
    run = desk.open(MON)
    desk.settle(run, market(MON, {}))
    desk.decide(run, {"AAPL": 30, "IBM": 30})
    with desk.real_ledger.write() as tx:
        for symbol in ("AAPL", "IBM"):
            for state in (OrderState.SENDING, OrderState.SUBMITTED):
                transition(tx, order(symbol, 30).client_order_id, state, run_id=run.run_id, now=desk.now())
    venue.say("IBM", OrderState.SUBMITTED, 0)
    venue.say("AAPL", OrderState.FILLED, 30)
    venue.fill(1, "AAPL", 30, TUE)
    _settle(desk, venue, TUE, market(TUE, {}))
    assert (_life(desk, "AAPL"), _life(desk, "IBM")) == (["submitted", "filled"], ["submitted"])
    venue.say("IBM", OrderState.ACCEPTED, 0)
    for _ in range(2):
        _settle(desk, venue, TUE)
        assert _life(desk, "IBM") == ["submitted", "accepted"]
    venue.say("IBM", OrderState.SUBMITTED, 0)  # an answer of before
    _settle(desk, venue, WED, market(WED, {}))
    assert _life(desk, "IBM") == ["submitted", "accepted"]


def _life(desk: Desk, symbol: str) -> list[str]:
    """Its states since it was sent."""
    with desk.real_ledger.read() as tx:
        return [str(each.state) for each in events_of(tx, order(symbol, 30).client_order_id)][2:]


def test_a_fill_that_cannot_be_read_is_not_booked_and_its_symbol_is_halted(desk: Desk, monday: Run, venue: Venue) -> None:
    odd = replace(venue.fill(1, "AAPL", 10, TUE), quantity=0, unreadable="0.5 shares")
    venue.executions = [odd]
    venue.fill(2, "IBM", 30, TUE)
    assert _settle(desk, venue, TUE, market(TUE, {})).fills == 1
    assert _holds(desk) == {"IBM": 30}
    assert _halted(desk) == [("AAPL", "not understood: 0.5 shares")]


def test_a_ledger_restored_to_before_a_send_finds_its_orders_again(desk: Desk, venue: Venue) -> None:
    run = desk.open(MON)
    desk.settle(run, market(MON, {}))
    desk.decide(run, {"AAPL": 30})
    venue.say("AAPL", OrderState.FILLED, 30)
    venue.fill(1, "AAPL", 30, TUE)
    found = _settle(desk, venue, TUE, market(TUE, {}))
    assert (found.adopted, found.fills) == (1, 1)
    assert _order(desk, "AAPL")[:2] == (OrderState.FILLED, 30)
