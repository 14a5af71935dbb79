"""Benchmarks: commands that print tables. They are no part of the test run, and nothing asserts a timing."""
