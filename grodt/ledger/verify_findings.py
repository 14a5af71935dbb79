"""What a check of the ledger looked at and what it found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, Row, Text, TextClause, bindparam, text

from grodt.ledger.transaction import Read

#: Findings kept of one check.
SHOWN = 5
#: Rows that are in memory at a time.
AT_ONCE = 5_000
#: Hears what is being checked.
Say = Callable[[str], None]


class Found(NamedTuple):
    """What one check comes to.

    Attributes:
        checked: counts of what is looked at, in words.
        things: how many there are; 0 where nothing is there that could be wrong.
        findings: what is wrong, row by row.
    """

    checked: str
    things: int
    findings: Iterator[str]


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        invariant: its number in docs/verify.md.
        what: must hold.
        checked: counts of what was looked at.
        things: how many there were; 0 where nothing was there, so that the check says nothing.
        findings: what is wrong, first row first, at most `SHOWN` and how many more; none where it holds.
        advice: what to do about a finding.
        head: of the audit chain; "" elsewhere.
    """

    invariant: int
    what: str
    checked: str
    things: int
    findings: tuple[str, ...]
    advice: str
    head: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def readable(words: str) -> str:
    """Words that any terminal can show, with an escape for each lone surrogate, which stands for a byte that is no UTF-8."""
    return words.encode(errors="backslashreplace").decode()


def ask(tx: Read, query: str, **texts: str | None) -> CursorResult[Any]:
    """Ask the ledger; `:book` and the like in the query are these texts, of which those that it does not name are left out."""
    return tx.connection.execute(_bound(query, texts))


def stream(tx: Read, query: str, **texts: str | None) -> Iterator[Row[Any]]:
    """What `ask` gives, some rows at a time: for what there may be millions of."""
    with tx.connection.execute(_bound(query, texts), execution_options={"yield_per": AT_ONCE}) as rows:
        for some in rows.partitions():
            yield from some


def _bound(query: str, texts: dict[str, str | None]) -> TextClause:
    return text(query).bindparams(*(bindparam(name, value, Text) for name, value in texts.items() if f":{name}" in query))
