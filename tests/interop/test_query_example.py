"""The worked example of docs/query.md, run as it is written but for its ports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.fault.pacs import free_port

DOCUMENT = Path(__file__).parents[2] / "docs/query.md"
SCANS = Path(__file__).parents[3] / "shared/data/scans"


def test_studies_are_found_by_a_private_key_that_the_archive_does_not_know(tmp_path):
    block = DOCUMENT.read_text().split("<!-- example: begin -->")[1]
    script = re.search(r"```sh\n(.*?)```", block, re.DOTALL)
    assert script is not None
    text = script[1]
    for port in ("11112", "4242", "8042"):
        text = re.sub(rf"\b{port}\b", str(free_port()), text)
    # The virtual environment has programs of the same names, written in Python.
    path = f"/usr/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-mc", text],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "SCANS": str(SCANS), "TCP_NODELAY": "1"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = (done.stdout + done.stderr).decode("latin-1")
    responses = re.findall(
        r"Find Response: \d+ \(Pending\)(.*?)(?=Find Response|\Z)", said, re.DOTALL
    )
    assert responses, said[-2000:]
    for response in responses:
        assert re.search(r"\(0019,100c\) IS \[(.*\\)?0 ?(\\.*)?\]", response), response
    assert re.search(r"SIEMENS MR HEADER\s+\(0019,xx0c\)\s+image\s+[1-9]", said)
