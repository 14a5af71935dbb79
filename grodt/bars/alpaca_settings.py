"""What an Alpaca source needs to be told: its settings in the books file, and the key in the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from grodt.errors import ConfigError

KEY_VARIABLE = "APCA_API_KEY_ID"
SECRET_VARIABLE = "APCA_API_SECRET_KEY"
_OWN_MACHINE = ("127.0.0.1", "localhost", "::1")


def _address(text: str) -> str:
    """The URL of a host, without a slash at its end.

    Raises:
        ValueError: it has more than scheme and host, or would send the secret in the clear to another machine.
    """
    wrong = ValueError("must be the https URL of a host, such as https://data.alpaca.markets (http only to this machine)")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc or not text.isprintable() or " " in text:
        raise wrong
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _OWN_MACHINE):
        raise wrong
    return text.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]


class AlpacaSettings(BaseModel):
    """An `alpaca` source of the books file.

    Attributes:
        feed: where prices come from. `iex` needs no subscription but is one venue's trades alone; `sip` is every venue's. The night
            feeds (`overnight`, `boats`) are not offered: their daily bars are not of the exchange's session.
        data_url: the market data host.
        trading_url: the host that lists assets. A key of a live account belongs to https://api.alpaca.markets.
        adjustment: always raw; splits and dividends are stored beside the prices.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: Literal["iex", "sip", "delayed_sip", "otc"]
    data_url: Address = "https://data.alpaca.markets"
    trading_url: Address = "https://paper-api.alpaca.markets"
    adjustment: Literal["raw"] = "raw"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its secret; the secret is never shown."""

    key: str
    secret: str = field(repr=False)

    @classmethod
    def read(cls, variables: Mapping[str, str], source: str) -> "Credentials":
        """They as environment variables give them.

        Raises:
            ConfigError: one is absent, or cannot be sent in a header; the message names both variables.
        """
        key, secret = (variables.get(name, "").strip() for name in (KEY_VARIABLE, SECRET_VARIABLE))
        if not key or not secret:
            missing = " and ".join(name for name, value in ((KEY_VARIABLE, key), (SECRET_VARIABLE, secret)) if not value)
            raise ConfigError(
                f"source {source!r} is of kind alpaca and {missing} is not set; set {KEY_VARIABLE} and {SECRET_VARIABLE} in the "
                "environment to a key made on Alpaca's dashboard"
            )
        if not (key + secret).isascii() or not (key + secret).isprintable():
            raise ConfigError(f"source {source!r}: {KEY_VARIABLE} or {SECRET_VARIABLE} has characters that no key has; copy them again")
        return cls(key, secret)
