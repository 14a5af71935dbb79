"""metrics, ui, serve: what they print and how they refuse. None is left running."""

import http.client
import re
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.commands.terminal import start
from tests.cycles.driver import Home
from tests.cycles.small_world import WED
from tests.flows.commands import Command


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


class TestMetrics:
    def test_once_prints_them_as_prometheus_reads_them(self, grodt: Command, three_days: Home) -> None:
        ended = grodt(three_days, "metrics", "--once")
        assert (ended.status, ended.err) == (0, "")
        (equity,) = three_days.table("equity").filter(session=WED)["equity"]
        found = dict(line.rsplit(" ", 1) for line in ended.out.splitlines() if not line.startswith("#"))
        assert float(found['grodt_equity_usd{book="small"}']) == pytest.approx(float(equity), abs=1e-6)
        assert float(found['grodt_runs{book="small",kind="eod",state="done"}']) == 3
        assert float(found['grodt_data_age_sessions{source="files"}']) == 6
        assert "# TYPE grodt_equity_usd gauge\n" in ended.out
        assert ended.out.endswith("\n")
        assert not ended.out.endswith("\n\n")

    @pytest.mark.parametrize("end", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)], ids=["Ctrl-C", "SIGTERM"])
    def test_served_over_http_until_it_is_told_to_end(self, three_days: Home, end: signal.Signals) -> None:
        with start(three_days, "metrics", "--port", "0") as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = re.fullmatch(r"metrics  (http://127\.0\.0\.1:\d+/metrics)  \(Ctrl-C ends it\)\n", line)
            assert address, line
            with urllib.request.urlopen(address[1], timeout=300) as reply:
                assert reply.status == http.client.OK
                assert b'grodt_equity_usd{book="small"}' in reply.read()
            process.send_signal(end)
            rest, errors = process.communicate(timeout=300)
        assert (process.returncode, rest, errors) == (0, "", "")

    def test_a_port_that_is_taken_is_named(self, grodt: Command, three_days: Home, taken: int) -> None:
        ended = grodt(three_days, "metrics", "--port", str(taken))
        assert (ended.status, ended.out) == (2, "")
        assert re.fullmatch(rf"error: port {taken} of 127\.0\.0\.1 cannot be used \(.*\): choose another with --port\n", ended.err)

    @pytest.mark.parametrize("port", ["-1", "65536", "http"])
    def test_a_port_that_is_none_is_refused(self, grodt: Command, three_days: Home, port: str) -> None:
        assert grodt(three_days, "metrics", "--port", port).status == 2

    @pytest.mark.parametrize("arguments", [["--once"], ["--port", "0"]])
    def test_without_a_ledger_it_is_refused_and_makes_nothing(self, grodt: Command, empty: Home, arguments: list[str]) -> None:
        ended = grodt(empty, "metrics", *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert "there is no ledger in" in ended.err
        assert not empty.folder.exists()


class TestPrefect:
    @pytest.mark.parametrize("command", ["ui", "serve"])
    def test_a_port_that_is_taken_is_named(self, empty: Home, taken: int, command: str) -> None:
        with start(empty, command, "--port", str(taken)) as process:
            shown, errors = process.communicate(timeout=300)
        assert (process.returncode, shown) == (2, "")
        first, last = errors.splitlines()
        assert first == "starting the Prefect server, about ten seconds"
        assert re.fullmatch(rf"error: port {taken} of 127\.0\.0\.1 cannot be used \(.*\): choose another with --port", last)

    @pytest.mark.parametrize("command", ["ui", "serve"])
    @pytest.mark.parametrize("port", ["0", "65536"])
    def test_a_port_that_is_none_is_refused(self, grodt: Command, empty: Home, command: str, port: str) -> None:
        assert grodt(empty, command, "--port", port).status == 2
        assert not empty.folder.exists()
