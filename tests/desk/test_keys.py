"""Keys: for their owner alone, renewed, and kept as long as something that they signed may be valid."""

from datetime import timedelta
from pathlib import Path

import pytest

from grodt.desk.keys import OLDEST, VARIABLE, Keys, renew
from grodt.desk.tokens import LIFE
from grodt.errors import ConfigError
from tests.desk.world import World
from tests.ledger.world import MINUTE, NOW

PATH = "/api/v1/halts"


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "desk" / "keys.json"
    renew(file, NOW, outlives=LIFE)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        Keys(file, {})


def test_a_key_that_is_young_enough_stays_and_an_old_one_is_followed(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    renew(file, NOW, outlives=LIFE)
    keys = Keys(file, {})
    first = keys.signing
    renew(file, NOW + OLDEST - MINUTE, outlives=LIFE)
    assert keys.signing == first
    renew(file, NOW + OLDEST, outlives=LIFE)
    assert keys.signing != first
    assert keys.find(first.kid) == first


def test_a_running_desk_signs_with_a_new_key_and_takes_the_tokens_of_the_one_before_until_they_end(world: World) -> None:
    before = world.token("vic")
    renew(world.key_file, world.now, outlives=LIFE, anew=True)
    after = world.token("vic")
    assert [world.with_token(each, "GET", PATH).status_code for each in (before, after)] == [200, 200]
    world.later(LIFE / 2)
    renew(world.key_file, world.now, outlives=LIFE, anew=True)
    assert [world.with_token(each, "GET", PATH).status_code for each in (before, after)] == [200, 200]
    world.later(LIFE / 2)
    renew(world.key_file, world.now, outlives=LIFE, anew=True)
    assert len(world.key_file.read_text().split('"kid"')) - 1 == 3  # the first one can have signed nothing that is valid
    assert [world.with_token(each, "GET", PATH).status_code for each in (before, after)] == [401, 401]


def test_without_its_file_everybody_must_log_in_again(world: World) -> None:
    token = world.token("vic")
    world.key_file.unlink()
    renew(world.key_file, world.now, outlives=LIFE)
    assert world.with_token(token, "GET", PATH).status_code == 401


def test_keys_of_the_environment_stand_in_place_of_the_file(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "none.json", {VARIABLE: f"new:{'n' * 32} old:{'o' * 32}"})
    assert (keys.signing.kid, keys.find("old") is not None, keys.find("none")) == ("new", True, None)


@pytest.mark.parametrize("given", ["short:abc", "n" * 40, f":{'n' * 40}", f"a:{'n' * 32} a:{'o' * 32}"])
def test_what_is_no_key_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(ConfigError, match=VARIABLE):
        Keys(tmp_path / "none.json", {VARIABLE: given})


@pytest.mark.parametrize("content", ["", "{}", "[]", '[{"kid": "a", "secret": "00", "made_at": "2026-11-20T00:00:00+00:00"}]'])
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="holds no keys"):
        Keys(file, {})
    with pytest.raises(ConfigError, match="holds no keys"):
        renew(file, NOW, outlives=timedelta(0))
