"""A small exchange in CSV files in which, on 27 November 2015, everything happens that an order must not stand through.

26 November is a holiday, so the evening before is that of the 25th. All climb, so that a book that follows trends holds them.

| symbol | what happens on the 27th |
|---|---|
| GONE | taken off the list at 31.50 a share |
| HALF | splits 2 for 1 |
| OLD | is NEW from this day on |
| RISE | nothing |
| TENTH | ten shares become one |
"""

import math
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, LIMITS, WED, XNYS
from tests.fakes.alpaca_trading import FakeTrading

SYMBOLS = ("GONE", "HALF", "OLD", "RISE", "TENTH")
#: Of the four in which no order may stand, what control 37 says of an order.
CODES = {
    "GONE": "delisting_announced",
    "HALF": "split_announced",
    "OLD": "symbol_change_announced",
    "TENTH": "split_announced",
}
FINAL = "31.50"
_FIRST, _LAST = date(2015, 8, 3), date(2015, 12, 4)
_FACTOR = {"HALF": 0.5, "TENTH": 10.0}


def actions_home(folder: Path, broker: str, *, order: str = "{}") -> Home:
    """A home for book `small`, with its world beside it."""
    world = folder / "world"
    world.mkdir(parents=True)
    (world / "bars.csv").write_text("\n".join(["symbol,session,open,high,low,close,volume", *_bars()]) + "\n")
    (world / "splits.csv").write_text(f"symbol,ex_date,new,old\nHALF,{FRI},2,1\nTENTH,{FRI},1,10\n")
    (world / "instruments.csv").write_text(f"instrument,symbol,since,until\nold,OLD,,{FRI}\nold,NEW,{FRI},\n")
    kept = LIMITS | {"collar": "0.5", "order_quantity": "1000000", "symbol_position": "1000000", "return_high": "0.5"}
    books = world / "books.yaml"
    books.write_text(f"""
sources:
  files:
    kind: files
    bars: {{path: bars.csv}}
    splits: {{path: splits.csv, columns: {{ratio_new: new, ratio_old: old}}}}
    instruments: {{path: instruments.csv}}
    delistings:
      - {{symbol: GONE, session: {FRI}, cash_per_share: {FINAL}}}
books:
  small:
    calendar: XNYS
    source: files
    universe: {{symbols: [{", ".join(sorted([*SYMBOLS, "NEW"]))}]}}
    history: {{start: {_FIRST}}}
    capital: 1000000
    order: {order}
    broker: {{{broker}, slippage_bps: 0, commission_bps: 0}}
    signals:
      - {{signal: ewma_crossover, weight: 1, parameters: {{fast: 4, slow: 16}}}}
    construction:
      {{volatility_target: 0.25, weight_cap: 0.15, gross_cap: 0.90, no_trade_band: 0, long_only: true}}
    limits: {{{", ".join(f"{name}: {value}" for name, value in kept.items())}}}
    approval: automatic
    schedule: {{cron: "5 19 * * 1-5", latest_start_minutes: 60}}
""")
    return Home(folder / "home", books, "small", "2015-12-05T12:00:00Z")


def act_at(account: FakeTrading, home: Home) -> None:
    """What happens on the 27th, to what is held at the account."""
    assert home.books is not None
    lines = (home.books.parent / "bars.csv").read_text().splitlines()
    before = {line.split(",")[0]: line.split(",")[5] for line in lines if line.split(",")[1] == str(WED)}
    account.split("HALF", 2, 1)
    account.split("TENTH", 1, 10, before=before["TENTH"])
    account.delist("GONE", FINAL)
    account.rename("OLD", "NEW")


def shares_after(symbol: str, before: int) -> tuple[str, int]:
    """Symbol and shares of a holding after the 27th, if nothing is traded in it."""
    symbol, ratio = {"HALF": (symbol, Decimal(2)), "TENTH": (symbol, Decimal("0.1")), "GONE": (symbol, Decimal(0)), "OLD": ("NEW", 1)}[
        symbol
    ]
    return symbol, int(before * Decimal(ratio))


def _bars() -> list[str]:
    lines: list[str] = []
    for number, symbol in enumerate(SYMBOLS):
        draw = random.Random(70 + number)
        price = 20.0 + 10.0 * number
        for session in XNYS.between(_FIRST, _LAST):
            if symbol == "GONE" and session >= FRI:
                break
            if session == FRI:
                price *= _FACTOR.get(symbol, 1.0)
            opened = round(price * math.exp(draw.gauss(0.0, 0.004)), 2)
            price *= math.exp(0.004 + draw.gauss(0.0, 0.008))
            close = round(price, 2)
            called = "NEW" if symbol == "OLD" and session >= FRI else symbol
            lines.append(
                f"{called},{session},{opened},{max(opened, close)},{min(opened, close)},{close},{draw.randrange(100_000, 900_000)}"
            )
    return lines
