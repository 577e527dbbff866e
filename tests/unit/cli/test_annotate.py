"""``atlas-node annotate`` as a user calls it: output, report, exit status."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from atlas_node.encoding.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN
from tests.streams import implicit
from tests.unit.test_files import DECODED, UNKNOWN, dicom_file


@pytest.fixture
def run(atlas_node):
    return partial(atlas_node, "annotate")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.dcm"
    path.write_bytes(dicom_file(UNKNOWN))
    return path


def test_one_file_with_a_report_on_stdout(source: Path, tmp_path: Path) -> None:
    script = [sys.executable, "-c", "from atlas_node.cli import main; main()", "annotate"]
    done = subprocess.run(
        [*script, source, "-o", tmp_path / "out.dcm", "--report", "-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["file"] == str(source)
    assert report["changed"] is True
    assert report["error"] is None
    assert report["counts"] == {
        "private": 1, "decoded": 1, "already": 0, "unknown": 0, "refused": 0, "ambiguous": 0,
    }  # fmt: skip
    assert report["elements"][0]["value"] == [36]
    assert (tmp_path / "out.dcm").read_bytes() == dicom_file(DECODED)


def test_without_a_report_one_line_says_what_was_done(run, source: Path, tmp_path: Path) -> None:
    done = run(source, "-o", tmp_path / "out.dcm")
    assert done.stdout == (
        "1 file: 1 private elements, 1 decoded, 0 already, 0 unknown, 0 refused, 0 ambiguous\n"
    )


def test_implicit_vr_is_said_to_be_unchanged_and_can_be_converted(run, tmp_path: Path) -> None:
    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    data = implicit(0x00190010, b"SIEMENS MR HEADER ") + implicit(0x0019100A, b"\x24\0")
    source.write_bytes(dicom_file(data, IMPLICIT_VR_LITTLE_ENDIAN))
    done = run(source, "-o", target)
    assert done.stdout.splitlines() == [
        "1 file: 1 private elements, 1 decoded, 0 already, 0 unknown, 0 refused, 0 ambiguous",
        "1 file in implicit VR, which has no place for a VR: copied unchanged; --explicit writes "
        "explicit VR",
    ]
    assert target.read_bytes() == source.read_bytes()
    done = run(source, "-o", target, "--explicit")
    assert len(done.stdout.splitlines()) == 1
    assert target.read_bytes() == dicom_file(DECODED)
    again = run(target, "-o", target, "--json")
    assert json.loads(again.stdout)["counts"]["already"] == 1


def test_observe_copies(run, source: Path, tmp_path: Path) -> None:
    done = run(source, "-o", tmp_path / "out.dcm", "--policy", "observe", "--json")
    assert json.loads(done.stdout)["changed"] is False
    assert (tmp_path / "out.dcm").read_bytes() == source.read_bytes()


def test_a_tree_with_a_stranger_in_it_ends_with_1(run, source: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    source.rename(tree / "a.dcm")
    (tree / "notes.txt").write_text("no DICOM")
    done = run(tree, "-o", tmp_path / "out", "--report", tmp_path / "report.jsonl")
    assert done.returncode == 1
    reports = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert [report["error"] is None for report in reports] == [True, False]
    assert (tmp_path / "out" / "notes.txt").read_text() == "no DICOM"
    assert done.stderr.startswith(f"atlas-node: {tree / 'notes.txt'}: no DICOM file")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["in.dcm"], ["in.dcm", "-o", "x", "--policy", "guess"]])
def test_wrong_use_ends_with_2(run, arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_a_missing_file_is_one_line_and_1(run, tmp_path: Path) -> None:
    done = run(tmp_path / "none.dcm", "-o", tmp_path / "out.dcm")
    assert done.returncode == 1
    assert done.stderr == f"atlas-node: {tmp_path / 'none.dcm'}: no such file or folder\n"


def test_a_dictionary_that_cannot_be_read_is_one_line_and_1(
    run, source: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("group,element\n0019\n")
    done = run(source, "-o", tmp_path / "out.dcm", "--dictionary", broken)
    assert done.returncode == 1
    assert str(broken) in done.stderr
    assert len(done.stderr.splitlines()) == 1
