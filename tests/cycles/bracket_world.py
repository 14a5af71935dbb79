"""A small exchange in CSV files in which legs of brackets fill: each symbol climbs, and is bought for it, before it goes its own way.

Entries are at the open of 24 November 2015, at the close of the day before, which they were decided on; that of FALL is 1 % above it. 26
November is a holiday. A stop lies 5 % below the entry, a take profit 8 % above.

| symbol | what happens |
|---|---|
| BOTH | on 27 November it goes through its stop and its take profit |
| FALL | on 27 November it falls by a tenth within the session |
| RISE | climbs by 3 % a session: its take profit is reached on 27 November |
| SPLT | splits 2 for 1 on 27 November and otherwise climbs slowly |
"""

import math
import random
from datetime import date
from pathlib import Path

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, LIMITS, MON, NEXT_MON, NEXT_TUE, NEXT_WED, TUE, WED, XNYS

WEEK = (MON, TUE, WED, FRI, NEXT_MON, NEXT_TUE, NEXT_WED)
SYMBOLS = ("BOTH", "FALL", "RISE", "SPLT")
_FIRST, _LAST = date(2015, 8, 3), date(2015, 12, 4)


def bracket_home(
    folder: Path,
    *,
    order: str = "{bracket: {stop_bps: 500, take_profit_bps: 800}}",
    broker: str = "slippage_bps: 0, commission_bps: 0",
    approval: str = "automatic",
    falls: date = FRI,
) -> Home:
    """A home for book `small`, with its world beside it. `falls`: the session in which FALL does."""
    world = folder / "world"
    world.mkdir(parents=True, exist_ok=True)
    (world / "bars.csv").write_text(f"symbol,session,open,high,low,close,volume\n{_bars(falls)}")
    (world / "splits.csv").write_text(f"symbol,ex_date,new,old\nSPLT,{FRI},2,1\n")
    kept = LIMITS | {"collar": "0.2", "return_high": "0.3", "daily_loss": "0.5"}
    books = world / "books.yaml"
    books.write_text(f"""
sources:
  files:
    kind: files
    bars: {{path: bars.csv}}
    splits: {{path: splits.csv, columns: {{ratio_new: new, ratio_old: old}}}}
books:
  small:
    calendar: XNYS
    source: files
    universe: {{symbols: [{", ".join(SYMBOLS)}]}}
    history: {{start: {_FIRST}}}
    capital: 1000000
    order: {order}
    broker: {{kind: paper, {broker}}}
    signals:
      - {{signal: ewma_crossover, weight: 1, parameters: {{fast: 4, slow: 16}}}}
    construction:
      {{volatility_target: 0.25, weight_cap: 0.20, gross_cap: 0.90, no_trade_band: 0.05, long_only: true}}
    limits: {{{", ".join(f"{name}: {value}" for name, value in kept.items())}}}
    approval: {approval}
    schedule: {{cron: "30 17 * * 1-5", latest_start_minutes: 60}}
""")
    return Home(folder / "home", books, "small", "2015-12-05T12:00:00Z")


def _bars(falls: date) -> str:
    lines: list[str] = []
    for number, symbol in enumerate(SYMBOLS):
        draw = random.Random(40 + number)
        price = 40.0 + 10.0 * number
        for session in XNYS.between(_FIRST, _LAST):
            if (symbol, session) == ("SPLT", FRI):
                price /= 2
            if (symbol, session) == ("FALL", TUE):
                price *= 1.01
            later = session >= TUE
            opened = round(price * math.exp(0.0 if later else draw.gauss(0.0, 0.004)), 2)
            drift = {"RISE": 0.03}.get(symbol, 0.001) if later else 0.004 + draw.gauss(0.0, 0.008)
            price = price * math.exp(drift)
            if (symbol, session) == ("FALL", falls):
                price = opened * 0.90
            close = round(price, 2)
            low, high = min(opened, close), max(opened, close)
            if symbol == "BOTH" and session == FRI:
                low, high = round(opened * 0.93, 2), round(opened * 1.10, 2)
            lines.append(f"{symbol},{session},{opened},{high},{low},{close},{draw.randrange(100_000, 900_000)}")
    return "\n".join(lines) + "\n"
