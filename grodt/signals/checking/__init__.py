"""Looks for look-ahead, an unstable warm-up and other flaws in a signal, on generated panels and on real bars."""
