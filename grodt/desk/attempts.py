"""How often a wrong password may be given. Counted in this process: whoever guesses writes nothing, and nothing waits for them."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from threading import Lock

WINDOW = timedelta(minutes=5)
#: Failures in the window, of one name from one address, and of all names from one.
MOST_OF_NAME, MOST_OF_ADDRESS = 5, 30
#: Counters that are kept; the one that was quiet longest goes first.
_MOST_KEPT = 20_000

type _Who = tuple[str, str]


class Attempts:
    """Failed logins. Threads may share it."""

    def __init__(self) -> None:
        """None yet."""
        self._failed: OrderedDict[_Who, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def wait(self, address: str, name: str, now: datetime) -> timedelta | None:
        """How long somebody must wait before they may try again; None: not at all."""
        with self._lock:
            over = [
                found[-most] + WINDOW - now
                for key, most in _counters(address, name)
                if len(found := self._recent(key, now)) >= most and found[-most] + WINDOW > now
            ]
        return max(over, default=None)

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
