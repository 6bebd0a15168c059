"""The page that reads a face from a card, offered at `/` as the one file that it is.

`web/page` builds the file. Here it is bytes: nothing is known of it but that it loads nothing else.
"""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path

from fastapi import Response
from starlette.types import Receive, Scope, Send

from stc.errors import StcError

INSTALLED = Path(__file__).with_name("page.html")
MAX_PAGE = 1 << 26  # bytes of the file
# Bytes that are sent at once. A connection is cut when a part is not read in time; if the page were
# one part, all clients whose line is too slow for it would be cut.
PART = 1 << 14
# In the file's own policy, near its start. Another page of the same build needs files beside it.
_ALONE = b"connect-src 'none'"
_START = 4096


def installed_page() -> Path | None:
    """The page's file in this installation, if there is one."""
    return INSTALLED if INSTALLED.is_file() else None


class Page:
    """The page in one file, read once."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Raises OSError; StcError for a file that is not the page in one file."""
        with open(path, "rb") as file:
            self._content = file.read(MAX_PAGE + 1)
        start = self._content[:_START]
        if (
            len(self._content) > MAX_PAGE
            or not start.lower().startswith(b"<!doctype html>")
            or _ALONE not in start
        ):
            raise StcError(f"{path} is not the page in one file, stc.html as web/page builds it")
        self._tag = f'"{hashlib.sha256(self._content).hexdigest()[:32]}"'

    def answer(self, known: str) -> Response:
        """The response that has the page, or that says that it has not changed.

        known: the request's If-None-Match, empty if there is none.
        """
        headers = {
            "ETag": self._tag,
            "Cache-Control": "no-cache",
            # A policy in a page, as it has one, cannot say this.
            "Content-Security-Policy": "frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
        }
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        if self._tag in tags or "*" in tags:
            return Response(status_code=304, headers=headers)
        return _InParts(self._content, media_type="text/html", headers=headers)


class _InParts(Response):
    """A response whose body is sent in parts, each when the client has read most of the last."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        for begin in range(0, len(self.body), PART):
            part, more = self.body[begin : begin + PART], begin + PART < len(self.body)
            await send({"type": "http.response.body", "body": part, "more_body": more})
