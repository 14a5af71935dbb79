"""What a ccxt source needs to be told."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

from grodt.bars.address import Address


class CcxtSettings(BaseModel):
    """A `ccxt` source of the books file: one crypto venue.

    Attributes:
        venue: ccxt's id of it, such as kraken, coinbase or binance.
        quote: the currency that prices and cash are in, such as USD; markets in others are not listed. A book's cash has one currency.
        url: a host that is asked in place of the venue's own, with the same paths; absent: the venue's own.
        timeout_seconds: how long one answer is waited for.
        with_key: whether to ask with a key, for a venue that gives bars to its customers alone; most need none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    venue: Annotated[str, Field(pattern=r"^[a-z0-9]{2,30}$")]
    quote: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$")]
    url: Address | None = None
    timeout_seconds: Annotated[float, Strict(), Field(ge=1, le=600)] = 30.0
    with_key: Annotated[bool, Strict()] = False
