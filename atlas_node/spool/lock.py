"""The folders of the spool, and the lock on each: who may change what is in it.

The node holds one on the whole spool, a receiver and a forwarder each one on their side of a
partition. The kernel lets a lock go when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from atlas_node.errors import SpoolError

LOCK_NAME: Final = "lock"
RECEIVER_LOCK: Final = "lock-receiver"
FORWARDER_LOCK: Final = "lock-forwarder"


class FolderLock:
    """An exclusive lock on a folder, held until it is closed or the process ends.

    Parameters
    ----------
    folder : Path
        Made when it is missing, as `make_folder` does.
    name : str
        Of the lock file in it.
    patience : float
        Seconds to wait for another process to let it go.

    Raises
    ------
    SpoolError
        When the folder cannot be written, or another process holds the lock.
    """

    def __init__(self, folder: Path, name: str = LOCK_NAME, patience: float = 0.0) -> None:
        try:
            make_folder(folder)
            self._file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SpoolError(unusable(folder, error)) from error
        give_up = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= give_up:
                    os.close(self._file)
                    raise SpoolError(
                        f"the spool {folder} is in use by another node; "
                        "stop that one or set spool.path to another folder"
                    ) from None
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._file)


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing, so that it is there after a loss of power.

    Raises
    ------
    OSError
        When that fails.
    """
    missing = [it for it in (folder, *folder.parents) if not it.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk.

    Raises
    ------
    OSError
        When that fails.
    """
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def unusable(path: Path, error: OSError) -> str:
    """Return one line that says why `path` cannot be used."""
    return f"cannot write the spool {path}: {error.strerror or error}"
