"""Work that goes wrong. Light to import: the processes that do it are started afresh."""

import os

from grodt.errors import DataError
from grodt.research.shared import Shared


class Dies:
    """Kills its own process, or ends it with a status."""

    def __init__(self, status: int | None = None) -> None:
        self.status = status

    def run(self, shared: Shared) -> None:
        if self.status is None:
            os.kill(os.getpid(), 9)
        os._exit(self.status or 0)

    def words(self, shared: Shared) -> str:
        return f"run 1 ({shared.variants[0].parameters})"


class Fails:
    """Finds something wrong."""

    def run(self, shared: Shared) -> None:
        raise DataError("cell 7 is bad")

    def words(self, shared: Shared) -> str:
        return "run 2"
