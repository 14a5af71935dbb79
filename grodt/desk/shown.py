"""How pages write figures and draw bars. Amounts are micros, as in the ledger and in what people are shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from grodt.execution.changes import Changes, PositionChange
from grodt.ledger.corrections import CORRECTION, WITHDRAWAL
from grodt.money import Micros, decimal

_NONE = "–"
#: A share of a limit from which on it is close.
_NEAR = 0.9
#: Length of every bar's axis.
_AXIS = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Two values on an axis that has zero in it; all of them from 0 to 100.

    Attributes:
        zero: where zero is.
        now, after: each one's left end and length.
    """

    zero: float
    now: tuple[float, float]
    after: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used: a length from 0 to 100, in words, and whether it is `fine`, `near` or `over`."""

    length: float
    words: str
    how: str


def usd(micros: int | None, places: int = 2) -> str:
    """An amount of micros in USD."""
    return _NONE if micros is None else _signs(f"{decimal(Micros(micros)):,.{places}f}")


def amount(value: Decimal | float | None, places: int = 2) -> str:
    """An amount in its own unit."""
    return _NONE if value is None else _signs(f"{value:,.{places}f}")


def exact(value: Decimal | int | None) -> str:
    """An amount or a quantity with every digit it has, at least two of them after the point of an amount."""
    if value is None:
        return _NONE
    if isinstance(value, Decimal):
        whole, _, rest = f"{value:,f}".partition(".")
        return _signs(f"{whole}.{rest.rstrip('0'):0<2}")
    return count(value)


def percent(share: float | None, places: int = 2) -> str:
    """A share of one, in per cent."""
    return _NONE if share is None else _signs(f"{share:z.{places}%}")


def figure(value: float | None) -> str:
    """A number of a control, with as many digits as it needs."""
    return _NONE if value is None else _signs(f"{value:,.6g}")


def count(value: int) -> str:
    """Shares, orders; nothing for none."""
    return _signs(f"{value:,}")


def signed(value: int) -> str:
    """Shares of an order, with their sign; nothing for none."""
    return _signs(f"{value:+,}") if value else ""


def when(at: datetime | None) -> str:
    """An instant."""
    return _NONE if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def day(session: date | None) -> str:
    """A session."""
    return _NONE if session is None else session.isoformat()


def left(until: datetime, now: datetime) -> str:
    """How long it is until then, in words."""
    wait = until - now
    if wait <= timedelta(0):
        return "over"
    hours, minutes = divmod(int(wait.total_seconds()) // 60, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def book_bars(changes: Changes) -> list[tuple[str, int, int, float, float, Bar]]:
    """Exposure and cash: name, now, after, both over equity, and their bar."""
    pairs = [
        ("gross exposure", changes.gross_now, changes.gross_after),
        ("net exposure", changes.net_now, changes.net_after),
        ("cash", changes.cash_now, changes.cash_after),
    ]
    bars = _bars([(now, after) for _, now, after in pairs], at_least=changes.equity)
    equity = changes.equity
    return [(name, now, after, now / equity, after / equity, bar) for (name, now, after), bar in zip(pairs, bars, strict=True)]


def position_bars(changes: Changes) -> list[tuple[PositionChange, Bar]]:
    """Each position with the bar of its value now and after."""
    bars = _bars([(each.now * each.price, each.value) for each in changes.positions])
    return list(zip(changes.positions, bars, strict=True))


def subject(kind: str, content: Mapping[str, Any]) -> tuple[list[list[dict[str, str]]], dict[str, str]]:
    """What a request of that kind is about, which has no page of its own: its tables, and its other facts by name, amounts in USD."""
    content = {name: _usd(value) if name in _amounts(kind, content) else value for name, value in content.items()}
    tables = [value for value in content.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    facts = {name: value for name, value in content.items() if value not in tables}
    shown = [[{name: _cell(cell) for name, cell in row.items()} for row in rows] for rows in tables]
    return shown, {name: ", ".join(map(_cell, value)) if isinstance(value, list) else _cell(value) for name, value in facts.items()}


def use(used: float | None) -> Use | None:
    """The bar of a limit; None where nothing is known of its use."""
    if used is None:
        return None
    how = "over" if used > 1 else "near" if used > _NEAR else "fine"
    return Use(min(max(used, 0.0), 1.0) * _AXIS, percent(used, 0), how)


def used_of(value: float | None, limit: float | None, headroom: float | None) -> float | None:
    """What part of its limit a check found used."""
    if headroom is None or not limit or value is None:
        return None
    return 1 - headroom / abs(limit)


FILTERS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (usd, amount, exact, percent, figure, count, signed, when, day, left, use)
}


def _bars(pairs: Sequence[tuple[float, float]], at_least: float = 0) -> list[Bar]:
    """Bars of one scale."""
    ends = [each for pair in pairs for each in pair]
    low, high = min([0, *ends]), max([at_least, *ends, 0])
    width = (high - low) or 1
    zero = -low / width * _AXIS

    def part(value: float) -> tuple[float, float]:
        end = (value - low) / width * _AXIS
        return round(min(zero, end), 3), round(abs(end - zero), 3)

    return [Bar(round(zero, 3), part(now), part(after)) for now, after in pairs]


def _amounts(kind: str, content: Mapping[str, Any]) -> frozenset[str]:
    """Facts of a request that are micros."""
    if kind == WITHDRAWAL:
        return frozenset({"amount"})
    if kind == CORRECTION:
        return frozenset({"price"} if content["kind"] != "cash" else {"price", "from", "to"})
    return frozenset()


def _usd(micros: int | None) -> str | None:
    return None if micros is None else f"{exact(decimal(micros))} USD"


def _cell(value: object) -> str:
    return _NONE if value is None else figure(value) if isinstance(value, float) else str(value)


def _signs(text: str) -> str:
    return text.replace("-", "−")
