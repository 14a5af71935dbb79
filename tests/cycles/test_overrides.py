"""An override of whole cycles: agreed by two, for one cycle, and in the evidence of it."""

import pytest

from grodt.errors import HaltActive
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, TUE, WED, books_text
from tests.flows.commands import Command


@pytest.fixture
def grodt(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def _ask(grodt: Command, home: Home, *arguments: str) -> str:
    """Ask for an override as ann; its id."""
    ended = grodt(home, "override", *arguments, "--reason", "spin-off", "--author", "ann")
    assert (ended.status, ended.err) == (0, "")
    return ended.out.split("grodt approve ")[1].split()[0]


def _checks(home: Home, session: object, control: int) -> dict[str, tuple[str, str]]:
    query = "SELECT symbol, verdict, reason FROM risk_checks WHERE run_id = ? AND control = ? ORDER BY attempt"
    return {symbol: (verdict, reason) for symbol, verdict, reason in home.sql(query, f"{home.book}-eod-{session}", control)}


def test_a_control_is_lifted_for_one_symbol_in_one_cycle(grodt: Command, home: Home) -> None:
    assert home.books is not None
    home.books.write_text(books_text(symbol_weight="0.01"))
    home.run(MON)
    assert {verdict for verdict, _ in _checks(home, MON, 9).values()} == {"clip"}
    request = _ask(grodt, home, "9", "--symbol", "RISE", "--cycles", "1")
    home.run(TUE)  # nobody has agreed yet
    assert {verdict for verdict, _ in _checks(home, TUE, 9).values()} <= {"clip", "reject"}
    assert _checks(home, TUE, 34) == {}
    assert grodt(home, "approve", request, "--reason", "ok", "--author", "bob").status == 0
    assert "lift control 9 of RISE for 1 cycle" in grodt(home, "status").out
    home.run(WED)
    found = _checks(home, WED, 9)
    assert found["RISE"] == ("alert", "overridden by ann and bob: spin-off")
    assert {verdict for symbol, (verdict, _) in found.items() if symbol != "RISE"} <= {"clip", "reject"}
    verdict, reason = _checks(home, WED, 34)["RISE"]
    assert verdict == "pass"
    assert reason.startswith("control 9, 1 cycle, until 2015-12-12 12:00 UTC, overridden by ann and bob: spin-off")
    assert home.sql("SELECT run_id FROM override_uses") == [(f"small-eod-{WED}",)]
    out = grodt(home, "explain", "RISE", "--session", str(WED)).out
    assert "alert, value" in out
    assert "overridden by ann and bob: spin-off" in out
    assert home.table("risk_checks").filter(control=34)["symbol"].to_list() == ["RISE"]
    assert "overrides" in grodt(home, "status").out


def test_a_basket_that_a_control_halted_goes_out_when_two_people_lift_it_and_the_halt_is_ended(grodt: Command, home: Home) -> None:
    assert home.books is not None
    home.run(MON)
    home.books.write_text(books_text(turnover="0.0001"))
    assert "in force: turnover" in grodt(home, "limits", "adopt", "--reason", "calm", "--author", "ann").out
    with pytest.raises(HaltActive, match="turnover_above_limit"):
        home.run(TUE)
    request = _ask(grodt, home, "14", "--cycles", "1")
    grodt(home, "approve", request, "--reason", "ok", "--author", "bob")
    with pytest.raises(HaltActive):  # the halt is another matter, and no override lifts it
        home.run(TUE)
    rearm(grodt, home)
    home.run(TUE)
    assert _checks(home, TUE, 14)[""] == ("alert", "overridden by ann and bob: spin-off")
    with pytest.raises(HaltActive, match="turnover_above_limit"):
        home.run(WED)


def rearm(grodt: Command, home: Home) -> None:
    """End what halts hold, by whoever it takes."""
    ended = grodt(home, "rearm", "--reason", "lifted", "--author", "ann")
    if "grodt approve " in ended.out:
        request = ended.out.split("grodt approve ")[1].split()[0]
        grodt(home, "approve", request, "--reason", "ok", "--author", "bob")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("1 --cycles 1", "control 1 cannot be overridden: nobody may lift it"),
        ("13 --cycles 1", "control 13 cannot be overridden: nobody may lift it"),
        ("29 --cycles 1", "control 29 cannot be overridden: nobody may lift it: end the halt"),
        ("9 --symbol RISEE --cycles 1", "book small knows no symbol 'RISEE'; did you mean RISE?"),
        ("9 --until tomorrow", "--until 'tomorrow'"),
        ("9", "an override has one term: give either --cycles or --until"),
    ],
)
def test_wrong_use_asks_for_nothing(grodt: Command, week: Home, arguments: str, message: str) -> None:
    before = week.sql("SELECT count(*) FROM requests")
    ended = grodt(week, "override", *arguments.split(), "--reason", "why", "--author", "ann")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {message}")
    assert week.sql("SELECT count(*) FROM requests") == before
