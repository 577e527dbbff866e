"""Make of a scanner's object what a PACS without a private dictionary makes of it.

Every private element keeps its bytes and loses its VR: it becomes `UN`, a private sequence too,
whose items are then in implicit VR (PS3.5 6.2.2 note 2).
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.uid import ExplicitVRLittleEndian

# pydicom would give the VRs that it knows back on writing.
pydicom.config.replace_un_with_known_vr = False


def made_unknown(source: Path) -> bytes | None:
    """Return the file `source` with all private elements `UN`; None if that is not possible.

    It is possible for objects in explicit VR little endian, whose VRs the vendor wrote.
    """
    dataset = pydicom.dcmread(source)
    if dataset.file_meta.get("TransferSyntaxUID") != ExplicitVRLittleEndian:
        return None
    _forget_private_vrs(dataset)
    # A scanner names the object in its request as it does in the data set.
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def _forget_private_vrs(dataset: pydicom.Dataset) -> None:
    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if element.tag.is_private and not element.tag.is_private_creator and element.tag.elem:
            value = _implicit_value(element)
            dataset[tag] = RawDataElement(element.tag, "UN", len(value), value, 0, False, True)
        elif element.VR == "SQ":
            for item in dataset[tag].value:
                _forget_private_vrs(item)


def _implicit_value(element: RawDataElement | pydicom.DataElement) -> bytes:
    if isinstance(element, RawDataElement) and element.VR != "SQ":
        return element.value or b""
    parsed = pydicom.dataelem.convert_raw_data_element(element) if element.is_raw else element
    parsed.is_undefined_length = False
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_data_element(buffer, parsed)
    return buffer.getvalue()[8:]
