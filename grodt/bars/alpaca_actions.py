"""Alpaca's corporate actions as they come, and how they become ours. Pure functions.

Rates are money: they go from the JSON's own digits to Decimal and never through a float.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from grodt.bars.alpaca_http import unreadable
from grodt.bars.source import RAW_ACTIONS
from grodt.errors import DataError

_MICRO = Decimal("0.000001")
_LARGEST_RATIO = 2**31


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise ValueError("must be a number")
    return value


_Rate = Annotated[Decimal, BeforeValidator(_no_truth), Field(ge=0, lt=1_000_000_000, max_digits=40)]
_Ratio = Annotated[Decimal, BeforeValidator(_no_truth), Field(gt=0, lt=1_000_000_000, max_digits=40)]
_Symbol = Annotated[str, Field(min_length=1)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Split(_Record):
    symbol: _Symbol
    ex_date: date
    new_rate: _Ratio
    old_rate: _Ratio


class _StockDividend(_Record):
    symbol: _Symbol
    ex_date: date
    rate: _Ratio


class _CashDividend(_Record):
    symbol: _Symbol
    ex_date: date
    rate: _Rate
    payable_date: date | None = None
    special: bool = False


class _CashMerger(_Record):
    acquiree_symbol: _Symbol
    effective_date: date
    rate: _Rate


class _Redemption(_Record):
    symbol: _Symbol
    process_date: date
    rate: _Rate


class _WorthlessRemoval(_Record):
    symbol: _Symbol
    process_date: date


class _NameChange(_Record):
    old_symbol: _Symbol
    new_symbol: _Symbol
    process_date: date


class ActionsPage(BaseModel):
    """A page of `/v1/corporate-actions`: records by kind."""

    model_config = ConfigDict(strict=True, frozen=True)

    corporate_actions: dict[str, list[dict[str, Any]]] | None
    next_page_token: str | None


def read_actions_page(body: bytes, *, source: str, about: str) -> ActionsPage:
    """A page, its numbers as Decimal of the digits that were sent.

    Raises:
        DataError: it is no JSON, or no page.
    """
    try:
        content = json.loads(body, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise DataError(f"source {source!r}: {about}: the answer cannot be read: {error}; ask Alpaca") from None
    try:
        return ActionsPage.model_validate(content)
    except ValidationError as error:
        raise unreadable(error, asker=f"source {source!r}", about=about) from None


@dataclass(frozen=True, slots=True, order=True)
class UnsupportedAction:
    """A corporate action that GRODT cannot express yet, and what that leaves out.

    Attributes:
        symbol: whose; "" where the record does not say.
        on: ex, effective or process date; None where the record does not say.
        kind: Alpaca's name of the kind.
        why: what is not done, and how it will show.
    """

    symbol: str
    on: date | None
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Actions:
    """Corporate actions (RAW_ACTIONS, sorted), and those that could not be expressed."""

    rows: pl.DataFrame
    unsupported: tuple[UnsupportedAction, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """A record in our words: what it does to a share, and from when."""

    symbol: str
    ex_date: date
    kind: str
    ratio: Fraction | None = None
    cash: Decimal | None = None
    pay_date: date | None = None
    new_symbol: str | None = None
    told_apart: str = ""


def _split(record: _Split) -> _Row:
    return _Row(record.symbol, record.ex_date, "split", ratio=Fraction(record.new_rate) / Fraction(record.old_rate))


def _stock_dividend(record: _StockDividend) -> _Row:
    """`rate` new shares for each one held: a split of 1 + rate for 1."""
    return _Row(record.symbol, record.ex_date, "split", ratio=1 + Fraction(record.rate))


def _cash_dividend(record: _CashDividend) -> _Row:
    """A large dividend may be paid before its ex date; it is owed from the ex date on all the same."""
    paid = None if record.payable_date is None else max(record.payable_date, record.ex_date)
    return _Row(record.symbol, record.ex_date, "dividend", cash=record.rate, pay_date=paid, told_apart="special" if record.special else "")


def _cash_merger(record: _CashMerger) -> _Row:
    return _Row(record.acquiree_symbol, record.effective_date, "delisting", cash=record.rate)


def _redemption(record: _Redemption) -> _Row:
    return _Row(record.symbol, record.process_date, "delisting", cash=record.rate)


def _worthless_removal(record: _WorthlessRemoval) -> _Row:
    return _Row(record.symbol, record.process_date, "delisting", cash=Decimal(0))


def _name_change(record: _NameChange) -> _Row:
    """Alpaca tells the day it is processed, which is the first session under the new ticker."""
    return _Row(record.old_symbol, record.process_date, "symbol_change", new_symbol=record.new_symbol)


def _reader[M: BaseModel](model: type[M], to_row: Callable[[M], _Row]) -> Callable[[Any], _Row]:
    return lambda content: to_row(model.model_validate(content))


_READERS: dict[str, Callable[[Any], _Row]] = {
    "forward_splits": _reader(_Split, _split),
    "reverse_splits": _reader(_Split, _split),
    "stock_dividends": _reader(_StockDividend, _stock_dividend),
    "cash_dividends": _reader(_CashDividend, _cash_dividend),
    "cash_mergers": _reader(_CashMerger, _cash_merger),
    "redemptions": _reader(_Redemption, _redemption),
    "worthless_removals": _reader(_WorthlessRemoval, _worthless_removal),
    "name_changes": _reader(_NameChange, _name_change),
}
_SHOWS = "a holding shows as a break at reconciliation, a jump of the price in quarantine"
_UNSUPPORTED = {
    "name_changes": "the record lacks the old ticker, the new one or the day: bars and holdings are not carried from one to the other",
    "stock_mergers": f"shares are not exchanged for the acquirer's; {_SHOWS}",
    "stock_and_cash_mergers": f"shares are not exchanged for the acquirer's and cash; {_SHOWS}",
    "spin_offs": f"the new company's shares are not received; {_SHOWS}",
    "unit_splits": f"units are not parted into their pieces; {_SHOWS}",
    "rights_distributions": f"rights are not received; {_SHOWS}",
}
_SYMBOL_FIELDS = ("symbol", "old_symbol", "source_symbol", "acquiree_symbol")
_DATE_FIELDS = ("ex_date", "effective_date", "process_date")
_DATE: TypeAdapter[date] = TypeAdapter(date)


def actions_of(pages: Iterable[ActionsPage], asked: Collection[str], start: date, end: date, *, source: str, about: str) -> Actions:
    """The actions of the asked symbols with `start` ≤ ex date ≤ `end`.

    Equal records count once. Different ones of one symbol, ex date and kind are one action: ratios multiply, cash adds up. A change of
    name or CUSIP under which the ticker stays is none.

    Raises:
        DataError: a record lacks what its kind needs; names symbol and field.
    """
    rows: set[_Row] = set()
    unsupported: set[UnsupportedAction] = set()
    for page in pages:
        for kind, records in (page.corporate_actions or {}).items():
            read = _READERS.get(kind)
            for number, record in enumerate(records):
                if read is None:
                    unsupported.add(_unsupported(kind, record))
                    continue
                try:
                    rows.add(read(record))
                except ValidationError as error:
                    if kind in _UNSUPPORTED:
                        unsupported.add(_unsupported(kind, record))
                        continue
                    raise unreadable(
                        error, asker=f"source {source!r}", about=about, place=(_symbol_of(record), kind, str(number))
                    ) from None
    wanted = set(asked)
    by_key: dict[tuple[str, date, str], list[_Row]] = defaultdict(list)
    for row in rows:
        if row.symbol in wanted and start <= row.ex_date <= end and row.symbol != row.new_symbol:
            by_key[row.symbol, row.ex_date, row.kind].append(row)
    actions = [_one_action(key, by_key[key], source) for key in sorted(by_key)]
    for action in actions:
        if action["kind"] == "dividend" and not action["cash_per_share"]:
            why = "a dividend of nothing is none"
            unsupported.add(UnsupportedAction(action["symbol"], action["ex_date"], "cash_dividends", why))
    paying = [action for action in actions if action["kind"] != "dividend" or action["cash_per_share"]]
    concerned = (each for each in unsupported if each.symbol in wanted or not each.symbol)
    return Actions(
        pl.DataFrame(paying, schema=RAW_ACTIONS, orient="row"),
        tuple(sorted((each for each in concerned if each.on is None or start <= each.on <= end), key=_order)),
    )


def _order(action: UnsupportedAction) -> tuple[str, date, str]:
    return action.symbol, action.on or date.min, action.kind


def _one_action(key: tuple[str, date, str], rows: Sequence[_Row], source: str) -> dict[str, Any]:
    symbol, ex_date, kind = key
    ratios = [row.ratio for row in rows if row.ratio is not None]
    ratio = Fraction(1)
    for each in ratios:
        ratio *= each
    if max(ratio.numerator, ratio.denominator) >= _LARGEST_RATIO:
        raise DataError(f"source {source!r}: {symbol} {ex_date}: split ratio {ratio} is no ratio of whole shares; ask Alpaca")
    cash = [row.cash for row in rows if row.cash is not None]
    paid = [row.pay_date for row in rows if row.pay_date is not None]
    new_symbols = sorted({row.new_symbol for row in rows if row.new_symbol is not None})
    if len(new_symbols) > 1:
        raise DataError(f"source {source!r}: {symbol} {ex_date}: the ticker changes to both {' and '.join(new_symbols)}; ask Alpaca")
    return {
        "symbol": symbol,
        "ex_date": ex_date,
        "kind": kind,
        "pay_date": max(paid) if paid else None,
        "ratio_new": ratio.numerator if ratios else None,
        "ratio_old": ratio.denominator if ratios else None,
        "cash_per_share": sum(cash, Decimal(0)).quantize(_MICRO, ROUND_HALF_EVEN) if cash else None,
        "new_symbol": new_symbols[0] if new_symbols else None,
    }


def _unsupported(kind: str, record: Mapping[str, Any]) -> UnsupportedAction:
    on = None
    for field in _DATE_FIELDS:
        if isinstance(record.get(field), str):
            try:
                on = _DATE.validate_python(record[field])
            except ValidationError:
                continue
            break
    why = _UNSUPPORTED.get(kind, f"a kind of corporate action that GRODT does not know; {_SHOWS}")
    return UnsupportedAction(_symbol_of(record), on, kind, why)


def _symbol_of(record: Mapping[str, Any]) -> str:
    return next((record[field] for field in _SYMBOL_FIELDS if isinstance(record.get(field), str)), "")
