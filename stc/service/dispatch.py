"""Requests within limits: threads that work, a bounded number that wait, errors as answers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from stc.codec.cache import load_codec
from stc.errors import (
    BackendError,
    BudgetError,
    FaceError,
    FormatError,
    ImageError,
    MissingExtraError,
    ModelError,
    QualityError,
    SettingsError,
)
from stc.service.limits import Limits
from stc.service.metrics import Metrics
from stc.service.work import UnknownModelError

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_DIGITS = 20  # of a length; int() refuses numbers of some thousand

# What was sent cannot be used, and the message says why.
_INPUT_ERRORS = (
    FormatError,
    FaceError,
    ImageError,
    SettingsError,
    BudgetError,
    QualityError,
    UnknownModelError,
)
# Something is missing or damaged here, and the message says what.
_SERVER_ERRORS = (ModelError, BackendError, MissingExtraError)


class RequestError(Exception):
    """A request that is answered with an error of the service itself, not of the codec."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


class Dispatcher:
    """Threads that code, a bounded number of requests that wait for them, and the counters."""

    def __init__(self, limits: Limits, threads: int) -> None:
        self.limits, self.metrics = limits, Metrics()
        self.model: str | None = None  # name of the model, once it is loaded
        self._threads = ThreadPoolExecutor(threads, "stc")
        self._places = threading.Semaphore(limits.waiting)
        self._bodies = threading.Semaphore(limits.waiting)

    async def run(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """work(*arguments) in a thread, within the limits. Raises RequestError."""
        if not self._places.acquire(blocking=False):
            raise RequestError(
                503, "BusyError", f"{self.limits.waiting} requests are waiting already"
            )
        self.metrics.in_work.inc()
        future = self._threads.submit(work, *arguments)
        future.add_done_callback(self._leave)  # the place is free when the thread is
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.limits.seconds)
        except asyncio.TimeoutError:
            raise RequestError(
                504, "TimeLimitError", f"not done within {self.limits.seconds:g} seconds"
            ) from None

    def _leave(self, _: Future[Any]) -> None:
        self.metrics.in_work.dec()
        self._places.release()

    async def start(self, model: str | None) -> None:
        """Load the model in a thread, so that no request waits for it, and keep its name.

        Raises ModelError, BackendError.
        """
        codec = await asyncio.wrap_future(self._threads.submit(load_codec, model))
        self.model = codec.model.name

    async def read(self, request: Request, max_bytes: int) -> bytes:
        """A request's body of at most so many bytes. Raises RequestError."""
        try:
            return await asyncio.wait_for(_read(request, max_bytes), self.limits.seconds)
        except asyncio.TimeoutError:
            raise RequestError(408, "TimeLimitError", "the body came too slowly") from None

    async def respond(self, verb: str, handle: Callable[[], Awaitable[Response]]) -> Response:
        """The response that handle() returns, or one for the error that it raised; and count it."""
        start, outcome = time.perf_counter(), "ok"
        # Before anything is read: so many bodies are in memory at most.
        admitted = self._bodies.acquire(blocking=False)
        try:
            if not admitted:
                raise RequestError(
                    503, "BusyError", f"{self.limits.waiting} requests are here already"
                )
            response = await handle()
        except Exception as error:
            outcome, response = error_response(verb, error)
        finally:
            if admitted:
                self._bodies.release()
        self.metrics.count(verb, outcome, time.perf_counter() - start)
        return response

    def close(self) -> None:
        """Wait for the threads to finish what they are doing, and drop what waits for them."""
        self._threads.shutdown(cancel_futures=True)


def failure(status: int, name: str, message: str) -> JSONResponse:
    """The response that tells of an error: JSON with `error`, its class, and `message`."""
    return JSONResponse({"error": name, "message": message}, status)


def error_response(verb: str, error: Exception) -> tuple[str, Response]:
    """An error's name in the counters, and the response that tells of it.

    verb: what was asked for, in the log's line of an error that is the server's fault.
    """
    name = type(error).__name__
    if isinstance(error, RequestError):
        response = failure(error.status, error.name, str(error))
        if error.status == 503:
            response.headers["Retry-After"] = "1"
        return error.name, response
    if isinstance(error, ClientDisconnect):
        return name, failure(400, name, "the body ended early")
    if isinstance(error, _INPUT_ERRORS):
        return name, failure(422, name, str(error))
    # The class alone: what an error says may hold what was sent.
    _log.error("%s failed: %s", verb, name)
    if isinstance(error, _SERVER_ERRORS):
        return name, failure(500, name, str(error))
    return "InternalError", failure(500, "InternalError", "something went wrong here")


async def _read(request: Request, max_bytes: int) -> bytes:
    """The body; of one that says that it is too large, nothing is read. Raises RequestError."""
    declared = request.headers.get("content-length", "0")
    body = bytearray()  # grows in place: chunks of one byte cost no more than large ones
    too_large = declared.isdecimal() and (len(declared) > _DIGITS or int(declared) > max_bytes)
    if not too_large:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                break
        else:
            return bytes(body)
    raise RequestError(413, "BodyTooLargeError", f"more than {max_bytes} bytes")
