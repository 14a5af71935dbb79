"""grodt profit: what a book has earned, line by line; the lines add up to the change of its equity, or it is an error."""

import json
from collections import deque
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations_with_replacement
from typing import Any

import pytest

from grodt.errors import DataError
from grodt.ledger.postings import deposit_entry, post
from grodt.ledger.statement import statement_of
from grodt.ledger.unit import Ledger
from grodt.money import Micros
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED
from tests.flows.commands import Command


def _ledger(home: Home) -> Ledger:
    return Ledger.open(f"sqlite:///{home.folder}/ledger.db")


def _row(grodt: Command, home: Home, *arguments: str) -> dict[str, Any]:
    ended = grodt(home, "profit", "--json", *arguments)
    assert (ended.status, ended.err) == (0, "")
    (row,) = json.loads(ended.out)
    return dict(row)


def _first_in_first_out(home: Home) -> int:
    """Of the fills, one share after the other; the small world only buys long and sells."""
    held: dict[str, deque[int]] = {}
    realised = 0
    for symbol, side, quantity, price in home.sql("SELECT symbol, side, quantity, price FROM fills ORDER BY number"):
        lots = held.setdefault(symbol, deque())
        if side == "buy":
            lots.extend([price] * quantity)
        else:
            realised += sum(price - lots.popleft() for _ in range(quantity))
    return realised


def test_the_lines_are_those_of_fills_and_marks(grodt: Command, three_days: Home) -> None:
    row = _row(grodt, three_days)
    ((equity, positions),) = three_days.sql("SELECT equity, positions_value FROM marks ORDER BY session DESC LIMIT 1")
    ((commission, bought),) = three_days.sql(
        "SELECT sum(commission), sum(CASE side WHEN 'buy' THEN quantity * price ELSE -quantity * price END) FROM fills"
    )
    assert (row["opened"], row["closed"], row["deposits"]) == (None, str(WED), "1000000.000000")
    assert row["closing_equity"] == f"{equity / 1e6:.6f}"
    assert row["commission"] == f"{-commission / 1e6:.6f}"
    both = round((float(row["realised"]) + float(row["unrealised"])) * 1e6)
    assert both == positions - bought
    assert round((float(row["realised_fifo"]) + float(row["unrealised_fifo"])) * 1e6) == both
    assert row["realised_fifo"] == f"{_first_in_first_out(three_days) / 1e6:.6f}"


def test_every_stretch_of_sessions_adds_up_and_stretches_add_up_to_the_whole(three_days: Home) -> None:
    ledger = _ledger(three_days)
    with ledger.read() as tx:
        found = {(start, end): statement_of(tx, "small", start, end) for start, end in combinations_with_replacement((MON, TUE, WED), 2)}
    ledger.close()
    assert [found[day, day].opened for day in (MON, TUE, WED)] == [None, MON, TUE]
    whole = found[MON, WED]
    for name in ("profit", "deposits", "unrealised", "realised_fifo", "unrealised_fifo"):
        assert sum(getattr(found[day, day], name) for day in (MON, TUE, WED)) == getattr(whole, name)
    assert sum(found[day, day].earned.realised for day in (MON, TUE, WED)) == whole.earned.realised
    assert found[TUE, TUE].profit != 0


def test_what_was_booked_after_a_mark_is_of_the_stretch_after_it(home: Home) -> None:
    ledger = _ledger(home)
    with ledger.read() as tx:
        before = statement_of(tx, "small", None, WED)
    with ledger.write() as tx:
        late = deposit_entry("small", Micros(5_000_000), "USD", TUE)
        assert post(tx, late, "small-eod-2015-11-27", datetime(2015, 12, 6, tzinfo=UTC))
    with ledger.read() as tx:
        assert statement_of(tx, "small", None, WED) == before
    ledger.close()


def test_a_clock_that_has_stepped_back_leaves_the_lines_whole(home: Home) -> None:
    replace(home, now="2015-12-04T12:00:00Z").run(FRI)
    ledger = _ledger(home)
    with ledger.read() as tx:
        whole, last = statement_of(tx, "small", None, None), statement_of(tx, "small", FRI, None)
    ledger.close()
    assert (whole.closed, last.opened) == (FRI, WED)
    assert last.earned.commission < 0


def test_lines_that_do_not_add_up_are_an_error(home: Home) -> None:
    ledger = _ledger(home)
    with ledger.write() as tx:
        tx.connection.exec_driver_sql("UPDATE marks SET cash = cash + 1, equity = equity + 1 WHERE session = '2015-11-25'")
    with ledger.read() as tx, pytest.raises(DataError, match=r"and its postings come to .* run grodt verify --book small"):
        statement_of(tx, "small", None, None)
    ledger.close()


def test_people_see_lines_and_symbols(grodt: Command, three_days: Home) -> None:
    shown = grodt(three_days, "profit").out
    assert shown.startswith(f"profit of small to {WED} ")
    for words in ("deposits", "realised profit, before commission", f"equity at the close of {WED}", "of it realised, first in first out"):
        assert words in shown
    symbols = grodt(three_days, "profit", "--by-symbol", "--start", str(TUE)).out
    assert "RISE" in symbols
    assert "commission" in symbols


@pytest.mark.parametrize("arguments", [("--start", "2016-01-04"), ("--end", "2015-11-20")])
def test_sessions_that_are_not_valued_are_named(grodt: Command, three_days: Home, arguments: tuple[str, str]) -> None:
    ended = grodt(three_days, "profit", *arguments)
    assert ended.status == 2
    assert arguments[1] in ended.err
    assert date.fromisoformat(arguments[1]) not in (MON, TUE, WED)
