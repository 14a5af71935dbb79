"""Signals switched off by regime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grodt.errors import ConfigError
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.regime import REGIMES, UNKNOWN, LabelArray, RegimeHistory, RegimeModel, RegimeName

#: Whose regime switches a signal: the market's for all symbols at once, or each symbol's own.
SCOPES = ("market", "symbol")


@dataclass(frozen=True, slots=True)
class RegimeSettings(RegimeModel):
    """What a book says of regimes: how they are told apart, and what follows.

    Attributes:
        scope: whose regime switches signals: `market`, for all symbols at once, or `symbol`, each by its own.
        override: the regime that is in force whatever is measured, until the line is taken out; None: what is measured.
    """

    scope: str = "market"
    override: str | None = None

    def __post_init__(self) -> None:
        RegimeModel.__post_init__(self)
        if self.scope not in SCOPES:
            raise ConfigError(f"regime: scope is {self.scope!r}; it must be one of {', '.join(SCOPES)}")
        if self.override is not None:
            require_regimes("regime: override", (self.override,))


@dataclass(frozen=True, slots=True, eq=False)
class Gates:
    """The regimes of one session, and the signals that they switch off.

    Attributes:
        symbols: ascending tickers, N.
        signals: names, S.
        label, confidence: measured, of each symbol, (N,); see `RegimeHistory`.
        market, market_confidence: measured, of their market.
        in_force: code of the regime that each symbol's signals were switched by, (N,).
        market_in_force: code of the market's, the override included.
        off: whether a signal is switched off in a symbol, (S, N).
        market_off: whether it is in all symbols at once, by the market's regime, (S,).
        override: whether the regime in force is the book's and not a measured one.
        scope: whose regime switches.
    """

    symbols: tuple[str, ...]
    signals: tuple[str, ...]
    label: LabelArray
    confidence: FloatArray
    market: int
    market_confidence: float
    in_force: LabelArray
    market_in_force: int
    off: BoolArray
    market_off: BoolArray
    override: bool
    scope: str

    @property
    def counts(self) -> dict[str, int]:
        """In how many symbols each signal is off that is off in any."""
        counted = zip(self.signals, self.off.sum(axis=1).tolist(), strict=True)
        return {name: count for name, count in counted if count}

    def of(self, columns: NDArray[np.int64], symbols: tuple[str, ...]) -> "Gates":
        """Those of some symbols, under their names of that session; the market is the same."""
        return replace(
            self,
            symbols=symbols,
            label=self.label[columns],
            confidence=self.confidence[columns],
            in_force=self.in_force[columns],
            off=self.off[:, columns],
        )


@dataclass(frozen=True, slots=True, eq=False)
class GateHistory:
    """Those of R sessions in a row; see `Gates`.

    Attributes:
        symbols, signals, override, scope: as there.
        measured: the regimes.
        in_force: (R, N).
        market_in_force: (R,).
        on_in: whether a signal is on in each regime, the last column being a regime that is not known, (S, 5).
    """

    symbols: tuple[str, ...]
    signals: tuple[str, ...]
    measured: RegimeHistory
    in_force: LabelArray
    market_in_force: LabelArray
    on_in: BoolArray
    override: bool
    scope: str

    def off(self, signal: int) -> BoolArray:
        """Where that signal is switched off, (R, N)."""
        return np.asarray(~self.on_in[signal][self.in_force])

    def at(self, row: int) -> Gates:
        """Those of one session."""
        measured, market = self.measured, int(self.market_in_force[row])
        by_market = self.override or self.scope == "market"
        return Gates(
            self.symbols,
            self.signals,
            measured.label[row],
            measured.confidence[row],
            int(measured.market[row]),
            float(measured.market_confidence[row]),
            self.in_force[row],
            market,
            ~self.on_in[:, self.in_force[row]],
            ~self.on_in[:, market] & by_market,
            self.override,
            self.scope,
        )


@dataclass(frozen=True, slots=True)
class Gating:
    """In which regimes each signal of a book is on.

    A signal that is off in a symbol has forecast 0 there, where it has one at all, and keeps its weight: the position shrinks, and what the
    other signals say is not made more of. Where the regime is not known, a signal that names regimes is off.

    Attributes:
        settings: how regimes are told apart, and whose switches.
        regimes: by signal: the regimes it is on in; what is not there is always on.
    """

    settings: RegimeSettings
    regimes: Mapping[str, tuple[RegimeName, ...]]

    @property
    def fields(self) -> tuple[str, ...]:
        """What it reads of a panel beside closes and returns."""
        return self.settings.fields

    def require_history(self, owner: str, rows: int) -> None:
        """Refuse a history in which no regime could be known, so that signals would be off for want of data.

        Raises:
            ConfigError: names owner, what is needed and what there is.
        """
        if self.settings.override is None and self.regimes and rows < self.settings.history:
            raise ConfigError(
                f"{owner}: regime needs {self.settings.history} sessions of history and there are {rows}; bring in more with "
                "`grodt ingest`, shorten its windows, or set regime.override"
            )

    def evaluate(self, panel: Panel, signals: Sequence[str], last: int) -> GateHistory:
        """The gates in the panel's last rows.

        Args:
            panel: history with `fields`.
            signals: names, in their order.
            last: how many rows.

        Raises:
            ValueError: the panel has fewer, or members are not known of as many.
        """
        measured = self.settings.evaluate(panel, last)
        by_market = measured.market
        if self.settings.override is not None:
            by_market = np.full_like(by_market, REGIMES.index(self.settings.override))
        each = self.settings.scope == "symbol" and self.settings.override is None
        in_force = measured.label if each else np.broadcast_to(by_market[:, None], measured.label.shape)
        on_in = np.array([self._on_in(signal) for signal in signals], dtype=np.bool_).reshape(len(signals), len(REGIMES) + 1)
        overridden = self.settings.override is not None
        return GateHistory(panel.symbols, tuple(signals), measured, in_force, by_market, on_in, overridden, self.settings.scope)

    def _on_in(self, signal: str) -> list[bool]:
        """By code; `UNKNOWN`, −1, is the last one."""
        if signal not in self.regimes:
            return [True] * (len(REGIMES) + 1)
        return [regime in self.regimes[signal] for regime in REGIMES] + [False]


def require_regimes(owner: str, names: Sequence[str]) -> None:
    """Refuse names that are no regimes, none, and one given twice.

    Raises:
        ConfigError: names owner and value.
    """
    if not names or any(name not in REGIMES for name in names) or len(set(names)) < len(names):
        given = ", ".join(map(repr, names)) or "nothing"
        raise ConfigError(f"{owner} is {given}; it must be of {', '.join(REGIMES)}, each once")


def name_of(code: int) -> RegimeName | None:
    """The regime of that code; None where it is not known."""
    return None if code == UNKNOWN else REGIMES[code]
