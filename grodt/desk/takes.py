"""What the API takes. Amounts of money are decimal text, as on the command line."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from grodt.ledger.cash_entries import CashKind
from grodt.ledger.halts import HaltSide
from grodt.people import printable

#: What the ledger is asked or told has no control characters; a database may not even take them.
PRINTABLE = AfterValidator(printable)
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), PRINTABLE]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64), PRINTABLE]


class Given(BaseModel):
    """What somebody sends: nothing that we do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Asked(BaseModel):
    """What stands behind the `?` of an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OfBook(Asked):
    """A book; where the books file describes one, or `demo`, it need not be named."""

    book: Name | None = Field(None, description="the book")


class OfBooks(Asked):
    """A book, or every one."""

    book: Name | None = Field(None, description="the book; every one if not given")


class HaltsAsked(OfBooks):
    """Which halts."""

    everything: bool = Field(False, alias="all", description="those that are over, too")


class BreaksAsked(OfBook):
    """Which breaks."""

    everything: bool = Field(False, alias="all", description="those that are resolved, too")


class OrdersAsked(OfBook):
    """Which orders."""

    session: date | None = Field(None, description="that decided them; the book's latest if not given")


class Login(Given):
    """Who wants a token."""

    name: Name
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class WordGiven(Given):
    """Why somebody agrees, or does not."""

    reason: Reason


class HaltGiven(Given):
    """A halt: of all books, of a book, or of a strategy or a symbol of it."""

    all_books: bool = Field(False, description="of all books; ended by two people")
    book: Name | None = None
    strategy: Name | None = Field(None, description="of the book, by its signal's name")
    symbol: Name | None = None
    side: HaltSide = Field("all", description="what is stopped; reduce_only: all but reductions")
    kill: bool = Field(False, description="two people must end it, and it does not expire")
    minutes: Annotated[int, Field(ge=1, le=525_600)] | None = Field(None, description="how long it holds; until it is ended if not given")
    keep_orders: bool = Field(False, description="leave open orders at the broker")
    reason: Reason


class RearmGiven(Given):
    """Which halts are to be ended: one, those of a book, or those on all books."""

    halt_id: Annotated[int, Field(ge=1)] | None = None
    book: Name | None = None
    all_books: bool = False
    reason: Reason


class PositionsAsked(OfBook):
    """Whose positions."""

    strategy: Name | None = Field(None, description="those of this one alone")


class LimitsAsked(OfBook):
    """Which changes of limits."""

    name: Name | None = Field(None, description="of this limit alone")


class LimitNamed(Given):
    """A limit of a book, or of a symbol or group of it."""

    book: Name | None = None
    name: Name = Field(description="such as symbol_weight")
    symbol: Name = ""
    group: Name = Field("", description='a sector; "*" for each that is not named')
    reason: Reason


class LimitGiven(LimitNamed):
    """A limit with its new value."""

    value: Name = Field(description="as the books file would have it, as text; for `restricted`: yes")


class Adopted(Given):
    """Whose limits are to be those of the books file."""

    book: Name | None = None
    reason: Reason


class BreakAssigned(Given):
    """Who works a break from now on."""

    person: Name


class BreakCorrected(Given):
    """A correction of a break."""

    price: Decimal | None = Field(None, description="USD that a share was paid with; without it no cash moves")
    booked_as: CashKind = Field("correction", description="what cash was, of a break of cash")
    reason: Reason


class OverrideGiven(Given):
    """A control to be lifted, for some cycles or until an instant."""

    book: Name | None = None
    control: Annotated[int, Field(ge=1)] = Field(description="its number; never 1, 13 or 29")
    symbol: Name = Field("", description="for this one alone")
    cycles: Annotated[int, Field(ge=1)] | None = Field(None, description="for so many, 1 to 10, and no longer than 7 days")
    until: AwareDatetime | None = Field(None, description="until an instant, with its time zone")
    reason: Reason
