"""Sources of the books file: where bars come from."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from grodt.bars.alpaca_settings import AlpacaSettings
from grodt.bars.ccxt_settings import CcxtSettings
from grodt.bars.files import FilesSettings
from grodt.bars.yahoo_settings import YahooSettings
from grodt.settings.fields import Day, Whole
from grodt.settings.section import Section


class SimulatedConfig(Section):
    """A simulated exchange, reproducible from its seed.

    Attributes, of every kind of source:
        tells_ahead: whether it is a `TellsActionsAhead`.
    """

    tells_ahead: ClassVar[bool] = True

    kind: Literal["simulated"]
    seed: Whole = Field(ge=0, lt=2**64)
    opened: Day


class FilesConfig(FilesSettings):
    """The user's own files."""

    tells_ahead: ClassVar[bool] = True
    kind: Literal["files"]


class AlpacaConfig(AlpacaSettings):
    """Alpaca's market data API. Its key comes from the environment or a Prefect block."""

    tells_ahead: ClassVar[bool] = True
    kind: Literal["alpaca"]


class CcxtConfig(CcxtSettings):
    """A crypto venue. Needs the extra `crypto`."""

    tells_ahead: ClassVar[bool] = False
    kind: Literal["ccxt"]


class YahooConfig(YahooSettings):
    """Yahoo, for personal use. Needs the extra `yahoo`."""

    tells_ahead: ClassVar[bool] = False
    kind: Literal["yahoo"]


SourceConfig = Annotated[SimulatedConfig | FilesConfig | AlpacaConfig | CcxtConfig | YahooConfig, Field(discriminator="kind")]
