"""A cycle from its parts to giving back its lease."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grodt.errors import DataError, HaltActive
from grodt.ledger.halts import halt
from grodt.ledger.unit import Ledger, LedgerLocked
from tasks.bars import fetch_bars
from tasks.cycle import cycle
from tasks.open import open_run
from tests.cycles.driver import Home
from tests.cycles.small_world import MON, small_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home(tmp_path)


def test_before_it_is_open_it_has_no_run_no_data_and_no_attempt(home: Home) -> None:
    with home.environment(), cycle("small", MON) as this:
        assert (this.run_id, this.attempt) == ("small-eod-2015-11-23", 0)
        with pytest.raises(ValueError, match="small-eod-2015-11-23 is not open"):
            _ = this.opened
        with pytest.raises(ValueError, match="has pinned no data"):
            _ = this.data
        with pytest.raises(ValueError, match="has measured no bars"):
            _ = this.completed


def test_a_stage_that_ends_before_there_is_a_run_leaves_no_row_and_one_that_opens_it_does(home: Home) -> None:
    with home.environment(), cycle("small", MON) as this:
        this.stage_started("open", 1)
        this.stage_ended("open", 1, "failed", 0, "BrokerUnavailable: no answer")
        this.stage_started("open", 2)
        assert open_run.fn(this) == 1
        this.stage_ended("open", 2, "done", 1, "")
    assert home.sql("SELECT stage, try_number, outcome, rows FROM stage_runs") == [("open", 2, "done", 1)]


@pytest.mark.parametrize(
    ("error", "outcome", "state", "text"),
    [
        (HaltActive("halt 3 holds"), "halted", "halted", "halt 3 holds"),
        (DataError("a price is text"), "failed", "open", "a price is text"),
        (ValueError("a bug"), "failed", "open", "ValueError: a bug"),
        (KeyboardInterrupt(), "failed", "open", "KeyboardInterrupt: "),
    ],
)
def test_however_it_ends_the_attempt_says_so_and_the_lease_is_free(
    home: Home, error: BaseException, outcome: str, state: str, text: str
) -> None:
    with home.environment(), pytest.raises(type(error)), cycle("small", MON) as this:  # noqa: PT012
        open_run.fn(this)
        raise error
    assert home.sql("SELECT outcome, error FROM run_attempts") == [(outcome, text)]
    assert home.sql("SELECT state FROM runs") == [(state,)]
    assert home.sql("SELECT name FROM leases WHERE holder IS NOT NULL") == []


@pytest.fixture
def sent(home: Home) -> Home:
    """Monday's orders are at the broker, and the book is halted, whose halt has cancelled nothing: they came after its cancels."""
    home.run(MON)
    with closing(Ledger.open(f"sqlite:///{home.folder / 'ledger.db'}")) as ledger, ledger.write() as tx:
        halt(tx, scope="book", book="small", reason="storm", author="ann", now=datetime(2015, 11, 24, 1, tzinfo=UTC))
    return home


def test_what_a_halt_covers_is_cancelled_after_an_error_of_another_kind_too(sent: Home) -> None:
    with sent.environment(), pytest.raises(DataError, match="a price is text") as found, cycle("small", MON) as this:  # noqa: PT012
        assert this.parts.broker.open_orders()
        raise DataError("a price is text")
    assert not hasattr(found.value, "__notes__")
    with sent.environment(), cycle("small", MON) as this:
        assert this.parts.broker.open_orders() == ()


def test_an_error_of_that_cancel_does_not_hide_the_first(sent: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LedgerLocked("somebody else writes")

    monkeypatch.setattr("tasks.cycle.cancel_covered", fail)
    with sent.environment(), pytest.raises(DataError, match="a price is text") as found, cycle("small", MON):
        raise DataError("a price is text")
    assert found.value.__notes__ == [
        "nor was what halts cover cancelled at the broker, which the next start asks for: somebody else writes"
    ]


def test_it_tells_whoever_watches_and_does_not_wait_in_a_rehearsal(home: Home) -> None:
    told: list[tuple[str, str]] = []
    home.run(MON, watch=lambda _session, stage, text: told.append((stage, text)))
    assert told[0] == ("open", "")
    assert ("bars", "") in told
    assert any(stage == "bars" and text.startswith("fetched ") for stage, text in told)
    assert ("send", "5 of 5 orders") in told
    with home.environment(), cycle("small", MON) as this:
        this.sleep(1e9)


def test_stages_bear_the_names_of_the_design() -> None:
    import tasks.mark
    import tasks.orders
    import tasks.report
    import tasks.risk
    import tasks.send
    import tasks.settle
    import tasks.signals
    import tasks.targets

    stages = [open_run, fetch_bars, tasks.settle.settle, tasks.mark.mark, tasks.signals.compute_signals, tasks.targets.compute_targets]
    stages += [tasks.risk.check_risk, tasks.orders.make_orders, tasks.orders.approve, tasks.send.send_orders, tasks.report.report]
    names = [stage.name for stage in stages]
    assert names == ["open", "bars", "settle", "mark", "signals", "targets", "risk", "orders", "approve", "send", "report"]
