"""One sync of a folder for all the objects that wait for it.

With durability ``fsync`` the associations of a receiver commit at the same time. Each syncs the two
files of its object in its own thread, because the file system puts syncs that run side by side into
one write of its journal, and one thread that syncs for all would wait for each in turn. The names
of all of them are in one folder, and one sync of that is enough for everybody who came before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class _Group:
    """Those who wait for the same sync."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: OSError | None = None


class GroupCommit:
    """Lets many threads share the calls of `sync`; the first of a group makes it for all.

    Parameters
    ----------
    sync : callable
        Makes everything durable that was done before it was called; raises OSError.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._joining = threading.Lock()
        self._syncing = threading.Lock()
        self._next: _Group | None = None

    def commit(self) -> None:
        """Return when a sync that began after this call has ended.

        Raises
        ------
        OSError
            When that sync failed.
        """
        with self._joining:
            leader = self._next is None
            group = self._next = self._next or _Group()
        if not leader:
            group.done.wait()
        else:
            with self._syncing:
                # From here on others belong to the next group: this sync may miss their files.
                with self._joining:
                    self._next = None
                try:
                    self._sync()
                except OSError as error:
                    group.error = error
                finally:
                    group.done.set()
        if group.error is not None:
            raise group.error
