"""Access tokens: JSON Web Tokens (RFC 7519), valid for a quarter of an hour at most.

| claim | is |
|---|---|
| iss | `grodt-desk` |
| aud | `api`, or `pages` for the cookie of a browser; one is no good for the other |
| sub | name of the user |
| iat, exp | from when and before when it is valid |
| jti | of the login; a cookie that is renewed keeps it, so that denying it ends the login |
| change | act of the ledger that made the user what they are: another role or password ends the token |
| login | when the user gave the password; `pages` are renewed for so long after it |
| csrf | `pages` alone: what a form must bring back |

The algorithm is ours, not the token's: HS256 with the key that it names.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import jwt

from grodt.desk.keys import Keys
from grodt.ledger.users import User

Audience = Literal["api", "pages"]

ISSUER = "grodt-desk"
ALGORITHM = "HS256"
#: How long a token is valid.
LIFE = timedelta(minutes=15)
#: How long after the login the cookie of a browser is renewed.
LONGEST_LOGIN = timedelta(hours=8)
#: Clocks of machines may differ by this much.
_SKEW = timedelta(seconds=30)
#: Tokens whose signature need not be computed once more.
_REMEMBERED = 4096
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti", "change", "login"]


class TokenRefused(Exception):
    """A token is not accepted. The message says why, and no more than who holds it may know."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says; see above."""

    audience: Audience
    name: str
    issued_at: datetime
    expires_at: datetime
    token_id: str
    change_id: int
    login_at: datetime
    csrf: str = ""

    @property
    def ends_at(self) -> datetime:
        """From when on nothing of this login is valid, renewed or not."""
        return self.expires_at if self.audience == "api" else self.login_at + LONGEST_LOGIN + LIFE

    def is_due(self, now: datetime) -> bool:
        """Whether a cookie is to be renewed: half its time is over, and the login may go on."""
        return self.audience == "pages" and now - self.issued_at > LIFE / 2 and now - self.login_at < LONGEST_LOGIN

    def renewed(self, now: datetime) -> "Claims":
        """The same login, valid from now on."""
        return replace(self, issued_at=now, expires_at=now + LIFE)


def of_login(user: User, audience: Audience, now: datetime) -> Claims:
    """What the token of a user says who has just given their password."""
    at = now.replace(microsecond=0)
    csrf = secrets.token_urlsafe(24) if audience == "pages" else ""
    return Claims(audience, user.name, at, at + LIFE, secrets.token_urlsafe(16), user.change_id, at, csrf)


def signed(claims: Claims, keys: Keys) -> str:
    """The token."""
    key = keys.signing
    content: dict[str, Any] = {
        "iss": ISSUER,
        "aud": claims.audience,
        "sub": claims.name,
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "jti": claims.token_id,
        "change": claims.change_id,
        "login": int(claims.login_at.timestamp()),
    }
    if claims.csrf:
        content["csrf"] = claims.csrf
    return jwt.encode(content, key.secret, algorithm=ALGORITHM, headers={"kid": key.kid})


def read_token(token: str, audience: Audience, keys: Keys, now: datetime) -> Claims:
    """What a token says, if it is ours, for this audience, and its time is not over. Whether it is denied the ledger knows.

    Raises:
        TokenRefused: it is not.
    """
    try:
        key = keys.find(_kid(token))
        if key is None:
            raise TokenRefused("its key is not in force")
        content = _verified(token, key.secret, audience)
    except jwt.MissingRequiredClaimError as error:
        raise TokenRefused(f"it has no {error.claim}") from None
    except jwt.PyJWTError:
        raise TokenRefused("it is none of ours, or for something else") from None
    return _checked(content, audience, now)


@lru_cache(maxsize=_REMEMBERED)
def _kid(token: str) -> object:
    """The key that a token names; nobody has checked it."""
    return jwt.get_unverified_header(token).get("kid")


@lru_cache(maxsize=_REMEMBERED)
def _verified(token: str, secret: bytes, audience: Audience) -> Mapping[str, Any]:
    """What a token says whose signature is of that secret: the same for ever, so that it is computed once. Times are judged elsewhere."""
    options: Any = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    return MappingProxyType(jwt.decode(token, secret, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, options=options))


def _checked(content: Mapping[str, Any], audience: Audience, now: datetime) -> Claims:
    times = [content[name] for name in ("iat", "exp", "login")]
    if any(type(each) is not int or not 0 <= each < 1 << 36 for each in times) or type(content["change"]) is not int:
        raise TokenRefused("its claims are not as we write them")
    issued_at, expires_at, login_at = (datetime.fromtimestamp(each, UTC) for each in times)
    if now >= expires_at:
        raise TokenRefused("its time is over; log in again")
    if issued_at > now + _SKEW or expires_at - issued_at > LIFE:
        raise TokenRefused("its claims are not as we write them")
    return Claims(
        audience,
        str(content["sub"]),
        issued_at,
        expires_at,
        str(content["jti"]),
        content["change"],
        login_at,
        str(content.get("csrf", "")),
    )
