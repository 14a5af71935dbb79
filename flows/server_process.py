"""The child process of `flows.server`: Prefect's API on a socket it was handed, for as long as the parent lives.

It is run by file name and imports nothing of ours. Arguments: number of the listening socket, number of the pipe whose other
end the parent holds, mode (`api` or `ui`), path of the lock that lets one server at a time migrate the database.
"""

import fcntl
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

import uvicorn

#: A server that has not ended by itself this long after its parent is ended; seconds.
_LAST_SECONDS = 30.0


class _Server(uvicorn.Server):
    """Holds the lock until its database is migrated."""

    def __init__(self, config: uvicorn.Config, lock: TextIO) -> None:
        super().__init__(config)
        self._lock = lock

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._lock.close()


def _end_with_parent(pipe: int, running: list[uvicorn.Server]) -> None:
    """Wait until the pipe closes, which the death of the parent does too; then end, after a migration under way and the last writes."""
    while os.read(pipe, 1):
        pass
    for server in running:
        server.should_exit = True
        time.sleep(_LAST_SECONDS)
    os._exit(1)


def main(arguments: list[str]) -> None:
    """Serve until told to stop."""
    listener, pipe, mode, lock_path = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3]
    running: list[uvicorn.Server] = []
    threading.Thread(target=_end_with_parent, args=(pipe, running), daemon=True).start()
    with Path(lock_path).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        from prefect.server.api.server import create_app

        app = create_app(ephemeral=mode == "api", final=True)
        server = _Server(uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=5), lock)
        running.append(server)
        server.run(sockets=[socket.socket(fileno=listener)])


if __name__ == "__main__":
    main(sys.argv[1:])
