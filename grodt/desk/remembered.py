"""What was read is remembered while it is true: until anything is committed to the ledger, and for a second at most.

What is shown is made of what the ledger holds and of the instant. So it is kept together with the ledger's state as it was before it was
read, and with the second in which that was, for what expires and ages. A state that has changed is another memory: whoever made something
for the one before keeps it where nobody looks any more.
"""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Any, cast

#: Things that are kept; when there are more, it begins anew.
_MOST = 4096


class Memory:
    """What is known as of one state of the ledger and one second. Threads may share it."""

    __slots__ = ("_known", "_of")

    def __init__(self, of: tuple[str, datetime]) -> None:
        """Nothing is known yet."""
        self._of = of
        self._known: dict[Hashable, Any] = {}

    def get[T](self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, or gave to the same key. It must not depend on who asks, unless the key says who."""
        if key not in self._known:
            self._known[key] = make()
        return cast(T, self._known[key])

    def is_of(self, of: tuple[str, datetime]) -> bool:
        """Whether it is of that state and second, and not full."""
        return self._of == of and len(self._known) < _MOST


class Memories:
    """The memory of now."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        """None yet."""
        self._last = Memory(("", datetime.min))  # noqa: DTZ901  # of no instant

    def at(self, state: str, now: datetime) -> Memory:
        """The memory of that state of the ledger and that second, an empty one where they are new."""
        of = (state, now.replace(microsecond=0))
        last = self._last
        if not last.is_of(of):
            last = self._last = Memory(of)
        return last
