"""Signals by the name that a books file calls them by."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from grodt.errors import ConfigError
from grodt.signals.breakout import Breakout
from grodt.signals.cross_sectional_momentum import CrossSectionalMomentum
from grodt.signals.cross_sectional_reversal import CrossSectionalReversal
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.ewma_trend import EwmaTrend
from grodt.signals.low_volatility import LowVolatility
from grodt.signals.momentum import Momentum
from grodt.signals.plugins.files import kind_in_file
from grodt.signals.plugins.kind import Kind
from grodt.signals.plugins.packages import GROUP, installed, kind_of_package, package_of
from grodt.signals.rsi_reversion import RsiReversion
from grodt.signals.signal import Signal
from grodt.signals.volume_breakout import VolumeBreakout
from grodt.signals.vwap_ema_trend import VwapEmaTrend
from grodt.signals.vwap_reversion import VwapReversion
from grodt.signals.z_score_reversion import ZScoreReversion

#: What a books file may give a signal.
type Parameter = int | float | str | bool | tuple[int | float, ...]
#: Those that come with GRODT.
BUILT_IN: dict[str, type[Signal]] = {
    "momentum": Momentum,
    "ewma_crossover": EwmaCrossover,
    "ewma_trend": EwmaTrend,
    "breakout": Breakout,
    "cross_sectional_momentum": CrossSectionalMomentum,
    "cross_sectional_reversal": CrossSectionalReversal,
    "z_score_reversion": ZScoreReversion,
    "rsi_reversion": RsiReversion,
    "low_volatility": LowVolatility,
    "vwap_ema_trend": VwapEmaTrend,
    "vwap_reversion": VwapReversion,
    "volume_breakout": VolumeBreakout,
}


def find_signal(name: str, file: str | None = None, folder: Path | None = None) -> Kind:
    """The kind of signal of that name: one of a file if that is given, else of GRODT or an installed package.

    Args:
        name: in the books file.
        file: that it is in, as the books file names it.
        folder: where a relative path starts; the working folder by default.

    Raises:
        ConfigError: there is none of that name, or more than one, or its file or package is wrong.
    """
    packages = [entry for entry in installed() if entry.name == name]
    places = [f"package {package_of(entry)}" for entry in packages]
    if name in BUILT_IN:
        places.insert(0, "GRODT itself")
    if file is not None:
        places.insert(0, file)
    if len(places) > 1:
        advice = "rename yours" if file is not None else f"rename the entry point of group {GROUP} in one package, or remove the package"
        raise ConfigError(f"signal {name!r} is in {' and in '.join(places)}, and a name must mean one signal: {advice}")
    if file is not None:
        return kind_in_file(name, file, folder or Path.cwd())
    if packages:
        return kind_of_package(packages[0])
    if name not in BUILT_IN:
        known = sorted({*BUILT_IN, *(entry.name for entry in installed())})
        raise ConfigError(f"signal {name!r} is unknown; there are {', '.join(known)}")
    made = BUILT_IN[name]
    return Kind(name, made, tuple(field.name for field in fields(made)), (), (find_signal, (name,)))  # type: ignore[arg-type]  # each is a dataclass


def build_signal(name: str, parameters: Mapping[str, Parameter]) -> Signal:
    """The signal of that name with these parameters, the others at their defaults.

    Raises:
        ConfigError: the signal or a parameter is unknown, or a parameter is out of range.
    """
    return find_signal(name).build(parameters)
