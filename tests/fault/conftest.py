"""Writes the table of faults when it is asked for and every test has passed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fault import results
from tests.fault.nodes import SEEDS


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    document = os.environ.get("ATLAS_FAULT_TABLE")
    if document and exitstatus == pytest.ExitCode.OK and session.testscollected:
        results.write_table(Path(document), SEEDS)
