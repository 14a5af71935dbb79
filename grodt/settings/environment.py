"""What the environment says: where things are, and what time it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from grodt.errors import ConfigError
from grodt.sessions import require_utc

DEFAULT_HOME = ".grodt"
_FILE = "sqlite:///"
#: In a URL, after who or what it belongs to.
_PASSWORD = re.compile(r"(?<=://)([^/?#:@]*):[^/?#]*(?=@)|(?<=[?&])password=[^&]*&?")


@dataclass(frozen=True, slots=True)
class Environment:
    """Where GRODT keeps its data and reads its books.

    Attributes:
        home: absolute folder of lake, ledger, reports and logs (`GRODT_HOME`, default `.grodt/` in the working folder).
        is_default_home: whether `GRODT_HOME` was not given.
        books_file: the books file (`GRODT_CONFIG`, else `grodt.yaml` in the working folder), or None for the built-in demo book.
        fixed_now: a fixed instant that stands in for the clock (`GRODT_NOW`, for rehearsals and tests), or None.
        lake_root: folder or URL of the lake (`GRODT_LAKE`, such as `s3://bucket/prefix`), or None for `lake/` below the home.
        ledger: URL of the ledger (`GRODT_LEDGER`, such as `postgresql://user@host/grodt`), or None for `ledger.db` in the home.
        log_to_stdout: whether log lines go to standard output too (`GRODT_LOG_STDOUT`, set by `grodt serve`).
    """

    home: Path
    is_default_home: bool = True
    books_file: Path | None = None
    fixed_now: datetime | None = None
    log_to_stdout: bool = False
    lake_root: Path | str | None = None
    ledger: str | None = None

    @classmethod
    def read(cls, variables: Mapping[str, str], folder: Path) -> "Environment":
        """Read it from environment variables and the working folder.

        Raises:
            ConfigError: `GRODT_CONFIG` names no file, `GRODT_HOME` or `GRODT_LAKE` is no folder, `GRODT_LEDGER` is no URL, or `GRODT_NOW`
                is not an instant with a zone.
        """
        named = variables.get("GRODT_CONFIG")
        books_file = (folder / named if named else folder / "grodt.yaml").resolve()
        if named and not books_file.is_file():
            why = "which is no file" if books_file.exists() else "and there is no such file"
            raise ConfigError(f"GRODT_CONFIG names {books_file}, {why}; correct the path or unset it for the demo book")
        home = (folder / (variables.get("GRODT_HOME") or DEFAULT_HOME)).resolve()
        if home.exists() and not home.is_dir():
            raise ConfigError(f"GRODT_HOME names {home}, which is no folder; name one, or a path where one may be made")
        return cls(
            home=home,
            is_default_home=not variables.get("GRODT_HOME"),
            books_file=books_file if books_file.is_file() else None,
            fixed_now=_instant(variables["GRODT_NOW"]) if variables.get("GRODT_NOW") else None,
            log_to_stdout=bool(variables.get("GRODT_LOG_STDOUT")),
            lake_root=_lake(variables["GRODT_LAKE"], folder) if variables.get("GRODT_LAKE") else None,
            ledger=_ledger(variables["GRODT_LEDGER"]) if variables.get("GRODT_LEDGER") else None,
        )

    @property
    def lake(self) -> Path | str:
        """Root of the lake: a folder, or the URL of an object store."""
        return self.lake_root or self.home / "lake"

    @property
    def ledger_url(self) -> str:
        """The ledger's database URL. It may have a password in it; `ledger_name` has none."""
        return self.ledger or f"{_FILE}{self.home / 'ledger.db'}"

    @property
    def ledger_name(self) -> str:
        """The ledger, for people: its file, or its URL without a password."""
        return _PASSWORD.sub(r"\1", self.ledger_url).removeprefix(_FILE)

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger to read; one on a server is taken to be there."""
        file = self.ledger_url.removeprefix(_FILE)
        return file == self.ledger_url or Path(file).exists()

    @property
    def reports(self) -> Path:
        """Folder of the reports that people read."""
        return self.home / "reports"

    @property
    def logs(self) -> Path:
        """Folder of the JSON log."""
        return self.home / "logs"

    def report_file(self, book: str, session: date, slot: str = "") -> Path:
        """The report of one cycle."""
        return self.reports / book / (f"{session}-{slot}.md" if slot else f"{session}.md")

    def tear_sheet_file(self, book: str) -> Path:
        """The book's tear sheet, up to its last cycle; its numbers stand beside it."""
        return self.reports / book / "tear-sheet.html"

    def broker_file(self, book: str) -> Path:
        """The paper broker's own book for one of ours."""
        return self.home / "brokers" / f"paper-{book}.db"


def _lake(named: str, folder: Path) -> Path | str:
    if "://" in named:
        return named
    root = (folder / named).resolve()
    if root.exists() and not root.is_dir():
        raise ConfigError(f"GRODT_LAKE names {root}, which is no folder; name one, or a URL such as s3://bucket/prefix")
    return root


def _ledger(named: str) -> str:
    if "://" not in named:
        raise ConfigError("GRODT_LEDGER is no URL; write it as postgresql://user@host/database, or unset it for a file in the home")
    return named


def _instant(text: str) -> datetime:
    try:
        return require_utc(datetime.fromisoformat(text), "GRODT_NOW")
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"GRODT_NOW={text!r}: {error}; write it as 2026-11-21T12:00:00Z") from None
