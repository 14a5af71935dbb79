"""What Alpaca tells of an account's cash apart from fills: its non-trade activities as they come, and what they become. Pure functions.

Types: https://docs.alpaca.markets/us/docs/account-activities. A type, status or amount that is not known here is no error: the activity is
kept with Alpaca's words, and nothing of it is booked.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter

from grodt.money import Micros, micros
from grodt.orders.cash_activity import ActivityKind, CashActivity

#: What there is a page of elsewhere.
FILL = "FILL"
_KINDS: Mapping[str, ActivityKind] = {
    # Fee; charges passed through (such as of depositary receipts) and rebates of them; fee of a dividend.
    **dict.fromkeys(("FEE", "PTC", "PTR", "DIVFEE"), "fee"),
    # Interest, credited or on margin, and what of it is withheld.
    **dict.fromkeys(("INT", "INTNRA", "INTTW"), "interest"),
    **dict.fromkeys(("DIV", "DIVCGL", "DIVCGS", "DIVFT", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX", "DIVWH"), "dividend"),
    # Deposits, receipts, withdrawals, cash of another broker's account, journals between accounts.
    **dict.fromkeys(("CSD", "CSR", "CSW", "ACATC", "JNL", "JNLC"), "transfer"),
    **dict.fromkeys(("CIL", "MA", "NC", "REORG", "SC", "SPIN", "SPLIT", "SSO", "SSP"), "action"),
}
#: They may come without an amount: shares moved, which is seen in positions.
_MAY_MOVE_SHARES = frozenset({"ACATS", "JNLS", *(code for code, kind in _KINDS.items() if kind == "action")})
#: "correct": executed, with input by hand; as valid.
_EXECUTED = ("executed", "correct")
_MICRO = Decimal("0.000001")


def _text(given: Any) -> Any:
    """A text as it is; of anything else its words, which are then no number and no day."""
    return given if given is None or isinstance(given, str) else f"{given!r}, which is no text"


Words = Annotated[str | None, BeforeValidator(_text)]


class AlpacaCashActivity(BaseModel):
    """A non-trade activity of `/v2/account/activities`. Fields that we do not use are let be."""

    model_config = ConfigDict(frozen=True)

    id: str
    activity_type: str
    activity_sub_type: Words = None
    date: Words = None
    net_amount: Words = None
    currency: Words = None
    status: Words = None
    symbol: Words = None
    description: Words = None


CASH_ACTIVITIES = TypeAdapter(list[AlpacaCashActivity])


def broker_cash_activity(told: AlpacaCashActivity, session_of: Callable[[date], date], undated: date) -> CashActivity | None:
    """The activity as GRODT sees it; None where it moved no cash.

    Args:
        told: by Alpaca. Digits finer than a micro are rounded half-even, as those of cash are.
        session_of: the session that a day is counted to.
        undated: the day of one that has none that can be read.
    """
    doubts: list[str] = []
    kind = _KINDS.get(told.activity_type, "unknown")
    if told.status is not None and told.status not in _EXECUTED:
        doubts.append(f"status {told.status!r}")
    if told.currency not in (None, "", "USD"):
        doubts.append(f"currency {told.currency!r}")
    amount = _amount(told.net_amount)
    if amount is None and (told.net_amount is not None or told.activity_type not in _MAY_MOVE_SHARES):
        doubts.append(f"net_amount {told.net_amount!r}")
    day = _day(told.date)
    if day is None:
        doubts.append(f"date {told.date!r}")
        day = _day(told.id[:8]) or undated
    if not doubts and not amount:
        return None
    return CashActivity(
        activity_id=told.id,
        kind=kind,
        code=" ".join(filter(None, (told.activity_type, told.activity_sub_type))),
        amount=Micros(0) if doubts or amount is None else amount,
        session=session_of(day),
        day=day,
        symbol=told.symbol or "",
        words=told.description or "",
        unreadable=f"Alpaca tells {', '.join(doubts)}" if doubts else "",
    )


def _amount(told: str | None) -> Micros | None:
    try:
        return micros(Decimal(told or "none").quantize(_MICRO, ROUND_HALF_EVEN))
    except (InvalidOperation, ValueError):
        return None


def _day(told: str | None) -> date | None:
    try:
        return datetime.fromisoformat(told).date() if told else None
    except ValueError:
        return None
