"""What must hold however a history went: sessions left out, runs given up, years of them."""

from collections.abc import Callable
from datetime import date

import pytest

from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, NEXT_MON, NEXT_TUE, TUE, WED


class _Killed(Exception):
    """Stands for a process that ends."""


def _kill_at(session: date, at: str) -> Callable[[date, str, str], None]:
    def watch(now: date, stage: str, _text: str) -> None:
        if (now, stage) == (session, at):
            raise _Killed(stage)

    return watch


def _ledger_and_lake(home: Home) -> tuple[list[tuple[object, ...]], ...]:
    fills = home.sql("SELECT execution_id, session, quantity, price FROM fills ORDER BY 1")
    orders = home.sql("SELECT client_order_id, state, filled_quantity FROM orders NATURAL JOIN order_status ORDER BY 1")
    marks = home.sql("SELECT session, cash, receivable, equity, profit FROM marks ORDER BY 1")
    return fills, orders, marks


def _lake(home: Home) -> tuple[list[tuple[object, ...]], ...]:
    fills = home.table("fills").sort("execution_id").select("execution_id", "session", "quantity", "price").rows()
    orders = home.table("orders").sort("client_order_id").select("client_order_id", "state", "filled_quantity").rows()
    marks = home.table("equity").sort("session").select("session", "cash", "receivable", "equity", "profit").rows()
    return (
        [(key, str(day), quantity, int(price * 10**6)) for key, day, quantity, price in fills],
        [(key, str(state), filled) for key, state, filled in orders],
        [(str(day), *(int(amount * 10**6) for amount in amounts)) for day, *amounts in marks],
    )


@pytest.mark.parametrize("at", ["mark", "signals", "send", "report"])
def test_what_given_up_runs_booked_reaches_the_lake_with_the_next_one(home: Home, at: str) -> None:
    home.run(MON, TUE)
    for given_up in (WED, FRI):
        with pytest.raises(_Killed):
            home.run(given_up, watch=_kill_at(given_up, at))
    home.run(NEXT_MON)
    assert home.sql("SELECT session FROM runs WHERE state = 'abandoned'") == [(str(WED),), (str(FRI),)]
    assert _lake(home) == _ledger_and_lake(home)
    home.run(NEXT_TUE)
    assert _lake(home) == _ledger_and_lake(home)
