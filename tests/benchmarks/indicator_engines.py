"""Six indicators of every symbol, by GRODT and by others: one engine, one panel, one process.

    python tests/benchmarks/indicator_engines.py ENGINE FOLDER REPEAT

Run by `tests.benchmarks.indicators`, for a peer with the Python of that peer's own environment; so this file imports nothing but NumPy and
what its engine needs. It prints one line of JSON and leaves the first symbols' answers in FOLDER for comparison.

All compute, per symbol: 12-1 momentum c[t−21] / c[t−252] − 1; the crossover (EMA16 − EMA64) / (c · σ), σ being the 60-day volatility;
RSI 14; the z-score of 20 closes (population); ATR 14; the volatility of 60 log returns (sample, per year).
"""

import json
import math
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
#: High, low and close, (T, N), to whatever the engine likes to have; from that to its answers; from those to six arrays (T, some N).
type Engine = tuple[Callable[[Array, Array, Array], Any], Callable[[Any], Any], Callable[[Any, int], Sequence[Array]]]

NAMES = ("momentum", "crossover", "rsi", "z_score", "atr", "volatility")
#: Symbols whose answers are compared.
COMPARED = 20
YEAR = math.sqrt(252)


def grodt() -> Engine:
    from grodt.signals import indicators as ind

    def run(panel: tuple[Array, Array, Array]) -> tuple[Array, ...]:
        high, low, close = panel
        momentum = ind.roc(close, 252, 21, percent=False)
        volatility = ind.realised_volatility(ind.log_returns(close), 60)
        crossover = ind.ema(close, 16)
        crossover -= ind.ema(close, 64)
        crossover /= close
        crossover /= volatility
        return momentum, crossover, ind.rsi(close, 14), ind.z_score(close, 20), ind.atr(high, low, close, 14), volatility

    return _panel, run, lambda answers, count: [one[:, :count] for one in answers]


def _panel(high: Array, low: Array, close: Array) -> tuple[Array, Array, Array]:
    return high, low, close


def talib(threads: int = 1) -> Engine:
    import talib as ta

    def prepare(high: Array, low: Array, close: Array) -> tuple[Array, ...]:
        return tuple(np.ascontiguousarray(one.T) for one in (high, low, close))

    def run(panel: tuple[Array, Array, Array]) -> list[Array]:
        high, low, close = panel
        out = [np.empty_like(close) for _ in NAMES]

        def one(row: int) -> None:
            price = close[row]
            returns = np.empty_like(price)
            returns[0] = np.nan
            np.log(price[1:] / price[:-1], out=returns[1:])
            volatility = ta.STDDEV(returns[1:], 60) * (math.sqrt(60 / 59) * YEAR)
            out[5][row, 0], out[5][row, 1:] = np.nan, volatility
            out[0][row, :252] = np.nan
            np.subtract(price[231:-21] / price[:-252], 1.0, out=out[0][row, 252:])
            np.divide(ta.EMA(price, 16) - ta.EMA(price, 64), price * out[5][row], out=out[1][row])
            out[2][row] = ta.RSI(price, 14)
            np.divide(price - ta.SMA(price, 20), ta.STDDEV(price, 20), out=out[3][row])
            out[4][row] = ta.ATR(high[row], low[row], price, 14)

        if threads == 1:
            for row in range(len(close)):
                one(row)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, range(len(close)), chunksize=64))
        return out

    return prepare, run, lambda answers, count: [one[:count].T for one in answers]


def pandas() -> Engine:
    import pandas as pd

    def prepare(high: Array, low: Array, close: Array) -> tuple[Any, ...]:
        return tuple(pd.DataFrame(one) for one in (high, low, close))

    def run(panel: tuple[Any, Any, Any]) -> tuple[Any, ...]:
        high, low, close = panel
        before, change = close.shift(), close.diff()
        volatility = np.log(close / before).rolling(60).std() * YEAR
        fast, slow = (close.ewm(span=span, adjust=False).mean() for span in (16, 64))
        gain, loss = (part.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean() for part in (change, -change))
        window = close.rolling(20)
        # high and low on either side of each other: the greater of high and previous close less the lesser of low and it
        ranges = np.maximum(high, before) - np.minimum(low, before)
        return (
            close.shift(21) / close.shift(252) - 1,
            (fast - slow) / (close * volatility),
            100 * gain / (gain + loss),
            (close - window.mean()) / window.std(ddof=0),
            ranges.ewm(alpha=1 / 14, adjust=False).mean(),
            volatility,
        )

    return prepare, run, lambda answers, count: [one.iloc[:, :count].to_numpy() for one in answers]


def polars() -> Engine:
    import polars as pl

    def prepare(high: Array, low: Array, close: Array) -> Any:
        length, width = close.shape
        symbol = pl.Series(np.repeat(np.arange(width, dtype=np.uint32), length))
        return pl.DataFrame({"symbol": symbol, **{n: a.T.reshape(-1) for n, a in (("high", high), ("low", low), ("close", close))}})

    def run(frame: Any) -> Any:
        close = pl.col("close")
        before = close.shift()
        change = close - before
        volatility = (close / before).log().rolling_std(60) * YEAR
        gain, loss = (part.ewm_mean(alpha=1 / 14, adjust=False) for part in (change.clip(lower_bound=0), (-change).clip(lower_bound=0)))
        ranges = pl.max_horizontal("high", before) - pl.min_horizontal("low", before)
        ranges = pl.when(before.is_null()).then(None).otherwise(ranges)
        cross = close.ewm_mean(span=16, adjust=False) - close.ewm_mean(span=64, adjust=False)
        return frame.select(
            momentum=(close.shift(21) / close.shift(252) - 1).over("symbol"),
            crossover=(cross / (close * volatility)).over("symbol"),
            rsi=(100 * gain / (gain + loss)).over("symbol"),
            z_score=((close - close.rolling_mean(20)) / close.rolling_std(20, ddof=0)).over("symbol"),
            atr=ranges.ewm_mean(alpha=1 / 14, adjust=False).over("symbol"),
            volatility=volatility.over("symbol"),
        )

    return prepare, run, _from_long


def polars_talib() -> Engine:
    import polars as pl
    import polars_talib as plta

    prepare, _, _ = polars()

    def run(frame: Any) -> Any:
        close = pl.col("close")
        returns = (close / close.shift()).log()
        volatility = returns.rolling_std(60) * YEAR
        cross = plta.ema(close, timeperiod=16) - plta.ema(close, timeperiod=64)
        return frame.select(
            momentum=(close.shift(21) / close.shift(252) - 1).over("symbol"),
            crossover=(cross / (close * volatility)).over("symbol"),
            rsi=plta.rsi(close, timeperiod=14).over("symbol"),
            z_score=((close - plta.sma(close, timeperiod=20)) / plta.stddev(close, timeperiod=20, nbdev=1.0)).over("symbol"),
            atr=plta.atr(pl.col("high"), pl.col("low"), close, timeperiod=14).over("symbol"),
            volatility=volatility.over("symbol"),
        )

    return prepare, run, _from_long


def _from_long(frame: Any, count: int) -> list[Array]:
    length = frame.height // _WIDTH[0]
    part = frame.head(count * length)
    return [part[name].to_numpy().astype(float).reshape(count, length).T for name in NAMES]


#: Symbols of the panel, for engines that keep it in long form.
_WIDTH = [0]


def vectorbt() -> Engine:
    import pandas as pd
    import vectorbt as vbt

    def prepare(high: Array, low: Array, close: Array) -> tuple[Any, ...]:
        return tuple(pd.DataFrame(one) for one in (high, low, close))

    def run(panel: tuple[Any, Any, Any]) -> tuple[Any, ...]:
        high, low, close = panel
        volatility = np.log(close / close.shift()).vbt.rolling_std(60) * YEAR
        cross = vbt.MA.run(close, 16, ewm=True).ma.to_numpy() - vbt.MA.run(close, 64, ewm=True).ma.to_numpy()
        # Wilder's smoothing over 14 is an exponential average of span 27
        rsi, atr = vbt.RSI.run(close, 27, ewm=True).rsi, vbt.ATR.run(high, low, close, 27, ewm=True).atr
        z_score = (close - close.vbt.rolling_mean(20)) / close.vbt.rolling_std(20, ddof=0)
        return (close.vbt.fshift(21) / close.vbt.fshift(252) - 1, cross / (close * volatility), rsi, z_score, atr, volatility)

    return prepare, run, lambda answers, count: [one.to_numpy()[:, :count] for one in answers]


ENGINES: dict[str, Callable[[], Engine]] = {
    "grodt": grodt,
    "talib": talib,
    "talib-2-threads": lambda: talib(2),
    "pandas": pandas,
    "polars": polars,
    "polars_talib": polars_talib,
    "vectorbt": vectorbt,
}


def main() -> None:
    """Time one engine on one panel."""
    name, folder, repeat = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    started = time.perf_counter()
    prepare, run, some = ENGINES[name]()
    imported = time.perf_counter() - started
    high, low, close = (np.load(folder / f"{field}.npy") for field in ("high", "low", "close"))
    _WIDTH[0] = close.shape[1]
    started = time.perf_counter()
    panel = prepare(high, low, close)
    laid_out = time.perf_counter() - started
    if name != "grodt":
        del high, low, close  # a peer keeps its own layout alone
    seconds, cpu, answers = [], [], None
    for _ in range(repeat + 1):
        answers = None
        before, before_cpu = time.perf_counter(), time.process_time()
        answers = run(panel)
        seconds.append(time.perf_counter() - before)
        cpu.append(time.process_time() - before_cpu)
    count = min(COMPARED, _WIDTH[0])
    np.save(folder / f"answers-{name}.npy", np.array([np.asarray(one, dtype=float) for one in some(answers, count)]))
    found = {
        "import": imported,
        "layout": laid_out,
        "first": seconds[0],
        "warm": statistics.median(seconds[1:]),
        "best": min(seconds[1:]),
        "cpu": statistics.median(cpu[1:]),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "load": os.getloadavg()[0],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
