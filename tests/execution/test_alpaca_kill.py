"""Killed anywhere between the ledger and Alpaca, then run again: one order each, and both books as if nothing had happened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grodt.bars.market import SessionMarket
from grodt.execution import Settled, settle
from grodt.ledger.runs import Run
from tests.brokers.alpaca_desk import opened_at
from tests.brokers.world import MON, TUE, WED, market
from tests.execution.desk import Desk, FaultyBroker, Fuse, Killed
from tests.fakes.alpaca_trading import FakeTrading, evening

MARKETS = {MON: market(MON, {}), TUE: market(TUE, {"AAPL": "101", "IBM": "50"}), WED: market(WED, {"AAPL": "102"})}
DECISIONS = {MON: {"AAPL": 10, "IBM": 20}, TUE: {"AAPL": -4, "IBM": -5}, WED: {}}


class AtAlpaca(Desk):
    """A desk whose broker plays its sessions by itself."""

    def settle(self, run: Run, *markets: SessionMarket) -> Settled:
        return settle(self.ledger, None, self.broker, None, markets, run=run, file=self.file, now=self.now)


def _work(desk: Desk, account: FakeTrading) -> None:
    """Three evenings, as a scheduler would run them; the exchange plays each day once, whatever becomes of us."""
    for session, quantities in DECISIONS.items():
        if account.now < evening(session):
            account.play(MARKETS[session])
        desk.cycle(session, [MARKETS[session]], quantities)


@contextmanager
def _opened(folder: Path, template: Path, account: FakeTrading, fuse: Fuse) -> Iterator[Desk]:
    desk = AtAlpaca(folder, template=template, fuse=fuse)
    try:
        with opened_at(account) as broker:
            desk.broker = FaultyBroker(broker, fuse)
            yield desk
    finally:
        desk.close()


def _state(desk: Desk, account: FakeTrading) -> dict[str, object]:
    ours = {name: rows for name, rows in desk.state(events=False).items() if name.startswith("ledger.db")}
    orders = [(each["client_order_id"], each["status"], each["filled_qty"]) for each in account.orders]
    return {**ours, "orders": orders, "held": dict(account.held), "cash": account.cash}


def _ended(folder: Path, template: Path, watch: Callable[[Fuse], None], at: int | None) -> dict[str, object]:
    """The three evenings, with a kill at that step and then without."""
    with FakeTrading(evening(MON), "1000000").served() as account:
        for fuse in (Fuse(at), Fuse()):
            with _opened(folder, template, account, fuse) as desk:
                try:
                    _work(desk, account)
                except Killed:
                    continue
                watch(fuse)
                return _state(desk, account)
    raise AssertionError("killed without a fuse")


@pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_step_a_rerun_ends_in_the_same_ledger_and_account(tmp_path: Path, template: Path, stride: int) -> None:
    steps: list[str] = []
    whole = _ended(tmp_path / "whole", template, lambda fuse: steps.extend(fuse.steps), None)
    assert len(whole["orders"]) == 4  # type: ignore[arg-type]
    assert whole["held"] == {"AAPL": 6, "IBM": 20}  # IBM does not trade on Wednesday
    assert steps.count("before a send") == 4
    for number in range(0, len(steps), stride):
        found = _ended(tmp_path / str(number), template, lambda _: None, number)
        assert found == whole, f"killed at step {number}, {steps[number]}"
