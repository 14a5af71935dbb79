"""Asking the brokers of halted books to cancel what a halt covers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from grodt.errors import BrokerUnavailable, GrodtError
from grodt.execution.cancelling import cancel_covered, in_words
from grodt.ledger.halts import Halt
from grodt.ledger.unit import Ledger
from tasks.wiring import books, broker_of


@dataclass(frozen=True, slots=True)
class Cancelling:
    """What came of it.

    Attributes:
        told: of each book, in words.
        failed: books whose orders may still be open, and why.
    """

    told: tuple[str, ...]
    failed: tuple[GrodtError, ...] = ()

    def require_done(self) -> None:
        """Refuse to call it done where a broker could not be asked.

        Raises:
            GrodtError: the one failure there is.
            BrokerUnavailable: all of several.
        """
        if len(self.failed) > 1:
            raise BrokerUnavailable("; ".join(map(str, self.failed)))
        if self.failed:
            raise self.failed[0]


def cancel_what_it_covers(ledger: Ledger, made: Halt, now: Callable[[], datetime]) -> Cancelling:
    """Ask each broker of a halted book to cancel what the halt covers. One that fails keeps none of the others from being asked."""
    if made.keep_orders or made.scope == "strategy":
        why = "as asked" if made.keep_orders else "orders are netted over the strategies of a book; halt the book to cancel them"
        return Cancelling((f"open orders stay at the broker: {why}",))
    told: list[str] = []
    failed: list[GrodtError] = []
    for name in sorted(books().books) if made.scope == "all" else [made.book]:
        try:
            with broker_of(name) as broker:
                asked = () if broker is None else cancel_covered(ledger, broker, name, now)
        except GrodtError as error:  # raised by who called; the other books' orders are cancelled first
            failed.append(error)
            continue
        if asked:
            told.append(f"asked the broker of {name} to cancel {len(asked):,} open orders: {in_words(asked)}")
        else:
            told.append(f"no order that it covers is open at the broker of {name}")
        unheard = [each.client_order_id for each in asked if each.outcome == "no_answer"]
        if unheard:
            failed.append(
                BrokerUnavailable(
                    f"{made} holds, but the broker of {name} did not answer about {len(unheard)} open orders, such as {unheard[0]}; give "
                    "the same command again to ask once more, or cancel them at the broker"
                )
            )
    return Cancelling(tuple(told), tuple(failed))
