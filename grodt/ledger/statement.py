"""What a book has earned over some sessions, line by line, from its postings: the lines add up from one mark's equity to another's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, func, not_, select

from grodt.errors import ConfigError, DataError, NotFound
from grodt.ledger.entries import CURRENCY
from grodt.ledger.marks import Mark, latest_mark, marked_at
from grodt.ledger.strategies import lots_against_average
from grodt.ledger.tables_postings import entries, postings
from grodt.ledger.transaction import Read
from grodt.money import Micros

#: What moves equity, by account; a credit (below zero) is a gain.
_EARNED = ("realised", "dividend", "interest", "commission", "fee", "borrow", "correction")


@dataclass(frozen=True, slots=True)
class Earned:
    """What was earned in one symbol; "" is the book's own cash. Micros, a gain is positive.

    Attributes:
        realised: profit of what was closed, at average cost, before commission.
        dividends: past their ex date, paid or not; of a short what it owes.
        interest: of the account's cash; what it paid is below zero.
        commission, fees, borrowing: what they cost, so below zero; fees are of the account, apart from fills.
        corrections: of corrections that two people booked as such.
    """

    realised: Micros
    dividends: Micros
    interest: Micros
    commission: Micros
    fees: Micros
    borrowing: Micros
    corrections: Micros


@dataclass(frozen=True, slots=True)
class Statement:
    """What a book has earned between two marks. Micros; gains and what came in are positive.

    Attributes:
        book: whose.
        opened: session of the mark it begins with; None: it begins with nothing.
        closed: session of the mark it ends with.
        opening, closing: equity at those marks.
        deposits, withdrawals: cash that was brought in and taken out (below zero); no profit.
        earned: the lines of all symbols together.
        unrealised: change of what is held over its average cost.
        realised_fifo: as `earned.realised`, if what is closed is what was opened first.
        unrealised_fifo: as `unrealised`, likewise; realised and unrealised together are the same either way.
        symbols: the lines by symbol, ascending; those without any are absent.
    """

    book: str
    opened: date | None
    closed: date
    opening: Micros
    closing: Micros
    deposits: Micros
    withdrawals: Micros
    earned: Earned
    unrealised: Micros
    realised_fifo: Micros
    unrealised_fifo: Micros
    symbols: Mapping[str, Earned]

    @property
    def profit(self) -> Micros:
        """What equity has changed by, without deposits and withdrawals."""
        return Micros(self.closing - self.opening - self.deposits - self.withdrawals)


def statement_of(tx: Read, book: str, start: date | None, end: date | None) -> Statement:
    """What a book has earned in the sessions from one to another, both included, as far as they are marked.

    Args:
        tx: the ledger.
        book: whose.
        start: first session; None: from the book's first one on.
        end: last session; None: up to its latest mark.

    Raises:
        ConfigError: the last session comes before the first one.
        NotFound: no session of them is marked.
        DataError: the lines do not add up to the change of equity, which `grodt verify` would say too.
    """
    if start is not None and end is not None and end < start:
        raise ConfigError(f"book {book}: the last session {end} comes before the first one {start}; give them the other way round")
    closing = latest_mark(tx, book) if end is None else latest_mark(tx, book, before=date.fromordinal(end.toordinal() + 1))
    if closing is None or (start is not None and closing.session < start):
        asked = f" from {start or 'its first one'} to {end or 'the latest'}" if start or end else ""
        raise NotFound(
            f"book {book} was not valued at the close of any session{asked} yet: profit is told from close to close. "
            "Run it through a close, or ask for other sessions"
        )
    opening = None if start is None else latest_mark(tx, book, before=start)
    between = _between(tx, opening, closing)
    symbols, flows = _earned(tx, book, between), _flows(tx, book, between)
    earned = Earned(*(Micros(sum(getattr(each, name) for each in symbols.values())) for name in Earned.__slots__))
    unrealised = _above_cost(tx, book, closing) - (0 if opening is None else _above_cost(tx, book, opening))
    later = _lots(tx, closing) - (0 if opening is None else _lots(tx, opening))
    after = None if opening is None else opening.session
    found = Statement(
        book=book,
        opened=after,
        closed=closing.session,
        opening=Micros(0) if opening is None else opening.equity,
        closing=closing.equity,
        deposits=Micros(sum(max(flow, 0) for flow in flows)),
        withdrawals=Micros(sum(min(flow, 0) for flow in flows)),
        earned=earned,
        unrealised=Micros(unrealised),
        realised_fifo=Micros(earned.realised + later),
        unrealised_fifo=Micros(unrealised - later),
        symbols=symbols,
    )
    told = sum(getattr(earned, name) for name in Earned.__slots__) + unrealised
    if told != found.profit:
        raise DataError(
            f"book {book}: from {after or 'nothing'} to {closing.session} equity changed by {found.profit:,} micros without deposits, "
            f"and its postings come to {told:,}; run grodt verify --book {book}"
        )
    return found


def _known(at: datetime, mark: Mark) -> ColumnElement[bool]:
    """What a mark rests on: entries of its session and before, as far as they were booked by then."""
    return and_(entries.c.session <= mark.session, entries.c.recorded_at <= at)


def _between(tx: Read, opening: Mark | None, closing: Mark) -> ColumnElement[bool]:
    """What was booked between two marks: also a fill of an earlier session that came in late."""
    until = _known(marked_at(tx, closing), closing)
    return until if opening is None else and_(until, not_(_known(marked_at(tx, opening), opening)))


def _lots(tx: Read, mark: Mark) -> int:
    return lots_against_average(tx, mark.book, mark.session, marked_at(tx, mark))


def _earned(tx: Read, book: str, between: ColumnElement[bool]) -> dict[str, Earned]:
    query = (
        select(postings.c.symbol, postings.c.account, func.sum(postings.c.amount))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(postings.c.book == book, postings.c.account.in_(_EARNED), postings.c.asset == CURRENCY, between)
        .group_by(postings.c.symbol, postings.c.account)
        .order_by(postings.c.symbol, postings.c.account)
    )
    found: dict[str, dict[str, int]] = {}
    for symbol, account, amount in tx.connection.execute(query):
        found.setdefault(symbol, {})[account] = -int(amount)
    return {symbol: Earned(*(Micros(sums.get(account, 0)) for account in _EARNED)) for symbol, sums in found.items()}


def _flows(tx: Read, book: str, between: ColumnElement[bool]) -> list[int]:
    """Cash that each entry brought in, or took out, below zero."""
    query = (
        select(postings.c.amount)
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(postings.c.book == book, postings.c.account == "capital", between)
    )
    return [-amount for amount in tx.connection.execute(query).scalars()]


def _above_cost(tx: Read, book: str, mark: Mark) -> int:
    """Market value at a mark less the average cost of what was held."""
    query = (
        select(func.coalesce(func.sum(postings.c.amount), 0))
        .join(entries, entries.c.entry_id == postings.c.entry_id)
        .where(postings.c.book == book, postings.c.account == "cost", postings.c.asset == CURRENCY)
        .where(_known(marked_at(tx, mark), mark))
    )
    return mark.positions_value - int(tx.connection.execute(query).scalar_one())
