"""grodt breaks, deposit, withdraw: what people see of a break and do about it, with who and why."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from grodt.errors import HaltActive, ReconciliationBreak
from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.cash_activities import keep_activities
from grodt.ledger.runs import find_run
from grodt.ledger.unbooked import keep_unbooked
from grodt.ledger.unit import Ledger
from grodt.orders.cash_activity import CashActivity
from grodt.orders.fill import Fill
from grodt.orders.order import Side
from grodt.reports.figures import figures_of, plain
from tests.brokers.world import usd
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED
from tests.flows.commands import Command


@pytest.fixture
def broken(home: Home) -> Home:
    """A break of a position, of cash and of an order, as our side stands."""
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    ((rise,),) = home.sql("SELECT sum(amount) FROM postings WHERE account = 'position' AND symbol = 'RISE'")
    ((cash,),) = home.sql("SELECT sum(amount) FROM postings WHERE account = 'cash'")
    found = [
        Break("position", "RISE", rise, rise - 23),
        Break("cash", "", cash, cash - 10_010_000),
        Break("order", f"small-eod-{WED:%Y%m%d}-RISE-0", 23, 0),
    ]
    with ledger.write() as tx:
        record_breaks(tx, "small", WED, found, f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
    ledger.close()
    return home


def _json(grodt: Command, home: Home, *arguments: str) -> list[dict[str, Any]]:
    ended = grodt(home, *arguments, "--json")
    assert (ended.status, ended.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(ended.out)
    return rows


def _position(home: Home) -> int:
    ((shares,),) = home.sql("SELECT sum(amount) FROM postings WHERE account = 'position' AND symbol = 'RISE'")
    return int(shares)


def test_figures_of_a_run_that_a_break_halts_say_what_is_not_known_and_leave_earlier_runs_alone(grodt: Command, home: Home) -> None:
    grodt(home, "deposit", "5", "--reason", "never wired", "--author", "ann")
    with pytest.raises(ReconciliationBreak, match=r"5\.00"):
        home.run(FRI)
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    with ledger.read() as tx:
        runs = [find_run(tx, f"small-eod-{day}") for day in (WED, FRI)]
        done, halted = (figures_of(tx, run) for run in runs if run is not None)
    ledger.close()
    assert (done.state, done.breaks, done.equity is None) == ("done", 0, False)
    assert (halted.state, halted.breaks, halted.positions, halted.equity) == ("halted", 1, None, None)
    assert (plain(halted)["equity"], halted.line()) == (None, f"{halted.fills} fills, 0 orders")


def test_none(grodt: Command, three_days: Home) -> None:
    assert grodt(three_days, "breaks").out == "open breaks of small: none\n"
    assert _json(grodt, three_days, "breaks") == []


def test_a_break_is_shown_with_its_worth_its_age_and_its_owner(grodt: Command, broken: Home) -> None:
    assert grodt(broken, "breaks", "assign", "1", "ann", "--author", "bob").out == "break 1 of book small is ann's\n"
    assert "given to ann by bob, 2015-" in grodt(broken, "breaks", "explain", "1").out
    (given,) = _json(grodt, broken, "breaks", "explain", "1")[0]["assignments"]
    assert (given["owner"], given["author"]) == ("ann", "bob")
    ((price,),) = broken.sql("SELECT price FROM fills WHERE symbol = 'RISE' ORDER BY number DESC LIMIT 1")
    first, money, order = _json(grodt, broken, "breaks")
    assert (first["kind"], first["symbol"], first["difference"], first["unit"], first["owner"]) == ("position", "RISE", 23, "shares", "ann")
    assert first["value"] == f"{23 * price / 10**6:.6f}"
    assert (first["first_seen"], first["age_days"]) == (str(WED), 9)
    assert (money["difference"], money["value"], money["unit"]) == ("10.010000", "10.010000", "USD")
    assert order["value"] == first["value"], "an order in a symbol that was traded"
    shown = grodt(broken, "breaks").out
    assert "ann" in shown
    assert "10.01" in shown
    assert shown.endswith("when its cause is mended: grodt breaks resolve 1 --reason WHY, and then grodt rearm\n")


def test_a_cycle_keeps_the_close_that_a_break_was_seen_with(home: Home) -> None:
    with closing(sqlite3.connect(home.folder / "brokers/paper-small.db")) as account:
        account.execute("UPDATE positions SET quantity = quantity + 3 WHERE symbol = 'RISE'")
        account.commit()
    with pytest.raises(ReconciliationBreak, match="RISE"):
        home.run(FRI)
    (close,) = home.table("bars_1d").filter(pl.col("symbol") == "RISE", pl.col("session") == FRI)["close"]
    assert home.sql("SELECT symbol, price FROM breaks") == [("RISE", round(close * 10**6))]


def test_a_position_that_nobody_can_value_is_not_booked(grodt: Command, home: Home) -> None:
    """Each cycle from then on would fail when it values the book."""
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    with ledger.write() as tx:
        record_breaks(tx, "small", WED, [Break("position", "ZZZQ", 0, 10)], f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
    ledger.close()
    ended = grodt(home, "breaks", "correct", "1", "--price", "12", "--reason", "moved in", "--author", "ann")
    assert ended.status == 2
    assert "source files has no bar of ZZZQ, and a position that nobody can value would stop book small. Sell it at the broker" in ended.err
    assert _json(grodt, home, "waiting") == []


def test_explain_shows_orders_fills_and_what_moved_the_figure(grodt: Command, broken: Home) -> None:
    shown = grodt(broken, "breaks", "explain", "1").out
    fills = broken.sql("SELECT execution_id FROM fills WHERE symbol = 'RISE'")
    assert shown.startswith("break 1 of book small: position RISE\n")
    assert fills
    for (execution_id,) in fills:
        assert f"({execution_id})" in shown
    for day in (MON, TUE, WED):
        assert f"small-eod-{day:%Y%m%d}-RISE-0" in shown
    (row,) = _json(grodt, broken, "breaks", "explain", "1")
    assert sum(each["amount"] for each in row["entries"]) == _position(broken) == row["ours"]
    (money,) = _json(grodt, broken, "breaks", "explain", "2")
    assert (money["orders"], money["fills"]) == ([], [])
    assert {each["kind"] for each in money["entries"]} >= {"deposit", "fill"}
    assert grodt(broken, "breaks", "explain", "9").err == "error: there is no break 9; `grodt breaks --all` lists them\n"


def test_explain_shows_the_fills_that_cannot_be_booked_and_why(grodt: Command, broken: Home) -> None:
    at = datetime(2015, 11, 25, 15, tzinfo=UTC)
    told = Fill("x9", f"small-eod-{TUE:%Y%m%d}-RISE-0", "RISE", Side.BUY, 7, usd("51.5"), usd("0"), WED, at)
    with closing(Ledger.open(f"sqlite:///{broken.folder}/ledger.db")) as ledger, ledger.write() as tx:
        keep_unbooked(tx, "small", {told: "more than was ordered"}, f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
    assert (
        f"{WED} buy 7 RISE at 51.5000 (x9 of small-eod-{TUE:%Y%m%d}-RISE-0): more than was ordered"
        in grodt(broken, "breaks", "explain", "1").out
    )
    for number in ("1", "2"):
        (row,) = _json(grodt, broken, "breaks", "explain", number)
        assert [(each["execution_id"], each["price"]) for each in row["unbooked"]] == [("x9", "51.500000")]


def test_explain_shows_what_the_account_says_of_cash_and_the_command_that_books_it(grodt: Command, broken: Home) -> None:
    wire = CashActivity("20151125::x", "transfer", "CSD", usd("5000"), WED, WED, words="wire")
    with closing(Ledger.open(f"sqlite:///{broken.folder}/ledger.db")) as ledger, ledger.write() as tx:
        keep_activities(tx, "small", {wire: "booked by people"}, f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
    assert (
        f"CSD 5,000.00 USD on {WED} (wire), activity 20151125::x: booked by people; `grodt deposit 5000.00 --reason WHY`"
        in grodt(broken, "breaks", "explain", "2").out
    )
    (money,) = _json(grodt, broken, "breaks", "explain", "2")
    (said,) = money["said"]
    assert (said["activity_id"], said["kind"], said["amount"], said["ours"]) == ("20151125::x", "transfer", "5000.000000", None)
    assert _json(grodt, broken, "breaks", "explain", "1")[0]["said"] == [], "it is not about shares"


def test_explain_shows_of_an_action_that_is_booked_under_another_ex_date_both_dates_and_the_command_that_settles_it(
    grodt: Command, broken: Home
) -> None:
    found = Break("action", f"CASH dividend {FRI}, booked as of {WED}", 0, 3_000_000)
    with closing(Ledger.open(f"sqlite:///{broken.folder}/ledger.db")) as ledger, ledger.write() as tx:
        record_breaks(tx, "small", WED, [found], f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
    words = (
        f"CASH dividend {FRI} was not applied: one of the same terms is booked as of {WED}. Where the source has corrected the date, `grodt"
    )
    (row,) = _json(grodt, broken, "breaks", "explain", "4")
    assert row["elsewhere"].startswith(words)
    assert "`grodt breaks resolve 4 --reason WHY`" in row["elsewhere"]
    assert words in " ".join(grodt(broken, "breaks", "explain", "4").out.replace("│", "").split())
    assert _json(grodt, broken, "breaks", "explain", "1")[0]["elsewhere"] == ""
    assert "booked under another ex date already has no effect to book" in grodt(broken, "breaks", "correct", "4", "--reason", "x").err
    assert grodt(broken, "breaks", "resolve", "4", "--reason", "the source corrected it", "--author", "ann").status == 0


def test_a_correction_is_booked_by_the_second_person(grodt: Command, broken: Home) -> None:
    before = _position(broken)
    asked = grodt(broken, "breaks", "correct", "1", "--price", "50.5", "--reason", "sold by hand", "--author", "ann")
    assert asked.status == 0
    assert f"break 1: RISE from {before:,} to {before - 23:,} shares, at 50.500000 USD a share" in asked.out
    assert _position(broken) == before
    (waiting,) = _json(grodt, broken, "waiting")
    done = grodt(broken, "approve", waiting["id"], "--reason", "seen", "--author", "bob")
    assert done.status == 0
    assert "break 1 is resolved" in done.out
    assert _position(broken) == before - 23
    assert broken.sql("SELECT kind, memo FROM entries WHERE kind = 'correction'") == [("correction", "sold by hand")]
    assert broken.sql("SELECT resolved_reason, resolved_author FROM breaks WHERE break_id = 1") == [
        ("corrected: sold by hand", "ann and bob")
    ]
    assert [row["result"] for row in json.loads(grodt(broken, "verify", "--json").out)].count("FAIL") == 1, "the other breaks are open"


def test_cash_is_corrected_as_what_it_was_and_profit_shows_it_on_its_line(grodt: Command, broken: Home) -> None:
    refused = grodt(broken, "breaks", "correct", "2", "--as", "gift", "--reason", "why", "--author", "ann")
    assert (refused.status, refused.out) == (2, "")
    asked = grodt(broken, "breaks", "correct", "2", "--as", "fee", "--reason", "TAF of the week", "--author", "ann")
    assert "USD, booked as fee, asked by ann" in asked.out
    (waiting,) = _json(grodt, broken, "waiting")
    assert grodt(broken, "approve", waiting["id"], "--reason", "seen", "--author", "bob").status == 0
    assert broken.sql("SELECT e.memo, p.amount FROM postings p JOIN entries e USING (entry_id) WHERE p.account = 'fee'") == [
        ("TAF of the week", 10_010_000)
    ]


def test_the_same_deposit_is_refused_until_it_is_said_that_it_came_again(grodt: Command, home: Home) -> None:
    words = ("deposit", "2500.50", "--reason", "wire", "--author", "ann")
    assert grodt(home, *words).status == 0
    again = grodt(home, *words)
    assert (again.status, again.out) == (2, "")
    assert "a deposit of 2500.500000 USD is booked in session 2015-11-27 already" in again.err
    assert "wire (ann). Nothing is booked; if the same amount moved once more, say --again" in again.err
    assert grodt(home, *words, "--again").status == 0


def test_an_order_that_the_broker_has_no_more_is_ended_by_the_second_person(grodt: Command, home: Home) -> None:
    key, shares = home.sql(
        "SELECT o.client_order_id, o.quantity FROM orders AS o JOIN order_status AS s USING (client_order_id) "
        "WHERE s.state = 'accepted' AND o.side = 'buy' ORDER BY 1"
    )[0]
    with closing(Ledger.open(f"sqlite:///{home.folder}/ledger.db")) as ledger, ledger.write() as tx:
        record_breaks(tx, "small", WED, [Break("order", key, shares, 0)], f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
    words = ("breaks", "correct", "1", "--reason", "over on Tuesday", "--author", "ann")
    assert f"the broker has order {key}, and says that it is accepted with 0 filled" in grodt(home, *words).err
    with closing(sqlite3.connect(home.folder / "brokers" / "paper-small.db")) as paper, paper:
        paper.execute("DELETE FROM orders WHERE client_order_id = ?", (key,))
    asked = grodt(home, *words)
    assert f"break 1: order {key}, {shares:,} shares left, ends in the ledger; the broker has it no more" in asked.out
    (waiting,) = _json(grodt, home, "waiting")
    assert "break 1 is resolved" in grodt(home, "approve", waiting["id"], "--reason", "seen", "--author", "bob").out
    assert home.sql(f"SELECT state FROM order_status WHERE client_order_id = '{key}'") == [("cancelled",)]
    assert "ended by ann and bob" in grodt(home, "breaks", "explain", "1").out
    assert grodt(home, "verify").status == 0


def test_an_order_of_which_other_shares_are_left_than_the_break_says_is_not_ended(grodt: Command, broken: Home) -> None:
    refused = grodt(broken, "breaks", "correct", "3", "--reason", "why", "--author", "ann")
    assert refused.err == "error: break 3: our side has moved since; run the cycle again, which compares anew\n"
    refused = grodt(broken, "breaks", "correct", "3", "--price", "5", "--reason", "why", "--author", "ann")
    assert "ended by `grodt breaks correct` without a price" in refused.err


def test_resolved_ones_are_shown_with_all(grodt: Command, broken: Home) -> None:
    ended = grodt(broken, "breaks", "resolve", "1", "--reason", "their [late] fill", "--author", "ann")
    assert (ended.status, ended.out) == (0, "break 1 is resolved; a halt of its book holds until `grodt rearm --reason WHY`\n")
    assert [row["break_id"] for row in _json(grodt, broken, "breaks")] == [2, 3]
    first, *_ = _json(grodt, broken, "breaks", "--all")
    assert (first["resolution"], first["resolved_by"]) == ("their [late] fill", "ann")
    assert "their [late] fill" in grodt(broken, "breaks", "--all").out
    assert grodt(broken, "breaks", "resolve", "1", "--reason", "again").status == 2


@pytest.mark.parametrize("number", ["9", "0", "-1"])
def test_one_that_is_not_open_is_refused(grodt: Command, broken: Home, number: str) -> None:
    ended = grodt(broken, "breaks", "resolve", "--reason", "why", "--", number)
    assert (ended.status, ended.err) == (2, f"error: there is no open break {number}; `grodt breaks` lists those that are open\n")


def test_a_deposit_is_booked_at_once_and_a_withdrawal_by_the_second_person(grodt: Command, home: Home) -> None:
    ended = grodt(home, "deposit", "2500.50", "--reason", "wire", "--author", "ann")
    assert (ended.status, ended.out) == (0, "deposit of 2500.500000 USD booked in session 2015-11-27 of book small\n")
    asked = grodt(home, "withdraw", "100", "--reason", "fee", "--author", "ann")
    assert "100.000000 USD out of the book" in asked.out
    (waiting,) = _json(grodt, home, "waiting")
    assert grodt(home, "approve", waiting["id"], "--reason", "yes", "--author", "ann").status == 2
    assert grodt(home, "approve", waiting["id"], "--reason", "yes", "--author", "bob").status == 0
    query = (
        "SELECT e.kind, p.amount FROM entries e JOIN postings p USING (entry_id) WHERE p.account = 'capital' AND e.session = '2015-11-27'"
    )
    assert sorted(home.sql(query)) == [("deposit", -2_500_500_000), ("withdrawal", 100_000_000)]


@pytest.mark.parametrize("amount", ["much", "1.0000001", "nan", "1e6", "\uff11\uff10\uff10", "1,000", ".5"])
def test_what_is_no_amount_is_refused(grodt: Command, home: Home, amount: str) -> None:
    ended = grodt(home, "deposit", amount, "--reason", "wire")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"error: AMOUNT {amount!r} is no amount in USD")


def test_an_amount_that_no_ledger_holds_is_refused_as_such(grodt: Command, home: Home) -> None:
    ended = grodt(home, "deposit", "1" + 20 * "0", "--reason", "wire")
    assert (ended.status, ended.out) == (2, "")
    assert "does not fit 64 bits of micros" in ended.err


@pytest.mark.parametrize(("days", "overdue"), [(8, 3), (9, 3), (10, 0), ("null", 0)])
def test_a_break_older_than_the_book_s_limit_is_overdue(grodt: Command, broken: Home, days: int | str, overdue: int) -> None:
    """They were first seen nine and a half days ago."""
    assert broken.books is not None
    before = _json(grodt, broken, "status")[0]
    assert before["overdue_breaks"] == 3, "where nothing is said, two days are allowed"
    written = broken.books.with_name(f"overdue-{days}.yaml")
    written.write_text(broken.books.read_text().replace("    schedule:", f"    break_age_days: {days}\n    schedule:"))
    limited = replace(broken, books=written)
    assert _json(grodt, limited, "status")[0] == before | {"overdue_breaks": overdue}, "the configuration is the same"
    assert [row["overdue"] for row in _json(grodt, limited, "breaks")].count(True) == overdue
    assert (f"3, {overdue} of them overdue: grodt breaks" in grodt(limited, "status").out) == (overdue > 0)


def test_each_cycle_that_is_started_tells_of_overdue_breaks_although_the_book_is_halted(grodt: Command, broken: Home) -> None:
    assert broken.books is not None
    written = broken.books.with_name("overdue.yaml")
    written.write_text(broken.books.read_text().replace("    schedule:", "    break_age_days: 8\n    schedule:"))
    limited = replace(broken, books=written)
    grodt(limited, "breaks", "assign", "2", "ann")
    grodt(limited, "halt", "--reason", "breaks", "--author", "ann")
    told: list[str] = []
    with pytest.raises(HaltActive):
        limited.run(FRI, watch=lambda _session, stage, text: told.append(text) if stage == "open" and text else None)
    assert told == [
        "break 1, position RISE, is open for 9 days, and 8 are allowed; it is nobody's: grodt breaks",
        "break 2, cash, is open for 9 days, and 8 are allowed; it is ann's: grodt breaks",
        f"break 3, order small-eod-{WED:%Y%m%d}-RISE-0, is open for 9 days, and 8 are allowed; it is nobody's: grodt breaks",
    ]
