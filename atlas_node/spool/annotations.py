"""What couriers have made of objects, kept in memory until the recorder has told the log of them.

`Spool` keeps it, so that an annotation need not be made twice. The rule: it never takes more memory
and descriptors than it may, however long the log is away; what finds no place is made again.
"""

from __future__ import annotations

from typing import Final

from atlas_node.spool.entry import Entry

MOST: Final = 128 << 20
"""Bytes of all objects whose annotations are kept: one may hold its whole object, written anew."""

COUNT: Final = 256
"""Annotations that are kept: each holds a map of its object's file, which is a descriptor, too."""


class HeldAnnotations:
    """Annotations by their object; every method is called under the lock of the spool."""

    def __init__(self, most: int = MOST, count: int = COUNT) -> None:
        self._room = most
        self._count = count
        self._held: dict[str, tuple[object, int]] = {}

    def hold(self, entry: Entry, annotation: object) -> None:
        """Keep the first annotation of an object, if there is room."""
        if len(self._held) >= self._count or entry.object_id in self._held:
            return
        if entry.size <= self._room:
            self._room -= entry.size
            self._held[entry.object_id] = annotation, entry.size

    def of(self, object_id: str) -> object | None:
        """Return the annotation of an object; None when none is kept."""
        annotation, _ = self._held.get(object_id, (None, 0))
        return annotation

    def release(self, object_id: str) -> None:
        """Forget the annotation of an object, which needs it no more."""
        _, size = self._held.pop(object_id, (None, 0))
        self._room += size
