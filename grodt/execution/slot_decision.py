"""What a slot decides: the book at the last prices of its session, by weights or by the distance of a stop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from grodt.execution.decision import BookState, Closes, decide_targets, let_come
from grodt.execution.slot_market import LastPrices
from grodt.ledger.orders import LedgerOrder, orders_decided
from grodt.ledger.postings import holdings
from grodt.ledger.runs import find_run
from grodt.ledger.transaction import Read
from grodt.money import MICROS_PER_UNIT
from grodt.orders.order import Side
from grodt.signals.forecasts import Forecasts
from grodt.signals.indicators import atr as average_true_range
from grodt.signals.panel import BoolArray, FloatArray, Panel
from grodt.slots import Slot
from grodt.targets.caps import IntArray
from grodt.targets.construction import Construction
from grodt.targets.quantities import Targets
from grodt.targets.stops import StopRule, stop_prices, stop_sizes, top_ups

#: Bars of the average true range (Wilder's 14).
ATR_BARS = 14
#: What a panel must have for stops.
STOP_FIELDS = ("high", "low")
_SESSIONS_PER_YEAR = 252.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A trade of this session: the order that opened the position.

    Attributes:
        at: instant of the slot that decided it.
        quantity: signed shares that it was to come to.
        reference_price: that its stop is measured from, micros.
        filled: shares of its side that were filled, later slots included.
        paid: what they were bought (sold) for, before commissions, micros; > 0.
        given_up: whether an order of a later slot was for the other side.
    """

    at: datetime
    quantity: int
    reference_price: int
    filled: int
    paid: int
    given_up: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SlotBasis:
    """What a slot's targets rest on beside forecasts, state and closes.

    Attributes:
        slot: decided at.
        panel: bars that had ended by then.
        entries: trades that are on, by symbol; read where there are stops.
        stops: how trades are sized and given up; None: by the construction alone.
    """

    slot: Slot
    panel: Panel
    entries: Mapping[str, Entry]
    stops: StopRule | None


@dataclass(frozen=True, slots=True, eq=False)
class SlotTargets:
    """Targets, and the symbols that were given up because their stop was touched."""

    targets: Targets
    stopped: tuple[str, ...] = ()


def slot_closes(prices: LastPrices, panel: Panel) -> Closes:
    """What a decision reads of the market at a slot. Ages are in slots, returns are those of bars."""
    return Closes(prices.price, prices.micros, prices.age, panel.log_return)


def decide_slot(closes: Closes, forecasts: Forecasts, state: BookState, construction: Construction, basis: SlotBasis) -> SlotTargets:
    """Targets of a slot.

    - By which the book is to be flat: nothing of anything.
    - With stops: see `_by_stops`.
    - Else as at the end of a day, over returns of bars: they are scaled by the root of bars a year over sessions a year, so that a
      volatility target is one per year all the same.

    Args:
        closes: from `slot_closes`.
        forecasts: at the slot.
        state: what is held.
        construction: the parameters; with stops, only `long_only` is read.
        basis: of the slot.
    """
    if basis.slot.role == "flat":
        nothing = np.zeros(len(state.symbols), dtype=np.int64)
        return SlotTargets(Targets(state.symbols, np.zeros(len(nothing)), nothing, state.position.copy(), closes.price))
    if basis.stops is not None:
        return _by_stops(closes, forecasts, state, construction, basis, basis.stops)
    annual = replace(closes, returns=closes.returns * np.sqrt(basis.panel.rows_per_year / _SESSIONS_PER_YEAR))
    return SlotTargets(decide_targets(annual, forecasts, state, construction))


def _by_stops(
    closes: Closes, forecasts: Forecasts, state: BookState, construction: Construction, basis: SlotBasis, rule: StopRule
) -> SlotTargets:
    """Trades of a slot, each with the risk that the rule allows.

    A position is given up where a bar since its entry has touched its stop, where the forecast is no longer on its side, and where the book
    may not hold the symbol; the other side is entered in a later slot. Else it is held, whatever price and equity have become, and what it
    lacks of the quantity that it was entered for is bought on as far as its risk allows at the price of now (`top_ups`); nothing of it
    once it was given up, be it that some of it could not be sold. A symbol that nothing is held in is entered in the direction of its
    forecast; see `stop_sizes` in `grodt.targets.stops`. What has not traded within the slot is kept as it is, and its open orders are let
    come. The stop is that of the entry: from the price and the average true range of then.
    """
    symbols, held = state.symbols, state.position
    tradable, eligible = closes.age == 0, state.in_universe
    side = np.nan_to_num(np.sign(forecasts.combined), nan=0.0)
    ranges = _ranges(basis.panel)
    stops = _stops(state, basis, rule, ranges)
    touched = _touched(state, basis.panel, stops)
    keeps = (held != 0) & ~touched & (np.sign(held) == side) & eligible
    kept = np.where(keeps, held + np.sign(held) * _grown(closes, state, basis, rule, stops), 0)
    kept = np.where(tradable, kept, held)
    value = float(np.abs(kept * np.nan_to_num(closes.price, nan=0.0)).sum())
    new = stop_sizes(
        symbols,
        side=np.where(held == 0, side, 0.0),
        price=closes.price,
        atr=_last_known(ranges),
        lot=state.lot,
        tick=state.tick,
        equity=state.equity / MICROS_PER_UNIT,
        tradable=tradable & eligible & (held == 0),
        shortable=np.zeros(len(symbols), dtype=np.bool_) if construction.long_only else state.shortable,
        rule=rule,
        held_value=value,
    )
    quantity = np.where(held == 0, new.quantity, kept)
    weight = np.nan_to_num(quantity * closes.price / (state.equity / MICROS_PER_UNIT), nan=0.0)
    stopped = tuple(symbol for symbol, hit in zip(symbols, touched & tradable, strict=True) if hit)
    targets = Targets(symbols, weight, quantity, held.copy(), closes.price)
    return SlotTargets(let_come(targets, state, ~tradable), stopped)


def _is_of(entry: Entry, held: int) -> bool:
    """Whether what is held is that trade's: on the same side."""
    return held * entry.quantity > 0


@dataclass(frozen=True, slots=True)
class _Stop:
    """Of a trade that is on: its price in micros, and the first row of the panel after the entry."""

    price: int
    since: int


def _stops(state: BookState, basis: SlotBasis, rule: StopRule, ranges: FloatArray) -> dict[int, _Stop]:
    """The stops of what is held, by its place among the symbols. No bar is running at a slot, so each is of before or after an entry."""
    panel, found = basis.panel, dict[int, _Stop]()
    assert panel.ends is not None
    for place, symbol in enumerate(state.symbols):
        entry = basis.entries.get(symbol)
        if entry is None or not _is_of(entry, int(state.position[place])):
            continue
        since = int(np.searchsorted(panel.ends, np.datetime64(entry.at.replace(tzinfo=None), "us"), side="right"))
        one = slice(place, place + 1)
        known = _last_known(ranges[:since, one])
        if np.isnan(known).any():
            continue
        price = stop_prices(
            state.symbols[one],
            long=state.position[one] > 0,
            entry=np.array([entry.reference_price], dtype=np.int64),
            atr=known,
            tick=state.tick[one],
            rule=rule,
        )[0]
        found[place] = _Stop(int(price), since)
    return found


def _touched(state: BookState, panel: Panel, stops: Mapping[int, _Stop]) -> BoolArray:
    """Whether a bar after the entry has touched the position's stop, (N,)."""
    found, high, low = np.zeros(len(state.symbols), dtype=np.bool_), panel.raw("high"), panel.raw("low")
    for place, stop in stops.items():
        long = state.position[place] > 0
        since = (low if long else high)[stop.since :, place] * MICROS_PER_UNIT
        found[place] = bool((since <= stop.price).any() if long else (since >= stop.price).any())  # NaN is neither
    return found


def _grown(closes: Closes, state: BookState, basis: SlotBasis, rule: StopRule, stops: Mapping[int, _Stop]) -> IntArray:
    """Shares by which each position may still grow to what its trade was entered for, (N,)."""
    held = np.abs(state.position)
    wanted, price, stake = held.copy(), np.zeros_like(held), np.zeros_like(held)
    for place, stop in stops.items():
        entry = basis.entries[state.symbols[place]]
        if not entry.given_up:
            wanted[place], price[place], stake[place] = abs(entry.quantity), stop.price, abs(entry.paid - entry.filled * stop.price)
    return top_ups(
        state.symbols,
        held=held,
        wanted=wanted,
        price=closes.micros,
        stop=price,
        stake=stake,
        lot=state.lot,
        equity=state.equity / MICROS_PER_UNIT,
        rule=rule,
    )


def _ranges(panel: Panel) -> FloatArray:
    """Average true ranges in currency units, (T, N), all in shares of the last row: a split or a dividend is no range."""
    close = panel.adjusted()
    scale = _last_known(close / panel.close)
    high, low = (panel.adjusted(name) / scale for name in STOP_FIELDS)
    return average_true_range(high, low, close / scale, ATR_BARS)


def _last_known(values: FloatArray) -> FloatArray:
    """The last value of each column, (N,); NaN where there is none."""
    last, found = np.full(values.shape[1], np.nan), ~np.isnan(values)
    rows = len(values) - 1 - found[::-1].argmax(axis=0)
    has = found.any(axis=0)
    last[has] = values[rows[has], np.flatnonzero(has)]
    return last


def entries_of(tx: Read, book: str, session: date, zone: ZoneInfo) -> dict[str, Entry]:
    """The trades of a session that are on: of each symbol, the order, or its slices, that took it from flat, by what was filled.

    What the book came into the session with, in shares of after its corporate actions, is no trade of it; its sale opens none either.
    """
    decided: dict[tuple[str, str], list[LedgerOrder]] = {}
    for each in orders_decided(tx, book, session):
        run = find_run(tx, each.run_id)
        if run is not None:
            decided.setdefault((run.slot, each.order.symbol), []).append(each)
    position = {symbol: held.quantity for symbol, held in holdings(tx, book).items()}
    for (_, symbol), parts in decided.items():
        position[symbol] = position.get(symbol, 0) - _booked(parts)
    entries: dict[str, Entry] = {}
    for (name, symbol), parts in sorted(decided.items()):
        if position[symbol] == 0:
            at = datetime.combine(session, time.fromisoformat(name), zone).astimezone(UTC)
            wanted = sum(each.order.quantity for each in parts) * _sign(parts)
            entries[symbol] = Entry(at, wanted, parts[0].order.reference_price, filled=0, paid=0)
        if (entry := entries.get(symbol)) is not None:
            entries[symbol] = _gone_on(entry, parts)
        position[symbol] += _booked(parts)
        if position[symbol] == 0:
            entries.pop(symbol, None)
    return entries


def _gone_on(entry: Entry, parts: Sequence[LedgerOrder]) -> Entry:
    """The trade after an order, or its slices."""
    if not _is_of(entry, _sign(parts)):
        return replace(entry, given_up=True)
    paid = sum(each.booked_notional for each in parts)
    return replace(entry, filled=entry.filled + abs(_booked(parts)), paid=entry.paid + paid)


def _sign(parts: Sequence[LedgerOrder]) -> int:
    return 1 if parts[0].order.side is Side.BUY else -1


def _booked(parts: Sequence[LedgerOrder]) -> int:
    """Signed shares of an order, or of its slices, that were filled."""
    return _sign(parts) * sum(each.booked_quantity for each in parts)
