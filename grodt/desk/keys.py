"""Keys that tokens are signed with: of the environment, or of a file that only its owner can read.

Each has an id (`kid`), which a token names. The newest one signs; those before it still tell whether a token is ours, as long as one that
they signed can be valid. A process sees a change of the file with the next token.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from grodt.errors import ConfigError

#: Variable that the keys may stand in, newest first: `kid:secret kid:secret`.
VARIABLE = "GRODT_DESK_KEYS"
#: Bytes of a secret, as many as SHA-256 has.
BYTES = 32
#: A key that is older is replaced when the desk is started.
OLDEST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        kid: its id.
        secret: what signs.
        made_at: instant; None for one of the environment.
    """

    kid: str
    secret: bytes
    made_at: datetime | None = None


class Keys:
    """The keys in force, newest first."""

    def __init__(self, file: Path, variables: Mapping[str, str]) -> None:
        """Keys of the environment, if it names any, or of the file, which must be there.

        Args:
            file: see `renew`.
            variables: of the environment.

        Raises:
            ConfigError: what the environment names are no keys, or the file holds none.
        """
        self._file = file
        self._fixed = _of_environment(variables)
        self._seen: tuple[int, int] = (0, 0)
        self._of_file: tuple[Key, ...] = ()
        self._in_force()

    @property
    def signing(self) -> Key:
        """The one that signs."""
        return self._in_force()[0]

    def find(self, kid: object) -> Key | None:
        """The key of that id, if it is in force."""
        return next((each for each in self._in_force() if each.kid == kid), None)

    def _in_force(self) -> tuple[Key, ...]:
        if self._fixed:
            return self._fixed
        try:
            found = self._file.stat()
        except OSError as error:
            raise ConfigError(f"{self._file} cannot be read ({error.strerror}): start `grodt desk` again") from None
        if (found.st_mtime_ns, found.st_ino) != self._seen:
            self._of_file = _read(self._file)
            self._seen = (found.st_mtime_ns, found.st_ino)
        return self._of_file


def renew(file: Path, now: datetime, *, outlives: timedelta, anew: bool = False) -> None:
    """Make the file, or put a new key in front of its keys where the newest is too old or `anew`; drop those that nothing needs any more.

    Args:
        file: in a folder that is made where it is missing; both are for their owner alone.
        now: instant.
        outlives: how long a token that was signed before can be valid.
        anew: whether a new key is wanted in any case.

    Raises:
        ConfigError: the file holds no keys.
    """
    keys = _read(file) if file.exists() else ()
    if keys and not anew and keys[0].made_at is not None and now - keys[0].made_at < OLDEST:
        return
    # What a key signed is valid until so long after its successor was made; this one's is made now.
    needed = [each for each, after in zip(keys[1:], keys, strict=False) if after.made_at is not None and now - after.made_at < outlives]
    kept = [Key(secrets.token_hex(4), secrets.token_bytes(BYTES), now), *keys[:1], *needed]
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps([{"kid": each.kid, "secret": each.secret.hex(), "made_at": (each.made_at or now).isoformat()} for each in kept])
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(content)
    temporary.replace(file)


def _read(file: Path) -> tuple[Key, ...]:
    if file.stat().st_mode & 0o077:
        raise ConfigError(f"{file} can be read by others: anybody could make tokens with it; delete it and start `grodt desk` again")
    try:
        rows = json.loads(file.read_text())
        keys = tuple(Key(str(each["kid"]), bytes.fromhex(each["secret"]), datetime.fromisoformat(each["made_at"])) for each in rows)
    except (ValueError, KeyError, TypeError):
        keys = ()
    if not keys or any(len(each.secret) < BYTES for each in keys):
        raise ConfigError(f"{file} holds no keys: delete it and start `grodt desk` again; whoever is logged in must log in again")
    return keys


def _of_environment(variables: Mapping[str, str]) -> tuple[Key, ...]:
    found = []
    for entry in variables.get(VARIABLE, "").split():
        kid, _, secret = entry.partition(":")
        if not kid or len(secret.encode()) < BYTES:
            raise ConfigError(f"{VARIABLE}: write `kid:secret kid:secret`, newest first, each secret of at least {BYTES} characters")
        found.append(Key(kid, secret.encode()))
    if len({each.kid for each in found}) != len(found):
        raise ConfigError(f"{VARIABLE} names one kid twice: each key has its own")
    return tuple(found)
