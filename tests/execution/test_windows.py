"""Whether an order of a slot may still be sent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from grodt.brokers.windows import ALPACA, PAPER
from grodt.execution.windows import Windows
from grodt.sessions import Calendar
from grodt.slots import Slot
from tests.brokers.world import MON, order

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLOT = Slot(MON, "1030", "trade", AT, AT + 30 * MINUTE, AT + 5 * MINUTE)


def test_the_wall_s_clock_judges_a_slot_that_was_begun_in_time_and_no_slot_of_the_past() -> None:
    one = replace(order("A", 10), time_in_force="day")
    begun = Windows(Calendar("XNYS"), PAPER, SLOT, AT + MINUTE)
    assert begun.refusal(one, AT + 4 * MINUTE) is None
    late = begun.refusal(one, AT + 22 * MINUTE)
    assert late is not None
    assert "(control 27: 2026-03-02 15:52:00 is not from 2026-03-02 15:30 to before 2026-03-02 15:35 UTC)" in late.reason
    assert begun.latest(MON, "day", AT + 4 * MINUTE) == begun.latest(MON, "day", AT + 22 * MINUTE) == SLOT.starts_by
    asked_for = Windows(Calendar("XNYS"), PAPER, SLOT, AT + 5 * MINUTE)
    assert asked_for.refusal(one, AT + timedelta(days=9)) is None


def test_what_leaves_late_works_from_the_minute_after_and_what_a_slot_decides_alone_from_its_instant_for_some_minutes() -> None:
    one = replace(order("A", 10), time_in_force="day")
    begun = Windows(Calendar("XNYS"), PAPER, replace(SLOT, starts_by=SLOT.ends_at), AT + MINUTE)

    def works_from(windows: Windows, minutes: float, *, decided: bool, slice_at: datetime | None = None) -> datetime | None:
        return windows.worked(replace(one, works_from=slice_at), lambda: AT + minutes * MINUTE, decided=decided).works_from

    assert works_from(begun, 4.9, decided=False) is None
    assert works_from(begun, 5, decided=False) == AT + 5 * MINUTE
    assert works_from(begun, 22.1, decided=False) == AT + 23 * MINUTE
    assert works_from(begun, 2.1, decided=True) == AT + 3 * MINUTE
    later = AT + 20 * MINUTE
    assert works_from(begun, 2.1, decided=True, slice_at=later) == works_from(begun, 20, decided=True, slice_at=later) == later
    assert works_from(begun, 20.1, decided=True, slice_at=later) == AT + 21 * MINUTE
    for windows in (
        Windows(Calendar("XNYS"), PAPER, SLOT, AT + 5 * MINUTE),  # begun when it was over: of the past
        Windows(Calendar("XNYS"), ALPACA, SLOT, AT + MINUTE),
        Windows(Calendar("XNYS"), PAPER),
    ):
        assert works_from(windows, 22.1, decided=True) is None
