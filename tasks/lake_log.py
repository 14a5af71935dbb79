"""What the log says of the lake once a source has been asked."""

from collections.abc import Sequence

from grodt.bars.taken_back import TakenBack
from grodt.telemetry.logs import get_logger

_log = get_logger("grodt.lake")


def log_lake(unmerged: Sequence[str], taken_back: Sequence[TakenBack] = ()) -> None:
    """Warn of what a person may have to look at.

    Args:
        unmerged: why files of periods that are over were left as they are.
        taken_back: corporate actions that left the lake, because the source tells them under another ex date now.
    """
    for each in taken_back:
        _log.warning(
            "a corporate action was taken back: its source tells it under another ex date now",
            source=each.source,
            symbol=each.symbol,
            kind=each.kind,
            ex_date=each.ex_date.isoformat(),
            told_as_of=each.told.isoformat(),
        )
    for refusal in unmerged:
        _log.warning("the lake's files of past periods were not merged", reason=refusal)
