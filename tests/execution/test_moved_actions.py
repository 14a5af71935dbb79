"""A corporate action whose ex date the source corrects after it was applied is booked once, in the ledger and at the paper broker alike."""

from decimal import Decimal

import pytest

from grodt.bars.corporate_actions import CorporateAction
from grodt.ledger.breaks import open_breaks
from grodt.ledger.late_actions import late_actions
from grodt.ledger.postings import cash, dividend_total, holdings
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, dividend_of, market, split_of, usd
from tests.execution.desk import Desk, Killed

CLOSE = {"AAPL": "100"}
SPLIT, DIVIDEND = split_of("AAPL", WED, 2, 1), dividend_of("AAPL", WED, "1")
#: What the source says a day later.
MOVED = (split_of("AAPL", THU, 2, 1), dividend_of("AAPL", THU, "1"))

#: Places in a session's settlement where a process may be killed: about the venue's play, and about the read of fills and the commit.
_STEPS = 6


def _until_wednesday(desk: Desk, *actions: CorporateAction) -> None:
    desk.cycle(MON, [market(MON, {})], {"AAPL": 100})
    desk.cycle(TUE, [market(TUE, CLOSE)], {})
    desk.cycle(WED, [market(WED, CLOSE, *actions)], {})


def test_it_is_applied_once_on_both_sides_and_is_a_break(desk: Desk) -> None:
    _until_wednesday(desk, SPLIT, DIVIDEND)
    before = desk.paper.cash()
    desk.settle(desk.open(THU), market(THU, CLOSE, *MOVED))
    with desk.real_ledger.read() as tx:
        assert holdings(tx, BOOK)["AAPL"].quantity == 200
        assert dividend_total(tx, BOOK) == usd("100")
        assert cash(tx, BOOK) == before
        raised = [each.difference for each in open_breaks(tx, BOOK)]
        assert list(late_actions(tx, BOOK, ())) == raised
    assert desk.paper.positions() == {"AAPL": Decimal(200)}
    assert desk.paper.cash() == before
    assert {each.symbol: (each.ours, each.theirs) for each in raised} == {
        f"AAPL dividend {THU}, booked as of {WED}": (0, usd("200")),
        f"AAPL split {THU}, booked as of {WED}": (200, 400),
    }


def test_settling_again_and_the_sessions_after_do_nothing_more(desk: Desk) -> None:
    _until_wednesday(desk, SPLIT, DIVIDEND)
    run, thursday = desk.open(THU), market(THU, CLOSE, *MOVED)
    desk.settle(run, thursday)
    known = desk.state()
    desk.settle(run, thursday)
    assert desk.state() == known
    desk.settle(desk.open(FRI), market(FRI, CLOSE))
    assert desk.paper.positions() == {"AAPL": Decimal(200)}
    with desk.real_ledger.read() as tx:
        assert len(open_breaks(tx, BOOK)) == 2


def test_a_split_that_is_held_back_cancels_no_order(desk: Desk) -> None:
    _until_wednesday(desk, SPLIT)
    run = desk.open(THU)
    desk.settle(run, market(THU, CLOSE))
    desk.decide(run, {"AAPL": 10})
    desk.send(run)
    desk.settle(desk.open(FRI), market(FRI, CLOSE, split_of("AAPL", FRI, 2, 1)))
    assert desk.paper.positions() == {"AAPL": Decimal(210)}


def test_a_book_that_bought_between_the_two_dates_is_entitled_by_the_second(desk: Desk) -> None:
    desk.cycle(MON, [market(MON, {})], {})
    desk.cycle(TUE, [market(TUE, CLOSE)], {"AAPL": 100})
    desk.cycle(WED, [market(WED, CLOSE, DIVIDEND)], {})  # filled at the open of the first ex date
    desk.cycle(THU, [market(THU, CLOSE, MOVED[1])], {})
    with desk.real_ledger.read() as tx:
        assert dividend_total(tx, BOOK) == usd("100")
        assert open_breaks(tx, BOOK) == ()
    assert desk.paper.cash() == _cash(desk)


def test_a_book_that_sold_between_the_two_dates_has_no_break(desk: Desk) -> None:
    desk.cycle(MON, [market(MON, {})], {"AAPL": 100})
    desk.cycle(TUE, [market(TUE, CLOSE)], {"AAPL": -100})
    desk.cycle(WED, [market(WED, CLOSE, DIVIDEND)], {})
    desk.cycle(THU, [market(THU, CLOSE, MOVED[1])], {})
    with desk.real_ledger.read() as tx:
        assert dividend_total(tx, BOOK) == usd("100")
        assert open_breaks(tx, BOOK) == ()
    assert desk.paper.cash() == _cash(desk)


@pytest.mark.parametrize("at", range(_STEPS))
def test_a_kill_anywhere_in_the_session_leaves_it_booked_once(desk: Desk, at: int) -> None:
    _until_wednesday(desk, SPLIT, DIVIDEND)
    run, thursday = desk.open(THU), market(THU, CLOSE, *MOVED)
    desk.fuse.at = len(desk.fuse.steps) + at
    with pytest.raises(Killed):
        desk.settle(run, thursday)
    desk.fuse.at = None
    desk.settle(run, thursday)
    assert desk.paper.positions() == {"AAPL": Decimal(200)}
    assert desk.paper.cash() == _cash(desk)
    with desk.real_ledger.read() as tx:
        assert holdings(tx, BOOK)["AAPL"].quantity == 200
        assert [each.difference.kind for each in open_breaks(tx, BOOK)] == ["action"] * 2


def _cash(desk: Desk) -> int:
    with desk.real_ledger.read() as tx:
        return cash(tx, BOOK)
