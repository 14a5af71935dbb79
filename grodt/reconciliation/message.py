"""A difference in words: a table of the breaks, what they were compared without, and what is likely to be behind them."""

from datetime import date
from decimal import Decimal

from grodt.ledger.account_says import Says
from grodt.ledger.breaks import Break
from grodt.ledger.moved_actions import in_words, is_moved
from grodt.ledger.unbooked import Unbooked
from grodt.reconciliation.before import Compared

_LINES_SHOWN = 10


def message_of(
    book: str,
    session: date,
    found: Compared,
    late_actions: tuple[Break, ...],
    foreign: int,
    unbooked: tuple[Unbooked, ...],
    said: tuple[Says, ...],
) -> str:
    """What a person who must find the cause is told.

    Args:
        book, session: whose, and when.
        found: what comparing found.
        late_actions: breaks of actions that came too late, or that are booked under another ex date.
        foreign: fills that the broker told of orders which the ledger does not have.
        unbooked: fills that the broker tells and that are not booked.
        said: what the account says of its cash that is not booked.
    """
    return (
        f"book {book} session {session}: {_what(len(found.breaks), late_actions)}; the book is halted.\n"
        f"{_table((*found.breaks, *late_actions))}\n"
        f"{_of_waiting(found)}{_of_parts(found.parts)}{_of_foreign(book, foreign)}{_of_unbooked(unbooked)}{_of_cash(said)}"
        f"{_of_moved(late_actions)}"
        f"Find the cause with `grodt breaks`, end each with `grodt breaks resolve NUMBER --reason WHY`, "
        f"then `grodt rearm --book {book} --reason WHY`."
    )


def _what(differences: int, late_actions: tuple[Break, ...]) -> str:
    moved = sum(map(is_moved, late_actions))
    late = len(late_actions) - moved
    places = f"ledger and broker differ in {differences} place{'s' if differences > 1 else ''}" if differences else ""
    came = (
        f"{late} corporate action{'s' if late > 1 else ''} came after {'their' if late > 1 else 'its'} session was settled" if late else ""
    )
    again = f"{moved} corporate action{'s are' if moved > 1 else ' is'} booked under another ex date" if moved else ""
    return "; ".join(filter(None, (places, came, again)))


def _of_waiting(found: Compared) -> str:
    fills = f"{found.waiting} fill{'s' if found.waiting > 1 else ''}" if found.waiting else ""
    charges = f"{found.charges} charge{'s' if found.charges > 1 else ''} of the account" if found.charges else ""
    what = " and ".join(filter(None, (fills, charges)))
    return f"Without {what} of later sessions, booked when their session is settled.\n" if what else ""


def _of_parts(parts: int) -> str:
    return (
        f"Without what {parts} open order{'s have' if parts > 1 else ' has'} traded that does not come to whole shares yet.\n"
        if parts
        else ""
    )


def _of_foreign(book: str, fills: int) -> str:
    """What fills of orders that we do not know are likely to mean."""
    if not fills:
        return ""
    said = "fill at the broker is of an order" if fills == 1 else "fills at the broker are of orders"
    return (
        f"{fills} {said} that this ledger does not have. If it was restored from a backup, the account is ahead of it: restore the paper "
        f"broker's file, brokers/paper-{book}.db, of the same instant too, or book what a real broker did as corrections. "
        "Else somebody else trades the account.\n"
    )


def _of_unbooked(fills: tuple[Unbooked, ...]) -> str:
    """The fills that the broker tells and that are not booked: what is likely to be behind the breaks."""
    lines = [f"  {each.fill.execution_id} of {each.fill.client_order_id}: {each.reason}\n" for each in fills[:_LINES_SHOWN]]
    more = f"  and {len(fills) - _LINES_SHOWN} more\n" if len(fills) > _LINES_SHOWN else ""
    return f"Told by the broker, and not booked:\n{''.join(lines)}{more}" if fills else ""


def _of_cash(said: tuple[Says, ...]) -> str:
    """What the account says of its cash that is not booked: what is likely to be behind a break of cash."""
    lines = [f"  {each}\n" for each in said[:_LINES_SHOWN]]
    more = f"  and {len(said) - _LINES_SHOWN} more\n" if len(said) > _LINES_SHOWN else ""
    return f"The account says, and the ledger does not have:\n{''.join(lines)}{more}" if said else ""


def _of_moved(late_actions: tuple[Break, ...]) -> str:
    """What is likely to be behind actions of terms that are booked under another ex date."""
    told = list(filter(None, (in_words(each, "NUMBER") for each in late_actions)))
    more = f"  and {len(told) - _LINES_SHOWN} more\n" if len(told) > _LINES_SHOWN else ""
    return "".join(f"{each}.\n" for each in told[:_LINES_SHOWN]) + more


def _table(breaks: tuple[Break, ...]) -> str:
    rows = [("kind", "what", "ledger", "broker", "difference")]
    for each in breaks[:_LINES_SHOWN]:
        ours, theirs, apart = (f"{Decimal(each.shown(figure)):f}" for figure in (each.ours, each.theirs, each.ours - each.theirs))
        rows.append((each.kind, each.symbol or "USD", ours, theirs, apart))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    more = len(breaks) - _LINES_SHOWN
    return "\n".join(f"  {line.rstrip()}" for line in lines) + (f"\n  and {more} more" if more > 0 else "")
