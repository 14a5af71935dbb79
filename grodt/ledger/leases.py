"""Leases: one worker per book, and a fencing number that shuts out the one before.

A lease may be lost without its holder noticing (a machine sleeps, a process hangs). So every write under a lease checks, in its own
transaction, that the fence is still the current one; fences only grow.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, insert, select, update

from grodt.errors import LeaseHeld
from grodt.ledger.tables import leases
from grodt.ledger.transaction import Read, Write

#: Built once: every write under a lease asks it.
_NAMED = select(leases).where(leases.c.name == bindparam("of"))


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work under a name.

    Attributes:
        name: what it is for, such as `book:demo`.
        fence: its number; a later lease of the same name has a greater one.
        holder: who holds it.
        expires_at: instant from which another may take it over.
    """

    name: str
    fence: int
    holder: str
    expires_at: datetime


def acquire(
    tx: Write, name: str, holder: str, now: datetime, ttl: timedelta, is_alive: Callable[[str], bool] = lambda holder: True
) -> Lease:
    """Take a lease that is free, has expired, or whose holder is not alive.

    A live holder keeps it, even one of the same name as ours.

    Raises:
        LeaseHeld: somebody holds it; names holder and expiry.
    """
    found = tx.connection.execute(select(leases).where(leases.c.name == name)).first()
    if found is None:
        lease = Lease(name, 1, holder, now + ttl)
        tx.connection.execute(insert(leases).values(name=name, fence=1, holder=holder, expires_at=lease.expires_at))
        return lease
    if found.holder is not None and found.expires_at > now and is_alive(found.holder):
        raise LeaseHeld(
            f"{name} is being worked on by {found.holder} until {found.expires_at:%Y-%m-%d %H:%M:%S} UTC; "
            "wait until it has finished, then run this again"
        )
    lease = Lease(name, found.fence + 1, holder, now + ttl)
    tx.connection.execute(update(leases).where(leases.c.name == name).values(fence=lease.fence, holder=holder, expires_at=lease.expires_at))
    return lease


def renew(tx: Write, lease: Lease, now: datetime, ttl: timedelta) -> Lease:
    """The same lease with a later expiry.

    Raises:
        LeaseHeld: it is no longer the current one.
    """
    require_current(tx, lease)
    renewed = replace(lease, expires_at=max(lease.expires_at, now + ttl))
    tx.connection.execute(update(leases).where(leases.c.name == lease.name).values(expires_at=renewed.expires_at))
    return renewed


def release(tx: Write, lease: Lease) -> None:
    """Give a lease back; nothing happens when another has it already."""
    tx.connection.execute(
        update(leases).where(leases.c.name == lease.name, leases.c.fence == lease.fence).values(holder=None, expires_at=None)
    )


def holder_of(tx: Read, name: str) -> Lease | None:
    """The lease of that name as it stands, expired or not; None when it is free."""
    found = tx.connection.execute(_NAMED, {"of": name}).first()
    if found is None or found.holder is None:
        return None
    return Lease(found.name, found.fence, found.holder, found.expires_at)


def require_current(tx: Read, lease: Lease) -> None:
    """Refuse to go on under a lease that was released or given to another.

    Raises:
        LeaseHeld: names who has it now.
    """
    current = holder_of(tx, lease.name)
    if current is None:
        raise LeaseHeld(f"{lease.name} (fence {lease.fence}) of {lease.holder} was released; nothing was written; run this again")
    if (current.fence, current.holder) != (lease.fence, lease.holder):
        raise LeaseHeld(
            f"{lease.name} (fence {lease.fence}) of {lease.holder} was taken over by {current.holder} (fence {current.fence}); "
            "nothing was written; let that one finish"
        )
