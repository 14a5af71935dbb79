"""From where a request comes."""

from flask import request


def address() -> str:
    """The address of who asks; behind proxies that are believed, what the outermost of them says."""
    return request.remote_addr or "unknown"
