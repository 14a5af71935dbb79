"""What the Interactive Brokers broker needs to be told."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class IbAccount(BaseModel):
    """An account at Interactive Brokers, behind a TWS or gateway that runs and is logged in.

    Attributes:
        account: its number. Those of paper accounts begin with D.
        live: must be true for an account that is none of paper.
        host, port: where TWS or the gateway listens; 7497 is TWS's port for paper, 7496 for live, the gateway's are 4002 and 4001.
        client_id: of this connection. Orders can be cancelled only under the one they were sent under.
        keeps_orders: of orders that may outlive a split, a delisting or a change of symbol as they were written. Interactive Brokers says
            that it cancels those that are good till cancelled, and nothing of those that wait for one session.
    """

    keeps_orders: ClassVar[frozenset[str]] = frozenset({"opg", "cls", "day"})

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = Field(pattern=r"^[A-Z]+[0-9]+$")
    live: bool = Field(default=False, strict=True)
    host: str = Field(default="127.0.0.1", pattern=r"^[\w.:-]+$")
    port: int = Field(default=7497, strict=True, ge=1, le=65535)
    client_id: int = Field(default=17, strict=True, ge=1, le=10_000)

    @model_validator(mode="after")
    def _live_is_written_out(self) -> Self:
        if self.live == self.account.startswith("D"):
            kind = "a paper account" if self.account.startswith("D") else "an account of real money"
            raise ValueError(f"account {self.account} is {kind} and live is {str(self.live).lower()}; write the other one")
        return self
