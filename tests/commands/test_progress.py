"""What is said while cycles run, with and without a terminal."""

import os
import re
import sys
import time

import pytest

from flows.progress import Progress
from tests.commands.terminal import on_terminal


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    shown = capsys.readouterr()
    assert shown.out == "", "stdout is for results"
    lines = shown.err.splitlines()
    assert all(re.match(r" *\d+\.\d s  \S", line) for line in lines)
    return [line.partition(" s  ")[2] for line in lines]


class TestWithoutTerminal:
    def test_each_line_is_printed_once(self, capsys: pytest.CaptureFixture[str]) -> None:
        progress = Progress()
        with progress.live():
            for text in ("open", "open", "bars", "bars"):
                progress.say(text)
            progress.done("ready")
            progress.say("bars")
        assert _lines(capsys) == ["open", "bars", "ready", "bars"]

    def test_of_lines_that_count_the_first_and_the_last_are_printed(self, capsys: pytest.CaptureFixture[str]) -> None:
        progress = Progress()
        with progress.live():
            for number in range(1, 1_201):
                progress.say(f"send  {number:,} of 1,200 orders")
            progress.say("report")
            progress.say("fetched 1 of 2 parts, 0.5 s")
            progress.say("fetched 2 of 2 parts, 1.5 s")
        assert _lines(capsys) == [
            "send  1 of 1,200 orders",
            "send  1,200 of 1,200 orders",
            "report",
            "fetched 1 of 2 parts, 0.5 s",
            "fetched 2 of 2 parts, 1.5 s",
        ]

    def test_a_count_that_takes_long_is_printed_every_few_seconds(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        progress = Progress()
        with progress.live():
            for second in range(12):
                now[0] = 100.0 + second
                progress.say(f"waiting, {second} s")
        shown = capsys.readouterr().err.splitlines()
        assert shown == ["  0.0 s  waiting, 0 s", "  5.0 s  waiting, 5 s", " 10.0 s  waiting, 10 s", " 11.0 s  waiting, 11 s"]

    def test_what_failed_leaves_nothing_unsaid(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fails(progress: Progress) -> None:
            with progress.live():
                progress.say("send  1 of 2")
                progress.say("send  2 of 2")
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            fails(Progress())
        assert _lines(capsys) == ["send  1 of 2", "send  2 of 2"]

    def test_text_is_printed_as_it_stands(self, capsys: pytest.CaptureFixture[str]) -> None:
        progress = Progress()
        texts = ["[red]bars[/red]", "[/]", "home /tmp/[x]", ":smile:", "long " * 100 + "end"]
        for text in texts:
            progress.say(text)
            progress.done(text)
        assert _lines(capsys) == [text for text in texts for _ in range(2)]


def test_on_a_terminal_the_live_line_is_replaced_and_what_is_done_stays() -> None:
    program = """
import time
from flows.progress import Progress
progress = Progress()
with progress.live():
    progress.say("[bold]fetching[/bold] " + "x" * 200)
    time.sleep(0.5)
    progress.done("fetched [all]")
    progress.say("sending")
    time.sleep(0.5)
progress.say("unseen")
print("the end")
"""
    environment = {**os.environ, "TERM": "xterm"}
    shown = on_terminal([sys.executable, "-c", program], environment, 60)
    seconds = re.findall(r"(\d+\.\d) s  \[bold\]fetching\[/bold\] x+…", shown)
    assert len(set(seconds)) > 1, "its seconds run, and it keeps to one line"
    assert re.search(r"…  \d+\.\d s  fetched \[all\]\n", shown)
    assert re.search(r"\d+\.\d s  sending\n?the end\n$", shown)
    assert "unseen" not in shown
