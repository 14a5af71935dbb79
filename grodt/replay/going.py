"""A replay on its way: the state of the book between sessions, and one session after the other."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

import numpy as np

from grodt.bars.corporate_actions import CorporateAction
from grodt.bars.quality import Completeness
from grodt.brokers.fills import fill_session
from grodt.errors import DataError
from grodt.execution.decision import BookState, Closes, decide_targets, propose
from grodt.execution.resting import bring_too_much
from grodt.execution.strategies import StrategyTargets
from grodt.money import decimal, units
from grodt.orders.attribution import Wanted
from grodt.orders.borrowing import borrow_cost
from grodt.replay.account import Account
from grodt.replay.course import KIND, Course, Decision, Halted, Plan, Recorder
from grodt.replay.history import History, IntArray
from grodt.replay.strategies import Strategies
from grodt.replay.working import Batch, Filled, Reached
from grodt.risk.assess import assess
from grodt.risk.glance import approved_at_a_glance
from grodt.signals.forecasts import ForecastHistory
from grodt.targets.rebalancing import rebalances


class Going:
    """A replay on its way."""

    def __init__(
        self,
        history: History,
        forecasts: ForecastHistory,
        plan: Plan,
        recorder: Recorder | None,
        evidence: bool,
        strategies: Strategies | None = None,
    ) -> None:
        count, width = len(history.sessions), len(history.panel.symbols)

        def zeros() -> IntArray:
            return np.zeros(count, dtype=np.int64)

        self.history, self.forecasts, self.plan, self.recorder, self.evidence = history, forecasts, plan, recorder, evidence
        self.strategies = strategies
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
        self.high_water = 0
        self.equity = self.before = 0
        self.decided: date | None = None
        self.traded_before = self.traded_since_armed = self.unchanged = 0

    def change(self, plan: Plan) -> None:
        """Put another configuration in force, before a session."""
        self.plan, self.unchanged = plan, 0

    def open(self, row: int) -> None:
        """Settle and mark a session."""
        self.candidates = self.history.candidates_at(row)
        self._settle(row)
        self.equity = self._mark(row)

    def decide(self, row: int) -> None:
        """Decide a session that is settled and marked."""
        self._decide(row, self.equity)
        self.before = self.equity

    def passed(self, row: int, position: IntArray, cash: int, equity: IntArray, decided: int, ordered: int) -> None:
        """What sessions came to that were passed by, from a session that was marked on.

        Args:
            row: of the last one that was marked.
            position: shares at its close, (N,).
            cash: at its close, micros, without the dividends paid since.
            equity: at the closes, from the first session on, micros.
            decided: how many of the sessions were decided, at least one: all of them, or all but the last.
            ordered: how many of them ordered.
        """
        account, sessions = self.account, self.history.sessions
        account.position, account.cash = position, cash
        account.pay(sessions[row])
        self.equity, self.high_water = int(equity[-1]), max(self.high_water, int(equity.max()))
        self.before, self.decided = int(equity[decided - 1]), sessions[row - len(equity) + decided]
        self.unchanged += decided
        self.traded_before += ordered
        self.traded_since_armed += ordered

    def bring_closes_to(self, row: int, known: int) -> None:
        """Last closes at a session's close, where they are known as of an earlier one."""
        whole = row
        while whole > known + 1 and not self.history.whole[whole]:
            whole -= 1
        for each in range(max(whole, known + 1), row + 1):
            self._bring_closes(each)

    def _settle(self, row: int) -> None:
        history, account, session = self.history, self.account, self.history.sessions[row]
        if self.plan.terms.borrow_bps and row:
            nights = (session - history.sessions[row - 1]).days
            cost = borrow_cost(account.position, self.micros, nights, self.plan.terms.borrow_bps)
            self.course.borrow[row] = cost.sum()
            account.cash -= int(self.course.borrow[row])
        held_back = account.act(row, history.actions[row], self.columns, self.micros) if row in history.actions else ()
        account.pay(session)
        if row in history.cancels:
            self.orders.cancel(self._cancelled(row, held_back))
        self._fill(row)

    def _cancelled(self, row: int, held_back: Sequence[CorporateAction]) -> IntArray:
        """The columns whose open orders the actions of a session cancel; a split that is held back cancels none."""
        without = {action.symbol for action in held_back if action.kind == "split"}
        if not without:
            return self.history.cancels[row]
        others = [each for each in self.history.actions[row] if each.kind != "dividend" and each not in held_back]
        spared = [self.columns[label] for label in sorted(without - {label for each in others for label in (each.symbol, each.new_symbol)})]
        return np.setdiff1d(self.history.cancels[row], np.array(spared, dtype=np.int64))

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
        net, gross = self.account.value(self.micros)
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
                f"replay of book {self.plan.book}, session {session}: equity is {decimal(int(equity)):,.2f} USD, not above zero; the book "
                "is lost: end the replay before it, or lower its leverage"
            )
        course.cash[row], course.receivable[row], course.positions_value[row] = self.account.cash, receivable, net
        course.gross[row], course.net[row] = gross / equity, net / equity
        course.held[row] = np.count_nonzero(self.account.position)
        self.high_water = max(self.high_water, equity)
        if self.recorder is not None:
            self.recorder.marked(row, self.account.position, self.micros, self.age, equity)
        return equity

    def _bring_closes(self, row: int) -> None:
        """Last closes, and their age, at a session's close; see `last_known`."""
        panel, known = self.history.panel, self.history.first_row + row
        close, micros = panel.close[known], self.history.close[row]
        if self.history.whole[row]:
            self.price, self.micros, self.age = close, micros, self.nothing
        else:
            barred = micros > 0
            self.price, self.micros = np.where(barred, close, self.price), np.where(barred, micros, self.micros)
            self.age = np.where(barred, 0, self.age + (self.age >= 0))
            for column, split in panel.split_closes(known).items():
                self.micros[column], self.price[column] = split, units(split)

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
        asked: StrategyTargets | None = None
        if self.strategies is None:
            trades = rebalances(plan.construction.rebalance, session, self.decided)
            targets = decide_targets(closes, forecasts, state, plan.construction, rebalances=trades)
        else:
            self.strategies.bring_forward(self.course)
            asked, trades = self.strategies.decide(row, session, self.decided, state, closes, self.orders.live)
            targets = asked.targets
        gone, after = np.zeros(0, dtype=np.int64), state
        if open_orders:
            over = ((buys != 0) | (sells != 0)) & bring_too_much(state.working, state, targets, trades=trades) & (self.age == 0)
            gone = np.flatnonzero(over)
            after = replace(state, open_buys=np.where(over, 0, buys), open_sells=np.where(over, 0, sells))
        wanted: Wanted | None = None
        if self.strategies is not None and asked is not None:
            wanted = self.strategies.wanted(asked, after, closes, self.orders.live, gone)
        expected = int(np.count_nonzero(candidates.listed))
        present = expected if self.age is self.nothing else int(np.count_nonzero(candidates.listed & (self.age == 0)))
        completeness = Completeness(session, expected, present)
        run_id = f"{plan.book}-{KIND}-{session}"
        proposal = propose(plan.book, session, run_id, closes, forecasts, targets, after, history.volume[row], completeness)
        approved = None if self.evidence else approved_at_a_glance(proposal, plan.limits)
        assessment = assess(proposal, plan.limits) if approved is None else None
        if self.recorder is not None:
            self.recorder.decided(Decision(row, candidates, state, closes, forecasts, targets, assessment))
        if assessment is not None and assessment.halt:
            self._halt(session, assessment.halt)
        else:
            if assessment is not None:
                approved = assessment.quantity
            self.unchanged += 1
            self.decided = session
            if len(gone):
                self.orders.withdraw(gone, row)
            if self.strategies is not None and wanted is not None:
                self.strategies.approved(row, wanted, self.nothing if approved is None else approved)
            if approved is not None and approved.any():
                self.traded_before += 1
                self.traded_since_armed += 1
                self._send(row, session, approved)
        if assessment is not None and assessment.loss:
            self._halt(session, assessment.loss, "reduce_only")
            self.high_water = equity

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
        batch = Batch.sent(row, columns[sent], quantity[sent], reference[sent])
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
