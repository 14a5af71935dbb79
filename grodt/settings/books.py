"""The books file: sources and books, as pydantic looks at them.

Domain dataclasses (limits, construction, thresholds, signals' parameters) are embedded as they are, so that a bound is stated
in one place. Unknown keys are errors.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from grodt.errors import ConfigError, NotFound
from grodt.settings.book import BookConfig
from grodt.settings.brokers import AlpacaBrokerConfig, CcxtBrokerConfig, IbBrokerConfig
from grodt.settings.fields import Name
from grodt.settings.file import cause, folder_of, mistakes, read_content
from grodt.settings.intraday import DECIDES_NOTHING as DECIDES_NOTHING_WITHIN
from grodt.settings.section import Section
from grodt.settings.signals import FOLDER
from grodt.settings.sources import SourceConfig

#: Of a book, what is no part of the configuration hash.
_DECIDES_NOTHING: Any = {
    "schedule": True,
    "approval": True,
    "break_age_days": True,
    "charges_bps": True,
    "limits": True,
    "quality": {"completeness"},
}


class Books(Section):
    """A books file."""

    sources: dict[Name, SourceConfig] = Field(min_length=1)
    books: dict[Name, BookConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for key, book in self.books.items():
            if book.name != key:
                raise ValueError(f"books.{key}.name is {book.name!r}; a book's name is its key: remove the line")
            if book.source not in self.sources:
                raise ValueError(f"books.{key}.source is {book.source!r}; the file describes {', '.join(sorted(self.sources))}")
            source = self.sources[book.source]
            if book.orders_kept and not source.tells_ahead:
                raise ValueError(
                    f"books.{key}.source: {book.source!r} of kind {source.kind} tells no splits before their day, and orders "
                    f"({', '.join(sorted(book.orders_kept))}) that wait at a broker of kind {book.broker.kind} would stand as they were "
                    "written through one: a sell of all that is held, before ten shares become one, sells ten times as much. "
                    "Use a source of kind alpaca, files or simulated"
                )
        return self

    @model_validator(mode="after")
    def _an_account_each(self) -> Self:
        owners: dict[tuple[str, str], str] = {}
        for name, book in self.books.items():
            match book.broker:
                case AlpacaBrokerConfig() as account:
                    place, which = (account.url, account.key), f"of Alpaca (key {account.key}); open one for each, and name its broker.key"
                case IbBrokerConfig() as account:
                    place, which = ("ib", account.account), f"of Interactive Brokers ({account.account}); use one for each"
                case CcxtBrokerConfig() as account:
                    key = account.key_name
                    place, which = (account.venue, key), f"of {account.venue} (key {key}); open one for each, and name its broker.key"
                case _:
                    continue
            owner = owners.setdefault(place, name)
            if owner != name:
                raise ValueError(f"books {owner} and {name} trade one account, whose positions cannot be told apart, {which}")
        return self

    def book(self, name: str) -> BookConfig:
        """The book of that name.

        Raises:
            NotFound: there is none; the message names those there are.
        """
        if name not in self.books:
            raise NotFound(f"book {name!r} is unknown; the books file describes {', '.join(sorted(self.books))}")
        return self.books[name]

    def config_hash(self, name: str) -> str:
        """SHA-256 over what decides the book's orders: the book, its source and the code of its own signals.

        Without the schedule, the rule of approval and the age of breaks, which decide no order, and without the limits: those in
        force stand in the ledger, with who changed them and why, and a change of one makes no new strategy. A term of the broker that has
        its default is left out, so that a file without it has the hash it always had; so are `strategies` and an `intraday` section that
        are not there, an `order` section that says no more than the default, the name of a key and the address of a host.
        """
        book = self.book(name)
        within: dict[str, Any] = {"intraday": True if book.intraday is None else DECIDES_NOTHING_WITHIN}
        several: dict[str, Any] = {} if book.strategies else {"strategies": True}
        if book.order.is_default:
            within["order"] = True
        elif book.order.bracket is None:
            within["order"] = {"bracket"}
        broker = book.broker.model_dump(mode="json", exclude_defaults=True, exclude={"key", "trading_url", "host", "port", "client_id"})
        content = {
            "book": book.model_dump(mode="json", exclude=_DECIDES_NOTHING | within | several) | {"broker": broker},
            "source": self.sources[book.source].model_dump(mode="json"),
            "signals": [signal.identity for signal in book.all_signals],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()


def load_books(path: Path | None) -> Books:
    """The books file at `path`, or the built-in demo book for None. Relative paths in it start at its own folder.

    Raises:
        ConfigError: it cannot be read, is no YAML, repeats a key, or does not describe books; one line per mistake.
    """
    content, origin = read_content(path)
    try:
        return Books.model_validate(content, context={FOLDER: folder_of(path)})
    except ValidationError as error:
        raise ConfigError(f"{origin}:\n{mistakes(error)}") from cause(error)
