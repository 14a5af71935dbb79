"""How pages write figures and draw bars."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from grodt.desk.shown import amount, book_bars, exact, left, percent, position_bars, signed, subject, usd, use, used_of
from grodt.execution.changes import PositionChange
from tests.desk.world import CHANGES
from tests.ledger.world import NOW


def test_figures_have_a_minus_of_their_width_and_nothing_where_there_is_none() -> None:
    assert [usd(-1_234_560_000), usd(None), amount(None), percent(-0.00001), percent(-0.5), signed(0), signed(-5)] == [
        "−1,234.56",
        "–",
        "–",
        "0.00%",
        "−50.00%",
        "",
        "−5",
    ]


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (timedelta(0), "over"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(hours=48), "2 days"),
    ],
)
def test_how_long_it_is(wait: timedelta, words: str) -> None:
    assert left(NOW + wait, NOW) == words


def test_bars_of_a_book_are_shares_of_its_equity() -> None:
    bars = {name: bar for name, *_, bar in book_bars(CHANGES)}
    assert (bars["cash"].zero, bars["cash"].now, bars["cash"].after) == (0, (0, 90), (0, 89.062))
    assert (bars["gross exposure"].now, bars["gross exposure"].after) == ((0, 10), (0, 10.937))


def test_bars_of_positions_have_one_scale_with_shorts_left_of_zero() -> None:
    short = PositionChange("SHRT", -500, 0, -500, -1000, 100_000_000, -100_000_000_000, -0.1)
    changes = replace(CHANGES, positions=(short, CHANGES.positions[1]))
    (_, sold), (_, held) = position_bars(changes)
    assert (sold.zero, sold.now, sold.after) == (50, (25, 25), (0, 50))
    assert (held.now, held.after) == ((50, 50), (50, 50))


def test_the_bar_of_a_limit_ends_at_the_limit_and_says_how_far_beyond() -> None:
    assert used_of(0.1, 0.105, 0.005) == pytest.approx(0.952, abs=1e-3)
    assert (used_of(1.0, 0.0, 1.0), used_of(None, 1.0, 0.5), used_of(1.0, 1.0, None)) == (None, None, None)
    near, over, none = use(0.95), use(1.2), use(None)
    assert near is not None
    assert over is not None
    assert (near.how, near.words, over.length, over.words, over.how, none) == ("near", "95%", 100, "120%", "over", None)


def test_what_a_request_is_about_is_tables_and_facts() -> None:
    asked = {"halts": [1, 2], "changes": [{"name": "turnover", "from": None, "to": 0.5}], "control": 9, "symbol": ""}
    rows = [{"name": "turnover", "from": "–", "to": "0.5"}]
    assert subject("limit", asked) == ([rows], {"halts": "1, 2", "control": "9", "symbol": ""})


def test_the_sides_of_a_break_keep_every_digit() -> None:
    sides = [Decimal("1234567.890000"), Decimal("1234567.9"), Decimal("-5.000001"), Decimal("0.000000025"), -1_234_567, 0, None]
    assert [exact(each) for each in sides] == ["1,234,567.89", "1,234,567.90", "−5.000001", "0.000000025", "−1,234,567", "0", "–"]


def test_amounts_of_a_request_have_their_unit_and_shares_stay_shares() -> None:
    cash = {"break": 3, "kind": "cash", "symbol": "", "from": 1_234_567_890_000, "to": 1_234_567_900_000, "price": None}
    assert subject("correction", cash)[1] == {
        "break": "3", "kind": "cash", "symbol": "", "from": "1,234,567.89 USD", "to": "1,234,567.90 USD", "price": "–"
    }  # fmt: skip
    shares = subject("correction", cash | {"kind": "position", "symbol": "AAPL", "from": 100, "to": 90, "price": 93_700_000})[1]
    assert (shares["from"], shares["to"], shares["price"]) == ("100", "90", "93.70 USD")
    asked = {"amount": 5_000_000_000, "session": "2026-11-20"}
    assert subject("withdrawal", asked)[1] == {"amount": "5,000.00 USD", "session": "2026-11-20"}
