"""The rules of `grodt.risk.assess` read plainly: one order after the other, in Python's exact numbers."""

import math
import statistics
from dataclasses import dataclass
from fractions import Fraction

from grodt.risk.assess import Assessment, Proposal
from grodt.risk.limits import Limits, SymbolLimits
from tests.risk.proposals import USD


def written(share: float) -> Fraction:
    """The decimal a limit was written as."""
    return Fraction(repr(share))


@dataclass
class Wish:
    """One symbol of a proposal, in Python integers."""

    place: int
    symbol: str
    wanted: int
    low: int
    high: int
    price: int
    lot: int
    shortable: bool
    group: str | None
    order_quantity: int
    order_value: Fraction
    position: int
    weight: Fraction

    def reduces(self, quantity: int) -> bool:
        return (quantity < 0 and self.low > 0 and self.low + quantity >= 0) or (
            quantity > 0 and self.high < 0 and self.high + quantity <= 0
        )

    def exposure(self, quantity: int) -> int:
        return max(abs(self.low + quantity), abs(self.high + quantity)) * self.price


def wishes(asked: Proposal, bound: Limits) -> list[Wish]:
    """Every symbol, with the limits that hold for it."""
    found = []
    for place, symbol in enumerate(asked.symbols):
        own = bound.overrides.get(symbol, SymbolLimits())
        position = int(asked.position[place])
        group = int(asked.group[place])
        found.append(
            Wish(
                place,
                symbol,
                int(asked.wanted[place]),
                position - int(asked.open_sells[place]),
                position + int(asked.open_buys[place]),
                max(int(asked.price[place]), 0),
                int(asked.lot[place]),
                bool(asked.shortable[place]),
                asked.groups[group] if group >= 0 else None,
                own.order_quantity or bound.order_quantity,
                written(own.order_value or bound.order_value),
                own.symbol_position or bound.symbol_position,
                written(own.symbol_weight or bound.symbol_weight),
            )
        )
    return found


def halts(asked: Proposal, bound: Limits) -> bool:
    """Step 1: whether a gate fails."""
    everything = wishes(asked, bound)
    basket = sum(abs(wish.wanted) * wish.price for wish in everything)
    adds = [wish.place for wish in everything if wish.wanted and not wish.reduces(wish.wanted)]
    volatility = [float(asked.volatility[place]) for place in adds]
    returns = [abs(float(asked.log_return[place])) for place in adds]
    scale = sum(abs(one) for one in asked.weight.tolist()) <= bound.weights_sum
    if adds:
        scale &= not any(map(math.isnan, volatility)) and bound.volatility_low <= statistics.median(volatility) <= bound.volatility_high
        scale &= not any(map(math.isnan, returns)) and statistics.median(returns) <= bound.return_high
    return (
        not (0 <= asked.bars_present <= asked.bars_expected and asked.last_session_fresh)
        or Fraction(asked.bars_present, asked.bars_expected) < written(bound.completeness)
        or not scale
        or asked.active_halts > 0
        or asked.open_breaks > 0
        or not 0 <= asked.cycles_traded <= bound.armed_cycles - any(wish.wanted for wish in everything)
        or asked.equity <= 0
        or basket > written(bound.basket_value) * asked.equity
        or (not asked.first_basket and basket > written(bound.turnover) * asked.equity)
    )


def only_reduces(asked: Proposal, bound: Limits) -> bool:
    """Control 28."""
    return (
        asked.reduce_only != 0
        or min(asked.equity, asked.previous_equity, asked.high_water_mark) <= 0
        or asked.equity <= asked.previous_equity * (1 - written(bound.daily_loss))
        or asked.equity <= asked.high_water_mark * (1 - written(bound.drawdown))
    )


def refused(wish: Wish, asked: Proposal, bound: Limits) -> bool:
    """Step 2: what a control refuses whatever its size is."""
    place, size = wish.place, abs(wish.wanted)
    working = int(asked.open_buys[place]) - int(asked.open_sells[place])
    after = int(asked.position[place]) + working + wish.wanted
    return (
        size == 0
        or wish.price <= 0
        or not 0 <= asked.price_age[place] <= bound.price_age
        or size > wish.order_quantity
        or size * wish.price > wish.order_value * USD
        or bool(asked.intended[place] or asked.untradable[place] or asked.unknown[place])
        or wish.symbol in bound.restricted
        or int(asked.open_sells[place] if wish.wanted > 0 else asked.open_buys[place]) > 0
        or (size % wish.lot != 0 and after % wish.lot != 0)
        or (bool(asked.priced[place]) and misprized(wish, asked, bound))
    )


def misprized(wish: Wish, asked: Proposal, bound: Limits) -> bool:
    """Controls 5 and 7 of a limit price."""
    limit_price = int(asked.limit_price[wish.place])
    sigma = float(asked.volatility[wish.place]) / math.sqrt(252)
    distance = abs(limit_price - wish.price)
    if limit_price <= 0 or limit_price % int(asked.tick[wish.place]) or not (math.isfinite(sigma) and sigma > 0):
        return True
    return distance > written(bound.collar) * wish.price and distance / wish.price > bound.collar_sigmas * sigma


def clipped_to(wish: Wish, quantity: int, cap: Fraction) -> int:
    """The largest size of whole lots, or the close, whichever is more, that leaves at most so many shares."""
    base = wish.high if quantity > 0 else wish.low
    sign = 1 if quantity > 0 else -1
    after = abs(base + quantity)
    if after <= cap or (base * sign < 0 and abs(quantity) <= abs(base)):
        return quantity
    size = min(max(int(cap) - sign * base, 0), abs(quantity))
    close = min(abs(base), abs(quantity)) if base * sign < 0 else 0
    return sign * max(size - size % wish.lot, close)


def clipped(wish: Wish, asked: Proposal, bound: Limits) -> int:
    """Steps 3 and 4: what is left of an order that nothing has refused."""
    quantity, stops = wish.wanted, asked.stops
    if only_reduces(asked, bound) or (stops is not None and stops.reducing[wish.place]):
        room = max(wish.low, 0) if quantity < 0 else max(-wish.high, 0)
        quantity = min(abs(quantity), room) * (1 if quantity > 0 else -1)
    if stops is not None and quantity:
        room = int((stops.buyable if quantity > 0 else stops.sellable)[wish.place])
        quantity = min(abs(quantity), room) * (1 if quantity > 0 else -1)
    if quantity < 0 and not wish.shortable:
        quantity = max(quantity, -max(wish.low, 0))
    volume = int(asked.volume[wish.place])
    if volume < 0:
        return 0
    most = written(bound.volume_share) * volume / 20
    if quantity and wish.reduces(quantity):
        most = max(most, Fraction(wish.lot))
    if abs(quantity) > most:
        quantity = (1 if quantity > 0 else -1) * (int(most) - int(most) % wish.lot)
    if not quantity or wish.reduces(quantity):
        return quantity
    quantity = clipped_to(wish, quantity, Fraction(wish.position))
    if quantity:
        quantity = clipped_to(wish, quantity, wish.weight * asked.equity / wish.price)
    if quantity and not 0 <= bound.new_cycles <= asked.cycles_unchanged:
        quantity = clipped_to(wish, quantity, wish.weight * written(bound.new_share) * asked.equity / wish.price)
    return quantity


class Basket:
    """Step 5: what orders have taken so far."""

    def __init__(self, asked: Proposal, bound: Limits) -> None:
        self.asked, self.bound = asked, bound
        everything = wishes(asked, bound)
        self.approved: dict[str, int] = {}
        buys, prices = asked.open_buys.tolist(), asked.price.tolist()
        self.spent = sum(shares * max(price, 0) for shares, price in zip(buys, prices, strict=True))
        self.gross = sum(wish.exposure(0) for wish in everything)
        self.net = [sum(wish.low * wish.price for wish in everything), sum(wish.high * wish.price for wish in everything)]
        unpriced = [wish for wish in everything if wish.price == 0 and (wish.low or wish.high)]
        self.known_gross, self.unpriced_groups = not unpriced, {wish.group for wish in unpriced}
        self.known_buys = all(price > 0 or not shares for shares, price in zip(buys, prices, strict=True))
        self.groups = {group: sum(wish.exposure(0) for wish in everything if wish.group == group) for group in asked.groups}

    def take(self, wish: Wish, quantity: int) -> None:
        change = wish.exposure(quantity) - wish.exposure(0)
        self.spent += max(quantity, 0) * wish.price
        self.gross += change
        self.net = [one + quantity * wish.price for one in self.net]
        if wish.group is not None:
            self.groups[wish.group] += change
        self.approved[wish.symbol] = quantity

    def in_group(self, wish: Wish, quantity: int) -> int:
        """Control 10."""
        if not self.bound.group_weight:
            return quantity
        cap = self.bound.group_weight.get(wish.group or "", self.bound.group_weight.get("*", 0.0))
        if wish.group is None or not cap or wish.group in self.unpriced_groups:
            return 0
        room = written(cap) * self.asked.equity // 1 - (self.groups[wish.group] - wish.exposure(0))
        if wish.exposure(quantity) <= room:
            return quantity
        return clipped_to(wish, quantity, Fraction(max(room, 0) // wish.price))

    def fits(self, wish: Wish, quantity: int) -> bool:
        """Controls 15, 11 and 12."""
        asked, bound = self.asked, self.bound
        spendable = (1 - written(bound.cash_buffer)) * asked.buying_power
        if quantity > 0 and (not self.known_buys or asked.buying_power <= 0 or self.spent + quantity * wish.price > spendable):
            return False
        share = written(bound.gross_exposure)
        if bound.new_cycles > asked.cycles_unchanged:
            share *= written(bound.new_share)
        after = self.gross + wish.exposure(quantity) - wish.exposure(0)
        if not self.known_gross or after > share * asked.equity:
            return False
        net = max(abs(one + quantity * wish.price) for one in self.net)
        return net <= written(bound.net_exposure) * asked.equity or net <= max(abs(one) for one in self.net)


def plainly(asked: Proposal, bound: Limits) -> dict[str, int]:
    """What is approved."""
    if halts(asked, bound):
        return {}
    left = [(wish, clipped(wish, asked, bound)) for wish in wishes(asked, bound) if not refused(wish, asked, bound)]
    left = [(wish, quantity) for wish, quantity in left if quantity]
    basket = Basket(asked, bound)
    for wish, quantity in left:
        if wish.reduces(quantity):
            basket.take(wish, quantity)
    rest = [(wish, quantity) for wish, quantity in left if not wish.reduces(quantity)]
    for wish, quantity in sorted(rest, key=lambda each: (-abs(each[1]) * each[0].price, each[0].symbol)):
        room = basket.in_group(wish, quantity)
        if room and basket.fits(wish, room):
            basket.take(wish, room)
    return basket.approved


def approvals(found: Assessment) -> dict[str, int]:
    """What an assessment approved, by symbol."""
    return {one.symbol: one.quantity for one in found.approved()}
