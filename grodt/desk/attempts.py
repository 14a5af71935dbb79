"""How often a wrong password may be given. Counted in this process: whoever guesses writes nothing, and nothing waits for them."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock

WINDOW = timedelta(minutes=5)
#: Failures in the window, of one name from one address, and of all names from one.
MOST_OF_NAME, MOST_OF_ADDRESS = 5, 30
#: Logins at once: a thread checks a password for a tenth of a second; other people need the other threads.
MOST_AT_ONCE = 2
#: Counters that are kept; the one that was quiet longest goes first.
_MOST_KEPT = 20_000

type _Who = tuple[str, str]


class Attempts:
    """Failed logins. Threads may share it."""

    def __init__(self) -> None:
        """None yet."""
        self._failed: OrderedDict[_Who, deque[datetime]] = OrderedDict()
        self._lock = Lock()
        self._places = BoundedSemaphore(MOST_AT_ONCE)

    def wait(self, address: str, name: str, now: datetime) -> timedelta | None:
        """How long somebody must wait before they may try again; None: not at all."""
        with self._lock:
            over = [
                found[-most] + WINDOW - now
                for key, most in _counters(address, name)
                if len(found := self._recent(key, now)) >= most and found[-most] + WINDOW > now
            ]
        return max(over, default=None)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """A place to log in; False where all are taken, without waiting for one."""
        free = self._places.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._places.release()

    def failed(self, address: str, name: str, now: datetime) -> None:
        """Count a failure."""
        with self._lock:
            for key, _ in _counters(address, name):
                self._failed.setdefault(key, deque(maxlen=MOST_OF_ADDRESS)).append(now)
                self._failed.move_to_end(key)
            while len(self._failed) > _MOST_KEPT:
                self._failed.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """Forget the failures of that name from that address."""
        with self._lock:
            self._failed.pop((address, name), None)

    def _recent(self, key: _Who, now: datetime) -> deque[datetime]:
        found = self._failed.get(key, deque())
        while found and found[0] + WINDOW <= now:
            found.popleft()
        return found


def _counters(address: str, name: str) -> tuple[tuple[_Who, int], ...]:
    return ((address, name), MOST_OF_NAME), ((address, ""), MOST_OF_ADDRESS)
