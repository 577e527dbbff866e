"""The tables of the annotation log and the numbered steps between their versions.

`store` creates and migrates them, `recorder` fills them, `queries` reads them. Whatever repeats
over a series is stored once: an element of an object is one narrow row that names a *fact*, and
a fact is one combination of path, definition, status, reason and value. Once released, a table
changes only by a step in `STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
)

from atlas_node.errors import LogError
from atlas_node.model import ElementStatus

# SQLite numbers rows by itself only in a column declared INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
)

# One row: counts the expiries, so that a writer knows when the identifiers it remembers may have
# been deleted by another process.
expiries = Table(
    "expiries",
    metadata,
    Column("count", Integer, nullable=False),
)

# `seq` gives the order in which objects entered the log; pages and `--follow` go along it. It is
# never used twice, so that a follower cannot miss an object.
objects = Table(
    "objects",
    metadata,
    Column("seq", _Id, primary_key=True, autoincrement=True),
    Column("object_id", String, nullable=False, unique=True),
    Column("received_at", Float, nullable=False, index=True),
    Column("calling_ae", String, nullable=False),
    Column("called_ae", String, nullable=False),
    Column("peer", String, nullable=False),
    Column("requested_class_uid", String, nullable=False),
    Column("requested_instance_uid", String, nullable=False),
    Column("transfer_syntax_uid", String, nullable=False),
    Column("sop_class_uid", String, nullable=False),
    Column("sop_instance_uid", String, nullable=False, index=True),
    Column("study_uid", String, nullable=False, index=True),
    Column("series_uid", String, nullable=False),
    Column("patient_id", String, nullable=False, index=True),
    Column("modality", String, nullable=False),
    Column("manufacturer", String, nullable=False),
    Column("model", String, nullable=False),
    Column("software_versions", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("changed", Boolean, nullable=False),
    Column("error", Text),
    Column("private", Integer, nullable=False),
    *(Column(status.value, Integer, nullable=False) for status in ElementStatus),
    sqlite_autoincrement=True,
)

# By `object_id`, because a delivery can be recorded before the batch that holds its object.
deliveries = Table(
    "deliveries",
    metadata,
    Column("object_id", String, primary_key=True),
    Column("destination", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("next_try_at", Float),
)

# `digest` is over all the other columns.
definitions = Table(
    "definitions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("creator", String, nullable=False, index=True),
    Column("key", String, nullable=False, index=True),
    Column("vr_before", String, nullable=False),
    Column("vr", String, nullable=False),
    Column("vm", String, nullable=False),
    Column("name", String, nullable=False),
    Column("sources", String, nullable=False),
    Column("confidence", Float, nullable=False),
)

# `tag` is the last tag of the path, `position` the whole path in digits of fixed width, so that
# sorting by it is the order of the elements in the object under every collation.
paths = Table(
    "paths",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("tag", String, nullable=False, index=True),
    Column("position", String, nullable=False),
)

reasons = Table(
    "reasons",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("reason", Text, nullable=False, unique=True),
)

# `digest` is over the JSON text and `truncated`.
values = Table(
    "element_values",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("json", Text, nullable=False),
    Column("truncated", Boolean, nullable=False),
)

# No foreign keys: every writer holds the one write lock, and a database that checked them would
# have to look for each deleted value in every fact.
facts = Table(
    "facts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("definition_id", BigInteger, nullable=False),
    Column("path_id", BigInteger, nullable=False),
    Column("value_id", BigInteger, nullable=False),
    Column("reason_id", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    UniqueConstraint("definition_id", "path_id", "value_id", "reason_id", "status"),
    Index("facts_path", "path_id"),
)

# Two integers an element. Two equal elements at one path of a malformed object are one row.
elements = Table(
    "elements",
    metadata,
    Column("object_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("fact_id", BigInteger, primary_key=True, autoincrement=False),
    Index("elements_fact", "fact_id", "object_seq"),
    sqlite_with_rowid=False,
)

STATUS_CODES = {
    ElementStatus.DECODED: 0,
    ElementStatus.ALREADY: 1,
    ElementStatus.UNKNOWN: 2,
    ElementStatus.REFUSED: 3,
    ElementStatus.AMBIGUOUS: 4,
}
STATUS_OF_CODE = {code: status for status, code in STATUS_CODES.items()}

Step = Callable[[Connection], None]

# The n-th step takes a log of version n to version n + 1. A new log is made from the tables
# above, so each step must arrive at what they say.
STEPS: tuple[Step, ...] = ()


def newest_version() -> int:
    """Return the schema version that this program writes."""
    return 1 + len(STEPS)


def found_version(connection: Connection) -> int | None:
    """Return the schema version of the database, None when it has no tables of ours."""
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.execute(schema_version.select()).scalar_one_or_none()


def refuse_newer(version: int) -> None:
    """Raise `LogError` when `version` was written by a later program than this one."""
    if version > newest_version():
        raise LogError(
            f"schema version {version} is newer than this program's {newest_version()}: "
            "update Atlas Node, or give log.url another place"
        )


def migrate(connection: Connection) -> None:
    """Create the tables, or bring them to the newest version; the caller holds the write lock.

    Raises
    ------
    LogError
        The database has tables of another program, or of a later version of this one.
    """
    version = found_version(connection)
    if version is None:
        foreign = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
        if foreign:
            raise LogError(
                f"the database has a table '{foreign[0]}' that is not ours: "
                "give log.url a database of its own"
            )
        metadata.create_all(connection)
        connection.execute(schema_version.insert().values(version=newest_version()))
        connection.execute(expiries.insert().values(count=0))
        return
    refuse_newer(version)
    for step in STEPS[version - 1 :]:
        step(connection)
    if version < newest_version():
        connection.execute(schema_version.update().values(version=newest_version()))
