"""`stc serve`: the codec over HTTP."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from stc.cli.numbers import int_in_range, positive
from stc.cli.settings import add_model
from stc.errors import MissingExtraError, StcError
from stc.install_hint import install_hint
from stc.service.limits import Limits

EPILOG = f"""\
POST /encode receives a picture and returns a .stc file (Base45 text with form=base45). POST /decode
receives a .stc file or a carrier of one (text, an NDEF message, a picture of its QR code) and
returns a PNG. GET serves /health, /metrics and /openapi.json. docs/service.md has the parameters
and the errors.

GET / returns a page that reads a face from a card, in the browser and without a server, if it is
installed: web/page builds it as one file. Give that file to --page, or copy it to
stc/service/page.html before pip install, which includes it in the package.

Requests are neither stored nor logged. There is no encryption and no password: the service accepts
local connections only, unless --host is given, and needs a proxy that adds both.
Needs {install_hint("serve")}.

examples:
  stc serve --port 8000
  curl --data-binary @photo.jpg 'http://127.0.0.1:8000/encode?max_bytes=96' -o face.stc
  curl --data-binary @face.stc 'http://127.0.0.1:8000/decode?size=256' -o face.png
"""


def add_parser(verbs: Any) -> argparse.ArgumentParser:
    """Add the verb to argparse's subparsers."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "serve",
        help="encode and decode over HTTP",
        description="Serve the codec over HTTP.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address; 127.0.0.1 if not given")
    parser.add_argument("--port", type=port, default=8000, help="8000 if not given; 0 for any")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="faces processed at once; one per core"
    )
    limits = Limits()
    for name, unit, default, about in (
        ("--max-body", "MB", limits.body >> 20, "size of a request"),
        ("--max-seconds", "S", round(limits.seconds), "time of a request"),
        ("--max-waiting", "N", limits.waiting, "requests in the queue"),
        ("--max-connections", "N", limits.connections, "open connections"),
    ):
        words = f"{about}; {default} if not given"
        parser.add_argument(name, type=positive, default=default, metavar=unit, help=words)
    add_model(parser)
    parser.add_argument(
        "--page", metavar="FILE", help="file of the page at /; the installed one if not given"
    )
    parser.set_defaults(run=run)
    return parser


def port(text: str) -> int:
    """Parse a port number, 0 to 65535."""
    return int_in_range(text, 0, 0xFFFF)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted -> 0. Raises StcError, OSError if the service cannot start."""
    try:
        import uvicorn

        from stc.codec.model_file import open_model
        from stc.service import create_app, installed_page, uvicorn_settings
        from stc.service.logs import few_lines
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is missing: {install_hint('serve')}") from error
    open_model(options.model)  # raises an error now, not on the first request
    # Also with --verbose: messages on the positions of faces are personal data.
    logging.getLogger("stc").setLevel(logging.WARNING)
    limits = Limits(
        body=options.max_body << 20,
        seconds=options.max_seconds,
        waiting=options.max_waiting,
        connections=options.max_connections,
    )
    page = installed_page() if options.page is None else options.page
    app = create_app(limits, model=options.model, threads=options.threads, page=page)
    level = "error" if options.quiet else "info"
    try:
        with few_lines():
            uvicorn.run(
                app,
                host=options.host,
                port=options.port,
                log_level=level,
                **uvicorn_settings(limits),
            )
    except SystemExit as error:  # uvicorn has logged the reason; its exit code means no face
        address = f"{options.host}, port {options.port}"
        raise StcError(f"the service cannot listen on {address}") from error
    return 0
