"""Homes that die: copies of one as a kill at an instant leaves it, lives that own leases, and what must hold in the end."""

import hashlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

import tasks.bars
import tasks.cycle
import tasks.open
import tasks.slots
from grodt.lake.store import Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.cycles.driver import Home
from tests.shared_statements import shared_statements

_lives = count(1)
_alive: set[str] = set()
#: Number of the invariant that ledger and broker agree.
_AGREED = 10


class Killed(BaseException):
    """Stands for SIGKILL: whoever raises it has copied the home first, and what is still done to the original is thrown away with it."""


def copied(home: Home, folder: Path) -> Home:
    """The home as it is now, in another folder.

    Files of the lake are linked, because none is written to once it has its name; but for hidden ones and those of a merge that is being
    made ready, which may be half there.
    """

    def take(source: str, target: str) -> None:
        if "/lake/" in source and "/lake/_staging/" not in source and not os.path.basename(source).startswith("."):  # noqa: PTH119 - a path object each costs more than the copy
            os.link(source, target)
        else:
            shutil.copyfile(source, target)

    shutil.copytree(home.folder, folder, copy_function=take, ignore=shutil.ignore_patterns("*-shm", "logs"))
    return replace(home, folder=folder)


@contextmanager
def life() -> Iterator[str]:
    """A process of its own as far as leases know: alive until it ends here, and dead from then on. Its name."""
    name = f"machine:{os.getpid()}:{next(_lives)}"
    _alive.add(name)
    with ExitStack() as patches:
        for module in (tasks.open, tasks.bars, tasks.slots):
            patches.enter_context(patch.object(module, "process_name", lambda: name))
            patches.enter_context(patch.object(module, "is_alive", _alive.__contains__))
        patches.enter_context(patch.object(tasks.cycle, "connect", lambda _where: None))  # no log of its own for each of thousands of homes
        patches.enter_context(shared_statements("pysqlite", "psycopg"))
        disabled = logging.root.manager.disable
        logging.disable()  # faults are many, and each is told by whoever made it
        try:
            yield name
        finally:
            logging.disable(disabled)
            _alive.discard(name)


def broken(home: Home, *, recovered: bool = True) -> list[str]:
    """Which invariants of the ledger, the lake and the broker's book do not hold in a home; none where all do.

    Until it has recovered, files may stand in the lake that the manifest does not list, some that it lists be in the history alone, and
    breaks with the broker be open.
    """
    found: list[str] = []
    if not (home.folder / "ledger.db").exists():
        return found
    with closing(Ledger.open(f"sqlite:///{home.folder}/ledger.db")) as ledger:
        with ledger.read() as tx:
            found += [
                f"invariant {each.invariant}, {each.what}: {each.findings}"
                for each in verify_ledger(tx)
                if not each.holds and (recovered or each.invariant != _AGREED)
            ]
        manifest = LedgerManifest(ledger)
        wrong = Lake(home.folder / "lake", manifest).verify(manifest.snapshot())
        found += [f"lake: {each}" for each in wrong if recovered or not (each.kind == "unlisted" or "intact in" in each.detail)]
    return found + _sent(home)


def disagreement(home: Home) -> list[str]:
    """Where positions and cash of the ledger are not the broker's; for a home whose last session is settled."""
    ours = home.sql("SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0 ORDER BY 1")
    ours += home.sql("SELECT 'USD', sum(amount) FROM postings WHERE account = 'cash'")
    theirs = [*home.broker("SELECT symbol, quantity FROM positions ORDER BY symbol"), *home.broker("SELECT 'USD', cash FROM account")]
    return [] if ours == theirs else [f"the ledger has {ours}, the broker {theirs}"]


def left_behind(home: Home) -> dict[str, str]:
    """Digests of the lake's files, hidden ones too, and of what each database holds, but for the names of processes."""
    found = {str(path.relative_to(home.folder)): path.read_bytes() for path in (home.folder / "lake").rglob("*") if path.is_file()}
    for database in [home.folder / "ledger.db", *(home.folder / "brokers").glob("*.db")]:
        with closing(sqlite3.connect(database)) as connection:
            lines = (line for line in connection.iterdump() if not line.startswith('INSERT INTO "leases"'))
            found[database.name] = "\n".join(lines).encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(found.items())}


def _sent(home: Home) -> list[str]:
    """What the broker has that the ledger did not mean to send, or has otherwise."""
    if not (home.folder / "brokers").exists():
        return []
    meant = {row[0]: row[1:] for row in home.sql("SELECT client_order_id, symbol, side, quantity FROM orders")}
    intended = {row[0] for row in home.sql("SELECT DISTINCT client_order_id FROM order_events WHERE state = 'sending'")}
    found = []
    for key, *order in home.broker("SELECT client_order_id, symbol, side, quantity FROM orders"):
        if key not in intended:
            found.append(f"the broker has {key}, and no intent of it was committed before")
        elif meant[key] != tuple(order):
            found.append(f"the broker has {key} as {order}, and we meant {meant[key]}")
    return found
