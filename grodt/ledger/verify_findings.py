"""What a check of the ledger looked at and what it found."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import CursorResult, Text, bindparam, text

from grodt.ledger.transaction import Read

#: Counts of what is looked at, in words, and what is wrong, row by row.
Found = tuple[str, Iterator[str]]
#: Findings kept of one check.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        invariant: its number in docs/verify.md.
        what: must hold.
        checked: counts of what was looked at.
        findings: what is wrong, first row first, at most `SHOWN` and how many more; none where it holds.
        advice: what to do about a finding.
        head: of the audit chain; "" elsewhere.
    """

    invariant: int
    what: str
    checked: str
    findings: tuple[str, ...]
    advice: str
    head: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def first_few(findings: Iterator[str]) -> tuple[str, ...]:
    """The first of the findings, and how many there are more."""
    shown = tuple(islice(findings, SHOWN))
    more = sum(1 for _ in findings)
    return (*shown, f"and {more:,} more") if more else shown


def ask(tx: Read, query: str, **texts: str | None) -> CursorResult[Any]:
    """Ask the ledger; `:book` and the like in the query are these texts, of which those that it does not name are left out."""
    named = [bindparam(name, value, Text) for name, value in texts.items() if f":{name}" in query]
    return tx.connection.execute(text(query).bindparams(*named))
