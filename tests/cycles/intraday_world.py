"""A book that decides within its sessions, on a simulated exchange of a few symbols, around Thanksgiving 2026.

26 November is a holiday, 27 November closes at 13:00 in New York. Slots are 10:30, 12:00 and 13:30, it is flat by 15:50.
"""

import shutil
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State

from flows.intraday import intraday
from grodt.sessions import Calendar
from tasks.wiring import observer
from tests.cycles.driver import Home
from tests.cycles.small_world import LIMITS

XNYS = Calendar("XNYS")
TUE, WED, FRI = date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 27)
SLOTS = ("1030", "1200", "1330", "1550", "close")
EARLY = ("1030", "1250", "close")
STOPS = "{risk_per_trade: 0.002, atr_multiple: 2, weight_cap: 0.2, gross_cap: 0.9}"


def books_text(*, broker: str = "slippage_bps: 5, commission_bps: 1", within: str = "", approval: str = "automatic", **limits: str) -> str:
    """The books file; `within` is added to the `intraday` section, `limits` replace those of the small world."""
    kept = LIMITS | {"symbol_weight": "0.35", "volatility_low": "0.001", "completeness": "0.6", "group_weight": '{"*": 0.9}'} | limits
    return f"""
sources:
  sim: {{kind: simulated, seed: 7, opened: 2026-01-02}}
books:
  within:
    calendar: XNYS
    source: sim
    universe: {{listed: 6}}
    history: {{start: 2026-10-01}}
    capital: 1000000
    broker: {{kind: paper, {broker}}}
    intraday:
      {{every: 90m, bars: 5m, first: "10:30", last: "13:30", flat_by: "15:50", history_sessions: 6{within}}}
    signals:
      - {{signal: vwap_ema_trend, weight: 0.5}}
      - {{signal: vwap_reversion, weight: 0.5}}
    construction:
      {{volatility_target: null, weight_cap: 0.20, gross_cap: 0.90, no_trade_band: 0, long_only: true}}
    limits: {{{", ".join(f"{name}: {value}" for name, value in kept.items())}}}
    approval: {approval}
    schedule: {{cron: "30 17 * * 1-5", latest_start_minutes: 60}}
"""


@dataclass
class Within(Home):
    """Its home. What `run` takes for sessions are pairs of a session and the name of a slot."""

    def _run_one(self, session: Any, watch: Any) -> None:
        day, slot = session
        token = observer.set(lambda stage, text: watch(session, stage, text))
        try:
            result = intraday.fn(self.book, day, slot)
        finally:
            observer.reset(token)
        if isinstance(result, State) and isinstance(result.data, BaseException):
            raise result.data

    def slots(self, session: date, *names: str) -> None:
        """Run those slots' cycles."""
        self.run(*((session, name) for name in names))  # type: ignore[arg-type]

    def copied(self, folder: Path) -> "Within":
        """A copy of it, to go on with."""
        shutil.copytree(self.folder, folder / "home")
        return replace(self, folder=folder / "home")

    def orders(self, run: str = "%") -> list[tuple[str, str, int, str]]:
        """Symbol, side, quantity and state of the orders of runs with such ids."""
        query = (
            "SELECT symbol, side, quantity, state FROM orders JOIN order_status USING (client_order_id) WHERE run_id LIKE ? ORDER BY 1, 2"
        )
        return self.sql(query, run)


def within_home(folder: Path, *, now: str = "2026-11-29T12:00:00Z", **given: str) -> Within:
    """A home for book `within`."""
    folder.mkdir(parents=True, exist_ok=True)
    books = folder / "books.yaml"
    books.write_text(books_text(**given))
    return Within(folder / "home", books, "within", now)
