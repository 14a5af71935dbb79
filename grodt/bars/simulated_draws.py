"""Random numbers of the simulated exchange, read by counter, and the volatility they drive.

Every random number is a function of (seed, stream, date, symbol): Philox is read at the counter (date, symbol), so no order of
asking, no number of symbols and no process can change it.
"""

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]
type Flags = NDArray[np.bool_]

OVERNIGHT_SHARE = 0.25  # of a session's variance
_LARGEST_VARIANCE = 7.0  # of a mean of 1
_DAY_STRIDE = 20  # bits of the counter for the symbol; the date's ordinal lies above them


def draw(seed: int, stream: int, days: Integers, first: int, count: int) -> Floats:
    """Eight uniforms in (0, 1) for each day (an ordinal) and each of `count` symbols from `first` on: (8, days, count).

    Two 32-bit halves of each of Philox's four 64-bit words; NumPy promises that its raw words never change.
    """
    words = np.empty((days.size, count * 4), dtype="<u8")
    bits = np.random.Philox(key=(stream << 64) | seed, counter=(int(days[0]) << _DAY_STRIDE) + first)
    gaps = np.diff(days, append=days[-1] + 1).tolist()
    for row, gap in enumerate(gaps):
        words[row] = bits.random_raw(count * 4)
        bits.advance((gap << _DAY_STRIDE) - count)
    halves = words.view("<u4").reshape(days.size, count, 8)
    uniforms = np.empty((8, days.size, count))
    for factor in range(8):
        np.add(halves[:, :, factor], 0.5, out=uniforms[factor])
    uniforms *= 2.0**-32
    return uniforms


def normals(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Two independent standard normals from two uniforms (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log(first))
    angle = 2.0 * np.pi * second
    return radius * np.cos(angle), radius * np.sin(angle)


def variances(start: Floats, overnight: Floats, intraday: Floats, garch: tuple[float, float]) -> Floats:
    """GARCH(1,1) variances with mean 1: row t holds in session t, and the last of the sessions + 1 rows after the last session."""
    alpha, beta = garch
    growth = beta + alpha * (OVERNIGHT_SHARE * overnight**2 + (1 - OVERNIGHT_SHARE) * intraday**2)
    path = np.empty((len(growth) + 1, growth.shape[1]))
    path[0] = start
    for row in range(len(growth)):
        following = path[row + 1]
        np.multiply(growth[row], path[row], out=following)
        following += 1 - alpha - beta
        np.minimum(following, _LARGEST_VARIANCE, out=following)
    return path
