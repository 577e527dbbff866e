"""Exporters: one module a form in which other programs read private elements.

`FORMATS` names them; ``atlas-dict export --to`` chooses one. An exporter takes a `Selection` and
gives the text of one file or of several, and says what its form cannot express. Programs compare a
private creator as it is written, so that every spelling of it is exported.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from atlas_dictionary.exporters.csv_table import export_csv
from atlas_dictionary.exporters.dcm4che import export_dcm4che
from atlas_dictionary.exporters.dcmtk import export_dcmtk
from atlas_dictionary.exporters.gdcm import export_gdcm
from atlas_dictionary.exporters.json_document import export_json
from atlas_dictionary.exporters.orthanc import export_orthanc
from atlas_dictionary.exporters.pydicom import export_pydicom
from atlas_dictionary.exporters.selection import Export, Selection, select


class Format(StrEnum):
    """A form in which a dictionary is exported."""

    DCMTK = "dcmtk"
    ORTHANC = "orthanc"
    GDCM = "gdcm"
    DCM4CHE = "dcm4che"
    PYDICOM = "pydicom"
    CSV = "csv"
    JSON = "json"


FORMATS: Mapping[Format, Callable[[Selection], Export]] = MappingProxyType(
    {
        Format.DCMTK: export_dcmtk,
        Format.ORTHANC: export_orthanc,
        Format.GDCM: export_gdcm,
        Format.DCM4CHE: export_dcm4che,
        Format.PYDICOM: export_pydicom,
        Format.CSV: export_csv,
        Format.JSON: export_json,
    }
)

__all__ = ["FORMATS", "Export", "Format", "Selection", "select"]
