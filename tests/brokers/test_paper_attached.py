"""Legs that go out with the order that opens a position, at the paper broker: they close what it has filled, in that very session."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.brokers.fills import FillTerms
from grodt.brokers.paper import PaperBroker
from grodt.orders.order import Order
from grodt.orders.states import OrderState
from tests.brokers.brackets import attached, legs
from tests.brokers.world import BOOK, FRI, MON, THU, TUE, WED, market, order, split_of, usd

TENTH = FillTerms(participation=Decimal("0.1"))
CARRIED = replace(TENTH, carry_sessions=3)
DIED = "its entry did not fill"
OTHER = "its other leg filled"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PaperBroker]:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), TENTH, allow_short=True) as opened:
        yield opened


def _sent(broker: PaperBroker, *made: Order) -> None:
    for each in made:
        taken = broker.submit(each, each.session)
        assert taken.state is OrderState.ACCEPTED, taken.reason
        assert taken.left == (0 if each.attached else each.quantity)


def _told(broker: PaperBroker, *made: Order) -> list[tuple[OrderState, int, str]]:
    found = broker.orders([each.client_order_id for each in made])
    return [(each.state, each.filled_quantity, each.reason) for each in (found[one.client_order_id] for one in made)]


def _entry(broker: PaperBroker, quantity: int, stop: str, take: str | None) -> tuple[Order, tuple[Order, ...]]:
    entry, pair = order("AAPL", quantity, MON), attached("AAPL", quantity, stop, take, MON)
    _sent(broker, entry, *pair)
    return entry, pair


def test_the_stop_closes_in_the_session_of_the_entry_after_it(broker: PaperBroker) -> None:
    entry, pair = _entry(broker, 100, "95", "105")
    assert [each.left for each in broker.open_orders()] == [100, 0, 0]
    broker.advance(market(TUE, {"AAPL": "100"}, ranges={"AAPL": ("94", "101")}))
    assert _told(broker, entry, *pair) == [(OrderState.FILLED, 100, ""), (OrderState.FILLED, 100, ""), (OrderState.CANCELLED, 0, OTHER)]
    bought, sold = broker.fills(TUE)
    assert (bought.price, sold.price) == (usd("100"), usd("95"))
    assert bought.traded < sold.traded
    assert broker.positions() == {}
    assert broker.cash() == usd("99500")


def test_where_the_bar_reaches_neither_they_rest(broker: PaperBroker) -> None:
    _, pair = _entry(broker, 100, "95", "105")
    broker.advance(market(TUE, {"AAPL": "100"}, ranges={"AAPL": ("96", "104")}))
    assert [(each.client_order_id, each.left) for each in broker.open_orders()] == [(each.client_order_id, 100) for each in pair]
    broker.advance(market(WED, {"AAPL": "106"}))
    assert broker.positions() == {}


def test_a_bar_that_reaches_both_takes_the_stop(broker: PaperBroker) -> None:
    _, pair = _entry(broker, 100, "95", "105")
    broker.advance(market(TUE, {"AAPL": "100"}, ranges={"AAPL": ("94", "106")}))
    assert [state for state, _, _ in _told(broker, *pair)] == [OrderState.FILLED, OrderState.CANCELLED]


@pytest.mark.parametrize(("opens", "closed_by"), [("94", 0), ("106", 1)], ids=["beyond its stop", "beyond its take profit"])
def test_an_entry_that_opens_beyond_a_leg_is_closed_at_that_open(broker: PaperBroker, opens: str, closed_by: int) -> None:
    _, pair = _entry(broker, 100, "95", "105")
    broker.advance(market(TUE, {"AAPL": opens}))
    assert [fill.price for fill in broker.fills(TUE)] == [usd(opens)] * 2
    assert _told(broker, pair[closed_by]) == [(OrderState.FILLED, 100, "")]
    assert broker.positions() == {}


def test_legs_of_a_short_entry_buy_it_back(broker: PaperBroker) -> None:
    _entry(broker, -100, "105", "95")
    broker.advance(market(TUE, {"AAPL": "100"}, ranges={"AAPL": ("94", "101")}))
    assert [fill.price for fill in broker.fills(TUE)] == [usd("100"), usd("95")]
    assert broker.positions() == {}


def test_legs_of_an_entry_that_fills_in_part_close_that_part_alone(broker: PaperBroker) -> None:
    entry, pair = _entry(broker, 250, "95", "105")
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
    assert _told(broker, entry, *pair) == [
        (OrderState.EXPIRED, 100, "the rest did not fill"),
        (OrderState.ACCEPTED, 0, ""),
        (OrderState.ACCEPTED, 0, ""),
    ]
    assert [each.left for each in broker.open_orders()] == [100, 100]
    broker.advance(market(WED, {"AAPL": "94"}))
    assert _told(broker, *pair) == [(OrderState.CANCELLED, 100, "it closed what its entry filled"), (OrderState.CANCELLED, 0, OTHER)]
    assert broker.positions() == {}


def test_the_volume_that_an_entry_took_is_not_there_for_its_legs(broker: PaperBroker) -> None:
    _, pair = _entry(broker, 60, "95", None)
    broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}, ranges={"AAPL": ("94", "100")}))
    assert _told(broker, *pair) == [(OrderState.PARTIALLY_FILLED, 40, "")]
    broker.advance(market(WED, {"AAPL": "110"}))
    assert broker.positions() == {}  # a stop that has triggered is a market order


def test_legs_of_an_entry_that_does_not_trade_are_over_with_it(broker: PaperBroker) -> None:
    _, pair = _entry(broker, 100, "95", "105")
    broker.advance(market(TUE, {}))
    assert _told(broker, *pair) == [(OrderState.CANCELLED, 0, DIED)] * 2
    assert broker.open_orders() == ()


def test_a_cancel_of_the_entry_ends_its_legs_and_one_of_a_leg_both_legs(broker: PaperBroker) -> None:
    entry, pair = _entry(broker, 100, "95", "105")
    broker.cancel(pair[0].client_order_id)
    assert [state for state, _, _ in _told(broker, entry, *pair)] == [OrderState.ACCEPTED, OrderState.CANCELLED, OrderState.CANCELLED]
    other = replace(order("IBM", 10, MON))
    both = attached("IBM", 10, "95", "105", MON)
    _sent(broker, other, *both)
    broker.cancel(other.client_order_id)
    assert _told(broker, *both) == [(OrderState.CANCELLED, 0, DIED)] * 2


def test_a_split_cancels_the_entry_and_its_legs(broker: PaperBroker) -> None:
    entry, pair = _entry(broker, 100, "95", "105")
    broker.advance(market(TUE, {"AAPL": "50"}, split_of("AAPL", TUE, 2, 1), closes={"AAPL": "100"}))
    assert _told(broker, entry, *pair) == [(OrderState.CANCELLED, 0, "corporate action")] * 3


def test_legs_grow_with_an_entry_that_works_on_and_end_it_when_one_fills(tmp_path: Path) -> None:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), CARRIED) as broker:
        entry, pair = _entry(broker, 250, "95", "105")
        broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}))
        broker.advance(market(WED, {"AAPL": "100"}, volume={"AAPL": 500}))
        assert [each.left for each in broker.open_orders()] == [100, 150, 150]
        broker.advance(market(THU, {"AAPL": "96"}, volume={"AAPL": 2_000}, ranges={"AAPL": ("94", "96")}))
        assert _told(broker, entry, *pair) == [
            (OrderState.FILLED, 250, ""),
            (OrderState.PARTIALLY_FILLED, 100, ""),
            (OrderState.ACCEPTED, 0, ""),
        ]
        broker.advance(market(FRI, {"AAPL": "96"}))
        assert broker.positions() == {}


def test_what_is_left_of_an_entry_is_cancelled_when_its_stop_triggers(tmp_path: Path) -> None:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), CARRIED) as broker:
        entry, pair = _entry(broker, 250, "95", "105")
        broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}, ranges={"AAPL": ("94", "100")}))
        assert _told(broker, entry, pair[0]) == [(OrderState.CANCELLED, 100, "a leg of its bracket filled"), (OrderState.ACCEPTED, 0, "")]
        broker.advance(market(WED, {"AAPL": "99"}))
        assert broker.positions() == {}
        assert broker.open_orders() == ()


def test_an_entry_works_on_where_its_take_profit_met_its_price_and_the_entry_had_taken_all_volume(tmp_path: Path) -> None:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), CARRIED) as broker:
        entry, pair = _entry(broker, 250, "95", "105")
        broker.advance(market(TUE, {"AAPL": "100"}, volume={"AAPL": 1_000}, ranges={"AAPL": ("100", "106")}))
        assert _told(broker, entry, *pair) == [
            (OrderState.PARTIALLY_FILLED, 100, ""),
            (OrderState.ACCEPTED, 0, ""),
            (OrderState.ACCEPTED, 0, ""),
        ]
        broker.advance(market(WED, {"AAPL": "100"}))
        assert _told(broker, entry) == [(OrderState.FILLED, 250, "")]
        broker.advance(market(THU, {"AAPL": "106"}))
        assert _told(broker, *pair) == [(OrderState.CANCELLED, 0, OTHER), (OrderState.FILLED, 250, "")]
        assert broker.positions() == {}


def test_an_entry_that_fills_at_the_close_meets_its_legs_from_the_next_session_on(tmp_path: Path) -> None:
    with PaperBroker(tmp_path / "paper.db", BOOK, usd("100000"), FillTerms(fill_at="close")) as broker:
        _, pair = _entry(broker, 100, "95", "105")
        broker.advance(market(TUE, {"AAPL": "94"}, ranges={"AAPL": ("90", "110")}))
        assert [state for state, _, _ in _told(broker, *pair)] == [OrderState.ACCEPTED] * 2
        broker.advance(market(WED, {"AAPL": "94"}))
        assert broker.positions() == {}


def test_what_an_order_adds_has_legs_beside_those_of_what_is_held(broker: PaperBroker) -> None:
    broker.submit(order("AAPL", 100), MON)
    broker.advance(market(TUE, {"AAPL": "100"}))
    held, added = legs("AAPL", 100, "95", "120"), attached("AAPL", 50, "97", "120", TUE)
    _sent(broker, *held, order("AAPL", 50, TUE), *added)
    broker.advance(market(WED, {"AAPL": "100"}, ranges={"AAPL": ("96", "101")}))
    assert broker.positions() == {"AAPL": 100}
    assert [each.client_order_id for each in broker.open_orders()] == [each.client_order_id for each in held]


def test_legs_of_an_order_that_turns_a_position_round_close_what_it_opens(broker: PaperBroker) -> None:
    broker.submit(order("AAPL", 100), MON)
    broker.advance(market(TUE, {"AAPL": "100"}))
    entry, pair = order("AAPL", -150, TUE), attached("AAPL", -50, "105", "95", TUE)
    _sent(broker, entry, *pair)
    broker.advance(market(WED, {"AAPL": "100"}, volume={"AAPL": 1_300}))
    assert broker.positions() == {"AAPL": -30}
    assert [each.left for each in broker.open_orders()] == [30, 30]
    broker.advance(market(THU, {"AAPL": "106"}))
    assert broker.positions() == {}


def test_what_cannot_go_out_with_an_entry_is_refused(broker: PaperBroker) -> None:
    pair = attached("AAPL", 100, "95", "105", MON)
    assert "is no open market order of AAPL" in broker.submit(pair[0], MON).reason
    broker.submit(order("AAPL", 99, MON), MON)
    assert "100 shares to close" in broker.submit(replace(pair[0], client_order_id="too much"), MON).reason
    same_side = replace(attached("AAPL", -10, "105", "95", MON)[0], client_order_id="same side")
    assert "opens 0" in broker.submit(same_side, MON).reason
    first = attached("AAPL", 99, "95", None, MON)[0]
    _sent(broker, replace(first, client_order_id="first"))
    assert "has other legs" in broker.submit(replace(first, client_order_id="second"), MON).reason


_PRICES = st.integers(80, 120)
_BARS = st.lists(st.tuples(_PRICES, _PRICES, _PRICES, st.sampled_from([None, 0, 500, 1_000, 10_000])), min_size=3, max_size=3)


@given(
    held=st.sampled_from([0, 0, 120, -120]),
    quantity=st.integers(1, 300),
    short=st.booleans(),
    bars=_BARS,
    paired=st.booleans(),
    carried=st.booleans(),
    at_close=st.booleans(),
)
def test_whatever_the_bars_are_attached_legs_close_what_their_entry_opened_and_no_more(
    tmp_path_factory: pytest.TempPathFactory,
    held: int,
    quantity: int,
    short: bool,
    bars: list[tuple[int, int, int, int | None]],
    paired: bool,
    carried: bool,
    at_close: bool,
) -> None:
    """Before the entry there may be a position without legs, which it adds to, reduces, closes or turns round."""
    sign = -1 if short else 1
    opens = quantity if held * sign >= 0 else max(quantity - abs(held), 0)
    terms = replace(CARRIED if carried else TENTH, fill_at="close" if at_close else "open")
    with PaperBroker(tmp_path_factory.mktemp("paper") / "paper.db", BOOK, usd("100000"), terms, allow_short=True) as broker:
        if held:
            broker.submit(order("AAPL", held), MON)
        broker.advance(market(TUE, {"AAPL": "100"}))
        entry = order("AAPL", sign * quantity, TUE)
        ends = ("105", "95") if short else ("95", "105")
        pair = attached("AAPL", sign * opens, ends[0], ends[1] if paired else None, TUE) if opens else ()
        _sent(broker, entry, *pair)
        for session, (open_at, one, other, volume) in zip((WED, THU, FRI), bars, strict=True):
            low, high = min(open_at, one, other), max(open_at, one, other)
            opened = {} if volume is None else {"AAPL": str(open_at)}
            broker.advance(market(session, opened, volume={"AAPL": volume or 0}, ranges={"AAPL": (str(low), str(high))}))
            now = broker.orders([each.client_order_id for each in (entry, *pair)])
            filled = {key: each.filled_quantity for key, each in now.items()}
            closed = sum(filled[each.client_order_id] for each in pair)
            has_opened = max(opens - (quantity - filled[entry.client_order_id]), 0)
            assert 0 <= closed <= has_opened
            assert broker.positions().get("AAPL", 0) == held + sign * (filled[entry.client_order_id] - closed)
            live = [each for each in broker.open_orders() if each.client_order_id != entry.client_order_id]
            entry_works = entry.client_order_id in {each.client_order_id for each in broker.open_orders()}
            assert {each.left for each in live} <= {has_opened - closed}
            assert len(live) == (len(pair) if has_opened > closed or entry_works else 0)
            assert not (entry_works and closed)
        sold = [fill for fill in broker.fills(WED) if fill.client_order_id != entry.client_order_id]
        bought = [fill for fill in broker.fills(WED) if fill.client_order_id == entry.client_order_id]
        assert all(bought[0].traded < fill.traded for fill in sold)
