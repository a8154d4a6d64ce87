"""A server on the loopback in the place of a source of prices, and a session that reaches it."""

import contextlib
import math
import socket
import socketserver
import struct
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, RLock, Thread
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from curl_cffi import CurlOpt
from curl_cffi.requests import Session

# Longer than any client waits.
HANG_SECONDS = 30
FAULTS = ("cut", "hang", "reset")


@dataclass(frozen=True)
class Request:
    """A request as received. `path`: percent-decoded."""

    path: str
    params: dict[str, str]
    host: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What to send. `fault`: cut, hang or reset instead of sending it whole."""

    status: int
    body: bytes
    kind: str = "application/json"
    cookie: str | None = None
    fault: str | None = None


@dataclass
class Failure:
    how: str
    tickers: Collection[str] | None
    left: float
    skip: int

    def takes(self, ticker: str) -> bool:
        """Whether this chart request fails; counts it."""
        if self.left <= 0 or (self.tickers is not None and ticker not in self.tickers):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.left -= 1
        return True


class FakeSource:
    """A source on `127.0.0.1:port`, whatever it tells: what it was asked, and what of that shall fail.

    Attributes
    ----------
    hows
        The ways in which its answers can fail.
    """

    hows: frozenset[str]

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._failures: list[Failure] = []
        self._lock = RLock()

    def __enter__(self) -> Self:
        self._server = LoopbackServer(self.answer)
        self._server.start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._server.stop()
        if self._server.errors and error is None:
            raise self._server.errors[0]

    @property
    def port(self) -> int:
        return self._server.server_port

    def fail(
        self, how: str, *, tickers: Collection[str] | None = None, requests: int | None = None, skip: int = 0
    ) -> None:
        """Let requests for prices fail: all, or the next `requests` after the next `skip`. Earlier calls go first.

        how: one of `hows`.
        """
        if how not in self.hows:
            raise ValueError(f"no failure {how!r}; expected one of {sorted(self.hows)}")
        self._failures.append(Failure(how, tickers, math.inf if requests is None else requests, skip))

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._failures.clear()

    def answer(self, request: Request) -> Answer:
        """Return what to send, and keep the request."""
        raise NotImplementedError

    def _find_failure(self, ticker: str) -> str | None:
        """Return how this request of a ticker fails, None where it does not; counts it."""
        return next((failure.how for failure in self._failures if failure.takes(ticker)), None)


class LoopbackServer(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.stopping = Event()
        self.errors: list[BaseException] = []
        self._open: set[socket.socket] = set()

    def start(self) -> None:
        # the interval is how long stopping takes
        Thread(target=self.serve_forever, args=[0.02], daemon=True).start()

    def stop(self) -> None:
        """End the listener and every connection that a client keeps alive."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        # HTTPServer's own looks up the host's name, which can take seconds
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        error = sys.exception()
        if not isinstance(error, ConnectionError):  # a client that has gone is no error
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for headers and body: two would wait 40 ms for the client's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: LoopbackServer

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        params = dict(parse_qsl(url.query, keep_blank_values=True))
        host = self.headers.get("Host", "").partition(":")[0]
        answer = self.server.answer(Request(unquote(url.path), params, host, dict(self.headers)))
        if answer.fault == "hang":
            self.server.stopping.wait(HANG_SECONDS)
            self.close_connection = True
        elif answer.fault == "reset":
            self._reset()
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.cookie:
            self.send_header("Set-Cookie", answer.cookie)
        self.end_headers()
        if answer.fault == "cut":
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        """Close at once, with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, *args) -> None:
        """Say nothing."""


class Loopback(Session):
    """Sends what is meant for a source to the loopback, and refuses everything else.

    The host stays in the address, so that cookies and the `Host` header are as in reality; only the scheme, the port
    and where the name leads to are others.
    """

    port: int
    domain: str

    def request(self, method, url, *args, **kwargs):
        parts = urlsplit(url)
        if not f".{parts.hostname}".endswith(f".{self.domain}"):
            raise AssertionError(f"a test must not reach {url}")
        # A proxy named in the environment would look the host up by itself.
        self.curl_options = {CurlOpt.RESOLVE: [f"*:{self.port}:127.0.0.1"], CurlOpt.NOPROXY: b"*"}
        url = urlunsplit(("http", f"{parts.hostname}:{self.port}", parts.path or "/", parts.query, ""))
        return super().request(method, url, *args, **kwargs)


def make_session_class(port: int, base: type[Session] = Session, *, domain: str = "yahoo.com") -> type[Session]:
    """Return `base` on the loopback: its own `request` runs first, then `Loopback`'s."""
    bases = (Loopback,) if base is Session else (base, Loopback)
    return type(f"{base.__name__}OnLoopback", bases, {"port": port, "domain": domain})
