"""Every check of a signal, one after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from grodt.errors import DataError
from grodt.signals.checking import checks, notes
from grodt.signals.checking.subject import Finding, Given, Subject
from grodt.signals.checking.worlds import worlds
from grodt.signals.panel import Panel
from grodt.signals.signal import Signal

#: In this order; each is named as its findings are.
_CHECKS: tuple[tuple[str, checks.Check], ...] = (
    ("look-ahead", checks.look_ahead),
    ("rows asked for", checks.rows_asked_for),
    ("history", checks.history),
    ("another symbol", checks.another_symbol),
    ("members", checks.members),
    ("same twice", checks.same_twice),
    ("inputs", checks.inputs),
    ("compares symbols", checks.compares),
)
#: Those that can be asked of any panel, whatever is in it.
_OF_REAL_BARS: tuple[tuple[str, checks.Check], ...] = (
    ("look-ahead", checks.look_ahead_on_real_bars),
    ("rows asked for", checks.rows_asked_for),
    ("same twice", checks.same_twice),
)


def examine(build: Callable[[], Signal], seed: int, tell: Callable[[str], None] = lambda _text: None) -> Iterator[Finding]:
    """What each check finds in a signal, on panels that are made of the seed: random walks, gaps, listings, splits, jumps, extremes.

    A signal that raises something, or whose answer has the wrong shape, is asked no more.

    Args:
        build: makes the signal.
        seed: of the panels; the same one gives the same findings.
        tell: is told what is being looked for.

    Raises:
        ConfigError: the signal cannot be made.
    """
    subject = Subject.of(build)
    tell("panels")
    given = [Given.of(each.name, each.panel, plain=each.plain) for each in worlds(subject.signal.history, seed, subject.per_session)]
    yield from _judged(subject, given, seed, _CHECKS, tell)


def remarks(build: Callable[[], Signal], seed: int, tell: Callable[[str], None] = lambda _text: None) -> Iterator[Finding]:
    """What is told of a signal and not judged; arguments as for `examine`. How long it takes is another time each time."""
    subject = Subject.of(build)
    for name, remark in (("first session", notes.first_session), ("splits", notes.splits), ("size and speed", notes.size_and_speed)):
        tell(name)
        yield from _found(name, remark, subject, seed)


def examine_on(build: Callable[[], Signal], panel: Panel, seed: int, tell: Callable[[str], None] = lambda _text: None) -> Iterator[Finding]:
    """What can be checked on a panel of real bars; arguments as for `examine`. The seed draws where it is cut."""
    subject = Subject.of(build)
    given = [Given.of("real bars", panel)]
    for finding in _judged(subject, given, seed, _OF_REAL_BARS, tell):
        yield replace(finding, check=f"{finding.check}, real bars")


def _judged(
    subject: Subject, given: Sequence[Given], seed: int, every: Sequence[tuple[str, checks.Check]], tell: Callable[[str], None]
) -> Iterator[Finding]:
    tell("answers")
    first = checks.answers(subject, given, np.random.default_rng([seed, 200]))
    yield first
    if first.verdict == "fail":
        yield from (Finding(name, "skipped", "it gives no answer to look at") for name, _ in every)
        return
    tell("cells")
    yield from _found("cells", checks.cells, subject, given)
    for place, (name, check) in enumerate(every, start=201):
        tell(name)
        yield from _found(name, check, subject, given, np.random.default_rng([seed, place]))


def _found[**P](name: str, check: Callable[P, Finding | list[Finding]], *args: P.args, **kwargs: P.kwargs) -> list[Finding]:
    """What it finds; a signal that raises something fails the check that it did so in."""
    try:
        found = check(*args, **kwargs)
    except DataError as error:
        return [Finding(name, "fail", str(error))]
    return found if isinstance(found, list) else [found]
