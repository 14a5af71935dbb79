"""Files of tests in memory: a cycle waits for the disk hundreds of times, to be durable, and a test has nothing to keep."""

import os

import psutil

_FOLDER = "/dev/shm"
#: What a run of everything holds there at most is a tenth of it.
_ROOM_BYTES = 4 * 1024**3


def memory() -> str | None:
    """A folder in memory, where the machine has one with room for what tests write, that programs may be run from."""
    if not os.access(_FOLDER, os.W_OK):
        return None
    there = os.statvfs(_FOLDER)
    room = min(there.f_bavail * there.f_frsize, psutil.virtual_memory().available)
    return _FOLDER if room >= _ROOM_BYTES and not there.f_flag & os.ST_NOEXEC else None
