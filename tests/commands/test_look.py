"""status, positions, orders, breaks, verify: what they show, to people and to programs."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grodt.ledger.breaks import Break, record_breaks
from grodt.ledger.unit import Ledger
from tests.commands.terminal import screens, start
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI, MON, TUE, WED, books_text
from tests.flows.commands import Command

THANKSGIVING = date(2015, 11, 26)
LOOKS = ("status", "positions", "orders", "breaks", "verify")
BREAKS = (
    Break("position", "RISE", 2_923, 2_900),
    Break("cash", "", 195_138_961_900, 195_138_951_900),
    Break("order", f"small-eod-{WED}-RISE-0", 23, 0),
)


@pytest.fixture
def broken(home: Home) -> Home:
    """A book with a break of each kind."""
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    with ledger.write() as tx:
        record_breaks(tx, "small", WED, BREAKS, f"small-eod-{WED}", datetime(2015, 11, 25, 22, tzinfo=UTC))
    ledger.close()
    return home


def _facts(text: str) -> dict[str, str]:
    """A list of facts, as people see it; a line without a name goes on with the fact before it."""
    facts: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        name, _, value = line.partition("   ")
        last = name.strip() or last
        facts[last] = f"{facts.get(last, '')}\n{value.strip()}".strip()
    return facts


def _table(text: str) -> list[list[str]]:
    """The rows of a table, as people see it."""
    lines = text.splitlines()
    rule = next(number for number, line in enumerate(lines) if "───" in line)
    return [
        [cell for cell in line.strip().split("   ") if cell.strip()] for line in lines[rule + 1 :] if line.startswith(" ") and line.strip()
    ]


def _json(grodt: Command, home: Home, *arguments: str) -> list[dict[str, Any]]:
    ended = grodt(home, *arguments, "--json")
    assert (ended.status, ended.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(ended.out)
    return rows


class TestEvery:
    @pytest.mark.parametrize("command", LOOKS)
    @pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
    def test_without_a_ledger_it_is_refused_and_makes_nothing(self, grodt: Command, empty: Home, command: str, form: Sequence[str]) -> None:
        ended = grodt(empty, command, *form)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err == f"error: there is no ledger in {empty.folder}: run `grodt run` first, or set GRODT_HOME\n"
        assert not empty.folder.exists()

    @pytest.mark.parametrize("command", LOOKS[:-1])
    @pytest.mark.parametrize("name", ["smal", "", "[/red]"])
    def test_an_unknown_book_is_refused_with_those_there_are(self, grodt: Command, three_days: Home, command: str, name: str) -> None:
        ended = grodt(three_days, command, "--book", name)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err == f"error: book {name!r} is unknown; the books file describes small\n"

    @pytest.mark.parametrize("command", LOOKS[:-1])
    def test_of_several_books_one_must_be_named_unless_one_is_demo(self, grodt: Command, home: Home, tmp_path: Path, command: str) -> None:
        text = books_text()
        head, _, book = text.partition("  small:\n")
        several = replace(home, books=tmp_path / "several.yaml")
        (tmp_path / "several.yaml").write_text(f"{text}  other:\n{book}")
        ended = grodt(several, command)
        assert (ended.status, ended.err) == (2, "error: name a book with --book; the books file describes other, small\n")
        assert grodt(several, command, "--book", "other").status == 0
        (tmp_path / "several.yaml").write_text(f"{head}  small:\n{book}  demo:\n{book}")
        assert "demo" in grodt(several, command).out

    def test_looking_changes_nothing(self, grodt: Command, home: Home) -> None:
        before = home.everything()
        for command in LOOKS:
            assert grodt(home, command).status == 0
            assert grodt(home, command, "--json").status == 0
        assert home.everything() == before

    def test_a_file_that_is_no_ledger_is_named(self, grodt: Command, home: Home) -> None:
        (home.folder / "ledger.db").write_bytes(b"no database, " * 100)
        ended = grodt(home, "status")
        assert ended.status == 1
        assert ended.err.startswith(f"error: ledger {home.folder}/ledger.db")
        assert "Traceback" not in ended.err


class TestStatus:
    def test_the_book_now(self, grodt: Command, three_days: Home) -> None:
        (equity, cash) = three_days.table("equity").filter(session=WED).select("equity", "cash").row(0)
        facts = _facts(grodt(three_days, "status").out)
        assert facts["book"] == "small"
        assert facts["last run"] == f"small-eod-{WED}, done"
        assert facts["settled through"] == str(WED)
        assert facts["equity"] == f"{equity:,.2f} at the close of {WED}"
        assert facts["cash"] == f"{cash:,.2f}"
        assert (facts["open breaks"], facts["unknown orders"], facts["halts"]) == ("0", "0", "none")
        assert int(facts["open orders"]) == len(three_days.sql("SELECT * FROM orders WHERE run_id = ?", f"small-eod-{WED}")) > 0

    def test_a_program_gets_the_same_facts(self, grodt: Command, three_days: Home) -> None:
        facts = _facts(grodt(three_days, "status").out)
        (row,) = _json(grodt, three_days, "status")
        assert f"{row['last_run']}, {row['state']}" == facts["last run"]
        assert f"{Decimal(row['equity']):,.2f} at the close of {row['mark_session']}" == facts["equity"]
        assert f"{Decimal(row['cash']):,.2f}" == facts["cash"]
        assert f"{row['gross_exposure']:.2%}" == facts["gross exposure"]
        assert f"{row['drawdown']:.2%}" == facts["drawdown"]
        for name in ("settled_through", "open_orders", "unknown_orders", "open_breaks"):
            assert str(row[name]) == facts[name.replace("_", " ")]
        assert row["halts"] == []

    def test_halts_and_breaks_are_shown(self, grodt: Command, broken: Home) -> None:
        grodt(broken, "halt", "--reason", "[bold]odd[/bold] :smile:", "--author", "ann")
        grodt(broken, "halt", "--symbol", "RISE", "--reason", "a rumour", "--author", "bob")
        facts = _facts(grodt(broken, "status").out)
        assert facts["open breaks"] == "3, 3 of them overdue: grodt breaks"
        assert facts["halts"].splitlines() == [
            "halt 1 (pause) on book small by ann since 2015-12-05 12:00 UTC: [bold]odd[/bold] :smile:",
            "halt 2 (pause) on RISE of book small by bob since 2015-12-05 12:00 UTC: a rumour",
        ]
        (row,) = _json(grodt, broken, "status")
        assert [(each["scope"], each["symbol"], each["author"], each["reason"]) for each in row["halts"]] == [
            ("book", "", "ann", "[bold]odd[/bold] :smile:"),
            ("symbol", "RISE", "bob", "a rumour"),
        ]
        assert row["halts"][0]["started_at"] == "2015-12-05T12:00:00+00:00"

    def test_a_book_that_never_ran(self, grodt: Command, home: Home, tmp_path: Path) -> None:
        Ledger.open(f"sqlite:///{tmp_path}/new/ledger.db").close()
        new = replace(home, folder=tmp_path / "new")
        facts = _facts(grodt(new, "status").out)
        assert (facts["last run"], facts["settled through"], facts["equity"]) == ("none yet", "none yet", "not valued yet")
        (row,) = _json(grodt, new, "status")
        assert (row["last_run"], row["equity"], row["mark_session"], row["open_orders"]) == (None, None, None, 0)
        assert grodt(new, "positions").out == "positions of small: no run is done yet\n"
        assert grodt(new, "orders").out == "orders of small: no run yet\n"
        assert _json(grodt, new, "positions") == _json(grodt, new, "orders") == []


class TestPositions:
    def test_what_is_held_at_the_close(self, grodt: Command, three_days: Home) -> None:
        held = three_days.table("positions").filter(session=WED).sort("symbol")
        shown = grodt(three_days, "positions").out
        assert shown.startswith(f"positions of small at the close of {WED}")
        rows = _table(shown)
        assert [row[0] for row in rows] == held["symbol"].to_list()
        assert [int(row[1].replace(",", "")) for row in rows] == held["quantity"].to_list()
        assert [row[5].strip() for row in rows] == [f"{value:,.2f}" for value in held["market_value"]]

    def test_a_program_gets_every_column_of_the_table_in_the_lake(self, grodt: Command, three_days: Home) -> None:
        held = three_days.table("positions").filter(session=WED).sort("symbol")
        rows = _json(grodt, three_days, "positions")
        assert [list(row) for row in rows] == [held.columns] * held.height
        assert [Decimal(row["cost"]) for row in rows] == held["cost"].to_list()
        assert [row["quantity"] for row in rows] == held["quantity"].to_list()


class TestOrders:
    def test_those_of_the_latest_session_have_been_sent(self, grodt: Command, three_days: Home) -> None:
        shown = grodt(three_days, "orders").out
        assert shown.startswith(f"orders of small decided at the close of {WED}")
        assert {row[4] for row in _table(shown)} == {"accepted"}
        rows = _json(grodt, three_days, "orders")
        assert {row["run_id"] for row in rows} == {f"small-eod-{WED}"}
        assert {row["state"] for row in rows} == {"accepted"}
        assert all(row["average_fill_price"] is None and row["filled_quantity"] == 0 for row in rows)

    def test_those_of_an_earlier_session_are_filled(self, grodt: Command, three_days: Home) -> None:
        rows = _table(grodt(three_days, "orders", "--session", str(MON)).out)
        programs = _json(grodt, three_days, "orders", "--session", str(MON))
        fills = dict(three_days.sql("SELECT client_order_id, price FROM fills WHERE session = ?", str(TUE)))
        assert len(rows) == len(programs) == len(fills) > 0
        for shown, row in zip(rows, programs, strict=True):
            assert [cell.strip() for cell in shown[:3]] == [row["symbol"], row["side"], f"{row['quantity']:,}"]
            assert (row["state"], row["filled_quantity"]) == ("filled", row["quantity"])
            assert Decimal(row["average_fill_price"]) * 10**6 == fills[row["client_order_id"]]
            assert Decimal(shown[6].replace(",", "")) == Decimal(row["average_fill_price"]), "not rounded: venues fill to 1/100 cent"
            assert shown[-1].strip() == row["client_order_id"]

    def test_a_session_that_was_not_run_is_not_one_without_orders(self, grodt: Command, three_days: Home) -> None:
        assert grodt(three_days, "orders", "--session", str(FRI)).out.endswith(f"{FRI}: that session was not run\n")
        assert _json(grodt, three_days, "orders", "--session", str(FRI)) == []

    @pytest.mark.parametrize(
        ("session", "message"),
        [
            (str(THANKSGIVING), f"{THANKSGIVING} is not a session of XNYS (holiday or weekend); the nearest are {WED} and {FRI}"),
            ("2999-01-01", "2999-01-01 is outside the sessions XNYS knows"),
            ("", "session '' is not a date; write it as YYYY-MM-DD, such as 2014-06-10"),
            ("24.11.2015", "session '24.11.2015' is not a date"),
        ],
    )
    def test_a_day_that_is_no_session_is_refused(self, grodt: Command, three_days: Home, session: str, message: str) -> None:
        ended = grodt(three_days, "orders", "--session", session)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"error: {message}")


class TestWidth:
    @pytest.mark.long
    def test_nothing_is_cut_where_there_is_no_terminal(self, broken: Home) -> None:
        with start(broken, "breaks", COLUMNS="80") as process:
            shown, errors = process.communicate(timeout=300)
        assert (process.returncode, errors) == (0, "")
        assert f"small-eod-{WED}-RISE-0   " in shown
        assert max(map(len, shown.splitlines())) > 120
        assert len(_table(shown)) == 3

    def test_on_a_narrow_terminal_no_figure_is_cut(self, broken: Home, three_days: Home) -> None:
        orders, breaks, status = screens(broken, 72, f"orders --session {MON}", "breaks", "status")
        assert all(len(line) <= 72 for line in (orders + breaks.rpartition("why:")[0] + status).splitlines())
        rows = _table(orders)
        assert len(rows) == len(three_days.sql("SELECT * FROM orders WHERE run_id = ?", f"small-eod-{MON}"))
        assert {len(row) for row in rows} == {7}, "the client order id has no room and is left out"
        facts = [_facts(text) for text in breaks.split("\n\n")[1:4]]
        assert [(each["ours"], each["theirs"]) for each in facts] == [("2,923", "2,900"), ("195,138.9619", "195,138.9519"), ("23", "0")]
        assert facts[2]["symbol"] == f"small-eod-{WED}-RISE-0"
        assert _facts(status)["book"] == "small"


class TestStrategies:
    def test_of_a_book_of_one_they_are_the_book_under_its_own_name(self, grodt: Command, three_days: Home) -> None:
        held = {row["symbol"]: row for row in _json(grodt, three_days, "positions")}
        found = _json(grodt, three_days, "positions", "--by-strategy")
        assert {row["strategy"] for row in found} == {"small"}
        same = ("quantity", "average_cost", "unrealised_profit")
        for row in (row for row in found if row["quantity"]):
            assert [str(row[name]) for name in same] == [str(held[row["symbol"]][name]) for name in same]
        assert {row["symbol"] for row in found if row["quantity"]} == held.keys()
        paid = three_days.sql("SELECT symbol, -sum(amount) FROM postings WHERE account = 'realised' GROUP BY symbol")
        assert {row["symbol"]: Decimal(row["realised_profit"]) for row in found if Decimal(row["realised_profit"])} == {
            symbol: Decimal(amount).scaleb(-6) for symbol, amount in paid
        }
        assert _json(grodt, three_days, "positions", "--strategy", "small") == found
        assert "realised" in grodt(three_days, "positions", "--by-strategy").out

    def test_one_that_has_traded_nothing_is_one_message(self, grodt: Command, three_days: Home) -> None:
        ended = grodt(three_days, "positions", "--strategy", "other")
        assert (ended.status, "strategy 'other' of book small has traded nothing" in ended.err) == (2, True)
