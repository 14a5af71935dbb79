"""What people name of a books file: a book, its strategies, the symbols that it may trade."""

from difflib import get_close_matches

from grodt.errors import ConfigError
from grodt.ledger.manifest import coverage
from grodt.ledger.transaction import Read
from grodt.settings.book import BookConfig
from grodt.settings.books import Books


def chosen_book(books: Books, name: str | None) -> str:
    """The book named, the only one there is, or `demo`.

    Raises:
        ConfigError: none was named and there are several, or there is none of that name.
    """
    if name is not None:
        return books.book(name).name
    if len(books.books) == 1:
        return next(iter(books.books))
    if "demo" in books.books:
        return "demo"
    raise ConfigError(f"name a book with --book; the books file describes {', '.join(sorted(books.books))}")


def require_strategy(config: BookConfig, strategy: str) -> None:
    """Refuse a strategy that the book does not have. In a book without `strategies` each of its signals is one, by name.

    Raises:
        ConfigError: names those it has.
    """
    kind = "strategies" if config.strategies else "signals"
    names = [each.name for each in config.strategies] or [signal.name for signal, _ in config.weighted_signals()]
    if strategy not in names:
        raise ConfigError(f"book {config.name} has no strategy {strategy!r}; its {kind} are {', '.join(names)}")


def require_traded(tx: Read, config: BookConfig, symbol: str) -> None:
    """Refuse a symbol that the book can have nothing to do with: its universe does not name it, and nothing was ever asked about it.

    Raises:
        ConfigError: names the symbol and the nearest ones.
    """
    known = {*(config.universe.symbols or ()), *coverage(tx, config.source)}
    if symbol not in known:
        near = get_close_matches(symbol.upper(), sorted(known))
        raise ConfigError(
            f"book {config.name} knows no symbol {symbol!r}"
            + (f"; did you mean {' or '.join(near)}?" if near else "; grodt catalog bars_1d and its universe have those that it knows")
        )
