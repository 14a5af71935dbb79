from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from grodt.errors import ConfigError
from grodt.settings.environment import Environment


def test_with_nothing_set_data_lies_beside_the_project_and_the_demo_book_runs(tmp_path):
    found = Environment.read({}, tmp_path)
    assert found == Environment(home=tmp_path / ".grodt", is_default_home=True, books_file=None, fixed_now=None)


def test_what_is_set_is_taken_relative_to_the_working_folder(tmp_path):
    (tmp_path / "mine.yaml").touch()
    found = Environment.read({"GRODT_HOME": "data", "GRODT_CONFIG": "mine.yaml"}, tmp_path)
    assert (found.home, found.is_default_home, found.books_file) == (tmp_path / "data", False, tmp_path / "mine.yaml")


def test_an_absolute_home_is_taken_as_it_is(tmp_path):
    assert Environment.read({"GRODT_HOME": "/somewhere/else"}, tmp_path).home == Path("/somewhere/else")


def test_a_grodt_yaml_in_the_working_folder_is_the_books_file_unless_another_is_named(tmp_path):
    for name in ("grodt.yaml", "other.yaml"):
        (tmp_path / name).touch()
    assert Environment.read({}, tmp_path).books_file == tmp_path / "grodt.yaml"
    assert Environment.read({"GRODT_CONFIG": "other.yaml"}, tmp_path).books_file == tmp_path / "other.yaml"


def test_blank_variables_are_as_if_they_were_not_set(tmp_path):
    assert Environment.read({"GRODT_HOME": "", "GRODT_CONFIG": "", "GRODT_NOW": ""}, tmp_path) == Environment.read({}, tmp_path)


@pytest.mark.parametrize(("named", "why"), [("absent.yaml", "and there is no such file"), (".", "which is no file")])
def test_a_books_file_that_is_named_and_is_not_there_is_an_error(tmp_path, named, why):
    with pytest.raises(ConfigError, match=rf"GRODT_CONFIG names .*, {why}; correct the path or unset it for the demo book"):
        Environment.read({"GRODT_CONFIG": named}, tmp_path)


def test_a_home_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(ConfigError, match=r"GRODT_HOME names .*home, which is no folder; name one, or a path where one may be made"):
        Environment.read({"GRODT_HOME": "home"}, tmp_path)


def test_the_lake_is_below_the_home_unless_a_folder_or_a_url_is_named(tmp_path):
    assert Environment.read({"GRODT_HOME": "data"}, tmp_path).lake == tmp_path / "data/lake"
    assert Environment.read({"GRODT_LAKE": "elsewhere"}, tmp_path).lake == tmp_path / "elsewhere"
    assert Environment.read({"GRODT_LAKE": "s3://bucket/prefix"}, tmp_path).lake == "s3://bucket/prefix"
    assert Environment.read({"GRODT_LAKE": ""}, tmp_path).lake == tmp_path / ".grodt/lake"


def test_a_lake_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "lake").touch()
    with pytest.raises(ConfigError, match=r"GRODT_LAKE names .*lake, which is no folder; name one, or a URL such as s3://bucket/prefix"):
        Environment.read({"GRODT_LAKE": "lake"}, tmp_path)


@pytest.mark.parametrize("text", ["2026-11-21T12:00:00Z", "2026-11-21T07:00:00-05:00"])
def test_a_fixed_instant_is_kept_in_utc(tmp_path, text):
    assert Environment.read({"GRODT_NOW": text}, tmp_path).fixed_now == datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-21T12:00:00", "2026-11-21", "noon", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_an_instant_without_a_zone_or_sense_is_an_error_that_shows_how_to_write_it(tmp_path, text):
    with pytest.raises(ConfigError, match=f"GRODT_NOW='{text[:4]}.*write it as 2026-11-21T12:00:00Z"):
        Environment.read({"GRODT_NOW": text}, tmp_path)


def test_everything_of_a_home_lies_in_it():
    found = Environment(home=Path("/data/grodt"))
    assert found.lake == Path("/data/grodt/lake")
    assert found.ledger_name == "/data/grodt/ledger.db"
    assert found.ledger_url == "sqlite:////data/grodt/ledger.db"
    assert not found.has_ledger
    assert found.logs == Path("/data/grodt/logs")
    assert found.report_file("demo", date(2026, 11, 20)) == Path("/data/grodt/reports/demo/2026-11-20.md")
    assert found.broker_file("demo") == Path("/data/grodt/brokers/paper-demo.db")


def test_a_ledger_on_a_server_is_named_by_its_url_and_shown_without_its_password(tmp_path):
    found = Environment.read({"GRODT_LEDGER": "postgresql://ann:s3:cr@t@host:5433/grodt?password=x"}, tmp_path)
    assert found.ledger_url == "postgresql://ann:s3:cr@t@host:5433/grodt?password=x"
    assert found.ledger_name == "postgresql://ann@host:5433/grodt?"
    assert found.has_ledger
    assert Environment.read({"GRODT_LEDGER": ""}, tmp_path).ledger is None


def test_a_ledger_that_is_no_url_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"GRODT_LEDGER is no URL; write it as postgresql://user@host/database, or unset it"):
        Environment.read({"GRODT_LEDGER": "ledger.db"}, tmp_path)
