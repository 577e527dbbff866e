"""Archives of other projects as real processes: DCMTK's dcmqrscp, and Orthanc."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE

import tests.associations  # noqa: F401 before any association is made
from tests.peers import environment, program
from tests.ports import free_port, listens
from tests.waiting import LONG, wait_until

_MOST_CONTEXTS = 128

Hosts = Mapping[str, tuple[str, int]]
"""AE title of each application entity that an archive knows, with its address."""


class Archive:
    """A process that stores, answers queries and sends what is asked for."""

    def __init__(self, folder: Path, ae_title: str) -> None:
        self.folder = folder
        self.ae_title = ae_title
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def __enter__(self) -> Archive:
        self.start()
        return self

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        with (self.folder / "log").open("wb") as output:
            self._process = subprocess.Popen(
                self.command(), stdout=output, stderr=output, env=environment(), cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip
        wait_until(self._is_there)

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill all its processes, as a machine that is switched off."""
        assert self._process is not None
        # dcmqrscp forks for each association, and a child keeps the port.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(LONG)

    def said(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def fill(self, objects: Iterable[Dataset]) -> None:
        """Store objects as they are, their private elements too."""
        kept = list(objects)
        ae = AE("FILLER")
        syntaxes = {(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in kept}
        for abstract, transfer in sorted(syntaxes)[:_MOST_CONTEXTS]:
            ae.add_requested_context(abstract, transfer)
        assoc = ae.associate("127.0.0.1", self.port, ae_title=self.ae_title)
        assert assoc.is_established, self.said()
        # Else each object waits 40 ms for an acknowledgement.
        assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for ds in kept:
                status = assoc.send_c_store(ds)
                assert status.Status == 0x0000, status
        finally:
            assoc.release()

    def upstream(self, name: str = "archive") -> dict[str, Any]:
        """Return its entry in the node's configuration."""
        return {"name": name, "ae_title": self.ae_title, "host": "127.0.0.1", "port": self.port}

    def _is_there(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        return listens(self.port)


class Dcmqrscp(Archive):
    """DCMTK's archive; it knows nothing of private elements and copies them as they are.

    Parameters
    ----------
    folder : Path
        Made for it.
    ae_title : str
    hosts : mapping of str to (str, int)
        Where it may send to (C-MOVE), by AE title.
    options : sequence of str
        Of its command line.
    """

    def __init__(
        self,
        folder: Path,
        ae_title: str = "ARCHIVE",
        hosts: Hosts | None = None,
        options: Iterable[str] = (),
    ) -> None:
        super().__init__(folder, ae_title)
        self._options = list(options)
        (folder / "db").mkdir()
        known = "".join(
            f"host{number} = ({title}, {host}, {port})\n"
            for number, (title, (host, port)) in enumerate((hosts or {}).items())
        )
        (folder / "dcmqrscp.cfg").write_text(
            f"NetworkTCPPort = {self.port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
            f"HostTable BEGIN\n{known}HostTable END\n"
            "VendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\n{ae_title} {folder / 'db'} RW (500, 1024mb) ANY\nAETable END\n"
        )

    def command(self) -> list[str | Path]:
        configuration = self.folder / "dcmqrscp.cfg"
        return [program("dcmqrscp"), "-d", "-dhl", "-c", configuration, *self._options]


class Orthanc(Archive):
    """Orthanc.

    Parameters
    ----------
    folder : Path
        Made for it.
    ae_title : str
    hosts : mapping of str to (str, int)
        Whom it knows; only they may query it.
    dictionary : mapping
        Its section ``Dictionary``: private elements that it knows.
    settings : mapping
        More of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        ae_title: str = "ORTHANC",
        hosts: Hosts | None = None,
        dictionary: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(folder, ae_title)
        modalities = {title: [title, host, port] for title, (host, port) in (hosts or {}).items()}
        (folder / "orthanc.json").write_text(
            json.dumps(
                {
                    "Name": ae_title,
                    "SyncStorageArea": False,
                    "StorageDirectory": str(folder / "db"),
                    "IndexDirectory": str(folder / "db"),
                    "HttpServerEnabled": False,
                    "DicomPort": self.port,
                    "DicomAet": ae_title,
                    "DicomModalities": modalities,
                    "DicomAlwaysAllowStore": True,
                    "DicomAlwaysAllowFind": True,
                    "DicomAlwaysAllowGet": True,
                    "DicomAlwaysAllowMove": True,
                    "DicomCheckModalityHost": False,
                    "Dictionary": dict(dictionary or {}),
                    "Plugins": [],
                    **(settings or {}),
                }
            )
        )

    def command(self) -> list[str | Path]:
        return [program("Orthanc"), self.folder / "orthanc.json", "--verbose"]
