"""One kernel, two clocks: live cycles run one by one, and one replay over the same sessions, decide and trade the same.

Targets, verdicts, orders and fills are the same in lots, cash and equity to the micro, and every number in every table is equal.
"""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from grodt.ledger.unit import Ledger
from grodt.sessions import Calendar
from tests.cycles import test_strategies
from tests.cycles import test_symbol_changes as symbol_changes
from tests.cycles.driver import Home
from tests.cycles.small_world import LIMITS, NEXT_TUE, SYMBOLS, WEEK, books_text, small_home
from tests.cycles.test_costs import IN_PARTS
from tests.ledger.people import rearmed
from tests.replay.parity import differences, replayed, table

XNYS = Calendar("XNYS")


@pytest.mark.long
def test_sixty_cycles_of_the_demo_book(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    sessions = XNYS.latest(date(2026, 11, 20), 60)
    home.run(*sessions)
    done = replayed(home, sessions, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert done.written["orders"] > 300
    assert done.course.halts == []


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The small world's week. Only to be read."""
    home = small_home(tmp_path_factory.mktemp("week"))
    home.run(*WEEK)
    return home


def test_a_week_with_dividends_a_split_a_delisting_and_a_halted_symbol(week: Home, tmp_path: Path) -> None:
    done = replayed(week, WEEK, tmp_path / "out")
    assert differences(week, tmp_path / "out") == {}
    assert {each.action.kind for each in done.course.account.applied} == {"dividend", "split", "delisting"}
    assert set(table(tmp_path / "out", "orders")["state"]) >= {"filled", "cancelled"}


@pytest.mark.long
def test_a_company_that_changes_its_symbol_and_another_that_takes_the_old_one_up(tmp_path: Path) -> None:
    books = symbol_changes.write_world(tmp_path / "world")
    home = Home(tmp_path / "home", books, "small", "2015-12-05T12:00:00Z")
    home.run(*symbol_changes.SESSIONS)
    replayed(home, symbol_changes.SESSIONS, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert {"FBX", "MTX"} <= set(table(tmp_path / "out", "positions")["symbol"])


@pytest.mark.long
def test_a_book_whose_universe_has_rules(tmp_path: Path) -> None:
    rules = ", rules: {listing: true, age: 60, dollar_volume: 1500000, window: 5, largest: 3}"
    books = symbol_changes.write_world(tmp_path / "world", rules=rules)
    home = Home(tmp_path / "home", books, "small", "2015-12-05T12:00:00Z")
    home.run(*symbol_changes.SESSIONS)
    replayed(home, symbol_changes.SESSIONS, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert table(tmp_path / "out", "universe")["reason"].n_unique() > 2


@pytest.mark.long
def test_a_book_that_switches_its_signals_by_regime(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    assert home.books is not None
    text = (
        books_text()
        .replace("slow: 16}}}", "slow: 16}, regimes: [trending, ranging]}")
        .replace("    construction:", "    regime: {REGIME}\n    construction:")
    )
    for name, regime in (("market", "scope: market"), ("symbol", "scope: symbol"), ("override", "override: ranging")):
        own = Home(tmp_path / name, home.books.with_name(f"{name}.yaml"), "small", home.now)
        assert own.books is not None
        own.books.write_text(text.replace("REGIME", f"{regime}, atr_window: 40"))
        own.run(*WEEK)
        done = replayed(own, WEEK, tmp_path / f"out-{name}")
        assert differences(own, tmp_path / f"out-{name}") == {}
        assert table(tmp_path / f"out-{name}", "regimes").height > 0
        assert done.record.regimes is not None


@pytest.mark.long
def test_clips_and_refusals_are_the_same_too(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    assert home.books is not None
    tight = {
        "symbol_weight": "0.12",
        "gross_exposure": "0.4",
        "volume_share": "0.02",
        "cash_buffer": "0.5",
        "new_cycles": "3",
        "new_share": "0.7",
    }
    home.books.write_text(books_text(**tight))
    home.run(*WEEK)
    replayed(home, WEEK, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert {"clip", "reject"} <= set(table(tmp_path / "out", "risk_checks")["verdict"])


def test_what_works_on_and_is_wanted_no_more_is_withdrawn_alike(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    assert home.books is not None
    home.books.write_text(books_text(broker=IN_PARTS))
    home.run(*WEEK)
    replayed(home, WEEK, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    reasons = table(tmp_path / "out", "orders").filter(state="cancelled")["reason"].to_list()
    assert sum(reason.startswith("withdrawn by small-eod-") for reason in reasons) > 3
    assert "corporate action" in reasons


def test_a_replay_is_the_same_bytes_each_time(week: Home, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        replayed(week, WEEK, tmp_path / name)
        files.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()})
    assert files[0] == files[1]
    assert len(files[0]) >= len(SYMBOLS)


COSTLY = """
sources:
  exchange: {kind: simulated, seed: 7, opened: 2018-01-02}
books:
  costly:
    calendar: XNYS
    source: exchange
    universe: {listed: 14}
    history: {start: 2018-06-01}
    capital: 20000000
    broker:
      {kind: paper, fill_at: FILL_AT, slippage_bps: 3, impact: 0.7, commission_bps: 0, commission_per_share: 0.005, minimum_commission: 1,
       participation: 0.004, carry_sessions: 2, borrow_bps: 350}
    signals:
      - {signal: ewma_crossover, weight: 1}
    construction: {volatility_target: 0.2, weight_cap: 0.15, gross_cap: 1.5, no_trade_band: 0.01, long_only: false}
    limits: LIMITS
    schedule: {cron: "30 17 * * 1-5", latest_start_minutes: 60}
"""


@pytest.mark.long
@pytest.mark.parametrize("fill_at", ["open", "close"])
def test_partial_fills_carried_over_with_impact_commission_schedules_and_borrowed_shares(fill_at: str, tmp_path: Path) -> None:
    """Shorts, orders too large for a session's volume, and new orders while old ones still work."""
    wide = LIMITS | {
        "order_value": "9000000",
        "symbol_weight": "0.9",
        "gross_exposure": "3",
        "net_exposure": "2",
        "volume_share": "1",
        "weights_sum": "3",
    }
    limits = "{" + ", ".join(f"{name}: {value}" for name, value in wide.items()) + "}"
    books = tmp_path / "books.yaml"
    books.write_text(COSTLY.replace("FILL_AT", fill_at).replace("LIMITS", limits))
    home = Home(tmp_path / "home", books, "costly", "2020-06-20T12:00:00Z")
    sessions = XNYS.latest(date(2020, 6, 12), 12)
    home.run(*sessions)
    done = replayed(home, sessions, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert (done.course.borrow > 0).any()
    assert (table(tmp_path / "out", "positions")["quantity"] < 0).any()
    orders = table(tmp_path / "out", "orders")
    assert {"filled", "expired"} <= set(orders["state"])
    fills = table(tmp_path / "out", "fills")
    assert fills["execution_id"].str.ends_with("-2").any()
    assert (fills["commission"] == 1).any()


@pytest.mark.long
def test_a_book_that_lost_too_much_only_reduces_and_is_measured_anew_once_it_is_re_armed(tmp_path: Path) -> None:
    """Live, two people re-arm it after each session in which it latched; the replay does so by itself and lists each."""
    home = small_home(tmp_path)
    assert home.books is not None
    home.books.write_text(books_text(daily_loss="0.05", drawdown="0.045"))
    sessions = (*WEEK, date(2015, 12, 3))
    for session in sessions:
        home.now = f"{session}T23:00:00Z"
        home.run(session)
        ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
        with ledger.write() as tx:
            rearmed(tx, home.book, datetime.combine(session, time(23, 30), UTC))
        ledger.close()
    done = replayed(home, sessions, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert [(each.session, each.side, each.reason.split(":")[0]) for each in done.course.halts] == [
        (NEXT_TUE, "reduce_only", "daily_loss_beyond_limit")  # the delisting; the drawdown stays and is not found a second time
    ]
    assert table(tmp_path / "out", "equity")["drawdown"].to_list()[-1] < -0.045
    assert home.sql("SELECT count(*) FROM halts WHERE control = 28") == [(1,)]


@pytest.mark.long
def test_a_book_of_several_strategies(tmp_path: Path) -> None:
    """Through a split and a delisting, with orders that fill in parts while new ones are decided."""
    home = test_strategies.home_of(tmp_path)
    assert home.books is not None
    text = home.books.read_text()
    assert "commission_bps: 1}" in text
    home.books.write_text(text.replace("commission_bps: 1}", "commission_bps: 1, participation: 0.04, carry_sessions: 2}"))
    home.run(*WEEK)
    replayed(home, WEEK, tmp_path / "out")
    assert differences(home, tmp_path / "out") == {}
    assert home.sql("SELECT count(*) FROM crosses")[0][0] > 0
    assert table(tmp_path / "out", "fills")["execution_id"].str.ends_with("-2").any()
    assert table(tmp_path / "out", "orders")["reason"].str.starts_with("withdrawn by ").any()
    assert test_strategies.wrong(home) == []
