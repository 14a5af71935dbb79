"""Research: many replays of one book with other parameters, and what they say of the parameters.

`grid` says which parameters are varied, `sweep` replays every combination of them over one range, `walk_forward` picks the best on one
stretch and lives with it on the next. What runs share is computed once (`shared`) and read by every process (`workers`).
"""
