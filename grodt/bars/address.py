"""The address of a vendor's host, as a books file names it."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

_OWN_MACHINE = ("127.0.0.1", "localhost", "::1")


def _address(text: str) -> str:
    """The URL of a host, without a slash at its end.

    Raises:
        ValueError: it has more than scheme and host, or would send the secret in the clear to another machine.
    """
    wrong = ValueError("must be the https URL of a host, such as https://api.vendor.com (http only to this machine)")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc or not text.isprintable() or " " in text:
        raise wrong
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _OWN_MACHINE):
        raise wrong
    return text.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
