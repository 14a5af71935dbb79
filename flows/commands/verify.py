"""`grodt verify`: the lake's checksums, the audit chain, and the invariants."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Json
from flows.commands.tables import show
from flows.progress import Progress, out
from grodt.errors import DataError

if TYPE_CHECKING:
    from grodt.ledger.unit import Ledger
    from grodt.ledger.verify_findings import Check


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(
    book: Annotated[str | None, typer.Option("--book", "-b", help="Only this book's rows of the ledger; else every book's.")] = None,
    head: Annotated[str | None, typer.Option("--head", help="Head of the audit chain, noted earlier, that must still be in it.")] = None,
    as_json: Json = False,
) -> None:
    """Check every file of the lake, the audit chain, and the invariants of the ledger. Status 1 where one does not hold."""
    from flows.at_home import chosen_book, ledger_at_home
    from grodt.ledger.verify import verify_ledger

    name = None if book is None else chosen_book(book)
    progress = Progress()
    with progress.live(), ledger_at_home() as ledger:
        lake = _lake(ledger, progress)
        with ledger.read() as tx:
            checks = verify_ledger(tx, name, head, progress.say_once_slow)
    rows = [lake, *map(_of_ledger, checks)]
    failed = [row for row in rows if row["result"] == "FAIL"]
    title = "verify" if name is None else f"verify: {name}"
    show(title, ["invariant", "what", "checked", "result"], rows, as_json=as_json, empty="nothing")
    for row in () if as_json else failed:
        out.print(f"FAIL {row['invariant']}, {row['what']}:", soft_wrap=True)
        for finding in row["findings"]:
            out.print(f"  {finding}", soft_wrap=True)
        out.print(f"  what to do: {row['advice']}", soft_wrap=True)
    if not as_json:
        for row in (row for row in rows if not row["things"]):
            out.print(f"nothing is there to look at for {row['invariant']}, {row['what']}: {row['checked']}", soft_wrap=True)
        for chain in (each for each in checks if each.head):
            out.print(f"head of the audit chain: {chain.head}", soft_wrap=True)
    if failed:
        first = failed[0]["findings"][0]
        raise DataError(f"{len(failed)} of {len(rows)} checks failed; the first: {first}")


def _lake(ledger: "Ledger", progress: Progress) -> dict[str, Any]:
    """The lake against its manifest. Where the manifest is damaged, that is the finding, and the ledger's own checks name its row."""
    from flows.at_home import lake_at_home
    from grodt.ledger.manifest import LedgerManifest
    from grodt.ledger.unit import LedgerUnusable

    try:
        current = LedgerManifest(ledger).snapshot()
        files = lake_at_home(ledger).verify(current, progress.say_once_slow)
    except (LedgerUnusable, ValueError) as error:
        found = [f"the manifest cannot be read, so no file was compared with it: {error}"]
        return _of_lake("no file", 1, found, "see what the checks below find of lake_files and lake_commits")
    findings = [f"{each.kind} {each.path}: {each.detail}" for each in files]
    return _of_lake(f"{len(current.files):,} files", len(current.files), findings, "each finding says it")


def _of_lake(checked: str, things: int, findings: list[str], advice: str) -> dict[str, Any]:
    return {
        "invariant": "lake",
        "what": "every file is as the manifest lists it",
        "checked": checked,
        "things": things,
        "result": "FAIL" if findings else "PASS",
        "findings": findings,
        "advice": advice,
    }


def _of_ledger(check: "Check") -> dict[str, Any]:
    return {
        "invariant": str(check.invariant or "file"),
        "what": check.what,
        "checked": check.checked,
        "things": check.things,
        "result": "PASS" if check.holds else "FAIL",
        "findings": list(check.findings),
        "advice": check.advice,
        "head": check.head or None,
    }
