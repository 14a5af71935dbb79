"""Where a source's key comes from: the environment, else a Prefect Secret block.

The block of source `alpaca` is named `grodt-alpaca` and holds `{"key": …, "secret": …}`. `python -m tasks.credentials <source>` asks for
both on the terminal and saves it, so that neither stands in a file or in the shell's history.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from getpass import getpass
from typing import Any
from urllib.parse import urlsplit

from grodt.bars.credentials import Credentials, KeyVariables, checked, from_environment
from grodt.errors import ConfigError, GrodtError

#: How long a command's own Prefect server may take to start; it was seen to take 36.
START_SECONDS = 60.0
_POLL_SECONDS = 0.25
_OWN_MACHINE = ("127.0.0.1", "localhost", "::1")


def block_name(source: str) -> str:
    """The block that a source's key is looked for in."""
    return f"grodt-{source.replace('_', '-')}"


def credentials(
    source: str,
    names: KeyVariables,
    variables: Mapping[str, str] | None = None,
    *,
    owner: str = "",
    wait_seconds: float = START_SECONDS,
) -> Credentials:
    """The source's key: from the environment where it is set there, else from its block on the Prefect server.

    Args:
        source: its name in the books file; of a broker, the name of its key.
        names: the environment variables.
        owner: whose key it is, for messages; the source's when empty.
        variables: the environment; the process's own when absent.
        wait_seconds: how long a server of this machine may take to answer at all: a command's own one is still starting.

    Raises:
        ConfigError: neither has it, or the block is no key and secret; names both ways to set it, and never shows a value.
    """
    environment = os.environ if variables is None else variables
    owner = owner or f"source {source!r}"
    found = from_environment(environment, names, owner)
    if found is not None:
        return found
    name = block_name(source)
    problem = f"{owner} needs a key: {names.key} and {names.secret} are not set"
    step = (
        f"set both (export {names.key}=… {names.secret}=…), or start `uv run grodt ui`, set PREFECT_API_URL to its address and /api, and "
        f"save the block: `uv run python -m tasks.credentials {source}`"
    )
    content = _loaded(name, environment.get("PREFECT_API_URL"), problem, step, wait_seconds)
    key, secret = (content.get(field) if isinstance(content, dict) else None for field in ("key", "secret"))
    if not isinstance(key, str) or not isinstance(secret, str) or not key.strip() or not secret.strip():
        raise ConfigError(f'{problem}, and the Prefect block {name!r} is not {{"key": "…", "secret": "…"}} with two texts; {step}')
    return checked(key.strip(), secret.strip(), f"{owner}: the Prefect block {name!r}")


def save(source: str, key: str, secret: str) -> str:
    """Save a source's key as its block on the Prefect server that `PREFECT_API_URL` names, over an earlier one; its name.

    Raises:
        ConfigError: no server is named or it does not answer; or key or secret is none.
    """
    from prefect.blocks.system import Secret

    key, secret = key.strip(), secret.strip()
    if not key or not secret:
        raise ConfigError(f"source {source!r}: key or secret is empty; nothing was saved: run this again and give both")
    checked(key, secret, f"source {source!r}: key or secret")
    url = _server(os.environ.get("PREFECT_API_URL"))
    if url is None:
        raise ConfigError("PREFECT_API_URL is not set; start `uv run grodt ui` and set it to its address and /api")
    block: Any = Secret.model_validate({"value": {"key": key, "secret": secret}})
    _asked(url, lambda: block.save(block_name(source), overwrite=True, _sync=True), "nothing was saved: start it and run this again")
    return block_name(source)


def _loaded(name: str, named: str | None, problem: str, step: str, wait_seconds: float) -> Any:
    """What the block holds."""
    from prefect.blocks.system import Secret

    block: Any = Secret  # its `_sync` is not in its types
    url = _server(named)
    if url is None:
        raise ConfigError(f"{problem}, and no Prefect server is named that could have the block {name!r}; {step}")
    try:
        return _asked(url, lambda: block.load(name, _sync=True).get(), f"{problem}; {step}", wait_seconds)
    except ValueError:  # Prefect's word for a block that is not there, and pydantic's for one that is no Secret
        raise ConfigError(f"{problem}, and the Prefect server at {url} has no Secret block {name!r}; {step}") from None


def _server(named: str | None) -> str | None:
    """The server's API: the one that is named, else that of Prefect's own settings."""
    from prefect.settings import get_current_settings

    return named or get_current_settings().api.url


def _asked[R](url: str, call: Callable[[], R], step: str, wait_seconds: float = 0.0) -> R:
    """What the call returns, made of the server at that address; again while nothing listens there, for so long."""
    import httpx  # whose errors Prefect's client raises
    from prefect.settings import PREFECT_API_URL, temporary_settings

    until = time.monotonic() + (wait_seconds if urlsplit(url).hostname in _OWN_MACHINE else 0.0)
    while True:
        try:
            with temporary_settings({PREFECT_API_URL: url}):
                return call()
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            if not isinstance(error, httpx.ConnectError) or time.monotonic() >= until:
                raise ConfigError(f"the Prefect server at {url} did not answer as one ({type(error).__name__}): {step}") from None
        time.sleep(_POLL_SECONDS)


def main(arguments: Sequence[str], ask: Callable[[str], str] = getpass) -> int:
    """Ask for a source's key and secret, unseen, and save them as its block."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tasks.credentials <source>\n")
        return 2
    try:
        name = save(arguments[0], ask(f"key of {arguments[0]}: "), ask("secret: "))
    except GrodtError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"saved as the Prefect block {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
