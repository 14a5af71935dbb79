"""Errors, named by what happens next.

A message carries the symbol, session, value and bound it is about and ends with the operator's next step. A denial by a
risk control is a value (evidence), not an exception.
"""


class GrodtError(Exception):
    """Base of every error that GRODT raises on purpose. `exit_status` is what the command line ends with."""

    exit_status = 1


class ConfigError(GrodtError):
    """The books file, an environment variable or a command's argument is wrong: fix it, then run again."""

    exit_status = 2


class NotFound(ConfigError):
    """There is nothing of the name or number that was asked for."""


class SessionError(ConfigError):
    """The session asked for is a holiday, lies in the future, is not over, or comes before what the book has done."""


class TransientError(GrodtError):
    """Something outside failed and may work when asked again. Only these are retried."""


class VendorUnavailable(TransientError):
    """The market data vendor did not answer."""


class BrokerUnavailable(TransientError):
    """The broker did not answer a *read*. A send that did not answer is `OrderOutcomeUnknown`."""


class DataError(GrodtError):
    """The data is wrong: bad cells, missing columns, duplicate keys, a checksum that does not match. Never retried."""


class OrderOutcomeUnknown(GrodtError):
    """A send was not answered: look the order up by client order id; never send blindly again."""


class LeaseHeld(GrodtError):
    """Another process works on this book (or was given the lease after us). It names the holder."""


class VersionRefused(GrodtError):
    """This worker's GRODT is not the version that the book expects: run that one here, or record that another is expected."""


class HaltActive(GrodtError):
    """A halt holds for the book: nothing is sent until a person re-arms it."""

    exit_status = 3


class ReconciliationBreak(HaltActive):
    """Our ledger and the broker disagree: the book is halted until a person has worked the breaks."""
