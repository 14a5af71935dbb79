"""The doors through which a cycle changes anything: calls to the file system, commits of SQLite, messages to the broker.

A door asks before and after it is passed, and in the middle of a write. Whoever is asked may note the step, raise an error, as the disk,
the database or the broker would, or end the process. No function of the pipeline is named here but those of the protocols it goes
through, so that whatever it comes to do is covered.
"""

import builtins
import io
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol
from unittest.mock import patch

from grodt.brokers.paper import PaperBroker
from grodt.brokers.protocol import Broker
from grodt.lake.files import Disk

Moment = Literal["before", "half", "after"]
#: Doors that change files; what is passed through another leaves the same files behind.
CHANGING = frozenset({"mkdir", "rmdir", "link", "unlink", "replace", "exchange", "open", "write", "commit"})
_READS = ("find", "orders", "open_orders", "fills", "positions", "cash")


class Swallowed(Exception):
    """Raised before a message to a broker: it never arrives, and whoever sends it is not told."""


class Ask(Protocol):
    """Told a moment, the door and what it is passed with (a path below the home, a client order id); may raise."""

    def __call__(self, moment: Moment, door: str, name: str) -> None:
        """Take note."""
        ...


class _Asked:
    """Who is asked now, and below which folder."""

    def __init__(self) -> None:
        self.ask: Ask | None = None
        self.root = Path("/nowhere")
        self.inside = False

    def name(self, path: Any) -> str | None:
        """The path below the home; None outside it, in its log, and while nobody asks."""
        if self.ask is None or not isinstance(path, str | os.PathLike):
            return None
        text = os.fspath(path)
        root = f"{self.root}{os.sep}"
        if text == str(self.root):
            return "."
        if not isinstance(text, str) or not text.startswith(root) or text.startswith(f"{root}logs"):
            return None
        return text.removeprefix(root)

    @contextmanager
    def passing(self, door: str, name: str | None) -> Iterator[None]:
        """Ask before and after."""
        if name is None or self.ask is None or self.inside:
            yield
            return
        self.tell("before", door, name)
        yield
        self.tell("after", door, name)

    def tell(self, moment: Moment, door: str, name: str) -> None:
        """Ask, unless whoever is asked is what passes the door."""
        if self.ask is None or self.inside:
            return
        self.inside = True
        try:
            self.ask(moment, door, name)
        finally:
            self.inside = False


_asked = _Asked()


class _File(io.FileIO):
    """A file whose writes can end halfway."""

    door_name: str | None = None

    def write(self, data: Any, /) -> int:
        """As ever."""
        if self.door_name is None or _asked.inside:
            return super().write(data)
        view = memoryview(data).cast("B")
        with _asked.passing("write", self.door_name):
            done = super().write(view[: len(view) // 2])
            _asked.tell("half", "write", self.door_name)
            return done + super().write(view[done:])


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """As ever."""
        connection = self.connection
        assert isinstance(connection, _Connection)
        if sql.startswith("BEGIN IMMEDIATE"):
            _asked.tell("before", "begin", connection.door_name)
        if sql.startswith("COMMIT"):
            with _asked.passing("commit", connection.door_name):
                return super().execute(sql, *parameters)
        return super().execute(sql, *parameters)


class _Connection(sqlite3.Connection):
    door_name = ""

    def cursor(self, factory: type[sqlite3.Cursor] | None = None) -> sqlite3.Cursor:  # type: ignore[override]
        """As ever."""
        return super().cursor(factory or _Cursor)

    def commit(self) -> None:
        """As ever."""
        with _asked.passing("commit", self.door_name if self.in_transaction else None):
            super().commit()


def _connect(original: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
    def connect(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        name = _asked.name(database)
        if name is None:  # outside, or an address: those are for reading
            return original(database, *args, **kwargs)
        made = original(database, *args, factory=_Connection, **kwargs)
        assert isinstance(made, _Connection)
        made.door_name = name
        return made

    return connect


def _open(original: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
        name = _asked.name(file)
        if name is None or not set(mode) & set("wax") or name.endswith(".lock"):
            return original(file, mode, buffering, *args, **kwargs)
        assert "+" not in mode, "the door for files that are read and written is not made yet"
        with _asked.passing("open", name):
            raw = _File(file, mode.replace("b", "").replace("t", ""))
        raw.door_name = name
        if "b" in mode and buffering == 0:
            return raw
        buffered = io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, *args, **kwargs)

    return opened


def _of_paths(door: str, original: Callable[..., Any], place: int) -> Callable[..., Any]:
    """A call whose argument number `place` is the name that changes."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with _asked.passing(door, _asked.name(args[place]) if len(args) > place else None):
            return original(*args, **kwargs)

    return call


def _exchange(original: Callable[..., None]) -> Callable[..., None]:
    def exchange(self: Disk, path: Path, other: Path) -> None:
        names = _asked.name(path), _asked.name(other)
        with _asked.passing("exchange", None if None in names else f"{names[0]} {names[1]}"):
            original(self, path, other)

    return exchange


def _of_descriptor(original: Callable[[int], None]) -> Callable[[int], None]:
    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}")
        with _asked.passing("fsync", _asked.name(path.readlink()) if path.exists() else "a file"):
            original(descriptor)

    return fsync


def _of_broker(door: str, original: Callable[..., Any], answered: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(self: Any, *args: Any) -> Any:
        name = str(getattr(args[0], "client_order_id", args[0])) if args and door in ("submit", "cancel") else original.__name__
        try:
            with _asked.passing(door, name):
                return answered(original(self, *args))
        except Swallowed:
            return None

    return call


def _same(answer: Any) -> Any:
    return answer


@contextmanager
def doors(
    root: Path, ask: Ask, answers: Mapping[str, Callable[[Any], Any]] | None = None, broker: type[Broker] = PaperBroker
) -> Iterator[None]:
    """Let `ask` be told of every door that is passed below a folder, and of those to a broker.

    `answers` change what reads of the broker answer, by their names.
    """
    answers = answers or {}
    with ExitStack() as patches:
        for name in ("mkdir", "rmdir", "unlink"):
            patches.enter_context(patch.object(os, name, _of_paths(name, getattr(os, name), 0)))
        for name in ("link", "replace", "rename"):
            patches.enter_context(patch.object(os, name, _of_paths("replace" if name == "rename" else name, getattr(os, name), 1)))
        patches.enter_context(patch.object(os, "fsync", _of_descriptor(os.fsync)))
        patches.enter_context(patch.object(Disk, "exchange", _exchange(Disk.exchange)))
        patches.enter_context(patch.object(sqlite3, "connect", _connect(sqlite3.connect)))
        opened = _open(io.open)
        for module in (builtins, io):
            patches.enter_context(patch.object(module, "open", opened))
        for name in ("submit", "cancel"):
            patches.enter_context(patch.object(broker, name, _of_broker(name, getattr(broker, name), _same)))
        for name in _READS:
            made = _of_broker("read", getattr(broker, name), answers.get(name, _same))
            patches.enter_context(patch.object(broker, name, made))
        before = _asked.ask, _asked.root
        _asked.ask, _asked.root = ask, root
        try:
            yield
        finally:
            _asked.ask, _asked.root = before
