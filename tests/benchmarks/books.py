"""The books file of a benchmark: one book of so many symbols, the demo book's numbers scaled to them."""

from datetime import date, timedelta
from pathlib import Path

BOOK = "bench"
_DAYS = 365.25


def write_books(path: Path, *, symbols: int, years: int, first: date) -> None:
    """Describe a book of `symbols` on a simulated exchange that opened `years` before the book's first session.

    Capital, caps, the no-trade band and the limits stand to the number of symbols as they do in the demo book, so that a daily cycle
    orders the same share of the universe at every size.
    """
    capital = 20_000 * symbols
    opened = first - timedelta(days=round(years * _DAYS) + 5)
    path.write_text(
        f"""\
sources:
  exchange: {{kind: simulated, seed: 20260101, opened: {opened}}}
books:
  {BOOK}:
    calendar: XNYS
    source: exchange
    universe: {{listed: {symbols}}}
    history: {{years: {years}}}
    capital: {capital}
    broker: {{kind: paper, slippage_bps: 2, commission_bps: 1}}
    signals:
      - {{signal: momentum, weight: 0.5}}
      - {{signal: ewma_crossover, weight: 0.5}}
    construction:
      volatility_target: 0.10
      weight_cap: {4 / symbols:.8f}
      gross_cap: 0.90
      no_trade_band: {0.1 / symbols:.8f}
      long_only: true
    limits:
      order_quantity: 50000
      order_value: {capital * 7.5 / symbols:.2f}
      price_age: 1
      symbol_weight: {5 / symbols:.8f}
      gross_exposure: 0.98
      basket_value: 1.5
      cash_buffer: 0.01
      completeness: 0.90
      volume_share: 0.05
      collar: 0.05
      collar_sigmas: 3
      symbol_position: 100000
      group_weight: {{}}
      net_exposure: 0.98
      turnover: 1.0
      restricted: []
      weights_sum: 1.0
      volatility_low: 0.05
      volatility_high: 1.5
      return_high: 0.20
      daily_loss: 0.05
      drawdown: 0.25
      armed_cycles: 1000
      new_cycles: 3
      new_share: 0.95
      cycle_messages: {4 * symbols}
      minute_messages: {4 * symbols}
      rejects_in_a_row: 10
      slippage: 0.5
      slippages_in_a_row: 1000
    schedule: {{cron: "30 17 * * 1-5", latest_start_minutes: 600}}
"""
    )
