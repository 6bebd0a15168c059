"""Processing of requests within limits: worker threads, a bounded queue, answers for errors."""

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
from stc.service.wording import in_parameters
from stc.service.work import UnknownModelError

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_MAX_DIGITS = 20  # of a Content-Length; int() raises an error for some thousand digits

# Errors of the client's input; their messages state the reason.
_INPUT_ERRORS = (
    FormatError,
    FaceError,
    ImageError,
    SettingsError,
    BudgetError,
    QualityError,
    UnknownModelError,
)
# Errors of the server's installation; their messages state what is missing or damaged.
_SERVER_ERRORS = (ModelError, BackendError, MissingExtraError)


class RequestError(Exception):
    """An error of the service, not of the codec: status and name of the answer, and its message."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


class Dispatcher:
    """The worker threads, a bounded number of requests that wait for them, and the counters."""

    def __init__(self, limits: Limits, threads: int) -> None:
        self.limits, self.metrics = limits, Metrics()
        self.model: str | None = None  # name of the model, None until it is loaded
        self._threads = ThreadPoolExecutor(threads, "stc")
        self._places = threading.Semaphore(limits.waiting)
        self._bodies = threading.Semaphore(limits.waiting)

    async def run(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run work(*arguments) in a thread and return its result.

        Raises RequestError if too many requests are waiting, or if it takes too long.
        """
        if not self._places.acquire(blocking=False):
            raise RequestError(
                503, "BusyError", f"{self.limits.waiting} requests are waiting already"
            )
        self.metrics.in_work.inc()
        future = self._threads.submit(work, *arguments)
        future.add_done_callback(self._leave)  # a request that timed out still uses its thread
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
        """Load the model in a thread, so that no request has to wait for it, and store its name.

        Raises ModelError if the model cannot be loaded, BackendError if the backend cannot.
        """
        codec = await asyncio.wrap_future(self._threads.submit(load_codec, model))
        self.model = codec.model.name

    async def read(self, request: Request, max_bytes: int) -> bytes:
        """Read a request's body. Raises RequestError if it is larger than `max_bytes` or slow."""
        try:
            return await asyncio.wait_for(_read(request, max_bytes), self.limits.seconds)
        except asyncio.TimeoutError:
            raise RequestError(408, "TimeLimitError", "the body was sent too slowly") from None

    async def respond(self, verb: str, handle: Callable[[], Awaitable[Response]]) -> Response:
        """The response that handle() returns, or the one for the error that it raises.

        Counts the request. verb: the route's name in the counters.
        """
        start, outcome = time.perf_counter(), "ok"
        # Acquired before the body is read, which limits the number of bodies in memory.
        admitted = self._bodies.acquire(blocking=False)
        try:
            if not admitted:
                raise RequestError(
                    503, "BusyError", f"{self.limits.waiting} requests are in progress already"
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
        """Wait for the threads to finish their current work, and cancel the requests that wait."""
        self._threads.shutdown(cancel_futures=True)


def failure(status: int, name: str, message: str) -> JSONResponse:
    """The response for an error: JSON with `error`, its class, and `message`."""
    return JSONResponse({"error": name, "message": message}, status)


def error_response(verb: str, error: Exception) -> tuple[str, Response]:
    """An error's name in the counters, and its response.

    An error that is the server's fault is logged with `verb`, the route's name.
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
        return name, failure(422, name, in_parameters(str(error)))
    # Only the class is logged: the message may contain data of the request.
    _log.error("%s failed: %s", verb, name)
    if isinstance(error, _SERVER_ERRORS):
        return name, failure(500, name, in_parameters(str(error)))
    return "InternalError", failure(500, "InternalError", "an internal error of the server")


async def _read(request: Request, max_bytes: int) -> bytes:
    """Read the body; if Content-Length is already too large, read nothing. Raises RequestError."""
    declared = request.headers.get("content-length", "0")
    body = bytearray()  # grows in place, so that many small chunks do not copy it every time
    too_large = declared.isdecimal() and (len(declared) > _MAX_DIGITS or int(declared) > max_bytes)
    if not too_large:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                break
        else:
            return bytes(body)
    raise RequestError(413, "BodyTooLargeError", f"more than {max_bytes} bytes")
