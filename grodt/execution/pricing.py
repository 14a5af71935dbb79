"""What breaks and the positions that people would book are worth."""

from collections.abc import Collection
from datetime import date

from grodt.bars.history import last_closes
from grodt.errors import ConfigError
from grodt.lake import Lake, Snapshot
from grodt.ledger.breaks import OpenBreak
from grodt.ledger.manifest import snapshot
from grodt.ledger.transaction import Read
from grodt.money import Micros, micros_from_float
from grodt.sessions import Calendar

_TABLES = ("bars_1d", "instruments", "corporate_actions")


def require_priced(tx: Read, found: OpenBreak, lake: Lake, source: str, calendar: Calendar) -> None:
    """Refuse to correct a break by a position in a symbol that has no bar: no cycle could value the book any more.

    Args:
        tx: the ledger.
        found: the break.
        lake, source, calendar: of its book.

    Raises:
        ConfigError: it is of a position that our side does not have, and the book's source has no bar of its symbol in the lake.
    """
    symbol = found.difference.symbol
    if found.difference.kind != "position" or found.difference.ours:
        return
    now = snapshot(tx, tables=_TABLES)
    if not closes_of(lake, now, source, calendar, found.last_session, [symbol]):
        raise ConfigError(
            f"break {found.break_id}: source {source} has no bar of {symbol}, and a position that nobody can value would stop "
            f"book {found.book}. Sell it at the broker, and the break is gone with the next cycle but for its cash; "
            "or bring in bars of it first"
        )


def closes_of(
    lake: Lake, lake_now: Snapshot, source: str, calendar: Calendar, session: date, symbols: Collection[str]
) -> dict[str, Micros]:
    """The last closes of symbols up to and including a session, micros; one without a bar is left out."""
    bars = last_closes(lake, lake_now, source, calendar, session, symbols=symbols, always=symbols)
    return {symbol: micros_from_float(close) for symbol, _, close in bars.iter_rows()}
