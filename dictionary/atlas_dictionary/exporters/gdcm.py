"""Exporter of GDCM's private dictionary, ``privatedicts.xml``.

GDCM compiles that file into its library (Source/DataDictionary) and has no option to read another
at run time: replace it there and build. ``gdcmdump --xml-dict`` prints entries of the same form.
"""

from __future__ import annotations

from atlas_dictionary.entry import Entry
from atlas_dictionary.exporters.selection import UNKNOWN_VM, Export, LeftOut, Selection
from atlas_dictionary.exporters.xml_text import attribute, writable

_JOINED_VRS = {"OB or OW": "OB_OW", "US or SS": "US_SS", "US or SS or OW": "US_SS_OW"}


def export_gdcm(selection: Selection) -> Export:
    """Return `selection` as the private dictionary of GDCM."""
    left_out = LeftOut()
    lines = []
    for creator, entry in selection.private_elements(left_out):
        if writable(creator):
            lines.append(_line(creator, entry))
        else:
            left_out.add("creator with a control character")
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<dict>\n' + "".join(lines) + "</dict>\n"
    return Export({"": text}, len(lines), left_out.notes())


def _line(creator: str, entry: Entry) -> str:
    vr = _JOINED_VRS.get(entry.vr, "UN") if entry.ambiguous else entry.vr
    fields = {
        "group": entry.key.group_text,
        "element": entry.key.element_text,
        "vr": vr,
        "vm": entry.vm or UNKNOWN_VM,
        "name": entry.name if entry.name and writable(entry.name) else "?",
        "owner": creator,
    }
    return "<entry " + " ".join(f"{k}={attribute(v)}" for k, v in fields.items()) + "/>\n"
