"""Structured log lines: one JSON object per line, the same in the file, on standard output and in Prefect's UI.

`configure` connects the loggers of `grodt` to their handlers. Until then they are silent, so that a library user or a test
sees nothing. What is bound by `bound` (run, book, session, stage, attempt) is in every line logged inside it, also by code
that knows nothing of runs.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import cast

import structlog
from structlog.typing import Processor

FILE_NAME = "grodt.jsonl"
_ROOT = "grodt"
_FILE_BYTES = 20_000_000
_FILES_KEPT = 5
#: Other people's loggers whose lines go into our file too.
_FOREIGN = ("prefect",)
_FIRST = ("at", "level", "event", "book", "session", "stage", "attempt")
_RUN_IDS = ("flow_run_id", "task_run_id")
_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
)

logging.getLogger(_ROOT).addHandler(logging.NullHandler())


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger below `grodt`, such as `grodt.stages`. Log an event in plain words and its facts as keywords."""
    if name != _ROOT and not name.startswith(f"{_ROOT}."):
        raise ValueError(f"logger {name!r} is not below {_ROOT!r}")
    return cast(
        structlog.stdlib.BoundLogger,
        structlog.wrap_logger(
            logging.getLogger(name),
            wrapper_class=structlog.stdlib.BoundLogger,
            processors=[
                structlog.stdlib.filter_by_level,
                *_SHARED,
                structlog.processors.StackInfoRenderer(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
        ),
    )


def formatter() -> logging.Formatter:
    """Renders any record, ours or a library's, as one line of JSON."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            _add_run_ids,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _in_reading_order,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ],
    )


def configure(
    home: Path | None,
    *,
    to_stdout: bool = False,
    handlers: Sequence[logging.Handler] = (),
    filters: Sequence[logging.Filter] = (),
    level: int = logging.INFO,
) -> None:
    """Connect the loggers. May be called again; the last call holds.

    Args:
        home: `GRODT_HOME`; lines go to `logs/grodt.jsonl` in it, rotated at 20 MB, five kept. None: no file.
        to_stdout: also write lines to standard output, for services and containers.
        handlers: more places for our own lines, such as Prefect's UI; each is given the JSON formatter.
        filters: put on every handler, such as one that adds run ids.
        level: least severe level that is kept.
    """
    outputs: list[logging.Handler] = []
    if home is not None:
        folder = home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        outputs.append(RotatingFileHandler(folder / FILE_NAME, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8", delay=True))
    if to_stdout:
        outputs.append(logging.StreamHandler(sys.stdout))
    for handler in (*outputs, *handlers):
        handler.setFormatter(formatter())
        for each in filters:
            handler.addFilter(each)
    _replace_handlers(logging.getLogger(_ROOT), (*outputs, *handlers))
    logging.getLogger(_ROOT).setLevel(level)
    logging.getLogger(_ROOT).propagate = False
    for name in _FOREIGN:
        _replace_handlers(logging.getLogger(name), outputs)


@contextmanager
def bound(**context: object) -> Iterator[None]:
    """Add these facts to every line logged inside, in this thread or task and those it starts with a copied context."""
    with structlog.contextvars.bound_contextvars(**context):
        yield


_ours: set[logging.Handler] = set()


def _replace_handlers(logger: logging.Logger, handlers: Sequence[logging.Handler]) -> None:
    for old in [handler for handler in logger.handlers if handler in _ours]:
        logger.removeHandler(old)
        old.close()
    for new in handlers:
        logger.addHandler(new)
        _ours.add(new)


def _add_run_ids(logger: logging.Logger, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The ids that a filter or Prefect put on the record."""
    record = event.get("_record")
    for key in _RUN_IDS:
        if (value := getattr(record, key, None)) is not None:
            event[key] = str(value)
    return event


def _in_reading_order(logger: logging.Logger, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What a person reads first comes first."""
    return {key: event[key] for key in _FIRST if key in event} | dict(event)
