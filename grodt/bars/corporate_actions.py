"""Corporate actions, and what they do to a holding. Integer arithmetic, used by the ledger's and the paper broker's books alike."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Literal

from grodt.errors import DataError
from grodt.money import Micros, divide_half_even, round_to_cent

ActionKind = Literal["split", "dividend", "delisting", "symbol_change"]
_NO_CASH = Micros(0)
_LARGEST = 2**63 - 1
#: Calendar days between two ex dates that may be one action's, its date corrected: no company splits twice by one ratio within a month.
SAME_DAYS = 30
#: Those of dividends that do not say the same pay date. Who pays every week has ex dates 7 days apart, and 5 or 6 about a holiday.
SAME_DIVIDEND_DAYS = 4


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """One action.

    Attributes:
        symbol: ticker, the one that is valid before the ex date.
        ex_date: first session that trades without the right. Applied before that session's open.
        kind: split, dividend, delisting or change of symbol.
        pay_date: when a dividend's cash is paid; None: on the ex date.
        ratio_new, ratio_old: split: `ratio_new` shares after for `ratio_old` before; 0 otherwise.
        cash_per_share: dividend, or final value of a delisting, per share held before the ex date, in micros; 0 otherwise.
        new_symbol: change of symbol: the ticker from the ex date on; "" otherwise.
    """

    symbol: str
    ex_date: date
    kind: ActionKind
    pay_date: date | None = None
    ratio_new: int = 0
    ratio_old: int = 0
    cash_per_share: Micros = _NO_CASH
    new_symbol: str = ""

    def __post_init__(self) -> None:
        if self.kind == "split" and (self.ratio_new < 1 or self.ratio_old < 1):
            raise ValueError(f"{self.symbol} {self.ex_date}: split ratio {self.ratio_new}:{self.ratio_old} is not positive")
        if self.kind == "dividend" and self.cash_per_share <= 0:
            raise ValueError(f"{self.symbol} {self.ex_date}: dividend of {self.cash_per_share} micros is not positive")
        if self.kind == "delisting" and self.cash_per_share < 0:
            raise ValueError(f"{self.symbol} {self.ex_date}: final value of {self.cash_per_share} micros is below zero")
        if (self.kind == "symbol_change") != bool(self.new_symbol) or self.new_symbol == self.symbol:
            raise ValueError(
                f"{self.symbol} {self.ex_date}: a {self.kind} to symbol {self.new_symbol!r}; only a change names one, another one"
            )


def may_be_same(action: CorporateAction, ex_date: date, pay_date: date | None) -> bool:
    """Whether a split or dividend is near enough to one of the same terms, under another ex date, to be that one with its date corrected.

    Args:
        action: the one.
        ex_date: of the other.
        pay_date: of the other, where it is a dividend that is paid after its ex date.
    """
    if action.kind not in ("split", "dividend"):
        return False
    is_far = action.kind == "dividend" and (pay_date is None or pay_date != action.pay_date)
    return 0 < abs((action.ex_date - ex_date).days) <= (SAME_DIVIDEND_DAYS if is_far else SAME_DAYS)


def is_same_but_date(one: CorporateAction, other: CorporateAction) -> bool:
    """Whether two splits or dividends of a symbol are of the same terms, their ex dates being two, but so near that they may be one's."""
    if (one.symbol, one.kind) != (other.symbol, other.kind) or not may_be_same(other, one.ex_date, one.pay_date):
        return False
    return (one.ratio_new, one.ratio_old, one.cash_per_share) == (other.ratio_new, other.ratio_old, other.cash_per_share)


def by_ex_date(actions: Iterable[CorporateAction]) -> Iterator[dict[ActionKind, dict[str, CorporateAction]]]:
    """The actions of one ex date after the other, by kind and then by symbol, both ascending.

    One session may have several ex dates, where those before it are no sessions. On each date, in this order: dividends, splits,
    delistings, changes of symbol. What a dividend or a delisting pays is per share held before the date. All changes of symbol
    happen at once, so two companies may exchange theirs; what is delisted on the date has nothing left to change.

    Raises:
        DataError: two actions of one kind, symbol and date.
    """
    for ex_date, group in groupby(sorted(actions, key=lambda action: (action.ex_date, action.symbol)), key=lambda action: action.ex_date):
        found: dict[ActionKind, dict[str, CorporateAction]] = {"dividend": {}, "split": {}, "delisting": {}, "symbol_change": {}}
        for action in group:
            if action.symbol in found[action.kind]:
                raise DataError(f"{action.symbol} {ex_date}: two corporate actions of one kind, {action.kind}; check corporate_actions")
            found[action.kind][action.symbol] = action
        yield found


def renamed[T](by_symbol: Mapping[str, T], actions: Iterable[CorporateAction]) -> dict[str, T]:
    """A mapping by symbol after the changes of symbol among the actions, all at once; where a new symbol was there, it is replaced."""
    new = {action.symbol: action.new_symbol for action in actions if action.kind == "symbol_change" and action.symbol in by_symbol}
    return {symbol: value for symbol, value in by_symbol.items() if symbol not in new} | {new[s]: by_symbol[s] for s in sorted(new)}


def carried(close: Micros, splits: Iterable[CorporateAction], session: date = date.min) -> Micros:
    """The close of a bar after the splits that have taken effect since: a price in shares of now, as what is held is counted in.

    Each split multiplies it by ratio_old / ratio_new, rounded half-even to a micro before the next one. Of two of the same terms near each
    other the later one is the other with its date corrected, and does not count, as in the books: see `may_be_same`.

    Args:
        close: micros.
        splits: of the instrument, ascending. Those up to the bar's session are in the close; of what came after it they tell which
            is one of them once more.
        session: of the bar.

    Raises:
        DataError: it no longer fits 64 bits of micros.
    """
    price: int = close
    for action in counted(split for split in splits if (session - split.ex_date).days <= SAME_DAYS):
        if action.ex_date <= session:
            continue
        price = divide_half_even(price * action.ratio_old, action.ratio_new)
        if price > _LARGEST:
            raise DataError(
                f"{action.symbol} {action.ex_date}: a close of {close / 1e6:,.6g} before the {action.ratio_new}:{action.ratio_old} split "
                "is beyond 64 bits of micros after it; correct the bar or the split, then run again"
            )
    return Micros(price)


def counted(splits: Iterable[CorporateAction]) -> tuple[CorporateAction, ...]:
    """Splits of an instrument, by ex date, without those that are an earlier one with its date corrected."""
    kept: list[CorporateAction] = []
    for action in splits:
        ratio = action.ratio_new, action.ratio_old
        if not any((each.ratio_new, each.ratio_old) == ratio and may_be_same(action, each.ex_date, None) for each in kept):
            kept.append(action)
    return tuple(kept)


def closes_after(closes: Mapping[str, Micros], of_date: Mapping[ActionKind, Mapping[str, CorporateAction]]) -> dict[str, Micros]:
    """Last closes after the actions of one ex date: in shares of after its splits, under the symbols of after its changes.

    Args:
        closes: by symbol, before them.
        of_date: from `by_ex_date`.
    """
    new = {symbol: carried(closes[symbol], [action]) for symbol, action in of_date["split"].items() if symbol in closes}
    return renamed({**closes, **new}, of_date["symbol_change"].values())


@dataclass(frozen=True, slots=True)
class SplitOutcome:
    """Whole shares after a split, and cash for the fraction (micros, rounded to the cent; negative for a short)."""

    quantity: int
    cash_in_lieu: Micros


def split(quantity: int, action: CorporateAction, price_before: Micros) -> SplitOutcome:
    """A holding after a split. Whole shares are kept (towards zero); the fraction is paid at the last close before the split.

    Args:
        quantity: shares before, negative when short.
        action: the split.
        price_before: last close before the ex date, in micros of one old share.

    Raises:
        ValueError: the action is no split, or the price is below zero.
    """
    if action.kind != "split":
        raise ValueError(f"{action.symbol} {action.ex_date}: a {action.kind} is not a split")
    if price_before < 0:
        raise ValueError(f"{action.symbol} {action.ex_date}: last close of {price_before} micros is below zero")
    sign = -1 if quantity < 0 else 1
    whole, remainder = divmod(abs(quantity) * action.ratio_new, action.ratio_old)
    # remainder / ratio_old of a new share; one new share is worth price_before · ratio_old / ratio_new
    lieu = divide_half_even(remainder * price_before, action.ratio_new)
    return SplitOutcome(sign * whole, Micros(sign * round_to_cent(lieu)))


def entitlement(quantity: int, action: CorporateAction) -> Micros:
    """Cash of a dividend or delisting for a holding before the ex date, rounded to the cent; negative for a short."""
    return round_to_cent(quantity * action.cash_per_share)
