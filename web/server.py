"""An application on a socket, until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, nullcontext
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from errors import StackError

LOOPBACK = "127.0.0.1"


class OpenProtocol(H11Protocol):
    """HTTP whose connection the application can reach, as `request.state.transport`.

    The push gateway breaks connections on demand, which ASGI has no word for.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def listen(port: int) -> socket.socket:
    """A socket of loopback, bound; port 0 takes a free one. StackError if it is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise StackError(
            f"Port {port} of {LOOPBACK} cannot be used ({error.strerror}): "
            "end what holds it, or set SOJOURN_WEB_PORT to another."
        ) from None
    return listener


class Program(uvicorn.Server):
    """A server that ends at SIGTERM and SIGINT, and knows that it was interrupted.

    It raises the signal again at its end, but the loop may have ended by then without a word of it.
    """

    interrupted = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.interrupted = self.interrupted or sig == signal.SIGINT
        super().handle_exit(sig, frame)


def server(application: ASGIApp) -> Program:
    """A server for the application that ends at SIGTERM and SIGINT."""
    return Program(_configuration(application))


@asynccontextmanager
async def served(application: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve inside a loop that runs already, for the length of the block; gives the address (`http://…`)."""
    listener = listen(port)
    serving = _Guest(_configuration(application))
    task = asyncio.create_task(serving.serve(sockets=[listener]))
    ready = asyncio.create_task(serving.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        ready.cancel()
        serving.should_exit = True
        with closing(listener):
            await task


class _Guest(uvicorn.Server):
    """A server that leaves the signals to whoever runs the loop, and tells when it is there."""

    def __init__(self, configuration: uvicorn.Config) -> None:
        super().__init__(configuration)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            raise StackError("The application does not start: the log says why.") from None
        self.ready.set()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


def _configuration(application: ASGIApp) -> uvicorn.Config:
    """No log of the server's own: addresses hold customers' ids, and `problems` logs what goes wrong."""
    return uvicorn.Config(
        application,
        http=OpenProtocol,
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        # Nothing here is worth waiting for: what hangs when the end comes is ended.
        timeout_graceful_shutdown=1,
    )
