"""A source's key: where the environment has it, and how it is kept from being shown."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from grodt.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its secret; neither is ever shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What tells this key from others and gives nothing away: the first 12 hex digits of its SHA-256, without the secret."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:12]

    def hidden_in(self, text: str) -> str:
        """The text without the key and the secret, as a vendor's own words may repeat them."""
        return text.replace(self.secret, "…").replace(self.key, "…")


@dataclass(frozen=True, slots=True)
class KeyVariables:
    """The names of the two environment variables that a key is looked for in."""

    key: str
    secret: str

    def __str__(self) -> str:
        return f"{self.key} and {self.secret}"


def source_variables(source: str) -> KeyVariables:
    """The variables of a source that has no names of its own for them: `<SOURCE>_API_KEY` and `<SOURCE>_API_SECRET`."""
    name = source.upper().replace("-", "_")
    return KeyVariables(f"{name}_API_KEY", f"{name}_API_SECRET")


def from_environment(variables: Mapping[str, str], names: KeyVariables, owner: str) -> Credentials | None:
    """The key that environment variables give; None where neither is set. `owner` is whose it is, for messages.

    Raises:
        ConfigError: one of the two is absent, or cannot be sent in a header; the message names both variables.
    """
    key, secret = (variables.get(name, "").strip() for name in (names.key, names.secret))
    if not key and not secret:
        return None
    if not key or not secret:
        missing = names.secret if key else names.key
        raise ConfigError(f"{owner} needs a key and {missing} is not set; set {names} in the environment")
    return checked(key, secret, f"{owner}: {names.key} or {names.secret}")


def checked(key: str, secret: str, place: str) -> Credentials:
    """The key, if it can be sent in a header.

    Raises:
        ConfigError: it has characters that no key has; names the place, not the key.
    """
    if not (key + secret).isascii() or not (key + secret).isprintable():
        raise ConfigError(f"{place} has characters that no key has; copy them again")
    return Credentials(key, secret)
