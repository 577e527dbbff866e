"""The texts of values, many in one row: where a text is looked for that may stand anywhere in them.

No index of a database finds `*77*`, and to step through a million rows takes it longer than to look
through the texts in them; so the texts of a key stand in packs of some dozens, in folded case.
`lists` adds to them, `finding` asks them, `forgetting` takes out. The rule: every kept value of a
key is in one pack of that key, at the same place in its list of identifiers and of texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from atlas_node.query.tables import index_packs

_FULL: Final = 1200
"""Characters of texts in one pack; with the identifiers they are to stay below the 2,000 bytes at
which PostgreSQL compresses a row, and reads it slowly."""
_AT_ONCE: Final = 64
_BETWEEN: Final = "\x1e"
"""Before and after each text: the record separator, which no text of DICOM has (PS3.5 6.1.3)."""


def _folded(text: str) -> str:
    return text.casefold().replace(_BETWEEN, " ").strip(" ")


def pack(connection: Connection, values: Iterable[tuple[int, int, str]]) -> None:
    """Add values: key, identifier and text of each."""
    of_keys: dict[int, list[tuple[str, str]]] = {}
    for key_id, value_id, text in values:
        of_keys.setdefault(key_id, []).append((str(value_id), _folded(text)))
    columns = index_packs.c
    for key_id, added in of_keys.items():
        last = (
            select(columns.id, columns.value_ids, columns.texts)
            .where(columns.key_id == key_id)
            .order_by(columns.id.desc())
            .limit(1)
        )
        row = connection.execute(last).first()
        its = added
        if row is not None and len(row.texts) < _FULL:
            its = [*_values(row.value_ids, row.texts), *added]
            connection.execute(delete(index_packs).where(columns.id == row.id))
        packs = [{"key_id": key_id, **_joined(part)} for part in _parted(its)]
        connection.execute(insert(index_packs), packs)


def perhaps_matching(connection: Connection, key_id: int, pattern: str) -> Iterator[int]:
    """Yield the values of a key that have all texts of a pattern, in whatever case and order.

    Parameters
    ----------
    connection : Connection
    key_id : int
    pattern : str
        With ``*`` and ``?``; of these alone it is every value's.
    """
    whole = f"{_BETWEEN}{_folded(pattern)}{_BETWEEN}"
    # Without the spaces at their ends, for those of a value do not stand in its pack.
    stripped = (part.strip(" ") for part in re.split(r"[*?]", whole))
    parts = [part for part in stripped if part.strip(_BETWEEN)]
    first, *others = sorted(parts, key=len, reverse=True) or [""]
    columns = index_packs.c
    query = select(columns.value_ids, columns.texts).where(
        columns.key_id == key_id, *(columns.texts.contains(it, autoescape=True) for it in parts)
    )
    with connection.execute(query.execution_options(yield_per=_AT_ONCE)) as packs:
        for value_ids, texts in packs:
            for value_id, text in _values(value_ids, texts):
                its = f"{_BETWEEN}{text}{_BETWEEN}"
                if first in its and all(part in its for part in others):
                    yield int(value_id)


def unpack(connection: Connection, key_id: int, gone: Collection[int]) -> None:
    """Take values out."""
    without = {str(value_id) for value_id in gone}
    columns = index_packs.c
    query = select(columns.id, columns.value_ids).where(columns.key_id == key_id)
    touched = [
        pack_id
        for pack_id, value_ids in connection.execute(query)
        if not without.isdisjoint(value_ids.split())
    ]
    for pack_id in touched:
        this = columns.id == pack_id
        row = connection.execute(select(columns.value_ids, columns.texts).where(this)).one()
        kept = [it for it in _values(*row) if it[0] not in without]
        if kept:
            connection.execute(update(index_packs).where(this).values(_joined(kept)))
        else:
            connection.execute(delete(index_packs).where(this))


def drop_first(connection: Connection, key_id: int, count: int) -> list[int]:
    """Delete the first packs of a key; return the values that stood in them."""
    columns = index_packs.c
    query = select(columns.id, columns.value_ids).where(columns.key_id == key_id)
    packs = connection.execute(query.order_by(columns.id).limit(count)).all()
    connection.execute(delete(index_packs).where(columns.id.in_([row.id for row in packs])))
    return [int(value_id) for row in packs for value_id in row.value_ids.split()]


def _values(value_ids: str, texts: str) -> Iterator[tuple[str, str]]:
    return zip(value_ids.split(), texts.split(_BETWEEN)[1:-1], strict=True)


def _joined(values: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {
        "value_ids": " ".join(value_id for value_id, _ in values),
        "texts": _BETWEEN.join(["", *(text for _, text in values), ""]),
    }


def _parted(values: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield values in parts of which each but the last is full."""
    part: list[tuple[str, str]] = []
    length = 0
    for value in values:
        part.append(value)
        length += len(value[1]) + 1
        if length > _FULL:
            yield part
            part, length = [], 0
    if part:
        yield part
