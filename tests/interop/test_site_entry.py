"""An entry made in the viewer of a running node decodes what DCMTK's storescu sends next."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tests.fault.nodes import NodeProcess
from tests.peers import environment, program
from tests.ports import free_port

CREATOR = "ACME INTEROP 1.0"
ELEMENT = {"creator": CREATOR, "element": "(0099,xx01)"}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    folder = tmp_path / "node"
    folder.mkdir()
    with NodeProcess(
        folder, {}, node={"workers": 1}, web={"enabled": True, "port": free_port()}
    ) as running:
        yield running


def send(node: NodeProcess, path: Path, value: bytes) -> None:
    """Send a new object with one `UN` element of a maker that no dictionary knows."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.PatientID, ds.Manufacturer = "CT", "PAT-1", "ACME"
    ds.private_block(0x0099, CREATOR, create=True).add_new(0x01, "UN", value)
    ds.save_as(path, enforce_file_format=True)
    subprocess.run(
        [program("storescu"), "-aec", "ATLAS", "127.0.0.1", str(node.port), str(path)],
        check=True, timeout=60, env=environment(),
    )  # fmt: skip


class Viewer:
    """What a browser would ask of the node."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: str) -> str:
        url = f"{self._url}{path}?{urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()

    def post(self, path: str, **form: str) -> str:
        """Send a form; return the page that it leads to."""
        data = urlencode(form).encode()
        with urllib.request.urlopen(f"{self._url}{path}", data, timeout=30) as answer:
            return answer.read().decode()


def test_an_entry_decodes_from_the_next_reload_on(node: NodeProcess, tmp_path: Path):
    viewer = Viewer(node.config["web"]["port"])

    def statuses() -> dict[str, int]:
        return json.loads(viewer.get("/api/explore", **ELEMENT))["by_status"]

    send(node, tmp_path / "a.dcm", b"1.5 ")
    node.wait_until(lambda: statuses()["unknown"] == 1)

    page = viewer.get("/coverage/entry", **ELEMENT)
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
    saved = viewer.post(
        "/coverage/entry", csrf=csrf, creator=CREATOR, group="0099", element="xx01", vr="DS",
        vm="1", name="Gate delay",
    )  # fmt: skip
    assert "Reload the node" in saved
    assert "told to read its dictionary again" in viewer.post("/coverage/reload", csrf=csrf)

    for number in range(100):
        # The orders of the supervisor reach the workers in their own time.
        send(node, tmp_path / f"b{number}.dcm", b"2.5 ")
        node.wait_until(lambda n=number: sum(statuses().values()) == n + 2)
        if statuses()["decoded"]:
            break
    send(node, tmp_path / "c.dcm", b"\x01\x02\x03\xff")
    node.wait_until(lambda: statuses()["refused"] == 1)

    found = json.loads(viewer.get("/api/explore/values", **ELEMENT))
    assert {("DS", 2.5), ("UN", "312e3520")} <= {
        (it["vr"], it["value"][0]) for it in found["points"]
    }
    assert found["name"] == "Gate delay"
