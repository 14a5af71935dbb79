"""A week of orders that fill in parts and of borrowed shares, worked by hand."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path

from grodt.brokers.fills import FillTerms
from grodt.money import micros
from tests.brokers.world import FRI, MON, THU, TUE, WED, dividend_of, market
from tests.execution.desk import CASH, Desk

#: A tenth of the volume, one session more for the rest, a dollar a fill, one percent a year for what is borrowed.
TERMS = FillTerms(minimum_commission=micros("1"), participation=Decimal("0.1"), carry_sessions=1, borrow_bps=Decimal(100))
MARKETS = {
    MON: market(MON, {}),
    TUE: market(TUE, {"AAPL": "100", "SHRT": "36"}, volume={"AAPL": 1_000, "SHRT": 1_000}),
    # AAPL does not trade; 100 SHRT are borrowed since Tuesday, and a dividend is owed on them
    WED: market(WED, {"SHRT": "36"}, dividend_of("SHRT", WED, "0.5"), closes={"SHRT": "36"}, volume={"SHRT": 1_000}),
    THU: market(THU, {"AAPL": "110", "SHRT": "36"}, closes={"SHRT": "36"}, volume={"AAPL": 1_000, "SHRT": 250}),
    FRI: market(FRI, {"SHRT": "36"}, closes={"SHRT": "72"}, nights=3, volume={"SHRT": 10_000}),
}
DECISIONS = {
    MON: {"AAPL": 150, "SHRT": -250},
    TUE: {"AAPL": 30},  # while 50 of Monday's are still open
    WED: {"SHRT": 40},
    THU: {},
    FRI: {},
}


def test_the_week_does_what_it_is_meant_to(template: Path, tmp_path: Path) -> None:
    with closing(Desk(tmp_path / "desk", template=template, terms=TERMS)) as desk:
        for session, quantities in DECISIONS.items():
            desk.cycle(session, [MARKETS[session]], quantities)
        state = desk.state()
    assert {(row[0], row[2], row[3]) for row in state["ledger.db order_status"]} == {
        ("demo-eod-20260302-AAPL-0", "expired", 100),  # Wednesday, when it did not trade, was its last session
        ("demo-eod-20260302-SHRT-0", "expired", 200),
        ("demo-eod-20260303-AAPL-0", "filled", 30),
        ("demo-eod-20260304-SHRT-0", "filled", 40),
    }
    assert {row[:2] for row in state["paper.db positions"]} == {("AAPL", 130), ("SHRT", -160)}
    fills = sorted((row[0], row[6], row[10]) for row in state["ledger.db fills"])
    assert fills == [
        ("demo-eod-20260302-AAPL-0-1", 100, TUE.isoformat()),
        ("demo-eod-20260302-SHRT-0-1", 100, TUE.isoformat()),
        ("demo-eod-20260302-SHRT-0-2", 100, WED.isoformat()),
        ("demo-eod-20260303-AAPL-0-1", 30, THU.isoformat()),
        ("demo-eod-20260304-SHRT-0-1", 25, THU.isoformat()),
        ("demo-eod-20260304-SHRT-0-2", 15, FRI.isoformat()),
    ]
    events = [row[1:3] for row in state["ledger.db order_events"] if row[0] == "demo-eod-20260304-SHRT-0"]
    assert sorted(events) == [("accepted", 0), ("approved", 0), ("filled", 40), ("partially_filled", 25), ("sending", 0)]
    # Borrowed: 100 at 36 on Tuesday night, 200 on Wednesday night, 175 at 72 for the three nights to Friday, at 1 % of 360 days.
    borrowed = sorted((row[0], row[5], row[6]) for row in state["ledger.db postings"] if row[3] == "borrow")
    assert borrowed == [
        ("borrow:demo:2026-03-04", "SHRT", 100_000),
        ("borrow:demo:2026-03-05", "SHRT", 200_000),
        ("borrow:demo:2026-03-06", "SHRT", 1_050_000),
    ]
    # 100 AAPL at 100 and 30 at 110; 200 SHRT sold at 36 and 40 bought back at 36; six fills; 0.50 a share owed on 100 short; borrowing.
    expected = CASH + micros(200 * 36 - 40 * 36 - 100 * 100 - 30 * 110 - 6 - 50) - micros("1.35")
    (account,) = state["paper.db account"]
    assert account[3] == expected
    assert sum(row[6] for row in state["ledger.db postings"] if row[3] == "cash") == expected
    assert state["ledger.db halts"] == []
