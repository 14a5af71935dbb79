"""Incidents of others as whole cycles, and which control stopped them. What a proposal alone shows is in tests/risk/test_incidents.py."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grodt.errors import ConfigError, DataError, HaltActive
from grodt.execution.decision import decide_targets
from grodt.ledger.unit import Ledger
from grodt.orders.order import Order
from grodt.orders.slicing import sliced
from grodt.signals.forecasts import Forecasts, forecast_session
from grodt.targets.quantities import Targets
from tests.cycles.driver import Home
from tests.cycles.intraday_world import SLOTS, STOPS, within_home
from tests.cycles.intraday_world import WED as SLICED
from tests.cycles.small_world import FRI, MON, NEXT_TUE, NEXT_WED, TUE, WED, WEEK, books_text
from tests.ledger.people import rearmed


def _with(home: Home, **limits: str) -> Home:
    assert home.books is not None
    home.books.write_text(books_text(**limits))
    return home


def _verdicts(home: Home, verdict: str) -> set[tuple[int, str]]:
    return set(home.sql("SELECT control, scope FROM risk_checks WHERE verdict = ?", verdict))


def _halted(home: Home, control: int, sent: int = 0) -> None:
    """One halt by risk, whose evidence names the control; so many orders reached the broker; the next cycle does not open."""
    ((author, reason),) = home.sql("SELECT author, reason FROM halts WHERE ended_at IS NULL")
    assert author == "risk"
    assert f"(control {control}: " in reason
    assert home.broker("SELECT count(*) FROM orders") == [(sent,)]
    with pytest.raises(HaltActive, match=re.escape(f"control {control}")):
        home.run(TUE)


def test_citi_2022_a_decision_that_takes_dollars_for_shares_is_refused_whole(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between targets and risk the notional comes to stand where the quantity belongs; all limits are the book's own."""

    def swapped(*args: Any, **kwargs: Any) -> Targets:
        made = decide_targets(*args, **kwargs)
        return replace(made, quantity=np.rint(made.quantity * made.price).astype(np.int64))

    monkeypatch.setattr("tasks.targets.decide_targets", swapped)
    with pytest.raises(HaltActive, match="basket_above_limit"):
        home.run(MON)
    assert (13, "basket") in _verdicts(home, "halt")
    ((value,),) = home.sql("SELECT value FROM risk_checks WHERE control = 13")
    assert value > 10
    monkeypatch.undo()
    _halted(home, 13)


def test_axa_rosenberg_volatilities_in_percent_where_decimals_are_meant_halt_the_book(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_percent(*args: Any, **kwargs: Any) -> Forecasts:
        made = forecast_session(*args, **kwargs)
        return replace(made, volatility=made.volatility * 100)

    monkeypatch.setattr("tasks.signals.forecast_session", in_percent)
    with pytest.raises(HaltActive, match="scale_wrong"):
        home.run(MON)
    assert _verdicts(home, "halt") == {(26, "book")}
    monkeypatch.undo()
    _halted(home, 26)


def test_everbright_2013_a_loop_that_takes_its_cycle_for_unfinished_sends_nothing_again(home: Home) -> None:
    home.run(MON)
    sent = home.broker("SELECT * FROM orders ORDER BY 1")
    assert sent
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    for _ in range(3):
        with ledger.write() as tx:
            tx.connection.exec_driver_sql("UPDATE runs SET state = 'open', closed_at = NULL")
        home.run(MON)
    ledger.close()
    assert home.broker("SELECT * FROM orders ORDER BY 1") == sent
    assert home.sql("SELECT count(*) FROM run_attempts") == [(4,)]


def test_knight_2012_children_that_together_outrun_their_parent_never_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each child is given the whole quantity of its parent."""
    home = within_home(tmp_path, within=f", stops: {STOPS}, slices: {{above: 20000, count: 3}}")

    def whole(parent: Order, *args: Any) -> tuple[Order, ...]:
        return tuple(replace(child, quantity=parent.quantity) for child in sliced(parent, *args))

    monkeypatch.setattr("grodt.orders.basket.sliced", whole)
    with pytest.raises(DataError, match=r"its 3 slices come to .* were approved \(control 19\); nothing was ordered"):
        home.slots(SLICED, *SLOTS[:3])
    assert home.broker("SELECT count(*) FROM orders") == [(0,)]


def test_everbright_2013_a_cycle_that_sends_too_much_is_stopped_on_its_way(home: Home) -> None:
    with pytest.raises(HaltActive, match="messages_above_limit"):
        _with(home, cycle_messages="2").run(MON)
    _halted(home, 20, sent=2)


def test_nasdaq_2017_one_test_price_for_every_symbol_on_an_early_close_day_halts_before_anything_is_decided(home: Home) -> None:
    assert home.books is not None
    bars = home.books.parent / "bars.csv"
    good = bars.read_text()
    bars.write_text(re.sub(rf"(?m)^(\w+),{FRI},[^,]+,[^,]+,[^,]+,[^,]+,", rf"\1,{FRI},123.47,123.47,123.47,123.47,", good))
    home.run(MON, TUE, WED)
    with pytest.raises(HaltActive, match=r"has the one close 123\.47 for 5 symbols"):
        home.run(FRI)
    assert home.sql("SELECT count(*) FROM orders WHERE session = ?", str(FRI)) == [(0,)]
    assert home.sql("SELECT count(*) FROM marks WHERE session = ?", str(FRI)) == [(0,)]
    assert _verdicts(home, "halt") == {(24, "book"), (25, "book")}
    ((kind, control),) = home.sql("SELECT kind, control FROM halts WHERE ended_at IS NULL")
    assert (kind, control) == ("fault", 25)
    assert home.table("bars_1d")["session"].max() == WED


@pytest.mark.parametrize("value", ["0", ".nan", "-1"])
def test_hanmag_2013_a_zero_or_nan_parameter_is_refused_before_anything_is_opened(home: Home, value: str) -> None:
    with pytest.raises(ConfigError, match="drawdown"):
        _with(home, drawdown=value).run(MON)
    assert not home.folder.joinpath("ledger.db").exists() or home.sql("SELECT count(*) FROM orders") == [(0,)]


def test_a_book_that_lost_too_much_only_reduces_until_two_people_have_looked(home: Home) -> None:
    """The delisting of 1 December costs 5.5 percent; the day after brings some of it back, and the switch stays all the same."""
    _with(home, daily_loss="0.05")
    for session in WEEK:  # each as a new process would: nothing is kept between them but the files
        home.run(session)
    profits = dict(home.sql("SELECT session, profit FROM marks"))
    assert profits[str(NEXT_TUE)] < 0 < profits[str(NEXT_WED)]
    query = "SELECT substr(run_id, -10), reason FROM risk_checks WHERE control = 28 AND scope = 'book' AND verdict = 'halt'"
    reasons = {session: reason.split(":")[0] for session, reason in home.sql(query)}
    assert reasons == {str(NEXT_TUE): "daily_loss_beyond_limit", str(NEXT_WED): "reduce_only_active"}
    ((*what, reason),) = home.sql("SELECT scope, side, kind, control, author, ended_at, reason FROM halts")
    assert what == ["book", "reduce_only", "breach", 28, "risk", None]
    assert reason.endswith("(control 28: value is 1.09618, limit 1)")
    bought = "SELECT count(*) > 0 FROM orders WHERE side = 'buy' AND session = ?"
    assert [home.sql(bought, str(session)) for session in (NEXT_TUE, NEXT_WED)] == [[(0,)], [(0,)]]
    assert home.sql("SELECT DISTINCT state FROM runs") == [("done",)]

    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.write() as tx:
        rearmed(tx, home.book, datetime(2015, 12, 5, 12, tzinfo=UTC))
    ledger.close()
    last, equity = home.sql("SELECT session, equity FROM marks ORDER BY session DESC LIMIT 1")[0]
    assert home.sql("SELECT end_author, mark_session, mark_equity FROM halts") == [("ann and bob", last, equity)]
    home.run(date(2015, 12, 3))
    assert home.sql(bought, "2015-12-03") == [(1,)]


def test_a_book_whose_arming_has_run_out_waits_for_a_person(home: Home) -> None:
    _with(home, armed_cycles="1").run(MON)
    with pytest.raises(HaltActive, match="armed_too_long"):
        home.run(TUE)
    assert home.sql("SELECT state FROM runs ORDER BY session") == [("done",), ("halted",)]


def test_a_changed_configuration_trades_under_reduced_caps_and_the_evidence_says_so(home: Home) -> None:
    home.run(MON)
    assert home.books is not None
    home.books.write_text(books_text().replace("no_trade_band: 0", "no_trade_band: 0.001"))
    home.run(TUE)
    query = "SELECT value, verdict FROM risk_checks WHERE control = 33 AND scope = 'book' ORDER BY run_id"
    assert home.sql(query) == [(1.0, "alert"), (1.0, "alert")]
    home.run(WEEK[2])
    assert home.sql(query)[2] == (0.0, "pass")
