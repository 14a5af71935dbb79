"""A book at a slot of its session, while people book."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from grodt.execution import slot_marking
from grodt.execution.marking import Marked
from grodt.execution.slot_marking import mark_slot
from grodt.ledger.cash_entries import cash_entry
from grodt.ledger.postings import post
from grodt.ledger.slot_marks import slot_mark_of
from grodt.ledger.valuation import Close
from grodt.money import micros
from grodt.sessions import Calendar
from grodt.slots import Slot
from tests.brokers.world import BOOK, MON, TUE
from tests.execution.desk import Desk
from tests.execution.stocked import KNOWN, SOURCE, hold

AT = datetime(2026, 3, 3, 15, 30, tzinfo=UTC)
SLOT = Slot(TUE, "1030", "trade", AT, AT + timedelta(minutes=30), AT + timedelta(minutes=5))


def _marked(desk: Desk, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object] = lambda: None) -> Marked:
    def prices(*_place: object) -> Any:
        def closes(held: Collection[str]) -> dict[str, Close]:
            meanwhile()
            return {symbol: Close(TUE, micros(55)) for symbol in held}

        return SimpleNamespace(closes=closes)

    monkeypatch.setattr(slot_marking, "last_prices", prices)
    lake: Any = None
    place = {"source": SOURCE, "calendar": Calendar("XNYS"), "book": BOOK, "slot": SLOT, "every": 30}
    return mark_slot(desk.real_ledger, None, lake, lake, **place, run_id="r", now=KNOWN)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", ["50000", "-50000"])
def test_money_that_comes_or_goes_while_prices_are_read_is_in_the_slot_s_mark_and_no_profit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, amount: str
) -> None:
    def flow() -> None:
        with desk.real_ledger.write() as tx:
            kind = "withdrawal" if amount.startswith("-") else "deposit"
            post(tx, cash_entry("flow", kind, BOOK, micros(amount), TUE, "wire"), kind, KNOWN)

    hold(desk.real_ledger, {"A": (10, "50")}, session=MON)
    marked = _marked(desk, monkeypatch, flow)
    assert (marked.mark.equity, marked.mark.profit) == (micros(1_000_050) + micros(amount), micros(50))
    with desk.real_ledger.read() as tx:
        assert slot_mark_of(tx, BOOK, TUE, "1030") == marked.mark


def test_what_is_booked_in_the_next_session_is_not_in_the_slot_s_mark(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(desk.real_ledger, {"A": (10, "50")}, session=MON)
    first = _marked(desk, monkeypatch)
    with desk.real_ledger.write() as tx:
        post(tx, cash_entry("flow", "deposit", BOOK, micros(50_000), Calendar("XNYS").next(TUE), "wire"), "deposit", KNOWN)
    assert _marked(desk, monkeypatch) == first
