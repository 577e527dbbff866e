"""The tables of the annotation log and the numbered steps between their versions.

`store` creates and migrates them, `recorder` fills them, `queries` reads them. An element is not a
row. A *finding* is what is known of an element apart from its value, a *layout* the findings of an
object in their order, and a *run* the objects of one series that share a layout: it keeps the
values that they have in common, and each object only those in which it differs. Once released, a
table changes only by a step in `STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

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
from atlas_node.log import version_1
from atlas_node.model import ElementStatus

# SQLite numbers rows by itself only in a column declared INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
)

# One row. `newest_seq` is the last number that an object was given, `changes` grows with whatever
# is recorded, `expiries` with each removal, so that a writer knows when the identifiers that it
# remembers may have been deleted by another process.
counters = Table(
    "counters",
    metadata,
    Column("newest_seq", BigInteger, nullable=False),
    Column("changes", BigInteger, nullable=False),
    Column("expiries", BigInteger, nullable=False),
)

# What the objects of one series have in common but for their elements. `digest` is over all the
# other columns.
series = Table(
    "series",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("calling_ae", String, nullable=False),
    Column("called_ae", String, nullable=False),
    Column("peer", String, nullable=False),
    Column("requested_class_uid", String, nullable=False),
    Column("transfer_syntax_uid", String, nullable=False),
    Column("sop_class_uid", String, nullable=False),
    Column("study_uid", String, nullable=False, index=True),
    Column("series_uid", String, nullable=False, index=True),
    Column("patient_id", String, nullable=False, index=True),
    Column("modality", String, nullable=False),
    Column("manufacturer", String, nullable=False),
    Column("model", String, nullable=False),
    Column("software_versions", String, nullable=False),
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

# `tag` is the last tag of the path.
paths = Table(
    "paths",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("tag", String, nullable=False, index=True),
)

reasons = Table(
    "reasons",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("reason", Text, nullable=False, unique=True),
)

# No foreign keys here and below: every writer holds the one write lock.
findings = Table(
    "findings",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("path_id", BigInteger, nullable=False),
    Column("definition_id", BigInteger, nullable=False),
    Column("reason_id", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    UniqueConstraint("path_id", "definition_id", "reason_id", "status"),
    Index("findings_definition", "definition_id"),
)

# `findings` are their identifiers in the order of the object, as `coding.pack_numbers` has them;
# the counts are those of the annotation. `digest` is over both.
layouts = Table(
    "layouts",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("findings", LargeBinary, nullable=False),
    Column("private", Integer, nullable=False),
    *(Column(status.value, Integer, nullable=False) for status in ElementStatus),
)

# Which layouts have a finding: every question about elements goes this way to the objects.
layout_findings = Table(
    "layout_findings",
    metadata,
    Column("finding_id", BigInteger, primary_key=True, autoincrement=False),
    Column("layout_id", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# `common` has a value for each finding of the layout, as `coding.pack_text` has them. `objects` is
# how many objects there are now, the rest their first and last number and time.
runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("series_id", BigInteger, nullable=False),
    Column("layout_id", BigInteger, nullable=False, index=True),
    Column("objects", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False, index=True),
    Column("first_at", Float, nullable=False, index=True),
    Column("last_at", Float, nullable=False, index=True),
    Column("common", LargeBinary, nullable=False),
    Index("runs_series", "series_id", "layout_id"),
)

# `seq` gives the order in which objects entered the log; pages and `--follow` go along it. It is
# never used twice, so that a follower cannot miss an object. `requested_instance_uid` is there
# only where it differs. `differing` has the values that are not the run's, by their place in the
# layout. `fingerprint` is that of the data set, `again` tells of an earlier object with the same
# SOP Instance UID (`AGAIN_CODES`).
objects = Table(
    "objects",
    metadata,
    Column("seq", _Id, primary_key=True, autoincrement=False),
    Column("object_id", String, nullable=False, unique=True),
    Column("run_id", BigInteger, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("sop_instance_uid", String, nullable=False, index=True),
    Column("requested_instance_uid", String),
    Column("size", BigInteger, nullable=False),
    Column("fingerprint", BigInteger),
    Column("again", SmallInteger, nullable=False),
    Column("changed", Boolean, nullable=False),
    Column("error", Text),
    Column("differing", LargeBinary),
    Index("objects_run", "run_id", "seq"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("object_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("destination", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("detail", Text, nullable=False),
    Column("next_try_at", Float),
    sqlite_with_rowid=False,
)

# The states of a delivery before the one in `deliveries`, and that one too unless it was sent: one
# row for each try that failed and each order of a person, so that none for nearly all objects. Of
# the times that a destination could not even be reached (`tries` 0) the first and the last.
tries = Table(
    "tries",
    metadata,
    Column("object_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("destination", String, primary_key=True),
    Column("at", Float, primary_key=True),
    Column("status", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("next_try_at", Float),
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

COUNTS = ("private", *(status.value for status in ElementStatus))
"""The counts of a layout, in the order of its columns."""

Again = Literal["", "same", "other"]
"""How an object stands to earlier ones with its SOP Instance UID: there is none, one has the same
bytes, or all that there are have other bytes."""

AGAIN_CODES: dict[Again, int] = {"": 0, "same": 1, "other": 2}
AGAIN_OF_CODE: dict[int, Again] = {code: again for again, code in AGAIN_CODES.items()}

Step = Callable[[Connection], None]

# The n-th step takes a log of version n + 1 to version n + 2. A new log is made from the tables
# above, so each step must arrive at what they say. A log of version 1 had other tables altogether:
# it is written anew with the newest ones.
STEPS: tuple[Step, ...] = (tries.create,)


def newest_version() -> int:
    """Return the schema version that this program writes."""
    return 2 + len(STEPS)


def found_version(connection: Connection) -> int | None:
    """Return the schema version of the database, None when it has no tables of ours."""
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.execute(schema_version.select()).scalar_one_or_none()


def refuse_newer(version: int) -> None:
    """Refuse a log that a later program than this one has written.

    Raises
    ------
    LogError
        When `version` is one of those.
    """
    if version > newest_version():
        raise LogError(
            f"schema version {version} is newer than this program's {newest_version()}: "
            "update Atlas Node, or give log.url another place"
        )


def migrate(connection: Connection, rewrite: Callable[[Connection, version_1.Old], None]) -> None:
    """Create the tables, or bring them to the newest version; the caller holds the write lock.

    Parameters
    ----------
    rewrite : callable
        Writes the content of a log of version 1 into the new tables.

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
        _create(connection)
        return
    refuse_newer(version)
    if version == 1:
        with version_1.put_aside(connection) as old:
            _create(connection)
            rewrite(connection, old)
        return
    for step in STEPS[version - 2 :]:
        step(connection)
    if version < newest_version():
        connection.execute(schema_version.update().values(version=newest_version()))


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(schema_version.insert().values(version=newest_version()))
    connection.execute(counters.insert().values(newest_seq=0, changes=0, expiries=0))
