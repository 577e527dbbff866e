"""The dictionary in GDCM's form, which its programs have built in and cannot load at run time.

What can be compared is the form: gdcmdump prints dictionary entries for the elements of an object.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

from atlas_dictionary import open_dictionary
from atlas_dictionary.exporters import FORMATS, Format, select
from tests.interop import private_elements
from tests.peers import program


def test_gdcmdump_writes_entries_of_the_same_form_and_keys(tmp_path: Path) -> None:
    scan = tmp_path / "scan.dcm"
    private_elements.write(scan)
    printed = subprocess.run(
        [program("gdcmdump"), "--xml-dict", scan], capture_output=True, text=True, check=True
    ).stdout
    theirs = ET.fromstring(f"<dict>{printed}</dict>")
    ours = ET.fromstring(FORMATS[Format.GDCM](select(open_dictionary())).files[""])
    by_key = {(e.get("owner"), e.get("group"), e.get("element")): e for e in ours}
    assert len(theirs) == len(private_elements.ELEMENTS)
    for entry in theirs:
        offset = entry.get("element", "")[2:]
        found = by_key[entry.get("owner"), entry.get("group"), "xx" + offset]
        assert list(found.attrib) == list(entry.attrib)
        assert entry.get("vr") in ("UN", found.get("vr"))
