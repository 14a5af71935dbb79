"""The compiled kernels: finding them, and evaluating one over a panel.

The C sources stand in `kernels/`, and installing GRODT compiles them there (`deployments/build_kernels.py`). What they know of gaps and
listings is in `kernels/evaluate.c`.
"""

import ctypes
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from grodt.errors import ConfigError
from grodt.signals.panel import BoolArray, FloatArray, Panel

FOLDER = Path(__file__).with_name("kernels")
#: Columns gone through at once, at most; as many as the kernel likes.
MOST_COLUMNS = 1 << 31

_Count = ctypes.c_int64
_Address = ctypes.c_void_p


def listings(panel: Panel) -> BoolArray:
    """Where a listing has its first bar, (T, N): a bar without a return."""
    starts: BoolArray = ~np.isnan(panel.close) & np.isnan(panel.log_return)
    return starts


def evaluate(
    kernel: str,
    inputs: Sequence[FloatArray],
    outputs: int = 1,
    *,
    counts: Sequence[int] = (0,),
    factors: Sequence[float] = (),
    listed: BoolArray | None = None,
) -> tuple[FloatArray, ...]:
    """What a kernel makes of the bars of each listing, at the sessions of those bars; NaN elsewhere.

    Args:
        kernel: its name in `kernels/evaluate.c`.
        inputs: (T, N) each; a bar is where none of them is NaN.
        outputs: how many arrays (T, N) come out.
        counts: its whole parameters, a window first.
        factors: its other parameters.
        listed: (T, N), True from where on a symbol is another one; None: each column is one listing.

    Raises:
        ValueError: an input is not of two dimensions, or shapes differ.
    """
    arrays = [np.ascontiguousarray(one, dtype=np.float64) if np.ndim(one) else np.asarray(one) for one in inputs]
    shape = arrays[0].shape
    if len(shape) != 2:
        raise ValueError(f"an indicator's input has shape {shape}; it must be (sessions, symbols)")
    marks = None if listed is None else np.ascontiguousarray(listed, dtype=np.bool_)
    for one in (*arrays, *(() if marks is None else (marks,))):
        if one.shape != shape:
            raise ValueError(f"an indicator's inputs have shapes {shape} and {one.shape}; they must be the same (sessions, symbols)")
    outs = tuple(np.empty(shape) for _ in range(outputs))
    if not arrays[0].size:
        return outs
    rows, columns = shape
    number = _COMPILED.grodt_kernel(kernel.encode(), len(arrays), outputs)
    if number < 0:
        raise ValueError(f"there is no kernel {kernel!r} of {len(arrays)} inputs and {outputs} outputs in {FOLDER / 'evaluate.c'}")
    whole, others = np.array(counts, dtype=np.int64), np.array(factors, dtype=np.float64)
    memory = np.empty(_COMPILED.grodt_memory(number, rows, columns, MOST_COLUMNS, whole[0]))
    _COMPILED.grodt_evaluate(
        number,
        rows,
        columns,
        MOST_COLUMNS,
        _addresses(arrays),
        _addresses(outs),
        None if marks is None else marks.ctypes.data,
        whole.ctypes.data,
        others.ctypes.data,
        memory.ctypes.data,
    )
    return outs


def load(folder: Path) -> ctypes.CDLL:
    """The kernels in that folder, compiled from the sources beside them.

    Raises:
        ConfigError: they are not, or from other sources, or for another machine.
    """
    path, remedy = folder / "kernels.so", "run `uv sync --reinstall-package grodt`, which compiles them"
    if not path.exists():
        raise ConfigError(f"the indicators' kernels are not compiled: {path} is missing; {remedy}")
    try:
        compiled = ctypes.CDLL(str(path))
    except OSError as error:
        raise ConfigError(f"the indicators' kernels do not load ({error}); {remedy} for this machine") from error
    compiled.grodt_sources.restype = ctypes.c_char_p
    built, there = compiled.grodt_sources().decode(), fingerprint(folder)
    if built != there:
        raise ConfigError(f"the indicators' kernels in {path} are compiled from other sources than those beside them; {remedy}")
    compiled.grodt_kernel.restype = _Count
    compiled.grodt_kernel.argtypes = [ctypes.c_char_p, _Count, _Count]
    compiled.grodt_memory.restype = _Count
    compiled.grodt_memory.argtypes = [_Count] * 5
    compiled.grodt_evaluate.restype = None
    compiled.grodt_evaluate.argtypes = [_Count] * 4 + [_Address] * 6
    return compiled


def fingerprint(folder: Path) -> str:
    """SHA-256 of the sources in that folder, as `deployments/build_kernels.py` puts it into the library."""
    digest = sha256()
    for path in sorted(folder.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _addresses(arrays: Sequence[FloatArray]) -> "ctypes.Array[ctypes.c_void_p]":
    return (_Address * len(arrays))(*(one.ctypes.data for one in arrays))


_COMPILED = load(FOLDER)
