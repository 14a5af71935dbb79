"""nautilus_trader: a quote at each open and each close; market orders go out at the open, as decided at the close before."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from tests.benchmarks.replay_strategy import COST, Outcome, Panel, decision_rows, top_decile, whole_shares

IMPORTS = ("pandas", "nautilus_trader.backtest.engine", "nautilus_trader.trading.strategy", "nautilus_trader.persistence.wranglers")
_SECOND = 1_000_000_000
#: After midnight, UTC.
_OPEN, _CLOSE = 14 * 3_600 * _SECOND, 21 * 3_600 * _SECOND


def prepare(panel: Panel, rebalanced: str) -> Callable[[], Outcome]:
    """An engine with its instruments and quotes: bid and ask at the price, more than enough to fill any order."""
    import pandas as pd
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import CacheConfig, LoggingConfig, RiskEngineConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
    from nautilus_trader.model.instruments import Equity
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.persistence.wranglers import QuoteTickDataWrangler
    from nautilus_trader.trading.strategy import Strategy

    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
            cache=CacheConfig(drop_instruments_on_reset=False),
            run_analysis=False,
        )
    )
    venue = Venue("SIM")
    engine.add_venue(
        venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=USD,
        starting_balances=[Money(panel.capital, USD)],
        allow_cash_borrowing=True,
    )
    midnights = panel.sessions.astype("datetime64[ns]").astype(np.int64)
    instants = pd.to_datetime(np.column_stack([midnights + _OPEN, midnights + _CLOSE]).ravel(), utc=True)
    instruments = []
    for column, symbol in enumerate(panel.symbols):
        instrument = Equity(
            instrument_id=InstrumentId(Symbol(symbol), venue),
            raw_symbol=Symbol(symbol),
            currency=USD,
            price_precision=2,
            price_increment=Price.from_str("0.01"),
            lot_size=Quantity.from_int(1),
            taker_fee=Decimal(str(COST)),
            ts_event=0,
            ts_init=0,
        )
        engine.add_instrument(instrument)
        instruments.append(instrument)
        prices = np.column_stack([panel.open[:, column], panel.close[:, column]]).ravel()
        quotes = pd.DataFrame({"bid_price": prices, "ask_price": prices}, index=instants)
        engine.add_data(QuoteTickDataWrangler(instrument).process(quotes, default_volume=1e9), sort=False)
    engine.sort_data()
    columns = {instrument.id: column for column, instrument in enumerate(instruments)}
    decides = set(decision_rows(panel.sessions, rebalanced).tolist())

    class Momentum(Strategy):
        def __init__(self) -> None:
            super().__init__()
            self.fills = 0
            self.shares, self.pending = np.zeros(len(instruments)), np.zeros(len(instruments))

        def on_start(self) -> None:
            self._wake(0)

        def _wake(self, row: int) -> None:
            """A second after the row's open, and again after its close."""
            if row < len(midnights):
                self.clock.set_time_alert_ns(f"o{row}", int(midnights[row] + _OPEN + _SECOND), lambda _: self._opened(row))
                self.clock.set_time_alert_ns(f"c{row}", int(midnights[row] + _CLOSE + _SECOND), lambda _: self._closed(row))

        def _opened(self, row: int) -> None:
            del row
            for column in self.pending.nonzero()[0]:
                size = self.pending[column]
                side = OrderSide.BUY if size > 0.0 else OrderSide.SELL
                self.submit_order(self.order_factory.market(instruments[column].id, side, Quantity.from_int(int(abs(size)))))
            self.pending = np.zeros(len(instruments))

        def _closed(self, row: int) -> None:
            if row in decides:
                top = top_decile(panel, row)
                self.pending = -self.shares
                equity = self.cash + self.shares @ panel.close[row]
                self.pending[top] += whole_shares(panel.invested * equity / len(top), panel.close[row, top])
            self._wake(row + 1)

        @property
        def cash(self) -> float:
            return float(self.portfolio.account(venue).balance_total(USD).as_double())

        def on_order_filled(self, event: Any) -> None:
            self.fills += 1
            size = event.last_qty.as_double()
            self.shares[columns[event.instrument_id]] += size if event.order_side == OrderSide.BUY else -size

    def run() -> Outcome:
        engine.reset()
        engine.trader.clear_strategies()
        strategy = Momentum()
        engine.add_strategy(strategy)
        engine.run()
        return Outcome(strategy.cash + float(strategy.shares @ panel.close[-1]), strategy.fills)

    return run
