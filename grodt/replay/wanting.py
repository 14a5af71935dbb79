"""What the decisions of a stretch want: weights and whole shares, as `target_quantities` has them for a book that is never short."""

import numpy as np

from grodt.errors import DataError
from grodt.execution.decision import groups_of
from grodt.replay.course import Plan
from grodt.replay.history import History, IntArray
from grodt.replay.stretch import Stretch
from grodt.replay.walked import EXACT
from grodt.signals.panel import BoolArray, FloatArray
from grodt.targets.caps import Caps, GroupCaps
from grodt.targets.opinions import Opinions
from grodt.targets.quantities import aims
from grodt.targets.rounding import lots_within, whole_micros
from grodt.targets.turnover import inside_band


class Wanting:
    """What decisions of a history want, for a plan.

    Where all that is wanted has one weight, whatever the symbols, that weight is computed once for each number of them, by `aims` too.
    """

    def __init__(self, history: History, plan: Plan) -> None:
        self._history, self._construction = history, plan.construction
        construction = plan.construction
        self._no_short = np.zeros(len(history.panel.symbols), dtype=np.bool_)
        self._caps = Caps(construction.weight_cap, construction.gross_cap)
        self._even = (
            construction.sizing == "equal_weight"
            and construction.volatility_target is None
            and construction.no_trade_band == 0.0
            and not construction.group_cap
        )
        self._weights: dict[int, float] = {}

    def wanted(self, stretch: Stretch, leg: int, had: IntArray, equity: int) -> tuple[float, IntArray]:
        """Σ abs(weight) and shares that a decision wants, by place of its leg.

        Args:
            stretch, leg: which decision.
            had: shares held before it; what has no bar is kept.
            equity: of the book, micros, from 1 to 2^52.

        Raises:
            DataError: what `target_quantities` refuses.
        """
        part = slice(stretch.begin[leg], stretch.begin[leg + 1])
        usd, caps, locked, held = equity / 1e6, self._caps, None, None
        if stretch.lacks[leg] and (found := stretch.stuck[part] & (had != 0)).any():
            locked, held = found, self._held(stretch, part, had, usd)
        if not self._even:
            return self._each(stretch, leg, part, had, usd, locked)
        count = stretch.wanted[leg]
        if locked is None or held is None:
            weight = self._weights.get(count)
            if weight is None:
                weight = self._weights[count] = self._even_weight(count, caps)
        else:
            held = np.where(locked, held, 0.0)
            weight = self._even_weight(count, caps.beside(held))
        value = round(weight * usd * 1e6)
        if value >= EXACT:
            raise DataError(f"{value} micros a symbol")
        # The quotient of two whole numbers below 2^52 is never rounded up to the next whole number, so what is cut off is what // cuts off.
        lots: IntArray = (value / stretch.share[part]).astype(np.int64)
        if stretch.lot is not None:
            lots -= lots % stretch.lot[part]
        whole = weight * count
        if locked is not None and held is not None:
            lots, whole = np.where(locked, had, lots), whole + float(np.abs(held).sum())
        return whole, lots

    def _even_weight(self, count: int, caps: Caps) -> float:
        """What each of so many symbols gets."""
        if not count:
            return 0.0
        every = np.ones(count)
        opinions = Opinions(every, every, every > 0, self._no_short[:count], np.empty((0, 0)), np.arange(count), ())
        return float(aims(opinions, count, caps, self._construction)[0])

    def _held(self, stretch: Stretch, part: slice, had: IntArray, usd: float) -> FloatArray:
        held: FloatArray = had * stretch.price[part] / usd
        held[np.isnan(held)] = 0.0
        return held

    def _each(self, stretch: Stretch, leg: int, part: slice, had: IntArray, usd: float, locked: BoolArray | None) -> tuple[float, IntArray]:
        """Each with a weight of its own."""
        history, construction, columns, caps = self._history, self._construction, stretch.columns[part], self._caps
        if construction.group_cap:
            group, groups = groups_of(stretch.candidates.sector)
            caps = Caps(caps.weight, caps.gross, GroupCaps.of(group[columns], construction.group_caps(groups)))
        held = self._held(stretch, part, had, usd) if locked is not None or construction.no_trade_band > 0.0 else np.zeros(0)
        if locked is not None:
            caps = caps.beside(np.where(locked, held, 0.0))
        known = history.first_row + stretch.rows[leg] + 1
        may_short = self._no_short[: len(had)]
        opinions = Opinions(
            stretch.forecast[part],
            stretch.volatility[part],
            stretch.usable[part],
            may_short,
            history.panel.log_return[max(known - construction.history, 0) : known],
            columns,
            history.panel.symbols,
        )
        weight = aims(opinions, stretch.counts[leg], caps, construction)
        keep = locked
        if construction.no_trade_band > 0.0:
            keep = inside_band(weight, weight, held, may_short, caps, construction.no_trade_band)
            if locked is not None:
                keep |= locked
        sized = weight if keep is None else np.where(keep, 0.0, weight)
        value = whole_micros(np.abs(sized) * usd, "target value", history.panel.symbols, columns)
        lots = lots_within(value, stretch.cost[part], None if stretch.lot is None else stretch.lot[part])
        if keep is not None:
            weight, lots = np.where(keep, held, weight), np.where(keep, had, lots)
        return float(np.abs(weight).sum()), lots
