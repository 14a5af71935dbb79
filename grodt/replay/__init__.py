"""Replay: history through the kernel, and what a course of equity amounts to.

`record.record_of` makes a `Record` from the lake's tables; `statistics` measures it, whole and in parts, and `tear_sheet` draws it. The
formulas are pure functions of arrays in `returns`, `tails`, `benchmark`, `drawdowns`, `deflated_sharpe` and `trades`.
"""
