"""Targets: forecasts to weights to whole lots."""
