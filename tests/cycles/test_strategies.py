"""A book of several strategies through whole cycles: one order per symbol, and whose it is."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grodt.ledger.acts import act
from grodt.ledger.requests import requests_of
from grodt.ledger.strategies import check_strategies, strategy_positions
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.cycles.interrupted import Stop, stop_at
from tests.cycles.small_world import FRI, NEXT_MON, NEXT_TUE, TUE, WED, small_home
from tests.flows.commands import Command

_SIGNALS = """    signals:
      - {signal: ewma_crossover, weight: 1, parameters: {fast: 4, slow: 16}}
"""
_TREND = "{name: trend, share: %s, signals: [{signal: ewma_crossover, weight: 1, parameters: {fast: 4, slow: 16}}]}"
_REVERSION = "{name: reversion, share: 0.4, signals: [{signal: z_score_reversion, weight: 1, parameters: {window: 5}}]}"
_BOTH = f"    strategies:\n      - {_TREND % 0.6}\n      - {_REVERSION}\n"
_DAYS = (TUE, WED, FRI, NEXT_MON, NEXT_TUE)


def home_of(folder: Path, strategies: str = _BOTH) -> Home:
    """A home for a book of those strategies in the small world."""
    home = small_home(folder)
    written = home.books
    assert written is not None
    text = written.read_text()
    assert _SIGNALS in text
    written.write_text(text.replace(_SIGNALS, strategies))
    return home


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two strategies that have run from Tuesday to the Tuesday after, through a split and a delisting."""
    home = home_of(tmp_path_factory.mktemp("two"))
    home.run(*_DAYS)
    return home


@pytest.fixture
def grodt(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def _ledger(home: Home) -> Ledger:
    return Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")


def wrong(home: Home) -> list[str]:
    """Where what strategies hold does not add up to the book."""
    ledger = _ledger(home)
    with ledger.read() as tx:
        found = [*check_strategies(tx, None).findings]
    ledger.close()
    return found


def test_orders_are_one_of_a_symbol_and_shared_out_and_what_strategies_hold_adds_up(two: Home) -> None:
    assert wrong(two) == []
    orders = two.sql("SELECT count(*), count(DISTINCT session || symbol) FROM orders")
    assert orders[0][0] == orders[0][1] > 6
    assert two.sql("SELECT count(*) FROM orders WHERE client_order_id NOT IN (SELECT client_order_id FROM order_shares)") == [(0,)]
    assert {name for (name,) in two.sql("SELECT DISTINCT strategy FROM order_shares")} == {"trend", "reversion"}
    assert two.sql("SELECT count(*) FROM crosses")[0][0] > 0
    ledger = _ledger(two)
    with ledger.read() as tx:
        held = strategy_positions(tx, "small")
    ledger.close()
    assert {who for (who, _), each in held.items() if each.quantity} == {"trend", "reversion"}
    assert min(each.quantity for each in held.values()) >= 0


@pytest.mark.parametrize("start", [None, *_DAYS[1:]])
def test_what_strategies_have_earned_adds_up_to_the_book_line_by_line_in_every_stretch(
    two: Home, grodt: Command, start: date | None
) -> None:
    for end in (day for day in _DAYS if start is None or day >= start):
        stretch = ("--end", str(end), *(() if start is None else ("--start", str(start))))
        (book,) = json.loads(grodt(two, "profit", "--json", *stretch).out)
        ended = grodt(two, "profit", "--by-strategy", "--json", *stretch)
        assert (ended.status, ended.err) == (0, "")
        rows = {row["strategy"]: row for row in json.loads(ended.out)}
        assert {"trend", "reversion"} <= rows.keys() <= {"trend", "reversion", "between strategies"}
        for line in (
            "deposits",
            "withdrawals",
            "realised",
            "unrealised",
            "dividends",
            "interest",
            "commission",
            "fees",
            "borrowing",
            "profit",
        ):
            assert sum(Decimal(row[line]) for row in rows.values()) == Decimal(book[line]), line
        assert Decimal(rows.get("between strategies", {"profit": "0"})["profit"]) == 0
        if start is None:
            deposits = {name: Decimal(rows[name]["deposits"]) for name in ("trend", "reversion")}
            assert deposits == {"trend": Decimal(600_000), "reversion": Decimal(400_000)}, "by their shares of the capital"
    assert Decimal(book["dividends"]) > 0 or start is not None


def test_one_of_both_tables_is_asked_for(two: Home, grodt: Command) -> None:
    assert "not both" in grodt(two, "profit", "--by-strategy", "--by-symbol").err
    assert "trend" in grodt(two, "profit", "--by-strategy").out


def test_a_cross_is_at_the_close_that_decided_it(two: Home) -> None:
    closes = {(row["symbol"], str(row["session"])): row["close"] for row in two.table("bars_1d").to_dicts()}
    for symbol, session, price in two.sql("SELECT DISTINCT symbol, session, price FROM crosses"):
        assert Decimal(price).scaleb(-6) == Decimal(str(closes[symbol, session]))


def test_explain_says_whose_an_order_is(two: Home, grodt: Command) -> None:
    ((symbol, session, strategy, quantity),) = two.sql(
        "SELECT symbol, session, strategy, s.quantity FROM orders JOIN order_shares AS s USING (client_order_id) ORDER BY 2, 1, 3 LIMIT 1"
    )
    assert f"{strategy} has {quantity:,}" in grodt(two, "explain", symbol, "-s", session).out


def test_signals_are_exported_by_strategy_and_targets_are_the_book_s(two: Home) -> None:
    assert set(two.table("signals")["signal"]) == {"trend.ewma_crossover", "reversion.z_score_reversion"}
    targets = two.table("targets")
    assert targets.select("session", "symbol").is_duplicated().sum() == 0


@pytest.mark.long
def test_interrupted_where_orders_are_made_sent_and_reported_it_ends_the_same(two: Home, tmp_path: Path) -> None:
    home = home_of(tmp_path)
    for session in _DAYS:
        for stage in ("approve", "send", "report") if session in (TUE, FRI) else ():
            with pytest.raises(Stop):
                home.run(session, watch=stop_at(stage))
        home.run(session)
    for table in ("order_shares", "crosses"):
        columns = "*" if table == "order_shares" else "run_id, symbol, strategy, quantity, price"
        query = f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3"
        assert home.sql(query) == two.sql(query)
    assert home.facts() == two.facts()


def test_what_people_approve_is_shared_out_as_it_was_decided(two: Home, tmp_path: Path) -> None:
    home = home_of(tmp_path)
    assert home.books is not None
    home.books.write_text(home.books.read_text().replace("approval: automatic", "approval: one"))
    evening = replace(home, now="2015-11-24T22:00:00Z")
    evening.run(TUE)
    assert home.sql("SELECT count(*) FROM order_shares") == [(0,)]
    ledger = _ledger(home)
    with ledger.write() as tx:
        (asked,) = requests_of(tx, "small", kind="basket")
        act(tx, asked.request_id, "approve", by="ann", reason="seen", now=datetime(2015, 11, 24, 23, tzinfo=UTC))
    ledger.close()
    evening.run(TUE)
    query = "SELECT * FROM order_shares WHERE client_order_id LIKE 'small-eod-20151124-%' ORDER BY 1, 2"
    assert home.sql(query) == two.sql(query) != []


def _orders(home: Home) -> list[tuple[Any, ...]]:
    return home.sql("SELECT session, symbol, side, quantity, reference_price FROM orders ORDER BY session, sequence")


@pytest.mark.long
def test_one_strategy_with_all_of_the_capital_orders_what_the_book_alone_orders(tmp_path: Path) -> None:
    alone, one = small_home(tmp_path / "alone"), home_of(tmp_path / "one", f"    strategies:\n      - {_TREND % '1.0'}\n")
    for home in (alone, one):
        home.run(TUE, WED)
    assert _orders(one) == _orders(alone)


def test_a_book_that_becomes_several_hands_what_it_holds_to_them(tmp_path: Path) -> None:
    """What the book's own strategy holds is left, and what the others want of it they take from it at the close."""
    home = small_home(tmp_path)
    home.run(TUE)
    assert home.books is not None
    home.books.write_text(home.books.read_text().replace(_SIGNALS, f"    strategies:\n      - {_TREND % '1.0'}\n"))
    home.run(WED, FRI)
    assert wrong(home) == []
    moved = home.sql("SELECT strategy, sum(quantity) > 0 FROM crosses GROUP BY strategy ORDER BY strategy")
    assert moved == [("small", 0), ("trend", 1)]
    ledger = _ledger(home)
    with ledger.read() as tx:
        held = strategy_positions(tx, "small")
    ledger.close()
    assert {who for (who, _), each in held.items() if each.quantity} == {"trend"}
