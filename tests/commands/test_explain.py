"""`grodt explain`: one symbol's chain from bars to position, to people and to programs."""

import json
from datetime import date
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED, small_home
from tests.flows.commands import Command

LINKS = ["run", "bars", "quarantine", "actions", "regimes", "signals", "target", "checks", "basket", "orders", "position"]


def _chain(grodt: Command, home: Home, *arguments: str) -> dict:
    ended = grodt(home, "explain", *arguments, "--json")
    assert ended.status == 0, ended.err
    (chain,) = json.loads(ended.out)
    assert list(chain) == LINKS
    return chain


def test_each_link_is_what_was_recorded(three_days: Home, grodt: Command) -> None:
    chain = _chain(grodt, three_days, "RISE", "--session", str(MON))
    assert chain["run"]["run_id"] == f"small-eod-{MON}"
    (bar,) = chain["bars"]
    line = next(line for line in (three_days.books.parent / "bars.csv").read_text().splitlines() if line.startswith(f"RISE,{MON},"))
    assert [bar[name] for name in ("open", "high", "low", "close")] == [float(cell) for cell in line.split(",")[2:6]]
    assert three_days.files("bars_1d")[bar["file"]] == bar["sha256"]
    (signal,) = chain["signals"]
    (target,) = chain["target"]
    assert (signal["signal"], signal["forecast"]) == ("ewma_crossover", pytest.approx(target["forecast"]))
    (order,) = chain["orders"]
    assert order["quantity"] == target["target_quantity"] - target["current_quantity"]
    assert order["approved_by"] == "automatic"
    assert [event["state"] for event in order["events"]] == ["approved", "sending", "accepted", "filled"]
    assert [(fill["session"], fill["quantity"]) for fill in order["fills"]] == [(str(TUE), order["quantity"])]
    assert order["fills"][0]["run_id"] == f"small-eod-{TUE}"
    assert chain["position"] == []


def test_the_position_of_the_next_session_is_what_the_orders_led_to(three_days: Home, grodt: Command) -> None:
    first, second = (_chain(grodt, three_days, "RISE", "-s", str(day)) for day in (MON, TUE))
    assert second["position"][0]["quantity"] == first["orders"][0]["quantity"] == second["target"][0]["current_quantity"]


def test_every_control_that_looked_at_it_is_there_and_no_other_symbols(three_days: Home, grodt: Command) -> None:
    chain = _chain(grodt, three_days, "RISE", "-s", str(MON))
    of_run = "SELECT control, scope, symbol, verdict FROM {} WHERE run_id = ?"
    recorded = [row for table in ("risk_checks", "later_checks") for row in three_days.sql(of_run.format(table), f"small-eod-{MON}")]
    wanted = sorted(row for row in recorded if row[2] in ("RISE", ""))
    assert {(19, "basket"), (20, "book"), (22, "book"), (27, "basket")} <= {row[:2] for row in wanted}
    assert sorted((row["control"], row["scope"], row["symbol"], row["verdict"]) for row in chain["checks"]) == wanted
    assert {row["scope"] for row in chain["checks"]} >= {"order", "basket", "book"}


def test_people_see_a_tree_and_by_default_the_latest_session(three_days: Home, grodt: Command) -> None:
    shown = grodt(three_days, "explain", "RISE").out
    assert shown.startswith(f"RISE in small-eod-{WED}, done")
    for words in ("snapshot v", "close ", "ewma_crossover: value ", "target weight ", "position at the close"):
        assert words in shown
    tree = grodt(three_days, "explain", "RISE", "-s", str(MON)).out
    assert "approved by automatic" in tree
    assert "pass, value" in tree
    assert f"fill in session {TUE}" in tree


def test_a_symbol_that_did_nothing_says_none(three_days: Home, grodt: Command) -> None:
    chain = _chain(grodt, three_days, "TWIN", "-s", str(TUE))
    tree = grodt(three_days, "explain", "TWIN", "-s", str(TUE)).out
    assert ("orders: none" in tree) == (chain["orders"] == [])
    assert ("corporate actions" in tree) == (chain["actions"] != [])


def test_a_run_that_halted_shows_the_evidence_it_left(tmp_path: Path, grodt: Command) -> None:
    home = small_home(tmp_path)
    text = home.books.read_text()
    home.books.write_text(text.replace("basket_value: 1.5", "basket_value: 0.000001"))
    with home.environment(), pytest.raises(Exception, match=r"halt|basket"):
        home.run(MON)
    chain = _chain(grodt, home, "RISE", "-s", str(MON))
    assert chain["run"]["state"] == "halted"
    assert chain["signals"] == chain["target"] == chain["orders"] == []
    assert "halt" in {row["verdict"] for row in chain["checks"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["NOPE"], "knows no symbol 'NOPE'"),
        (["RISE", "-s", str(FRI)], f"has not run for session {FRI}: `grodt run --book small --session {FRI}`"),
        (["RISE", "-s", str(date(2015, 11, 26))], "2015-11-26 is not a session of XNYS"),
        (["RISE", "-s", "yesterday"], "'yesterday' is not a date"),
    ],
)
def test_what_cannot_be_explained_is_one_message(three_days: Home, grodt: Command, arguments: list[str], message: str) -> None:
    ended = grodt(three_days, "explain", *arguments)
    assert ended.status == 2
    assert message in ended.err


def test_a_home_where_nothing_ran_says_what_to_run(empty: Home, grodt: Command) -> None:
    ended = grodt(empty, "explain", "RISE")
    assert (ended.status, "run `grodt run` first" in ended.err) == (2, True)
