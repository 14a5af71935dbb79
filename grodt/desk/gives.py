"""What the API gives. Money is decimal text, instants and dates ISO text, as from the command line's `--json`."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from grodt.ledger.halts import HaltKind, HaltScope, HaltSide
from grodt.ledger.requests import RequestState
from grodt.ledger.users import Role

Money = Annotated[Decimal, PlainSerializer(lambda value: f"{value:f}", return_type=str, when_used="json")]
Instant = Annotated[datetime, PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")]


class Token(BaseModel):
    """An access token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="seconds")
    name: str
    role: Role


class Health(BaseModel):
    """The desk lives, or can do its work; where it cannot, a problem says so."""

    status: Literal["ok"]


class Waiting(BaseModel):
    """Something that waits for people; of a basket `subject` has orders and `changes`, all amounts in them in millionths of a USD."""

    id: str
    request_id: str
    kind: str
    book: str
    what: str
    asked_by: str
    asked_at: Instant
    reason: str
    people: int
    agreed: list[str]
    still_needed: int
    expires_at: Instant
    subject: dict[str, Any]


class WaitingOne(Waiting):
    """One of them, whatever it came to."""

    state: RequestState
    orders: str | None = Field(None, description="of a basket that is looked at, how many of its orders are in which state")


class Decided(BaseModel):
    """A request after somebody's word."""

    request: WaitingOne
    then: str = Field(description="what follows: what was carried out, who else must agree, or what a rejection leaves")
    run: str = Field(description="what becomes of the run that waited for it; empty where none did")


class CancelAsked(BaseModel):
    """What a broker said when it was asked to cancel an order because of a halt."""

    halt_id: int
    client_order_id: str
    outcome: str
    filled_quantity: int
    reason: str


class HaltNow(BaseModel):
    """A halt."""

    halt_id: int
    scope: HaltScope
    book: str
    strategy: str
    symbol: str
    side: HaltSide
    kind: HaltKind
    control: int
    keep_orders: bool
    reason: str
    author: str
    started_at: Instant
    expires_at: Instant | None
    ended_at: Instant | None
    end_reason: str | None
    end_author: str | None
    what: str
    since: Instant
    until: Instant | None
    holds: bool
    people: int
    how_to_end: str | None
    ended_by: str | None
    cancels: list[CancelAsked]


class Halted(BaseModel):
    """A halt that was made, and what became of open orders."""

    halt: HaltNow
    told: list[str]
    failed: list[str] = Field(description="brokers that could not be asked: their orders may still be open")


class Rearmed(BaseModel):
    """Halts that were ended, and those that need another person."""

    ended: list[int]
    waiting: list[int]
    request: WaitingOne | None


class HaltOfStatus(BaseModel):
    """A halt, as it stands in a status."""

    model_config = ConfigDict(extra="allow")
    halt_id: int
    started_at: Instant
    expires_at: Instant | None
    ended_at: Instant | None


class StatusNow(BaseModel):
    """A book now."""

    book: str
    last_run: str | None
    state: str | None
    settled_through: date | None
    configuration: str | None
    reduced_cycles: int
    expected_version: str | None
    overrides: list[str]
    mark_session: date | None
    mark_slot: str | None
    equity: Money | None
    cash: Money | None
    gross_exposure: float | None
    drawdown: float | None
    planned_orders: int = Field(description="of baskets that wait for people")
    open_orders: int
    cancelled_orders: int = Field(description="of the open ones, those over at the broker that no cycle has settled yet")
    unknown_orders: int
    open_breaks: int
    overdue_breaks: int
    basket: str
    waiting: list[str]
    halts: list[HaltOfStatus]


class PositionNow(BaseModel):
    """A position at the close of the last session that is done."""

    book: str
    session: date
    symbol: str
    quantity: int
    cost: Money
    average_cost: Money
    price: float
    price_session: date
    market_value: Money
    unrealised_profit: Money
    weight: float
    run_id: str


class OrderNow(BaseModel):
    """An order."""

    client_order_id: str
    symbol: str
    side: Literal["buy", "sell"]
    quantity: int
    order_type: str
    time_in_force: str
    order_price: Money | None
    reference_price: Money
    state: str
    filled_quantity: int
    average_fill_price: Money | None
    reason: str
    basket_hash: str
    run_id: str
    slot: str = Field("", description="in which it was decided, of an intraday book alone")


class LimitNow(BaseModel):
    """A limit in force."""

    name: str
    symbol: str
    group: str
    in_force: int | float
    use: float | None
    used: float | None
    closest: str | None
    run_id: str | None
    set_by: str | None
    set_at: Instant | None
    reason: str | None


class LimitSet(BaseModel):
    """A change of a limit; values as a person writes them, `not set` where there was none or is none any more."""

    change_id: int
    changed_at: Instant
    limit: str
    of: str
    symbol: str
    group: str
    before: str
    after: str
    author: str
    reason: str
    request_id: str | None


class LimitsChanged(BaseModel):
    """Changes that hold now, and the request for those that give the book more room, which another person decides."""

    made: list[LimitSet]
    request: WaitingOne | None


class StrategyNow(BaseModel):
    """What a strategy holds and has earned in a symbol, with everything that is booked; valued at the last close that is done."""

    strategy: str
    symbol: str
    quantity: int
    average_cost: Money | None
    cost: Money
    cost_fifo: Money
    price: Money | None
    market_value: Money | None
    unrealised_profit: Money | None
    realised_profit: Money
    realised_profit_fifo: Money
    commission: Money


class BreakNow(BaseModel):
    """A difference from the broker."""

    break_id: int
    book: str
    kind: str
    symbol: str
    ours: Money | int
    theirs: Money | int
    difference: Money | int
    unit: str
    value: Money | None
    first_seen: date
    age_days: int
    last_seen: date
    owner: str | None
    resolution: str | None
    resolved_by: str | None
    run_id: str
    overdue: bool


class Problem(BaseModel):
    """What went wrong (RFC 9457, `application/problem+json`)."""

    type: str
    title: str
    status: int
    detail: str
