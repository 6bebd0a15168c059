"""The routes of the service, as a FastAPI application.

Every answer that is no success is JSON: `error`, the error's class, and `message`.

Nothing of a request outlives its answer: no picture, file, name or address is stored or logged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stc import __version__
from stc.bitstream import MAX_BYTES, MEDIA_TYPE
from stc.carriers.qr import to_text
from stc.errors import SettingsError
from stc.service.dispatch import Dispatcher, RequestError, failure
from stc.service.limits import Limits
from stc.service.work import decode, encode
from stc.settings import Settings
from stc.threads import threads as usable_threads


def create_app(
    limits: Limits | None = None, *, model: str | None = None, threads: int | None = None
) -> FastAPI:
    """The service, for any ASGI server.

    limits: what a request may cost; the defaults of `Limits` if None. model: the one to encode
    with, by name or path; files name the one that decodes them. threads: faces coded at the same
    time, `stc.threads.threads()` if None.

    The model is loaded when the server starts the application, which fails with ModelError if that
    cannot be done.
    """
    dispatcher = Dispatcher(limits or Limits(), threads or usable_threads())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await dispatcher.start(model)
        yield
        dispatcher.close()

    # FastAPI's own pages of documentation load scripts from elsewhere; openapi.json does not.
    app = FastAPI(
        title="STC", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )

    encoded_types = {MEDIA_TYPE: _BYTES, "application/json": _ENCODED_JSON}
    decoded_types = {"image/png": _BYTES}

    @app.post(
        "/encode",
        openapi_extra=_body("image/*"),
        response_class=Response,
        responses=_responses(encoded_types),
    )
    async def post_encode(
        request: Request,
        settings: Annotated[Settings, Depends()],
        form: Literal["stc", "base45"] = "stc",
    ) -> Response:
        """A picture -> a .stc file, or JSON with its Base45 text; with size and quality."""

        async def handle() -> Response:
            body = await dispatcher.read(request, dispatcher.limits.body)
            encoded = await dispatcher.run(encode, body, settings, model, dispatcher.limits)
            dispatcher.metrics.observe_quality(encoded.quality)
            data, quality = encoded.data, round(encoded.quality, 4)
            if form == "base45":
                text = to_text(data)
                return JSONResponse({"base45": text, "bytes": len(data), "quality": quality})
            headers = {"STC-Bytes": str(len(data)), "STC-Quality": f"{quality:.4f}"}
            return Response(data, media_type=MEDIA_TYPE, headers=headers)

        return await dispatcher.respond("encode", handle)

    @app.post(
        "/decode",
        openapi_extra=_body(MEDIA_TYPE),
        response_class=Response,
        responses=_responses(decoded_types),
    )
    async def post_decode(
        request: Request,
        size: Annotated[int, Query(ge=1)] = 128,
        mark: bool = False,
        bare: bool = False,
    ) -> Response:
        """A .stc file -> a PNG, which says in its metadata that it is reconstructed."""

        async def handle() -> Response:
            if size > dispatcher.limits.size:
                most = dispatcher.limits.size
                raise RequestError(422, "ArgumentError", f"size: at most {most} pixels")
            body = await dispatcher.read(request, MAX_BYTES)
            picture = await dispatcher.run(decode, body, size, mark, bare, model)
            return Response(picture, media_type="image/png")

        return await dispatcher.respond("decode", handle)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether the model is loaded and requests are served."""
        if dispatcher.model is None:  # some servers do not tell an application that they start
            await dispatcher.start(model)
        return {"status": "ok", "version": __version__, "model": str(dispatcher.model)}

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(dispatcher.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        message = f"{first['loc'][-1]}: {first['msg']}"
        dispatcher.metrics.count(request.url.path.strip("/"), "ArgumentError", 0)
        return failure(422, "ArgumentError", message)

    @app.exception_handler(SettingsError)
    async def contradictory(request: Request, error: SettingsError) -> Response:
        name = type(error).__name__
        dispatcher.metrics.count(request.url.path.strip("/"), name, 0)
        return failure(422, name, str(error))

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        return failure(error.status_code, "HttpError", str(error.detail))

    return app


_BYTES = {"schema": {"type": "string", "format": "binary"}}
_ENCODED_JSON = {
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


def _responses(content: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """How openapi.json describes a route's answers."""
    failures: dict[int | str, dict[str, Any]] = {
        status: {"description": what, "content": {"application/json": _FAILURE}}
        for status, what in _FAILURES.items()
    }
    return {200: {"description": "done", "content": content}, **failures}


def _body(media: str) -> dict[str, Any]:
    """How openapi.json describes a request's body of bytes."""
    return {"requestBody": {"required": True, "content": {media: _BYTES}}}
