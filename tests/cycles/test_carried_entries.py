"""An entry that is carried over sessions while the book comes to want less than it would bring: nothing is bought that is not wanted."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grodt.ledger.halts import halt
from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.cycles.bracket_world import FRI, MON, NEXT_MON, TUE, WED, bracket_home
from tests.cycles.driver import Home
from tests.cycles.interrupted import Stop, stop_at
from tests.faults.legs import loose, unprotected, without_a_stop

ENTRY = "small-eod-20151123-BOTH-0"
#: What of Monday's 3,091 shares has filled by Wednesday evening.
FILLED = 1_824
IN_PARTS = "slippage_bps: 0, commission_bps: 0, participation: 0.002, carry_sessions: 5"


@dataclass(frozen=True)
class Less:
    """What is written in the books file before Wednesday's cycle, and the symbol's target then, at least and at most."""

    was: str
    now: str
    least: int
    most: int


LESS = {
    "given up": Less("symbols: [BOTH, ", "symbols: [", 0, 0),
    "less than it has filled": Less("weight_cap: 0.20", "weight_cap: 0.05", 1, FILLED - 1),
    "more, and less than it would bring": Less("weight_cap: 0.20", "weight_cap: 0.15", FILLED + 1, 3_090),
}


def carried_home(folder: Path, less: Less) -> Home:
    """A home whose entries fill a little each session, before Wednesday, and after that is written."""
    home = bracket_home(folder, broker=IN_PARTS)
    assert home.books is not None
    text = home.books.read_text().replace("no_trade_band: 0.05", "no_trade_band: 0").replace("volume_share: 0.5", "volume_share: 1.0")
    assert less.was in text
    home.books.write_text(text)
    home.run(MON, TUE)
    home.books.write_text(text.replace(less.was, less.now))
    return home


def _sound(home: Home) -> None:
    assert home.sql("SELECT count(*) FROM breaks") == home.sql("SELECT count(*) FROM halts") == [(0,)]
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.read() as tx:
        assert [finding for check in verify_ledger(tx) for finding in check.findings] == []
    ledger.close()


def _held(home: Home) -> int:
    return sum(int(quantity) for (quantity,) in home.broker("SELECT quantity FROM positions WHERE symbol = 'BOTH'"))


@pytest.mark.parametrize("less", LESS.values(), ids=LESS)
def test_an_entry_that_would_bring_more_than_is_wanted_is_withdrawn_before_anything_takes_its_place(tmp_path: Path, less: Less) -> None:
    home = carried_home(tmp_path, less)
    home.run(WED)
    assert loose(home) == unprotected(home, WED) == []
    assert without_a_stop(home, WED) == set()
    ended = "SELECT state, filled_quantity, reason FROM order_status WHERE client_order_id = ?"
    assert home.sql(ended, ENTRY) == home.broker(
        "SELECT state, filled_quantity, ? FROM orders WHERE client_order_id = ?", f"withdrawn by small-eod-{WED}", ENTRY
    )
    assert home.sql(ended, ENTRY) == [("cancelled", FILLED, f"withdrawn by small-eod-{WED}")]

    ((target,),) = home.table("targets").filter(symbol="BOTH", session=WED).select("target_quantity").rows()
    assert less.least <= target <= less.most
    working = "SELECT coalesce(sum(CASE side WHEN 'buy' THEN 1 ELSE -1 END * (quantity - filled_quantity)), 0) FROM orders"
    open_now = "symbol = 'BOTH' AND role NOT IN ('stop', 'take_profit') AND state IN ('accepted', 'partially_filled')"
    assert _held(home) == FILLED
    assert home.broker(f"{working} WHERE {open_now}") == [(target - FILLED,)]
    events = "SELECT min(event_id) FROM order_events WHERE client_order_id = ? AND state = ?"
    ((over,),) = home.sql(events, ENTRY, "cancelled")
    ((sent,),) = home.sql(events, "small-eod-20151125-BOTH-0", "sending")
    assert over < sent

    home.run(FRI)
    assert home.sql("SELECT max(session) FROM fills WHERE client_order_id = ?", ENTRY) == [(WED.isoformat(),)]
    assert loose(home) == unprotected(home, FRI) == []
    _sound(home)


def test_behind_a_stop_that_fills_in_part_nothing_is_bought_and_the_rest_of_it_is_sold_by_the_same_stop(tmp_path: Path) -> None:
    """On Friday the stop of 1,549 shares that are held fills in part, while Wednesday's order for 3 more works."""
    home = bracket_home(tmp_path, broker=IN_PARTS)
    assert home.books is not None
    text = home.books.read_text().replace("no_trade_band: 0.05", "no_trade_band: 0").replace("volume_share: 0.5", "volume_share: 1.0")
    home.books.write_text(text)
    home.run(MON)
    home.books.write_text(text.replace("weight_cap: 0.20", "weight_cap: 0.10"))
    home.run(TUE, WED, FRI)
    stop, entry = "small-eod-20151125-BOTH-1", "small-eod-20151125-BOTH-0"
    states = "SELECT client_order_id, state, filled_quantity FROM order_status WHERE client_order_id IN (?, ?) ORDER BY 1"
    assert home.sql(states, stop, entry) == [(entry, "cancelled", 0), (stop, "partially_filled", 1_213)]
    assert home.sql("SELECT client_order_id FROM withdrawals WHERE run_id = ? AND client_order_id LIKE '%BOTH%'", f"small-eod-{FRI}") == [
        ("small-eod-20151125-BOTH-0",),
        ("small-eod-20151125-BOTH-3",),
        ("small-eod-20151125-BOTH-4",),
    ]
    home.run(NEXT_MON)
    after = "SELECT client_order_id, quantity FROM fills WHERE symbol = 'BOTH' AND session = ?"
    assert home.sql(after, NEXT_MON.isoformat()) == [(stop, 336)]
    assert _held(home) == 0
    _sound(home)


def test_where_a_signal_is_halted_the_difference_is_what_is_wanted_with_and_without_it_once_the_entry_is_over(tmp_path: Path) -> None:
    home = carried_home(tmp_path, LESS["more, and less than it would bring"])
    assert home.books is not None
    signal = "      - {signal: ewma_crossover, weight: 1, parameters: {fast: 4, slow: 16}}\n"
    text = home.books.read_text()
    assert signal in text
    home.books.write_text(
        text.replace(signal, signal + signal.replace("weight: 1", "weight: 0.1").replace("slow: 16", "slow: 17, name: slower"))
    )
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.write() as tx:
        now = datetime(2015, 11, 25, 21, 30, tzinfo=UTC)
        halt(tx, scope="strategy", book="small", strategy="slower", kind="pause", reason="silent", author="ann", now=now)
    ledger.close()
    home.run(WED)
    ((target,),) = home.table("targets").filter(symbol="BOTH", session=WED).select("target_quantity").rows()
    assert FILLED < target < 3_091  # the weight's cap is what either way leads to
    ordered = home.sql("SELECT side, quantity FROM orders WHERE session = ? AND symbol = 'BOTH' AND role IS NULL", WED.isoformat())
    assert ordered == [("buy", target - FILLED)]


@pytest.mark.parametrize("stage", ["risk", "orders", "send", "report"])
def test_interrupted_at_a_stage_and_run_again_it_ends_the_same(tmp_path: Path, stage: str) -> None:
    less = LESS["less than it has filled"]
    whole, other = (carried_home(tmp_path / name, less) for name in ("whole", "interrupted"))
    whole.run(WED)
    with pytest.raises(Stop):
        other.run(WED, watch=stop_at(stage))
    other.run(WED)
    assert other.facts() == whole.facts()
    other.run(WED)
    assert other.facts() == whole.facts()
