from dataclasses import replace
from datetime import date

import pytest

from grodt.instruments import Instrument

IBM = Instrument("IBM", listed_on=date(2010, 1, 4), delisted_on=date(2015, 12, 1))


@pytest.mark.parametrize("symbol", ["", " IBM", "IBM ", "\tIBM", " "])
def test_a_symbol_that_is_empty_or_has_blanks_around_it_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="is empty or has blanks around it"):
        Instrument(symbol)


def test_a_lot_or_tick_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="IBM: lot 0 and tick 10000 must be at least 1"):
        Instrument("IBM", lot=0)
    with pytest.raises(ValueError, match="IBM: lot 1 and tick 0 must be at least 1"):
        Instrument("IBM", tick_micros=0)


def test_what_is_not_said_is_the_safe_case() -> None:
    plain = Instrument("BRK.B")
    assert (plain.lot, plain.tick_micros, plain.shortable, plain.currency) == (1, 10_000, False, "USD")
    assert plain.trades_on(date.min)
    assert plain.trades_on(date.max)


@pytest.mark.parametrize(
    ("session", "trades"),
    [
        (date(2010, 1, 3), False),
        (date(2010, 1, 4), True),
        (date(2015, 11, 30), True),
        (date(2015, 12, 1), False),
        (date(2020, 1, 2), False),
    ],
)
def test_it_trades_from_its_listing_up_to_the_session_before_its_delisting(session: date, trades: bool) -> None:
    assert IBM.trades_on(session) is trades


def test_one_that_is_not_delisted_trades_on() -> None:
    assert replace(IBM, delisted_on=None).trades_on(date(2999, 1, 1))
