"""How many people must agree to a basket before it is sent."""

from dataclasses import dataclass

from grodt.money import Micros
from grodt.orders.basket import Basket


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """A book's rule of approval.

    Attributes:
        people: how many must agree, 0 (automatic) to 2.
        above: value in micros up to which a basket needs nobody; None: every basket needs them.
    """

    people: int = 0
    above: Micros | None = None

    def __post_init__(self) -> None:
        if self.people not in (0, 1, 2) or (self.above is not None and (self.above <= 0 or self.people == 0)):
            raise ValueError(f"{self.people} people above {self.above} micros is no rule of approval")

    def people_for(self, basket: Basket) -> int:
        """How many must agree to this one. To send nothing needs nobody; a cancel makes no order and no position."""
        if not basket.orders or (self.above is not None and basket.value <= self.above):
            return 0
        return self.people


#: Nobody is asked.
AUTOMATIC = ApprovalRule()
