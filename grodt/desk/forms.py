"""What forms of the pages bring: text, made into what the acts take."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from grodt.desk.acts import HaltWanted
from grodt.desk.takes import PRINTABLE, Reason
from grodt.errors import ConfigError
from grodt.ledger.cash_entries import CashKind
from grodt.ledger.halts import HaltSide
from grodt.ledger.requests import Verdict

_Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), PRINTABLE]
#: What stands in the form for all books; no book has that name.
ALL = "*"


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    csrf: str = ""


class LoginForm(_Form):
    """Who logs in; `next` is where they came from."""

    name: _Words
    password: Annotated[str, StringConstraints(max_length=256)]
    next: str = ""


class WordForm(_Form):
    """A word on what waits."""

    verdict: Verdict
    reason: Reason


class RearmForm(_Form):
    """The end of a halt."""

    halt_id: Annotated[int, Field(ge=1)]
    reason: Reason


class LimitForm(_Form):
    """A change of limits: one that is set or taken away, or all of them as the books file has them."""

    act: Literal["set", "unset", "adopt"]
    name: _Words = ""
    value: _Words = ""
    symbol: _Words = ""
    group: _Words = ""
    reason: Reason


class OverrideForm(_Form):
    """A control to be lifted for a while; `until` is UTC."""

    control: Annotated[int, Field(ge=1)]
    symbol: _Words = ""
    cycles: Annotated[int, Field(ge=1)] | None = None
    until: datetime | None = None
    reason: Reason

    @field_validator("cycles", "until", mode="before")
    @classmethod
    def _nothing_written(cls, given: Any) -> Any:
        return None if given == "" else given

    @field_validator("until")
    @classmethod
    def _in_utc(cls, until: datetime | None) -> datetime | None:
        return until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until


class BreakForm(_Form):
    """What is done about a break."""

    act: Literal["assign", "resolve", "correct"]
    person: _Words = ""
    price: Decimal | None = None
    booked_as: CashKind = "correction"
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), PRINTABLE] = ""

    @field_validator("price", mode="before")
    @classmethod
    def _nothing_written(cls, given: Any) -> Any:
        return None if given == "" else given


class HaltForm(_Form):
    """A halt."""

    book: _Words
    of: Literal["book", "symbol", "strategy"] = "book"
    name: _Words = ""
    side: HaltSide = "all"
    kill: bool = False
    minutes: Annotated[int, Field(ge=1, le=525_600)] | None = None
    keep_orders: bool = False
    reason: Reason

    @field_validator("minutes", mode="before")
    @classmethod
    def _nothing_written(cls, given: Any) -> Any:
        return None if given == "" else given

    def wanted(self) -> HaltWanted:
        """What is asked for.

        Raises:
            ConfigError: a symbol or a strategy is to be halted and none is named, or the other way round.
        """
        if (self.of == "book") == bool(self.name) or (self.book == ALL and self.of != "book"):
            raise ConfigError("a symbol or a strategy of one book is halted by its name; a book, and all books, without one")
        return HaltWanted(
            book=None if self.book == ALL else self.book,
            reason=self.reason,
            strategy=self.name if self.of == "strategy" else "",
            symbol=self.name if self.of == "symbol" else "",
            side=self.side,
            kill=self.kill,
            minutes=self.minutes,
            keep_orders=self.keep_orders,
        )
