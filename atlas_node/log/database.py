"""The database behind the annotation log: opening, transactions, and its errors in one line.

`store` runs every statement inside `Database.reading` or `Database.writing`. What differs between
SQLite and PostgreSQL is here and nowhere else. One writer works at a time, in whatever process:
that keeps the interned rows unique and the numbers of the objects in the order of their commits.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    Insert,
    Table,
    create_engine,
    event,
    func,
    literal_column,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from atlas_node.errors import LogError

BUSY_SECONDS = 30
_CHUNK = 500  # rows in one query; SQLite takes 32,766 parameters
_CACHE_KIB = 16_384
_PAGE_BYTES = 8192
_WAL_BYTES = 64 * 2**20
_ROW_BYTES = 28  # what PostgreSQL adds to a row
_WRITE_LOCK = 0x41544C4153  # "ATLAS": the key of our advisory lock in PostgreSQL

# What SQLite says, and what the user can do about it.
_SQLITE_ADVICE = {
    "file is not a database": "it is no SQLite database: move it away or change log.url",
    "malformed": "it is damaged: move it away, a new one is made at the next start",
    "unable to open": "cannot open it: check that its folder exists and can be written",
    "readonly database": "cannot write it: check its owner and permissions and its folder's",
    "database is locked": f"another process has held it for {BUSY_SECONDS} s",
    "is full": "its disk is full",
    "disk i/o error": "its disk fails or is full",
}


class Database:
    """A log's database, open for reading, or for reading and writing.

    Parameters
    ----------
    url : str
        ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``.
    read_only : bool
        Neither create nor change anything.

    Raises
    ------
    LogError
        The URL is wrong, the driver is missing, or the folder or file cannot be made.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise LogError(
                "log.url: expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
            ) from None
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            path = Path(parsed.database)
            self.place = str(path)
            _prepare_file(path, read_only=read_only)
            self._engine = _sqlite_engine(path, read_only=read_only)
            self._readers = self._engine
            if not read_only:
                self._use_wal()
        elif parsed.get_backend_name() == "postgresql":
            self.place = parsed.render_as_string(hide_password=True)
            self._engine = _postgresql_engine(parsed, read_only=read_only)
            self._readers = self._engine.execution_options(isolation_level="REPEATABLE READ")
        else:
            raise LogError(
                f"log.url: cannot keep a log in {parsed.drivername}: "
                "expected sqlite:///PATH or postgresql://..."
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for queries, which all see the log as the first one did."""
        with self._one_line_errors(), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection that holds the write lock; commit at the end, roll back on an error."""
        with self._one_line_errors(), self._engine.connect() as connection:
            writer = connection.execution_options(atlas_writes=True)
            with writer.begin():
                if writer.dialect.name == "postgresql":
                    writer.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})
                yield writer

    def used_bytes(self, tables: Iterable[Table]) -> int:
        """Return the bytes in use: in SQLite those of the file, in PostgreSQL those of the rows.

        Space that deleted rows have left free for others does not count.
        """
        with self.reading() as connection:
            if connection.dialect.name == "sqlite":
                pages, free, size = (
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("page_count", "freelist_count", "page_size")
                )
                return int((pages - free) * size)
            total = 0
            for table in tables:
                row = func.pg_column_size(literal_column(f"{table.name}.*"))
                query = select(func.sum(row), func.count()).select_from(table)
                columns, count = connection.execute(query).one()
                total += int(columns or 0) + count * _ROW_BYTES
            return total

    def give_back(self) -> None:
        """Give free space at the end of the file back to the disk, where the database can."""
        if self._engine.dialect.name != "sqlite":
            return
        with self._one_line_errors():
            connection = self._engine.raw_connection()
            try:
                # A plain execute would take one step of it, which is one page.
                connection.cursor().executescript("PRAGMA incremental_vacuum")
            finally:
                connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except LogError as error:
            raise LogError(f"log {self.place}: {error}") from None
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            # What a driver lets through while it connects, too: no descriptor is free, say.
            raise LogError(f"log {self.place}: {_advice(error)}") from error

    def _use_wal(self) -> None:
        # Two processes that start at once may both try; SQLite does not wait for this lock.
        deadline = time.monotonic() + BUSY_SECONDS
        with self._one_line_errors():
            while True:
                try:
                    connection = self._engine.raw_connection()
                    try:
                        cursor = connection.cursor()
                        # These two count only while the file is empty.
                        cursor.execute(f"PRAGMA page_size={_PAGE_BYTES}")
                        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
                        cursor.execute("PRAGMA journal_mode=WAL")
                    finally:
                        connection.close()
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
                else:
                    return


def chunks(things: Iterable[Any]) -> Iterator[list[Any]]:
    """Part what one query cannot take at once."""
    everything = list(things)
    for start in range(0, len(everything), _CHUNK):
        yield everything[start : start + _CHUNK]


def insert_or_update(connection: Connection, table: Table, *, newer: str) -> Insert:
    """Return an INSERT that replaces the row of the same primary key unless that row is newer.

    Parameters
    ----------
    newer : str
        Column that tells which of two rows is the later one.
    """
    if connection.dialect.name == "postgresql":
        insert: Any = postgresql.insert(table)
    else:
        insert = sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    statement: Insert = insert.on_conflict_do_update(
        index_elements=keys,
        set_={c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys},
        where=insert.excluded[newer] >= table.c[newer],
    )
    return statement


def _prepare_file(path: Path, *, read_only: bool) -> None:
    """Make the folder and the file, which holds patients' values: nothing for others to read."""
    try:
        if read_only:
            if not path.exists():
                raise LogError(
                    f"log {path}: there is none yet; `atlas-node serve` makes it, "
                    "or log.url names another place"
                )
            return
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
    except OSError as error:
        raise LogError(
            f"log {path}: cannot make or open it: {error.strerror}: "
            f"check {error.filename or path}, or give log.url another place"
        ) from None


def _sqlite_engine(path: Path, *, read_only: bool) -> Engine:
    uri = f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rw'}"

    def connect() -> sqlite3.Connection:
        # isolation_level None: transactions begin where `begin` below says so, not by guesswork.
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            # With WAL, NORMAL loses no commit to a killed process, only to a failing machine.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("atlas_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: URL, *, read_only: bool) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    except ImportError:
        raise LogError(
            "log.url: PostgreSQL needs its driver: pip install 'atlas-node[postgres]'"
        ) from None
    if read_only:
        engine = engine.execution_options(postgresql_readonly=True)
    return engine


def _advice(error: Exception) -> str:
    """Return one line that says what to do, or else the first line of what the database said."""
    said = str(getattr(error, "orig", None) or error).strip()
    for part, advice in _SQLITE_ADVICE.items():
        if part in said.lower():
            return advice
    return said.splitlines()[0] if said else type(error).__name__
