"""Storage commitment with Orthanc on both sides: as the scanner that asks, as the archive."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.uid import CTImageStorage

from tests.commitment import references
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import ct_object
from tests.peers import program
from tests.ports import free_port
from tests.waiting import LONG, wait_until


class Orthanc:
    """An Orthanc that knows the node, with its REST interface."""

    def __init__(self, folder: Path, ae_title: str, node_port: int) -> None:
        self.dicom_port = free_port()
        self._folder = folder
        folder.mkdir()
        port = free_port()
        self._address = f"http://127.0.0.1:{port}"
        node = {"AET": "ATLAS", "Host": "127.0.0.1", "Port": node_port}
        (folder / "orthanc.json").write_text(
            json.dumps(
                {
                    "Name": ae_title,
                    "StorageDirectory": str(folder / "db"),
                    "IndexDirectory": str(folder / "db"),
                    "HttpPort": port,
                    "DicomPort": self.dicom_port,
                    "DicomAet": ae_title,
                    "DicomModalities": {"atlas": {**node, "AllowStorageCommitment": True}},
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "Plugins": [],
                }
            )
        )

    def __enter__(self) -> Orthanc:
        self._log = self._folder / "log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [program("Orthanc"), self._folder / "orthanc.json", "--verbose"],
                stdout=output,
                stderr=output,
            )
        wait_until(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(LONG)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.said()
        try:
            self.get("/system")
        except urllib.error.URLError:
            return False
        return True

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self._address + path, timeout=LONG) as response:
            return json.load(response)

    def post(self, path: str, body: bytes) -> Any:
        with urllib.request.urlopen(self._address + path, body, timeout=LONG) as response:
            return json.load(response)

    def ask_for_commitment(self, asked: list[tuple[str, str]]) -> str:
        """Ask the node; return the Transaction UID."""
        body = {"DicomInstances": [list(reference) for reference in asked]}
        path = "/modalities/atlas/storage-commitment"
        return str(self.post(path, json.dumps(body).encode())["ID"])

    def report(self, transaction_uid: str) -> dict[str, Any]:
        """Wait for the report that came back for a request."""
        found: dict[str, Any] = {}

        def has_come() -> bool:
            found.update(self.get(f"/storage-commitment/{transaction_uid}"))
            return found["Status"] != "Pending"

        wait_until(has_come)
        return found


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Orthanc, NodeProcess, Orthanc]]:
    """An Orthanc as scanner, the node, an Orthanc as archive."""
    (tmp_path / "node").mkdir()
    node = NodeProcess(tmp_path / "node", {"archive": 1})
    with (
        Orthanc(tmp_path / "scanner", "SCANNER", node.port) as scanner,
        Orthanc(tmp_path / "archive", "ARCHIVE", node.port) as archive,
    ):
        node.config["peers"] = [
            {"ae_title": "SCANNER", "report_to": {"port": scanner.dicom_port}},
            {"ae_title": "ARCHIVE", "services": ["commit"]},
        ]
        node.config["destinations"][0] |= {"port": archive.dicom_port, "commitment": True}
        node.write_config()
        with node:
            yield scanner, node, archive


def stored_over_the_node(scanner: Orthanc, count: int) -> list[tuple[str, str]]:
    objects = [ct_object(number) for number in range(count)]
    stored = []
    for ds in objects:
        part10 = DicomBytesIO()
        ds.save_as(part10, enforce_file_format=True)
        stored.append(scanner.post("/instances", part10.getvalue())["ID"])
    scanner.post("/modalities/atlas/store", json.dumps(stored).encode())
    return [(str(CTImageStorage), str(ds.SOPInstanceUID)) for ds in objects]


def test_what_the_archive_has_is_committed(three):
    scanner, node, archive = three
    asked = stored_over_the_node(scanner, 5)
    report = scanner.report(scanner.ask_for_commitment(asked))
    assert report["Status"] == "Success", (report, node.said())
    assert sorted(it["SOPInstanceUID"] for it in report["Success"]) == sorted(
        uid for _, uid in asked
    )
    assert len(archive.get("/instances")) == 5


def test_what_the_archive_has_not_is_named(three):
    scanner, _, _ = three
    asked, missing = stored_over_the_node(scanner, 2), references(1)
    report = scanner.report(scanner.ask_for_commitment([*asked, *missing]))
    assert report["Status"] == "Failure"
    assert [it["SOPInstanceUID"] for it in report["Failures"]] == [missing[0][1]]
    assert [it["FailureReason"] for it in report["Failures"]] == [0x0112]
    assert len(report["Success"]) == 2
