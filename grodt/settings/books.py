"""The books file: sources and books, as pydantic reads them from YAML.

Domain dataclasses (limits, construction, thresholds, signals' parameters) are embedded as they are, so that a bound is stated
in one place. Unknown keys are errors.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from grodt.bars.files import FilesSettings
from grodt.bars.quality import Thresholds
from grodt.brokers.fills import FillTerms
from grodt.errors import ConfigError
from grodt.instruments import Instrument
from grodt.money import Micros, micros
from grodt.risk.limits import Limits
from grodt.sessions import Calendar
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.forecasts import Signal
from grodt.signals.momentum import Momentum
from grodt.targets.construction import Construction

#: Signals by their name in the books file.
SIGNALS: dict[str, type[Momentum] | type[EwmaCrossover]] = {"momentum": Momentum, "ewma_crossover": EwmaCrossover}
NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,19}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SimulatedConfig(_Strict):
    """A simulated exchange, reproducible from its seed."""

    kind: Literal["simulated"]
    seed: int = Field(ge=0, lt=2**64)
    opened: date


class FilesConfig(FilesSettings):
    """The user's own files."""

    kind: Literal["files"]


SourceConfig = Annotated[SimulatedConfig | FilesConfig, Field(discriminator="kind")]


class UniverseConfig(_Strict):
    """What a book may trade: `symbols`, a list; or `listed`, the first so many that the source lists on the session."""

    symbols: tuple[str, ...] | None = None
    listed: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.symbols is None) == (self.listed is None):
            raise ValueError("give either `symbols` (a list) or `listed` (a number)")
        if self.symbols is not None and (not self.symbols or len(set(self.symbols)) != len(self.symbols)):
            raise ValueError("`symbols` must name at least one ticker, and each once")
        return self

    def of(self, listed: Sequence[Instrument]) -> tuple[Instrument, ...]:
        """Those of the listed instruments that the book may trade."""
        if self.symbols is None:
            return tuple(listed[: self.listed])
        wanted = set(self.symbols)
        return tuple(instrument for instrument in listed if instrument.symbol in wanted)


class HistoryConfig(_Strict):
    """How far back bars are fetched on first use: `start`, a date; or `years` before the first session asked for."""

    start: date | None = None
    years: int | None = Field(default=None, ge=1, le=50)

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


class PaperConfig(_Strict):
    """The embedded paper broker: fills at the next session's open."""

    kind: Literal["paper"]
    slippage_bps: Decimal = Field(ge=0, le=1000)
    commission_bps: Decimal = Field(ge=0, le=1000)

    def terms(self) -> FillTerms:
        """Its costs."""
        return FillTerms(slippage_bps=self.slippage_bps, commission_bps=self.commission_bps)


class SignalConfig(_Strict):
    """One signal of a book, its weight in the combined forecast and its parameters."""

    signal: str
    weight: float = Field(gt=0, allow_inf_nan=False)
    parameters: dict[str, float | int] = Field(default_factory=dict)

    def build(self) -> Signal:
        """The signal with these parameters.

        Raises:
            ConfigError: the signal or a parameter is unknown, or a parameter is out of range.
        """
        if self.signal not in SIGNALS:
            raise ConfigError(f"signal {self.signal!r} is unknown; there are {', '.join(sorted(SIGNALS))}")
        try:
            return SIGNALS[self.signal](**self.parameters)  # type: ignore[arg-type]
        except TypeError as error:
            raise ConfigError(f"signal {self.signal}: {error}; correct its parameters") from None


class ScheduleConfig(_Strict):
    """When `grodt serve` starts the book's end of day."""

    cron: str
    latest_start_minutes: int = Field(ge=1)


class BookConfig(_Strict):
    """One book."""

    name: Name
    calendar: str
    source: Name
    universe: UniverseConfig
    history: HistoryConfig
    capital: Decimal = Field(gt=0)
    broker: PaperConfig
    signals: tuple[SignalConfig, ...] = Field(min_length=1)
    construction: Construction
    limits: Limits
    quality: Thresholds = Field(default_factory=Thresholds)
    schedule: ScheduleConfig

    @field_validator("capital", mode="before")
    @classmethod
    def _finite(cls, value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"capital {value} is not finite")
        return str(value) if isinstance(value, float) else value

    @property
    def exchange(self) -> Calendar:
        """Its calendar."""
        return Calendar(self.calendar)

    @property
    def capital_micros(self) -> Micros:
        """Its starting capital in micros."""
        return micros(self.capital)

    def weighted_signals(self) -> tuple[tuple[Signal, float], ...]:
        """Its signals with their weights."""
        return tuple((signal.build(), signal.weight) for signal in self.signals)


class Books(_Strict):
    """A books file."""

    sources: dict[Name, SourceConfig]
    books: dict[Name, BookConfig]

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        for book in self.books.values():
            if book.source not in self.sources:
                raise ValueError(f"book {book.name!r} reads source {book.source!r}, which the file does not describe")
        return self

    def book(self, name: str) -> BookConfig:
        """The book of that name.

        Raises:
            ConfigError: there is none; the message names those there are.
        """
        if name not in self.books:
            raise ConfigError(f"book {name!r} is unknown; the books file describes {', '.join(sorted(self.books))}")
        return self.books[name]

    def config_hash(self, name: str) -> str:
        """SHA-256 over what decides the book's orders: the book and its source, without the schedule."""
        book = self.book(name)
        content = {
            "book": book.model_dump(mode="json", exclude={"schedule"}),
            "source": self.sources[book.source].model_dump(mode="json"),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def load_books(path: Path | None) -> Books:
    """The books file at `path`, or the built-in demo book for None. Relative paths in it start at its own folder.

    Raises:
        ConfigError: it cannot be read, is no YAML, repeats a key, or does not describe books; one line per mistake.
    """
    origin = str(path) if path else "the built-in demo book"
    try:
        text = path.read_text(encoding="utf-8") if path else resources.files("grodt.settings").joinpath("demo.yaml").read_text("utf-8")
        content = YAML(typ="safe", pure=True).load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin} cannot be read: {error}") from None
    except YAMLError as error:
        raise ConfigError(f"{origin} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{origin} must be a mapping with `sources` and `books`, as in deployments/examples/us-daily.yaml")
    books = content.get("books")
    if isinstance(books, dict):
        content["books"] = {name: {"name": name, **book} if isinstance(book, dict) else book for name, book in books.items()}
    try:
        return Books.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{origin}:\n{_mistakes(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None


def _mistakes(error: ValidationError) -> str:
    lines = []
    for mistake in error.errors(include_url=False):
        where = ".".join(str(part) for part in mistake["loc"]) or "file"
        given = f" (given: {mistake['input']!r})" if not isinstance(mistake["input"], dict | list) else ""
        lines.append(f"  {where}: {mistake['msg']}{given}")
    return "\n".join(lines)
