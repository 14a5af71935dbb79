"""Limits of whole cycles: which are in force when a session is decided, and that a rerun agrees."""

from pathlib import Path

import pytest

from grodt.errors import GrodtError
from grodt.ledger.limits import limits_set
from grodt.ledger.unit import Ledger
from grodt.risk.limit_values import Key
from tests.cycles.driver import Home
from tests.cycles.limits import change, loosen, tighten
from tests.cycles.small_world import MON, TUE, WED, books_text
from tests.replay.parity import replayed

WEIGHT = Key("symbol_weight")
_CHECKS = "SELECT verdict, bound FROM risk_checks WHERE run_id = ? AND control = 9 GROUP BY verdict, bound"


class KilledError(Exception):
    """Stands for a death of the process."""


def _run(home: Home, session: object) -> str:
    return f"{home.book}-eod-{session}"


def _kill_in(home: Home, session: object, stage: str) -> None:
    """Run a session that dies when the stage begins."""

    def watch(_session: object, at: str, text: str) -> None:
        if at == stage and text == "":
            raise KilledError

    with pytest.raises(KilledError):
        home.run(session, watch=watch)  # type: ignore[arg-type]


def _weight_of(home: Home, session: object) -> object:
    """The symbol weight that the run says it was judged by."""
    ((version,),) = home.sql("SELECT limits_version FROM runs WHERE run_id = ?", _run(home, session))
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    with ledger.read() as tx:
        found = limits_set(tx, home.book, version)[WEIGHT].after
    ledger.close()
    return found


def test_a_limit_that_two_people_raise_lets_the_next_cycle_s_orders_pass_and_one_that_waits_does_not(home: Home) -> None:
    assert home.books is not None
    home.books.write_text(books_text(symbol_weight="0.01"))
    home.run(MON)
    assert home.sql(_CHECKS, _run(home, MON)) == [("clip", 0.01)]
    change(home, WEIGHT, 0.3)
    home.run(TUE)
    assert {bound for _, bound in home.sql(_CHECKS, _run(home, TUE))} == {0.01}
    loosen(home, WEIGHT, 0.3)
    home.run(WED)
    assert home.sql(_CHECKS, _run(home, WED)) == [("pass", 0.3)]
    assert [_weight_of(home, day) for day in (MON, TUE, WED)] == [0.01, 0.01, 0.3]
    # none of it made another strategy of the book
    assert home.sql("SELECT count(DISTINCT config_hash) FROM runs") == [(1,)]


def test_limits_that_the_books_file_changes_later_are_not_in_force(home: Home) -> None:
    home.run(MON)
    assert home.books is not None
    home.books.write_text(books_text(symbol_weight="0.01"))
    home.run(TUE)
    assert {bound for _, bound in home.sql(_CHECKS, _run(home, TUE))} == {0.35}
    assert home.sql("SELECT count(DISTINCT config_hash) FROM runs") == [(1,)]


def test_a_rerun_takes_the_limits_of_now_until_its_basket_is_made_and_keeps_them_from_then_on(home: Home) -> None:
    _kill_in(home, MON, "orders")  # judged, and nothing ordered yet
    assert _weight_of(home, MON) == 0.35
    tighten(home, WEIGHT, 0.02)
    _kill_in(home, MON, "send")  # judged anew, and ordered
    ordered = home.sql("SELECT client_order_id, quantity FROM orders ORDER BY 1")
    assert home.sql("SELECT DISTINCT bound FROM risk_checks WHERE control = 9 AND attempt = 2") == [(0.02,)]
    tighten(home, WEIGHT, 0.01)
    home.run(MON)
    assert home.sql("SELECT client_order_id, quantity FROM orders ORDER BY 1") == ordered
    assert _weight_of(home, MON) == 0.02


def test_limits_of_sending_hold_as_soon_as_they_are_set(home: Home) -> None:
    _kill_in(home, MON, "send")
    tighten(home, Key("cycle_messages"), 1)
    with pytest.raises(GrodtError, match="messages_above_limit"):
        home.run(MON)
    assert home.broker("SELECT count(*) FROM orders") == [(1,)]


def test_a_replay_is_judged_by_the_limits_in_force(home: Home, tmp_path: Path) -> None:
    home.run(MON, TUE)
    tighten(home, WEIGHT, 0.01)
    done = replayed(home, (MON, TUE), tmp_path / "out")
    assert done.course.plan.limits.symbol_weight == 0.01
