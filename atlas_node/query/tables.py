"""The tables of the index of private attributes, and how a database gets them.

They stand in the log's database, beside the log's own, and have a version of their own. The index
can be filled again from what is archived, so tables of another version are not converted: they are
dropped and made empty, and the process log says what to do.
"""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects.postgresql import TEXT

VERSION: Final = 4

_logger = logging.getLogger(__name__)

_Id = BigInteger().with_variant(Integer(), "sqlite")
# In the order of code points, so that what begins with a text is one range of the index.
_Ordered = Text().with_variant(TEXT(collation="C"), "postgresql")

metadata = MetaData()

index_versions = Table(
    "index_versions", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)

index_keys = Table(
    "index_keys",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("creator", String, nullable=False),
    Column("key", String, nullable=False),
    Column("level", SmallInteger, nullable=False),
    UniqueConstraint("creator", "key", "level"),
    # Processes remember the identifiers, so that of a forgotten key is given to no other.
    sqlite_autoincrement=True,
)

# The UIDs below an entity's level are empty: a series has a study and a series.
index_entities = Table(
    "index_entities",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("study_uid", String, nullable=False),
    Column("series_uid", String, nullable=False),
    Column("instance_uid", String, nullable=False),
    UniqueConstraint("study_uid", "series_uid", "instance_uid"),
    Index("index_entities_series", "series_uid"),
    Index("index_entities_instance", "instance_uid"),
)

# One value of an attribute; `vr` tells how the text is written back, `number` and `moment` are what
# ranges of numbers, dates and times are compared with. An empty VR stands for a value that is not
# kept: too long, or not to be read.
index_values = Table(
    "index_values",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key_id", BigInteger, nullable=False),
    Column("vr", String(2), nullable=False),
    Column("text", _Ordered, nullable=False),
    Column("number", Float),
    Column("moment", _Ordered),
    UniqueConstraint("key_id", "text", "vr"),
)
for _name, _more in (("number", []), ("moment", [index_values.c.vr])):
    _column = index_values.c[_name]
    Index(
        f"index_values_{_name}",
        index_values.c.key_id,
        _column,
        *_more,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )

# The texts of values of one key in folded case, many in one row: `packs`.
index_packs = Table(
    "index_packs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key_id", BigInteger, nullable=False),
    Column("value_ids", Text, nullable=False),
    Column("texts", Text, nullable=False),
    Index("index_packs_key", "key_id", "id"),
)

# The values of an entity in the order of the attribute, which may have one of them twice.
index_entries = Table(
    "index_entries",
    metadata,
    Column("value_id", BigInteger, primary_key=True, autoincrement=False),
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Index("index_entries_entity", "entity_id", "position", "value_id"),
    sqlite_with_rowid=False,
)

# What a backfill has read to its end, a study of an upstream or a file of a folder, and for which
# keys: what was read for others is read again, and so is a study that has another number of objects
# by now. Not every archive tells that.
index_sweeps = Table(
    "index_sweeps",
    metadata,
    Column("source", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("keys", String, nullable=False),
    Column("objects", BigInteger),
)


def prepare(connection: Connection, place: str) -> None:
    """Make the tables, in place of those of another version.

    Parameters
    ----------
    connection : Connection
        That may write.
    place : str
        Of the database, for the process log.
    """
    present = set(inspect(connection).get_table_names())
    if index_versions.name in present:
        version = connection.execute(select(index_versions.c.version)).scalar()
    else:
        version = None
    if version == VERSION:
        return
    if index_values.name in present:
        _logger.warning(
            "log %s: the index of private attributes is of another version and is made anew, "
            "empty: fill it with `atlas-node index backfill`",
            place,
        )
        metadata.drop_all(connection)
    metadata.create_all(connection)
    connection.execute(insert(index_versions), [{"version": VERSION}])
