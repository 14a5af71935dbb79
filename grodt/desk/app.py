"""The desk as a WSGI application."""

from flask import Flask, Response, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as Answer

from grodt.desk import problems
from grodt.desk.api import api
from grodt.desk.pages import failed, pages
from grodt.desk.pages_of_asks import asks_pages
from grodt.desk.parts import Parts, keep

_API = "/api/"
#: Largest body that is read.
MOST_BYTES = 64 * 1024
#: What pages may load and do: nothing but what the desk itself serves, and no script.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)


def create_app(parts: Parts) -> Flask:
    """The application, over these parts."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    keep(app.extensions, parts)
    api.serve(app)
    app.register_blueprint(pages)
    app.register_blueprint(asks_pages)
    if parts.origins:
        CORS(
            app,
            resources={f"{_API}*": {"origins": list(parts.origins)}},
            methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            send_wildcard=False,
            max_age=600,
        )
    if parts.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=parts.proxies, x_proto=parts.proxies, x_host=parts.proxies)  # type: ignore[method-assign]
    app.register_error_handler(Exception, _failed)
    app.after_request(_guarded)
    return app


def _failed(error: Exception) -> Answer:
    return problems.answer(error) if request.path.startswith(_API) else failed(error)


def _guarded(response: Response) -> Response:
    """Say what browsers may do with it."""
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = _POLICY
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers.setdefault("Cache-Control", "no-store")
    return response
