"""How much memory a node takes at most while a test works on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fault.nodes import NodeProcess

_PAUSE = 0.02


class Growth:
    """What has been seen.

    Attributes
    ----------
    most : int
        Bytes that the processes had more than before.
    """

    def __init__(self) -> None:
        self.most = 0


@contextmanager
def memory_growth(node: NodeProcess, kind: str = "") -> Iterator[Growth]:
    """Watch the memory of a node's processes, or of the workers whose name begins with `kind`."""
    growth, before, ended = Growth(), node.own_memory(kind), threading.Event()

    def watch() -> None:
        while not ended.wait(_PAUSE):
            growth.most = max(growth.most, node.own_memory(kind) - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield growth
    finally:
        ended.set()
        thread.join()
