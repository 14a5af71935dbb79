"""A replay on its way: the state of the book between sessions, and one session after the other."""

from datetime import date
from typing import Literal

import numpy as np

from grodt.bars.quality import Completeness
from grodt.brokers.fills import fill_session
from grodt.errors import DataError
from grodt.execution.decision import BookState, Closes, decide_targets, groups_of, propose
from grodt.orders.borrowing import borrow_cost
from grodt.replay.account import Account
from grodt.replay.course import KIND, Course, Decision, Halted, Plan, Recorder
from grodt.replay.history import History, IntArray
from grodt.replay.quiet import Standing, quiet_rows
from grodt.replay.working import Batch, Filled, Reached
from grodt.risk.assess import assess
from grodt.risk.glance import Basket, passes_at_a_glance
from grodt.signals.forecasts import ForecastHistory, Forecasts
from grodt.signals.panel import BoolArray
from grodt.targets.quantities import Targets
from grodt.targets.rebalancing import rebalances


class Going:
    """A replay on its way."""

    def __init__(self, history: History, forecasts: ForecastHistory, plan: Plan, recorder: Recorder | None, evidence: bool) -> None:
        count, width = len(history.sessions), len(history.panel.symbols)

        def zeros() -> IntArray:
            return np.zeros(count, dtype=np.int64)

        self.history, self.forecasts, self.plan, self.recorder, self.evidence = history, forecasts, plan, recorder, evidence
        self.account = Account(np.zeros(width, dtype=np.int64), int(plan.capital))
        self.course = Course(
            plan,
            history,
            zeros(),
            zeros(),
            zeros(),
            np.zeros(count),
            np.zeros(count),
            zeros(),
            zeros(),
            zeros(),
            zeros(),
            self.account,
        )
        self.orders = self.course.orders
        if recorder is not None:
            recorder.begun(self.course)
        self.columns = {label: column for column, label in enumerate(history.panel.symbols)}
        self.price, self.micros, self.age = history.closes_before()
        self.candidates = history.candidates[0]
        self.flags = np.zeros(width, dtype=np.bool_)
        self.nothing = np.zeros(width, dtype=np.int64)
        self.worth = np.zeros(width)
        self.high_water = 0
        self.before = 0
        self.decided: date | None = None
        self.traded_before = self.traded_since_armed = self.unchanged = 0

    def change(self, plan: Plan) -> None:
        """Put another configuration in force, before a session."""
        self.plan, self.unchanged = plan, 0

    def session(self, row: int) -> None:
        """Settle, mark and decide one session."""
        self.candidates = self.history.candidates_at(row)
        self._settle(row)
        equity = self._mark(row)
        self._decide(row, equity)
        self.before = equity

    def pass_quiet(self, row: int, busy: BoolArray) -> int:
        """Pass by the sessions from here on in which nothing happens; returns how many there are."""
        account = self.account
        if busy[row] or self.decided is None or self.orders.live or account.owed or not self.before:
            return 0
        held = account.position.nonzero()[0]
        standing = Standing(
            held,
            account.position[held],
            account.cash,
            self.before,
            self.high_water,
            self.decided,
            self.unchanged,
            self.traded_since_armed,
        )
        count = quiet_rows(self.history, self.plan, busy, row, standing, self.course)
        if count:
            for each in range(row, row + count):
                self._bring_closes(each)
            equity = self.course.positions_value[row : row + count] + account.cash
            self.before, self.high_water = int(equity[-1]), max(self.high_water, int(equity.max()))
            self.unchanged += count
            self.decided = self.history.sessions[row + count - 1]
        return count

    def _settle(self, row: int) -> None:
        history, account, session = self.history, self.account, self.history.sessions[row]
        if self.plan.terms.borrow_bps and row:
            nights = (session - history.sessions[row - 1]).days
            cost = borrow_cost(account.position, self.micros, nights, self.plan.terms.borrow_bps)
            self.course.borrow[row] = cost.sum()
            account.cash -= int(self.course.borrow[row])
        if row in history.actions:
            account.act(row, history.actions[row], self.columns, self.micros)
        account.pay(session)
        if row in history.cancels:
            self.orders.cancel(history.cancels[row])
        self._fill(row)

    def _fill(self, row: int) -> None:
        """Fill open orders in the session, and let expire what is left of those whose time has come."""
        terms = self.plan.terms
        opened = self.history.open[row]
        prices = opened if terms.fill_at == "open" else np.where(opened > 0, self.history.close[row], 0)
        working = self.orders.live
        if not working:
            return
        one = working[0]
        columns = one.columns[one.open] if len(working) == 1 else np.concatenate([batch.columns[batch.open] for batch in working])
        left = one.left() if len(working) == 1 else np.concatenate([batch.left() for batch in working])
        price = prices[columns]
        liquidity = self.history.liquidity
        found = fill_session(
            left if price.min() > 0 else np.where(price > 0, left, 0),
            price,
            terms,
            symbol=columns if len(working) > 1 else None,
            volume=None if liquidity is None else liquidity.volume[row, columns],
            average_value=None if liquidity is None else liquidity.average_value[row, columns],
            volatility=None if liquidity is None else liquidity.volatility[row, columns],
        )
        start = 0
        for batch in working:
            part = slice(start, start + len(batch.open))
            start += len(batch.open)
            self._book(row, batch, found.quantity[part], found.price[part], found.commission[part])
        self.orders.settle()

    def _book(self, row: int, batch: Batch, quantity: IntArray, price: IntArray, commission: IntArray) -> None:
        """Book what a session filled of a batch's open orders, and end those whose time is over."""
        places = batch.open
        size = np.abs(quantity)
        traded = size.nonzero()[0]
        if len(traded):
            whole = len(traded) == len(quantity)
            at, shares, paid, fees = (
                (places, quantity, price, commission) if whole else (places[traded], quantity[traded], price[traded], commission[traded])
            )
            bought, sold, fee = self.account.fill(batch.columns[at], shares, paid, fees)
            self.course.traded[row] += bought + sold
            self.course.commission[row] += fee
            self.orders.filled.append(Filled(row, batch, at, shares, paid, fees))
            batch.filled[places] += size
            batch.notional[places] += size * price
        done = batch.filled[places] == batch.size[places]
        if done.all():
            batch.end(places, Reached.FILLED)
            return
        batch.state[places[done]] = Reached.FILLED
        rest = places[~done]
        if row - batch.row > self.plan.terms.carry_sessions:
            batch.end(rest, Reached.EXPIRED)
        else:
            batch.end(rest[batch.filled[rest] > 0], Reached.PARTIALLY_FILLED)

    def _mark(self, row: int) -> int:
        """Value the book at the session's closes; returns equity in micros."""
        history, course = self.history, self.course
        self._bring_closes(row)
        net, gross, self.worth = self.account.value(self.micros)
        receivable = self.account.receivable
        equity = self.account.cash + receivable + net
        session = history.sessions[row]
        unpriced = self.nothing if self.age is self.nothing else (self.account.position != 0) & (self.age < 0)
        if unpriced is not self.nothing and unpriced.any():
            symbol = history.panel.symbols[int(unpriced.argmax())]
            raise DataError(
                f"replay of book {self.plan.book}, session {session}: {symbol} is held and was never priced; "
                "ingest its bars, or give its delisting with the final value a share"
            )
        if equity <= 0:
            raise DataError(
                f"replay of book {self.plan.book}, session {session}: equity is {equity / 1e6:,.2f} USD, not above zero; the book is "
                "lost: end the replay before it, or lower its leverage"
            )
        course.cash[row], course.receivable[row], course.positions_value[row] = self.account.cash, receivable, net
        course.gross[row], course.net[row] = gross / equity, net / equity
        course.held[row] = np.count_nonzero(self.account.position)
        self.high_water = max(self.high_water, equity)
        if self.recorder is not None:
            self.recorder.marked(row, self.account.position, self.micros, self.age, equity)
        return equity

    def _bring_closes(self, row: int) -> None:
        """Last closes, and their age, at a session's close."""
        close, micros = self.history.panel.close[self.history.first_row + row], self.history.close[row]
        barred = micros > 0
        if barred.all():
            self.price, self.micros, self.age = close, micros, self.nothing
        else:
            self.price, self.micros = np.where(barred, close, self.price), np.where(barred, micros, self.micros)
            self.age = np.where(barred, 0, self.age + (self.age >= 0))

    def _decide(self, row: int, equity: int) -> None:
        history, plan, candidates = self.history, self.plan, self.candidates
        member = history.members_at(row)
        open_orders = bool(self.orders.live)
        buys, sells = self.orders.sides(len(self.nothing)) if open_orders else (self.nothing, self.nothing)
        state = BookState(
            symbols=history.panel.symbols,
            position=self.account.position,
            open_buys=buys,
            open_sells=sells,
            lot=candidates.lot,
            tick=candidates.tick,
            sector=candidates.sector,
            shortable=candidates.shortable,
            in_universe=member,
            intended=self.flags,
            halted=self.flags,
            unknown=self.flags,
            equity=equity,
            cash=self.account.cash,
            previous_equity=self.before or int(plan.capital),
            high_water_mark=self.high_water,
            active_halts=0,
            open_breaks=0,
            cycles_traded=self.traded_since_armed,
            cycles_unchanged=self.unchanged,
            first_basket=self.traded_before == 0,
        )
        known = history.first_row + row + 1
        closes = Closes(self.price, self.micros, self.age, history.panel.log_return[:known])
        forecasts = self.forecasts.at(row)
        session = history.sessions[row]
        due = rebalances(plan.construction.rebalance, session, self.decided)
        targets = decide_targets(closes, forecasts, state, plan.construction, rebalances=due)
        expected = int(np.count_nonzero(candidates.listed))
        present = expected if self.age is self.nothing else int(np.count_nonzero(candidates.listed & (self.age == 0)))
        completeness = Completeness(session, expected, present)
        wanted = targets.quantity - state.position
        if open_orders:
            wanted -= state.working
        assessment = None
        if self.evidence or not passes_at_a_glance(self._basket(row, wanted, state, closes, forecasts, targets, completeness), plan.limits):
            run_id = f"{plan.book}-{KIND}-{session}"
            proposal = propose(plan.book, session, run_id, closes, forecasts, targets, state, history.volume[row], completeness)
            assessment = assess(proposal, plan.limits)
        if self.recorder is not None:
            self.recorder.decided(Decision(row, candidates, state, closes, forecasts, targets, assessment))
        if assessment is not None and assessment.halt:
            self._halt(session, assessment.halt)
        else:
            approved = wanted if assessment is None else assessment.quantity
            self.unchanged += 1
            self.decided = session
            if approved.any():
                self.traded_before += 1
                self.traded_since_armed += 1
                self._send(row, session, approved)
        if assessment is not None and assessment.loss:
            self._halt(session, assessment.loss, "reduce_only")
            self.high_water = equity

    def _basket(
        self,
        row: int,
        wanted: IntArray,
        state: BookState,
        closes: Closes,
        forecasts: Forecasts,
        targets: Targets,
        completeness: Completeness,
    ) -> Basket:
        """What `propose` would make a proposal of, as a glance reads it."""
        group, groups = groups_of(state.sector)
        return Basket(
            wanted=wanted,
            position=state.position,
            price=closes.micros,
            price_age=closes.age,
            lot=state.lot,
            volume=self.history.volume[row],
            group=group,
            weight=targets.weight,
            volatility=forecasts.volatility,
            log_return=closes.returns[-1],
            shortable=state.shortable,
            groups=groups,
            equity=state.equity,
            buying_power=state.cash,
            previous_equity=state.previous_equity,
            high_water_mark=state.high_water_mark,
            bars_expected=completeness.expected,
            bars_present=completeness.present,
            last_session_fresh=completeness.last_session_fresh,
            cycles_traded=state.cycles_traded,
            cycles_unchanged=state.cycles_unchanged,
            first_basket=state.first_basket,
            value=self.worth,
            fresh=self.age is self.nothing,
            single=self.candidates.single,
            odd=bool(self.orders.live),
        )

    def _halt(self, session: date, reason: str, side: Literal["all", "reduce_only"] = "all") -> None:
        """List a halt, and re-arm the book."""
        self.course.halts.append(Halted(session, reason, side))
        self.traded_since_armed = 0

    def _send(self, row: int, session: date, approved: IntArray) -> None:
        """Send orders as a basket is sent: sells first, then by value, then by symbol; the paper broker takes or refuses them."""
        columns = approved.nonzero()[0]
        quantity, reference = approved[columns], self.micros[columns]
        order = np.lexsort((self.candidates.rank[columns], -(np.abs(quantity) * reference), quantity > 0))
        limits = self.plan.limits
        most = min(limits.cycle_messages, limits.minute_messages)
        sent = order[:most]
        batch = Batch(row, columns[sent], quantity[sent], reference[sent])
        self._take(batch)
        if len(order) > len(sent):
            self._halt(session, f"messages_above_limit: {len(order)} orders, and {most} may be sent (control 20)")
        self.orders.add(batch)

    def _take(self, batch: Batch) -> None:
        """What the paper broker would refuse: sells beyond what is held and free, and buys beyond the cash that is free."""
        sells = batch.quantity < 0
        value = batch.size * batch.reference
        sold = int(value[sells].sum())
        if sold and self.plan.construction.long_only:
            free = self.account.position[batch.columns]
            if self.orders.live:
                free = free - self.orders.sides(len(self.nothing))[1][batch.columns]
            refused = (sells & (batch.size > free)).nonzero()[0]
            if len(refused):
                batch.end(refused, Reached.REJECTED)
                sold -= int(value[refused].sum())
        free_cash = self.account.cash - self.orders.reserved() + sold
        if int(value[~sells].sum()) > free_cash:
            for place in (~sells).nonzero()[0].tolist():
                if value[place] > free_cash:
                    batch.end(np.array([place]), Reached.REJECTED)
                else:
                    free_cash -= int(value[place])
