"""Exporter of the option ``Dictionary`` of Orthanc's configuration.

The file is a configuration of its own, which Orthanc reads beside the others of its folder. It
turns off the private dictionary that Orthanc has built in, for Orthanc does not start with a tag
that is registered twice. The option is a JSON object with tags for keys, so that a tag of several
creators needs several spellings of itself. Orthanc takes a few; entries beyond them, the least
certain, are left out.
"""

from __future__ import annotations

import json
from collections import defaultdict

from atlas_dictionary.entry import Entry
from atlas_dictionary.exporters.selection import (
    UNKNOWN_VM,
    Export,
    LeftOut,
    Selection,
    repeats,
    single_vr,
)

_NOT_KNOWN = frozenset({"OD", "OL", "OV", "SV", "UC", "UR", "UV"})
"""VRs with which Orthanc (1.10) does not start; their elements are named and stay ``UN``."""
_ANY_NUMBER = 0
"""Greatest multiplicity where there is none."""


def export_orthanc(selection: Selection) -> Export:
    """Return `selection` as a configuration file of Orthanc, to take the place of its own."""
    left_out = LeftOut()
    of_tag: dict[tuple[int, int], list[tuple[str, Entry]]] = defaultdict(list)
    for creator, entry in selection.private_elements(left_out):
        if repeats(entry):
            left_out.add("repeating group")
        else:
            of_tag[entry.group, entry.element].append((creator, entry))
    dictionary: dict[str, list[str | int]] = {}
    for (group, element), owners in of_tag.items():
        owners.sort(key=lambda owner: -owner[1].confidence)
        spelled = _spellings(group, element)
        dictionary.update(
            (key, _value(creator, entry))
            for key, (creator, entry) in zip(spelled, owners, strict=False)
        )
        for _ in owners[len(spelled) :]:
            left_out.add(
                "more creators have the tag than Orthanc can tell apart; choose with --creator, or"
                " export to dcmtk for its option ExternalDictionaries"
            )
    text = json.dumps({"LoadPrivateDictionary": False, "Dictionary": dictionary}, indent=1)
    return Export({"": text + "\n"}, len(dictionary), left_out.notes())


def _spellings(group: int, element: int) -> list[str]:
    """Return the ways of writing one tag that Orthanc takes for the same."""
    forms = []
    for digits in ("04x", "04X"):
        number = f"{group:{digits}}"
        offset = f"{element:0{digits[1:]}}"
        forms += [f"{number},{offset[2:]}", *(f"{number}{sep}{offset}" for sep in (",", "-", ""))]
    return list(dict.fromkeys(forms))


def _value(creator: str, entry: Entry) -> list[str | int]:
    low, _, high = (entry.vm or UNKNOWN_VM).partition("-")
    greatest = int(low) if not high else int(high) if high.isdecimal() else _ANY_NUMBER
    name, vr = entry.keyword or entry.name or "Unknown", single_vr(entry)
    return ["UN" if vr in _NOT_KNOWN else vr, name, max(1, int(low)), greatest, creator]
