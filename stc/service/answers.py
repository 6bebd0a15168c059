"""Middleware between server and routes: every request gets an answer that its client can read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stc.service.limits import Limits

_IDLE = 2.0  # seconds without data after which the rest of a body is no longer awaited
_MAX_BODIES = 4  # multiple of the largest accepted body that is read and discarded at most


class Answers:
    """ASGI middleware: HEAD for every GET route, answers for errors, and draining of bodies.

    A request may be answered before its body was read, for example if it is too large. If the
    server closed the connection then, a client that is still sending would get a broken pipe
    instead of the answer. So the answer is sent, the rest of the body is read and discarded, within
    limits, and then the connection is closed.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, failed: Callable[[str, Exception], Response]
    ) -> None:
        """Wrap `app`.

        limits: of the service. failed: (method, error) -> the response for an error that no route
        handled; it also logs the error.
        """
        self.app, self.limits, self.failed = app, limits, failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self.limits)
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except Exception as error:
            # Not raised again: the server would log its traceback and message, which may contain
            # data of the request.
            response = self.failed(scope["method"], error)
            if not exchange.began:
                await response(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self._receive, self._send, self._limits = receive, send, limits
        headers = dict(scope["headers"])
        self._is_head = scope["method"] == "HEAD"
        # A client that sent Expect: 100-continue sends no body after a refusal.
        self._waits = b"expect" in headers
        length = headers.get(b"content-length", b"0").strip(b"0")
        self._ended = not length and b"transfer-encoding" not in headers  # no more body to read
        self.began = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            if not self._ended:
                headers = [*message.get("headers", []), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await self._send(message)
            return
        if self._is_head:
            message = {**message, "body": b""}
        if message.get("more_body", False) or self._ended:
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        if not self._waits:
            await self._pass_over()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass_over(self) -> None:
        """Read and discard the rest of the body, until it ends, stalls, or exceeds the limits."""
        left = max(self._limits.body, 1 << 20) * _MAX_BODIES
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.seconds
        while not self._ended and left > 0 and loop.time() < end:
            try:
                message = await asyncio.wait_for(self.receive(), _IDLE)
            except asyncio.TimeoutError:
                return
            left -= len(message.get("body", b""))
