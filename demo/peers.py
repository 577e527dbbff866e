"""The two ends of the demonstration's route: a scanner that sends, and a PACS that stores.

The PACS is DCMTK's storescp where it is installed, else one of ours on pynetdicom. Run as a
program, this module is that one: ``peers.py PORT FOLDER``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pydicom
from pynetdicom import AE, _config, evt

_SYSTEM_PATH = "/usr/bin:/usr/local/bin"


def start_pacs(port: int, folder: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """Start a PACS that writes what it receives into `folder`; return its name and process."""
    folder.mkdir(parents=True)
    storescp = shutil.which("storescp", path=_SYSTEM_PATH)
    if storescp is not None:
        # A process an association, every transfer syntax, every SOP class.
        command = [storescp, "--fork", "-aet", "PACS", "+xa", "-pm", "-od", str(folder), str(port)]
        name = "DCMTK storescp"
    else:
        command = [sys.executable, __file__, str(port), str(folder)]
        name = "a store of our own on pynetdicom"
    quiet = subprocess.DEVNULL
    return name, subprocess.Popen(command, stdout=quiet, stderr=quiet)


def send(port: int, files: Iterable[Path]) -> dict[Path, int]:
    """Send files by C-STORE as the scanner would; return the status of each (0x0000: accepted)."""
    # The file's own bytes go out, not pydicom's reading of them.
    _config.STORE_SEND_CHUNKED_DATASET = True
    statuses = {}
    for path in files:
        meta = pydicom.dcmread(path, stop_before_pixels=True).file_meta
        ae = AE("SCANNER")
        ae.add_requested_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
        assoc = ae.associate("127.0.0.1", port, ae_title="ATLAS")
        if assoc.is_established:
            statuses[path] = assoc.send_c_store(path).get("Status", -1)
            assoc.release()
        else:
            statuses[path] = -1
    return statuses


def _serve(port: int, folder: Path) -> None:
    _config.UNRESTRICTED_STORAGE_SERVICE = True

    def store(event: evt.Event) -> int:
        name = f"{event.request.AffectedSOPInstanceUID}.dcm"
        (folder / name).write_bytes(event.encoded_dataset())
        return 0x0000

    AE("PACS").start_server(("127.0.0.1", port), evt_handlers=[(evt.EVT_C_STORE, store)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
