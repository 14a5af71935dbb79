"""The small world's book, trading an account at Interactive Brokers: a fake of ib_async's client stands in its place."""

import csv
from pathlib import Path

import ib_async
import pytest

from tests.brokers.world import market
from tests.cycles.driver import Home
from tests.cycles.small_world import BROKER, MON, TUE, WED, books_text, write_world
from tests.fakes.alpaca_trading import evening
from tests.fakes.ib import ACCOUNT, FakeIb


def test_orders_of_an_evening_fill_at_the_next_open_and_both_books_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = FakeIb(evening(MON), "1000000")
    monkeypatch.setattr(ib_async, "IB", account.client)
    books = write_world(tmp_path / "world")
    books.write_text(books_text().replace(f"kind: paper, {BROKER}", f"kind: ib, account: {ACCOUNT}, {BROKER}"))
    for session in (MON, TUE, WED):
        with (books.parent / "bars.csv").open() as lines:
            opens = {row["symbol"]: row["open"] for row in csv.DictReader(lines) if row["session"] == str(session)}
        if session == WED:  # executions of the day alone
            account.executions.clear()
            account.over.clear()
        account.play(market(session, opens))
        home = Home(tmp_path / "home", books, "small", account.now.isoformat())
        home.run(session)
    assert home.sql("SELECT state FROM runs") == [("done",)] * 3
    assert home.sql("SELECT count(*) FROM breaks") == [(0,)]
    held = home.sql("SELECT symbol, sum(amount) FROM postings WHERE account = 'position' GROUP BY 1 HAVING sum(amount) <> 0")
    assert dict(held) == {symbol: shares for symbol, shares in account.held.items() if shares}
    assert home.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'") == [(account.cash * 1_000_000,)]
    assert home.sql("SELECT count(*) > 0, min(commission), max(commission) FROM fills") == [(1, 350_000, 350_000)]
