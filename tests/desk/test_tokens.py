"""Tokens: only one that we made, for this use, of a user who is still what they were, opens anything."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest

from grodt.desk.tokens import ISSUER, LIFE, LONGEST_LOGIN, of_login, read_token, signed
from grodt.ledger.users import change_password, change_role, remove_user, require_user
from tests.desk.world import World
from tests.ledger.world import NOW

PATH = "/api/v1/waiting"
_AT = int(NOW.timestamp())
_CHANGE = {"ann": 1, "bob": 2, "tom": 3, "vic": 4}
_CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "api",
    "sub": "ann",
    "iat": _AT,
    "exp": _AT + 900,
    "jti": "one",
    "change": _CHANGE["ann"],
    "login": _AT,
}


def _made(world: World, **changes: Any) -> str:
    """A token signed with the key in force whose claims are those, None left out."""
    key = world.parts.keys.signing
    claims = {name: value for name, value in (_CLAIMS | changes).items() if value is not None}
    return jwt.encode(claims, key.secret, algorithm="HS256", headers={"kid": key.kid})


def _raw(*parts: dict[str, Any]) -> str:
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts)


def _status(world: World, token: str) -> int:
    return world.with_token(token, "GET", PATH).status_code


def test_one_that_we_made_opens_and_says_who_it_is_of(still: World) -> None:
    assert _status(still, _made(still)) == 200
    answer = still.client().post("/api/token", json={"name": "vic", "password": "correct horse battery"}).get_json()
    assert (answer["token_type"], answer["expires_in"], answer["name"], answer["role"]) == ("Bearer", 900, "vic", "viewer")
    content = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert set(content) == set(_CLAIMS)
    assert content["exp"] - content["iat"] == 900


_FORGED: dict[str, Callable[[World], str]] = {
    "without an algorithm": lambda w: _raw({"alg": "none", "typ": "JWT", "kid": w.parts.keys.signing.kid}, _CLAIMS) + ".",
    "without a signature": lambda w: _made(w).rsplit(".", 1)[0] + ".",
    "signed with another secret": lambda w: jwt.encode(_CLAIMS, b"x" * 32, algorithm="HS256", headers={"kid": w.parts.keys.signing.kid}),
    "of another algorithm": lambda w: jwt.encode(
        _CLAIMS, w.parts.keys.signing.secret * 2, algorithm="HS512", headers={"kid": w.parts.keys.signing.kid}
    ),
    "of a key that is not ours": lambda w: jwt.encode(_CLAIMS, w.parts.keys.signing.secret, algorithm="HS256", headers={"kid": "other"}),
    "that names no key": lambda w: jwt.encode(_CLAIMS, w.parts.keys.signing.secret, algorithm="HS256"),
    "whose claims were changed": lambda w: ".".join(
        [*_made(w).split(".")[:1], _raw(_CLAIMS | {"sub": "bob", "change": 2}), _made(w).split(".")[2]]
    ),
    "that is no token": lambda _w: "ann",
    "that is empty": lambda _w: "",
}


@pytest.mark.parametrize("forged", _FORGED.values(), ids=_FORGED)
def test_one_that_is_forged_opens_nothing(still: World, forged: Callable[[World], str]) -> None:
    answer = still.with_token(forged(still), "GET", PATH)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="grodt"'


@pytest.mark.parametrize(
    "changes",
    [
        *[{name: None} for name in _CLAIMS],
        {"aud": "pages"},
        {"aud": "other"},
        {"iss": "other"},
        {"exp": _AT - 1},
        {"exp": _AT},
        {"exp": _AT + 901},
        {"exp": 1e18},
        {"exp": str(_AT + 900)},
        {"exp": True},
        {"iat": _AT + 31, "exp": _AT + 900},
        {"login": -1},
        {"change": "1"},
        {"change": 2},
        {"sub": "nobody"},
        {"sub": "bob"},
        {"sub": 1},
    ],
    ids=str,
)
def test_one_with_claims_that_we_do_not_write_opens_nothing(still: World, changes: dict[str, Any]) -> None:
    assert _status(still, _made(still, **changes)) == 401


def test_one_ends_after_a_quarter_of_an_hour(world: World) -> None:
    token = world.token("ann")
    world.later(LIFE - timedelta(seconds=1))
    assert _status(world, token) == 200
    world.later(timedelta(seconds=1))
    assert world.with_token(token, "GET", PATH).get_json()["detail"] == "its time is over; log in again"


def test_one_that_was_given_back_is_denied_and_no_other(world: World) -> None:
    mine, other = world.token("ann"), world.token("ann")
    assert world.with_token(mine, "DELETE", "/api/token").status_code == 204
    assert (_status(world, mine), _status(world, other)) == (401, 200)


@pytest.mark.parametrize("changed", ["role", "password", "removed"])
def test_whoever_is_changed_must_log_in_again(world: World, changed: str) -> None:
    token = world.token("ann")
    with world.ledger.write() as tx:
        if changed == "role":
            change_role(tx, "ann", "viewer", by="root", now=NOW)
        elif changed == "password":
            change_password(tx, "ann", "h", by="root", now=NOW)
        else:
            remove_user(tx, "ann", by="root", now=NOW)
    assert _status(world, token) == 401


def test_a_cookie_is_renewed_when_half_its_time_is_over_and_never_beyond_a_working_day(world: World) -> None:
    with world.ledger.read() as tx:
        claims = of_login(require_user(tx, "ann"), "pages", NOW)
    half = claims.issued_at + LIFE / 2
    assert (claims.is_due(half), claims.is_due(half + timedelta(seconds=1))) == (False, True)
    after = claims.renewed(half)
    assert (after.token_id, after.csrf, after.login_at) == (claims.token_id, claims.csrf, claims.login_at)
    assert not claims.is_due(NOW + LONGEST_LOGIN)
    keys = world.parts.keys
    assert read_token(signed(claims, keys), "pages", keys, NOW).csrf == claims.csrf
