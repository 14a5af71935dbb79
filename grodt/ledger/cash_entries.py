"""Entries that move cash alone: what comes in and is taken out, what an account earns and is charged apart from fills, and corrections."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal, get_args

from grodt.errors import ConfigError
from grodt.ledger.entries import CURRENCY, Account, Entry, Posting
from grodt.money import Micros, decimal

CashKind = Literal["interest", "fee", "dividend", "deposit", "withdrawal", "correction"]
#: What a movement of cash may be booked as, in the order that people are told them.
CASH_KINDS: tuple[CashKind, ...] = get_args(CashKind)
#: What stands in place of a run in entries that people have booked.
BY_PEOPLE = ("correction", "deposit", "withdrawal")
#: Cash that comes in or goes out is no profit or loss.
FLOWS: tuple[CashKind, ...] = ("deposit", "withdrawal")
_OTHER_SIDE: Mapping[CashKind, Account] = MappingProxyType(
    {
        "interest": "interest",
        "fee": "fee",
        "dividend": "dividend",
        "deposit": "capital",
        "withdrawal": "capital",
        "correction": "correction",
    }
)


def cash_entry(entry_id: str, kind: CashKind, book: str, change: Micros, session: date, memo: str) -> Entry:
    """A movement of cash.

    Args:
        entry_id, book, session, memo: of the entry.
        kind: what it is. Interest may be paid to us or by us, a fee given back, a dividend taken back; a deposit only comes in, a
            withdrawal only goes out.
        change: of cash, micros.

    Raises:
        ConfigError: a deposit that takes cash out, or a withdrawal that brings some in.
    """
    if kind in FLOWS and (change > 0) != (kind == "deposit"):
        raise ConfigError(
            f"cash changes by {decimal(change)} USD, which is no {kind}: a deposit brings cash in, and a withdrawal takes some out"
        )
    return Entry(
        entry_id,
        kind,
        book,
        session,
        memo,
        (Posting("cash", CURRENCY, "", change), Posting(_OTHER_SIDE[kind], CURRENCY, "", -change)),
    )


def as_cash_kind(name: str) -> CashKind:
    """The kind of that name.

    Raises:
        ConfigError: there is none.
    """
    for kind in CASH_KINDS:
        if name == kind:
            return kind
    raise ConfigError(f"cash cannot be booked as {name!r}; say one of {', '.join(CASH_KINDS)}")
