"""Everyday sessions passed by: stretch after stretch for as long as every answer is certain."""

from bisect import bisect_left

import numpy as np

from grodt.replay.certain import Reach, reach
from grodt.replay.course import Plan
from grodt.replay.everyday import Everyday
from grodt.replay.going import Going
from grodt.replay.history import IntArray
from grodt.replay.layout import Known, Layout
from grodt.replay.stretch import MOST_LEGS, Stretch
from grodt.replay.walked import Book, Walked
from grodt.replay.working import Batch, Filled, Reached

#: Legs of the first stretch.
_FIRST_LEGS = 16
#: Legs of the one after a session that was not an everyday one; while all goes well, each has four times as many as the one before.
_FEWEST_LEGS, _GROWTH = 4, 4
#: Sessions gone through by themselves before another look, where nothing could be passed by again and again.
_LONGEST_WAIT = 63


class Passing:
    """Passes everyday sessions of a replay by."""

    def __init__(self, going: Going, changed: list[int]) -> None:
        """`changed`: rows at which another plan comes into force."""
        self._going, self._changed, self._legs = going, changed, _FIRST_LEGS
        self._waiting = self._waited = 0
        self.change(going.plan)

    def change(self, plan: Plan) -> None:
        """Go on under another plan."""
        going = self._going
        self._layout = Layout(going.history, going.forecasts, plan, self._changed)
        self._everyday = Everyday(going.history, plan)

    def go_on(self, row: int) -> Reach:
        """From a session that is settled and marked, for as long as every session certainly is an everyday one."""
        if self._waiting:
            self._waiting -= 1
            return Reach(0, True)
        at, found, tried = row, Reach(0, True), False
        while found.marked and (stretch := self._stretch(at)) is not None:
            found, tried = self._pass(stretch), True
            if not found.decided:
                break
            self._going.bring_closes_to(at + found.decided - 1 + found.marked, at)
            at += found.decided
        if at > row:
            self._waited = 0
        elif tried:
            self._waiting = self._waited = min(2 * self._waited + 1, _LONGEST_WAIT)
        return Reach(at - row, found.marked)

    def _stretch(self, row: int) -> Stretch | None:
        going = self._going
        position = going.account.position
        if going.orders.live or position.min(initial=0) < 0:
            return None
        known = Known(going.decided, position, going.price, going.micros)
        return self._layout.stretch(row, self._legs if self._everyday.decides else 0, known)

    def _pass(self, stretch: Stretch) -> Reach:
        going = self._going
        account, sessions = going.account, going.history.sessions
        book = Book(
            position=account.position,
            cash=account.cash,
            receivable=account.receivable,
            equity=going.equity,
            owed=[(bisect_left(sessions, each.pay_date), each.amount) for each in account.owed],
            previous=going.before or int(going.plan.capital),
            high_water=going.high_water,
            unchanged=going.unchanged,
            armed=going.traded_since_armed,
            traded=going.traded_before,
        )
        walked = self._everyday.walk(stretch, book)
        found = reach(walked, stretch, book, going.history, going.plan)
        if found.decided:
            self._keep(walked, stretch, book, found)
        whole = found.decided + found.marked == stretch.end - stretch.row
        self._legs = min(_GROWTH * self._legs, MOST_LEGS) if whole else _FEWEST_LEGS
        return found

    def _keep(self, walked: Walked, stretch: Stretch, book: Book, found: Reach) -> None:
        """Keep what is certain of a stretch."""
        going, course, row, marked = self._going, self._going.course, stretch.row, found.decided + found.marked
        value = walked.value[:marked].astype(np.int64)
        equity = walked.cash[:marked] + book.receivable + value
        rows, after = slice(row + 1, row + marked), slice(1, marked)
        course.cash[rows] = walked.cash[after] + walked.paid[after]
        course.receivable[rows] = book.receivable - walked.paid[after]
        course.positions_value[rows] = value[after]
        course.gross[rows] = course.net[rows] = value[after] / equity[after]
        decided, filled = bisect_left(stretch.rows, row + found.decided), bisect_left(stretch.rows, row + marked - 1)
        position = book.position
        if filled:
            last = slice(stretch.begin[filled - 1], stretch.begin[filled])
            position = np.zeros_like(position)
            position[stretch.columns[last]] = walked.left[last]
            places = slice(0, stretch.begin[filled])
            held = np.bincount(stretch.of[places], walked.left[places] != 0, filled).astype(np.int64)
            begins = [each + 1 for each in stretch.rows[:filled]]
            course.held[begins[0] : stretch.held_until(filled - 1)] = held.repeat(np.diff(begins, append=stretch.held_until(filled - 1)))
        ordered = self._keep_orders(walked, stretch, decided, filled)
        going.passed(row + marked - 1, position, int(walked.cash[marked - 1]), equity, found.decided, ordered)

    def _keep_orders(self, walked: Walked, stretch: Stretch, decided: int, filled: int) -> int:
        """Keep the orders of so many legs, and the fills of those that filled; returns how many of them ordered."""
        orders, course = self._going.orders, self._going.course
        order = _in_turn(walked, stretch, stretch.begin[decided])
        if not len(order):
            return 0
        columns, quantity, reference = stretch.columns[order], walked.taken[order], stretch.close[order]
        size, done = np.abs(quantity), np.abs(walked.filled[order])
        price, fees = walked.price[order], walked.fees[order]
        notional = done * price
        state = np.where(done > 0, np.int8(Reached.FILLED), np.int8(Reached.EXPIRED))
        every = np.arange(len(order))
        counts = np.bincount(stretch.of[order], minlength=decided)
        legs = counts.nonzero()[0]
        begins = np.cumsum(counts[legs]) - counts[legs]
        traded, commission = np.add.reduceat(notional, begins), np.add.reduceat(fees, begins)
        rows_filled = np.array(stretch.rows)[legs[legs < filled]] + 1
        course.traded[rows_filled], course.commission[rows_filled] = traded[: len(rows_filled)], commission[: len(rows_filled)]
        begin = 0
        for leg, end in zip(legs.tolist(), [*begins[1:].tolist(), len(order)], strict=True):
            row, part = stretch.rows[leg], slice(begin, end)
            sent = columns[part], quantity[part], reference[part]
            if leg < filled:
                batch = Batch(row, *sent, size[part], state[part], done[part], notional[part], every[:0])
                orders.batches.append(batch)
                places = done[part].nonzero()[0] if stretch.fails[leg] else every[: end - begin]
                if len(places) == end - begin:
                    orders.filled.append(Filled(row + 1, batch, places, sent[1], price[part], fees[part]))
                elif len(places):
                    orders.filled.append(Filled(row + 1, batch, places, sent[1][places], price[part][places], fees[part][places]))
            else:
                orders.add(Batch.sent(row, *sent))
            begin = end
        return len(legs)


def _in_turn(walked: Walked, stretch: Stretch, count: int) -> IntArray:
    """The orders among the first so many places as they are sent: leg after leg, sells first, then by value, then by symbol."""
    places: IntArray = walked.taken[:count].nonzero()[0]
    quantity = walked.taken[places]
    value = np.abs(quantity) * stretch.close[places]
    key = ((2 * stretch.of[places] + (quantity > 0)) << 52) - value  # a value is below 2^52, and there are at most 64 legs
    order = key.argsort()
    ranked = key[order]
    again = ranked[1:] == ranked[:-1]
    if again.any():
        (alike,) = (np.append(again, False) | np.append(False, again)).nonzero()  # in the order, with the one before or after
        found = order[alike]
        order[alike] = found[np.lexsort((stretch.candidates.rank[stretch.columns[places[found]]], ranked[alike]))]
    return places[order]
