"""The programs of other projects that the tests talk to, and the data shared with them.

A test that needs a program asks here for its path. A missing one skips the test on a developer's
machine and fails it in CI, where `make test` installs it first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared"
SCANS = SHARED / "data" / "scans"

_PATH = "/usr/bin:/usr/sbin:/usr/local/bin"
_NO_PRIVATE_DICTIONARY = sorted(Path("/usr/share").glob("libdcmtk*/dicom.dic"))


def program(name: str) -> str:
    """Return the path of a program; the virtual environment's own scripts do not count."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        missing(f"{name} is not installed; run tests/install_peers.sh")
    assert found is not None
    return found


def scans() -> list[Path]:
    """Return the real scanner files beside the repository."""
    if not SCANS.is_dir():
        missing("the scanner files of ../shared/data/scans are not there")
    return [p for p in sorted(SCANS.rglob("*")) if p.is_file() and p.suffix not in (".tsv", ".md")]


def missing(what: str) -> None:
    """Skip a test, or fail it in CI, because something is not there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def environment(**more: str) -> dict[str, str]:
    """Return the environment for DCMTK programs: without Nagle's delay of 40 ms an object."""
    return {**os.environ, "TCP_NODELAY": "1", **more}


def public_dictionary() -> str:
    """Return DCMTK's dictionary of the standard alone, for ``DCMDICTPATH``."""
    return str(_NO_PRIVATE_DICTIONARY[-1])


def make_unknown(source: Path, target: Path) -> bool:
    """Lose the private VRs of `source` as a PACS does; False when DCMTK cannot read it.

    Explicit to implicit, where no VR is written, and back with a toolkit that knows no private
    element and so writes `UN`.
    """
    dcmconv = program("dcmconv")
    between = target.with_name(target.name + ".implicit")
    first = subprocess.run([dcmconv, "+ti", source, between], capture_output=True, check=False)
    if first.returncode:
        return False
    second = subprocess.run(
        [dcmconv, "+te", between, target],
        env=environment(DCMDICTPATH=public_dictionary()), capture_output=True, check=False,
    )  # fmt: skip
    between.unlink()
    return second.returncode == 0
