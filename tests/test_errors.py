import inspect

import pytest

from grodt import errors
from grodt.errors import ConfigError, DataError, GrodtError, HaltActive, OrderOutcomeUnknown, ReconciliationBreak, TransientError

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_the_exit_status_says_what_happens_next(kind: type[GrodtError]) -> None:
    wrong_use, halted = issubclass(kind, ConfigError), issubclass(kind, HaltActive)
    assert kind("why").exit_status == (2 if wrong_use else 3 if halted else 1)
    assert str(kind("why")) == "why"


def test_only_reads_that_went_unanswered_are_retried() -> None:
    retried = {kind.__name__ for kind in EVERY if issubclass(kind, TransientError)}
    assert retried == {"TransientError", "VendorUnavailable", "BrokerUnavailable"}
    assert not issubclass(OrderOutcomeUnknown, TransientError)
    assert not issubclass(DataError, TransientError)


def test_a_break_is_a_halt() -> None:
    assert issubclass(ReconciliationBreak, HaltActive)
