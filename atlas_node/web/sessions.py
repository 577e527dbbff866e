"""Who is signed in: sessions kept in memory, found by what the browser's cookie holds.

`login` opens and closes them, `access` finds them for each request. A restart of the node ends
all. The rule: the process keeps the hash of a cookie alone, and no more than so many sessions.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from atlas_node.config import WebRole

_MOST: Final = 1000
_COOKIE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in.

    Attributes
    ----------
    name, role : str
    csrf : str
        What each change must give with it.
    opened : float
        By the clock of `Sessions`.
    """

    name: str
    role: WebRole
    csrf: str
    opened: float


class Sessions:
    """The open sessions; may be used from any thread.

    Parameters
    ----------
    idle, longest : float
        Seconds after the last use, and after signing in, when a session ends.
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(
        self, idle: float, longest: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._idle = idle
        self._longest = longest
        self._clock = clock
        self._lock = threading.Lock()
        # In the order of their last use: the first is the one that is idle longest.
        self._sessions: dict[bytes, tuple[Session, float]] = {}

    def open(self, name: str, role: WebRole) -> str:
        """Return the cookie of a new session."""
        cookie = secrets.token_urlsafe(_COOKIE_BYTES)
        now = self._clock()
        session = Session(name, role, secrets.token_urlsafe(_COOKIE_BYTES), now)
        with self._lock:
            self._forget(now)
            if len(self._sessions) >= _MOST:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[_digest(cookie)] = session, now
        return cookie

    def find(self, cookie: str, *, in_use: bool = True) -> Session | None:
        """Return the session of a cookie, None when there is none.

        Parameters
        ----------
        cookie : str
        in_use : bool
            A person asks, so that the session is not idle; a page that asks by itself is no use.
        """
        now = self._clock()
        with self._lock:
            self._forget(now)
            key = _digest(cookie)
            session, _ = self._sessions.get(key, (None, 0.0))
            if session is None:
                return None
            if now - session.opened >= self._longest:
                del self._sessions[key]
                return None
            if in_use:
                del self._sessions[key]
                self._sessions[key] = session, now
            return session

    def close(self, cookie: str) -> None:
        """End the session of a cookie."""
        with self._lock:
            self._sessions.pop(_digest(cookie), None)

    def __len__(self) -> int:
        return len(self._sessions)

    def _forget(self, now: float) -> None:
        """Drop the sessions that have been idle for too long."""
        while self._sessions:
            key, (_, used) = next(iter(self._sessions.items()))
            if now - used < self._idle:
                return
            del self._sessions[key]


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()
