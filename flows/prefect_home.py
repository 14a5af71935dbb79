"""Prefect's settings for a GRODT home: local, quiet, offline.

They must be in the environment before `prefect` is imported, in our process and in the server's. Nothing here imports it.
"""

import os
import sys
from pathlib import Path

#: How often Prefect's server writes what it has gathered about task runs and events; seconds.
_FLUSH_SECONDS = "1"
#: Bursts of task runs stall SQLite unless they are read and written in batches.
_BATCH = "200"


def prefect_home(home: Path) -> Path:
    """Prefect's own folder below `GRODT_HOME`; versions of Prefect do not share a database, so a project keeps its own."""
    return home.absolute() / "prefect"


def environment(home: Path) -> dict[str, str]:
    """Prefect's settings for this home, as environment variables.

    Run and task logs go to Prefect's API, where its UI shows them, and to our log file, but not to the terminal.
    """
    recorder, persister = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER", "PREFECT_SERVER_SERVICES_EVENT_PERSISTER"
    return {
        "PREFECT_HOME": str(prefect_home(home)),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        f"{recorder}_BATCH_SIZE": _BATCH,
        f"{recorder}_READ_BATCH_SIZE": _BATCH,
        f"{recorder}_FLUSH_INTERVAL": _FLUSH_SECONDS,
        f"{persister}_BATCH_SIZE": _BATCH,
        f"{persister}_READ_BATCH_SIZE": _BATCH,
        f"{persister}_FLUSH_INTERVAL": _FLUSH_SECONDS,
    }


def apply_environment(home: Path) -> None:
    """Put the settings into this process's environment. A variable that is set already keeps its value.

    Raises:
        RuntimeError: `prefect` is imported already and would not see them.
    """
    missing = {name: value for name, value in environment(home).items() if name not in os.environ}
    if missing and "prefect" in sys.modules:
        raise RuntimeError("prefect was imported before its settings were in the environment: call apply_environment first")
    os.environ.update(missing)
