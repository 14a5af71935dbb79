"""What each strategy of a book holds, at average cost and by lots, first in first out. Pure; `strategies` feeds it from the ledger.

Shares and money are exact integers, and whatever happens to the book is shared out so that it adds up: of every symbol the strategies'
shares add up to the book's, and so does what was paid for them, cost less realised profit. How that is split into cost and profit is a
strategy's own: a book that is flat because one strategy bought what another sold has realised what neither of them has.

Nobody is short of what another holds. Where a sale is of more than its strategy has, as when an order fills after its shares went to
another, those that hold the symbol sell what it lacks, at the same price; a purchase covers the short ones first likewise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from grodt.ledger.entries import cost_added
from grodt.money import Micros, divide_half_even
from grodt.orders.shares import apportion, one_sided


@dataclass(slots=True)
class Lot:
    """Shares bought, or sold short, at one price, and their cost in micros; both negative when short."""

    quantity: int
    cost: int


@dataclass(slots=True)
class StrategyPosition:
    """What one strategy has in one symbol. Money in micros.

    Attributes:
        quantity: shares, negative when short.
        cost: at average cost, negative when short.
        realised: profit of what was closed, at average cost, before commission; a loss by a correction counts.
        lots: what is held, oldest first.
        realised_fifo: profit of what was closed, oldest lot first.
        commission: paid.
    """

    quantity: int = 0
    cost: int = 0
    realised: int = 0
    lots: list[Lot] = field(default_factory=list)
    realised_fifo: int = 0
    commission: int = 0

    @property
    def average_cost(self) -> Micros | None:
        """Of one share, rounded half-even; None where nothing is held."""
        return Micros(divide_half_even(abs(self.cost), abs(self.quantity))) if self.quantity else None

    @property
    def cost_fifo(self) -> int:
        """Of the lots that are held."""
        return sum(lot.cost for lot in self.lots)

    def trade(self, signed: int, price: int, beside: int = 0) -> None:
        """Buy, or sell when below zero, for signed · price and what was paid beside. What closes comes first."""
        added = cost_added(self.quantity, self.cost, signed, price, beside)
        self.realised += added - signed * price - beside
        self.cost += added
        self.quantity += signed
        left = signed
        while left and self.lots and self.lots[0].quantity * left < 0:
            part = min(abs(left), abs(self.lots[0].quantity))
            closed = part if left < 0 else -part
            self.realised_fifo += closed * price - self._take(part)
            left += closed
        if left:
            self.lots.append(Lot(left, left * price + beside))
        else:
            self.realised_fifo -= beside

    def become(self, quantity: int, cash: int, relieved: int, cost: int) -> None:
        """Another number of shares with their cost less `relieved` / `cost` of it, for cash: a split, a delisting, a correction."""
        gone = self.cost if not quantity else _part(self.cost, relieved, cost)
        self.cost -= gone
        self.realised += cash - gone
        parts = apportion(abs(quantity), [abs(lot.quantity) for lot in self.lots]) if self.lots else ()
        gone = 0
        kept: list[Lot] = []
        for lot, part in zip(self.lots, parts, strict=True):
            out = lot.cost if not quantity else _part(lot.cost, relieved, cost)
            gone += out
            if part or not kept:
                kept.append(Lot(part if quantity > 0 else -part, lot.cost - out))
            else:
                kept[-1].cost += lot.cost - out  # a lot that has come to nothing hands on its cost
        if len(kept) > 1 and not kept[0].quantity:
            kept[1].cost += kept.pop(0).cost
        self.lots = [lot for lot in kept if lot.quantity]
        self.realised_fifo += cash - gone
        if quantity and not self.lots:  # nothing was held: shares that came for nothing
            self.lots = [Lot(quantity, 0)]
        self.quantity = quantity

    def leave(self) -> "StrategyPosition":
        """Take shares, cost and lots out, to be merged into another symbol's; profit and commission stay."""
        gone = StrategyPosition(self.quantity, self.cost, lots=self.lots)
        self.quantity, self.cost, self.lots = 0, 0, []
        return gone

    def merge(self, other: "StrategyPosition") -> None:
        """Take over another position. Where one of the two is short, they close each other as far as they go."""
        closing = min(abs(self.quantity), abs(other.quantity)) if self.quantity * other.quantity < 0 else 0
        relieved = _part(self.cost, closing, abs(self.quantity)) + _part(other.cost, closing, abs(other.quantity))
        self.realised -= relieved
        self.cost += other.cost - relieved
        for side in (self, other):
            left = closing
            while left:
                part = min(left, abs(side.lots[0].quantity))
                self.realised_fifo -= side._take(part)
                left -= part
        self.quantity += other.quantity
        self.lots += other.lots

    def _take(self, part: int) -> int:
        """Take shares from the oldest lot, which has as many; returns their cost."""
        lot = self.lots[0]
        relieved = _part(lot.cost, part, abs(lot.quantity))
        lot.cost -= relieved
        lot.quantity -= part if lot.quantity > 0 else -part
        if not lot.quantity:
            self.lots.pop(0)
        return relieved


class StrategyBook:
    """The strategies of a book, by symbol.

    Attributes:
        default: the strategy of what nobody was named for: the name of the book.
    """

    def __init__(self, default: str) -> None:
        self.default = default
        self._held: dict[str, dict[str, StrategyPosition]] = {}

    def __iter__(self) -> Iterator[tuple[str, str, StrategyPosition]]:
        """Strategy, symbol and position, ascending by both; those that are flat, too."""
        found = ((strategy, symbol, position) for symbol, of in self._held.items() for strategy, position in of.items())
        return iter(sorted(found, key=lambda each: each[:2]))

    def position(self, strategy: str, symbol: str) -> StrategyPosition:
        """The position, made where there was none."""
        of_symbol = self._held.setdefault(symbol, {})
        if strategy not in of_symbol:
            of_symbol[strategy] = StrategyPosition()
        return of_symbol[strategy]

    def fill(self, symbol: str, signed: Mapping[str, int], price: int, commission: int, beside: int = 0) -> None:
        """A fill with what each strategy has of it, or a cross with what each trades.

        Commission, and what was paid beside shares · price, in proportion to what each then trades.
        """
        traded = self._traded(symbol, signed)
        sizes = [abs(each) for each in traded.values()]
        parts = zip(traded.items(), _shared(commission, sizes), _shared(beside, sizes), strict=True)
        for (strategy, quantity), paid, more in parts:
            position = self.position(strategy, symbol)
            position.trade(quantity, price, more)
            position.commission += paid

    def split(self, symbol: str, change: int, cash: int, relieved: int) -> None:
        """A split: shares of all together change by `change`, and `relieved` of their cost goes for cash in lieu. Each has its part."""
        held = self._holders(symbol)
        cost = sum(position.cost for position in held)
        before = sum(position.quantity for position in held)
        sizes = [abs(position.quantity) for position in held]
        after = apportion(abs(before + change), sizes)
        for position, size, paid in zip(held, after, _shared(cash, sizes), strict=True):
            position.become(size if before > 0 else -size, paid, relieved, cost)

    def delist(self, symbol: str, cash: int) -> None:
        """A delisting: nothing is left, and the final value is shared out by shares; the default's where a split left none just before."""
        held = self._holders(symbol) or [self.position(self.default, symbol)]
        if not any(position.quantity for position in held):
            held[0].become(0, cash, 0, 1)
            return
        for position, paid in zip(held, _shared(cash, [abs(position.quantity) for position in held]), strict=True):
            position.become(0, paid, 0, 1)

    def rename(self, changes: Sequence[tuple[str, str]]) -> None:
        """Changes of symbols, all at once."""
        left = [(strategy, new, position.leave()) for old, new in changes for strategy, position in tuple(self._held.get(old, {}).items())]
        for strategy, new, moved in left:
            if moved.quantity:
                self.position(strategy, new).merge(moved)

    def correct(self, symbol: str, change: int, price: int | None) -> None:
        """Shares that a correction brings or takes: in proportion to what is held, else of the default strategy.

        Args:
            symbol: ticker.
            change: signed shares.
            price: micros a share; None: no cash moved.
        """
        named = {strategy: position for strategy, position in self._held.get(symbol, {}).items() if position.quantity}
        before = sum(position.quantity for position in named.values())
        if not named or before * (before + change) < 0:
            named = {self.default: self.position(self.default, symbol)}
        sizes = [abs(position.quantity) or 1 for position in named.values()]
        for position, part in zip(named.values(), apportion(abs(change), sizes), strict=True):
            signed = part if change > 0 else -part
            if price is not None:
                position.trade(signed, price)
            else:
                position.become(position.quantity + signed, 0, 0, 1)

    def _traded(self, symbol: str, signed: Mapping[str, int]) -> Mapping[str, int]:
        """What each strategy trades when these have so much of it: the same, unless it left one short of what another holds."""
        held = {strategy: position.quantity for strategy, position in self._held.get(symbol, {}).items()}
        after = held | {strategy: held.get(strategy, 0) + quantity for strategy, quantity in signed.items()}
        if not min(after.values()) < 0 < max(after.values()):
            return signed
        settled = dict(zip(after, one_sided(tuple(after.values())), strict=True))
        return {strategy: change for strategy, quantity in settled.items() if (change := quantity - held.get(strategy, 0))}

    def holders(self, symbol: str) -> dict[str, int]:
        """Shares held of a symbol by strategy, long or short, without those that hold none."""
        return {name: abs(position.quantity) for name, position in self._held.get(symbol, {}).items() if position.quantity}

    def _holders(self, symbol: str) -> list[StrategyPosition]:
        return [position for position in self._held.get(symbol, {}).values() if position.quantity]


def _shared(cash: int, sizes: Sequence[int]) -> Iterable[int]:
    parts = apportion(abs(cash), sizes)
    return parts if cash >= 0 else tuple(-part for part in parts)


def _part(cost: int, part: int, whole: int) -> int:
    """`cost · part / whole`, rounded half-even; 0 for nothing of it."""
    if not part or not whole:
        return 0
    return divide_half_even(cost * part, whole) if whole > 0 else divide_half_even(-cost * part, -whole)
