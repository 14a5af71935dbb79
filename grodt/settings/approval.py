"""Who lets a book's baskets go out, as the books file says it."""

from typing import Any, Self

from pydantic import Field, model_validator

from grodt.money import micros
from grodt.orders.approval import ApprovalRule
from grodt.settings.fields import Exact, Whole, of_this_place
from grodt.settings.section import Section

#: What `approval` may say in a word, and how many people that is.
_WORDS_OF_APPROVAL = {"automatic": 0, "one": 1, "two": 2}


class ApprovalConfig(Section):
    """Who lets a basket go out: `automatic`, `one` or `two` people, or `{above: USD, people: 1 or 2}`, below which it is automatic."""

    people: Whole = Field(ge=0, le=2)
    above: Exact | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, given: Any) -> Any:
        if isinstance(given, ApprovalConfig):
            return given
        if isinstance(given, str) and given in _WORDS_OF_APPROVAL:
            return {"people": _WORDS_OF_APPROVAL[given]}
        if not isinstance(given, dict):
            raise ValueError("write automatic, one, two, or {above: 100000, people: 1}")
        if given.get("above") is None or given.get("people") not in (1, 2):
            raise ValueError("write {above: 100000, people: 1}: the value of a basket in USD, and 1 or 2 people")
        return given

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if self.above is not None and self.above <= 0:
            raise ValueError("above must be more than 0; write one or two where every basket needs people")
        of_this_place(self.rule)
        return self

    def rule(self) -> ApprovalRule:
        """The same for the domain.

        Raises:
            ValueError: the value has more than six decimals.
        """
        return ApprovalRule(self.people, None if self.above is None else micros(self.above))
