"""The surroundings of this process. Light to import: a command looks here before it loads anything heavy."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from grodt.settings.environment import Environment


def environment() -> Environment:
    """What the environment says now."""
    return Environment.read(os.environ, Path.cwd())


def clock(where: Environment) -> Callable[[], datetime]:
    """The clock: the machine's, or the fixed instant of a rehearsal."""
    fixed = where.fixed_now
    if fixed is not None:
        return lambda: fixed
    return lambda: datetime.now(UTC)
