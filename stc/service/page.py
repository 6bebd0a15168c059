"""Serves the page that reads a face from a card, a single file, at `/`.

`web/page` builds the file. The service treats it as bytes and checks only that it loads no other
files.
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
# Bytes per part of an answer. A connection is closed if a part is not read in time; if the page
# were one part, clients with slow connections could never load it.
PART = 1 << 14
# Part of the file's Content-Security-Policy. The build has another page, which loads more files.
_ALONE = b"connect-src 'none'"
_START = 4096  # bytes at the beginning of the file that contain the policy


def installed_page() -> Path | None:
    """The path of the page in this installation; None if it was installed without one."""
    return INSTALLED if INSTALLED.is_file() else None


class Page:
    """The page, read from its file once and kept in memory."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Read the page. Raises OSError if the file cannot be read, StcError if it is another."""
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
        """The response with the page, or status 304 if the client has the same page already.

        known: the request's header If-None-Match, "" if it has none.
        """
        headers = {
            "ETag": self._tag,
            "Cache-Control": "no-cache",
            # The policy in the page's HTML cannot contain this directive.
            "Content-Security-Policy": "frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
        }
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        if self._tag in tags or "*" in tags:
            return Response(status_code=304, headers=headers)
        return _InParts(self._content, media_type="text/html", headers=headers)


class _InParts(Response):
    """A response whose body is sent in parts, each after the client has read most of the previous
    one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        for begin in range(0, len(self.body), PART):
            part, more = self.body[begin : begin + PART], begin + PART < len(self.body)
            await send({"type": "http.response.body", "body": part, "more_body": more})
