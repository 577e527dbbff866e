"""Tells open pages that the log has changed, by server-sent events (WHATWG HTML, 9.2).

A page that follows the node holds one stream open. The rule: one reader asks the log for all
streams, and none while there is no stream; a stream carries no value of a patient, only that there
is something to ask for, so that a slow reader piles nothing up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from atlas_node.errors import LogError
from atlas_node.log import LogStore
from atlas_node.web.site import Json

MAX_STREAMS: Final = 64
LOOK_EVERY: Final = 0.5
_SIGN_OF_LIFE: Final = 15.0
_LONGEST: Final = 900.0
"""Seconds after which a stream ends; the browser opens another, and may have lost its right to."""

_READ: Final = "log"
_UNREADABLE: Final = "unreadable"


class LogEvents:
    """The streams over one log.

    Parameters
    ----------
    store : LogStore
        Only asked for its `state`.
    """

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._streams: set[asyncio.Event] = set()
        self._event = (_READ, "")
        self._reader: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = threading.Event()

    @property
    def full(self) -> bool:
        """Whether no further stream is taken."""
        return len(self._streams) >= MAX_STREAMS or self._closed.is_set()

    async def stream(self) -> AsyncIterator[str]:
        """Yield the text of a stream, beginning with an event, until `close`."""
        if self.full:
            return
        changed = asyncio.Event()
        self._streams.add(changed)
        self._loop = asyncio.get_running_loop()
        try:
            await self._look()
            if self._reader is None or self._reader.done():
                self._reader = asyncio.create_task(self._read())
            told = None
            end = self._loop.time() + _LONGEST
            while not self._closed.is_set() and self._loop.time() < end:
                changed.clear()
                if told != self._event:
                    told = self._event
                    yield "event: {}\ndata: {}\n\n".format(*told)
                    continue
                try:
                    await asyncio.wait_for(changed.wait(), _SIGN_OF_LIFE)
                except TimeoutError:
                    yield ": nothing has changed\n\n"
        finally:
            self._streams.discard(changed)

    def close(self) -> None:
        """End every stream, and take no more; may be called from any thread."""
        self._closed.set()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def _read(self) -> None:
        while self._streams and not self._closed.is_set():
            await asyncio.sleep(LOOK_EVERY)
            await self._look()

    async def _look(self) -> None:
        try:
            event = _READ, await run_in_threadpool(self._store.state)
        except LogError:
            event = _UNREADABLE, ""
        if event != self._event:
            self._event = event
            self._wake()

    def _wake(self) -> None:
        for stream in self._streams:
            stream.set()


def routes(events: LogEvents) -> list[Route]:
    """Return the address of the streams."""

    async def follow(request: Request) -> Response:
        if events.full:
            return Json(
                {"error": "too many pages follow the log; this one asks every 10 s instead"},
                status_code=503,
                headers={"Retry-After": "10"},
            )
        return StreamingResponse(
            events.stream(),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    return [Route("/events", follow)]
