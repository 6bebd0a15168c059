"""Checks of requests: unknown parameters, and bodies that are not the plain file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from fastapi import Request

from stc.service.dispatch import RequestError
from stc.suggestion import closest

_MAX_SHOWN = 40  # characters of a name that a message repeats
_RAW = "send the file's bytes as the body, as curl --data-binary @FILE does"
# The first characters of common picture formats in Base64.
_BASE64 = (b"/9j/", b"iVBORw0KGgo", b"UklGR", b"R0lGOD", b"SUkqA", b"TU0AK")
_GZIP = b"\x1f\x8b\x08"


def check_parameters(request: Request, known: Mapping[str, Sequence[str]]) -> None:
    """Raise RequestError for a parameter that the route does not have or that is repeated.

    known: path of a route -> the names of its parameters.
    """
    own = known[request.scope["route"].path]
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if name not in own:
            raise RequestError(400, "ArgumentError", _unknown(name, own, known))
        if count > 1:
            raise RequestError(400, "ArgumentError", f"{name}: given {count} times")


def _unknown(name: str, own: Sequence[str], known: Mapping[str, Sequence[str]]) -> str:
    """The message for an unknown parameter."""
    words = f"there is no parameter {name[:_MAX_SHOWN]!r}"
    likely = closest(name, own)
    elsewhere = [path for path, names in known.items() if name in names]
    if likely:
        words += f"; did you mean {likely}?"
    elif elsewhere:
        words += f" here, only for {elsewhere[0]}"
    names = ", ".join(own) or "none"
    return f"{words} (known: {names})" if likely else f"{words}; known: {names}"


def check_headers(request: Request) -> None:
    """Raise RequestError for a multipart form and for a body with a Content-Encoding."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        message = f"{kind} is not supported: {_RAW}, not in a form (-F)"
        raise RequestError(415, "MediaTypeError", message)
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        message = f"Content-Encoding {coding[:_MAX_SHOWN]!r} is not supported: {_RAW}"
        raise RequestError(415, "MediaTypeError", message)


def check_picture(body: bytes) -> None:
    """Raise RequestError for a body that is a form, JSON, Base64 or gzip, whatever the headers."""
    start = body[:1024].lstrip()
    found = None
    if start.startswith(b"--") and b"content-disposition:" in start.lower():
        found = "a form"
    elif start.startswith((b"{", b"[", b'"')):
        found = "JSON"
    elif start.startswith((b"data:", *_BASE64)):
        found = "Base64"
    elif body.startswith(_GZIP):
        found = "gzip"
    if found is not None:
        raise RequestError(415, "MediaTypeError", f"the body is {found}: {_RAW}")
