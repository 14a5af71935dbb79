"""GRODT: a trading book from market data to reconciled positions.

The domain. It never imports Prefect; `tasks` and `flows` schedule it.
"""

__version__ = "0.1.0"
