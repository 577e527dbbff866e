"""Files: what we write other toolkits read, and what they write we read."""

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from atlas_node.encoding.part10 import file_header, split_file, with_transfer_syntax
from atlas_node.errors import MalformedStreamError

UIDS = st.from_regex(r"[1-9][0-9]{0,5}(\.[1-9][0-9]{0,5}){1,7}", fullmatch=True)


@given(sop_class=UIDS, instance=UIDS, syntax=UIDS, ae=st.text("ABC_19", max_size=16))
def test_a_header_is_read_back(sop_class: str, instance: str, syntax: str, ae: str) -> None:
    header = file_header(
        sop_class_uid=sop_class,
        sop_instance_uid=instance,
        transfer_syntax_uid=syntax,
        source_ae=ae,
    )
    part10 = split_file(header + b"data set")
    assert part10.sop_class_uid == sop_class
    assert part10.sop_instance_uid == instance
    assert part10.transfer_syntax_uid == syntax
    assert part10.offset == len(header)


@given(before=UIDS, after=UIDS)
def test_another_transfer_syntax_changes_that_and_the_length_alone(before: str, after: str) -> None:
    def header(syntax: str) -> bytes:
        return file_header(
            sop_class_uid="1.2.3",
            sop_instance_uid="1.2.3.4",
            transfer_syntax_uid=syntax,
            source_ae="SCANNER",
        )

    assert with_transfer_syntax(header(before), after) == header(after)


def test_pydicom_reads_our_header() -> None:
    header = file_header(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        source_ae="SCANNER",
    )
    meta = pydicom.dcmread(BytesIO(header)).file_meta
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.SourceApplicationEntityTitle == "SCANNER"
    assert meta.FileMetaInformationGroupLength == len(header) - 128 - 4 - 12


def test_the_data_set_of_a_real_file_is_found() -> None:
    data = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    part10 = split_file(data)
    assert part10.transfer_syntax_uid == "1.2.840.10008.1.2.1"
    assert data[part10.offset : part10.offset + 4] == b"\x08\x00\x05\x00"


@pytest.mark.parametrize("length", [0, 100, 131])
def test_no_prefix_is_no_file(length: int) -> None:
    with pytest.raises(MalformedStreamError, match="expected the prefix DICM"):
        split_file(bytes(length))


@pytest.mark.parametrize("cut", [5, 9, 13, 15, 17])
def test_meta_information_cut_short_is_refused_or_empty(cut: int) -> None:
    header = file_header(sop_class_uid="1.2", sop_instance_uid="1.2.3", transfer_syntax_uid="1.2.4")
    try:
        part10 = split_file(header[: 132 + 12 + cut])
    except MalformedStreamError as error:
        assert "cut short" in str(error)
    else:
        assert part10.transfer_syntax_uid == ""
