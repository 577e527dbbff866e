"""Which values of the index satisfy a key of a query.

`AttributeIndex` asks it for every key that narrows a query. The database gives, from one of its
indexes or the packs, at least all that satisfy it; what may be too much is tested here, as
`Condition` has it. The rule: never a value less than `Condition.matches` would find.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from atlas_node.query.matching import Alike, Beginning, Condition, Place
from atlas_node.query.moments import Moments
from atlas_node.query.numeric import Within
from atlas_node.query.packs import perhaps_matching
from atlas_node.query.tables import index_values

_T = TypeVar("_T")

_AT_ONCE: Final = 500
_columns = index_values.c
_ZONED: Final = or_(_columns.text.like("%+%"), _columns.text.like("%-%"))
"""Of the values of a DT those with an offset from UTC."""


def satisfying(
    connection: Connection, key_id: int, condition: Condition
) -> Iterator[ColumnElement[bool]]:
    """Yield conditions, one of which the values that satisfy a key satisfy.

    The first is for the mark of values that are not kept: of them nobody knows whether they do.
    """
    of_key = and_(_columns.key_id == key_id, _columns.vr != "")
    yield and_(_columns.key_id == key_id, _columns.text == "", _columns.vr == "")
    for place in (None,) if condition.places is None else condition.places:
        tested = [(of_key, place)]
        if isinstance(place, (Within, Beginning)) and place.enough:
            yield and_(of_key, _at(place))
            continue
        if isinstance(place, Moments):
            # A value of the key's own VR has a moment only if it can be matched.
            own = and_(of_key, _columns.vr == condition.vr)
            tested = [(and_(of_key, _columns.vr != condition.vr), place)]
            if place.certain is None:
                for where in _ways(place):
                    yield and_(own, *where)
            else:
                if place.local is not None:
                    for where in _ways(place.local):
                        yield and_(own, ~_ZONED, *where)
                    own = and_(own, _ZONED)
                first, last = place.certain
                yield and_(own, _columns.moment >= first, _columns.moment <= last)
                # In parts, for a database takes `or` between them for two walks to the ends.
                parts = [(place.low, first), (last, place.high)]
                if first > last:
                    parts = [(place.low, place.high)]
                tested += ((own, Moments(*part)) for part in parts)
        for where_tested, there in tested:
            for found in _batches(_perhaps(connection, key_id, where_tested, there)):
                matching = [row_id for row_id, text in found if condition.matches([text])]
                if matching:
                    yield _columns.id.in_(matching)


def _perhaps(
    connection: Connection, key_id: int, tested: ColumnElement[bool], place: Place | None
) -> Iterator[tuple[int, str]]:
    """Yield identifier and text of the values that are to be tested, as they are read."""
    query = select(_columns.id, _columns.text)
    if isinstance(place, Alike):
        for ids in _batches(perhaps_matching(connection, key_id, place.pattern)):
            for row_id, text in connection.execute(query.where(_columns.id.in_(ids))).all():
                yield row_id, text
        return
    query = query.where(tested).execution_options(yield_per=_AT_ONCE)
    for where in _ways(place):
        with connection.execute(query.where(*where)) as rows:
            for row_id, text in rows:
                yield row_id, text


def _ways(place: Within | Beginning | Moments | None) -> list[tuple[ColumnElement[bool], ...]]:
    """Return what is asked for one after the other, each by an index of the table."""
    if place is None:
        return [()]
    if isinstance(place, Moments) and place.low:
        return [(_at(place),), (_columns.moment.in_(place.around),)]
    return [(_at(place),)]


def _at(place: Within | Beginning | Moments) -> ColumnElement[bool]:
    if isinstance(place, Within):
        return and_(
            _columns.number.is_not(None),
            *([_columns.number >= place.low] if place.low > -math.inf else []),
            *([_columns.number <= place.high] if place.high < math.inf else []),
        )
    if isinstance(place, Moments):
        # Not BETWEEN: PostgreSQL takes no collation within it.
        return and_(_columns.moment >= place.low, _columns.moment <= place.high)
    if place.whole:
        return _columns.text == place.text
    # The last code point, so the end of all that begins with the text.
    return and_(_columns.text >= place.text, _columns.text < place.text + "\U0010ffff")


def _batches(things: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(things)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch
