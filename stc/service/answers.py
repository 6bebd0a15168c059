"""Between server and routes: every request gets an answer, and its sender can read it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stc.service.limits import Limits

_IDLE = 2.0  # seconds without a byte after which a body is no longer waited for
_BODIES = 4  # so many times the largest body is read to no purpose, and no more


class Answers:
    """ASGI middleware: HEAD wherever GET is, errors as answers, bodies that nobody wanted.

    A request may be answered before its body was read, as one too large is. Who is still sending
    gets a broken pipe instead of the answer if the server closes then. So the answer is sent,
    then what still comes is read and forgotten, within limits, and then the connection is closed.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, failed: Callable[[str, Exception], Response]
    ) -> None:
        """failed: (method, error) -> the response for an error that no route handled; logs it."""
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
            # Not passed on: a server logs where it was raised, and what it says.
            response = self.failed(scope["method"], error)
            if not exchange.began:
                await response(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self._receive, self._send, self._limits = receive, send, limits
        headers = dict(scope["headers"])
        self._is_head = scope["method"] == "HEAD"
        # Who asks first sends nothing after a refusal.
        self._waits = b"expect" in headers
        length = headers.get(b"content-length", b"0").strip(b"0")
        self._ended = not length and b"transfer-encoding" not in headers  # the body was read
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
        """Read what still comes of the body, until it ends, stops, or is too much."""
        left = max(self._limits.body, 1 << 20) * _BODIES
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.seconds
        while not self._ended and left > 0 and loop.time() < end:
            try:
                message = await asyncio.wait_for(self.receive(), _IDLE)
            except asyncio.TimeoutError:
                return
            left -= len(message.get("body", b""))
