"""Who asks: the user behind a token, as the ledger knows them at that instant."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from flask import request

from grodt.desk.parts import Parts
from grodt.desk.remembered import Memory
from grodt.desk.tokens import Audience, Claims, TokenRefused, of_login, read_token
from grodt.ledger.unit import Read, Write
from grodt.ledger.users import Role, User, deny_token, find_user, holder_of
from grodt.telemetry.logs import get_logger

#: Largest body of whom we do not know: a name, a password and where to go back to, with every character of them escaped.
_MOST_BYTES = 8 * 1024
#: When a place to log in is likely to be free.
_SOON = timedelta(seconds=1)
_log = get_logger("grodt.desk")


class Forbidden(Exception):
    """The user's role does not allow it. The message says which one does."""


class TooMany(Exception):
    """Too many passwords, wrong ones or at once; `wait` says for how long no other is tried."""

    def __init__(self, wait: timedelta) -> None:
        """How long."""
        self.seconds = max(ceil(wait.total_seconds()), 1)
        super().__init__(f"too many passwords: try again in {self.seconds} s")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what their token says."""

    user: User
    claims: Claims

    @property
    def name(self) -> str:
        """By which they act."""
        return self.user.name


@contextmanager
def place_to_log_in(desk: Parts) -> Iterator[None]:
    """Read in it what somebody sends whom we do not know, and check their password: little, and few at once.

    The body is there (`flows.whole_requests`); the other threads serve who is logged in meanwhile.

    Raises:
        TooMany: all places are taken; nothing has been read.
    """
    request.max_content_length = _MOST_BYTES
    with desk.attempts.place() as free:
        if not free:
            raise TooMany(_SOON)
        yield


def log_in(desk: Parts, name: str, password: str, address: str, audience: Audience) -> Claims:
    """What the token of somebody says who gives a name and a password.

    Args:
        desk: its parts.
        name, password: as given.
        address: from where.
        audience: what the token is for.

    Raises:
        TooMany: wrong ones were given too often.
        TokenRefused: name or password is wrong; which one is not said.
    """
    name, now = name.strip().lower(), desk.now()
    wait = desk.attempts.wait(address, name, now)
    if wait is not None:
        _log.warning("login not tried", user=name, address=address, why="too many wrong passwords")
        raise TooMany(wait)
    with desk.ledger.read() as tx:
        user = find_user(tx, name)
    fits = desk.passwords.fits(user.password_hash if user is not None else None, password)
    if user is None or not fits:
        desk.attempts.failed(address, name, now)
        _log.warning("login refused", user=name, address=address)
        raise TokenRefused("name or password is wrong")
    desk.attempts.succeeded(address, name)
    _log.info("login", user=name, address=address, role=user.role, audience=audience)
    return of_login(user, audience, desk.now())


def caller_of(desk: Parts, token: str, audience: Audience, memory: Memory) -> Caller:
    """Who holds a token.

    Args:
        desk: its parts.
        token: as it was sent.
        audience: what it must be for.
        memory: in which the user may be known already.

    Raises:
        TokenRefused: it is not accepted.
    """
    claims = read_token(token, audience, desk.keys, desk.now())
    return Caller(memory.get(("user", claims), lambda: _user_now(desk, claims)), claims)


def require_role(caller: Caller, role: Role) -> None:
    """Refuse who may not.

    Raises:
        Forbidden: names the role that may.
    """
    if not caller.user.may(role):
        raise Forbidden(f"{caller.name} is {caller.user.role}; this takes {'an' if role == 'approver' else 'a'} {role}")


@contextmanager
def acting(desk: Parts, caller: Caller, role: Role) -> Iterator[Write]:
    """A write transaction in the name of a caller, who is looked up once more: what a user is may have changed since they were let in.

    Raises:
        TokenRefused: the token is accepted no more.
        Forbidden: the role does not allow it.
    """
    require_role(caller, role)
    with desk.ledger.write() as tx:
        require_role(Caller(_require_user(tx, caller.claims), caller.claims), role)
        yield tx


def log_out(desk: Parts, caller: Caller) -> None:
    """Accept the caller's token no more, nor what it is renewed by."""
    with desk.ledger.write() as tx:
        deny_token(tx, caller.claims.token_id, expires_at=caller.claims.ends_at, now=desk.now())
    _log.info("logout", user=caller.name)


def _user_now(desk: Parts, claims: Claims) -> User:
    with desk.ledger.read() as tx:
        return _require_user(tx, claims)


def _require_user(tx: Read, claims: Claims) -> User:
    user, denied = holder_of(tx, claims.name, claims.token_id)
    if user is None or user.change_id != claims.change_id:
        raise TokenRefused("the user was changed since; log in again")
    if denied:
        raise TokenRefused("it was given back at a logout; log in again")
    return user
