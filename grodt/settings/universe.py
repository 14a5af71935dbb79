"""What a book of the books file may trade, and how far back it knows it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Self

from pydantic import Field, WrapValidator, model_validator

from grodt.bars.source import BarSource
from grodt.errors import ConfigError
from grodt.instruments import Instrument
from grodt.settings.fields import Day, Whole, as_written
from grodt.settings.section import Section
from grodt.targets.universe import UniverseRules


class UniverseConfig(Section):
    """What a book may trade: `symbols`, a list; or `listed`, the first so many that the source lists on the session.

    A list names tickers, whichever company has them in the session; name both where one changes its ticker.

    Attributes:
        rules: which of them, by what is known at each session's close; None: all.
    """

    symbols: tuple[str, ...] | None = None
    listed: Whole | None = Field(default=None, ge=1)
    rules: Annotated[UniverseRules, WrapValidator(as_written(UniverseRules))] | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.symbols is None) == (self.listed is None):
            raise ValueError("give either `symbols` (a list) or `listed` (a number)")
        if self.symbols is not None:
            twice = sorted({symbol for symbol in self.symbols if self.symbols.count(symbol) > 1})
            if not self.symbols or twice:
                repeated = f"; {', '.join(twice)} is repeated" if twice else ""
                raise ValueError(f"`symbols` must name at least one ticker, and each once{repeated}")
        return self

    def of(self, listed: Sequence[Instrument]) -> tuple[Instrument, ...]:
        """Those of the listed instruments that the book may trade."""
        if self.symbols is None:
            return tuple(listed[: self.listed])
        wanted = set(self.symbols)
        return tuple(instrument for instrument in listed if instrument.symbol in wanted)

    def require_known(self, source: BarSource) -> None:
        """Refuse tickers that the source has never heard of; one that is not listed yet, or no longer, is known.

        Raises:
            ConfigError: names them.
        """
        unknown = source.unknown(self.symbols or ())
        if unknown:
            raise ConfigError(
                f"universe.symbols names {', '.join(unknown)}, which source {source.name!r} does not have; correct the ticker or remove it"
            )


class HistoryConfig(Section):
    """How far back bars are fetched on first use: `start`, a date; or `years` before the first session asked for.

    Attributes:
        revisions: sessions before the one that is fetched that each cycle asks for again, for what the source has corrected since.
    """

    start: Day | None = None
    years: Whole | None = Field(default=None, ge=1, le=50)
    revisions: Whole = Field(default=5, ge=0, le=60)

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.start is None) == (self.years is None):
            raise ValueError("give either `start` (a date) or `years` (a number)")
        return self

    def first_day(self, session: date) -> date:
        """First day of history for a book whose first session is `session`."""
        if self.start is not None:
            return self.start
        # 29 February has no counterpart in most years; one day of history more or less decides nothing.
        day = 28 if (session.month, session.day) == (2, 29) else session.day
        return date(session.year - (self.years or 0), session.month, day)
