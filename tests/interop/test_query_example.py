"""The worked example of docs/query.md, run as it is written but for its ports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import scans
from tests.ports import free_port
from tests.waiting import LONG

DOCUMENT = Path(__file__).parents[2] / "docs/query.md"
OF_DIFFUSION = "dcm_qa_sag/In/6_DWI_SagAP"
OTHERS = ("dcm_qa_ge/In/0", "dcm_qa_deident/In")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of Siemens with a b-value, and some of General Electric without."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, path in enumerate(scans()):
        if any(part in str(path) for part in (OF_DIFFUSION, *OTHERS)):
            shutil.copy(path, folder / f"{number}.dcm")
    assert len(list(folder.iterdir())) > 3
    return folder


def test_studies_are_found_by_a_private_key_that_the_archive_does_not_know(tmp_path, folder):
    example = DOCUMENT.read_text().split("<!-- example: begin -->")[1].split("<!-- example: end")[0]
    script, printed = re.findall(r"```(?:sh)?\n(.*?)```", example, re.DOTALL)
    for port in ("11112", "4242", "8042"):
        script = re.sub(rf"\b{port}\b", str(free_port()), script)
    # The virtual environment has programs of the same names, written in Python.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-mc", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "SCANS": str(folder), "TCP_NODELAY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=4 * LONG,
        check=False,
    )
    said = [line.rstrip() for line in done.stdout.decode("latin-1").splitlines()]
    responses = [line for line in said if line.startswith("I: ")]
    assert responses == [it for it in printed.splitlines() if it != "I:"], "\n".join(said[-50:])
    assert any(re.search(r"SIEMENS MR HEADER\s+\(0019,xx0c\)\s+image\s+1\s+1 ", it) for it in said)
