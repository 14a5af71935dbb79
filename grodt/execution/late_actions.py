"""Find corporate actions that the lake learned after a book had settled their session, or that it has under another ex date."""

from bisect import bisect_left
from dataclasses import replace

from grodt.bars.history import read_known_actions
from grodt.lake import Lake, LakeFile, Snapshot
from grodt.ledger.breaks import Break
from grodt.ledger.late_actions import applied_at, late_actions
from grodt.ledger.unit import Ledger

_TABLE = "corporate_actions"


def find_late_actions(ledger: Ledger, lake: Lake, snapshot: Snapshot, source: str, book: str) -> tuple[Break, ...]:
    """Breaks, one for each action of the source that the book has missed or held back; see `grodt.ledger.late_actions`.

    Only files that hold a row known after its session was applied are read: in a usual night none.
    """
    with ledger.read() as tx:
        done = applied_at(tx, book)
        if not done:
            return ()
        sessions = list(done)

        def may_be_late(file: LakeFile) -> bool:
            if file.first_session is None:  # its rows were taken back
                return False
            at = bisect_left(sessions, max(file.first_session, sessions[0]))
            return at < len(sessions) and file.known_at > done[sessions[at]]

        files = tuple(file for file in snapshot.of(_TABLE, source) if may_be_late(file))
        known = read_known_actions(lake, replace(snapshot, files=files), source, sessions[0], sessions[-1]) if files else ()
        return late_actions(tx, book, known)
