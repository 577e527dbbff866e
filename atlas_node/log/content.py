"""The elements of logged objects, put together again from layout, run and object.

One `Content` serves one question of `queries` and remembers what several objects share.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, select

from atlas_node.errors import LogError
from atlas_node.log.coding import DAMAGED, joined_values, unpack_json, unpack_numbers, value_of
from atlas_node.log.database import chunks
from atlas_node.log.schema import (
    STATUS_OF_CODE,
    definitions,
    findings,
    layouts,
    paths,
    reasons,
    runs,
)
from atlas_node.model import ElementRecord

_PARTS = (
    select(
        findings.c.id, paths.c.path, definitions.c.creator, definitions.c.key,
        definitions.c.vr_before, definitions.c.vr, definitions.c.vm, definitions.c.name,
        definitions.c.sources, definitions.c.confidence, findings.c.status, reasons.c.reason,
    )
    .select_from(
        findings.join(definitions, definitions.c.id == findings.c.definition_id)
        .join(paths, paths.c.id == findings.c.path_id)
        .join(reasons, reasons.c.id == findings.c.reason_id)
    )
)  # fmt: skip


class Content:
    """Reads elements of objects, given as rows with ``run_id``, ``layout_id`` and ``differing``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._layouts: dict[int, list[int]] = {}
        self._common: dict[int, list[Any]] = {}
        self._parts: dict[int, _Parts] = {}

    def places(self, row: Row[Any], fitting: Collection[int] | None) -> list[int]:
        """Return the places of those elements of an object whose finding is among `fitting`."""
        layout = self.layout(row.layout_id)
        if fitting is None:
            return list(range(len(layout)))
        return [place for place, finding in enumerate(layout) if finding in fitting]

    def records(self, row: Row[Any], places: Collection[int]) -> list[ElementRecord]:
        """Return the elements of an object at these places.

        Raises
        ------
        LogError
            What the log has of it does not fit together.
        """
        layout = self.layout(row.layout_id)
        try:
            self._learn({layout[place] for place in places})
            values = self.values(row.layout_id, row.run_id, row.differing)
            return [_record(self._parts[layout[place]], values[place]) for place in places]
        except (LookupError, TypeError, ValueError):
            raise LogError(DAMAGED) from None

    def layout(self, number: int) -> list[int]:
        """Return the findings of a layout in their order."""
        if number not in self._layouts:
            query = select(layouts.c.findings).where(layouts.c.id == number)
            self._layouts[number] = unpack_numbers(self._connection.execute(query).scalar_one())
        return self._layouts[number]

    def values(self, layout: int, run: int, differing: bytes | None = None) -> list[Any]:
        """Return the values of an object of a run, given those in which it differs from it.

        `coding.value_of` takes each apart; the list is not to be changed.

        Raises
        ------
        LogError
            They are not as many as the layout has elements.
        """
        if run not in self._common:
            query = select(runs.c.common).where(runs.c.id == run)
            self._common[run] = unpack_json(self._connection.execute(query).scalar_one())
        try:
            common = self._common[run]
            values = common if differing is None else joined_values(common, unpack_json(differing))
        except (LookupError, TypeError, ValueError):
            raise LogError(DAMAGED) from None
        if len(values) != len(self.layout(layout)):
            raise LogError(DAMAGED)
        return values

    def _learn(self, wanted: set[int]) -> None:
        for chunk in chunks(wanted - self._parts.keys()):
            for parts in self._connection.execute(_PARTS.where(findings.c.id.in_(chunk))):
                self._parts[parts.id] = _parts(parts)


_Parts = tuple[tuple[Any, ...], tuple[Any, ...]]
"""The fields of a record before its value, and those after it."""


def _parts(row: Any) -> _Parts:
    before = (
        row.path, row.creator, row.key, row.vr_before, row.vr, row.vm, row.name,
        STATUS_OF_CODE[row.status], row.reason,
    )  # fmt: skip
    return before, (tuple(row.sources.split()), row.confidence)


def _record(parts: _Parts, item: Any) -> ElementRecord:
    before, after = parts
    fields: tuple[Any, ...] = (*before, *value_of(item), *after)
    return ElementRecord(*fields)
