"""One book with one combination of parameters, and what such books have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from grodt.replay.course import Plan
from grodt.research.grid import Parameters
from grodt.signals.forecasts import Signal, fields_of
from grodt.signals.gating import Gating


@dataclass(frozen=True, slots=True)
class Use:
    """A signal as a book uses it.

    Attributes:
        key: the same wherever the signal and its parameters are the same, whatever its weight and regimes.
        signal: the signal.
        weight: in the combined forecast.
    """

    key: str
    signal: Signal
    weight: float


@dataclass(frozen=True, slots=True)
class Variant:
    """A book with one combination of parameters.

    Attributes:
        parameters: what was varied, by path.
        signals: its signals.
        plan: the rest of it.
        gating: in which regimes each signal is on; None: always.
    """

    parameters: Parameters
    signals: tuple[Use, ...]
    plan: Plan
    gating: Gating | None = None

    @property
    def specs(self) -> tuple[tuple[Signal, float], ...]:
        """Its signals with their weights."""
        return tuple((use.signal, use.weight) for use in self.signals)


def fields_read(variants: Sequence[Variant]) -> tuple[str, ...]:
    """What any of them reads of a panel beside closes and returns, each once."""
    return tuple(sorted({name for each in variants for name in fields_of(each.specs, each.gating)}))


def needs_liquidity(variants: Sequence[Variant]) -> bool:
    """Whether the fills of any of them depend on volumes or volatility."""
    return any(each.plan.terms.needs_volume or each.plan.terms.needs_figures for each in variants)


@dataclass(frozen=True, slots=True)
class Piece:
    """A distinct forecast: of one signal with its parameters, switched off by one gating or by none.

    Attributes:
        signal: number of the signal among the distinct ones.
        gating: number of the gating among the distinct ones, None without.
        place: of the signal among those of its book, by which the gating knows it; 0 without a gating.
    """

    signal: int
    gating: int | None
    place: int


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What has to be computed once for all variants.

    Attributes:
        signals: distinct signals, in the order of their first use.
        gatings: distinct gatings with the names of the signals they switch, likewise.
        pieces: distinct forecasts.
        of_variant: by variant, the number of each signal's piece.
    """

    signals: tuple[Signal, ...]
    gatings: tuple[tuple[Gating, tuple[str, ...]], ...]
    pieces: tuple[Piece, ...]
    of_variant: tuple[tuple[int, ...], ...]


def arrange(variants: Sequence[Variant]) -> Arrangement:
    """What the variants share, each thing once."""
    signals: dict[str, Signal] = {}
    gatings: dict[str, tuple[Gating, tuple[str, ...]]] = {}
    pieces: dict[Piece, int] = {}
    of_variant = []
    for variant in variants:
        names = tuple(use.signal.name for use in variant.signals)
        gate = None
        if variant.gating is not None:
            key = repr((variant.gating.settings, sorted(variant.gating.regimes.items()), names))
            gatings.setdefault(key, (variant.gating, names))
            gate = list(gatings).index(key)
        numbers = []
        for place, use in enumerate(variant.signals):
            signals.setdefault(use.key, use.signal)
            switched = variant.gating is not None and use.signal.name in variant.gating.regimes
            piece = Piece(list(signals).index(use.key), gate if switched else None, place if switched else 0)
            numbers.append(pieces.setdefault(piece, len(pieces)))
        of_variant.append(tuple(numbers))
    return Arrangement(tuple(signals.values()), tuple(gatings.values()), tuple(pieces), tuple(of_variant))
