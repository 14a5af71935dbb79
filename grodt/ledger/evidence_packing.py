"""How evidence stands in the file: checks of one control that ended alike are one row of `evidence`, by symbol, as a JSON object.

A check says no more than its value where the row's others have the same limit, its headroom is limit less value and its reason is
empty: `"AAPL": 0.25`, with the limit in the row. Where one of a row's checks says more, all of them are `[value, limit, headroom,
reason]`. Infinities are ±9e999. So 5,000 symbols under a control are one row of some 100 kB that is written at once, where as many
rows took five times the space and the time. View `risk_checks` (revision 0013) has them as rows again.
"""

import json
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring
from math import isnan
from typing import Any

import numpy as np
import polars as pl

from grodt.errors import DataError

#: What the checks of a row have in common.
SHARED = ("control", "scope", "name", "verdict")
#: What a reader of the file gets of a check.
COLUMNS = (*SHARED, "symbol", "value", "limit", "headroom", "reason")
#: What a JSON string does not hold as it is.
_ESCAPED = r'["\\\x00-\x1f]'
_PAIRS = json.JSONDecoder(object_pairs_hook=list).decode
_LESS = (pl.col("limit") - pl.col("value")).fill_nan(None)


def prepared(checks: pl.DataFrame) -> pl.DataFrame:
    """With what `packed` needs of each: over all of them at once, which takes a fifth of the time.

    Args:
        checks: columns of `COLUMNS`; no NaN.
    """
    return checks.with_columns(
        plain=pl.col("headroom").eq_missing(_LESS) & (pl.col("reason") == ""),
        member=pl.concat_str(*_string(checks["symbol"]), pl.lit(":"), _number(checks["value"])),
    )


def packed(alike: pl.DataFrame) -> dict[str, Any]:
    """A row of `evidence` without run and attempt.

    Args:
        alike: as `prepared`, the same in all `SHARED`, no symbol twice.
    """
    limits = alike["limit"]
    plain = alike["plain"].all() and _constant(limits)
    if plain:
        members = alike["member"]
    else:
        more = (piece for name in ("limit", "headroom") for piece in (pl.lit(","), _number(alike[name])))
        whole = pl.concat_str(pl.lit("["), _number(alike["value"]), *more, pl.lit(","), *_string(alike["reason"]), pl.lit("]"))
        members = alike.select(pl.concat_str(*_string(alike["symbol"]), pl.lit(":"), whole)).to_series()
    shared = {name: alike[name][0] for name in SHARED}
    return shared | {"bound": limits[0] if plain else None, "checks": f"{{{members.str.join(',').item()}}}"}


def unpacked(rows: Iterable[Sequence[Any]], symbols: Sequence[str] | None = None) -> dict[str, list[Any]]:
    """Checks by columns of `COLUMNS`, in the order of the rows.

    Args:
        rows: of `evidence`: what they share, limit, and checks.
        symbols: of those alone.

    Raises:
        DataError: a row is not as it was written.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for *shared, bound, checks in rows:
        names, found = _parsed(shared, bound, checks, symbols)
        columns["symbol"] += names
        for name, value in zip(SHARED, shared, strict=True):
            columns[name] += [value] * len(names)
        for name, each in zip(("value", "limit", "headroom", "reason"), found, strict=True):
            columns[name] += each
    return columns


def symbols_in(checks: str) -> Iterable[str]:
    """Whose checks are in a row of `evidence`.

    Raises:
        DataError: the row is not as it was written.
    """
    try:
        found = json.loads(checks)
    except ValueError as error:
        raise DataError(f"evidence is not as it was written: {error}") from error
    if not isinstance(found, dict):
        raise DataError("evidence is not as it was written: it is no object")
    return found.keys()


def _constant(numbers: pl.Series) -> bool:
    given = numbers.to_numpy()
    return bool(np.all(np.isnan(given)) or np.all(given == given[0]))


def _number(numbers: pl.Series) -> pl.Expr:
    """As JSON, in the fewest digits that give the number again."""
    texts = pl.col(numbers.name).cast(pl.String)
    if numbers.is_infinite().any():
        texts = texts.replace({"inf": "9e999", "-inf": "-9e999"})
    return texts.fill_null("null")


def _string(texts: pl.Series) -> tuple[pl.Expr, ...]:
    """As JSON strings, in pieces."""
    if texts.str.contains(_ESCAPED).any():
        return (pl.lit(pl.Series([encode_basestring(text) for text in texts], dtype=pl.String)),)
    return pl.lit('"'), pl.col(texts.name), pl.lit('"')


def _parsed(
    shared: Sequence[Any], bound: float | None, checks: str, wanted: Sequence[str] | None
) -> tuple[list[str], tuple[list[Any], ...]]:
    """Symbols; and values, limits, headrooms and reasons."""
    try:
        if wanted is None:
            pairs: list[tuple[str, Any]] = _PAIRS(checks)
        else:
            by_symbol: dict[str, Any] = json.loads(checks)
            pairs = [(symbol, by_symbol[symbol]) for symbol in dict.fromkeys(wanted) if symbol in by_symbol]
            if by_symbol and not pairs:
                return [], ([], [], [], [])
        symbols = [symbol for symbol, _ in pairs]
        if isinstance(pairs[0][1], list):
            return symbols, tuple(map(list, zip(*(check for _, check in pairs), strict=True)))
        values = [value for _, value in pairs]
        return symbols, (values, [bound] * len(pairs), _headrooms(bound, values), [""] * len(pairs))
    except (ValueError, TypeError, IndexError) as error:
        raise DataError(f"evidence of control {shared[0]} ({' '.join(map(str, shared[1:]))}) is not as it was written: {error}") from error


def _headrooms(bound: float | None, values: Sequence[float | None]) -> list[float | None]:
    """Limit less value; None where one of them is, or where both are infinite."""
    if bound is None:
        return [None] * len(values)
    return [None if value is None or isnan(left := bound - value) else left for value in values]
