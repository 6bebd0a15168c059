"""The routes. Every answer that is no success is JSON: `error`, the error's class, and `message`.

Nothing of a request outlives its answer: no picture, file, name or address is stored or logged.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal, TypeVar

import torch
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from stc import __version__
from stc.bitstream import MOST_BYTES
from stc.carriers.ndef import MEDIA_TYPE
from stc.carriers.qr import to_text
from stc.codec.codec import load_codec
from stc.errors import MissingExtraError, ModelMissingError, StcError
from stc.imaging import Align, Choice
from stc.service.metrics import Metrics
from stc.service.work import Limits, Wanted, decode, encode
from stc.gallery.workers import available_cores

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class Refused(Exception):  # noqa: N818 - what the server says, not what went wrong in it
    """A request that is answered with an error of the service itself."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


class Desk:
    """Threads that code, a bounded number of requests waiting for them, and the counters."""

    def __init__(self, limits: Limits, threads: int) -> None:
        self.limits, self.metrics = limits, Metrics()
        # How many threads torch uses is a matter of the thread that asks.
        self._threads = ThreadPoolExecutor(threads, "stc", torch.set_num_threads, (1,))
        self._places = threading.Semaphore(limits.waiting)
        self._bodies = threading.Semaphore(limits.waiting)

    async def do(self, work: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run work(*arguments) in a thread, within the limits. Raises Refused."""
        if not self._places.acquire(blocking=False):
            raise Refused(503, "BusyError", f"{self.limits.waiting} requests are waiting already")
        self.metrics.in_work.inc()
        future = self._threads.submit(work, *arguments)
        future.add_done_callback(self._leave)  # the place is free when the thread is
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.limits.seconds)
        except asyncio.TimeoutError:
            raise Refused(
                504, "TimeLimitError", f"not done within {self.limits.seconds:g} seconds"
            ) from None

    def _leave(self, _: Future[Any]) -> None:
        self.metrics.in_work.dec()
        self._places.release()

    async def start(self, model: str | None) -> None:
        """Load the model, so that no request waits for it."""
        await asyncio.wrap_future(self._threads.submit(load_codec, model))

    async def read(self, request: Request, most: int) -> bytes:
        """A request's body of at most so many bytes. Raises Refused."""
        try:
            return await asyncio.wait_for(_read(request, most), self.limits.seconds)
        except asyncio.TimeoutError:
            raise Refused(408, "TimeLimitError", "the body came too slowly") from None

    async def answer(self, verb: str, handle: Callable[[], Awaitable[Response]]) -> Response:
        """What handle() returns, or the error that it raised, as a response; and count it."""
        start, outcome = time.perf_counter(), "ok"
        # Before anything is read: so many bodies are in memory at most.
        welcome = self._bodies.acquire(blocking=False)
        try:
            if not welcome:
                raise Refused(503, "BusyError", f"{self.limits.waiting} requests are here already")
            response = await handle()
        except Refused as error:
            outcome, response = error.name, failure(error.status, error.name, str(error))
            if error.status == 503:
                response.headers["Retry-After"] = "1"
        except ClientDisconnect:
            outcome = "ClientDisconnect"
            response = failure(400, outcome, "the body ended early")
        except StcError as error:
            outcome = type(error).__name__
            ours = isinstance(error, (MissingExtraError, ModelMissingError))
            response = failure(500 if ours else 422, outcome, str(error))
        except ValueError as error:
            outcome, response = "ArgumentError", failure(422, "ArgumentError", str(error))
        except Exception as error:
            outcome = "InternalError"
            # The class alone: what an error says may hold what was sent.
            _log.error("%s failed: %s", verb, type(error).__name__)
            response = failure(500, outcome, "something went wrong here")
        finally:
            if welcome:
                self._bodies.release()
        self.metrics.count(verb, outcome, time.perf_counter() - start)
        return response

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)


def create_app(
    limits: Limits | None = None, *, model: str | None = None, threads: int | None = None
) -> FastAPI:
    """The service, for any ASGI server.

    model: the one to encode with; files name the one that decodes them. threads: faces coded at
    the same time, one a core if None.
    """
    desk = Desk(limits or Limits(), threads or available_cores())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await desk.start(model)
        yield
        desk.close()

    # FastAPI's own pages of documentation load scripts from elsewhere; openapi.json does not.
    app = FastAPI(
        title="STC", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )

    coded = {MEDIA_TYPE: _BYTES, "application/json": _CODED}
    drawn = {"image/png": _BYTES}

    @app.post(
        "/encode",
        openapi_extra=_body("image/*"),
        response_class=Response,
        responses=_answers(coded),
    )
    async def post_encode(
        request: Request,
        max_bytes: int | None = None,
        level: int | None = None,
        align: Align = "auto",
        face: Choice = "only",
        bare: bool = False,
        min_quality: Annotated[float, Query(ge=0, le=1)] = 0.0,
        form: Literal["stc", "base45"] = "stc",
    ) -> Response:
        """A picture -> a .stc file, or JSON with its Base45 text; with size and quality."""
        wanted = Wanted(max_bytes, level, align, face, bare, min_quality, model)

        async def handle() -> Response:
            body = await desk.read(request, desk.limits.body)
            data, quality = await desk.do(encode, body, wanted, desk.limits)
            desk.metrics.judge(quality)
            quality = round(quality, 4)
            if form == "base45":
                text = to_text(data)
                return JSONResponse({"base45": text, "bytes": len(data), "quality": quality})
            headers = {"STC-Bytes": str(len(data)), "STC-Quality": f"{quality:.4f}"}
            return Response(data, media_type=MEDIA_TYPE, headers=headers)

        return await desk.answer("encode", handle)

    @app.post(
        "/decode",
        openapi_extra=_body(MEDIA_TYPE),
        response_class=Response,
        responses=_answers(drawn),
    )
    async def post_decode(
        request: Request,
        size: Annotated[int, Query(ge=1)] = 128,
        mark: bool = False,
        bare: bool = False,
    ) -> Response:
        """A .stc file -> a PNG, which says in its metadata that it is reconstructed."""

        async def handle() -> Response:
            if size > desk.limits.size:
                raise Refused(422, "ArgumentError", f"size: at most {desk.limits.size} pixels")
            body = await desk.read(request, MOST_BYTES)
            picture = await desk.do(decode, body, size, mark, bare, model)
            return Response(picture, media_type="image/png")

        return await desk.answer("decode", handle)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the model is loaded and requests are served."""
        return {"status": "ok", "version": __version__, "model": load_codec(model).model.name}

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(desk.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        message = f"{first['loc'][-1]}: {first['msg']}"
        desk.metrics.count(request.url.path.strip("/"), "ArgumentError", 0)
        return failure(422, "ArgumentError", message)

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        return failure(error.status_code, "HttpError", str(error.detail))

    return app


def failure(status: int, name: str, message: str) -> JSONResponse:
    """An answer that is an error."""
    return JSONResponse({"error": name, "message": message}, status)


async def _read(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    parts, size = [], 0
    if not declared.isdecimal() or int(declared) <= most:
        async for chunk in request.stream():
            parts.append(chunk)
            size += len(chunk)
            if size > most:
                break
        else:
            return b"".join(parts)
    raise Refused(413, "BodyTooLargeError", f"more than {most} bytes")


_BYTES = {"schema": {"type": "string", "format": "binary"}}
_CODED = {
    "schema": {
        "type": "object",
        "properties": {
            "base45": {"type": "string"},
            "bytes": {"type": "integer"},
            "quality": {"type": "number"},
        },
    }
}
_FAILURE = {
    "schema": {
        "type": "object",
        "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
    }
}
_FAILURES = {
    408: "the body came too slowly",
    413: "the body is too large",
    422: "what was sent cannot be used",
    500: "something went wrong here",
    503: "busy, try again",
    504: "not done in time",
}


def _answers(content: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """How openapi.json describes a route's answers."""
    failures: dict[int | str, dict[str, Any]] = {
        status: {"description": what, "content": {"application/json": _FAILURE}}
        for status, what in _FAILURES.items()
    }
    return {200: {"description": "done", "content": content}, **failures}


def _body(media: str) -> dict[str, Any]:
    """How openapi.json describes a request's body of bytes."""
    return {"requestBody": {"required": True, "content": {media: _BYTES}}}
