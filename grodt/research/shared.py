"""What all runs of a sweep share: history and forecasts, computed once and laid out in a folder that every process maps into its memory.

Processes are started afresh (`spawn`), because a fork copies locks of Polars' threads that nobody will ever open again. A NumPy file
that is mapped read-only costs a process nothing but the pages it touches, which the system keeps once for all of them; nothing is
copied for each run, and nothing stays behind when a process is killed, as blocks of shared memory would.
"""

import pickle
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grodt.errors import ConfigError, DataError
from grodt.replay.attribution import index_changes
from grodt.replay.history import History, Liquidity
from grodt.research.grid import named
from grodt.research.variants import Arrangement, Variant, arrange
from grodt.signals.forecasts import ForecastHistory, combine, switched_off
from grodt.signals.indicators import Volatility
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.signals.warm_up import require_history

_REST = "rest.pickle"
_ROWS = ("open", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What statistics read beside a course.

    Attributes:
        actions: corporate actions, for round trips that one falls into.
        sessions_per_year: of the exchange.
        risk_free: rate per year.
    """

    actions: pl.DataFrame | None
    sessions_per_year: float
    risk_free: float = 0.0


@dataclass(frozen=True, eq=False)
class Shared:
    """The folder, opened.

    Attributes:
        folder: where it is.
        history: of all runs.
        variants: what is run.
        arrangement: what they share.
        setting: what statistics read.
        changes: of the index of the universe, (R,); see `index_changes`.
        volatility: (R, N).
    """

    folder: Path
    history: History
    variants: tuple[Variant, ...]
    arrangement: Arrangement
    setting: Setting
    changes: FloatArray
    volatility: FloatArray

    @cached_property
    def panel(self) -> Panel:
        """What signals see."""
        return self.history.panel.of_members(self.history.members_of_all())

    def off(self, piece: int) -> BoolArray:
        """Where a piece's signal is switched off, (R, N)."""
        off: BoolArray = _mapped(self.folder / f"off-{piece}.npy")
        return off

    def forecasts(self, variant: int) -> ForecastHistory:
        """A variant's combined forecasts over all sessions, the same to the last bit as `forecast_sessions` gives."""
        uses = self.variants[variant].signals
        pieces: list[FloatArray] = [_mapped(self.folder / f"forecast-{piece}.npy") for piece in self.arrangement.of_variant[variant]]
        combined = combine(pieces, [use.weight for use in uses])
        none = np.empty((len(uses), 0, combined.shape[1]))
        return ForecastHistory(self.history.panel.symbols, tuple(use.signal.name for use in uses), none, none, combined, self.volatility)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A signal that was evaluated: by number of its pieces, the first row with a forecast; None where there is none."""

    first: dict[int, int | None]


@dataclass(frozen=True, slots=True)
class EvaluateSignal:
    """Work: one distinct signal over the whole history; its pieces are left in the folder."""

    number: int

    def run(self, shared: Shared) -> Evaluated:
        """Do it.

        Raises:
            DataError: the signal is somebody's own and gave what no signal may give.
        """
        arrangement = shared.arrangement
        forecast = arrangement.signals[self.number].evaluate(shared.panel, shared.volatility).forecast
        first: dict[int, int | None] = {}
        for number, piece in enumerate(arrangement.pieces):
            if piece.signal == self.number:
                own = forecast if piece.gating is None else switched_off(forecast, shared.off(number))
                _keep(shared.folder / f"forecast-{number}.npy", own)
                known = ~np.isnan(own).all(axis=1)
                first[number] = int(known.argmax()) if known.any() else None
        return Evaluated(first)

    def words(self, shared: Shared) -> str:
        """What it is, for a message."""
        return f"signal {shared.arrangement.signals[self.number].name}"


def lay_out(folder: Path, history: History, variants: Sequence[Variant], setting: Setting) -> Shared:
    """Put everything but the signals' forecasts into the folder: history, volatility, gates.

    Raises:
        ConfigError: a signal, or the regimes, need more history than there is up to the first session, or the disk has too little room.
    """
    arrangement = arrange(variants)
    panel = history.panel.of_members(history.members_of_all())
    require_history(panel, arrangement.signals, len(history.sessions))
    _require_room(folder, history, len(arrangement.pieces))
    arrays: dict[str, NDArray[Any]] = {"panel-close": history.panel.close, "panel-log_return": history.panel.log_return}
    arrays |= {f"field-{name}": array for name, array in history.panel.fields.items()}
    arrays |= {name: getattr(history, name) for name in _ROWS}
    if history.members is not None:
        arrays["members"] = history.members
    if history.liquidity is not None:
        arrays |= {f"liquidity-{field.name}": getattr(history.liquidity, field.name) for field in fields(Liquidity)}
    for name, array in arrays.items():
        _keep(folder / f"{name}.npy", array)
    _keep(folder / "volatility.npy", Volatility().evaluate(panel, len(history.sessions)))
    for number, (gating, names) in enumerate(arrangement.gatings):
        gating.require_history(f"runs from {history.sessions[0]}", history.first_row + 1)
        gates = gating.evaluate(panel, names, len(history.sessions))
        for piece, each in enumerate(arrangement.pieces):
            if each.gating == number:
                _keep(folder / f"off-{piece}.npy", gates.off(each.place))
    rest = {
        "sessions": history.panel.sessions,
        "symbols": history.panel.symbols,
        "fields": tuple(history.panel.fields),
        "rows_per_year": history.panel.rows_per_year,
        "splits": history.panel.splits,
        "replayed": history.sessions,
        "instruments": history.instruments,
        "candidates": history.candidates,
        "actions": dict(history.actions),
        "cancels": dict(history.cancels),
        "variants": tuple(variants),
        "arrangement": arrangement,
        "setting": setting,
        "changes": index_changes(history),
    }
    (folder / _REST).write_bytes(pickle.dumps(rest, protocol=pickle.HIGHEST_PROTOCOL))
    return open_shared(folder)


def open_shared(folder: Path) -> Shared:
    """What `lay_out` left in a folder, mapped into memory."""
    rest = pickle.loads((folder / _REST).read_bytes())

    def array(name: str) -> NDArray[Any]:
        return _mapped(folder / f"{name}.npy")

    panel = Panel(
        rest["sessions"],
        rest["symbols"],
        array("panel-close"),
        array("panel-log_return"),
        {name: array(f"field-{name}") for name in rest["fields"]},
        rows_per_year=rest["rows_per_year"],
        splits=rest["splits"],
    )
    liquid = (folder / "liquidity-volume.npy").exists()
    history = History(
        panel=panel,
        sessions=rest["replayed"],
        instruments=rest["instruments"],
        candidates=rest["candidates"],
        actions=rest["actions"],
        cancels=rest["cancels"],
        liquidity=Liquidity(**{field.name: array(f"liquidity-{field.name}") for field in fields(Liquidity)}) if liquid else None,
        members=array("members") if (folder / "members.npy").exists() else None,
        **{name: array(name) for name in _ROWS},
    )
    return Shared(folder, history, rest["variants"], rest["arrangement"], rest["setting"], rest["changes"], array("volatility"))


def require_forecasts(shared: Shared, evaluated: Sequence[Evaluated]) -> tuple[int, ...]:
    """First row with a forecast, by variant.

    Raises:
        DataError: a variant has none in any session.
    """
    first = {number: row for each in evaluated for number, row in each.first.items()}
    found = []
    for variant, pieces in zip(shared.variants, shared.arrangement.of_variant, strict=True):
        rows = [row for piece in pieces if (row := first[piece]) is not None]
        if not rows:
            sessions = shared.history.sessions
            raise DataError(
                f"no symbol has a forecast from {sessions[0]} to {sessions[-1]} with {named(variant.parameters)}; look at the universe's "
                "rules and at the bars that there are (`grodt catalog bars_1d`)"
            )
        found.append(min(rows))
    return tuple(found)


def _require_room(folder: Path, history: History, pieces: int) -> None:
    panel = history.panel
    cells = 8 * panel.close.size * (2 + len(panel.fields)) + 8 * history.close.size * (5 + 3 * (history.liquidity is not None) + pieces)
    free = shutil.disk_usage(folder).free
    if cells > free:
        raise ConfigError(
            f"{pieces} distinct forecasts of {len(panel.symbols):,} symbols in {len(history.sessions):,} sessions need "
            f"{cells / 1e9:,.1f} GB in {folder.parent} and {free / 1e9:,.1f} GB are free: set TMPDIR to a folder on a larger disk, or vary "
            "fewer parameters of signals"
        )


def _keep(path: Path, array: NDArray[Any]) -> None:
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def _mapped(path: Path) -> NDArray[Any]:
    """The file as an array that nothing can be written to."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def part_of(forecasts: ForecastHistory, start: int, end: int) -> ForecastHistory:
    """The forecasts of rows `start` to `end` − 1; the signals' own are not among them."""
    none = forecasts.value[:, :0]
    return replace(
        forecasts, value=none, forecast=none, combined=forecasts.combined[start:end], volatility=forecasts.volatility[start:end], gates=None
    )
