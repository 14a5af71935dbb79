"""Bars: sources, quality gate, corporate actions."""
