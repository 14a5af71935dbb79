"""Signals in the books file."""

from typing import Self

from pydantic import Field, PrivateAttr, StrictFloat, StrictInt, StrictStr, ValidationInfo, field_validator, model_validator

from grodt.settings.fields import Number, of_this_place
from grodt.settings.section import Section
from grodt.signals.forecasts import Signal, require_weights
from grodt.signals.gating import require_regimes
from grodt.signals.plugins.kind import Kind
from grodt.signals.regime import RegimeName
from grodt.signals.registry import find_signal

#: What validation is told of the file: the folder where its relative paths start.
FOLDER = "folder"


class SignalConfig(Section):
    """One signal of a book, its weight in the combined forecast and its parameters.

    Attributes:
        signal: its name: one of GRODT's, of an installed package, or of the file.
        weight: in the combined forecast.
        parameters: those that are not at their defaults.
        file: a Python file of one's own that has it; a relative path starts at the books file's folder.
        regimes: in which it is on; None: always. The book has a `regime` section then.
    """

    signal: str
    weight: Number = Field(gt=0)
    parameters: dict[str, StrictInt | StrictFloat | StrictStr | tuple[StrictInt | StrictFloat, ...]] = Field(default_factory=dict)
    file: str | None = Field(default=None, min_length=1)
    regimes: tuple[RegimeName, ...] | None = None
    _kind: Kind = PrivateAttr()

    @model_validator(mode="after")
    def _can_be_built(self, info: ValidationInfo) -> Self:
        folder = (info.context or {}).get(FOLDER)
        self._kind = of_this_place(lambda: find_signal(self.signal, self.file, folder))
        of_this_place(self.build)
        return self

    @field_validator("regimes")
    @classmethod
    def _each_regime_once(cls, regimes: tuple[RegimeName, ...] | None) -> tuple[RegimeName, ...] | None:
        if regimes is not None:
            of_this_place(lambda: require_regimes("regimes", regimes))
        return regimes

    @property
    def kind(self) -> Kind:
        """What makes it, found when the file was read."""
        return self._kind

    @property
    def identity(self) -> str | None:
        """What changes with the code of a signal that is not GRODT's own; None for those that are."""
        return None if self._kind.origin is None else self._kind.origin.identity

    def build(self) -> Signal:
        """The signal with these parameters.

        Raises:
            ConfigError: the signal or a parameter is unknown, or a parameter is out of range.
        """
        return self._kind.build(self.parameters)


def each_once(signals: tuple[SignalConfig, ...]) -> tuple[SignalConfig, ...]:
    """The signals, if their names differ and their weights can combine them."""
    of_this_place(lambda: require_weights([signal.build().name for signal in signals], [signal.weight for signal in signals]))
    return signals
