"""What the Alpaca broker needs to be told: which account, and where its key is looked for."""

from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from grodt.bars.address import Address
from grodt.bars.alpaca_settings import VARIABLES
from grodt.bars.credentials import KeyVariables, source_variables

HOSTS = {"paper": "https://paper-api.alpaca.markets", "live": "https://api.alpaca.markets"}
#: The key of this name has the variables of Alpaca's own clients.
_USUAL_KEY = "alpaca"


class AlpacaAccount(BaseModel):
    """An account at Alpaca.

    Attributes:
        account: `paper` trades no money; `live` must be written out.
        key: name of the account's key. `alpaca` is in APCA_API_KEY_ID and APCA_API_SECRET_KEY, another one in <KEY>_API_KEY and
            <KEY>_API_SECRET, and either in the Prefect block grodt-<key>.
        trading_url: the account's host, where it is not Alpaca's own.
        keeps_orders: of orders that may outlive a split, a delisting or a change of symbol as they were written: Alpaca promises neither
            to cancel them nor to adjust them.
    """

    keeps_orders: ClassVar[frozenset[str]] = frozenset({"opg", "cls", "day", "gtc"})

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: Literal["paper", "live"] = "paper"
    key: str = Field(default=_USUAL_KEY, pattern=r"^[a-z][a-z0-9_-]{0,19}$")
    trading_url: Address | None = None

    @model_validator(mode="after")
    def _host_of_the_account(self) -> Self:
        for account, host in HOSTS.items():
            if account != self.account and urlsplit(self.url).hostname == urlsplit(host).hostname:
                raise ValueError(f"account is {self.account} and trading_url is the host of {account} accounts; write account: {account}")
        return self

    @property
    def url(self) -> str:
        """The account's host."""
        return self.trading_url or HOSTS[self.account]

    @property
    def variables(self) -> KeyVariables:
        """The environment variables that its key is looked for in."""
        return VARIABLES if self.key == _USUAL_KEY else source_variables(self.key)
