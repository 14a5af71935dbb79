"""The book of a replay: shares, cash and dividends owed, as the ledger and the broker both would have them.

Corporate actions follow the rule of `grodt.ledger.actions`, through the same functions. What positions cost decides nothing, so it is
worked out afterwards, from what was kept of each event (`grodt.replay.costs`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from grodt.bars.corporate_actions import SAME_DAYS, ActionKind, CorporateAction, by_ex_date, carried, entitlement, may_be_same, split
from grodt.errors import DataError
from grodt.ledger.entries import has_fraction, is_paid_at_once
from grodt.money import Micros
from grodt.replay.history import IntArray
from grodt.risk.exact import values
from grodt.signals.panel import FloatArray

#: Floats are exact integers up to here.
_EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class Applied:
    """A corporate action on a holding.

    Attributes:
        row: of the session.
        action: with labels for symbols.
        column: of its symbol.
        quantity: shares before it.
        price: last close before it in micros, for a fraction of a split.
    """

    row: int
    action: CorporateAction
    column: int
    quantity: int
    price: Micros


@dataclass(frozen=True, slots=True)
class Owed:
    """A dividend that is past its ex date and not yet paid; micros, negative when short."""

    pay_date: date
    amount: int


@dataclass(slots=True, eq=False)
class Account:
    """Shares by column, and money in micros.

    Attributes:
        position: (N,) int64.
        cash: micros.
        owed: dividends not yet paid.
        applied: what corporate actions have done so far.
        moved: actions that were held back, as the ledger does: one of the same terms was applied under another ex date.
    """

    position: IntArray
    cash: int
    owed: list[Owed] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    moved: list[CorporateAction] = field(default_factory=list)
    _of_column: dict[tuple[int, ActionKind], list[Applied]] = field(default_factory=dict, init=False)

    @property
    def receivable(self) -> int:
        """Dividends owed, micros."""
        return sum(each.amount for each in self.owed)

    def act(self, row: int, actions: Sequence[CorporateAction], columns: Mapping[str, int], price: IntArray) -> Sequence[CorporateAction]:
        """Apply the corporate actions of a session, before its fills; returns those that were held back, see `moved`.

        Args:
            row: of the session.
            actions: of the session, their symbols being labels.
            columns: column of each label.
            price: last close before the session, micros, (N,).

        Raises:
            DataError: a split leaves a fraction of a share and no close before it is known.
        """
        known = len(self.moved)
        for of_date in by_ex_date(actions):
            before = {label: int(self.position[columns[label]]) for kind in of_date.values() for label in kind if label in columns}
            for kind in ("dividend", "split", "delisting"):
                for label, action in of_date[kind].items():
                    if label in columns and self._is_moved(action, columns[label]):
                        self.moved.append(action)
                    elif before.get(label):
                        self._apply(row, action, columns[label], before[label], Micros(int(price[columns[label]])))
            self._rename(row, of_date["symbol_change"].values(), columns)
            price = _after_splits(price, of_date["split"], columns, self.moved[known:])
        return self.moved[known:]

    def pay(self, session: date) -> None:
        """Turn dividends whose pay date has come into cash."""
        if any(each.pay_date <= session for each in self.owed):
            self.cash += sum(each.amount for each in self.owed if each.pay_date <= session)
            self.owed = [each for each in self.owed if each.pay_date > session]

    def fill(self, columns: IntArray, quantity: IntArray, price: IntArray, commission: IntArray) -> tuple[int, int, int]:
        """Book fills; returns what was bought, what was sold and the commission, micros.

        Args:
            columns: (n,), each once.
            quantity: signed shares.
            price, commission: micros.
        """
        self.position[columns] += quantity
        size = values(quantity, price)
        everything, bought, fees = int(size.sum()), int(size[quantity > 0].sum()), int(commission.sum())
        self.cash -= 2 * bought - everything + fees
        return bought, everything - bought, fees

    def value(self, price: IntArray) -> tuple[int, int]:
        """At those prices in micros: Σ shares · price and Σ abs(shares · price)."""
        worth: FloatArray = np.multiply(self.position, price, dtype=np.float64)
        if np.abs(worth).sum() < _EXACT:  # so is every sum of them
            return int(worth.sum()), int(np.abs(worth).sum())
        size = values(self.position, price)
        gross, short = int(size.sum()), self.position < 0
        return gross - 2 * int(size[short].sum()), gross

    def _is_moved(self, action: CorporateAction, column: int) -> bool:
        """Whether one of the same terms was applied under another ex date near it; the rule of `grodt.ledger.moved_actions`."""
        for each in reversed(self._of_column.get((column, action.kind), ())):
            other = each.action
            if (action.ex_date - other.ex_date).days > SAME_DAYS:
                return False
            if may_be_same(action, other.ex_date, None if is_paid_at_once(other) else other.pay_date):
                if action.kind == "split" and (other.ratio_new, other.ratio_old) == (action.ratio_new, action.ratio_old):
                    return True
                if action.kind == "dividend" and entitlement(each.quantity, other) == entitlement(each.quantity, action) != 0:
                    return True
        return False

    def _apply(self, row: int, action: CorporateAction, column: int, entitled: int, price: Micros) -> None:
        now = int(self.position[column])
        self.applied.append(Applied(row, action, column, now, price))
        if action.kind in ("split", "dividend"):
            self._of_column.setdefault((column, action.kind), []).append(self.applied[-1])
        if action.kind == "dividend":
            amount = int(entitlement(entitled, action))
            if is_paid_at_once(action):
                self.cash += amount
            elif amount and action.pay_date is not None:
                self.owed.append(Owed(action.pay_date, amount))
        elif action.kind == "split":
            if price < 1 and has_fraction(now, action):
                raise DataError(
                    f"{action.symbol} {action.ex_date}: the {action.ratio_new}:{action.ratio_old} split leaves a fraction of a share and "
                    "no close before it is known to pay it at; ingest the bars before it, then replay again"
                )
            outcome = split(now, action, price)
            self.position[column] = outcome.quantity
            self.cash += outcome.cash_in_lieu
        else:
            self.cash += entitlement(entitled, action)
            self.position[column] = 0

    def _rename(self, row: int, changes: Iterable[CorporateAction], columns: Mapping[str, int]) -> None:
        """Shares go to the column that stands for the new symbol, all changes at once. A change within a column is none."""
        moving = [change for change in changes if change.symbol in columns]
        left = {change.symbol: int(self.position[columns[change.symbol]]) for change in moving}
        for change in moving:
            self.position[columns[change.symbol]] -= left[change.symbol]
        for change in moving:
            if left[change.symbol]:
                self.applied.append(Applied(row, change, columns[change.symbol], left[change.symbol], Micros(0)))
                self.position[columns[change.new_symbol]] += left[change.symbol]


def _after_splits(
    price: IntArray, splits: Mapping[str, CorporateAction], columns: Mapping[str, int], moved: Sequence[CorporateAction]
) -> IntArray:
    """Last closes after the splits of one ex date, which a later one of the same session pays its fractions at."""
    own = {columns[label]: action for label, action in splits.items() if label in columns and action not in moved}
    if own:
        price = price.copy()
        for column, action in own.items():
            price[column] = carried(Micros(int(price[column])), [action])
    return price
