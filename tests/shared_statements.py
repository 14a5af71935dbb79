"""Statements that one engine has compiled, for those after it: each stage of a cycle opens its ledger, and compiling takes longest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Dialect, Engine, Pool
from sqlalchemy.util import LRUCache

_dialects: dict[str, Dialect] = {}
_statements = LRUCache[Any, Any](5_000)


@contextmanager
def shared_statements(*drivers: str) -> Iterator[None]:
    """While the block runs, every engine of those drivers takes what one before it has compiled."""
    with patch.object(Engine, "__init__", _sharing(Engine.__init__, drivers)):
        yield


def _sharing(original: Callable[..., None], drivers: tuple[str, ...]) -> Callable[..., None]:
    def init(self: Engine, pool: Pool, dialect: Dialect, *args: Any, **kwargs: Any) -> None:
        if dialect.driver not in drivers:
            original(self, pool, dialect, *args, **kwargs)
            return
        shared = _dialects.setdefault(dialect.driver, dialect)
        pool._dialect = shared
        original(self, pool, shared, *args, **kwargs)
        self._compiled_cache = _statements

    return init
