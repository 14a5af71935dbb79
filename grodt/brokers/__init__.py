"""Brokers: one protocol, the paper broker."""
