"""One book of the books file: its sections, and what must fit together in them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, WrapValidator, field_validator, model_validator

from grodt.bars.minute_gate import MinuteThresholds
from grodt.bars.quality import Thresholds
from grodt.errors import ConfigError
from grodt.money import Micros, micros
from grodt.orders.terms import OrderTerms
from grodt.risk.limits import Limits
from grodt.sessions import Calendar
from grodt.settings.approval import ApprovalConfig
from grodt.settings.brokers import (
    AlpacaBrokerConfig,
    BrokerConfig,
    CcxtBrokerConfig,
    require_hours_of_alpaca,
    require_safe_at_alpaca,
    require_suits_crypto,
)
from grodt.settings.fields import Cron, Exact, Name, Whole, as_written, of_this_place
from grodt.settings.intraday import IntradayConfig
from grodt.settings.section import Section
from grodt.settings.signals import SignalConfig, each_once
from grodt.settings.strategies import StrategyConfig, require_strategies
from grodt.settings.universe import HistoryConfig, UniverseConfig
from grodt.signals.forecasts import Signal
from grodt.signals.gating import Gating, RegimeSettings
from grodt.signals.signal import is_intraday
from grodt.targets.construction import Construction
from grodt.targets.strategies import Strategy

#: Fits 64 bits of micros with room for what it may grow to.
MOST_CAPITAL = Decimal(10**12)
#: By how many sessions one year can be longer or shorter than another.
_SPARE = 3
#: Days in which the sessions of a year are counted, three years of them: recent ones, and over whatever the date is today.
_COUNTED = (date(2021, 1, 1), date(2023, 12, 31))


class ScheduleConfig(Section):
    """When `grodt serve` starts the book's end of day: `cron`, in the exchange's zone."""

    cron: Cron
    latest_start_minutes: Whole = Field(ge=1)


class BookConfig(Section):
    """One book.

    Attributes:
        intraday: when it decides within a session; None: it is decided at the session's end.
        signals: with their weights, of a book that is one strategy.
        strategies: of a book that is several.
        order: what its orders are; market orders for the next open if not given.
        break_age_days: a break that is open for longer is overdue; None (written as null): none ever is.
        charges_bps: of equity, that interest and fees which its broker tells of a session may come to, to be booked by themselves.
    """

    name: Name
    calendar: str
    source: Name
    universe: UniverseConfig
    history: HistoryConfig
    capital: Exact = Field(gt=0, le=MOST_CAPITAL)
    broker: BrokerConfig
    intraday: IntradayConfig | None = None
    signals: tuple[SignalConfig, ...] = ()
    strategies: tuple[StrategyConfig, ...] = ()
    regime: Annotated[RegimeSettings, WrapValidator(as_written(RegimeSettings))] | None = None
    construction: Annotated[Construction, WrapValidator(as_written(Construction))]
    limits: Annotated[Limits, WrapValidator(as_written(Limits))]
    quality: Annotated[Thresholds, WrapValidator(as_written(Thresholds))] = Field(default_factory=Thresholds, validate_default=True)
    minute_quality: Annotated[MinuteThresholds, WrapValidator(as_written(MinuteThresholds))] = Field(
        default_factory=MinuteThresholds, validate_default=True
    )
    order: Annotated[OrderTerms, WrapValidator(as_written(OrderTerms))] = Field(default_factory=OrderTerms)
    approval: ApprovalConfig = Field(default_factory=lambda: ApprovalConfig.model_validate("automatic"))
    break_age_days: Whole | None = Field(default=2, ge=1)
    charges_bps: Exact = Field(default=Decimal(50), ge=0, le=1000)
    schedule: ScheduleConfig

    @field_validator("calendar")
    @classmethod
    def _known_calendar(cls, name: str) -> str:
        of_this_place(Calendar(name).bounds)
        return name

    @field_validator("capital")
    @classmethod
    def _whole_micros(cls, amount: Decimal) -> Decimal:
        micros(amount)
        return amount

    @model_validator(mode="before")
    @classmethod
    def _signals_or_strategies(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("signals") and not given.get("strategies"):
            raise ValueError("signals: none is given; name at least one with its weight, or `strategies` that have some")
        if isinstance(given, dict) and given.get("signals") and given.get("strategies"):
            raise ValueError("give either `signals`, or `strategies` that have their own")
        return given

    @field_validator("signals")
    @classmethod
    def _each_once(cls, signals: tuple[SignalConfig, ...]) -> tuple[SignalConfig, ...]:
        return each_once(signals) if signals else signals

    @field_validator("signals")
    @classmethod
    def _of_sessions(cls, signals: tuple[SignalConfig, ...], info: ValidationInfo) -> tuple[SignalConfig, ...]:
        """The signals of a book without an `intraday` section see daily bars."""
        intraday = [name.signal for name in signals if is_intraday(name.build())]
        if intraday and info.data.get("intraday") is None:
            raise ValueError(
                f"signals: {', '.join(intraday)} {'reads' if len(intraday) == 1 else 'read'} bars of a session and this book is decided at "
                "its end, on daily bars; take it out, or give the book an `intraday` section"
            )
        return signals

    @field_validator("quality", mode="before")
    @classmethod
    def _no_second_completeness(cls, given: Any) -> Any:
        if isinstance(given, dict) and "completeness" in given:
            raise ValueError("completeness is a limit: write it as limits.completeness alone")
        return given

    @field_validator("quality")
    @classmethod
    def _completeness_of_limits(cls, quality: Thresholds, info: ValidationInfo) -> Thresholds:
        """One bound of control 24, whether the gate asks or risk."""
        limits = info.data.get("limits")
        return quality if limits is None else replace(quality, completeness=limits.completeness)

    @model_validator(mode="after")
    def _regimes_are_told_apart(self) -> Self:
        gated = [name.build().name for name in self.signals if name.regimes is not None]
        if gated and self.regime is None:
            raise ValueError(
                f"signals: {', '.join(gated)} {'is' if len(gated) == 1 else 'are'} on in some regimes and the book has no `regime` section "
                "that says how they are told apart; write `regime: {}` for its defaults"
            )
        return self

    @model_validator(mode="after")
    def _suits_its_broker(self) -> Self:
        if isinstance(self.broker, AlpacaBrokerConfig):
            of_this_place(lambda: require_hours_of_alpaca(self.exchange, self.schedule.cron))
            of_this_place(lambda: require_safe_at_alpaca(self.order, long_only=self.construction.long_only))
        if isinstance(self.broker, CcxtBrokerConfig):
            suits = {"long_only": self.construction.long_only}
            of_this_place(lambda: require_suits_crypto(self.exchange, self.order, **suits))
        return self

    @model_validator(mode="after")
    def _history_in_calendar(self) -> Self:
        first, _ = self.exchange.bounds()
        if self.history.start is not None and self.history.start < first:
            raise ValueError(f"history.start {self.history.start} lies before {first}, the first session of {self.calendar} that is known")
        return self

    @model_validator(mode="after")
    def _history_for_signals(self) -> Self:
        """Years that can not hold what a signal needs. Whether there is as much in fact is asked before each decision."""
        years, (first, _) = self.history.years, self.exchange.bounds()
        if self.intraday is not None or years is None:
            return self
        start, end = _COUNTED
        usual = len(self.exchange.between(max(first, start), end)) * years // (end.year - start.year + 1)
        for signal in self.all_signals:
            made = signal.build()
            if made.history > usual + _SPARE * years:
                enough = made.history // (usual // years - _SPARE) + 1
                raise ValueError(
                    f"history.years is {years}, about {usual} sessions of {self.calendar}, and signal {made.name} needs {made.history}; "
                    f"ask for {enough} years, or shorten its parameters"
                )
        return self

    @model_validator(mode="after")
    def _can_be_decided_within_a_session(self) -> Self:
        within = self.intraday
        if within is None:
            return self
        if self.universe.rules is not None:
            raise ValueError("universe.rules are judged at a session's close; name the symbols of an intraday book, or `listed`")
        needed = max(name.build().history for name in self.signals)
        terms = self.broker
        if not self.order.is_default:
            raise ValueError("orders of an intraday book are market orders without brackets; take the `order` section out")
        of_this_place(lambda: within.require_suits(self.exchange, terms.kind, self.construction, terms.carry_sessions, needed))
        return self

    @model_validator(mode="after")
    def _strategies_fit(self) -> Self:
        if not self.strategies:
            return self
        require_strategies(self.name, self.strategies, self.construction)
        if self.regime is not None or self.intraday is not None:
            section = "regime" if self.regime is not None else "intraday"
            raise ValueError(f"strategies: a book of several has no `{section}` section; give what needs it a book of its own")
        if self.order.bracket is not None:
            raise ValueError(
                "order.bracket: a book of several strategies has none, because a leg closes shares of all of them; give each strategy that "
                "needs brackets a book of its own"
            )
        return self

    @property
    def exchange(self) -> Calendar:
        """Its calendar."""
        return Calendar(self.calendar)

    @property
    def capital_micros(self) -> Micros:
        """Its starting capital in micros."""
        return micros(self.capital)

    @property
    def orders_kept(self) -> frozenset[str]:
        """Times in force of its orders, legs of brackets among them, that may outlive a split at its broker as they were written."""
        own = {self.order.tif} if self.order.bracket is None else {self.order.tif, "gtc"}
        return self.broker.keeps_orders & own

    def require_end_of_day(self, instead: str) -> None:
        """Refuse an intraday book.

        Args:
            instead: what to do.

        Raises:
            ConfigError: it is one.
        """
        if self.intraday is not None:
            raise ConfigError(f"book {self.name!r} decides within its sessions; {instead}")

    def require_market_orders(self) -> None:
        """Refuse a book with an `order` section, where orders are played as market orders for the open.

        Raises:
            ConfigError: it has one.
        """
        if not self.order.is_default:
            raise ConfigError(
                f"book {self.name!r} sends {self.order.type} {self.order.tif} orders{' with brackets' if self.order.bracket else ''}, and "
                "replays know market orders for the open alone: "
                "take its `order` section out to replay it, and mind that it then trades otherwise"
            )

    @property
    def within(self) -> IntradayConfig:
        """When it decides within a session.

        Raises:
            ConfigError: it does not.
        """
        if self.intraday is None:
            raise ConfigError(f"book {self.name!r} is decided at the end of its sessions: `grodt run --book {self.name}` runs it")
        return self.intraday

    @property
    def all_signals(self) -> tuple[SignalConfig, ...]:
        """Its signals, those of all strategies one after the other."""
        return (*self.signals, *(signal for strategy in self.strategies for signal in strategy.signals))

    def weighted_signals(self) -> tuple[tuple[Signal, float], ...]:
        """Its signals with their weights; of all strategies, one after the other."""
        return tuple((signal.build(), signal.weight) for signal in self.all_signals)

    def several(self) -> tuple[tuple[Strategy, tuple[tuple[Signal, float], ...]], ...]:
        """Its strategies with their signals; none for a book that is one strategy."""
        return tuple(
            (
                Strategy(each.name, each.share, each.construction or self.construction),
                tuple((signal.build(), signal.weight) for signal in each.signals),
            )
            for each in self.strategies
        )

    def require_one_strategy(self, what: str) -> None:
        """Refuse a book of several strategies.

        Args:
            what: cannot be done with it.

        Raises:
            ConfigError: it has several.
        """
        if self.strategies:
            names = ", ".join(each.name for each in self.strategies)
            raise ConfigError(f"book {self.name!r} has strategies ({names}), and {what}; describe one of them as a book with `signals`")

    def gating(self) -> Gating | None:
        """In which regimes each signal is on; None for a book without a `regime` section."""
        if self.regime is None:
            return None
        return Gating(self.regime, {each.build().name: each.regimes for each in self.signals if each.regimes is not None})
