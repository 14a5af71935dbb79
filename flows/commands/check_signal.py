"""`grodt check-signal`: looks for look-ahead, an unstable warm-up and other flaws in a signal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json
from flows.commands.tables import show_json
from flows.progress import Progress, console, out
from grodt.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rich.table import Table

    from grodt.settings.book import BookConfig
    from grodt.signals.checking.subject import Finding
    from grodt.signals.panel import Panel
    from grodt.signals.plugins.kind import Kind
    from grodt.signals.signal import Signal

#: Without a terminal, seconds before the first line of progress.
_SOON = 2.0
#: Real bars of so many symbols, and minutes of so many sessions, are enough to find what there is.
_SYMBOLS, _SESSIONS = 200, 10
_MARKS = {"pass": ("PASS", "green"), "fail": ("FAIL", "bold red"), "note": ("note", ""), "skipped": ("skipped", "dim")}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check-signal")(check_signal)


def check_signal(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The signal; may be left out where --file has one alone.")] = None,
    file: Annotated[str | None, typer.Option("--file", "-f", help="A Python file of your own that has it.")] = None,
    book: Annotated[str | None, typer.Option("--book", "-b", help="As this book configures it, and on this book's bars.")] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--parameters", "-p", metavar="K=V", help="A parameter, or several with blanks between; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the panels that are made; another one looks elsewhere.")] = 1,
    as_json: Json = False,
) -> None:
    """Look for flaws in a signal: look-ahead, unstable warm-up, values without bars, and more. Exit status 1 if there is one."""
    from grodt.signals.checking.examination import examine, remarks

    kind, given = _chosen(name, file, book)
    given = {**given, **_parsed(parameters or [])}

    def build() -> "Signal":
        return kind.build(given)

    signal, progress = build(), Progress()
    place = kind.origin.place if kind.origin else "GRODT itself"

    def tell(text: str) -> None:
        if console.is_interactive or progress.seconds() > _SOON:
            progress.say(f"{signal.name}: {text}")

    with progress.live():
        findings = [*examine(build, seed, tell), *remarks(build, seed, tell), *_on_real_bars(build, signal, book, seed, tell)]
    failed = [each.check for each in findings if each.verdict == "fail"]
    if as_json:
        show_json([_row(each) | {"signal": signal.name, "origin": place, "seed": seed} for each in findings])
    else:
        stated = f"history {signal.history}, fields {', '.join(signal.fields) or 'none'}"
        told = ", ".join(f"{key} {value}" for key, value in given.items())
        out.print(f"signal {signal.name} of {place}: {stated}{f', {told}' if told else ''}; panels of seed {seed}\n", soft_wrap=True)
        out.print(_table(findings))
    if failed:
        raise DataError(f"signal {signal.name} fails {', '.join(failed)}; mend it before it trades")


def _chosen(name: str | None, file: str | None, book: str | None) -> "tuple[Kind, Mapping[str, Any]]":
    """The kind of signal that is meant, and the parameters that it has in a book."""
    from grodt.signals.plugins.files import names_in_file
    from grodt.signals.plugins.packages import installed
    from grodt.signals.registry import BUILT_IN, find_signal

    if file is not None:
        names = names_in_file(file, Path.cwd()) if name is None else (name,)
        if len(names) != 1:
            raise ConfigError(f"{file} has {', '.join(names) or 'no signal'}; name the one to check")
        return find_signal(names[0], file, Path.cwd()), {}
    if name is None:
        raise ConfigError("name a signal, or a file that has one with --file")
    if book is not None or name not in {*BUILT_IN, *(entry.name for entry in installed())}:
        found = _configured(name, book)
        if found is not None:
            return found
    return find_signal(name), {}


def _configured(name: str, book: str | None) -> "tuple[Kind, Mapping[str, Any]] | None":
    """The signal as a book configures it, by the name that it has there; None where none does."""
    from tasks.wiring import books

    described = books()
    searched: Sequence[BookConfig] = [described.book(book)] if book is not None else list(described.books.values())
    found = [(each, one) for each in searched for one in each.all_signals if name in (one.signal, one.build().name)]
    exact = [(each, one) for each, one in found if one.build().name == name] or found
    if len({(one.signal, one.file, str(one.parameters)) for _, one in exact}) > 1:
        raise ConfigError(f"signal {name} is configured in more than one way, in {', '.join(each.name for each, _ in exact)}: say --book")
    return (exact[0][1].kind, exact[0][1].parameters) if exact else None


def _parsed(given: Sequence[str]) -> dict[str, Any]:
    """Parameters from words such as window=20 or fast=[8,16]."""
    parsed: dict[str, Any] = {}
    for word in " ".join(given).split():
        key, sign, value = word.partition("=")
        if not key or not sign or not value:
            raise ConfigError(f"--parameters {word!r} is not of the form k=v, such as window=20")
        parsed[key] = _value(value)
    return parsed


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("[") and text.endswith("]"):
        return tuple(_value(part) for part in text[1:-1].split(",") if part)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _on_real_bars(
    build: "Callable[[], Signal]", signal: "Signal", book: str | None, seed: int, tell: Callable[[str], None]
) -> "Iterator[Finding]":
    """What can be checked on the book's bars, if this home has some."""
    from grodt.signals.checking.examination import examine_on
    from grodt.signals.checking.subject import Finding

    tell("reading real bars")
    panel, why_not = _real_bars(signal, book)
    if panel is None:
        yield Finding("real bars", "skipped", why_not)
        return
    yield Finding("real bars", "note", why_not)
    yield from examine_on(build, panel, seed, lambda text: tell(f"{text}, real bars"))


def _real_bars(signal: "Signal", book: str | None) -> "tuple[Panel | None, str]":
    """Bars of the book's source, and what they are; or None, and why not."""
    from tasks.environment import environment

    where = environment()
    if not where.has_ledger:  # before all that brings SQLAlchemy
        return None, f"there is no lake in {where.home}; `grodt run` or `grodt ingest` makes one"

    from flows.at_home import chosen_book, lake_at_home, ledger_at_home
    from grodt.execution.history import read_panel
    from grodt.execution.minute_history import read_minute_panel
    from grodt.ledger.manifest import snapshot
    from grodt.signals.signal import is_intraday
    from tasks.wiring import books

    try:
        config = books().book(chosen_book(book))
    except ConfigError as error:
        if book is not None:
            raise
        return None, str(error)
    table = "bars_1m" if is_intraday(signal) else "bars_1d"
    with ledger_at_home() as ledger:
        with ledger.read() as tx:
            now = snapshot(tx)
        lake, source = lake_at_home(ledger), config.source
        last = max((each.last_session for each in now.of(table, source) if each.last_session), default=None)
        if last is None:
            return None, f"the lake has no {table} of source {source}; `grodt ingest` brings them in"
        quoted = (
            lake.read(table, now, source=source, columns=["symbol"], start=last, end=last)["symbol"].cast(str).unique().sort().to_list()
        )
        symbols = [each for each in quoted if config.universe.symbols is None or each in config.universe.symbols]
        chosen = symbols[:: max(1, -(-len(symbols) // _SYMBOLS))]
        place = (lake, now, source, config.exchange, last, chosen)
        if table == "bars_1d":
            panel = read_panel(*place, signal.fields)
        else:
            panel = read_minute_panel(*place, "1m", signal.fields, start=config.exchange.latest(last, _SESSIONS)[0])
    of = f" of {len(symbols):,}" if len(chosen) < len(symbols) else ""
    kept = f"{len(chosen)}{of} {'symbol' if len(symbols) == 1 else 'symbols'}"
    return panel, f"{kept} of book {config.name}, {panel.sessions[0]} to {last}"


def _table(findings: "Sequence[Finding]") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("found", overflow="fold")
    for each in findings:
        mark, style = _MARKS[each.verdict]
        world = f", on {each.world}" if each.verdict == "fail" and each.world else ""
        table.add_row(each.check, Text(mark, style=style), f"{each.words}{world}")
    return table


def _row(finding: "Finding") -> dict[str, object]:
    return {
        "check": finding.check,
        "verdict": finding.verdict,
        "found": finding.words,
        "world": finding.world or None,
        "symbol": finding.symbol or None,
        "session": finding.session or None,
        "values": [{"what": what, "value": value if value == value else None} for what, value in finding.values.items()],  # noqa: PLR0124 - NaN
    }
