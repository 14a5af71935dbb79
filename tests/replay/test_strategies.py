"""What strategies hold in a replay, brought forward by what its course applied and filled."""

from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grodt.bars.corporate_actions import CorporateAction
from grodt.money import Micros
from grodt.orders.attribution import Wanted
from grodt.replay.account import Applied
from grodt.replay.strategies import Strategies
from grodt.replay.working import Batch, Filled, Working
from grodt.targets.construction import Construction
from grodt.targets.strategies import Strategy

_PLAIN = Construction(volatility_target=None, weight_cap=0.5, gross_cap=1.0, no_trade_band=0.0, long_only=True)
_COLUMNS = {"AAA": 0, "BBB": 1, "CCC": 2}
_DAY = date(2026, 3, 2)


@dataclass
class _Course:
    """What `Strategies` reads of one."""

    position: list[int]
    applied: list[Applied] = field(default_factory=list)
    orders: Working = field(default_factory=Working)

    @property
    def account(self) -> Any:
        return SimpleNamespace(applied=self.applied, position=np.array(self.position))


def _action(kind: Any, column: int, quantity: int, **given: Any) -> Applied:
    symbol = [*_COLUMNS][column]
    return Applied(2, CorporateAction(symbol, _DAY, kind, **given), column, quantity, Micros(0))


@pytest.fixture
def held() -> tuple[Strategies, _Course]:
    """a holds 70 AAA and 5 BBB, b 30 AAA and 15 BBB: decided in row 1, and filled."""
    found = Strategies([Strategy("a", 0.5, _PLAIN), Strategy("b", 0.5, _PLAIN)], [], _COLUMNS)
    quantity = np.array([[70, 5, 0], [30, 15, 0]])
    found.approved(1, Wanted(("a", "b"), quantity, np.zeros_like(quantity), np.ones(3, dtype=np.bool_)), quantity.sum(axis=0))
    course = _Course([100, 20, 0])
    batch = Batch.sent(1, np.array([0, 1]), np.array([100, 20]), np.array([10, 10]))
    course.orders.add(batch)
    for part in ([40, 20], [60, 0]):
        places = np.flatnonzero(part)
        course.orders.filled.append(Filled(2, batch, places, np.array(part)[places], np.array([10, 10]), np.array([0, 0])))
    found.bring_forward(course)  # type: ignore[arg-type]
    return found, course


def _shares(found: Strategies) -> list[list[int]]:
    return found.position.tolist()


def test_fills_in_parts_come_to_each_one_s_share(held: tuple[Strategies, _Course]) -> None:
    assert _shares(held[0]) == [[70, 5, 0], [30, 15, 0]]


def test_what_one_sells_and_does_not_hold_is_sold_by_the_other(held: tuple[Strategies, _Course]) -> None:
    """An order of 90 AAA that is a's, which has 70: 20 are b's."""
    found, course = held
    quantity = np.array([[-90, 0, 0], [0, 0, 0]])
    found.approved(2, Wanted(("a", "b"), quantity, np.zeros_like(quantity), np.ones(3, dtype=np.bool_)), quantity.sum(axis=0))
    batch = Batch.sent(2, np.array([0]), np.array([-90]), np.array([10]))
    course.orders.add(batch)
    course.orders.filled.append(Filled(3, batch, np.array([0]), np.array([-90]), np.array([10]), np.array([0])))
    course.position = [10, 20, 0]
    found.bring_forward(course)  # type: ignore[arg-type]
    assert _shares(found) == [[0, 5, 0], [10, 15, 0]]


def test_actions_are_shared_out_and_changes_of_symbols_happen_at_once(held: tuple[Strategies, _Course]) -> None:
    """AAA splits 3 for 2 and becomes BBB; BBB becomes CCC on the same day, and is not what AAA became."""
    found, course = held
    course.applied += [
        _action("split", 0, 100, ratio_new=3, ratio_old=2),
        _action("symbol_change", 0, 150, new_symbol="BBB"),
        _action("symbol_change", 1, 20, new_symbol="CCC"),
    ]
    course.position = [0, 150, 20]
    found.bring_forward(course)  # type: ignore[arg-type]
    assert _shares(found) == [[0, 105, 5], [0, 45, 15]]
    course.applied.append(_action("delisting", 1, 150))
    course.position = [0, 0, 20]
    found.bring_forward(course)  # type: ignore[arg-type]
    assert _shares(found) == [[0, 0, 5], [0, 0, 15]]


def test_what_does_not_add_up_to_the_book_is_an_error(held: tuple[Strategies, _Course]) -> None:
    found, course = held
    course.position = [100, 21, 0]
    with pytest.raises(ValueError, match="strategies hold 20 BBB, and the book 21"):
        found.bring_forward(course)  # type: ignore[arg-type]
