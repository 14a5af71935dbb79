"""Our log lines in Prefect's UI, and Prefect's run ids in our log lines."""

import logging
from functools import cache

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler

from grodt.settings.environment import Environment
from grodt.telemetry.logs import configure


def _run_ids() -> tuple[str, str]:
    """Ids of the flow run and task run we are in, "" where we are in none."""
    task, flow = TaskRunContext.get(), FlowRunContext.get()
    task_run_id = str(task.task_run.id) if task is not None else ""
    if task is not None and task.task_run.flow_run_id is not None:
        return str(task.task_run.flow_run_id), task_run_id
    if flow is not None and flow.flow_run is not None:
        return str(flow.flow_run.id), task_run_id
    return "", task_run_id


class RunIds(logging.Filter):
    """Puts `flow_run_id` and `task_run_id` on every record logged inside a run. It lets every record pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        flow_run_id, task_run_id = _run_ids()
        if flow_run_id and not hasattr(record, "flow_run_id"):
            record.flow_run_id = flow_run_id
        if task_run_id and not hasattr(record, "task_run_id"):
            record.task_run_id = task_run_id
        return True


class RunLogHandler(APILogHandler):
    """Sends a line to the log tab of the run it was logged in; outside runs it is quiet."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, if it belongs to a flow run."""
        if getattr(record, "flow_run_id", None):
            super().emit(record)


@cache
def connect(where: Environment) -> None:
    """Send this process's log lines to the home's log file, to Prefect's UI and, for a service, to standard output; once."""
    configure(where.home, to_stdout=where.log_to_stdout, handlers=[RunLogHandler()], filters=[RunIds()])
