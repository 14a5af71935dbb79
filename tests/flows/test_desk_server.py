"""Serving the desk: what it reads anew, and what it will not pretend."""

from pathlib import Path

import pytest

from flows.desk_server import key_file, renew_keys, rereading
from grodt.desk.keys import VARIABLE
from grodt.errors import ConfigError
from grodt.settings.environment import Environment


def test_a_books_file_that_is_gone_is_an_error_that_the_desk_tells(tmp_path: Path) -> None:
    current = rereading(Environment(home=tmp_path, books_file=tmp_path / "grodt.yaml"))
    with pytest.raises(ConfigError, match=r"grodt\.yaml cannot be read \(No such file or directory\)"):
        current()


def test_no_new_key_is_said_to_sign_where_those_of_the_environment_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"one:{'s' * 32}")
    where = Environment(home=tmp_path)
    renew_keys(where)
    with pytest.raises(ConfigError, match=f"with the keys of {VARIABLE}"):
        renew_keys(where, anew=True)
    assert not key_file(where).exists()
