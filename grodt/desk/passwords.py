"""Passwords: how they are hashed (Argon2id, RFC 9106), and which are refused."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from grodt.errors import ConfigError

SHORTEST = 12
LONGEST = 256


def require_password(password: str, name: str) -> str:
    """A password that may be used: long enough, and not the user's name over and over. What makes one strong is its length.

    Raises:
        ConfigError: it is too short, too long, or made of the name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}")
    if not password.casefold().replace(name.casefold(), "").strip():
        raise ConfigError("a password is not the user's name")
    return password


class Passwords:
    """Hashes and checks passwords with the second recommended profile of RFC 9106: 64 MiB, three passes, four lanes."""

    def __init__(self, *, cheap: bool = False) -> None:
        """For tests, `cheap`: the same, with parameters that cost nothing and protect nothing."""
        self._hasher = PasswordHasher.from_parameters(CHEAPEST if cheap else RFC_9106_LOW_MEMORY)
        self._nobody = cache(lambda: self._hasher.hash("nobody's password"))

    def hash(self, password: str) -> str:
        """The hash to keep, with its salt and parameters."""
        return self._hasher.hash(password)

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one whose hash was kept. None, of no user, takes as long as a wrong one."""
        try:
            self._hasher.verify(kept or self._nobody(), password[:LONGEST])
        except (VerifyMismatchError, InvalidHashError):
            return False
        return kept is not None
