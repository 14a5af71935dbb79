"""One worker per book, and fences that shut out the one before."""

from collections.abc import Callable

import pytest

from grodt.errors import LeaseHeld
from grodt.ledger.leases import Lease, acquire, holder_of, release, renew
from grodt.ledger.postings import cash, deposit_entry, post
from grodt.ledger.unit import Ledger, Write
from grodt.money import micros
from tests.ledger.world import BOOK, MINUTE, NOW, SESSION

TTL = 10 * MINUTE


def alive(holder: str) -> bool:
    return True


def dead(holder: str) -> bool:
    return False


def take(tx: Write, holder: str = "host:1", after: int = 0, is_alive: Callable[[str], bool] = alive) -> Lease:
    return acquire(tx, "book:demo", holder, NOW + after * MINUTE, TTL, is_alive)


def test_a_free_lease_is_given_with_an_expiry(tx: Write) -> None:
    lease = take(tx)
    assert lease == Lease("book:demo", 1, "host:1", NOW + TTL) == holder_of(tx, "book:demo")


@pytest.mark.parametrize("holder", ["host:2", "host:1"])
def test_a_live_holder_keeps_its_lease_and_is_named(tx: Write, holder: str) -> None:
    take(tx)
    with pytest.raises(LeaseHeld, match="book:demo is being worked on by host:1 until 2026-11-20 21:40:00 UTC; wait"):
        take(tx, holder, after=9)


def test_an_expired_lease_is_taken_over_with_a_greater_fence(tx: Write) -> None:
    take(tx)
    assert take(tx, "host:2", after=10).fence == 2


def test_the_lease_of_a_dead_holder_is_taken_over_before_it_expires(tx: Write) -> None:
    take(tx)
    asked: list[str] = []

    def is_alive(holder: str) -> bool:
        asked.append(holder)
        return False

    assert take(tx, "host:2", is_alive=is_alive) == Lease("book:demo", 2, "host:2", NOW + TTL)
    assert asked == ["host:1"]


def test_fences_grow_over_releases(tx: Write) -> None:
    fences = []
    for _ in range(3):
        lease = take(tx)
        fences.append(lease.fence)
        release(tx, lease)
        assert holder_of(tx, "book:demo") is None
    assert fences == [1, 2, 3]


def test_a_write_under_a_lease_that_was_taken_over_is_refused_before_it_begins(ledger: Ledger) -> None:
    with ledger.write() as tx:
        old = take(tx)
    with ledger.write() as tx:
        new = take(tx, "host:2", is_alive=dead)

    def late() -> None:
        with ledger.write(old) as tx:
            post(tx, deposit_entry(BOOK, micros(1), "USD", SESSION), "run", NOW)

    with pytest.raises(LeaseHeld, match=r"\(fence 1\) of host:1 was taken over by host:2 \(fence 2\)"):
        late()
    with ledger.write(new) as tx:
        assert cash(tx, BOOK) == 0


def test_a_write_under_a_released_lease_is_refused(ledger: Ledger) -> None:
    with ledger.write() as tx:
        lease = take(tx)
    with ledger.write(lease) as tx:
        release(tx, lease)

    def late() -> None:
        with ledger.write(lease):
            pytest.fail("it began")

    with pytest.raises(LeaseHeld, match="was released"):
        late()


def test_an_expired_lease_that_nobody_took_still_writes(ledger: Ledger) -> None:
    with ledger.write() as tx:
        lease = take(tx)
    with ledger.write(lease) as tx:
        assert renew(tx, lease, NOW + 20 * MINUTE, TTL).expires_at == NOW + 30 * MINUTE


def test_renewing_never_shortens(tx: Write) -> None:
    lease = take(tx)
    assert renew(tx, lease, NOW - MINUTE, TTL) == lease


def test_a_lost_lease_is_neither_renewed_nor_released(tx: Write) -> None:
    old = take(tx)
    new = take(tx, "host:2", is_alive=dead)
    with pytest.raises(LeaseHeld):
        renew(tx, old, NOW, TTL)
    release(tx, old)
    assert holder_of(tx, "book:demo") == new


def test_leases_of_two_books_do_not_meet(tx: Write) -> None:
    assert take(tx).fence == acquire(tx, "book:us", "host:2", NOW, TTL).fence == 1
