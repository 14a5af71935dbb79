"""What the tests of controls share: arrays in one word, and an answer compared with numbers worked by hand."""

import numpy as np

from grodt.risk.controls import Evaluation

USD = 1_000_000
NAN = float("nan")


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float64)


def flags(*numbers: bool) -> np.ndarray:
    return np.array(numbers, dtype=np.bool_)


def check(found: Evaluation, *, value: list[float], limit: list[float], passed: list[bool], left: list[int] | None = None) -> None:
    np.testing.assert_allclose(found.value, value, rtol=1e-14)
    np.testing.assert_allclose(found.limit, limit, rtol=1e-14)
    assert found.passed.tolist() == passed
    assert (None if found.quantity is None else found.quantity.tolist()) == left
