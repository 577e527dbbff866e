"""Serves the review on a port of 127.0.0.1 until it is interrupted; the command calls it."""

import socket
from collections.abc import Callable

import uvicorn

from atlas_scraper.review.app import create_app
from atlas_scraper.review.decisions import Decisions
from atlas_scraper.review.guard import new_key
from atlas_scraper.review.pictures import Pictures
from atlas_scraper.rows import RowsError

_HOST = "127.0.0.1"
_STOP_SECONDS = 2


def serve(
    decisions: Decisions,
    pictures: Pictures,
    title: str,
    port: int,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM; from the main thread.

    Parameters
    ----------
    decisions : Decisions
    pictures : Pictures
    title : str
        What is reviewed.
    port : int
        0 for any that is free.
    announce : callable
        Is told the address, with its key, once connections are taken.

    Raises
    ------
    RowsError
        The port is in use.
    """
    key = new_key()
    try:
        listener = socket.create_server((_HOST, port))
    except OSError as error:
        raise RowsError(
            f"port {port} of {_HOST}: {error.strerror}; give another --port, or 0 for any"
        ) from None
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(decisions, pictures, title, key),
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    with listener:
        announce(f"http://{_HOST}:{listener.getsockname()[1]}/?key={key}")
        server.run(sockets=[listener])
    pictures.close()
