"""Whole cycles without a Prefect server: the flow as it stands, its tasks run as plain functions.

What Prefect adds (states, retries, artifacts in its UI) has tests of its own in tests/flows. Here a cycle costs what our stages cost.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from prefect import Task
from prefect.client.schemas.objects import State

import tasks.artifacts
from flows.end_of_day import end_of_day
from tasks.wiring import observer

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
US_DAILY = Path(__file__).resolve().parents[2] / "deployments/examples/us-daily.yaml"

#: The ledger's tables of facts, with what identifies a try (its number, its instant) left out.
_FACTS = {
    "runs": "run_id, state, config_hash, closed_at IS NULL",
    "coverage": "*",
    "baskets": "*",
    "basket_approvals": "*",
    "orders": "*",
    "withdrawals": "*",
    "order_events": "client_order_id, state, filled_quantity, venue_order_id, reason, run_id",
    "order_status": "*",
    "fills": "*",
    "entries": "*",
    "postings": "*",
    "dividends": "*",
    "applied_sessions": "*",
    "settlements": "*",
    "marks": "*",
    "breaks": "*",
    "halts": "*",
}


@contextmanager
def without_prefect(publish: Callable[..., None] = lambda *_args, **_kwargs: None) -> Iterator[None]:
    """Tasks run as plain functions; artifacts go to `publish`. Nothing of ours is replaced."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "__call__", lambda task, *args, **kwargs: task.fn(*args, **kwargs))
        patch.setattr(tasks.artifacts, "create_markdown_artifact", publish)
        patch.setattr(tasks.artifacts, "create_table_artifact", publish)
        yield


@dataclass
class Home:
    """A `GRODT_HOME` in a folder, and the books and clock that go with it."""

    folder: Path
    books: Path | None = None
    book: str = "demo"
    now: str = "2026-11-21T12:00:00Z"
    artifacts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        """Its environment."""
        books = {"GRODT_CONFIG": str(self.books)} if self.books is not None else {}
        return {"GRODT_HOME": str(self.folder), "GRODT_NOW": self.now, **books}

    def run(self, *sessions: date, watch: Callable[[date, str, str], None] = lambda _session, _stage, _text: None) -> None:
        """Run those sessions' cycles. `watch` is told session, stage and what goes on: "" when the stage starts."""
        with self.environment(), without_prefect(lambda *_args, **kwargs: self.artifacts.append(kwargs)):
            for session in sessions:
                self._run_one(session, watch)

    def _run_one(self, session: date, watch: Callable[[date, str, str], None]) -> None:
        token = observer.set(lambda stage, text: watch(session, stage, text))
        try:
            result = end_of_day.fn(self.book, session)
        finally:
            observer.reset(token)
        if isinstance(result, State) and isinstance(result.data, BaseException):
            raise result.data

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Its variables, in this process."""
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("GRODT_")]:
                patch.delenv(name)
            for name, value in self.variables.items():
                patch.setenv(name, value)
            yield

    # what it holds

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of its ledger."""
        return _query(self.folder / "ledger.db", query, *parameters)

    def broker(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of its paper broker."""
        return _query(self.folder / "brokers" / f"paper-{self.book}.db", query, *parameters)

    def table(self, name: str) -> pl.DataFrame:
        """A table of its lake, as anyone reads it: by a glob."""
        glob = f"{self.folder}/lake/{name}/**/*.parquet"
        return duckdb.sql(f"SELECT * FROM read_parquet('{glob}') ORDER BY ALL").pl()

    def files(self, *tables: str) -> dict[str, str]:
        """Digest of each current lake file of those tables (of all of them)."""
        lake = self.folder / "lake"
        found = {str(path.relative_to(lake)): path for path in lake.rglob("*.parquet") if not path.is_relative_to(lake / "_history")}
        wanted = {name: path for name, path in found.items() if not tables or name.split("/")[0] in tables}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(wanted.items())}

    def facts(self) -> dict[str, list[Any]]:
        """What a rerun must end in: ledger facts, the evidence that stands, the paper broker, the lake less its `runs`."""
        facts: dict[str, list[Any]] = {table: sorted(map(repr, self.sql(f"SELECT {what} FROM {table}"))) for table, what in _FACTS.items()}
        last = "attempt = (SELECT max(attempt) FROM evidence AS l WHERE l.run_id = r.run_id)"
        checks = "run_id, control, scope, symbol, name, value, bound, headroom, verdict, reason"
        facts["risk_checks"] = sorted(map(repr, self.sql(f"SELECT {checks} FROM risk_checks AS r WHERE {last}")))
        for (table,) in self.broker("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"):
            facts[f"broker {table}"] = sorted(map(repr, self.broker(f"SELECT * FROM {table}")))
        facts["lake"] = [item for item in self.files().items() if not item[0].startswith("runs/")]
        return facts

    def everything(self) -> dict[str, str]:
        """Digest of each lake file and of every row of each database: what running again must not change."""
        found = {str(path.relative_to(self.folder)): path.read_bytes() for path in (self.folder / "lake").rglob("*") if path.is_file()}
        for database in [self.folder / "ledger.db", *(self.folder / "brokers").glob("*.db")]:
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                found[database.name] = "\n".join(connection.iterdump()).encode()
        return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(found.items())}


def _query(database: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query, parameters).fetchall()
