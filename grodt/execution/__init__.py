"""Execution: an approved basket to the broker exactly once, and back from it what became of the orders."""

from grodt.execution.abandon import Abandoned, abandon
from grodt.execution.send import Sent, send
from grodt.execution.settle import Settled, settle

__all__ = ["Abandoned", "Sent", "Settled", "abandon", "send", "settle"]
