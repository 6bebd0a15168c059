"""The routes of the service, as a FastAPI application.

Every error is answered in JSON: `error`, the error's class, and `message`.

No data of a request is kept after its answer: no picture, file, name or address is stored or
logged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import PathLike
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stc import __version__
from stc.bitstream import MEDIA_TYPE
from stc.carriers.text import to_text
from stc.errors import SettingsError
from stc.service.answers import Answers
from stc.service.description import (
    BYTES,
    ENCODED_JSON,
    PAGE,
    SERVER_FAILURE,
    TEXT,
    body,
    parameters,
    responses,
)
from stc.service.dispatch import Dispatcher, RequestError, error_response, failure
from stc.service.limits import Limits
from stc.service.page import Page
from stc.service.requests import check_headers, check_parameters, check_picture
from stc.service.wording import in_parameters
from stc.service.work import decode, encode
from stc.settings import DEFAULT_SIZE, Settings
from stc.threads import threads as usable_threads


def create_app(
    limits: Limits | None = None,
    *,
    model: str | None = None,
    threads: int | None = None,
    page: str | PathLike[str] | None = None,
) -> FastAPI:
    """The service, for any ASGI server.

    limits: of requests and of the server; the defaults of `Limits` if None. model: name or path of
    the model that encodes, the default model if None; a file to decode names its model. threads:
    number of faces processed at the same time, `stc.threads.threads()` if None. page: path of the
    page to serve at `/`, as web/page builds it, or `installed_page()`; no page if None.

    The model is loaded when the server starts the application; that fails with ModelError if the
    model cannot be loaded. The page is read here: raises OSError if its file cannot be read,
    StcError if it is another file.
    """
    dispatcher = Dispatcher(limits or Limits(), threads or usable_threads())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await dispatcher.start(model)
        yield
        dispatcher.close()

    # FastAPI's documentation pages load scripts from other servers; openapi.json does not.
    app = FastAPI(
        title="STC",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would be an answer without a message
    )

    def failed(what: str, error: Exception) -> Response:
        return error_response(what, error)[1]

    app.add_middleware(Answers, limits=dispatcher.limits, failed=failed)

    async def body_of(request: Request) -> bytes:
        """Check parameters and headers of a request and read its body. Raises RequestError."""
        check_parameters(request, parameters(app))
        check_headers(request)
        return await dispatcher.read(request, dispatcher.limits.body)

    @app.post(
        "/encode",
        openapi_extra=body("image/*"),
        response_class=Response,
        responses=responses({MEDIA_TYPE: BYTES, "application/json": ENCODED_JSON}),
    )
    async def post_encode(
        request: Request,
        settings: Annotated[Settings, Depends()],
        form: Literal["stc", "base45"] = "stc",
    ) -> Response:
        """A picture -> a .stc file, or JSON with its Base45 text; both with size and quality."""

        async def handle() -> Response:
            picture = await body_of(request)
            check_picture(picture)
            encoded = await dispatcher.run(encode, picture, settings, model, dispatcher.limits)
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
        openapi_extra=body(MEDIA_TYPE, "text/plain", "application/json", "image/*"),
        response_class=Response,
        responses=responses({"image/png": BYTES}),
    )
    async def post_decode(
        request: Request,
        size: Annotated[int, Query(ge=1)] = min(DEFAULT_SIZE, dispatcher.limits.size),
        mark: bool = False,
        bare: bool = False,
    ) -> Response:
        """A .stc file, or a carrier of one (QR code, text, NFC tag) -> a PNG, whose metadata state
        that it is reconstructed."""

        async def handle() -> Response:
            limits = dispatcher.limits
            if size > limits.size:
                raise RequestError(422, "ArgumentError", f"size: at most {limits.size} pixels")
            file = await body_of(request)
            picture = await dispatcher.run(decode, file, size, mark, bare, model, limits)
            return Response(picture, media_type="image/png")

        return await dispatcher.respond("decode", handle)

    @app.get("/health", responses=SERVER_FAILURE)
    async def health() -> dict[str, str]:
        """Whether the model is loaded and requests are served."""
        if dispatcher.model is None:  # some servers do not send ASGI's lifespan events
            await dispatcher.start(model)
        return {"status": "ok", "version": __version__, "model": str(dispatcher.model)}

    @app.get("/metrics", response_class=Response, responses=TEXT)
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(dispatcher.metrics.text(), media_type="text/plain; version=0.0.4")

    if page is not None:
        opened = Page(page)

        @app.get("/", response_class=Response, responses=PAGE)
        async def get_page(request: Request) -> Response:
            """The page that reads a face from a card, for browsers."""
            check_parameters(request, parameters(app))
            return opened.answer(request.headers.get("if-none-match", ""))

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
        return failure(422, name, in_parameters(str(error)))

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        served = ", ".join(app.openapi()["paths"])
        message = f"{error.detail}: there are {served} and /openapi.json"
        if page is None and request.url.path == "/":
            message += "; this server was started without its page, see docs/service.md"
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = headers["Allow"].replace("GET", "GET, HEAD")
            message = f"{error.detail}: this route supports {headers['Allow']}"
        response = failure(error.status_code, "HttpError", message)
        response.headers.update(headers)
        return response

    return app
