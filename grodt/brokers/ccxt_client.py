"""What makes a client of ccxt for an account."""

from collections.abc import Callable
from typing import Any

from grodt.bars.credentials import Credentials
from grodt.brokers.ccxt_settings import CcxtAccount
from grodt.errors import ConfigError


def client_class(book: str, account: CcxtAccount, credentials: Credentials) -> Callable[[], Any]:
    """What makes a client.

    Raises:
        ConfigError: ccxt is not installed, or does not know the venue.
    """
    try:
        import ccxt.async_support as ccxt
    except ImportError as error:
        raise ConfigError(
            f"broker of book {book!r} is of kind ccxt and {error.name} is not installed; install it with `uv sync --extra crypto`"
        ) from None
    if account.venue not in ccxt.exchanges:
        raise ConfigError(f"broker of book {book!r}: ccxt {ccxt.__version__} knows no venue {account.venue!r}")

    def made() -> Any:
        client = getattr(ccxt, account.venue)({"apiKey": credentials.key, "secret": credentials.secret, "enableRateLimit": True})
        client.number = str  # exact, and not through floats
        client.options["warnOnFetchOpenOrdersWithoutSymbol"] = False
        if account.account == "sandbox":
            client.set_sandbox_mode(True)
        return client

    return made
