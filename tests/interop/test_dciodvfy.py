"""What dciodvfy, the validator of dicom3tools, says of real scans before and after annotation."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator
from atlas_node.encoding.part10 import split_file
from atlas_node.errors import MalformedStreamError
from atlas_node.model import Policy
from tests.peers import make_unknown, program, scans

Errors = Counter[str]

# Its list of VRs for (0008,030A) lacks four that PS3.5 6.2 has, FD among them.
_NOT_ITS_OWN = re.compile(
    r"Unrecognized enumerated value <(FD|OV|SV|UV)> .* <Private Data Element Value Representation>"
)


def errors(path: Path) -> Errors:
    done = subprocess.run(
        [program("dciodvfy"), path], capture_output=True, errors="replace", check=False
    )
    assert done.returncode >= 0, f"dciodvfy broke down over {path}"
    lines = (done.stderr + done.stdout).splitlines()
    return Counter(line for line in lines if "Error" in line and not _NOT_ITS_OWN.search(line))


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path, Errors]]:
    """Each scan, its copy as a PACS passes it on, and the errors in that copy.

    A compressed scan, which DCMTK does not convert, is its own copy.
    """
    folder = tmp_path_factory.mktemp("unknown")
    copies = []
    for number, scan in enumerate(scans()):
        copy = folder / f"{number}.dcm"
        copy = copy if make_unknown(scan, copy) else scan
        copies.append((scan, copy, errors(copy)))
    return copies


@pytest.mark.parametrize("policy", [Policy.DECODE, Policy.DESCRIBE])
def test_no_scan_has_a_new_error(
    unknown: list[tuple[Path, Path, Errors]], tmp_path: Path, policy: Policy
) -> None:
    annotator, out, decoded = Annotator(open_dictionary()), tmp_path / "out.dcm", 0
    for scan, copy, before in unknown:
        data = copy.read_bytes()
        try:
            part10 = split_file(data)
        except MalformedStreamError:
            continue
        annotation = annotator.annotate(
            data[part10.offset :], part10.transfer_syntax_uid, policy
        )  # fmt: skip
        out.write_bytes(data[: part10.offset] + b"".join(annotation.pieces))
        # More than the vendor's own errors are only those that the conversion brought in.
        assert not errors(out) - before, scan
        decoded += annotation.counts["decoded"]
    assert decoded > 10_000
