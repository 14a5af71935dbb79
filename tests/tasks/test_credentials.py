"""A source's key: from the environment, else from its block on a real Prefect server; shown to nobody."""

import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.server import PrefectServer
from grodt.bars.credentials import Credentials, KeyVariables
from grodt.errors import ConfigError
from tasks.credentials import block_name, credentials, main, save

NAMES = KeyVariables("DESK_KEY", "DESK_SECRET")
KEY, SECRET = "the-key", "the-secret"
BOTH = (
    "set both (export DESK_KEY=… DESK_SECRET=…), or start `uv run grodt ui`, set PREFECT_API_URL to its address and /api, "
    "and save the block: "
)


def _error(source: str = "desk", variables: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        credentials(source, NAMES, variables or {}, wait_seconds=0.0)
    assert "\n" not in str(caught.value)
    for shown in (str(caught.value), repr(caught.value)):
        assert KEY not in shown
        assert SECRET not in shown
    return str(caught.value)


def _put(value: Any) -> None:
    """A block as a person makes it in Prefect's UI or with its Python client."""
    Secret.model_validate({"value": value}).save("grodt-desk", overwrite=True)


@pytest.fixture
def server(prefect_server: PrefectServer) -> dict[str, str]:
    """The environment that names the tests' Prefect server."""
    return {"PREFECT_API_URL": prefect_server.api_url}


@pytest.fixture
def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# --- the environment


def test_the_environment_comes_first_and_asks_no_server(free_port: int) -> None:
    variables = {"DESK_KEY": f" {KEY} ", "DESK_SECRET": f"{SECRET}\n", "PREFECT_API_URL": f"http://127.0.0.1:{free_port}/api"}
    assert credentials("desk", NAMES, variables) == Credentials(KEY, SECRET)


def test_the_process_s_own_environment_is_read_where_no_other_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    assert credentials("desk", NAMES) == Credentials(KEY, SECRET)


def test_a_key_that_is_half_set_is_a_mistake_and_no_reason_to_ask_a_server(server: dict[str, str]) -> None:
    said = _error(variables={"DESK_KEY": KEY, **server})
    assert said == "source 'desk' needs a key and DESK_SECRET is not set; set DESK_KEY and DESK_SECRET in the environment"
    assert "DESK_KEY or DESK_SECRET has characters that no key has" in _error(variables={"DESK_KEY": KEY, "DESK_SECRET": f"{SECRET}é"})


# --- the block


@pytest.mark.parametrize("value", [{"key": KEY, "secret": f" {SECRET}\n"}, '{"key": "the-key", "secret": "the-secret"}'])
def test_a_block_holds_the_key_as_a_mapping_or_as_its_text(server: dict[str, str], value: Any) -> None:
    _put(value)
    assert credentials("desk", NAMES, server) == Credentials(KEY, SECRET)


def test_a_block_may_be_loaded_from_within_an_event_loop(server: dict[str, str]) -> None:
    import asyncio

    _put({"key": KEY, "secret": SECRET})

    async def inside() -> Credentials:
        return credentials("desk", NAMES, server)

    assert asyncio.run(inside()) == Credentials(KEY, SECRET)


def test_what_is_saved_is_read_under_the_source_s_own_name(
    prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.api_url)
    answers = iter([f" {KEY}", SECRET])
    with caplog.at_level(logging.DEBUG):
        assert main(["crypto_desk"], ask=lambda _: next(answers)) == 0
        assert credentials("crypto_desk", NAMES) == Credentials(KEY, SECRET)
    shown = capsys.readouterr()
    assert shown.out == "saved as the Prefect block grodt-crypto-desk\n"
    for text in (shown.out, shown.err, caplog.text):
        assert KEY not in text
        assert SECRET not in text
    save("crypto_desk", "another", "one")
    assert credentials("crypto_desk", NAMES) == Credentials("another", "one")


def test_a_block_that_is_not_there_names_both_ways(server: dict[str, str]) -> None:
    said = _error("nobody", server)
    assert said.startswith("source 'nobody' needs a key: DESK_KEY and DESK_SECRET are not set, and the Prefect server at http://127.0.0.1:")
    assert "has no Secret block 'grodt-nobody'" in said
    assert said.endswith(BOTH + "`uv run python -m tasks.credentials nobody`")


@pytest.mark.parametrize(
    "value",
    ["the-key:the-secret", {"key": KEY}, {"key": KEY, "secret": ""}, {"key": KEY, "secret": 7}, [KEY, SECRET], '{"key": "the-key"', 7],
)
def test_a_block_of_another_shape_is_told_without_what_it_holds(server: dict[str, str], value: Any) -> None:
    _put(value)
    said = _error(variables=server)
    assert 'the Prefect block \'grodt-desk\' is not {"key": "…", "secret": "…"} with two texts; set both' in said


def test_a_block_whose_key_no_header_can_carry_is_told_without_it(server: dict[str, str]) -> None:
    _put({"key": KEY, "secret": f"{SECRET}é"})
    assert _error(variables=server) == "source 'desk': the Prefect block 'grodt-desk' has characters that no key has; copy them again"


# --- no server


def test_without_a_server_both_ways_are_named() -> None:
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        said = _error()
    assert "are not set, and no Prefect server is named that could have the block 'grodt-desk'; " in said
    assert said.endswith(BOTH + "`uv run python -m tasks.credentials desk`")


def test_a_server_that_does_not_answer_is_named_with_both_ways(free_port: int) -> None:
    said = _error(variables={"PREFECT_API_URL": f"http://127.0.0.1:{free_port}/api"})
    assert said.startswith(
        f"the Prefect server at http://127.0.0.1:{free_port}/api did not answer as one (ConnectError): source 'desk' needs a key"
    )
    assert said.endswith(BOTH + "`uv run python -m tasks.credentials desk`")


def test_a_server_that_is_still_starting_is_waited_for(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _put({"key": KEY, "secret": SECRET})
    original, refused = Secret.load, [httpx.ConnectError("nobody listens"), httpx.ConnectError("nobody listens")]

    def load(name: str, **named: Any) -> Any:
        if refused:
            raise refused.pop()
        return original(name, **named)

    monkeypatch.setattr(Secret, "load", load)
    assert credentials("desk", NAMES, server) == Credentials(KEY, SECRET)
    assert refused == []


def test_a_server_of_another_machine_is_not_waited_for() -> None:
    with pytest.raises(ConfigError, match=r"http://desk\.invalid/api did not answer as one \(ConnectError\)"):
        credentials("desk", NAMES, {"PREFECT_API_URL": "http://desk.invalid/api"})


class _Other(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_request(self, code: object = "-", size: object = "-") -> None: ...


@pytest.fixture
def another_server() -> Iterator[str]:
    """Address of a server that is no Prefect server."""
    with HTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


def test_a_server_that_is_no_prefect_server_is_a_clear_error(another_server: str) -> None:
    assert another_server in _error(variables={"PREFECT_API_URL": another_server})


def test_nothing_is_saved_without_a_server_or_without_a_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port}/api")
    assert main(["desk"], ask=lambda _: KEY) == 2
    assert "did not answer as one (ConnectError): nothing was saved: start it and run this again" in capsys.readouterr().err
    assert main(["desk"], ask=lambda _: " ") == 2
    assert capsys.readouterr().err == "source 'desk': key or secret is empty; nothing was saved: run this again and give both\n"
    monkeypatch.delenv("PREFECT_API_URL")
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert main(["desk"], ask=lambda _: KEY) == 2
    assert capsys.readouterr().err == "PREFECT_API_URL is not set; start `uv run grodt ui` and set it to its address and /api\n"
    assert main([]) == 2
    assert capsys.readouterr().err == "usage: python -m tasks.credentials <source>\n"


# --- never shown


def test_neither_key_nor_secret_is_in_a_repr_and_both_are_hidden_in_a_vendor_s_words() -> None:
    found = credentials("desk", NAMES, {"DESK_KEY": KEY, "DESK_SECRET": SECRET})
    assert repr(found) == str(found) == "Credentials()"
    assert found.hidden_in(f"no key {KEY} with {SECRET}") == "no key … with …"


def test_a_block_s_name_has_no_character_that_prefect_refuses() -> None:
    assert block_name("us_daily-2") == "grodt-us-daily-2"
