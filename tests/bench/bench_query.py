"""Queries through the node, side by side with the same query sent to the archive directly.

    .venv/bin/python tests/bench/bench_query.py [--write docs/performance.md] [--studies 1000]

One caller on a bare socket opens an association, asks for all studies and releases it: in turns to
the archive and to the node in front of it. The archives are Orthanc, and a sender that has its
responses ready and sends them as fast as the connection takes them, which no archive does. Then
the sender sends many more, and the node's memory is watched.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from tests.archives import Orthanc
from tests.bench.bench_dictionary import processor
from tests.bench.document import table, write_region
from tests.bench.processes import memory, processor_seconds
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import free_port
from tests.unit.dimse.relay.queries import MR_HEADER, encoded, keys
from tests.upstream import PENDING, Asked, Reply, Upstream
from tests.workstation import Workstation

MOST_RATIO = 1.3
MOST_LATER = 0.020
MANY = 100_000
TICKS = 10


def image(number: int) -> Dataset:
    """Return an object of a study of its own, as small as an archive takes it."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
    uid = f"2.25.1000{number}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"{uid}.1.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid, f"{uid}.1"
    ds.PatientID, ds.PatientName = f"P{number}", f"Family{number}^Given"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260101", "120000", f"A{number}"
    ds.StudyID, ds.StudyDescription, ds.Modality = str(number), "Head", "MR"
    ds.ReferringPhysicianName, ds.PatientBirthDate, ds.PatientSex = "A^B", "19700101", "O"
    return ds


def query() -> Dataset:
    """Return what a workstation asks to fill its list of studies."""
    names = (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID",
        "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription", "ReferringPhysicianName",
    )  # fmt: skip
    return keys(**dict.fromkeys(names, ""))


def response(number: int, *, private: bool) -> bytes:
    """Return what an archive answers for a study, perhaps with a private element it has as UN."""
    ds = query()
    kept = image(number)
    for element in ds:
        if element.tag in kept:
            element.value = kept[element.tag].value
    if private:
        ds.add_new(0x00190010, "LO", MR_HEADER)
        ds.add_new(0x0019100C, "UN", b"1000")
    return encoded(ds)


def send_ready(port: int, count: int, *, private: bool) -> None:
    """Be the sender; the target of a process."""
    ready = [Reply(PENDING, response(number, private=private)) for number in range(500)]

    def script(asked: Asked) -> Iterator[Reply]:
        for number in range(count):
            yield ready[number % len(ready)]
        yield Reply(0x0000)

    with Upstream(script, port):
        time.sleep(3600)


@contextmanager
def sender(count: int, *, private: bool = False) -> Iterator[tuple[int, str]]:
    port = free_port()
    process = multiprocessing.Process(
        target=send_ready, args=(port, count), kwargs={"private": private}, daemon=True
    )
    process.start()
    time.sleep(2.0)
    try:
        yield port, "UPSTREAM"
    finally:
        process.kill()
        process.join()


@contextmanager
def orthanc(folder: Path, count: int) -> Iterator[tuple[int, str]]:
    hosts = dict.fromkeys(("ATLAS", "WORKSTATION"), ("127.0.0.1", 1))
    settings = {"LimitFindResults": 0, "OverwriteInstances": False}
    with Orthanc(folder / "orthanc", "ARCHIVE", hosts, settings=settings) as archive:
        archive.fill(image(number) for number in range(count))
        yield archive.port, "ARCHIVE"


@dataclass(frozen=True)
class Taken:
    """Seconds of one query, from the first byte that the caller sends.

    Attributes
    ----------
    associated, first, last, released : float
    count : int
        Responses.
    """

    associated: float
    first: float
    last: float
    released: float
    count: int


def ask(port: int, called: str) -> Taken:
    """Ask once."""
    identifier = encoded(query())
    begun = time.perf_counter()
    workstation = Workstation(port, called=called)
    workstation.associate()
    associated = time.perf_counter()
    workstation.ask(identifier)
    first, count = 0.0, 0
    for answer in workstation.responses():
        first = first or answer.at
        count += 1
        last = answer.at
    workstation.release()
    released = time.perf_counter()
    assert answer.status == 0x0000, answer.comment
    return Taken(associated - begun, first - begun, last - begun, released - begun, count - 1)


def compare(archive: tuple[int, str], folder: Path, rounds: int) -> tuple[list[str], bool]:
    """Ask both in turns; return a row of the table, and whether the goals are reached."""
    folder.mkdir()
    port, title = archive
    entry = {"name": "archive", "ae_title": title, "host": "127.0.0.1", "port": port}
    with NodeProcess(folder, {}, node={"workers": 1}, upstreams=[entry]) as node:
        for called, where in ((title, port), ("ATLAS", node.port)):
            ask(where, called)
        direct, through = [], []
        [receiver] = node.workers("receiver-")
        before = processor_seconds(receiver)
        for _ in range(rounds):
            direct.append(ask(port, title))
            through.append(ask(node.port, "ATLAS"))
        cost = (processor_seconds(receiver) - before) / sum(it.count for it in through)
    assert {it.count for it in direct} == {it.count for it in through}

    def median(found: list[Taken], what: str) -> float:
        return statistics.median(getattr(it, what) for it in found)

    ratio = statistics.median(
        theirs.released / ours.released for ours, theirs in zip(direct, through, strict=True)
    )
    later = median(through, "first") - median(direct, "first")
    row = [
        f"{direct[0].count:,}",
        *(f"{median(direct, what) * 1e3:.1f}" for what in ("first", "released")),
        *(f"{median(through, what) * 1e3:.1f}" for what in ("first", "released")),
        f"{ratio:.2f}",
        f"{later * 1e3:+.1f}",
        f"{cost * 1e6:.0f}",
    ]
    return row, ratio <= MOST_RATIO and later <= MOST_LATER


def grown(folder: Path, count: int) -> tuple[int, int]:
    """Return the bytes of a receiver before a query of `count` responses, and most during it."""
    folder.mkdir()
    with sender(count) as (port, title):
        entry = {"name": "archive", "ae_title": title, "host": "127.0.0.1", "port": port}
        with NodeProcess(folder, {}, node={"workers": 1}, upstreams=[entry]) as node:
            [receiver] = node.workers("receiver-")
            workstation = Workstation(node.port)
            with workstation:
                workstation.ask(encoded(query()))
                for _ in range(count // TICKS):
                    workstation.next_response()
                before = most = memory(receiver)
                for number, _ in enumerate(workstation.responses()):
                    if number % (count // TICKS) == 0:
                        most = max(most, memory(receiver))
    return before, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", type=Path, help="document whose region is written")
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with orthanc(folder, chosen.studies) as archive:
            row, reached = compare(archive, folder / "one", chosen.rounds)
            rows.append(["Orthanc", *row])
        with sender(chosen.studies) as archive:
            rows.append(["sender", *compare(archive, folder / "two", chosen.rounds)[0]])
        with sender(chosen.studies, private=True) as archive:
            row = compare(archive, folder / "three", chosen.rounds)[0]
            rows.append(["sender, private elements", *row])
        before, most = grown(folder / "four", MANY)
    head = [
        "archive", "responses", "first, direct", "all, direct", "first, node", "all, node",
        "ratio", "first later", "µs of processor a response",
    ]  # fmt: skip
    verdict = "reached" if reached else "missed"
    said = (
        f"Milliseconds from the association request on, medians of {chosen.rounds} rounds in "
        f"turns, {processor()}:\n\n{table(head, rows)}\n\n"
        f"Goal with an archive (at most {MOST_RATIO} times, first response within "
        f"{MOST_LATER * 1e3:.0f} ms): {verdict}. Memory of the receiver in a query of {MANY:,} "
        f"responses: {before / 1e6:.1f} MB after a tenth of them, {most / 1e6:.1f} MB at most."
    )
    print(said)
    if chosen.write:
        write_region(chosen.write, "query", said)


if __name__ == "__main__":
    main()
