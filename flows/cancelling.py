"""Asking the brokers of halted books to cancel what a halt covers."""

from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from grodt.errors import BrokerUnavailable, GrodtError
from grodt.execution.accounts import require_same_account
from grodt.execution.cancelling import cancel_covered, in_words
from grodt.ledger.cancels import Cancel
from grodt.ledger.halts import Halt
from grodt.ledger.orders import books_with_orders
from grodt.ledger.unit import Ledger
from grodt.orders.states import IN_FLIGHT, OPEN
from grodt.telemetry.logs import get_logger
from tasks.wiring import books, broker_of

_log = get_logger("grodt.desk")


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
    asking = _asking(ledger, made)
    _ask(asking, ledger, made, now)
    return asking.so_far()


def cancel_meanwhile(beside: Executor, ledger: Ledger, made: Halt, now: Callable[[], datetime], patience: timedelta) -> Cancelling:
    """As `cancel_what_it_covers`, beside who waits for it; where it takes longer than `patience` it goes on, and its end is in the log.

    Raises:
        ConfigError: the books file is wrong.
    """
    asking = _asking(ledger, made)
    work = beside.submit(_ask, asking, ledger, made, now)
    if work in wait([work], patience.total_seconds()).not_done and (left := list(asking.left)):
        found = asking.so_far()
        work.add_done_callback(lambda done: _log_end(done, asking, made))
        waited = f"{patience.total_seconds():g} s"
        late = BrokerUnavailable(
            f"{made} holds; {waited} later the brokers of {', '.join(left)} have not been asked, or have not answered; "
            "asking goes on and `grodt halts` shows what they say; their orders may still be open"
        )
        return Cancelling(found.told, (*found.failed, late))
    work.result()
    return asking.so_far()


@dataclass(slots=True)
class _Asking:
    """How far it has come: what `Cancelling` has, and the books that are left."""

    left: list[str]
    told: list[str] = field(default_factory=list)
    failed: list[GrodtError] = field(default_factory=list)

    def so_far(self) -> Cancelling:
        return Cancelling(tuple(self.told), tuple(self.failed))


def _asking(ledger: Ledger, made: Halt) -> _Asking:
    if made.keep_orders or made.scope == "strategy":
        why = "as asked" if made.keep_orders else "orders are netted over the strategies of a book; halt the book to cancel them"
        return _Asking([], [f"open orders stay at the broker: {why}"])
    if made.scope != "all":
        return _Asking([made.book])
    with ledger.read() as tx:  # also of a book that the books file has no more: it fails, and is named
        return _Asking(sorted({*books().books, *books_with_orders(tx, OPEN | IN_FLIGHT)}))


def _ask(asking: _Asking, ledger: Ledger, made: Halt, now: Callable[[], datetime]) -> None:
    while asking.left:
        name = asking.left[0]
        try:
            with broker_of(name) as broker:
                require_same_account(ledger, broker, name, f"{made} holds, but no order was cancelled")
                asked = () if broker is None else cancel_covered(ledger, broker, name, now)
        except GrodtError as error:  # raised by who called; the other books' orders are cancelled first
            asking.failed.append(error)
        except Exception as error:  # noqa: BLE001 - likewise, and with where it came from: nobody has foreseen it
            _log.exception("the broker of a book could not be asked to cancel", halt=made.halt_id, book=name)
            said = f"{made} holds, but the broker of {name} could not be asked: {type(error).__name__}: {error}"
            asking.failed.append(BrokerUnavailable(f"{said}; its orders may still be open: cancel them at the broker"))
        else:
            _tell(asking, name, made, asked)
        asking.left.pop(0)


def _tell(asking: _Asking, name: str, made: Halt, asked: tuple[Cancel, ...]) -> None:
    if asked:
        asking.told.append(f"asked the broker of {name} to cancel {len(asked):,} open orders: {in_words(asked)}")
    else:
        asking.told.append(f"no order that it covers is open at the broker of {name}")
    unheard = [each.client_order_id for each in asked if each.outcome == "no_answer"]
    if unheard:
        asking.failed.append(
            BrokerUnavailable(
                f"{made} holds, but the broker of {name} did not answer about {len(unheard)} open orders, such as {unheard[0]}; give "
                "the same command again to ask once more, or cancel them at the broker"
            )
        )


def _log_end(done: Future[None], asking: _Asking, made: Halt) -> None:
    fault = done.exception()
    if fault is not None:
        _log.error("asking brokers to cancel has failed", halt=made.halt_id, exc_info=fault)
    say = _log.error if asking.failed else _log.warning
    say("brokers were asked to cancel", halt=made.halt_id, told=asking.told, failed=[str(each) for each in asking.failed], left=asking.left)
