"""The dictionary as DCMTK's: dcmdump names and decodes private elements with it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from atlas_dictionary import open_dictionary
from atlas_dictionary.exporters import FORMATS, Format, select
from tests.interop import private_elements
from tests.peers import environment, program, public_dictionary


def test_dcmdump_names_and_decodes_the_elements(tmp_path: Path) -> None:
    scan, dictionary = tmp_path / "scan.dcm", tmp_path / "atlas.dic"
    private_elements.write(scan)
    dictionary.write_text(FORMATS[Format.DCMTK](select(open_dictionary())).files[""])

    def dump(*dictionaries: Path | str) -> str:
        done = subprocess.run(
            [program("dcmdump"), scan],
            env=environment(DCMDICTPATH=":".join(map(str, dictionaries))),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        # DCMTK tells here of every line that it cannot read.
        assert done.stderr == ""
        return done.stdout

    without, named = dump(public_dictionary()), dump(public_dictionary(), dictionary)
    for (group, element), entry in private_elements.entries().items():
        tag = f"({group:04x},{element:04x})"
        assert f"{tag} ??" in without
        (line,) = (line for line in named.splitlines() if line.startswith(tag))
        assert line.startswith(f"{tag} {entry.vr} ")
        assert line.endswith(f" {entry.keyword}")
    assert "(0019,100a) US 36 " in named
