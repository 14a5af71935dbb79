"""Everyday sessions passed by: stretch after stretch for as long as every answer is certain."""

from bisect import bisect_left

import numpy as np

from grodt.replay.certain import Reach, reach
from grodt.replay.course import Plan
from grodt.replay.everyday import Book, Everyday, Walked
from grodt.replay.going import Going
from grodt.replay.history import IntArray
from grodt.replay.stretch import MOST_LEGS, Layout, Stretch
from grodt.replay.working import Batch, Filled, Reached

#: Legs of the first stretch, and of the one after a session that was not an everyday one; while all goes well each is twice as long.
_FEWEST_LEGS = 4
#: Sessions gone through by themselves before another look, where nothing could be passed by again and again.
_LONGEST_WAIT = 63
#: Behind every key of an order.
_LAST = 2**62


class Passing:
    """Passes everyday sessions of a replay by."""

    def __init__(self, going: Going, changed: list[int]) -> None:
        """`changed`: rows at which another plan comes into force."""
        self._going, self._changed, self._legs = going, changed, _FEWEST_LEGS
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
        return self._layout.stretch(row, self._legs if self._everyday.decides else 0, decided=going.decided, position=position)

    def _pass(self, stretch: Stretch) -> Reach:
        going = self._going
        account, sessions = going.account, going.history.sessions
        book = Book(
            position=account.position,
            micros=going.micros,
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
        self._legs = min(2 * self._legs, MOST_LEGS) if whole else _FEWEST_LEGS
        return found

    def _keep(self, walked: Walked, stretch: Stretch, book: Book, found: Reach) -> None:
        """Keep what is certain of a stretch."""
        going, course, row, marked = self._going, self._going.course, stretch.row, found.decided + found.marked
        equity = walked.cash[:marked] + book.receivable + walked.value[:marked]
        rows, after = slice(row + 1, row + marked), slice(1, marked)
        course.cash[rows] = walked.cash[after] + walked.paid[after]
        course.receivable[rows] = book.receivable - walked.paid[after]
        course.positions_value[rows] = walked.value[after]
        course.gross[rows] = course.net[rows] = walked.value[after] / equity[after]
        decided, filled = bisect_left(stretch.rows, row + found.decided), bisect_left(stretch.rows, row + marked - 1)
        position = book.position
        if filled:
            last = slice(stretch.begin[filled - 1], stretch.begin[filled])
            position = np.zeros_like(position)
            position[stretch.columns[last]] = walked.left[last]
            places = slice(0, stretch.begin[filled])
            held = np.bincount(stretch.of[places], walked.left[places] != 0, filled).astype(np.int64)
            for leg in range(filled):
                course.held[stretch.rows[leg] + 1 : stretch.held_until(leg)] = held[leg]
        ordered = self._keep_orders(walked, stretch, decided, filled)
        going.passed(row + marked - 1, position, int(walked.cash[marked - 1]), equity, found.decided, ordered)

    def _keep_orders(self, walked: Walked, stretch: Stretch, decided: int, filled: int) -> int:
        """Keep the orders of so many legs, and the fills of those that filled; returns how many of them ordered."""
        orders, course = self._going.orders, self._going.course
        order = _in_turn(walked, stretch, stretch.begin[decided])
        if not len(order):
            return 0
        columns, quantity, reference = stretch.columns[order], walked.taken[order], stretch.close[order]
        price, fees = walked.price[order], walked.fees[order]
        size = np.abs(quantity)
        notional = size * price
        filled_state, every = np.full(len(order), Reached.FILLED, dtype=np.int8), np.arange(len(order))
        counts = np.bincount(stretch.of[order], minlength=decided)
        legs = counts.nonzero()[0]
        begins = np.cumsum(counts[legs]) - counts[legs]
        traded, commission = np.add.reduceat(notional, begins), np.add.reduceat(fees, begins)
        begin = 0
        for each, (leg, end) in enumerate(zip(legs.tolist(), [*begins[1:].tolist(), len(order)], strict=True)):
            row, part = stretch.rows[leg], slice(begin, end)
            sent = columns[part], quantity[part], reference[part]
            if leg < filled:
                batch = Batch(row, *sent, size[part], filled_state[part], size[part], notional[part], every[:0])
                orders.batches.append(batch)
                orders.filled.append(Filled(row + 1, batch, every[: end - begin], sent[1], price[part], fees[part]))
                course.traded[row + 1], course.commission[row + 1] = traded[each], commission[each]
            else:
                orders.add(Batch.sent(row, *sent))
            begin = end
        return len(legs)


def _in_turn(walked: Walked, stretch: Stretch, count: int) -> IntArray:
    """The orders among the first so many places as they are sent: leg after leg, sells first, then by value, then by symbol."""
    quantity = walked.taken[:count]
    value = np.abs(quantity) * stretch.close[:count]
    key = ((2 * stretch.of[:count] + (quantity > 0) + 1) << 52) - value  # a value is below 2^52, and there are at most 64 legs
    ordered = int(np.count_nonzero(quantity))
    key[quantity == 0] = _LAST
    order: IntArray = key.argsort()[:ordered]
    ranked = key[order]
    if (ranked[1:] == ranked[:-1]).any():
        order = np.lexsort((stretch.candidates.rank[stretch.columns[:count]], key))[:ordered]
    return order
