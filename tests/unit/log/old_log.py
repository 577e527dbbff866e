"""A log as version 1 of its schema kept it, filled by hand."""

from __future__ import annotations

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
)

_Id = BigInteger().with_variant(Integer(), "sqlite")
_STATUSES = ("decoded", "already", "unknown", "refused", "ambiguous")
metadata = MetaData()


def _table(name, *columns, **options):
    return Table(name, metadata, *columns, **options)


def _texts(*names):
    return [Column(name, String, nullable=False) for name in names]


schema_version = _table("schema_version", Column("version", Integer, primary_key=True))
expiries = _table("expiries", Column("count", Integer, nullable=False))
objects = _table(
    "objects",
    Column("seq", _Id, primary_key=True, autoincrement=True),
    Column("object_id", String, nullable=False, unique=True),
    Column("received_at", Float, nullable=False, index=True),
    *_texts("calling_ae", "called_ae", "peer", "requested_class_uid", "requested_instance_uid"),
    *_texts("transfer_syntax_uid", "sop_class_uid"),
    Column("sop_instance_uid", String, nullable=False, index=True),
    Column("study_uid", String, nullable=False, index=True),
    Column("series_uid", String, nullable=False),
    Column("patient_id", String, nullable=False, index=True),
    *_texts("modality", "manufacturer", "model", "software_versions"),
    Column("size", BigInteger, nullable=False),
    Column("changed", Boolean, nullable=False),
    Column("error", Text),
    Column("private", Integer, nullable=False),
    *(Column(status, Integer, nullable=False) for status in _STATUSES),
    sqlite_autoincrement=True,
)
deliveries = _table(
    "deliveries",
    Column("object_id", String, primary_key=True),
    Column("destination", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("at", Float, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("next_try_at", Float),
)
definitions = _table(
    "definitions",
    Column("id", _Id, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("creator", String, nullable=False, index=True),
    Column("key", String, nullable=False, index=True),
    *_texts("vr_before", "vr", "vm", "name", "sources"),
    Column("confidence", Float, nullable=False),
)
paths = _table(
    "paths",
    Column("id", _Id, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("tag", String, nullable=False, index=True),
    Column("position", String, nullable=False),
)
reasons = _table(
    "reasons",
    Column("id", _Id, primary_key=True),
    Column("reason", Text, nullable=False, unique=True),
)
values = _table(
    "element_values",
    Column("id", _Id, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("json", Text, nullable=False),
    Column("truncated", Boolean, nullable=False),
)
facts = _table(
    "facts",
    Column("id", _Id, primary_key=True),
    *(Column(f"{of}_id", BigInteger, nullable=False) for of in ("definition", "path", "value")),
    Column("reason_id", BigInteger, nullable=False),
    Column("status", SmallInteger, nullable=False),
    UniqueConstraint("definition_id", "path_id", "value_id", "reason_id", "status"),
    Index("facts_path", "path_id"),
)
elements = _table(
    "elements",
    Column("object_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("fact_id", BigInteger, primary_key=True, autoincrement=False),
    Index("elements_fact", "fact_id", "object_seq"),
    sqlite_with_rowid=False,
)


def fill(connection: Connection) -> None:
    """Make the tables and put three objects into them, which share all facts but one each."""
    metadata.create_all(connection)
    connection.execute(schema_version.insert().values(version=1))
    connection.execute(expiries.insert().values(count=4))
    definition = {
        "id": 1, "digest": b"d" * 16, "creator": "ACME", "key": "(0019,xx0a)", "vr_before": "UN",
        "vr": "US", "vm": "1", "name": "Number", "sources": "pydicom gdcm", "confidence": 0.75,
    }  # fmt: skip
    connection.execute(definitions.insert(), definition)
    # The element that stands last in the object has the lower number.
    places = [(1, "(0019,100b)", "0019100b"), (2, "(0019,100a)", "0019100a")]
    for number, path, position in places:
        row = {"id": number, "path": path, "tag": path, "position": position}
        connection.execute(paths.insert(), row)
    connection.execute(reasons.insert(), [{"id": 1, "reason": ""}])
    connection.execute(
        values.insert(),
        [
            {"id": n, "digest": bytes([n]) * 16, "json": json, "truncated": n == 4}
            for n, json in enumerate(['["A"]', "[1]", "[2]", '["00ff"]'], 1)
        ],
    )
    connection.execute(
        facts.insert(),
        [
            {"id": n, "definition_id": 1, "path_id": path, "value_id": n, "reason_id": 1,
             "status": 0}
            for n, path in enumerate([1, 2, 2, 2], 1)
        ],
    )  # fmt: skip
    for seq in (1, 2, 3):
        connection.execute(
            objects.insert(),
            {
                "seq": seq, "object_id": f"o{seq}", "received_at": 100.0 * seq,
                "calling_ae": "MR1", "called_ae": "ATLAS", "peer": "192.0.2.7",
                "requested_class_uid": "1.2", "requested_instance_uid": f"1.2.3.{seq}",
                "transfer_syntax_uid": "1.2.840.10008.1.2.1", "sop_class_uid": "1.2",
                "sop_instance_uid": f"1.2.3.{seq}", "study_uid": "1.2.3", "series_uid": "1.2.3.4",
                "patient_id": "PAT-007", "modality": "MR", "manufacturer": "ACME", "model": "",
                "software_versions": "", "size": 5, "changed": True, "error": None, "private": 2,
                "decoded": 2, "already": 0, "unknown": 0, "refused": 0, "ambiguous": 0,
            },
        )  # fmt: skip
        connection.execute(
            elements.insert(),
            [{"object_seq": seq, "fact_id": 1}, {"object_seq": seq, "fact_id": 1 + seq}],
        )
    connection.execute(
        deliveries.insert(),
        {"object_id": "o2", "destination": "pacs", "status": "sent", "tries": 2, "at": 201.0,
         "detail": "0x0000", "next_try_at": None},
    )  # fmt: skip
