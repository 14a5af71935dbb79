"""Live cycles and a replay of the same sessions, table by table."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from flows.replaying import ask, replay_book
from grodt.replay.running import Replayed
from tests.cycles.driver import Home

#: What a replay cannot say: who ran it, what a broker calls an order, and the hash of a basket that was approved to be sent.
_OF_A_RUN = ("run_id", "venue_order_id", "basket_hash")
#: Controls that are asked of messages to a broker, of its clock and of what it filled, and so not of a replay (docs/risk.md).
_OF_A_BROKER = (19, 20, 22, 27, 32)
TABLES = ("universe", "regimes", "signals", "targets", "risk_checks", "orders", "fills", "positions", "equity")


def replayed(home: Home, sessions: Sequence[date], out: Path) -> Replayed:
    """A replay of those sessions on the home's data."""
    with home.environment():
        asked = ask(home.book, sessions[0], sessions[-1], out)
        return replay_book(asked, as_of=None, evidence=True, risk_free=0.0, progress=lambda _text: None)


def table(folder: Path, name: str) -> pl.DataFrame:
    """A table below a folder, live or replayed, without what a replay cannot say."""
    glob = f"{folder}/{name}/**/*.parquet"
    if not list(folder.glob(f"{name}/**/*.parquet")):
        return pl.DataFrame()
    found = duckdb.sql(f"SELECT * FROM read_parquet('{glob}') ORDER BY ALL").pl()
    if name == "risk_checks":
        found = found.filter(~pl.col("control").is_in(_OF_A_BROKER))
    return found.drop(column for column in _OF_A_RUN if column in found.columns)


def differences(home: Home, out: Path) -> dict[str, str]:
    """By table, the first rows that only one of the two has."""
    found = {}
    for name in TABLES:
        live, replay = table(home.folder / "lake", name), table(out, name)
        if not live.equals(replay):
            only_live = live.join(replay, on=live.columns, how="anti", nulls_equal=True) if replay.height else live
            only_replay = replay.join(live, on=live.columns, how="anti", nulls_equal=True) if live.height and replay.height else replay
            found[name] = f"{live.height} rows live, {replay.height} replayed\nlive:\n{only_live.head(3)}\nreplayed:\n{only_replay.head(3)}"
    return found
