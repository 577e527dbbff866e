"""The plainest node that pynetdicom and pydicom make: what one writes first.

    python plain_pynetdicom.py PORT FOLDER [HOST:PORT of the destination]

Without a destination it writes the bytes of every object into FOLDER. With one it decodes every
object, so that UN elements get the VR of pydicom's dictionary, and sends it on over one
association.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pydicom.config
from pynetdicom import AE, _config, evt

PDU = 131072


def write(event: evt.Event, folder: Path) -> int:
    (folder / event.request.AffectedSOPInstanceUID).write_bytes(event.encoded_dataset())
    return 0x0000


class Router:
    """Sends on what it gets, before it answers."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._lock = threading.Lock()
        self._assoc = None

    def store(self, event: evt.Event) -> int:
        ds = event.dataset
        ds.file_meta = event.file_meta
        for _ in ds.iterall():
            pass
        with self._lock:
            if self._assoc is None or not self._assoc.is_established:
                ae = AE("PLAIN")
                ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
                self._assoc = ae.associate(self._host, self._port, max_pdu=PDU)
            return self._assoc.send_c_store(ds).Status


def main() -> None:
    port, folder, *destination = sys.argv[1:]
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    pydicom.config.replace_un_with_known_vr = True
    ae = AE("PLAIN")
    ae.maximum_pdu_size = PDU
    if destination:
        host, _, number = destination[0].partition(":")
        handler = (evt.EVT_C_STORE, Router(host, int(number)).store)
    else:
        handler = (evt.EVT_C_STORE, write, [Path(folder)])
    ae.start_server(("127.0.0.1", int(port)), evt_handlers=[handler])


if __name__ == "__main__":
    main()
