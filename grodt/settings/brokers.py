"""The `broker` section of a book."""

from datetime import time
from decimal import Decimal
from itertools import product
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from grodt.brokers.alpaca_settings import AlpacaAccount
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.brokers.ccxt_venues import rule_of
from grodt.brokers.fills import FillAt, FillTerms
from grodt.brokers.ib_settings import IbAccount
from grodt.errors import ConfigError
from grodt.money import micros
from grodt.orders.terms import OrderTerms
from grodt.sessions import Calendar
from grodt.settings.cron import times_of
from grodt.settings.fields import Exact, Whole, of_this_place
from grodt.settings.section import Section

#: Alpaca takes no order for the open from the first to before the second of these, in New York.
_REFUSED = (time(9, 28), time(19))


class BrokerTerms(Section):
    """What trading costs: what the paper broker charges, and what replays assume. docs/costs.md says what each term stands for.

    Attributes:
        fill_at: at the open of the session after the decision, or at its close.
        slippage_bps: half the spread and what else crossing it costs.
        impact: coefficient of the square-root law.
        commission_bps, commission_per_share, minimum_commission, maximum_commission_bps: of each fill; USD where not in bps.
        participation: largest share of a session's volume that the orders of a symbol fill with; None: any.
        carry_sessions: sessions after the first in which what is left of an order still works.
        borrow_bps: of a short position's value, a year.
    """

    fill_at: FillAt = "open"
    slippage_bps: Exact = Field(ge=0, le=1000)
    impact: Exact = Decimal(0)
    commission_bps: Exact = Field(ge=0, le=1000)
    commission_per_share: Exact = Decimal(0)
    minimum_commission: Exact = Decimal(0)
    maximum_commission_bps: Exact | None = None
    participation: Exact | None = None
    carry_sessions: Whole = 0
    borrow_bps: Exact = Decimal(0)

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        of_this_place(self.terms)
        return self

    def terms(self) -> FillTerms:
        """What trading with it costs.

        Raises:
            ConfigError: a term is out of its range.
            ValueError: an amount in USD has more than six decimals.
        """
        return FillTerms(
            slippage_bps=self.slippage_bps,
            commission_bps=self.commission_bps,
            minimum_commission=micros(self.minimum_commission),
            commission_per_share=micros(self.commission_per_share),
            maximum_commission_bps=self.maximum_commission_bps,
            fill_at=self.fill_at,
            impact=self.impact,
            participation=self.participation,
            carry_sessions=self.carry_sessions,
            borrow_bps=self.borrow_bps,
        )


class PaperConfig(BrokerTerms):
    """The embedded paper broker: fills in the session after the decision, and cancels what a corporate action would leave as it was."""

    keeps_orders: ClassVar[frozenset[str]] = frozenset()
    kind: Literal["paper"]


class AlpacaBrokerConfig(BrokerTerms, AlpacaAccount):
    """An account at Alpaca. The terms are for replays, and for what a basket is expected to cost: the account charges what it charges."""

    kind: Literal["alpaca"]

    @model_validator(mode="after")
    def _as_orders_are_sent(self) -> Self:
        if self.fill_at != "open" or self.carry_sessions:
            raise ValueError("orders go to Alpaca for the next open and not beyond; fill_at must be open and carry_sessions 0")
        return self


class IbBrokerConfig(BrokerTerms, IbAccount):
    """An account at Interactive Brokers. Needs the extra `ib`. The terms are for replays alone."""

    kind: Literal["ib"]

    @model_validator(mode="after")
    def _as_orders_are_sent(self) -> Self:
        if self.fill_at != "open" or self.carry_sessions:
            raise ValueError("orders are sent for the next open and not beyond; fill_at must be open and carry_sessions 0")
        return self


class CcxtBrokerConfig(BrokerTerms, CcxtAccount):
    """An account at a crypto venue. Needs the extra `crypto`. The terms are for replays, and for what a basket is expected to cost."""

    kind: Literal["ccxt"]

    @model_validator(mode="after")
    def _as_orders_are_sent(self) -> Self:
        if self.fill_at != "open" or self.carry_sessions:
            raise ValueError("orders are sent when the next day has begun; fill_at must be open and carry_sessions 0")
        of_this_place(lambda: rule_of(self.venue))
        return self


BrokerConfig = Annotated[PaperConfig | AlpacaBrokerConfig | IbBrokerConfig | CcxtBrokerConfig, Field(discriminator="kind")]


def require_suits_crypto(calendar: Calendar, order: OrderTerms, *, long_only: bool) -> None:
    """Refuse a book whose orders a crypto venue would not take.

    Raises:
        ConfigError: its calendar has nights, its orders are for an auction or a session, or it sells short.
    """
    if calendar.name != "24/7":
        raise ConfigError(f"calendar {calendar.name} has sessions, and a crypto venue never closes; use 24/7")
    if order.bracket is not None:
        raise ConfigError(
            "order.bracket: no stop rests at a crypto venue through this adapter, so nothing would protect a position; leave it out"
        )
    if not order.is_default and (order.type, order.tif) != ("limit", "gtc"):
        raise ConfigError(
            f"order is {order.type} {order.tif}; a crypto venue has no auctions and no sessions: leave it out, or use limit gtc"
        )
    if not long_only:
        raise ConfigError("construction.long_only is false, and what is not held cannot be sold at a crypto venue's spot markets")


def require_safe_at_alpaca(order: OrderTerms, *, long_only: bool) -> None:
    """Refuse a book whose brackets would not protect it at Alpaca.

    Raises:
        ConfigError: it has a bracket and sells short.
    """
    if order.bracket is not None and not long_only:
        raise ConfigError(
            "order.bracket: a stop that rests at Alpaca through a reverse split would buy back more than was sold short; leave the bracket "
            "out, or set construction.long_only"
        )


def require_hours_of_alpaca(calendar: Calendar, cron: str) -> None:
    """Refuse a schedule whose orders Alpaca would not take.

    Raises:
        ConfigError: the calendar is not one of New York, or a time of the schedule is one in which orders for the open are refused.
    """
    if calendar.zone.key != "America/New_York":
        raise ConfigError(f"calendar {calendar.name} is not one of New York, whose stocks are what this broker trades; use XNYS")
    minutes, hours = times_of(cron)
    refused = sorted(time(hour, minute) for hour, minute in product(hours, minutes) if _REFUSED[0] <= time(hour, minute) < _REFUSED[1])
    if refused:
        raise ConfigError(
            f"schedule.cron starts a cycle at {refused[0]:%H:%M}, and Alpaca takes no order for the next open from {_REFUSED[0]:%H:%M} to "
            f'{_REFUSED[1]:%H:%M} in New York; start it later, such as "5 19 * * 1-5"'
        )
