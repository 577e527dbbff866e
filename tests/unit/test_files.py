"""Files and trees: what goes in comes out, annotated or unchanged, and never half."""

import os
from pathlib import Path

import pytest

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator
from atlas_node.encoding.part10 import file_header
from atlas_node.encoding.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from atlas_node.files import FileError, annotate_file, annotate_tree, pairs_of
from atlas_node.model import Policy
from tests.streams import element, implicit

CREATOR = element(0x00190010, "LO", b"SIEMENS MR HEADER ")
UNKNOWN = CREATOR + element(0x0019100A, "UN", b"\x24\0")
DECODED = CREATOR + element(0x0019100A, "US", b"\x24\0")


@pytest.fixture(scope="module")
def annotator() -> Annotator:
    return Annotator(open_dictionary())


def dicom_file(data_set: bytes, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    header = file_header(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid=syntax,
    )
    return header + data_set


def test_a_file_is_annotated_and_its_meta_information_kept(
    annotator: Annotator, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.dcm", tmp_path / "deep" / "out.dcm"
    source.write_bytes(dicom_file(UNKNOWN))
    report = annotate_file(annotator, source, target, Policy.DECODE)
    assert target.read_bytes() == dicom_file(DECODED)
    assert source.read_bytes() == dicom_file(UNKNOWN)
    assert report.changed
    assert report.to_json()["elements"][0]["name"] == "Number of Images in Mosaic"
    assert report.sop_instance_uid == "1.2.3.4"


def test_a_file_may_be_annotated_in_its_place(annotator: Annotator, tmp_path: Path) -> None:
    path = tmp_path / "in.dcm"
    path.write_bytes(dicom_file(UNKNOWN))
    annotate_file(annotator, path, path, Policy.DECODE)
    assert path.read_bytes() == dicom_file(DECODED)
    assert [p.name for p in tmp_path.iterdir()] == ["in.dcm"]


def test_a_file_that_is_replaced_keeps_its_permissions(
    annotator: Annotator, tmp_path: Path
) -> None:
    path = tmp_path / "in.dcm"
    path.write_bytes(dicom_file(UNKNOWN))
    path.chmod(0o600)
    annotate_file(annotator, path, path, Policy.DECODE)
    assert path.stat().st_mode & 0o777 == 0o600


def test_implicit_vr_is_written_in_explicit_vr_where_that_is_wanted(
    annotator: Annotator, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    creator = implicit(0x00190010, b"SIEMENS MR HEADER ")
    encoded = creator + implicit(0x0019100A, b"\x24\0") + implicit(0x001910FF, b"\1\0")
    source.write_bytes(dicom_file(encoded, IMPLICIT_VR_LITTLE_ENDIAN))
    report = annotate_file(annotator, source, target, Policy.DECODE)
    assert not report.changed
    assert target.read_bytes() == source.read_bytes()
    report = annotate_file(annotator, source, target, Policy.DECODE, explicit=True)
    assert (report.changed, report.transfer_syntax) == (True, IMPLICIT_VR_LITTLE_ENDIAN)
    assert target.read_bytes() == dicom_file(DECODED + element(0x001910FF, "UN", b"\1\0"))
    report = annotate_file(annotator, source, target, Policy.OBSERVE, explicit=True)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "no DICOM file"),
        (b"no dicom" * 30, "no DICOM file"),
        (dicom_file(UNKNOWN, syntax=""), "no transfer syntax"),
        (dicom_file(UNKNOWN[:-1]), "says 2 bytes, 1 are left"),
    ],
)
def test_what_cannot_be_annotated_is_copied_unchanged(
    annotator: Annotator, tmp_path: Path, content: bytes, error: str
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(content)
    report = annotate_file(annotator, source, target, Policy.DECODE)
    assert target.read_bytes() == content
    assert not report.changed
    assert error in (report.error or "")


def test_a_tree_keeps_its_names_and_goes_on_after_an_error(
    annotator: Annotator, tmp_path: Path
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "a").mkdir(parents=True)
    (source / "a" / "1").write_bytes(dicom_file(UNKNOWN))
    (source / "readme.txt").write_text("no DICOM")
    (source / "z").write_bytes(dicom_file(UNKNOWN))
    reports = list(annotate_tree(annotator, pairs_of(source, target), Policy.DECODE))
    assert [bool(report.error) for report in reports] == [False, True, False]
    assert (target / "a" / "1").read_bytes() == dicom_file(DECODED)
    assert (target / "readme.txt").read_text() == "no DICOM"


def test_a_file_into_a_folder_keeps_its_name(tmp_path: Path) -> None:
    source = tmp_path / "in.dcm"
    source.touch()
    (tmp_path / "out").mkdir()
    assert pairs_of(source, tmp_path / "out") == [(source, tmp_path / "out" / "in.dcm")]


def test_impossible_pairs_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FileError, match="no such file or folder"):
        pairs_of(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(FileError, match="a tree of files needs a folder"):
        pairs_of(tmp_path, file)
    with pytest.raises(FileError, match="lies inside"):
        pairs_of(tmp_path, tmp_path / "inside")


def test_a_target_that_cannot_be_written_is_one_clear_error(
    annotator: Annotator, tmp_path: Path
) -> None:
    source = tmp_path / "in.dcm"
    source.write_bytes(dicom_file(UNKNOWN))
    with pytest.raises(FileError, match=r"in\.dcm: (File exists|Not a directory)"):
        annotate_file(annotator, source, source / "out.dcm", Policy.DECODE)


def test_the_new_file_has_ordinary_permissions(annotator: Annotator, tmp_path: Path) -> None:
    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    source.write_bytes(dicom_file(UNKNOWN))
    mask = os.umask(0o027)
    try:
        annotate_file(annotator, source, target, Policy.DECODE)
    finally:
        os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o640
