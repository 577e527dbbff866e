"""The objects that the benches send, and what it takes a program to get and to pass on them.

`storescu` of DCMTK sends: one process for each association, a new SOP Instance UID for each object.
Rates count from the start of the first process to the end of the last (or to the last object at
the destination), so they hold the start of storescu and the set-up of the association as well.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom

from tests.bench.bench_annotate import PER_FRAME_GROUPS, computed_tomography, unknown
from tests.bench.processes import memory, processor_seconds
from tests.bench.programs import PDU, Running, Sink
from tests.peers import SCANS, environment, program
from tests.scanner import Scanner

PATIENCE = 300.0
RECEIVER = "receiver"
LARGE = 104_857_600
_SAMPLE = 0.02


@dataclass(frozen=True)
class Load:
    """One object that is sent again and again under other UIDs.

    Attributes
    ----------
    name : str
        As the tables show it.
    path : Path
    count : int
        How many of them one measurement sends.
    """

    name: str
    path: Path
    count: int


def loads(folder: Path, names: list[str], scale: float) -> list[Load]:
    """Write the objects of these names into a folder."""
    made = {"CT": (_ct, 600), "MR": (_mr, 1500), "enhanced": (_enhanced, 6)}
    found = []
    for name in names:
        make, count = made[name]
        path = folder / f"{name}.dcm"
        path.write_bytes(make())
        size = path.stat().st_size
        shown = f"{size / 1e6:.2g} MB" if size < 1e8 else f"{size / 1e6:.0f} MB"
        found.append(Load(f"{name}, {shown}", path, max(2, round(count * scale))))
    return found


def _ct() -> bytes:
    return computed_tomography()


def _mr() -> bytes:
    """Return a real slice of a functional series, 64 x 64, with 230 private elements made `UN`."""
    path = next(SCANS.rglob("axial_epi_fmri_sequential_i_to_s-00001.dcm"), None)
    data = unknown(path) if path else None
    if data is None:
        sys.exit(f"the MR slice of {SCANS} is not there; see the README for the scans")
    return data


def _enhanced() -> bytes:
    """Return the header of a real multi-frame object with 100 MB of made-up pixel data."""
    for path in sorted(p for p in SCANS.rglob("*") if p.is_file()):
        if PER_FRAME_GROUPS in path.read_bytes() and (data := unknown(path)) is not None:
            ds = pydicom.dcmread(io.BytesIO(data))
            if int(ds.NumberOfFrames) == 64:
                frame = LARGE // 64
                ds.Rows, ds.Columns = 1024, frame // 2 // 1024
                ds.PixelData = bytes(range(256)) * (64 * frame // 256)
                made = io.BytesIO()
                ds.save_as(made)
                return made.getvalue()
    sys.exit(f"the enhanced object of {SCANS} is not there; see the README for the scans")


def send(port: int, load: Load, count: int, associations: int = 1) -> None:
    """Send `count` objects over so many associations at once; end when all are answered."""
    command = [program("storescu"), "-q", "-R", "+II", "--max-send-pdu", str(PDU)]
    shares = [len(range(n, count, associations)) for n in range(associations)]
    running = [
        subprocess.Popen(
            [*command, "--repeat", str(share), "127.0.0.1", str(port), load.path],
            env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for share in shares
        if share
    ]  # fmt: skip
    for process in running:
        _, said = process.communicate(timeout=PATIENCE)
        if process.returncode:
            sys.exit(f"storescu: exit {process.returncode}: {said.decode('utf-8', 'replace')}")


@dataclass(frozen=True)
class Measured:
    """What one measurement found.

    Attributes
    ----------
    accepted : float
        Objects a second until the last was answered.
    finished : float
        Objects a second until the program was idle and the destination had all.
    processor : float
        Seconds of processor time of the program, an object.
    receiving : float
        What of it the processes have used that are named receivers; 0 where none is.
    """

    accepted: float
    finished: float
    processor: float
    receiving: float


def measure(
    node: Running, load: Load, associations: int, count: int, sink: Sink | None
) -> Measured:
    """Send and wait until everything is where it belongs."""
    if sink:
        sink.empty()
    used, received = (processor_seconds(node.pid, name) for name in ("", RECEIVER))
    begin = time.perf_counter()
    send(node.port, load, count, associations)
    answered = time.perf_counter()
    while (sink and sink.count() < count) or not node.idle():
        if time.perf_counter() - begin > PATIENCE:
            sys.exit(f"{node.name}: {sink.count() if sink else 0} of {count} arrived")
        time.sleep(0.005)
    end = time.perf_counter()
    if sink and sink.count() != count:
        sys.exit(f"{node.name}: {sink.count()} objects arrived, {count} were sent")
    return Measured(
        accepted=count / (answered - begin),
        finished=count / (end - begin),
        processor=(processor_seconds(node.pid) - used) / count,
        receiving=(processor_seconds(node.pid, RECEIVER) - received) / count,
    )


@contextmanager
def peak_memory(node: Running) -> Iterator[list[int]]:
    """Give a list that holds, at the end, the most memory that the program had."""
    found, ended = [0], threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE):
            found[0] = max(found[0], memory(node.pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def latencies(port: int, load: Load, count: int) -> list[float]:
    """Return the seconds from the first byte of each C-STORE request to its response."""
    ds = pydicom.dcmread(load.path, stop_before_pixels=True)
    uid = str(ds.SOPInstanceUID).encode()
    content = load.path.read_bytes()
    data = content[132 + 12 + ds.file_meta.FileMetaInformationGroupLength :]
    taken = []
    with Scanner(port, [(ds.SOPClassUID, [ds.file_meta.TransferSyntaxUID])]) as scanner:
        for number in range(count):
            new = f"2.25.{time.time_ns() * 1000 + number}".ljust(len(uid), "1")[: len(uid)]
            parts = list(scanner.message(ds.SOPClassUID, new, data.replace(uid, new.encode())))
            begin = time.perf_counter()
            for part in parts:
                scanner.sock.sendall(part)
            status = scanner.response().status
            taken.append(time.perf_counter() - begin)
            if status:
                sys.exit(f"port {port} answered 0x{status:04x}")
        scanner.release()
    return taken


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def median(values: list[float]) -> float:
    return statistics.median(values)
