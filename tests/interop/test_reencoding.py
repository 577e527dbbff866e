"""What we re-encode against what DCMTK makes of the same objects."""

import subprocess
from pathlib import Path

from pydicom.data import get_testdata_file

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator
from atlas_node.encoding.part10 import file_header, split_file
from atlas_node.encoding.transfer_syntax import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from atlas_node.model import Policy
from tests import ondisk
from tests.peers import environment, program, public_dictionary, scans

CT_SMALL = Path(get_testdata_file("CT_small.dcm"))


def convert(source: Path, target: Path, option: str) -> bool:
    done = subprocess.run(
        [program("dcmconv"), option, "-g", source, target],
        env=environment(DCMDICTPATH=public_dictionary()), capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_explicit_to_implicit_is_what_dcmconv_writes(tmp_path: Path) -> None:
    plain, implicit = tmp_path / "plain.dcm", tmp_path / "implicit.dcm"
    assert convert(CT_SMALL, plain, "+te")
    assert convert(CT_SMALL, implicit, "+ti")
    data, expected = plain.read_bytes(), implicit.read_bytes()
    annotation = Annotator(open_dictionary()).annotate(
        data[split_file(data).offset :],
        EXPLICIT_VR_LITTLE_ENDIAN, Policy.OBSERVE, IMPLICIT_VR_LITTLE_ENDIAN,
    )  # fmt: skip
    assert b"".join(annotation.pieces) == expected[split_file(expected).offset :]


def test_implicit_to_explicit_gives_every_standard_element_the_vr_that_dcmconv_gives(
    tmp_path: Path,
) -> None:
    annotator = Annotator(open_dictionary())
    compared = 0
    for number, path in enumerate(scans()):
        implicit, theirs = tmp_path / f"{number}.i", tmp_path / f"{number}.e"
        if not (convert(path, implicit, "+ti") and convert(implicit, theirs, "+te")):
            continue
        data = implicit.read_bytes()
        annotation = annotator.annotate(
            data[split_file(data).offset :],
            IMPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE, EXPLICIT_VR_LITTLE_ENDIAN,
        )  # fmt: skip
        ours = tmp_path / f"{number}.ours"
        ours.write_bytes(
            file_header(
                sop_class_uid="1.2", sop_instance_uid="1.2.3",
                transfer_syntax_uid=annotation.transfer_syntax_uid,
            )
            + b"".join(annotation.pieces)
        )  # fmt: skip
        assert annotation.error is None, path
        expected, got = ondisk.read(theirs)[1], ondisk.read(ours)[1]
        for key, element in expected.items():
            if any(step >> 16 & 1 for step in key if step > 0xFFFF):
                continue
            assert got[key].value == element.value or element.vr == "SQ", (path, key)
            # Where the standard leaves the VR open and nothing says which, ours is UN.
            assert got[key].vr in (element.vr, "UN"), (path, key)
            compared += 1
    assert compared > 5000
