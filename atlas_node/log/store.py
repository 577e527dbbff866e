"""The annotation log as one object: the node writes to it, the viewer and terminal read from it.

Every method opens its own transaction, may be called from any thread, and raises nothing but
`LogError`. Several processes may have the same log open, all of them writing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from atlas_node.errors import LogError
from atlas_node.log import (
    comparison,
    coverage,
    facets,
    history,
    queries,
    retention,
    schema,
    version_1,
)
from atlas_node.log.comparison import ComparedElement
from atlas_node.log.coverage import DeviceCoverage, Sample, UndecodedElement
from atlas_node.log.database import Database
from atlas_node.log.facets import Facets
from atlas_node.log.filters import LogFilter
from atlas_node.log.history import History, LoggedSeries, Named
from atlas_node.log.privacy import VALUES, Values
from atlas_node.log.queries import LoggedElement, LoggedObject, Totals
from atlas_node.log.recorder import Recorder
from atlas_node.log.selection import Selection
from atlas_node.model import AnnotatedObject, DeliveryRecord

_FOLLOWED_AT_ONCE = 50
_NAMED = 10  # objects in one line of the process log

_logger = logging.getLogger(__name__)


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
                    schema.migrate(connection, _rewrite)
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
        and a delivery is kept by (object_id, destination), the later in time winning; one of an
        object that the log does not have is left out.

        Raises
        ------
        LogError
            Nothing was written.
        """
        with self._recording:
            try:
                with self._database.writing() as connection:
                    others = self._recorder.write(connection, objects, deliveries)
            except BaseException:
                self._recorder.forget()
                raise
        if others:
            _logger.warning(
                "objects came again under their SOP Instance UID with other bytes: %s%s",
                ", ".join(others[:_NAMED]),
                f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "",
            )

    def known(self, object_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the objects that the log has."""
        with self._database.reading() as connection:
            return queries.known(connection, object_ids)

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
            return queries.elements_after(connection, wanted, seq, upto)

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

    def facets(self, wanted: Selection) -> Facets:
        """Count the elements that fit, by device and by what they are."""
        with self._database.reading() as connection:
            return facets.facets(connection, wanted)

    def coverage(self, wanted: Selection) -> tuple[DeviceCoverage, ...]:
        """Return how many elements of each status each device has sent."""
        with self._database.reading() as connection:
            return coverage.devices(connection, wanted)

    def undecoded(
        self, wanted: Selection, most: int, samples_each: int = 3
    ) -> tuple[tuple[UndecodedElement, ...], int]:
        """Return the elements of a status that are in the most objects, and how many there are."""
        with self._database.reading() as connection:
            return coverage.undecoded(connection, wanted, most, samples_each)

    def samples(self, creator: str, key: str, most: int) -> tuple[tuple[Sample, ...], int]:
        """Return different values of an element that was not decoded, and how many were read."""
        with self._database.reading() as connection:
            return coverage.samples_of(connection, creator, key, most)

    def series(self, uid: str) -> LoggedSeries | None:
        """Return what the log has of a series, or None."""
        with self._database.reading() as connection:
            return history.find_series(connection, uid)

    def series_with(self, wanted: Selection, most: int) -> tuple[LoggedSeries, ...]:
        """Return the series that have an element that fits, the newest first."""
        with self._database.reading() as connection:
            return history.list_series(connection, wanted, most)

    def values_over_series(self, uid: str, named: Named, by: Named | None = None) -> History:
        """Return the values of an element, given by creator and key, over a series."""
        with self._database.reading() as connection:
            return history.over_series(connection, uid, named, by)

    def values_over_time(self, wanted: Selection, most: int) -> History:
        """Return the values of an element with which so many series begin."""
        with self._database.reading() as connection:
            return history.over_time(connection, wanted, most)

    def compared(self, a: str, b: str) -> tuple[ComparedElement, ...]:
        """Return the elements of two series, given by their UIDs, and how they stand."""
        with self._database.reading() as connection:
            return comparison.compare(connection, a, b)

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
        return retention.expire(self._database, before)

    def shrink(self, max_bytes: int) -> int:
        """Remove the oldest objects until the log takes no more than so many bytes.

        Returns
        -------
        int
            How many objects were removed.
        """
        return retention.shrink(self._database, max_bytes)

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


def _rewrite(connection: Connection, old: version_1.Old) -> None:
    _logger.info(
        "the annotation log is written anew in schema version %d: two minutes for ten million "
        "elements",
        schema.newest_version(),
    )
    # Values are what was kept of them at the time.
    recorder = Recorder("full")
    for objects, deliveries in old.batches():
        recorder.write(connection, objects, deliveries)


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
