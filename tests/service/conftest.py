"""Requests to the service without a network, and a server on loopback."""

import asyncio
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from stc.service import Limits, create_app, uvicorn_settings

PATIENT = Limits(seconds=600)  # a busy machine must not fail a test


@pytest.fixture(scope="package")
def astronaut():
    """The bytes of a picture with one face."""
    with open("tests/assets/astronaut.png", "rb") as file:
        return file.read()


@pytest.fixture(scope="package")
def app():
    return create_app(PATIENT, threads=1)


def ask(app, method, path, **options):
    """One request and its response."""

    async def go():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://stc") as client:
            return await client.request(method, path, **options)

    return asyncio.run(go())


@contextmanager
def serving(app, limits):
    """Serve an application on loopback as `stc serve` does; yields the port."""
    settings = uvicorn_settings(limits)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", **settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
