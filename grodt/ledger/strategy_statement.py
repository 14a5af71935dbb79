"""What each strategy of a book has earned between two marks: the lines of its statement, which add up to the book's to the micro."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from grodt.errors import DataError
from grodt.ledger.capital_shares import shares_in_time
from grodt.ledger.marks import Mark, latest_mark, marked_at
from grodt.ledger.statement import Statement
from grodt.ledger.strategies import strategies_at
from grodt.ledger.strategy_charges import StrategyCharges
from grodt.ledger.transaction import Read
from grodt.money import Micros

#: What is left of a line when all strategies have theirs: one realised what another one bought, and a loss by a correction of shares
#: counts as realised. It earns nothing.
BETWEEN = "between strategies"


@dataclass(frozen=True, slots=True)
class StrategyEarned:
    """What one strategy has earned. Micros; gains and what came in are positive. The lines are those of `Statement`."""

    deposits: int = 0
    withdrawals: int = 0
    realised: int = 0
    unrealised: int = 0
    dividends: int = 0
    interest: int = 0
    commission: int = 0
    fees: int = 0
    borrowing: int = 0
    corrections: int = 0

    @property
    def profit(self) -> Micros:
        """All lines but deposits and withdrawals."""
        return Micros(sum(getattr(self, each.name) for each in fields(self)) - self.deposits - self.withdrawals)

    def less(self, other: "StrategyEarned") -> "StrategyEarned":
        """Line by line."""
        return StrategyEarned(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(self)))


def statements_of_strategies(
    tx: Read, found: Statement, opening: Mapping[str, Micros], closing: Mapping[str, Micros]
) -> dict[str, StrategyEarned]:
    """The statement of each strategy, ascending; that of the book's name is of what is no strategy's, and `BETWEEN` comes last.

    Args:
        tx: the ledger, as it was when the book's statement was made.
        found: the book's statement.
        opening, closing: prices by symbol that its marks were made with.

    Raises:
        DataError: a price is missing, or the strategies do not add up to the book.
    """
    before = {} if found.opened is None else _until(tx, _mark(tx, found, closing=False), opening)
    after = _until(tx, _mark(tx, found, closing=True), closing)
    each = {
        name: after.get(name, StrategyEarned()).less(before.get(name, StrategyEarned())) for name in sorted(after.keys() | before.keys())
    }
    earned = found.earned
    whole = StrategyEarned(
        found.deposits,
        found.withdrawals,
        earned.realised,
        found.unrealised,
        earned.dividends,
        earned.interest,
        earned.commission,
        earned.fees,
        earned.borrowing,
        earned.corrections,
    )
    rest = whole
    for own in each.values():
        rest = rest.less(own)
    apart = StrategyEarned(realised=rest.realised, unrealised=rest.unrealised, corrections=rest.corrections)
    if rest != apart or rest.profit:
        raise DataError(
            f"book {found.book}: what its strategies earned to {found.closed} is {found.profit - rest.profit:,} micros, and the book "
            f"{found.profit:,}; run grodt verify --book {found.book}"
        )
    return each | ({BETWEEN: rest} if rest != StrategyEarned() else {})


def _mark(tx: Read, found: Statement, *, closing: bool) -> Mark:
    session = found.closed if closing else found.opened
    mark = None if session is None else latest_mark(tx, found.book, before=session.fromordinal(session.toordinal() + 1))
    if mark is None or mark.session != session:
        raise ValueError(f"book {found.book} has no mark of {session}")
    return mark


def _until(tx: Read, mark: Mark, prices: Mapping[str, Micros]) -> dict[str, StrategyEarned]:
    """Since the book's beginning, of all that a mark knows."""
    charges = StrategyCharges(mark.book, shares_in_time(tx, mark.book))
    held = strategies_at(tx, mark.book, (mark.session, marked_at(tx, mark)), charges)
    traded: dict[str, dict[str, int]] = {}
    missing = set()
    for strategy, symbol, position in held:
        own = traded.setdefault(strategy, {"realised": 0, "commission": 0, "unrealised": 0})
        if position.quantity and symbol not in prices:
            missing.add(symbol)
            continue
        value = position.quantity * prices[symbol] if position.quantity else 0
        own["realised"] += position.realised
        own["commission"] -= position.commission
        own["unrealised"] += value - position.cost
    if missing:
        raise DataError(
            f"book {mark.book} session {mark.session}: the lake has no price of {', '.join(sorted(missing))} that it was marked with; ask "
            "for sessions whose cycle ran in their own evening"
        )
    return {name: _earned(traded.get(name, {}), charges.sums.get(name, {})) for name in {*traded, *charges.sums}}


def _earned(traded: Mapping[str, int], charged: Mapping[str, int]) -> StrategyEarned:
    return StrategyEarned(
        deposits=charged.get("deposit", 0),
        withdrawals=charged.get("withdrawal", 0),
        realised=traded.get("realised", 0),
        unrealised=traded.get("unrealised", 0),
        dividends=charged.get("dividend", 0),
        interest=charged.get("interest", 0),
        commission=traded.get("commission", 0),
        fees=charged.get("fee", 0),
        borrowing=charged.get("borrow", 0),
        corrections=charged.get("correction", 0),
    )
