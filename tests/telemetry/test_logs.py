import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from grodt.telemetry import logs


@pytest.fixture(autouse=True)
def _silent_again() -> Iterator[None]:
    yield
    logs.configure(None)


def _lines(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home / "logs" / logs.FILE_NAME).read_text().splitlines()]


def test_a_line_in_the_file_is_json_with_what_is_bound(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    with logs.bound(run="demo-eod-2026-11-20", book="demo"):
        logs.get_logger("grodt.bars").info("fetched", rows=50)
    logs.get_logger("grodt.bars").info("outside")
    first, second = _lines(tmp_path)
    assert {
        "event": "fetched",
        "rows": 50,
        "book": "demo",
        "run": "demo-eod-2026-11-20",
        "level": "info",
        "logger": "grodt.bars",
    }.items() <= first.items()
    assert str(first["at"]).endswith("Z")
    assert list(first)[:3] == ["at", "level", "event"]
    assert "book" not in second


def test_a_plain_logger_of_the_domain_gives_the_same_lines(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    with logs.bound(book="demo"):
        logging.getLogger("grodt.lake").warning("slow disk: %s s", 3)
    assert {"event": "slow disk: 3 s", "book": "demo", "level": "warning"}.items() <= _lines(tmp_path)[0].items()


def test_prefects_own_lines_are_in_the_file_too(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    logging.getLogger("prefect").warning("late", extra={"flow_run_id": "f-1"})
    assert {"event": "late", "logger": "prefect", "flow_run_id": "f-1"}.items() <= _lines(tmp_path)[0].items()


def test_an_exception_is_in_its_line(tmp_path: Path) -> None:
    logs.configure(tmp_path)
    try:
        raise ValueError("no such table")
    except ValueError:
        logs.get_logger("grodt.lake").exception("failed")
    assert "ValueError: no such table" in str(_lines(tmp_path)[0]["exception"])


def test_lines_go_to_standard_output_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(None, to_stdout=True)
    logs.get_logger("grodt").info("hello")
    assert json.loads(capsys.readouterr().out)["event"] == "hello"


def test_nothing_is_said_until_configured(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(None)
    logs.get_logger("grodt.lake").error("nobody hears this")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_the_last_configuration_holds(tmp_path: Path) -> None:
    logs.configure(tmp_path / "first")
    logs.configure(tmp_path / "second")
    logs.get_logger("grodt").info("once")
    assert len(_lines(tmp_path / "second")) == 1
    assert not (tmp_path / "first" / "logs" / logs.FILE_NAME).exists()


def test_lines_below_the_level_are_dropped(tmp_path: Path) -> None:
    logs.configure(tmp_path, level=logging.WARNING)
    logs.get_logger("grodt").info("no")
    logs.get_logger("grodt").warning("yes")
    assert [line["event"] for line in _lines(tmp_path)] == ["yes"]


def test_another_handler_gets_the_same_line_with_ids_that_a_filter_put_on_it(tmp_path: Path) -> None:
    class Ids(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            record.flow_run_id = "f-1"
            return True

    class Kept(logging.Handler):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.lines.append(self.format(record))

    kept = Kept()
    logs.configure(tmp_path, handlers=[kept], filters=[Ids()])
    logs.get_logger("grodt").info("hello")
    assert [json.loads(line) for line in kept.lines] == _lines(tmp_path)
    assert _lines(tmp_path)[0]["flow_run_id"] == "f-1"


def test_loggers_live_below_grodt() -> None:
    with pytest.raises(ValueError, match="not below 'grodt'"):
        logs.get_logger("grodtish")
