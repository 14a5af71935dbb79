"""Users of the desk: who may log in, as what, and with which password's hash.

What a user is changes by acts, each a fact that stays: the last one of a name holds. Whoever removes a user or gives a new role or password
ends by it every token that was made before, because a token names the act that it goes back to.

| role | may |
|---|---|
| viewer | look |
| trader | halt, and end halts (a kill or a breach: ask for it) |
| approver | decide what waits for people, too |
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, bindparam, delete, func, insert, select

from grodt.errors import ConfigError
from grodt.ledger.requests import require_person
from grodt.ledger.tables_users import denied_tokens, user_changes
from grodt.ledger.transaction import Read, Write

Role = Literal["viewer", "trader", "approver"]

#: From what may least to what may most; each may what those before it may.
ROLES: tuple[Role, ...] = ("viewer", "trader", "approver")
_GONE = "none"
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

#: Built once: asked with every request of the desk.
_LATEST = select(user_changes).where(user_changes.c.name == bindparam("of")).order_by(user_changes.c.change_id.desc()).limit(1)
_DENIED = select(denied_tokens.c.token_id).where(denied_tokens.c.token_id == bindparam("token"))
_HOLDER = _LATEST.add_columns(_DENIED.exists().label("is_denied"))


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in.

    Attributes:
        name: by which they act in requests and halts.
        role: see above.
        password_hash: of their password, with its salt and parameters.
        change_id: number of the act that made them what they are.
        author, changed_at: who did that, and when.
    """

    name: str
    role: Role
    password_hash: str
    change_id: int
    author: str
    changed_at: datetime

    def may(self, role: Role) -> bool:
        """Whether they have that role, or one that may more."""
        return ROLES.index(self.role) >= ROLES.index(role)


def require_name(name: str) -> str:
    """A name that a user may have: small letters of ASCII, so that no two look alike, digits and `.`, `_`, `@`, `-`.

    Raises:
        ConfigError: it is no such name, or one of the system's own.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError(f"user name {name!r}: use 1 to 64 small letters a-z, digits and . _ @ -, beginning with a letter or digit")
    return require_person(name)


def require_role(role: str) -> Role:
    """A role.

    Raises:
        ConfigError: there is no such role.
    """
    for known in ROLES:
        if role == known:
            return known
    raise ConfigError(f"role {role!r} is none of {', '.join(ROLES)}")


def add_user(tx: Write, name: str, role: Role, password_hash: str, *, by: str, now: datetime) -> User:
    """Let somebody log in.

    Raises:
        ConfigError: the name cannot be used or is a user's already, or the author is no person.
    """
    if find_user(tx, require_name(name)) is not None:
        raise ConfigError(f"there is a user {name} already; `grodt users role` and `grodt users password` change what they are")
    return _change(tx, name, role, password_hash, by, now)


def change_role(tx: Write, name: str, role: Role, *, by: str, now: datetime) -> User:
    """Give a user another role.

    Raises:
        ConfigError: there is no such user, or the author is no person.
    """
    return _change(tx, name, role, require_user(tx, name).password_hash, by, now)


def change_password(tx: Write, name: str, password_hash: str, *, by: str, now: datetime) -> User:
    """Give a user another password.

    Raises:
        ConfigError: there is no such user, or the author is no person.
    """
    return _change(tx, name, require_user(tx, name).role, password_hash, by, now)


def remove_user(tx: Write, name: str, *, by: str, now: datetime) -> User:
    """Let a user log in no more; returns what they were.

    Raises:
        ConfigError: there is no such user, or the author is no person.
    """
    found = require_user(tx, name)
    _record(tx, name, _GONE, "", by, now)
    return found


def find_user(tx: Read, name: str) -> User | None:
    """The user of that name; None where there is none, or none any more."""
    row = tx.connection.execute(_LATEST, {"of": name}).first()
    return None if row is None or row.role == _GONE else _user(row)


def holder_of(tx: Read, name: str, token_id: str) -> tuple[User | None, bool]:
    """The user of that name, as `find_user`, and whether the token is accepted no more, in one query."""
    row = tx.connection.execute(_HOLDER, {"of": name, "token": token_id}).first()
    return (None, False) if row is None or row.role == _GONE else (_user(row), bool(row.is_denied))


def require_user(tx: Read, name: str) -> User:
    """The user of that name.

    Raises:
        ConfigError: there is none.
    """
    found = find_user(tx, name)
    if found is None:
        raise ConfigError(f"there is no user {name!r}; `grodt users` lists them")
    return found


def users(tx: Read) -> tuple[User, ...]:
    """Everybody who may log in, by name."""
    last = select(func.max(user_changes.c.change_id)).group_by(user_changes.c.name)
    query = select(user_changes).where(user_changes.c.change_id.in_(last), user_changes.c.role != _GONE).order_by(user_changes.c.name)
    return tuple(_user(row) for row in tx.connection.execute(query))


def deny_token(tx: Write, token_id: str, *, expires_at: datetime, now: datetime) -> None:
    """Accept a token no more. It is kept until the token's own end; those whose end is over are forgotten."""
    tx.connection.execute(delete(denied_tokens).where(denied_tokens.c.expires_at <= now))
    if not is_denied(tx, token_id):
        tx.connection.execute(insert(denied_tokens).values(token_id=token_id, expires_at=expires_at))


def is_denied(tx: Read, token_id: str) -> bool:
    """Whether a token is accepted no more."""
    return tx.connection.execute(_DENIED, {"token": token_id}).first() is not None


def _change(tx: Write, name: str, role: Role, password_hash: str, by: str, now: datetime) -> User:
    _record(tx, name, role, password_hash, by, now)
    return require_user(tx, name)


def _record(tx: Write, name: str, role: str, password_hash: str, by: str, now: datetime) -> None:
    row = {"name": name, "role": role, "password_hash": password_hash, "author": require_person(by), "changed_at": now}
    tx.connection.execute(insert(user_changes).values(row))


def _user(row: Row[Any]) -> User:
    return User(row.name, row.role, row.password_hash, row.change_id, row.author, row.changed_at)
