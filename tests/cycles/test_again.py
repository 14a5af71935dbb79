"""Running again changes nothing; the same seed and clock make the same bytes."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.cycles.driver import Home
from tests.cycles.processes import Processes
from tests.cycles.small_world import FRI, MON, NEXT_TUE, TUE, WEEK, small_home

#: What two homes must agree on to the byte.
DECIDED = ("signals", "targets", "risk_checks", "orders", "fills", "positions", "equity")
DEMO = (date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20))


def test_a_cycle_that_is_done_changes_nothing(home: Home) -> None:
    home.run(MON, TUE)
    before = home.everything()
    stages: list[str] = []
    later = replace(home, now="2015-12-06T12:00:00Z")
    later.run(MON, TUE, MON, watch=lambda _session, stage, _text: stages.append(stage))
    assert home.everything() == before
    assert set(stages) == {"open"}


def test_another_home_and_process_make_the_same_bytes_and_facts(processes: Processes, week: Home, tmp_path: Path) -> None:
    other = small_home(tmp_path)
    assert processes.run(other, WEEK) == 0
    assert other.files() == week.files()
    assert {name.split("/")[0] for name in other.files(*DECIDED)} == set(DECIDED)
    assert other.facts() == week.facts()


@pytest.mark.long
def test_the_simulated_exchange_is_the_same_in_another_process(processes: Processes, tmp_path: Path) -> None:
    one, other = Home(tmp_path / "one"), Home(tmp_path / "other")
    one.run(*DEMO)
    assert processes.run(other, DEMO) == 0
    assert other.files() == one.files()
    assert other.facts() == one.facts()
    assert one.table("fills").height > 0


def test_decisions_do_not_depend_on_when_they_are_taken(week: Home, tmp_path: Path) -> None:
    """A week late, in one go: what is decided is the same; only the instants at which things were known and done are others."""
    late = small_home(tmp_path, now="2016-02-01T09:30:00Z")
    late.run(*WEEK)
    assert late.files(*DECIDED) == week.files(*DECIDED)
    query = "SELECT entry_id, session, digest FROM entries ORDER BY 1"
    assert late.sql(query) == week.sql(query)


def test_runs_of_the_week_say_what_they_read_and_with_what(week: Home) -> None:
    runs = week.table("runs").filter(session=FRI).row(0, named=True)
    (version, digest, config) = week.sql("SELECT snapshot_version, snapshot_digest, config_hash FROM runs WHERE session = ?", str(FRI))[0]
    assert runs["snapshot"] == f"v{version}-{digest[:12]}"
    assert runs["config_hash"] == config
    assert (runs["outcome"], runs["attempts"], runs["breaks"]) == ("done", 1, 0)
    counts = {table: week.table(table).filter(session=FRI).height for table in ("orders", "positions")}
    assert {name: runs[name] for name in counts} == counts
    assert runs["fills"] == week.table("fills").filter(session=FRI).height > 0
    assert week.sql("SELECT name FROM leases WHERE holder IS NOT NULL") == []
    report = (week.folder / "reports" / "small" / f"{NEXT_TUE}.md").read_text()
    assert report.startswith(f"# small · {NEXT_TUE} · done")
