"""`grodt catalog`: the tables of the lake, what is in them, and how fresh it is."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json
from flows.commands.tables import show, show_facts, show_json
from flows.progress import out
from grodt.errors import ConfigError

if TYPE_CHECKING:
    from grodt.lake.manifest import LakeFile

_HELD = ("files", "rows", "first_session", "last_session", "age", "size")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("catalog")(catalog)


def catalog(
    table: Annotated[str | None, typer.Argument(metavar="[TABLE]", help="All there is to say of this table; else a line for each.")] = None,
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/data.md: what the tables are, whatever is in them.")] = False,
) -> None:
    """The lake's tables: how much there is and how fresh; of one table its columns, types, units, key and rules."""
    from grodt.lake import TABLES
    from grodt.lake.describe import markdown as page

    if table is not None and table not in TABLES:
        near = get_close_matches(table, TABLES)
        raise ConfigError(
            f"there is no table {table!r}; " + (f"did you mean {' or '.join(near)}?" if near else f"the lake has {', '.join(TABLES)}")
        )
    if markdown:
        typer.echo(page(TABLES if table is None else [table]), nl=False)
    elif table is None:
        _tables(as_json=as_json)
    else:
        _table(table, as_json=as_json)


def _tables(*, as_json: bool) -> None:
    from grodt.lake import TABLES
    from grodt.lake.describe import describe

    files, now = _listed(list(TABLES))
    rows = [
        {"table": table, "description": describe(table).description} | _held([file for file in files if file.table == table], now)
        for table in TABLES
    ]
    if as_json:
        show_json(rows)
        return
    said = [_said(row) for row in rows]
    show("tables of the lake", ("table", *_HELD, "description"), said, as_json=False, empty="none", optional=("description",))
    out.print("age: since we learned the newest of it; grodt catalog TABLE says what its columns are", soft_wrap=True)


def _table(table: str, *, as_json: bool) -> None:
    from grodt.lake.describe import describe

    facts = describe(table)
    files, now = _listed([table])
    parts = [{"of": name} | _held([file for file in files if file.source == name], now) for name in sorted({file.source for file in files})]
    if as_json:
        show_json([asdict(facts) | _held(files, now) | {"parts": parts}])
        return
    out.print(f"{table}: {facts.description}\n")
    show_facts(
        {each.name: f"{each.description} ({', '.join(filter(None, (each.type, each.unit, each.values)))})" for each in facts.columns}
    )
    out.print()
    rules = "\n".join(f"{rule.name}: {rule.description}" for rule in facts.rules)
    show_facts({"one row for each": ", ".join(facts.key)} | ({"rules": rules} if rules else {}))
    out.print()
    show("in the lake", ("of", *_HELD), [_said(part) for part in parts], as_json=False, empty="nothing yet")


def _listed(tables: Sequence[str]) -> "tuple[tuple[LakeFile, ...], datetime]":
    """The files of those tables as they are now, and what time that is."""
    from flows.at_home import ledger_at_home
    from grodt.ledger.manifest import snapshot
    from tasks.environment import clock, environment

    with ledger_at_home() as ledger, ledger.read() as tx:
        return snapshot(tx, tables=tables).files, clock(environment())()


def _held(files: "Sequence[LakeFile]", now: datetime) -> dict[str, Any]:
    """How much some files hold, and how long ago the newest of it was learned."""
    known_at = max((file.known_at for file in files), default=None)
    return {
        "files": len(files),
        "rows": sum(file.rows for file in files),
        "first_session": min((file.first_session for file in files if file.first_session), default=None),
        "last_session": max((file.last_session for file in files if file.last_session), default=None),
        "known_at": known_at,
        "age_seconds": None if known_at is None else max(0, int((now - known_at).total_seconds())),
        "bytes": sum(file.size for file in files),
    }


def _said(held: dict[str, Any]) -> dict[str, Any]:
    """The same for people."""
    return held | {"age": _age(held["age_seconds"]), "size": _size(held["bytes"])}


def _age(seconds: int | None) -> str:
    """How long ago, in its two largest units."""
    if seconds is None:
        return ""
    since = timedelta(seconds=seconds)
    hours, minutes = divmod(since.seconds // 60, 60)
    if since.days:
        return f"{since.days:,} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"


def _size(count: int) -> str:
    """Bytes, to three digits."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.{0 if units[0] == 'B' or size >= 99.95 else 1}f} {units[0]}"
