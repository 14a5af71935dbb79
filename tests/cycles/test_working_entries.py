"""A week in which entries work for two sessions, and fill in parts, beside legs of what was held before: none of it is without its stop."""

from pathlib import Path

from grodt.ledger.unit import Ledger
from grodt.ledger.verify import verify_ledger
from tests.cycles.bracket_world import FRI, MON, NEXT_MON, TUE, WED, bracket_home
from tests.cycles.driver import Home
from tests.faults.legs import loose, unprotected, without_a_stop

_OPEN = "state IN ('accepted', 'partially_filled')"


def _stops(home: Home) -> dict[str, list[tuple[str, int, int]]]:
    """What each open stop at the broker is attached to, "" the position, with its shares and those that it waits for, by symbol."""
    query = f"""SELECT symbol, entry, quantity - filled_quantity,
        min(quantity, coalesce((SELECT e.quantity - e.filled_quantity FROM orders AS e WHERE e.client_order_id = orders.entry), 0))
      FROM orders WHERE role = 'stop' AND {_OPEN} ORDER BY number"""
    found: dict[str, list[tuple[str, int, int]]] = {}
    for symbol, *stop in home.broker(query):
        found.setdefault(symbol, []).append((stop[0], stop[1], stop[2]))
    return found


def test_legs_of_entries_that_work_on_stand_beside_those_of_what_is_held_before(tmp_path: Path) -> None:
    home = bracket_home(tmp_path, broker="slippage_bps: 0, commission_bps: 0, participation: 0.002, carry_sessions: 1")
    assert home.books is not None
    text = home.books.read_text().replace("no_trade_band: 0.05", "no_trade_band: 0").replace("volume_share: 0.5", "volume_share: 1.0")
    home.books.write_text(text)
    stops = {}
    for session in (MON, TUE, WED, FRI, NEXT_MON):
        home.run(session)
        assert loose(home) == unprotected(home, session) == []
        assert without_a_stop(home, session) == set()
        stops[session] = _stops(home)

    # Of Monday's 3,091 shares 1,206 and 618 fill, and the rest expires; Tuesday's 7 work on, and Wednesday adds others.
    monday, tuesday, wednesday = (f"small-eod-201511{day}-BOTH-0" for day in (23, 24, 25))
    assert stops[TUE]["BOTH"] == [(monday, 3091, 1885), (tuesday, 7, 7)]
    assert stops[WED]["BOTH"] == [(tuesday, 7, 7), ("", 1824, 0), (wednesday, 1282, 1282)]
    # On Friday the stop of what was held before fills in part, and nothing is bought behind it.
    assert [entry for entry, _, _ in stops[FRI]["BOTH"]] == [""]
    (stopped,) = home.sql("SELECT client_order_id, session FROM fills WHERE symbol = 'BOTH' AND side = 'sell' ORDER BY number LIMIT 1")
    assert stopped == ("small-eod-20151125-BOTH-1", FRI.isoformat())
    assert home.sql("SELECT session FROM fills WHERE client_order_id = ?", wednesday) == []
    ended = "SELECT state, filled_quantity, reason FROM order_status WHERE client_order_id = ?"
    assert home.sql(ended, wednesday) == [("cancelled", 0, f"withdrawn by small-eod-{FRI}")]
    bought = "SELECT count(*) FROM fills WHERE symbol = 'BOTH' AND side = 'buy' AND session > ?"
    assert home.sql(bought, FRI.isoformat()) == [(0,)]

    assert home.sql("SELECT count(*) FROM breaks") == home.sql("SELECT count(*) FROM halts") == [(0,)]
    ledger = Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")
    with ledger.read() as tx:
        assert [finding for check in verify_ledger(tx) for finding in check.findings] == []
    ledger.close()
