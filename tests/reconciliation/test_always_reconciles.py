"""Whatever is ordered and whatever happens to the companies, ledger and paper broker reconcile after every session."""

import itertools
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.bars.corporate_actions import CorporateAction
from grodt.brokers.fills import FillTerms
from grodt.ledger.postings import holdings
from grodt.money import Micros
from grodt.sessions import Calendar
from tests.brokers.world import BOOK, MON, market
from tests.examples import examples
from tests.execution.desk import TERMS, Desk

_DAYS = Calendar("XNYS").between(MON, MON + timedelta(days=14))
_SYMBOLS = ("AAPL", "GONE", "IBM", "SHRT")
_prices = st.integers(50, 9_999_999).map(lambda cents: f"{cents / 100:.2f}")
_days = st.integers(0, 6)
_IN_PARTS = FillTerms(
    Decimal(5),
    Decimal(1),
    Micros(1_000_000),
    commission_per_share=Micros(3_500),
    maximum_commission_bps=Decimal(100),
    fill_at="close",
    impact=Decimal("0.7"),
    participation=Decimal("0.05"),
    carry_sessions=2,
    borrow_bps=Decimal("312.5"),
)


@dataclass(frozen=True)
class _Session:
    """Opens (some symbols do not trade), actions, what is ordered at its close, closes before it, and how much trades."""

    opens: dict[str, str]
    actions: list[CorporateAction]
    ordered: dict[str, int]
    closes: dict[str, str]
    volume: dict[str, float]
    nights: int


@st.composite
def _sessions(draw: st.DrawFn) -> list[_Session]:
    made = []
    for day in range(draw(st.integers(2, 6))):
        session = _DAYS[day]
        opens = draw(st.dictionaries(st.sampled_from(_SYMBOLS), _prices))
        closes = {symbol: draw(_prices) for symbol in (*_SYMBOLS, "NEW")}
        volume = {symbol: draw(st.floats(0.0, 500_000.0)) for symbol in opens}
        actions = []
        for symbol, kind in itertools.product(_SYMBOLS, ("dividend", "split", "delisting", "symbol_change")):
            if draw(st.integers(0, 9 if kind == "delisting" else 3)):
                continue
            if kind == "symbol_change":
                name = draw(st.sampled_from([other for other in (*_SYMBOLS, "NEW") if other != symbol]))
                actions.append(CorporateAction(symbol, session, "symbol_change", new_symbol=name))
                continue
            if kind == "split":
                new, old = draw(st.integers(1, 30)), draw(st.integers(1, 30))
                actions.append(CorporateAction(symbol, session, "split", ratio_new=new, ratio_old=old))
            elif kind == "dividend":
                pay = draw(st.none() | _days.map(lambda days, ex=session: ex + timedelta(days=days - 1)))
                cash = Micros(draw(st.integers(1, 3_000_000)))
                actions.append(CorporateAction(symbol, session, "dividend", pay_date=pay, cash_per_share=cash))
            else:
                cash = Micros(draw(st.integers(0, 30_000_000)))
                actions.append(CorporateAction(symbol, session, "delisting", cash_per_share=cash))
        ordered = draw(st.dictionaries(st.sampled_from(_SYMBOLS), st.integers(-9_999, 9_999).filter(bool)))
        made.append(_Session(opens, actions, ordered, closes, volume, draw(st.integers(1, 4))))
    return made


@pytest.mark.parametrize("terms", [TERMS, _IN_PARTS], ids=["whole orders", "in parts, with every cost"])
@given(sessions=_sessions())
@examples(25)
def test_ledger_and_broker_always_reconcile(template: Path, terms: FillTerms, sessions: list[_Session]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Desk(Path(folder), template=template, terms=terms)) as desk:
        for day, one in enumerate(sessions):
            session = _DAYS[day]
            played = market(session, one.opens, *one.actions, closes=one.closes, volume=one.volume, nights=one.nights)
            desk.cycle(session, [played], one.ordered)
        last = desk.open(_DAYS[len(sessions)])
        desk.settle(last, market(last.session, {}, closes=dict.fromkeys((*_SYMBOLS, "NEW"), "12.34")))
        found = desk.reconcile(last)
        with desk.real_ledger.read() as tx:
            held = {symbol: holding.quantity for symbol, holding in holdings(tx, BOOK).items()}
        assert held == desk.paper.positions()
        assert found.cash == desk.paper.cash()  # to the micro, not only to the cent
        assert found.open_orders == len(desk.paper.open_orders())
        assert found.open_orders == 0 or terms.carry_sessions
