"""Open a cycle: who may work on it, whether it is due, and what is left of earlier ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from grodt.brokers.protocol import Broker
from grodt.errors import SessionError
from grodt.execution.abandon import abandon
from grodt.execution.accounts import same_account
from grodt.execution.switching import left_by_others, over_at_broker, require_nothing_left
from grodt.ledger.accounts import account_of, keep_account
from grodt.ledger.booking import booking_instant
from grodt.ledger.capital_shares import record_shares
from grodt.ledger.entries import deposit_entry
from grodt.ledger.halts import expire, require_none
from grodt.ledger.leases import Lease, acquire, release
from grodt.ledger.limits import begin_limits
from grodt.ledger.postings import has_deposit, post, settled
from grodt.ledger.runs import Run, end_attempt, find_run, later_slot, open_run, run_id, unfinished
from grodt.ledger.unit import Ledger, Read
from grodt.ledger.versions import require_version
from grodt.money import Micros
from grodt.risk.limits import Limits
from grodt.sessions import Calendar
from grodt.slots import Slot

#: A lease outlives the longest pause between two stages; each stage renews it.
LEASE_TTL = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a cycle opens with.

    Attributes:
        book, kind, session: the cycle.
        calendar: of the book's exchange.
        capital: deposited before the book's first cycle, in micros.
        currency: of capital.
        config_hash, code_version, code_hash: what decides in this cycle.
        limits: of the books file; the book's first ones, and the first values of limits that its ledger does not know yet.
        flow_run_id: the Prefect run that does it; "" outside Prefect.
        holder: name of this process.
        slot: of the session; None: its end.
        shares: of the capital that its strategies have; none of a book that is one.
    """

    book: str
    kind: str
    session: date
    calendar: Calendar
    capital: Micros
    currency: str
    config_hash: str
    code_version: str
    code_hash: str
    limits: Limits
    flow_run_id: str
    holder: str
    slot: Slot | None = None
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def slot_name(self) -> str:
        """The slot's name; "" at the session's end."""
        return "" if self.slot is None else self.slot.name

    def require_begun(self, now: datetime) -> None:
        """Refuse a cycle whose instant has not come.

        Raises:
            SessionError: the session is none or is not over, or the slot's instant has not come.
        """
        if self.slot is None:
            self.calendar.require_complete(self.session, now)
        elif now < self.slot.at:
            raise SessionError(
                f"slot {self.slot} of {self.calendar.name} has not come: it is at {self.slot.at:%Y-%m-%d %H:%M} UTC and now is "
                f"{now:%Y-%m-%d %H:%M} UTC; run it then, or an earlier one"
            )


@dataclass(frozen=True, slots=True)
class Opened:
    """A cycle's run and the lease it works under; no lease when the run is done already."""

    run: Run
    lease: Lease | None

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return self.lease is None


def find_done(tx: Read, book: str, kind: str, session: date, slot: str = "") -> Run | None:
    """The run of that cycle if it is done."""
    found = find_run(tx, run_id(book, kind, session, slot))
    return found if found is not None and found.state == "done" else None


def open_cycle(
    ledger: Ledger,
    broker: Broker,
    opening: Opening,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    is_alive: Callable[[str], bool],
) -> Opened:
    """Take the book's lease and start, or take up, the cycle's run. A cycle that is done changes nothing.

    A halt of a part, be it a symbol, a strategy or a side, stops its orders when they are decided and when they would be sent. Whatever is
    raised, the lease is free again, so that the next try need not wait for it to expire.

    Raises:
        SessionError: the session is no session, is not over, or lies before what the book has settled; or its slot has not come, or lies
            before one that the book has begun. Nothing was written.
        LeaseHeld: another process works on the book; names it.
        VersionRefused: the book expects another version than this process runs; nothing was written.
        HaltActive: a halt of the book, or of all books, holds; nothing was written.
        ConfigError: the run has made its basket with another configuration or code; or orders are left of when the book decided at the
            end of its sessions and now does within them, or the other way round; or the book has orders or positions at another account
            than its broker's. Nothing was written.
        BrokerUnavailable: an earlier run's order could not be looked up; this attempt is over, and the earlier run is as it was. Or
            orders of another kind of cycle could not be; nothing was written.
    """
    opening.require_begun(now())
    with ledger.read() as tx:
        done = find_done(tx, opening.book, opening.kind, opening.session, opening.slot_name)
        left = left_by_others(tx, opening.book, opening.kind)
        former = account_of(tx, opening.book)
    if done is not None:
        return Opened(done, None)
    over = over_at_broker(broker, left)
    proof = "" if former in (None, broker.account) else same_account(ledger, broker, opening.book)
    with ledger.write() as tx:
        at = now()
        lease = acquire(tx, f"book:{opening.book}", opening.holder, at, LEASE_TTL, is_alive)
        require_version(tx, opening.book, opening.code_version, opening.holder.split(":", 1)[0], at)
        _require_forward(tx, opening)
        require_nothing_left(tx, opening.book, opening.kind, over, within=opening.slot is not None)
        keep_account(tx, opening.book, broker.account, proof=proof, now=at)
        require_none(tx, opening.book, at)
        run = open_run(
            tx,
            book=opening.book,
            kind=opening.kind,
            session=opening.session,
            slot=opening.slot_name,
            config_hash=opening.config_hash,
            code_version=opening.code_version,
            code_hash=opening.code_hash,
            flow_run_id=opening.flow_run_id,
            fence=lease.fence,
            now=at,
        )
        expire(tx, at)
        if run.state != "open":  # another process ended it since we looked
            release(tx, lease)
            return Opened(run, None)
        begin_limits(tx, opening.book, opening.limits, now())
        record_shares(tx, opening.book, opening.shares, run.run_id, at)
        if not has_deposit(tx, opening.book):
            post(
                tx,
                deposit_entry(opening.book, opening.capital, opening.currency, opening.session),
                run.run_id,
                booking_instant(tx, opening.book, at),
            )
        here = (opening.session, opening.slot_name)
        earlier = [each for each in unfinished(tx, opening.book, opening.kind) if (each.session, each.slot) < here]
    try:
        for each in earlier:
            abandon(ledger, lease, broker, each, run=run, now=now, sleep=sleep)
    except BaseException as error:
        with ledger.write(lease) as tx:
            end_attempt(tx, run.run_id, "failed", now(), f"{type(error).__name__}: {error}")
            release(tx, lease)
        raise
    return Opened(run, lease)


def _require_forward(tx: Read, opening: Opening) -> None:
    last = settled(tx, opening.book)
    if last is not None and last > opening.session:
        raise SessionError(
            f"book {opening.book} has settled through {last}, so session {opening.session} can no longer be run: cycles run forward only. "
            f"Run a session from {last} on, or replay the past in a home of its own (GRODT_HOME)"
        )
    if opening.slot is None:
        return
    if last == opening.session and opening.slot.role != "close":
        raise SessionError(f"book {opening.book} has settled session {last}, so its slot {opening.slot.name} can no longer be run")
    own = run_id(opening.book, opening.kind, opening.session, opening.slot_name)
    later = later_slot(tx, own, opening.book, opening.kind, opening.session, opening.slot_name)
    if later is not None:
        raise SessionError(
            f"book {opening.book} has begun slot {later.slot} of session {later.session}, so slot {opening.slot.name} can no longer be "
            "run: cycles run forward only"
        )
