"""A small exchange in CSV files, around Thanksgiving 2015, in which everything happens that can happen to a holding.

26 November is a holiday, 27 November closes at 13:00 in New York. Prices drift up, so that a book that follows trends holds all of it.

| symbol | what happens |
|---|---|
| CASH | a dividend of 0.50: ex 25 November, paid 1 December; another of 0.25 on 30 November without a pay date |
| GONE | taken off the list on 1 December at 31.50 a share |
| REST | no bar on 30 November |
| RISE | nothing |
| TWIN | splits 3 for 2 on 27 November |
"""

import math
import random
from datetime import date
from pathlib import Path

from grodt.sessions import Calendar
from tests.cycles.driver import Home

XNYS = Calendar("XNYS")
MON, TUE, WED, FRI = date(2015, 11, 23), date(2015, 11, 24), date(2015, 11, 25), date(2015, 11, 27)
NEXT_MON, NEXT_TUE, NEXT_WED = date(2015, 11, 30), date(2015, 12, 1), date(2015, 12, 2)
WEEK = (MON, TUE, WED, FRI, NEXT_MON, NEXT_TUE, NEXT_WED)
SYMBOLS = ("CASH", "GONE", "REST", "RISE", "TWIN")
_FIRST, _LAST = date(2015, 8, 3), date(2015, 12, 4)
_DRIFT, _NOISE, _SEED = 0.004, 0.008, 30


LIMITS = {
    "order_quantity": "100000",
    "order_value": "400000",
    "price_age": "1",
    "symbol_weight": "0.35",
    "gross_exposure": "0.98",
    "basket_value": "1.5",
    "cash_buffer": "0.01",
    "completeness": "0.6",
    "volume_share": "0.5",
    "collar": "0.05",
    "collar_sigmas": "3",
    "symbol_position": "100000",
    "group_weight": "{}",
    "net_exposure": "0.98",
    "turnover": "1.5",
    "restricted": "[]",
    "weights_sum": "1.0",
    "volatility_low": "0.01",
    "volatility_high": "2.0",
    "return_high": "0.2",
    "daily_loss": "0.2",
    "drawdown": "0.5",
    "armed_cycles": "1000",
    "new_cycles": "1",
    "new_share": "1.0",
    "cycle_messages": "1000",
    "minute_messages": "1000",
    "rejects_in_a_row": "5",
    "slippage": "0.3",
    "slippages_in_a_row": "5",
}


BROKER = "slippage_bps: 5, commission_bps: 1"


def books_text(*, broker: str = BROKER, approval: str = "automatic", **limits: str | None) -> str:
    """The books file, with those terms of the paper broker and rule of approval; `limits` replace those of `small`, None leaves one out."""
    kept = {name: value for name, value in (LIMITS | limits).items() if value is not None}
    return f"""
sources:
  files:
    kind: files
    bars: {{path: bars.csv}}
    splits: {{path: splits.csv, columns: {{ratio_new: new, ratio_old: old}}}}
    dividends: {{path: dividends.csv, columns: {{pay_date: pay_date}}}}
    delistings:
      - {{symbol: GONE, session: 2015-12-01, cash_per_share: 31.50}}
books:
  small:
    calendar: XNYS
    source: files
    universe: {{symbols: [{", ".join(SYMBOLS)}]}}
    history: {{start: {_FIRST}}}
    capital: 1000000
    broker: {{kind: paper, {broker}}}
    signals:
      - {{signal: ewma_crossover, weight: 1, parameters: {{fast: 4, slow: 16}}}}
    construction:
      {{volatility_target: 0.25, weight_cap: 0.20, gross_cap: 0.90, no_trade_band: 0, long_only: true}}
    limits: {{{", ".join(f"{name}: {value}" for name, value in kept.items())}}}
    approval: {approval}
    schedule: {{cron: "30 17 * * 1-5", latest_start_minutes: 60}}
"""


def write_world(folder: Path) -> Path:
    """Write its files and the books file into a folder, and name the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bars.csv").write_text(f"symbol,session,open,high,low,close,volume\n{_bars()}")
    (folder / "splits.csv").write_text(f"symbol,ex_date,new,old\nTWIN,{FRI},3,2\n")
    (folder / "dividends.csv").write_text(f"symbol,ex_date,pay_date,amount\nCASH,{WED},{NEXT_TUE},0.50\nCASH,{NEXT_MON},,0.25\n")
    books = folder / "books.yaml"
    books.write_text(books_text())
    return books


def small_home(folder: Path, *, now: str = "2015-12-05T12:00:00Z") -> Home:
    """A home for book `small`, with its world beside it."""
    return Home(folder / "home", write_world(folder / "world"), "small", now)


def _bars() -> str:
    lines: list[str] = []
    for number, symbol in enumerate(SYMBOLS):
        draw = random.Random(_SEED + number)
        price = 20.0 + 10.0 * number
        for session in XNYS.between(_FIRST, _LAST):
            if (symbol, session) == ("REST", NEXT_MON) or (symbol == "GONE" and session >= NEXT_TUE):
                continue
            if (symbol, session) == ("TWIN", FRI):
                price *= 2 / 3
            opened = round(price * math.exp(draw.gauss(0.0, _NOISE / 2)), 2)
            price = price * math.exp(_DRIFT + draw.gauss(0.0, _NOISE))
            close = round(price, 2)
            lines.append(f"{symbol},{session},{opened},{max(opened, close)},{min(opened, close)},{close},{draw.randrange(10_000, 90_000)}")
    return "\n".join(lines) + "\n"
