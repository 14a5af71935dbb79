"""A thread that draws random numbers while a strategy draws its own is no failure of the test.

Hypothesis tells by the state of the global generator whether a strategy has used it, and takes another thread's draw for the strategy's.
That was a failure that could not be repeated, in whichever test was drawing at that instant.
"""

import random
import threading

import hypothesis
from hypothesis import strategies as st


def test_another_threads_random_numbers_are_no_finding() -> None:
    over = threading.Event()

    def jitter() -> None:
        while not over.is_set():
            random.random()
            over.wait(0.0005)

    @hypothesis.settings(max_examples=60, database=None)
    @hypothesis.given(prices=st.lists(st.floats(0, 1), min_size=30, max_size=60), window=st.integers(2, 9))
    def drawn(prices: list[float], window: int) -> None:
        assert len(prices) > window

    thread = threading.Thread(target=jitter)
    thread.start()
    try:
        drawn()
    finally:
        over.set()
        thread.join()
