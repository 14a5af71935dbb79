"""Passwords: which are refused, and that only the right one fits."""

import pytest

from grodt.desk.passwords import LONGEST, Passwords, require_password
from grodt.errors import ConfigError


def test_only_the_password_itself_fits_its_hash() -> None:
    passwords = Passwords(cheap=True)
    kept = passwords.hash("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert kept != passwords.hash("correct horse battery")
    assert passwords.fits(kept, "correct horse battery")
    for wrong in ("correct horse batterz", "", "correct horse battery "):
        assert not passwords.fits(kept, wrong)
    assert not passwords.fits(None, "nobody's password")
    assert not passwords.fits("no hash", "correct horse battery")


def test_the_real_ones_are_of_the_profile_that_rfc_9106_recommends() -> None:
    assert "$m=65536,t=3,p=4$" in Passwords().hash("correct horse battery")


@pytest.mark.parametrize(("password", "message"), [("short", "has 12 to 256"), ("x" * (LONGEST + 1), "has 12 to 256"), ("ann" * 4, "name")])
def test_a_password_that_is_easily_tried_is_refused(password: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        require_password(password, "Ann")
