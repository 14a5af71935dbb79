"""What every process of `tests.cycles.processes` needs, loaded once, before they are forked. No threads are started here."""

import pyarrow.parquet  # noqa: F401

import tests.cycles.processes  # noqa: F401
from grodt.sessions import Calendar

Calendar("XNYS").bounds()
