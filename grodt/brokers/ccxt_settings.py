"""What the broker at a crypto venue needs to be told."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from grodt.bars.credentials import KeyVariables, source_variables


class CcxtAccount(BaseModel):
    """An account at a crypto venue that ccxt knows.

    Attributes:
        venue: ccxt's id of it; one of `ccxt_venues.VENUES`.
        quote: the currency that prices and cash are in; every market of the book is priced in it.
        account: `sandbox` trades no money, at a venue that has one (kraken has none); `live` must be written out.
        key: name of the account's key; the venue's id where it is not given. It is in <KEY>_API_KEY and <KEY>_API_SECRET, or in the Prefect
            block grodt-<key>.
        keeps_orders: of orders that may outlive a corporate action; coins have none.
    """

    keeps_orders: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", frozen=True)

    venue: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{1,19}$")]
    quote: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$")]
    account: Literal["sandbox", "live"] = "sandbox"
    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,19}$")] | None = None

    @property
    def key_name(self) -> str:
        """Name of its key."""
        return self.key or self.venue

    @property
    def variables(self) -> KeyVariables:
        """The environment variables that its key is looked for in."""
        return source_variables(self.key_name)
