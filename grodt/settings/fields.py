"""Types of single values in the books file: read as they stand, so that no `true` becomes 1 and no text a number."""

import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidatorFunctionWrapHandler

from grodt.errors import ConfigError
from grodt.settings.cron import require_cron

#: A source, book or calendar may be named in folders, ids and Prefect tags.
NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,19}$"


def _exact(value: Any) -> Any:
    """A number's shortest decimal text as a Decimal; 1 and 1.0 are the same one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise ValueError("must be a finite number")
    return Decimal(str(value)).normalize()


def _day(value: Any) -> Any:
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError("must be a date, such as 2014-06-10")
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a date, such as 2014-06-10") from None


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Exact = Annotated[Decimal, BeforeValidator(_exact)]
Day = Annotated[date, BeforeValidator(_day)]
Cron = Annotated[str, AfterValidator(require_cron)]


def as_written(kind: type) -> Callable[[Any, ValidatorFunctionWrapHandler], Any]:
    """A wrap validator for a domain dataclass: numbers must be numbers; the bounds are its own, and their error is of this place."""
    types = get_type_hints(kind)

    def read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        for name, given in value.items() if isinstance(value, dict) else ():
            wanted = types.get(name)
            if wanted is bool and not isinstance(given, bool):
                raise ValueError(f"{name} is {given!r}; it must be true or false")
            numeric = wanted in (int, float) or (wanted in (int | None, float | None) and given is not None)
            if numeric and (isinstance(given, bool) or not isinstance(given, int | float)):
                raise ValueError(f"{name} is {given!r}; it must be a number")
        return of_this_place(lambda: handler(value))

    return read


def of_this_place[R](call: Callable[[], R]) -> R:
    """What the call returns; its `ConfigError` becomes one that pydantic reports with the place in the file.

    Raises:
        ValueError: the call raised a `ConfigError`.
    """
    try:
        return call()
    except ConfigError as error:
        raise ValueError(str(error)) from error.__cause__
