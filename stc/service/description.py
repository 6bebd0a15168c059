"""Descriptions of bodies and answers for openapi.json."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
ENCODED_JSON: dict[str, Any] = {
    "schema": {
        "type": "object",
        "properties": {
            "base45": {"type": "string"},
            "bytes": {"type": "integer"},
            "quality": {"type": "number"},
        },
        "required": ["base45", "bytes", "quality"],
    }
}
_FAILURE = {
    "schema": {
        "type": "object",
        "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
        "required": ["error", "message"],
    }
}
SERVER_FAILURE: dict[int | str, dict[str, Any]] = {
    500: {"description": "the model cannot be loaded", "content": {"application/json": _FAILURE}}
}
TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "done", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "done", "content": {"text/html": {"schema": {"type": "string"}}}},
    304: {"description": "not changed"},
    400: {"description": "unknown parameter", "content": {"application/json": _FAILURE}},
}
_FAILURES = {
    400: "unknown parameter, or the request is not valid HTTP",
    408: "the body was sent too slowly",
    413: "the body is too large",
    415: "the body is not the plain file but a form, JSON, Base64 or compressed",
    422: "the file or a parameter cannot be used",
    500: "internal error",
    503: "busy, try again",
    504: "not done in time",
}


def responses(content: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The answers of a route: its content for status 200, and the failures of all routes."""
    failures: dict[int | str, dict[str, Any]] = {
        status: {"description": what, "content": {"application/json": _FAILURE}}
        for status, what in _FAILURES.items()
    }
    return {200: {"description": "done", "content": content}, **failures}


def body(*media: str) -> dict[str, Any]:
    """A required request body of bytes, of one of these media types."""
    return {"requestBody": {"required": True, "content": dict.fromkeys(media, BYTES)}}


def parameters(app: FastAPI) -> dict[str, list[str]]:
    """The names of the parameters of every route, by its path."""
    return {
        path: [named["name"] for verb in verbs.values() for named in verb.get("parameters", [])]
        for path, verbs in app.openapi()["paths"].items()
    }
