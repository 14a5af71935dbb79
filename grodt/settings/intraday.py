"""The `intraday` section of a book: when it decides within a session, on which bars, and how it sizes trades."""

from datetime import time
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WrapValidator, model_validator

from grodt.bars.aggregation import BarWidth
from grodt.errors import ConfigError
from grodt.sessions import Calendar
from grodt.settings.fields import Exact, Whole, as_written, of_this_place
from grodt.settings.section import Section
from grodt.slots import PROMPT_MINUTES, SlotRule, require_ends_of_bars, require_in_hours
from grodt.targets.construction import Construction
from grodt.targets.stops import StopRule

#: Of an `intraday` section, what decides no order and is no part of the configuration hash.
DECIDES_NOTHING = {"latest_start_minutes": True}


def _width(given: Any) -> Any:
    """The text of a width below a day."""
    try:
        if isinstance(given, str) and BarWidth.of(given).minutes is not None:
            return given
    except ValueError:
        pass
    raise ValueError("must be minutes or hours below a day, such as 5m, 30m or 1h")


def _time(given: Any) -> Any:
    """A time of the exchange's day, in whole minutes."""
    if isinstance(given, time):
        return given
    try:
        found = time.fromisoformat(given) if isinstance(given, str) and len(given) == len("10:00") else None
    except ValueError:
        found = None
    if found is None:
        raise ValueError("must be a time of the exchange's day, such as 10:00 or 15:30")
    return found


Width = Annotated[str, BeforeValidator(_width)]
TimeOfDay = Annotated[time, BeforeValidator(_time)]


class SlicesConfig(Section):
    """Orders worth more than `above` (USD) are sliced into `count` equal ones, at equal times up to the next slot."""

    above: Exact = Field(gt=0)
    count: Whole = Field(ge=2, le=60)


class IntradayConfig(Section):
    """When a book decides within a session: `{every: 30m, bars: 5m, first: 10:00, last: 15:30, flat_by: 15:50}`.

    Times are the exchange's own. On a session that closes early, `last` and `flat_by` keep their distance to the close.

    Attributes:
        every: time from one slot to the next.
        bars: width of the bars that signals see; `every` where it is left out.
        first, last: time of the first slot, and up to which there are more.
        flat_by: time of a slot that only gives up what is held; None: positions are kept over night.
        latest_start_minutes: minutes after its instant in which a slot may still begin; one that was missed is skipped.
        history_sessions: sessions before this one whose bars signals see too.
        slices: of large orders; None: each is one.
        stops: sizes trades by the distance of a stop and gives them up there; None: by the book's construction alone.
    """

    every: Width
    bars: Width = ""
    first: TimeOfDay
    last: TimeOfDay
    flat_by: TimeOfDay | None = None
    latest_start_minutes: Whole | None = None
    history_sessions: Whole = Field(default=5, ge=1, le=60)
    slices: SlicesConfig | None = None
    stops: Annotated[StopRule, WrapValidator(as_written(StopRule))] | None = None

    @model_validator(mode="before")
    @classmethod
    def _bars_of_slots(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("bars") is None and "every" in given:
            return {**given, "bars": given["every"]}
        return given

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        of_this_place(self.rule)
        if _minutes(self.every) % _minutes(self.bars):
            raise ValueError(f"every {self.every} is no multiple of bars {self.bars}; a slot must be the end of a bar")
        if self.slices is not None and self.slices.count > _minutes(self.every):
            raise ValueError(
                f"slices.count is {self.slices.count}, more than the minutes of {self.every}; a slice begins on a whole minute"
            )
        if self.stops is not None and self.flat_by is None:
            raise ValueError("stops are watched within one session, from its first slot to flat_by; give flat_by too")
        return self

    def rule(self) -> SlotRule:
        """The same for the domain.

        Raises:
            ConfigError: times are not in order, or a number is out of range.
        """
        every = _minutes(self.every)
        latest = min(PROMPT_MINUTES, every) if self.latest_start_minutes is None else self.latest_start_minutes
        return SlotRule(every, self.first, self.last, self.flat_by, latest)

    def require_suits(self, calendar: Calendar, broker: str, construction: Construction, carry_sessions: int, history: int) -> None:
        """Refuse a book that cannot be decided within a session.

        Args:
            calendar: of its exchange.
            broker: kind of its broker.
            construction: of its portfolio.
            carry_sessions: of its broker's terms.
            history: bars that its signals need.

        Raises:
            ConfigError: says what to change.
        """
        require_in_hours(self.rule(), calendar)
        require_ends_of_bars(self.rule(), calendar, _minutes(self.bars))
        if broker != "paper":
            raise ConfigError(f"intraday: orders for the day go to the paper broker alone as yet, and broker.kind is {broker}; use paper")
        if carry_sessions:
            raise ConfigError(
                f"broker.carry_sessions is {carry_sessions}; what is left of an order for the day expires at its close: use 0"
            )
        if construction.rebalance != "session":
            raise ConfigError(f"construction.rebalance is {construction.rebalance}; an intraday book trades to its targets in each slot")
        have = self.history_sessions * -(-calendar.minutes_of(calendar.usual_session()) // _minutes(self.bars))
        if history > have:
            raise ConfigError(
                f"intraday: history_sessions is {self.history_sessions}, about {have} bars of {self.bars}, and a signal needs {history}; "
                "ask for more sessions, or shorten its parameters"
            )


def _minutes(width: str) -> int:
    minutes = BarWidth.of(width).minutes
    assert minutes is not None
    return minutes
