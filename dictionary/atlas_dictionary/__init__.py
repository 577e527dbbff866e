"""Dictionary of DICOM private and public data elements in one memory-mapped file.

`open_dictionary` maps the built-in dictionary, or another compiled file; `open_layers` puts files
of one's own above the built-in one. Both give a `Dictionary`, which answers by private creator,
group and element offset (PS3.5 7.8.1), by public tag (PS3.6) and by keyword with an `Entry`.
`patch_pydicom` puts a dictionary behind pydicom's own.
"""

from atlas_dictionary.dictionary import Block, Dictionary
from atlas_dictionary.entry import Candidate, Condition, Entry, Flags, Source
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.layers import open_layers
from atlas_dictionary.pydicom_adapter import patch_pydicom, unpatch_pydicom
from atlas_dictionary.reader import open_dictionary

__all__ = [
    "Block",
    "Candidate",
    "Condition",
    "Dictionary",
    "DictionaryError",
    "Entry",
    "Flags",
    "Source",
    "open_dictionary",
    "open_layers",
    "patch_pydicom",
    "unpatch_pydicom",
]
