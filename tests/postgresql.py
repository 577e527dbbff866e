"""A PostgreSQL server of Debian's package for the tests that need a real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import missing

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def server() -> Iterator[str]:
    """Start a server on a socket of its own and give the URL of its administrator's database."""
    if not _BINARIES:
        missing("PostgreSQL is not installed; run tests/install_peers.sh")
    # PostgreSQL will not run as root; the path of its socket must be short.
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if as_user:
        shutil.chown(folder, "postgres")

    def run(*command: str) -> None:
        subprocess.run(
            [*as_user, _BINARIES[-1] / command[0], *command[1:]],
            check=True, stdout=subprocess.DEVNULL, timeout=60, cwd=folder,
        )  # fmt: skip

    try:
        data = str(folder / "data")
        run("initdb", "-D", data, "-A", "trust", "-U", "atlas", "-N", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "server.log"), "-o", options, "start")
        try:
            yield f"postgresql://atlas@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
