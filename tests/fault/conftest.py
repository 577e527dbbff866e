"""Room for long objects; the table of faults, when it is asked for and every test has passed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault import results
from tests.fault.nodes import SEEDS

_ROOM = 2**32 + 2**20


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 4 GB, in memory when there is enough of it."""
    memory = Path("/dev/shm")
    place = tmp_path
    if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM:
        place = memory / f"atlas-{time.time_ns()}"
        place.mkdir()
    yield place
    shutil.rmtree(place, ignore_errors=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    document = os.environ.get("ATLAS_FAULT_TABLE")
    if document and exitstatus == pytest.ExitCode.OK and session.testscollected:
        results.write_table(Path(document), SEEDS)
