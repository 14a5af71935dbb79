"""What a yahoo source needs to be told."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator


class YahooSettings(BaseModel):
    """A `yahoo` source of the books file.

    Attributes:
        symbols: the tickers it has, as Yahoo writes them (BRK-B, VOD.L). Yahoo has no list of what it has, and answers alike for a
            ticker that never was and for one that it dropped after its delisting.
        timeout_seconds: how long one answer is waited for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9^][A-Z0-9.=^-]{0,19}$")], ...] = Field(min_length=1)
    timeout_seconds: Annotated[float, Strict(), Field(ge=1, le=600)] = 30.0

    @field_validator("symbols")
    @classmethod
    def _each_once(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if twice:
            raise ValueError(f"each ticker once; {', '.join(twice)} is repeated")
        return symbols
