"""What people change and ask for at the desk, in the name of who is logged in, by the rules of the command line.

What gives a book no more room holds at once; more room, a correction and an override wait for a second person.
"""

from datetime import UTC, datetime
from decimal import Decimal

from grodt.desk.callers import Caller, acting
from grodt.desk.parts import Parts
from grodt.errors import ConfigError
from grodt.execution.pricing import require_priced
from grodt.ledger.breaks import OpenBreak, assign_break, find_break, require_open, resolve_break
from grodt.ledger.cash_entries import CashKind
from grodt.ledger.corrections import propose_correction
from grodt.ledger.limits import Changed, change_limits, differences, limits_in_force
from grodt.ledger.order_ends import ask_to_end, require_endable
from grodt.ledger.overrides import ask_override, require_liftable
from grodt.ledger.requests import Request, require_reason
from grodt.ledger.unit import Write
from grodt.money import Micros, micros
from grodt.risk.limit_values import EVERY_GROUP, Key, read_value, values_of
from grodt.risk.limits import Limits
from grodt.settings.naming import require_traded
from grodt.telemetry.logs import get_logger

_log = get_logger("grodt.desk")


def change_limit(desk: Parts, caller: Caller, book: str, key: Key, text: str | None, reason: str) -> Changed:
    """Set a limit, or take away that of a symbol or group.

    Args:
        desk, caller: who, and where.
        book: whose.
        key: which limit.
        text: its new value as a person writes it; None: it is taken away.
        reason: why.

    Raises:
        ConfigError: as `grodt limits set` and `unset`; or a group has no limit of its own yet, which the command line alone may give one.
        Forbidden, TokenRefused: the caller may not.
    """
    value = None if text is None else read_value(key, text)
    key.require_fitting()
    config = desk.books().book(book)
    with acting(desk, caller, "trader") as tx:
        if value is not None and key.symbol:
            require_traded(tx, config, key.symbol)
        if value is not None and key.group:
            _require_group(tx, book, config.limits, key)
        made = change_limits(tx, book, config.limits, [(key, value)], by=caller.name, reason=reason, now=desk.now())
    _tell(caller, book, made, reason)
    return made


def adopt_limits(desk: Parts, caller: Caller, book: str, reason: str) -> Changed:
    """Make the limits those of the books file; nothing is made where they are.

    Raises:
        ConfigError: the reason is empty.
        Forbidden, TokenRefused: the caller may not.
    """
    file = desk.books().book(book).limits
    with acting(desk, caller, "trader") as tx:
        require_reason(reason)
        found = [(each.key, each.file) for each in differences(file, limits_in_force(tx, book, file).limits)]
        if not found:
            return Changed((), None)
        made = change_limits(tx, book, file, found, by=caller.name, reason=reason, now=desk.now())
    _tell(caller, book, made, reason)
    return made


def assign(desk: Parts, caller: Caller, break_id: int, person: str) -> OpenBreak:
    """Give an open break to a person.

    Raises:
        ConfigError: there is no such open break, or the name is none of a person.
        Forbidden, TokenRefused: the caller may not.
    """
    with acting(desk, caller, "trader") as tx:
        found = assign_break(tx, break_id, person, author=caller.name, now=desk.now())
    _log.info("break assigned", by=caller.name, break_id=break_id, book=found.book, owner=found.owner)
    return found


def resolve(desk: Parts, caller: Caller, break_id: int, reason: str) -> OpenBreak:
    """Close a break whose cause is mended. It changes no position.

    Raises:
        ConfigError: there is no such open break, or the reason is empty.
        Forbidden, TokenRefused: the caller may not.
    """
    with acting(desk, caller, "trader") as tx:
        resolve_break(tx, break_id, require_reason(reason), caller.name, desk.now())
        found = find_break(tx, break_id)
    _log.warning("break resolved", by=caller.name, break_id=break_id, book=found.book, reason=reason)
    return found


def correct(desk: Parts, caller: Caller, break_id: int, price: Decimal | None, booked_as: CashKind, reason: str) -> Request:
    """Ask for the entry that brings our side to the broker's, or for the end of an order that the broker, asked once more, has no more.

    Another person's approval books it and resolves the break.

    Args:
        desk, caller: who, and where.
        break_id: of the break.
        price: USD that a share was paid with; None: no cash moves.
        booked_as: what the cash was, of a break of cash.
        reason: why.

    Raises:
        BrokerUnavailable: the broker was asked for an order, and did not answer.
        ConfigError: as `grodt breaks correct`.
        Forbidden, TokenRefused: the caller may not.
    """
    try:
        paid = None if price is None else micros(price)
    except ValueError as error:
        raise ConfigError(f"price: {error}") from None
    with acting(desk, caller, "trader") as tx:
        found = require_open(tx, break_id)
        ends = found.difference.kind == "order" and paid is None and booked_as == "correction"
        if ends:
            require_endable(tx, break_id)
            require_reason(reason)
    if ends:
        desk.gone(found.book, break_id)  # asks the broker, and nobody waits for the ledger meanwhile
    with acting(desk, caller, "trader") as tx:
        if ends:
            asked = ask_to_end(tx, break_id, by=caller.name, reason=reason, now=desk.now())
        else:
            asked = _entry_asked(tx, desk, caller, break_id, paid, booked_as, reason)
    _log.warning("correction asked", by=caller.name, break_id=break_id, book=asked.book, request=asked.short, reason=reason)
    return asked


def lift(
    desk: Parts,
    caller: Caller,
    book: str,
    control: int,
    *,
    symbol: str,
    cycles: int | None,
    until: datetime | None,
    reason: str,
) -> Request:
    """Ask for a control to be lifted for a while; it lifts nothing until another person agrees.

    Args:
        desk, caller: who, and where.
        book: whose.
        control: its number.
        symbol: for this one alone; "": for all.
        cycles, until: its term, one of them; `until` has a time zone.
        reason: why.

    Raises:
        ConfigError: as `grodt override`.
        Forbidden, TokenRefused: the caller may not.
    """
    config = desk.books().book(book)
    require_liftable(control, symbol)
    with acting(desk, caller, "trader") as tx:
        if symbol:
            require_traded(tx, config, symbol)
        asked = ask_override(
            tx,
            book=book,
            control=control,
            symbol=symbol,
            cycles=cycles,
            until=None if until is None else until.astimezone(UTC),
            by=caller.name,
            reason=reason,
            now=desk.now(),
        )
    _log.warning("override asked", by=caller.name, book=book, control=control, symbol=symbol, request=asked.short, reason=reason)
    return asked


def _entry_asked(tx: Write, desk: Parts, caller: Caller, break_id: int, paid: Micros | None, booked_as: CashKind, reason: str) -> Request:
    found = require_open(tx, break_id)
    book = desk.books().book(found.book)
    require_priced(tx, found, desk.lake, book.source, book.exchange)
    following = book.exchange.next
    return propose_correction(tx, break_id, paid, booked_as=booked_as, following=following, by=caller.name, reason=reason, now=desk.now())


def _require_group(tx: Write, book: str, file: Limits, key: Key) -> None:
    """Refuse a group that has no limit of its own: which groups a book has, its source knows, and that is not asked here."""
    if key.group != EVERY_GROUP and key not in values_of(limits_in_force(tx, book, file).limits):
        raise ConfigError(
            f"group {key.group!r} of book {book} has no limit of its own yet: `grodt limits set {key.name} VALUE --group '{key.group}'` "
            "on the command line looks whether there is such a group, and gives it one"
        )


def _tell(caller: Caller, book: str, made: Changed, reason: str) -> None:
    asked = made.request.short if made.request is not None else ""
    _log.warning("limits changed", by=caller.name, book=book, made=[str(each) for each in made.made], request=asked, reason=reason)
