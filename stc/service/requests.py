"""What a request must not bring: parameters that no verb has, bodies in a wrapping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from fastapi import Request

from stc.service.dispatch import RequestError

_SHOWN = 40  # characters of a name that a message repeats
_RAW = "send the file's own bytes as the body, as curl --data-binary @FILE does"
# How the common kinds of pictures begin in Base64.
_BASE64 = (b"/9j/", b"iVBORw0KGgo", b"UklGR", b"R0lGOD", b"SUkqA", b"TU0AK")


def check_parameters(request: Request, known: Mapping[str, Sequence[str]]) -> None:
    """Raise RequestError for a parameter that the route does not have, or that is given twice.

    known: the parameters of every route, by its path.
    """
    own = known[request.scope["route"].path]
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if name not in own:
            raise RequestError(400, "ArgumentError", _unknown(name, own, known))
        if count > 1:
            raise RequestError(400, "ArgumentError", f"{name}: given {count} times")


def _unknown(name: str, own: Sequence[str], known: Mapping[str, Sequence[str]]) -> str:
    """What to say of a parameter that is not one."""
    words = f"there is no parameter {name[:_SHOWN]!r}"
    likely = get_close_matches(name[:_SHOWN].lower().replace("-", "_"), own, 1)
    elsewhere = [path for path, names in known.items() if name in names]
    if likely:
        words += f"; did you mean {likely[0]}?"
    elif elsewhere:
        words += f" here, but of {elsewhere[0]}"
    names = ", ".join(own) or "none"
    return f"{words} (known: {names})" if likely else f"{words}; known: {names}"


def check_headers(request: Request) -> None:
    """Raise RequestError for a form, or for a body that is compressed once more."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise RequestError(415, "MediaTypeError", f"{kind} is not read: {_RAW}, not in a form (-F)")
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        message = f"Content-Encoding {coding[:_SHOWN]!r} is not read: {_RAW}"
        raise RequestError(415, "MediaTypeError", message)


def check_picture(body: bytes) -> None:
    """Raise RequestError for a picture in Base64, in JSON or in a form that did not say so."""
    start = body[:1024].lstrip()
    found = None
    if start.startswith(b"--") and b"content-disposition:" in start.lower():
        found = "a form"
    elif start.startswith((b"{", b"[", b'"')):
        found = "JSON"
    elif start.startswith((b"data:", *_BASE64)):
        found = "Base64"
    if found is not None:
        raise RequestError(415, "MediaTypeError", f"the body is {found}: {_RAW}")
