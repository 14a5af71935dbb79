"""A small home as analysts find it: bars of two symbols that were revised once, corporate actions, and what two cycles of a book left.

| committed | holds |
|---|---|
| `FIRST` | the listings of both; bars of Monday to Thursday; SIM0001's Thursday close of 50.00; its minutes of Wednesday |
| `SECOND` | Thursday corrected to 50.50, and Friday; the 2:1 split of Thursday and a dividend, both learned late; the first cycle |
| `THIRD` | the second cycle; SIM0001's minutes of Friday, which add up to its daily bar |
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from grodt.bars.listings import UNKNOWN_SINCE
from grodt.lake import Lake, LakeFile, actions_path, bars_path, export_path, instruments_path, minute_bars_path
from grodt.lake.validation import types
from grodt.ledger.manifest import LedgerManifest, commit_files
from grodt.ledger.unit import Ledger

BOOK = SOURCE = "demo"
SPLIT, OTHER = "SIM0001", "SIM0013"
MON, TUE, WED, THU, FRI = (date(2026, 11, day) for day in range(16, 21))
FIRST, SECOND, THIRD = (datetime(2026, 11, day, 22, tzinfo=UTC) for day in (19, 20, 21))

_CLOSES = {SPLIT: (100.0, 102.0, 101.0, 50.0, 51.0), OTHER: (20.0, 20.5, None, 19.5, 20.0)}
_CORRECTED = 50.5
#: Minute from the open, open, high, low, close and volume of Friday's minutes; nobody traded in the others.
_MINUTES = (
    (0, 51.0, 51.5, 50.9, 51.2, 400.0),
    (1, 51.2, 52.0, 51.2, 51.8, 150.0),
    (61, 51.5, 51.5, 50.0, 50.4, 250.0),
    (389, 50.8, 51.0, 50.8, 51.0, 200.0),
)


def make(home: Path) -> Path:
    """Fill the home."""
    with closing(Ledger.open(f"sqlite:///{home / 'ledger.db'}")) as ledger:
        lake = Lake(home / "lake", LedgerManifest(ledger))

        def put(table: str, path: str, rows: list[dict[str, Any]], known_at: datetime) -> LakeFile:
            frame = pl.DataFrame(rows, schema=types(table))
            return lake.write(table, path, frame, source="demo", known_at=known_at, run_id=f"{BOOK}-eod-{FRI}")

        def bars(first: date, last: date, known_at: datetime) -> LakeFile:
            return put("bars_1d", bars_path(SOURCE, _CLOSES, first, last, 2026), _bars(first, last, known_at), known_at)

        def minutes(session: date, known_at: datetime) -> LakeFile:
            return put("bars_1m", minute_bars_path(SOURCE, [SPLIT], session, session, 2026), _minutes(session, known_at), known_at)

        with ledger.write() as tx:
            listed = [{"source": SOURCE, "instrument": s, "symbol": s, "session": UNKNOWN_SINCE, "known_at": FIRST} for s in _CLOSES]
            commit_files(
                tx, [bars(MON, THU, FIRST), minutes(WED, FIRST), put("instruments", instruments_path(SOURCE), listed, FIRST)], FIRST
            )
        with ledger.write() as tx:
            actions = put("corporate_actions", actions_path(SOURCE, [SPLIT, OTHER], MON, FRI, 2026), _actions(), SECOND)
            commit_files(tx, [bars(MON, THU, SECOND), bars(FRI, FRI, SECOND), actions, *_cycle(put, THU, SECOND)], SECOND)
        with ledger.write() as tx:
            commit_files(tx, [*_cycle(put, FRI, THIRD), minutes(FRI, THIRD)], THIRD)
    return home


def _bars(first: date, last: date, known_at: datetime) -> list[dict[str, Any]]:
    rows = []
    for symbol, closes in _CLOSES.items():
        for session, given in zip((MON, TUE, WED, THU, FRI), closes, strict=True):
            if given is None or not first <= session <= last:
                continue
            revised = (symbol, session) == (SPLIT, THU) and known_at > FIRST
            close = _CORRECTED if revised else given
            prices = {"open": close, "high": close + 1.0, "low": close - 1.0, "close": close, "volume": 1000.0}
            learned = known_at if revised or session == FRI else FIRST
            rows.append({"source": SOURCE, "symbol": symbol, "session": session, **prices, "known_at": learned})
    return rows


def _minutes(session: date, known_at: datetime) -> list[dict[str, Any]]:
    opened = datetime(session.year, session.month, session.day, 14, 30, tzinfo=UTC)
    names = ("open", "high", "low", "close", "volume")
    key = {"source": SOURCE, "symbol": SPLIT, "session": session, "known_at": known_at}
    return [key | {"start": opened + timedelta(minutes=at)} | dict(zip(names, numbers, strict=True)) for at, *numbers in _MINUTES]


def _actions() -> list[dict[str, Any]]:
    split = {"symbol": SPLIT, "ex_date": THU, "kind": "split", "ratio_new": 2, "ratio_old": 1}
    dividend = {"symbol": OTHER, "ex_date": FRI, "kind": "dividend", "cash_per_share": Decimal("0.50")}
    return [{"source": SOURCE, "known_at": SECOND, **action} for action in (split, dividend)]


def _cycle(put: Any, session: date, now: datetime) -> Iterator[LakeFile]:
    """What a cycle exports: positions, equity, evidence, its run."""
    key = {"book": BOOK, "session": session, "run_id": f"{BOOK}-eod-{session}"}
    value = Decimal(101_000)
    position = {"symbol": SPLIT, "quantity": 2000, "cost": value, "average_cost": Decimal("50.5"), "price": 50.5, "price_session": session}
    position |= {"market_value": value, "unrealised_profit": Decimal(0), "weight": 0.101}
    money = {"cash": Decimal(899_000), "receivable": Decimal(0), "positions_value": value, "equity": Decimal(1_000_000) + session.day}
    money |= {"gross_exposure": 0.101, "net_exposure": 0.101, "high_water_mark": Decimal(1_000_100), "drawdown": 0.0, "profit": Decimal(0)}
    check = {"control": 9, "name": "symbol weight", "scope": "symbol", "limit": 0.1}
    checks = [
        check | {"symbol": SPLIT, "value": 0.12, "headroom": -0.02, "verdict": "clip", "reason": "SYMBOL_WEIGHT"},
        check | {"symbol": OTHER, "value": 0.05, "headroom": 0.05, "verdict": "pass", "reason": ""},
    ]
    run = {"kind": "eod", "outcome": "done", "attempts": 1, "opened_at": now, "closed_at": now, "snapshot": "v1", "config_hash": "c"}
    counts = dict.fromkeys(("bars", "quarantined", "signals", "orders", "fills", "positions", "breaks"), 1)
    run |= {"code_version": "0.1.0", "equity": money["equity"], **counts}
    for table, rows in {"positions": [position], "equity": [money], "risk_checks": checks, "runs": [run]}.items():
        yield put(table, export_path(table, BOOK, session), [key | row for row in rows], now)
