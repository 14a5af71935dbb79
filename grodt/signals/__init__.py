"""Signals: a panel of history in, forecasts out. Pure functions over arrays."""
