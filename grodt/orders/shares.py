"""What each strategy has of one order: whole numbers in proportion to whole numbers, which add up exactly.

Sainte-Laguë's method: the n-th unit of a part with weight w has claim w / (2n - 1), and the largest claims are served; of equal ones the
earlier part's. Unlike the largest remainder it never takes back from a part when there is more to share out, so that a fill is never a
sale to one strategy and a purchase to another. The whole of the weights is shared out as the weights themselves.
Source: Balinski and Young, Fair Representation, 1982: divisor methods are house monotone.
"""

from collections.abc import Sequence


def apportion(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` in proportion to weights.

    Args:
        total: at least 0, and 0 where all weights are.
        weights: each at least 0.

    Raises:
        ValueError: there is something to share out and nobody to have it, or a number is below zero.
    """
    whole = sum(weights)
    if total < 0 or min(weights, default=0) < 0 or (total and not whole):
        raise ValueError(f"{total} cannot be shared out in proportion to {list(weights)}")
    if not total:
        return (0,) * len(weights)
    if total == whole or len(weights) == 1:  # as nearly every order fills
        return tuple(weights) if total == whole else (total,)
    parts = [(2 * weight * total + whole - 1) // (2 * whole) for weight in weights]  # nearest, a half goes down
    left = total - sum(parts)
    while left > 0:
        at = _first(weights, [2 * part + 1 for part in parts])
        parts[at] += 1
        left -= 1
    while left < 0:
        at = _last(weights, [2 * part - 1 for part in parts])
        parts[at] -= 1
        left += 1
    return tuple(parts)


def filled_now(before: int, quantity: int, shares: Sequence[int]) -> tuple[int, ...]:
    """What each strategy has of a fill of an order.

    Args:
        before: shares of the order that had filled.
        quantity: shares of the fill.
        shares: of the order, which add up to it.
    """
    earlier, now = apportion(before, shares), apportion(before + quantity, shares)
    return tuple(after - had for after, had in zip(now, earlier, strict=True))


def crossed(wanted: Sequence[int]) -> tuple[int, ...]:
    """What strategies trade with each other, signed, adding up to zero: as much as both sides want, the larger one served in proportion.

    Args:
        wanted: signed shares that each wants to trade.
    """
    buys, sells = [max(each, 0) for each in wanted], [max(-each, 0) for each in wanted]
    both = min(sum(buys), sum(sells))
    return tuple(bought - sold for bought, sold in zip(apportion(both, buys), apportion(both, sells), strict=True))


def one_sided(held: Sequence[int]) -> tuple[int, ...]:
    """What strategies hold once nobody is short of what another has: the smaller side is closed by the larger, in proportion.

    Args:
        held: signed shares of each.
    """
    long, short = [max(each, 0) for each in held], [max(-each, 0) for each in held]
    both = min(sum(long), sum(short))
    if not both:
        return tuple(held)
    parts = zip(held, apportion(both, long), apportion(both, short), strict=True)
    return tuple(each - sold + bought for each, sold, bought in parts)


def _first(weights: Sequence[int], divisors: Sequence[int]) -> int:
    """Where weight / divisor is largest, of equals the first."""
    best = 0
    for at in range(1, len(weights)):
        if weights[at] * divisors[best] > weights[best] * divisors[at]:
            best = at
    return best


def _last(weights: Sequence[int], divisors: Sequence[int]) -> int:
    """Of the parts that have any, where weight / divisor is smallest, of equals the last."""
    some = [at for at, divisor in enumerate(divisors) if divisor > 0]
    worst = some[0]
    for at in some[1:]:
        if weights[at] * divisors[worst] <= weights[worst] * divisors[at]:
            worst = at
    return worst
