"""A ledger on PostgreSQL whose connection is lost at a commit, before the server has it or after: run again, it ends the same."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg
import pytest

from grodt.errors import GrodtError
from grodt.ledger.engine import LedgerUnusable
from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED, small_home
from tests.faults.homes import Killed, copied, life
from tests.faults.points import differences
from tests.postgres import PostgresServer

type Loss = Literal["before", "after", "killed"]


@dataclass
class OnPostgres(Home):
    """A home whose ledger is in a database."""

    url: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """Its environment."""
        return super().variables | {"GRODT_LEDGER": self.url}

    def sql(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of its ledger."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.replace("?", "%s").encode(), parameters).fetchall()


@dataclass(frozen=True)
class Friday:
    """The last of four sessions: the home and database before it, its facts in the end, and how many commits it made."""

    before: OnPostgres
    facts: dict[str, list[Any]]
    commits: int


@pytest.fixture(scope="module")
def friday(postgres: PostgresServer, folder: Path) -> Friday:
    home = small_home(folder / "on-postgres")
    before = OnPostgres(home.folder, home.books, home.book, home.now, url=postgres.new_ledger())
    with life():
        before.run(MON, TUE, WED)
    whole = _again(before, postgres, folder / "whole")
    with life(), _losing(None, "before") as counted:
        whole.run(FRI)
    return Friday(before, whole.facts(), counted())


def _again(home: OnPostgres, postgres: PostgresServer, folder: Path) -> OnPostgres:
    """A copy of home and database."""
    there = copied(home, folder)
    assert isinstance(there, OnPostgres)
    return replace(there, url=postgres.new_database(urlsplit(home.url).path.strip("/")))


@contextmanager
def _losing(at: int | None, how: Loss) -> Iterator[Callable[[], int]]:
    """Lose the connection at that commit of a writer: before the server has it, or after; or die there. Yields what counts them."""
    original, passed = psycopg.Connection.commit, 0

    def commit(self: psycopg.Connection[Any]) -> None:
        nonlocal passed
        if self.read_only:
            original(self)
            return
        passed += 1
        if passed - 1 != at:
            original(self)
            return
        if how == "after":
            original(self)
        self.pgconn.finish()
        if how == "killed":
            raise Killed
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with patch.object(psycopg.Connection, "commit", commit):
        yield lambda: passed


def _ends_the_same(friday: Friday, postgres: PostgresServer, folder: Path, at: int, how: Loss) -> list[str]:
    """What is otherwise than undisturbed after Friday lost its connection there and was run again."""
    home = _again(friday.before, postgres, folder / f"{how}-{at}")
    found = []
    try:
        with life(), _losing(at, how):
            home.run(FRI)
    except Killed:
        pass
    except LedgerUnusable as error:
        found += [] if "server closed the connection" in str(error) else [f"the error is {error}"]
    except GrodtError as error:
        found.append(f"the error is {type(error).__name__}: {error}")
    with life():
        home.run(FRI)
    with closing(Ledger.open(home.url)) as ledger, ledger.read() as tx:
        found += [f"invariant {each.invariant}, {each.what}: {each.findings}" for each in verify_ledger(tx) if not each.holds]
    return found + differences(friday.facts, home.facts())


@pytest.mark.parametrize(
    ("how", "losses"), [("killed", 1), *(pytest.param(how, 3, marks=pytest.mark.long) for how in ("before", "after", "killed"))]
)
def test_a_connection_that_is_lost_at_some_commits_changes_nothing_in_the_end(
    friday: Friday, postgres: PostgresServer, folder: Path, how: Loss, losses: int
) -> None:
    assert friday.commits > 30
    for at in random.Random(how).sample(range(friday.commits), losses):
        assert _ends_the_same(friday, postgres, folder, at, how) == [], f"lost {how} commit {at}"
