"""The dictionary as Orthanc's: Orthanc starts with it and names private elements by REST."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas_dictionary import open_dictionary
from atlas_dictionary.exporters import FORMATS, Format, select
from tests.interop import private_elements
from tests.peers import program, public_dictionary
from tests.ports import free_port
from tests.waiting import LONG, wait_until


def configuration(folder: Path, port: int) -> dict[str, Any]:
    return {
        "Name": "Atlas Node test",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": port,
        "DicomPort": free_port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
    }


@pytest.fixture(params=["Dictionary", "ExternalDictionaries"])
def orthanc(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of an Orthanc that has our private dictionary, by either option, and no other."""
    port, folder = free_port(), tmp_path / "configuration"
    folder.mkdir()
    (folder / "orthanc.json").write_text(json.dumps(configuration(tmp_path, port)))
    if request.param == "Dictionary":
        option = FORMATS[Format.ORTHANC](select(open_dictionary())).files[""]
    else:
        private = tmp_path / "atlas.dic"
        private.write_text(FORMATS[Format.DCMTK](select(open_dictionary())).files[""])
        option = json.dumps({"ExternalDictionaries": [public_dictionary(), str(private)]})
    (folder / "dictionary.json").write_text(option)
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([program("Orthanc"), folder], stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(LONG)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        try:
            ask(f"{address}/system")
        except urllib.error.URLError:
            return False
        return True

    wait_until(answers)


def ask(address: str, body: bytes | None = None) -> Any:
    with urllib.request.urlopen(address, body, timeout=LONG) as response:
        return json.load(response)


def test_orthanc_starts_with_all_of_it_and_names_the_elements(orthanc: str, tmp_path: Path) -> None:
    scan = tmp_path / "scan.dcm"
    private_elements.write(scan)
    stored = ask(f"{orthanc}/instances", scan.read_bytes())
    tags = ask(f"{orthanc}/instances/{stored['ID']}/tags")
    for (group, element), entry in private_elements.entries().items():
        shown = tags[f"{group:04x},{element:04x}"]
        assert (shown["Name"], shown["PrivateCreator"]) == (entry.keyword, entry.creator)
        assert shown["Type"] == "String"
    assert tags["0019,100a"]["Value"] == "36"
