"""The annotation log as one object: the node writes to it, the viewer and terminal read from it.

Every method opens its own transaction, may be called from any thread, and raises nothing but
`LogError`. Several processes may have the same log open, all of them writing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import delete, exists, select, update

from atlas_node.errors import LogError
from atlas_node.log import queries, schema
from atlas_node.log.database import Database
from atlas_node.log.filters import LogFilter
from atlas_node.log.privacy import VALUES, Values
from atlas_node.log.queries import LoggedElement, LoggedObject, Totals
from atlas_node.log.recorder import Recorder
from atlas_node.model import AnnotatedObject, DeliveryRecord

_EXPIRED_AT_ONCE = 500  # objects in one transaction, so that writers wait only a moment
_FOLLOWED_AT_ONCE = 50


class LogStore:
    """An open annotation log; made by `LogStore.open`."""

    def __init__(self, database: Database, values: Values) -> None:
        self._database = database
        self._recorder = Recorder(values)
        self._recording = threading.Lock()

    @classmethod
    def open(cls, url: str, values: str = "full", *, read_only: bool = False) -> Self:
        """Open a log, and unless `read_only` create it or bring it to the newest schema.

        Parameters
        ----------
        url : str
            ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``.
        values : "full", "masked" or "none"
            What is kept of patients' values from now on.
        read_only : bool
            For viewers: the log must exist, and nothing in it is changed.

        Raises
        ------
        LogError
            The log cannot be opened; one line says why and what to do.
        """
        if values not in VALUES:
            raise LogError(f"log.values: expected one of {', '.join(VALUES)}, found {values!r}")
        database = Database(url, read_only=read_only)
        try:
            if read_only:
                with database.reading() as connection:
                    _check_version(schema.found_version(connection))
            else:
                with database.writing() as connection:
                    schema.migrate(connection)
        except BaseException:
            database.close()
            raise
        return cls(database, values)

    @property
    def place(self) -> str:
        """Where the log is, for messages: a path, or a URL without its password."""
        return self._database.place

    def record(
        self,
        objects: Sequence[AnnotatedObject],
        deliveries: Sequence[tuple[str, DeliveryRecord]] = (),
    ) -> None:
        """Write objects and the state of deliveries in one transaction.

        It may be repeated: an object whose ``object_id`` is there already is not written twice,
        and a delivery is kept by (object_id, destination), the later in time winning.

        Raises
        ------
        LogError
            Nothing was written.
        """
        with self._recording:
            try:
                with self._database.writing() as connection:
                    self._recorder.write(connection, objects, deliveries)
            except BaseException:
                self._recorder.forget()
                raise

    def objects(
        self, wanted: LogFilter, limit: int, before: int | None = None
    ) -> tuple[LoggedObject, ...]:
        """Return at most `limit` objects, newest first; those with ``seq < before``."""
        with self._database.reading() as connection:
            return queries.objects_page(connection, wanted, limit, before)

    def object(self, object_id: str) -> LoggedObject | None:
        """Return one object with its elements and deliveries, None if the log has it not."""
        with self._database.reading() as connection:
            return queries.one_object(connection, object_id)

    def elements(
        self, wanted: LogFilter, limit: int, before: tuple[int, int] | None = None
    ) -> tuple[LoggedElement, ...]:
        """Return at most `limit` elements, those of the newest object first.

        `before` is the ``cursor`` of the last element of the page that came before.
        """
        with self._database.reading() as connection:
            return queries.elements_page(connection, wanted, limit, before)

    def after(self, wanted: LogFilter, seq: int) -> tuple[tuple[LoggedElement, ...], int]:
        """Return the elements of the objects next after `seq`, oldest first, and the last `seq`.

        A follower begins with `newest` and asks again with the number returned, at once when it
        has grown.
        """
        with self._database.reading() as connection:
            upto = min(queries.newest_seq(connection), seq + _FOLLOWED_AT_ONCE)
            if upto <= seq:
                return (), seq
            return queries.elements_after(connection, wanted, seq, upto), upto

    def newest(self) -> int:
        """Return the number of the newest object, 0 for an empty log."""
        with self._database.reading() as connection:
            return queries.newest_seq(connection)

    def state(self) -> str:
        """Return a short text that changes whenever an object or a delivery in the log does."""
        with self._database.reading() as connection:
            return queries.state(connection)

    def totals(self, wanted: LogFilter) -> Totals:
        """Count objects and elements; conditions on elements are left aside."""
        with self._database.reading() as connection:
            return queries.totals(connection, wanted)

    def expire(self, before: float) -> int:
        """Remove the objects received before a time, and the values that no other one has.

        Parameters
        ----------
        before : float
            Seconds since the epoch.

        Returns
        -------
        int
            How many objects were removed.
        """
        removed = 0
        while batch := self._expire_batch(before):
            removed += batch
        with self._database.writing() as connection:
            known = select(schema.objects.c.object_id)
            connection.execute(
                delete(schema.deliveries).where(
                    schema.deliveries.c.at < before,
                    schema.deliveries.c.object_id.not_in(known),
                )
            )
            used = exists().where(schema.elements.c.fact_id == schema.facts.c.id)
            connection.execute(delete(schema.facts).where(~used))
            kept = select(schema.facts.c.value_id)
            connection.execute(delete(schema.values).where(schema.values.c.id.not_in(kept)))
            count = schema.expiries.c.count
            connection.execute(update(schema.expiries).values({count: count + 1}))
        return removed

    def close(self) -> None:
        """Close the database; the store cannot be used after."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _expire_batch(self, before: float) -> int:
        with self._database.writing() as connection:
            old = connection.execute(
                select(schema.objects.c.seq, schema.objects.c.object_id)
                .where(schema.objects.c.received_at < before)
                .limit(_EXPIRED_AT_ONCE)
            ).all()
            seqs, object_ids = [row.seq for row in old], [row.object_id for row in old]
            connection.execute(
                delete(schema.elements).where(schema.elements.c.object_seq.in_(seqs))
            )
            connection.execute(
                delete(schema.deliveries).where(schema.deliveries.c.object_id.in_(object_ids))
            )
            connection.execute(delete(schema.objects).where(schema.objects.c.seq.in_(seqs)))
        return len(old)


def _check_version(version: int | None) -> None:
    """Refuse a log that a reader cannot read."""
    if version is None:
        raise LogError("it has no log in it yet: start `atlas-node serve` once")
    schema.refuse_newer(version)
    if version < schema.newest_version():
        raise LogError(
            f"it has schema version {version}, this program reads {schema.newest_version()}: "
            "start `atlas-node serve` once, which brings it up to date"
        )
