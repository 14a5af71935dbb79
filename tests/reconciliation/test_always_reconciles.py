"""Whatever is ordered and whatever happens to the companies, ledger and paper broker reconcile after every session."""

import itertools
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from grodt.bars.corporate_actions import CorporateAction
from grodt.ledger.postings import holdings
from grodt.money import Micros
from tests.brokers.world import BOOK, MON, market
from tests.execution.desk import Desk

_SYMBOLS = ("AAPL", "GONE", "IBM", "SHRT")
_prices = st.integers(50, 9_999_999).map(lambda cents: f"{cents / 100:.2f}")
_days = st.integers(0, 6)


@st.composite
def _sessions(draw: st.DrawFn) -> list[tuple[dict[str, str], list[CorporateAction], dict[str, int], dict[str, str]]]:
    """Per session: opens (some symbols do not trade), actions, what is ordered at its close, previous closes."""
    made = []
    for day in range(draw(st.integers(2, 6))):
        session = MON + timedelta(days=day)
        opens = draw(st.dictionaries(st.sampled_from(_SYMBOLS), _prices))
        closes = {symbol: draw(_prices) for symbol in _SYMBOLS}
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
        made.append((opens, actions, ordered, closes))
    return made


@given(sessions=_sessions())
@settings(max_examples=25, deadline=None)
def test_ledger_and_broker_always_reconcile(
    template: Path, sessions: list[tuple[dict[str, str], list[CorporateAction], dict[str, int], dict[str, str]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Desk(Path(folder), template=template)) as desk:
        for day, (opens, actions, ordered, closes) in enumerate(sessions):
            session = MON + timedelta(days=day)
            played = market(session, opens, *actions, closes=closes)
            desk.cycle(session, [played], ordered)
        last = desk.open(MON + timedelta(days=len(sessions)))
        desk.settle(last, market(last.session, {}))
        found = desk.reconcile(last)
        with desk.real_ledger.read() as tx:
            held = {symbol: holding.quantity for symbol, holding in holdings(tx, BOOK).items()}
        assert held == desk.paper.positions()
        assert found.cash == desk.paper.cash()  # to the micro, not only to the cent
        assert found.open_orders == 0
