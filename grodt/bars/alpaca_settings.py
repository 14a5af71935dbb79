"""What an Alpaca source needs to be told: its settings in the books file, and where its key is looked for."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from grodt.bars.address import Address
from grodt.bars.credentials import KeyVariables

#: As Alpaca's own clients name them.
KEY_VARIABLE = "APCA_API_KEY_ID"
SECRET_VARIABLE = "APCA_API_SECRET_KEY"
VARIABLES = KeyVariables(KEY_VARIABLE, SECRET_VARIABLE)


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
