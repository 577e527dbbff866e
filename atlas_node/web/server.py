"""Serves the viewer over HTTP with uvicorn, in a thread of the process that starts it.

The node starts a `WebServer` and goes on; `run_web` is the viewer alone. Nothing of a request or
of a page is written to the process log, for addresses and pages hold patients' values.
"""

from __future__ import annotations

import signal
import socket
import ssl
import threading
from collections.abc import Callable

import uvicorn

from atlas_node.config import Config, WebSettings
from atlas_node.config.contradictions import open_to_the_network
from atlas_node.errors import AtlasError
from atlas_node.log import LogStore
from atlas_node.web.app import create_app
from atlas_node.web.means import NO_MEANS, Means

_STOP_SECONDS = 5
_CONNECTIONS = 512  # more are answered with 503


class WebServer:
    """The viewer over an open log, as a thread.

    Parameters
    ----------
    config : Config
        Its `web` gives host, port and auth.
    store : LogStore
        Only read; the caller closes it after `stop`.
    means : Means
        What the viewer can do to the node that it belongs to.
    """

    def __init__(self, config: Config, store: LogStore, means: Means = NO_MEANS) -> None:
        self._web = config.web
        self._app = create_app(store, config, means)
        tls = config.web.tls
        self._http = uvicorn.Config(
            self._app,
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_SECONDS,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        self._server = uvicorn.Server(self._http)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address of the viewer."""
        host = f"[{self._web.host}]" if ":" in self._web.host else self._web.host
        return f"{'https' if self._web.tls else 'http'}://{host}:{self._web.port}/"

    def start(self) -> None:
        """Listen and serve; returns once connections are taken.

        Raises
        ------
        AtlasError
            It would be open to the network, the port is in use, the host is not an address of
            this machine, or the certificate cannot be used.
        """
        check_files(self._web)
        self._http.load()
        listener = listen(self._web)
        started = threading.Event()

        def serve() -> None:
            try:
                self._server.run(sockets=[listener])
            finally:
                listener.close()
                started.set()

        self._thread = threading.Thread(target=serve, name="web", daemon=True)
        self._thread.start()
        while not self._server.started and not started.wait(0.01):
            pass
        if not self._server.started:
            raise AtlasError(f"web: the viewer on {self.url} did not start")

    def stop(self) -> None:
        """Finish the requests in hand and stop listening."""
        if self._thread is not None:
            self._app.state.log_events.close()
            self._server.should_exit = True
            self._thread.join(2 * _STOP_SECONDS)
            self._thread = None


def check_files(web: WebSettings) -> None:
    """Check what a viewer needs before it can listen.

    Raises
    ------
    AtlasError
        It would be open to the network, or the certificate cannot be used.
    """
    if open_to_the_network(web):
        raise AtlasError(
            f"web.host: {web.host} can be reached from other machines: "
            "set web.users or web.auth, or use the host 127.0.0.1"
        )
    if web.tls is None:
        return
    try:
        # The password of a key that is encrypted would be asked for on a terminal.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(web.tls.certificate, web.tls.key, password="")
    except OSError as error:  # ssl.SSLError is one of them
        raise AtlasError(
            f"web.tls: cannot use certificate and key: {error.strerror or error}"
        ) from None


def listen(web: WebSettings) -> socket.socket:
    """Bind the viewer's port and listen.

    Raises
    ------
    AtlasError
        The port is in use, or the host is not an address of this machine.
    """
    try:
        found = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        raise AtlasError(
            f"web: cannot listen on {web.host} port {web.port}: "
            f"{error.strerror or error}: change web.host or web.port, or stop what uses it"
        ) from None


def run_web(config: Config, announce: Callable[[str], None], means: Means = NO_MEANS) -> None:
    """Serve the viewer over the configured log until SIGINT or SIGTERM; from the main thread.

    Parameters
    ----------
    config : Config
    announce : callable
        Is told the address in one line.
    means : Means
        What the viewer can do to the node that it belongs to.

    Raises
    ------
    AtlasError
        There is no log, or its viewer cannot listen.
    """
    told_to_stop = threading.Event()
    with LogStore.open(config.log.url, config.log.values, read_only=True) as store:
        server = WebServer(config, store, means)
        server.start()
        previous = {
            number: signal.signal(number, lambda *_: told_to_stop.set())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            announce(f"The viewer of {store.place} is on {server.url}")
            told_to_stop.wait()
        finally:
            server.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
