"""Value Representation and Value Multiplicity as documents write them (PS3.5 6.2 and 6.4).

The layouts and `emit` call it on cells. A VR is one of the standard's or it is none: "US or SS"
leaves the VR open, and what is no VR is never read as its neighbour.
"""

import re
from dataclasses import dataclass

from atlas_scraper.text import compact

VRS = frozenset(
    # PS3.5 table 6.2-1.
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF"}
    | {"OL", "OV", "OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN"}
    | {"UR", "US", "UT", "UV"}
)
# PS3.5 table 6.2-1, the names of the value representations.
_VR_OF_NAME = {
    "applicationentity": "AE",
    "agestring": "AS",
    "attributetag": "AT",
    "codestring": "CS",
    "date": "DA",
    "decimalstring": "DS",
    "datetime": "DT",
    "floatingpointdouble": "FD",
    "floatingpointsingle": "FL",
    "integerstring": "IS",
    "longstring": "LO",
    "longtext": "LT",
    "otherbyte": "OB",
    "otherbytestring": "OB",
    "otherdouble": "OD",
    "otherfloat": "OF",
    "otherfloatstring": "OF",
    "otherlong": "OL",
    "otherword": "OW",
    "otherwordstring": "OW",
    "personname": "PN",
    "shortstring": "SH",
    "signedlong": "SL",
    "sequence": "SQ",
    "sequenceofitems": "SQ",
    "signedshort": "SS",
    "shorttext": "ST",
    "time": "TM",
    "unlimitedcharacters": "UC",
    "uniqueidentifier": "UI",
    "unsignedlong": "UL",
    "unknown": "UN",
    "unsignedshort": "US",
    "unlimitedtext": "UT",
}
VR_PATTERN = "(?:" + "|".join(sorted(VRS)) + ")"
VM_PATTERN = r"(?:\d{1,4}\s*(?:-|\u2013|\.\.\.?|to)\s*(?:\d{0,4}[nN]|\d{1,4})|\d{1,4}|S)"

_VR = re.compile(VR_PATTERN)
_CHOICE = re.compile(rf"{VR_PATTERN}(?:\s*(?:/|,|\||or|oder|ou|o)\s*{VR_PATTERN})+", re.IGNORECASE)
_BOTH = re.compile(rf"({VR_PATTERN})\s*[/,;:(\s]\s*({VM_PATTERN})\)?")
_RANGE = re.compile(r"(\d{1,4})\s*(?:-|\u2013|\.\.\.?|to)\s*(\d{0,4}[nN]|\d{1,4})")
_NAMED = re.compile(
    rf"(?:({VR_PATTERN})\s*[-\u2013:(=,]*\s*)?([A-Za-z ]{{4,24}}?)\s*(?:\(({VR_PATTERN})\)?)?\)?"
)
_NOTED_BOTH = re.compile(
    rf"\bVR\s*/\s*VM\s*[=:]?\s*({VR_PATTERN})\s*[/,]\s*({VM_PATTERN})(?!\w)[,;]?\s*"
)
_NOTED_VR = re.compile(rf"\(?\bVR\s*(?:[=:]|is\b)?\s*({VR_PATTERN})\b[,;.)]*\s*")
_NOTED_VM = re.compile(rf"\(?\bVM\s*(?:[=:]|is\b)?\s*({VM_PATTERN})(?!\w)[,;.)]*\s*")


@dataclass(frozen=True, slots=True)
class Noted:
    """VR and VM that were found in a note, and what the note says besides."""

    vr: str
    vm: str
    rest: str


def read_vr(text: str) -> tuple[str | None, str | None]:
    """Read a VR cell.

    Returns
    -------
    vr : str or None
        The VR, None where the cell names none or more than one.
    problem : str or None
        What is wrong with the cell; None for a VR and for an empty cell.
    """
    text = text.strip().strip("()[]").rstrip(" *\u2020")
    if not text or re.fullmatch(r"[-\u2013.]+|n/?a", text, re.IGNORECASE):
        return None, None
    if _VR.fullmatch(text.upper()):
        return text.upper(), None
    # A cell too narrow for two letters, or a space that kerning made: "D S".
    if re.fullmatch(r"[A-Z]\s[A-Z]", text) and _VR.fullmatch(text[0] + text[2]):
        return text[0] + text[2], None
    named = _NAMED.fullmatch(text)
    vr = _VR_OF_NAME.get(compact(named[2])) if named else None
    if named and vr and vr == (named[1] or named[3] or vr):
        return vr, None
    if _CHOICE.fullmatch(text):
        return None, f"the document leaves the VR open: {text}"
    return None, f"the VR column reads {text!r}, which is no VR of PS3.5 6.2"


def read_vm(text: str) -> tuple[str | None, str | None]:
    """Read a VM cell into the form of PS3.6 ("1", "1-n", "2-2n"); see `read_vr`.

    GE's older statements write S for a single value beside the numbers of the other rows.
    """
    text = text.strip()
    if not text or re.fullmatch(r"[-\u2013.]+|n/?a", text, re.IGNORECASE):
        return None, None
    if text == "S":
        return "1", None
    if re.fullmatch(r"\d{1,4}", text) and int(text) > 0:
        return str(int(text)), None
    if bounds := _RANGE.fullmatch(text):
        return f"{int(bounds[1])}-{bounds[2].lower()}", None
    return None, f"the VM column reads {text!r}"


def split_vr_vm(text: str) -> tuple[str, str]:
    """Divide a cell "LO/1" or "LO (1-n)" of a column for both; ("", "") when it is not one."""
    both = _BOTH.fullmatch(text.strip())
    return (both[1], both[2]) if both else ("", "")


def vr_vm_in_note(text: str) -> Noted:
    """Take "VR = LO, VM = 1" out of a note."""
    if both := _NOTED_BOTH.search(text):
        return Noted(both[1], both[2], _NOTED_BOTH.sub("", text).strip(" ,;"))
    vr, vm = _NOTED_VR.search(text), _NOTED_VM.search(text)
    rest = _NOTED_VM.sub("", _NOTED_VR.sub("", text)).strip(" ,;")
    return Noted(vr[1] if vr else "", vm[1] if vm else "", rest)
