import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.prefect_home import apply_environment, environment, prefect_home


def test_prefects_files_live_below_the_home(tmp_path: Path) -> None:
    assert Path(environment(tmp_path)["PREFECT_HOME"]) == prefect_home(tmp_path) == tmp_path / "prefect"


def test_what_the_user_set_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_RUNNER_POLL_FREQUENCY", "7")
    apply_environment(tmp_path)
    assert os.environ["PREFECT_RUNNER_POLL_FREQUENCY"] == "7"


def test_settings_that_come_too_late_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import prefect.main  # noqa: F401

    monkeypatch.delenv("DO_NOT_TRACK")
    with pytest.raises(RuntimeError, match="before its settings"):
        apply_environment(tmp_path)


def test_prefect_takes_every_setting_and_the_server_module_never_imports_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from flows.prefect_home import apply_environment; import flows.server;"
        "assert 'prefect' not in sys.modules; apply_environment(Path(sys.argv[1]));"
        "from prefect.settings import get_current_settings as now; s = now();"
        "assert str(s.home) == sys.argv[1] + '/prefect'; assert s.server.analytics_enabled is False;"
        "assert s.server.services.task_run_recorder.batch_size == 200; assert s.server.services.event_persister.flush_interval == 1;"
        "assert s.server.concurrency.lease_storage.endswith('filesystem'); assert s.runner.poll_frequency == 2;"
        "assert s.server.ui.show_promotional_content is False; assert s.logging.to_api.when_missing_flow == 'ignore';"
        "import logging, prefect.main; assert logging.getLogger().handlers[0].level == logging.CRITICAL"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=clean, cwd=Path(__file__).parents[2])
