"""An implicit VR object with private elements, for programs that name them with our exports."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from atlas_dictionary import Entry, open_dictionary

ELEMENTS = [
    ("SIEMENS MR HEADER", 0x0019, 0x0A, "US", 36),
    ("SIEMENS MR HEADER", 0x0019, 0x0C, "IS", 1000),
    ("GEMS_PARM_01", 0x0043, 0x2C, "SS", -12),
    ("Philips Imaging DD 001", 0x2001, 0x03, "FL", 800.5),
    ("GEMS_IDEN_01", 0x0009, 0x02, "SH", "CT01"),
]
"""Creator, group, offset, VR and value of private elements that are in the built-in dictionary."""


def entries() -> dict[tuple[int, int], Entry]:
    """Return the built-in dictionary's entry for each element, by group and element number."""
    dictionary, found = open_dictionary(), {}
    for number, (creator, group, offset, vr, _) in enumerate(ELEMENTS):
        entry = dictionary.private(creator, group, offset)
        assert entry is not None and entry.vr == vr and entry.keyword
        found[group, 0x1000 + 0x100 * number + offset] = entry
    return found


def write(path: Path) -> None:
    """Write the object; a block number for each element."""
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientID = "PRIVATE"
    for number, (creator, group, offset, vr, value) in enumerate(ELEMENTS):
        block = 0x10 + number
        dataset.add_new(group << 16 | block, "LO", creator)
        dataset.add_new(group << 16 | block << 8 | offset, vr, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
