"""`grodt expect`, and what `status` and `explain` say of version, configuration and limits."""

import json

import grodt as package
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, WED
from tests.flows.commands import Command

_VERSION = package.__version__


def test_another_version_is_expected_from_now_on(grodt: Command, home: Home) -> None:
    ended = grodt(home, "expect", "--version", "9.9", "--reason", "release", "--author", "ann")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == f"book small expects GRODT 9.9 from now on; until now it was {_VERSION}\n"
    ended = grodt(home, "expect", "--version", "9.9", "--reason", "release", "--author", "bob")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("error: book small expects GRODT 9.9 already, by ann")
    assert json.loads(grodt(home, "status", "--json").out)[0]["expected_version"] == "9.9"


def test_status_says_since_when_the_configuration_is_at_work_and_what_is_expected(grodt: Command, three_days: Home) -> None:
    lines = {" ".join(line.split()) for line in grodt(three_days, "status").out.splitlines()}
    assert f"configuration new since {MON}, the first session of its book; caps are not reduced" in lines
    assert f"expects GRODT {_VERSION}, by automatic" in lines
    (found,) = json.loads(grodt(three_days, "status", "--json").out)
    assert found["reduced_cycles"] == 0


def test_explain_names_who_set_each_limit_that_the_symbol_was_held_to(grodt: Command, home: Home) -> None:
    grodt(home, "limits", "set", "symbol_weight", "0.2", "--symbol", "RISE", "--reason", "thin", "--author", "ann")
    (chain,) = json.loads(grodt(home, "explain", "RISE", "--session", str(WED), "--json").out)
    version = chain["run"]["limits_version"]
    assert (version, len(chain["run"]["code_hash"])) == (home.sql("SELECT max(change_id) - 1 FROM limit_changes")[0][0], 64)
    weights = [row for row in chain["checks"] if row["control"] == 9]
    # the change came after the session was decided
    assert [(each["name"], each["symbol"], each["value"], each["set_by"]) for row in weights for each in row["limits"]] == [
        ("symbol_weight", "", 0.35, "books file")
    ]
    out = grodt(home, "explain", "RISE", "--session", str(WED)).out
    assert f"limits v{version}" in out
    assert "; symbol_weight by books file 2015-12-05" in out
