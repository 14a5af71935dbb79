"""`grodt backup` and `grodt restore`: a home's ledger, paper brokers and lake, whole and of one instant; and the way back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json
from flows.commands.tables import show
from flows.progress import Progress, out
from grodt.errors import ConfigError

if TYPE_CHECKING:
    from grodt.backups import Backup

_FOLDER = "backups"
_MEGABYTE = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    into: Annotated[Path | None, typer.Argument(help="Folder of the backups, best on another disk; else `backups` in the home.")] = None,
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="Keep that many of its backups, the newest; else all.")] = None,
    as_json: Json = False,
) -> None:
    """Copy ledger, paper brokers and lake as of one instant, while the home is in use, and read the copy again."""
    from flows.at_home import lake_at_home, ledger_at_home
    from grodt.backups import back_up
    from tasks.environment import clock, environment
    from tasks.paper_files import paper_files

    where, progress = environment(), Progress()
    with progress.live(), ledger_at_home() as ledger:
        files = paper_files(where, ledger)
        lake = None if isinstance(where.lake, str) else lake_at_home(ledger)
        folder = (into or where.home / _FOLDER).absolute()
        made = back_up(ledger, lake, files, folder, now=clock(where)(), say=progress.say_once_slow, keep=keep)
    _show("backup", made, as_json)
    if not as_json and made.contents.lake_files is None:
        out.print(f"the lake is not in it, for it is in an object store: {where.lake}", soft_wrap=True)


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup: a folder that `grodt backup` has made.")],
    as_json: Json = False,
) -> None:
    """Make this home of a backup. Nothing may stand there; it appears whole, once all of it has been read again."""
    from grodt.backups import restore as restored_from
    from tasks.environment import environment

    where, progress = environment(), Progress()
    if where.ledger is not None:
        raise ConfigError("GRODT_LEDGER is set, and a backup is restored to a file in the home: unset it")
    with progress.live():
        made = restored_from(folder.absolute(), where.home, where.lake, say=progress.say_once_slow)
    _show("restored", made, as_json)
    if not as_json:
        out.print(
            f"it is as of {made.contents.taken_at:%Y-%m-%d %H:%M:%S} UTC. What real brokers did since is in their accounts: "
            "`grodt run` takes up orders that it finds there under its ids, and shows the rest as breaks.",
            soft_wrap=True,
        )


def _show(title: str, made: "Backup", as_json: bool) -> None:
    contents = made.contents
    rows: list[dict[str, Any]] = [{"what": file.path, "files": 1, "MB": file.size / _MEGABYTE} for file in contents.files]
    if contents.lake_files is not None and contents.lake_bytes is not None:
        rows.append({"what": "lake", "files": contents.lake_files, "MB": contents.lake_bytes / _MEGABYTE})
    if as_json:
        facts = contents.model_dump(mode="json") | {"folder": str(made.folder), "linked": made.linked, "wrong": list(made.wrong)}
        show(title, [], [facts], as_json=True, empty="")
        return
    show(title, ["what", "files", "MB"], rows, as_json=False, empty="nothing")
    out.print(f"folder: {made.folder}", soft_wrap=True)
    if made.linked:
        out.print(f"{made.linked:,} of the lake's files are those of the backup before", soft_wrap=True)
    out.print("read again: every file hashed, the audit chain followed, the invariants hold", soft_wrap=True)
    for each in made.wrong:
        out.print(f"but as in the original: {each}", soft_wrap=True)
    out.print(f"head of the audit chain: {contents.head}", soft_wrap=True)
