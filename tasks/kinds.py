"""Kinds of cycles: part of a run's identity. Light to import, unlike the stages."""

END_OF_DAY = "eod"
INTRADAY = "intraday"
