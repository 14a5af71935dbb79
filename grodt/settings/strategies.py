"""Strategies in the books file: each a set of signals with weights and a share of the book's capital."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, WrapValidator, field_validator

from grodt.settings.fields import Name, Number, as_written
from grodt.settings.section import Section
from grodt.settings.signals import SignalConfig, each_once
from grodt.signals.signal import is_intraday
from grodt.targets.construction import Construction

#: Shares are decimals that people write: 0.7, 0.2 and 0.1 are all of it.
_SPARE = 1e-9


class StrategyConfig(Section):
    """One strategy of a book.

    Attributes:
        name: in the ledger, in halts and in what is shown.
        share: of the book's equity, which it sizes its positions by.
        signals: with their weights.
        construction: its own; None: the book's.
    """

    name: Name
    share: Number = Field(gt=0, le=1)
    signals: tuple[SignalConfig, ...] = Field(min_length=1)
    construction: Annotated[Construction, WrapValidator(as_written(Construction))] | None = None

    _each_once = field_validator("signals")(each_once)


def require_strategies(book: str, strategies: Sequence[StrategyConfig], construction: Construction) -> None:
    """Refuse strategies that cannot be one book's.

    Raises:
        ValueError: names the strategy, the value and the bound that it broke.
    """
    for name, count in Counter(each.name for each in strategies).items():
        if count > 1:
            raise ValueError(f"strategies: {name} is named {count} times; give each its own name")
    shares = math.fsum(each.share for each in strategies)
    if shares > 1 + _SPARE:
        given = ", ".join(f"{each.name} {each.share:g}" for each in strategies)
        raise ValueError(f"strategies: their shares add up to {shares:g}, and a book's capital is 1 ({given})")
    for each in strategies:
        if each.name == book:
            raise ValueError(
                f"strategies: {each.name} is the name of the book, which stands for what belongs to no strategy; name it otherwise"
            )
        if not (each.construction or construction).long_only:
            raise ValueError(
                f"strategies: {each.name} may sell short; a book of several strategies holds none: give it long_only, or a book of its own"
            )
        for signal in each.signals:
            name = signal.build().name
            if signal.regimes is not None:
                raise ValueError(
                    f"strategies: signal {name} of {each.name} has regimes, which a book of several strategies does not tell apart"
                )
            if is_intraday(signal.build()):
                raise ValueError(f"strategies: signal {name} of {each.name} reads bars of a session; give it a book of its own")
