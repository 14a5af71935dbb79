"""What the replay benchmark prints."""

import itertools
import math
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.benchmarks.replay_contestants import CONTESTANTS, FLOOR, OURS, OURS_BARE
from tests.benchmarks.replay_reference import Conventions

#: Relative difference up to which a final equity is explained.
EXPLAINED = 1e-9
#: What each convention alone is worth.
ALONE = {
    "whole orders": Conventions(shares="whole orders"),
    "nearest orders": Conventions(shares="nearest orders"),
    "fractional": Conventions(shares="fractional"),
    "sized at the open": Conventions(sized_at="open"),
    "buys cut to cash": Conventions(cash="cut"),
    "buys refused without cash": Conventions(cash="refused"),
    "commissions in cents": Conventions(commission_in_cents=True),
    "prices in 32 bits": Conventions(prices="single"),
    "the benchmark's": Conventions(),
}
#: Bars of PERFORMANCE.md, section "Replay".
TIMES_FLOOR = 5.0
SECONDS_AT_500 = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One contestant on one panel: what it cost and ended with, or why it was not run.

    Attributes:
        name, symbols, gaps, rebalanced: which.
        cost: as `replay_contestants` prints it, medians over the rounds; empty where it was not run.
        emulated: final equity by the reference under its conventions, USD.
        benchmark: final equity by the reference under the benchmark's, USD.
        reason: why it was not run.
        alone: final equity by convention alone, of the floor's finding.
    """

    name: str
    symbols: int
    gaps: bool
    rebalanced: str
    cost: dict[str, float] = field(default_factory=dict)
    emulated: float = math.nan
    benchmark: float = math.nan
    reason: str = ""
    alone: dict[str, float] = field(default_factory=dict)


def print_findings(console: Console, found: list[Finding]) -> None:
    """Costs, final equities and what explains them, by panel; then growth and the bars."""
    for key, group in itertools.groupby(found, key=lambda each: (each.symbols, each.gaps, each.rebalanced)):
        findings = list(group)
        title = f"{key[0]:,} symbols × ten years{', listings and gaps' if key[1] else ''}, rebalanced each {key[2]}"
        _print_costs(console, title, findings)
        _print_finals(console, title, findings)
    _print_growth(console, found)
    _print_bars(console, found)


def _table(title: str, *heads: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left")
    table.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        table.add_column(head, justify="right")
    return table


def _print_costs(console: Console, title: str, findings: list[Finding]) -> None:
    ran = sorted((each for each in findings if each.cost), key=lambda each: each.cost["cpu"])
    floor = next((each.cost["cpu"] for each in ran if each.name == FLOOR), math.nan)
    own = next((each.cost["cpu"] for each in ran if each.name == OURS), math.nan)
    table = _table(
        f"{title}: seconds (warm: median; ratios of CPU seconds)",
        "engine", "CPU s", "warm s", "× floor", "× GRODT", "first call s", "imports s", "layout s", "peak MB", "calls", "load",
    )  # fmt: skip
    for each in ran:
        cost = each.cost
        ratios = ("–" if math.isnan(base) else f"{cost['cpu'] / base:.2f}" for base in (floor, own))
        later = (f"{cost[key]:.3f}" for key in ("first", "imports", "layout"))
        last = (f"{cost['peak_mb']:,.0f}", f"{cost['calls']:.0f}", f"{cost['load']:.1f}")
        table.add_row(each.name, f"{cost['cpu']:.3f}", f"{cost['warm']:.3f}", *ratios, *later, *last)
    console.print(table)
    for each in findings:
        if each.reason:
            console.print(f"{each.name}: not run: {each.reason}")


def _print_finals(console: Console, title: str, findings: list[Finding]) -> None:
    table = _table(
        f"{title}: final equity",
        "engine",
        "USD",
        "bps to GRODT's",
        "bps to the floor's",
        "fills",
        "its conventions",
        "reference apart",
        "verdict",
    )
    own = next((each.cost["final"] for each in findings if each.cost and each.name == OURS), math.nan)
    for each in findings:
        if not each.cost:
            continue
        final = each.cost["final"]
        apart = final / each.emulated - 1.0
        fills = f"{each.cost['fills']:,.0f}" if each.cost["fills"] >= 0 else "–"
        bps = ("–" if math.isnan(base) else f"{(final / base - 1) * 1e4:+.3f}" for base in (own, each.benchmark))
        verdict = "explained" if abs(apart) <= EXPLAINED else "[bold red]not explained[/bold red]"
        table.add_row(each.name, f"{final:,.2f}", *bps, fills, _words(CONTESTANTS[each.name].conventions), f"{apart:.0e}", verdict)
    console.print(table)
    alone = next((each for each in findings if each.alone), None)
    if alone is not None:
        worth = (f"{words} {(final / alone.benchmark - 1) * 1e4:+.3f}" for words, final in alone.alone.items() if final != alone.benchmark)
        console.print(f"each convention alone, bps: {', '.join(worth)}")


def _words(conventions: Conventions) -> str:
    """What differs from the benchmark's."""
    plain = Conventions()
    said = [conventions.shares] if conventions.shares != plain.shares else []
    said += [f"sized at the {conventions.sized_at}"] if conventions.sized_at != plain.sized_at else []
    said += [f"buys {conventions.cash} without cash"] if conventions.cash != plain.cash else []
    said += ["commissions in cents"] if conventions.commission_in_cents else []
    said += ["prices in 32 bits"] if conventions.prices != plain.prices else []
    return ", ".join(said) or "the benchmark's"


def _print_growth(console: Console, found: list[Finding]) -> None:
    sizes = sorted({each.symbols for each in found})
    if len(sizes) < 2:
        return
    steps = list(itertools.pairwise(sizes))
    table = _table("Growth of CPU seconds, exponent (1: as the symbols)", "engine", *(f"{a:,} to {b:,}" for a, b in steps))
    for rebalanced in dict.fromkeys(each.rebalanced for each in found):
        for name in dict.fromkeys(each.name for each in found):
            cells = []
            for small, large in steps:
                before, after = (_cpu(found, name, size, rebalanced) for size in (small, large))
                cells.append("–" if math.isnan(after / before) else f"{math.log(after / before) / math.log(large / small):.2f}")
            table.add_row(f"{name}, each {rebalanced}", *cells)
    console.print(table)


def _cpu(found: list[Finding], name: str, symbols: int, rebalanced: str) -> float:
    which = (name, symbols, rebalanced, False)
    return next(
        (each.cost["cpu"] for each in found if each.cost and (each.name, each.symbols, each.rebalanced, each.gaps) == which), math.nan
    )


def _print_bars(console: Console, found: list[Finding]) -> None:
    table = Table(title="\nBars of PERFORMANCE.md (CPU seconds)", title_justify="left")
    for head in ("bar", "measured", "verdict"):
        table.add_column(head)

    def judge(bar: str, measured: str, ratio: float) -> None:
        verdict = "[green]PASS[/green]" if ratio <= 1.0 else "[bold red]FAIL[/bold red]"
        table.add_row(bar, *(("GRODT was not measured", "–") if math.isnan(ratio) else (measured, verdict)))

    plain = [each for each in found if each.cost and not each.gaps]
    for size, rebalanced in dict.fromkeys((each.symbols, each.rebalanced) for each in plain):
        where = f"{size:,} symbols, each {rebalanced}"
        own, bare, floor = (_cpu(found, name, size, rebalanced) for name in (OURS, OURS_BARE, FLOOR))
        peers = {
            each.name: each.cost["cpu"]
            for each in plain
            if (each.symbols, each.rebalanced) == (size, rebalanced) and CONTESTANTS[each.name].install is not None
        }
        if size >= 500 and peers:
            fastest = min(peers, key=lambda name: peers[name])
            for rows, ours in (("a row for each", own), ("no rows", bare)):
                said = f"{ours:.3f} s, {ours / peers[fastest]:.2f} × that of {fastest}, {peers[fastest]:.3f} s"
                judge(f"{where}: all risk controls, {rows}: faster than the fastest peer", said, ours / peers[fastest])
        said = f"{bare:.3f} s, {bare / floor:.2f} × the floor's {floor:.3f} s"
        judge(f"{where}: without evidence rows ≤ {TIMES_FLOOR:g} × the floor", said, bare / floor / TIMES_FLOOR)
        if size == 500 and rebalanced == "day":
            for rows, ours in (("no rows", bare), ("a row for each control", own)):
                judge(f"{where}: ten years < {SECONDS_AT_500:g} s, {rows}", f"{ours:.3f} s", ours / SECONDS_AT_500)
    console.print(table)
