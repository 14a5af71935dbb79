"""GRODT: a trading book from market data to reconciled positions.

The domain. It never imports Prefect; `tasks` and `flows` schedule it. `grodt.read` is the door for analysts.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grodt.reading import read

__all__ = ["__version__", "read"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """`read`, when it is first asked for: `import grodt` alone loads nothing."""
    if name == "read":
        from grodt.reading import read

        return read
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
