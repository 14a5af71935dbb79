"""The example over nine real stocks, 2004-2014: its splits, dividends, false sessions and a delisting."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from grodt.money import micros
from tests.cycles.driver import SHARED, US_DAILY, Home

pytestmark = pytest.mark.skipif(
    not (SHARED / "us-daily-2004-2014/bars_daily.parquet").exists(), reason="../shared/data/us-daily-2004-2014 is absent"
)


@pytest.fixture
def us(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", US_DAILY, "us")


def test_aapl_held_through_its_split_is_seven_times_the_shares_at_a_seventh_of_the_cost(us: Home) -> None:
    us.run(date(2014, 6, 5), date(2014, 6, 6), date(2014, 6, 9))
    held = us.table("positions").filter(symbol="AAPL").sort("session")
    before, after = (held.row(by_predicate=pl.col("session") == day, named=True) for day in (date(2014, 6, 6), date(2014, 6, 9)))
    assert before["quantity"] > 0
    assert after["quantity"] == 7 * before["quantity"]
    assert after["cost"] == before["cost"]
    assert abs(7 * after["average_cost"] - before["average_cost"]) <= Decimal("0.000004")
    assert (before["price"], after["price"]) == (645.57, 93.699)  # the file cuts prices at the third decimal
    lines = us.sql("SELECT account, asset, symbol, amount FROM postings WHERE entry_id LIKE 'split:%' ORDER BY account")
    gained = 6 * before["quantity"]
    assert lines == [("market", "shares", "AAPL", -gained), ("position", "shares", "AAPL", gained)]
    orders = us.table("orders").filter(symbol="AAPL", session=date(2014, 6, 6))
    assert orders.select("state", "reason").rows() in ([], [("cancelled", "corporate action")])
    assert us.broker("SELECT quantity FROM positions WHERE symbol = 'AAPL'") == [(after["quantity"],)]
    assert us.sql("SELECT * FROM breaks") == []


@pytest.mark.long
def test_a_dividend_without_a_pay_date_is_cash_on_its_ex_date_at_what_one_share_was_paid(us: Home) -> None:
    us.run(date(2012, 8, 7), date(2012, 8, 8), date(2012, 8, 9))
    (shares,) = us.table("positions").filter(symbol="AAPL", session=date(2012, 8, 8))["quantity"]
    assert shares > 0
    paid = us.sql("SELECT account, amount FROM postings WHERE entry_id LIKE 'dividend%' AND account IN ('cash', 'dividend') ORDER BY 1")
    amount = micros(Decimal("2.65")) * shares
    assert paid == [("cash", amount), ("dividend", -amount)]
    cash = dict(us.table("equity").select("session", "cash").rows())
    fills = us.table("fills").filter(session=date(2012, 8, 9))
    traded = sum(
        (row["notional"] if row["side"] == "sell" else -row["notional"]) - row["commission"] for row in fills.iter_rows(named=True)
    )
    assert cash[date(2012, 8, 9)] - cash[date(2012, 8, 8)] == traded + Decimal("2.65") * shares


@pytest.mark.long
def test_dell_bars_on_days_without_a_session_are_quarantined_and_its_delisting_pays_cash(us: Home) -> None:
    us.run(date(2013, 7, 3), date(2013, 7, 5), date(2013, 10, 29), date(2013, 10, 30), date(2013, 10, 31))
    refused = us.table("quarantine")
    assert set(refused["symbol"]) == {"DELL"}
    assert refused.height == 20
    assert set(refused["rule"]) == {"not a session"}
    days = set(refused["session"])
    assert {date(2012, 10, 29), date(2013, 7, 4), date(2013, 9, 2)} <= days  # Sandy, Independence Day, Labor Day
    kept = us.table("bars_1d").filter(symbol="DELL")
    assert days.isdisjoint(kept["session"])
    assert kept["session"].max() == date(2013, 10, 29)
    assert days.isdisjoint(us.table("fills")["session"])
    assert us.sql("SELECT count(*) FROM settlements WHERE session IN ('2013-07-04', '2013-09-02')") == [(0,)]

    bought = us.table("fills").filter(symbol="DELL")
    assert bought["session"].min() == date(2013, 7, 5)
    held = dict(us.table("positions").filter(symbol="DELL").select("session", "quantity").rows())
    assert held[date(2013, 10, 29)] > 0
    assert date(2013, 10, 30) not in held
    (proceeds,) = us.sql("SELECT amount FROM postings WHERE entry_id LIKE 'delisting:%' AND account = 'cash'")
    assert proceeds == (micros(Decimal("13.75")) * held[date(2013, 10, 29)],)
    assert us.sql("SELECT count(*) FROM orders WHERE symbol = 'DELL' AND session >= '2013-10-30'") == [(0,)]
    assert us.sql("SELECT * FROM breaks") == []
