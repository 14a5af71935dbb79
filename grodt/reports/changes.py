"""A configuration or code that is new, in words: since when, what changed, and how long caps are reduced for it (control 33)."""

import polars as pl

from grodt.ledger.runs import Run, identity_of
from grodt.ledger.transaction import Read
from grodt.risk.controls import NEW_CONFIGURATION

_SHORT = 8


def cycles_left(checks: pl.DataFrame) -> int:
    """Cycles, its own one included, that a run found left under reduced caps; 0 where none is or it was not asked.

    Args:
        checks: the run's evidence.
    """
    own = checks.filter(pl.col("control") == NEW_CONFIGURATION.number, pl.col("scope") == NEW_CONFIGURATION.scope)["value"]
    return 0 if own.is_empty() or own[0] is None else int(own[0])


def what_changed(tx: Read, run: Run) -> str:
    """What is other than before in the last done run that had another configuration or code, and since when."""
    found = identity_of(tx, run)
    before = found.before
    if before is None:
        return f"new since {found.since}, the first session of its book"
    parts = [
        f"configuration {before.config_hash[:_SHORT]} → {run.config_hash[:_SHORT]}" if before.config_hash != run.config_hash else "",
        f"GRODT {before.code_version} → {run.code_version}" if before.code_version != run.code_version else "",
        f"code {before.code_hash[:_SHORT] or 'of an unknown hash'} → {run.code_hash[:_SHORT]}" if before.code_hash != run.code_hash else "",
    ]
    return f"changed on {found.since}: {', '.join(part for part in parts if part)}"


def reduced(left: int) -> str:
    """How many more cycles trade under reduced caps."""
    return f"caps reduced for {left} more {'cycle' if left == 1 else 'cycles'}" if left else "caps are not reduced"


def told_in_report(tx: Read, run: Run, checks: pl.DataFrame) -> str:
    """What a run's report says of it; "" where its caps were not reduced."""
    left = cycles_left(checks)
    if left == 0:
        return ""
    after = reduced(left - 1) if left > 1 else "the next one has them whole"
    return f"Configuration {what_changed(tx, run)}. Caps were reduced in this cycle; {after}."
