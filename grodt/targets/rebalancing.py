"""In which sessions a book trades to its targets."""

from collections.abc import Sequence
from datetime import date

from grodt.targets.construction import Rebalance


def rebalances(rule: Rebalance, session: date, previous: date | None) -> bool:
    """Whether the session is the first one of its week (from Monday) or month, or the rule is every session.

    Args:
        rule: the book's.
        session: of the decision.
        previous: the session in which the book decided last; None: it never has, so it rebalances now. A cycle that was missed
            is made up for by the next one, because that one's `previous` still lies in the week or month before.

    Raises:
        ValueError: `previous` does not lie before the session.
    """
    if previous is not None and previous >= session:
        raise ValueError(f"previous session {previous} does not lie before {session}")
    if rule == "session" or previous is None:
        return True
    if rule == "week":
        return session.isocalendar()[:2] != previous.isocalendar()[:2]
    return (session.year, session.month) != (previous.year, previous.month)


def rebalancing_rows(rule: Rebalance, sessions: Sequence[date]) -> list[int]:
    """Rows of the sessions in which a book rebalances that decides in every one of them and never has before.

    Args:
        rule: the book's.
        sessions: ascending.
    """
    if rule == "session":
        return list(range(len(sessions)))
    if rule == "week":
        parts = [(session.toordinal() - 1) // 7 for session in sessions]  # day 1 is a Monday
    else:
        parts = [12 * session.year + session.month for session in sessions]
    return [row for row, part in enumerate(parts) if not row or part != parts[row - 1]]
