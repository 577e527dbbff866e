"""Exporter of DCMTK data dictionaries, ``.dic``, for ``DCMDICTPATH``: private elements alone.

Name it after DCMTK's own file there, which has the standard elements. VRs that depend on the rest
of the object have DCMTK's internal names. `importers.dcmtk` describes the form.
"""

from __future__ import annotations

from atlas_dictionary.entry import Entry
from atlas_dictionary.exporters.selection import UNKNOWN_VM, Export, LeftOut, Selection, repeats

_INTERNAL_VRS = {
    frozenset({"OB", "OW"}): "ox",
    frozenset({"US", "SS"}): "xs",
    frozenset({"US", "SS", "OW"}): "lt",
}


def export_dcmtk(selection: Selection) -> Export:
    """Return `selection` as a DCMTK data dictionary."""
    left_out = LeftOut()
    lines = []
    for creator, entry in selection.private_elements(left_out):
        if '"' in creator or not creator.isprintable():
            left_out.add("creator with a quotation mark or a control character")
            continue
        fields = (_tag(creator, entry), _vr(entry), _name(entry), entry.vm or UNKNOWN_VM)
        lines.append("\t".join((*fields, "PrivateTag")))
    head = "# Private elements for DCMTK, written by atlas-dict; append it to DCMDICTPATH.\n"
    return Export({"": head + "".join(f"{line}\n" for line in lines)}, len(lines), left_out.notes())


def _tag(creator: str, entry: Entry) -> str:
    group = f"{entry.group:04x}"
    if repeats(entry):
        group = f"{entry.group | 1:04x}-o-{entry.group | 0xFF:04x}"
    return f'({group},"{creator}",{entry.element:02x})'


def _vr(entry: Entry) -> str:
    if entry.ambiguous:
        return _INTERNAL_VRS.get(frozenset(entry.vr.split(" or ")), "UN")
    return entry.vr


def _name(entry: Entry) -> str:
    name = entry.keyword or entry.name
    return name if name and name.isprintable() else "Unknown"
