"""zipline-reloaded: an algorithm on daily bars that orders share counts at the close; a slippage model fills them at the next open."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.replay_strategy import COST, Outcome, Panel, decision_rows, top_decile, whole_shares

IMPORTS = ("pandas", "zipline", "zipline.data.data_portal")


def prepare(panel: Panel, rebalanced: str) -> Callable[[], Outcome]:
    """Bars in its own store, and its table of assets. Its models fill at the close of the next session; ours at its open."""
    import pandas as pd
    from sqlalchemy import create_engine
    from zipline import TradingAlgorithm
    from zipline.assets import AssetDBWriter, AssetFinder
    from zipline.data.bcolz_daily_bars import BcolzDailyBarReader, BcolzDailyBarWriter
    from zipline.data.data_portal import DataPortal
    from zipline.finance.commission import PerDollar
    from zipline.finance.slippage import SlippageModel
    from zipline.finance.trading import SimulationParameters
    from zipline.utils.calendar_utils import get_calendar

    class NextOpen(SlippageModel):
        @staticmethod
        def process_order(data: Any, order: Any) -> tuple[float, int]:
            return data.current(order.asset, "open"), order.amount

    days = pd.DatetimeIndex(panel.sessions.astype("datetime64[ns]"))
    calendar = get_calendar("XNYS")
    width = panel.close.shape[1]
    folder = tempfile.TemporaryDirectory(prefix="grodt-zipline-")

    def bars() -> Any:
        for sid in range(width):
            opens, closes = panel.open[:, sid], panel.close[:, sid]
            prices = {"open": opens, "high": np.maximum(opens, closes), "low": np.minimum(opens, closes), "close": closes}
            yield sid, pd.DataFrame({**prices, "volume": 1_000_000}, index=days)

    store = str(Path(folder.name) / "bars.bcolz")
    BcolzDailyBarWriter(store, calendar, days[0], days[-1]).write(bars())
    engine = create_engine("sqlite://")
    equities = {"symbol": panel.symbols, "start_date": days[0], "end_date": days[-1], "exchange": "XNYS"}
    exchanges = pd.DataFrame({"exchange": ["XNYS"], "canonical_name": ["XNYS"], "country_code": ["US"]})
    AssetDBWriter(engine).write(equities=pd.DataFrame(equities, index=range(width)), exchanges=exchanges)
    finder = AssetFinder(engine)
    assets = finder.retrieve_all(range(width))
    decides = set(decision_rows(panel.sessions, rebalanced).tolist())

    def run() -> Outcome:
        left: dict[str, float] = {}
        fills = 0

        def initialize(context: Any) -> None:
            context.set_slippage(NextOpen())
            context.set_commission(PerDollar(COST))
            context.row = -1

        def handle_data(context: Any, data: Any) -> None:
            nonlocal fills
            del data
            context.row += 1
            row = context.row
            if row in decides:
                portfolio = context.portfolio
                top = top_decile(panel, row)
                shares = np.zeros(width)
                for asset, position in portfolio.positions.items():
                    shares[asset.sid] = position.amount
                order = -shares
                order[top] += whole_shares(panel.invested * portfolio.portfolio_value / len(top), panel.close[row, top])
                if row + 1 < len(days):
                    for sid in order.nonzero()[0]:
                        context.order(assets[sid], int(order[sid]))
                        fills += 1
            if row + 1 == len(days):
                left["final"] = context.portfolio.portfolio_value

        reader = BcolzDailyBarReader(store)
        algorithm = TradingAlgorithm(
            sim_params=SimulationParameters(
                start_session=days[0], end_session=days[-1], trading_calendar=calendar, capital_base=panel.capital, data_frequency="daily"
            ),
            data_portal=DataPortal(finder, calendar, days[0], equity_daily_reader=reader),
            initialize=initialize,
            handle_data=handle_data,
            metrics_set="none",
            benchmark_returns=pd.Series(0.0, index=days.tz_localize("UTC")),
            trading_calendar=calendar,
        )
        for _ in algorithm.get_generator():
            pass
        return Outcome(float(left["final"]), fills)

    run.__dict__["keep"] = folder  # removed with the function
    return run
