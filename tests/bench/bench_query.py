"""Queries through the node, side by side with the same query sent to the archive directly.

    .venv/bin/python tests/bench/bench_query.py [--write docs/query.md] [--studies 1000]

One caller on a bare socket opens an association, asks for all studies and releases it: in turns to
the archive and to the node in front of it. The archives are Orthanc, and a sender that has its
responses ready and sends them as fast as the connection takes them, which no archive does. Then
the sender sends many more, and the node's memory is watched. Queries by an indexed private key go
to an index of a million instances, before a sender that has the studies it is asked for; the index
alone is asked for attributes that each of them has another value of. Last, getscu retrieves a
study from Orthanc and from the node in turns, and throws it away.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from sqlalchemy import insert, select

from atlas_node.query import AttributeIndex, Indexed, IndexedKey, Level, parse_key
from atlas_node.query.moments import moment
from atlas_node.query.numeric import number as as_number
from atlas_node.query.packs import pack
from atlas_node.query.tables import index_entities, index_entries, index_values
from tests.archives import Orthanc
from tests.bench.bench_dictionary import processor
from tests.bench.document import table, write_region
from tests.bench.processes import memory, processor_seconds
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import ct_object
from tests.peers import environment, program
from tests.ports import free_port
from tests.unit.dimse.relay.queries import MR_HEADER, decoded, encoded, keys
from tests.upstream import PENDING, Asked, Reply, Upstream
from tests.workstation import Workstation

MOST_RATIO = 1.3
MOST_LATER = 0.020
MANY = 100_000
TICKS = 10
MOST_INDEXED = 0.100
MOST_FOUND = 100
"""Responses up to which the goal for the index counts; beyond, most is the archive's time."""
B_VALUES = (0, 50, 1000, 2000)
KEY = IndexedKey(MR_HEADER, "(0019,xx0c)", Level.IMAGE)


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


def ask(port: int, called: str, identifier: bytes = b"") -> Taken:
    """Ask once; for all studies, unless an identifier is given."""
    identifier = identifier or encoded(query())
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
        places = [(direct, port, title), (through, node.port, "ATLAS")]
        [receiver] = node.workers("receiver-")
        before = processor_seconds(receiver)
        for _ in range(rounds):
            for taken, where, called in places:
                taken.append(ask(where, called))
            # What one of them has still to do after a query is not always at the other's cost.
            places.reverse()
        cost = (processor_seconds(receiver) - before) / sum(it.count for it in through)
    assert {it.count for it in direct} == {it.count for it in through}

    def median(found: list[Taken], what: str) -> float:
        return statistics.median(getattr(it, what) for it in found)

    # Of the two of each round, which had the same of the machine.
    pairs = list(zip(direct, through, strict=True))
    ratio = statistics.median(theirs.released / ours.released for ours, theirs in pairs)
    associated, later = (
        statistics.median(getattr(theirs, what) - getattr(ours, what) for ours, theirs in pairs)
        for what in ("associated", "first")
    )
    row = [
        f"{direct[0].count:,}",
        *(f"{median(direct, what) * 1e3:.1f}" for what in ("first", "released")),
        *(f"{median(through, what) * 1e3:.1f}" for what in ("first", "released")),
        f"{ratio:.2f}",
        f"{associated * 1e3:+.1f}",
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


def fill(url: str, instances: int) -> None:
    """Fill an index: studies of 100 images, with b-values that are rare, or are everywhere."""
    index = AttributeIndex(url)
    # So that the values are known; its study is none of those that are asked for.
    index.record([Indexed(("2.25.1", "2.25.1.1", "2.25.1.1.1"), {KEY: ("IS", [*B_VALUES])})])
    with index._database.writing() as connection:
        ids = dict(connection.execute(select(index_values.c.text, index_values.c.id)).all())
        for begin in range(0, instances, 50_000):
            numbers = range(begin, min(instances, begin + 50_000))
            names = ("study_uid", "series_uid", "instance_uid")
            rows = [
                {"id": 10 + number, **dict(zip(names, uids_of(number), strict=True))}
                for number in numbers
            ]
            connection.execute(insert(index_entities), rows)
            connection.execute(
                insert(index_entries),
                [
                    {
                        "value_id": ids[str(b_value(number, instances))],
                        "entity_id": 10 + number,
                        "position": 0,
                    }
                    for number in numbers
                ],
            )
    index.close()


def uids_of(number: int) -> tuple[str, str, str]:
    study = f"2.25.1000{number // 100}"
    return study, f"{study}.{number // 10 % 10}", f"{study}.{number // 10 % 10}.{number % 10}"


def b_value(number: int, instances: int) -> int:
    """Return the b-value of an instance: 2000 in one study, 1000 in a hundred, or 0 and 50."""
    study = number // 100
    if study == 7:
        return 2000
    return 1000 if study % (instances // 10_000) == 0 and number % 100 > 50 else 50 * (number & 1)


def answer_asked(port: int, studies: int) -> None:
    """Be an archive that has the studies of the index; the target of a process."""

    def script(asked: Asked) -> Iterator[Reply]:
        uids = decoded(asked.identifier).StudyInstanceUID
        wanted = [uids] if isinstance(uids, str) and uids else uids
        numbers = [int(it[9:]) for it in wanted if it[9:]] if wanted else range(studies)
        for number in numbers:
            yield Reply(PENDING, response(number, private=False))
        yield Reply(0x0000)

    with Upstream(script, port):
        time.sleep(3600)


def indexed(folder: Path, instances: int, rounds: int) -> tuple[list[list[str]], bool]:
    """Ask by an indexed private key; return rows of a table, and whether the goal is reached."""
    folder.mkdir()
    port = free_port()
    archive = multiprocessing.Process(
        target=answer_asked, args=(port, min(1000, instances // 100)), daemon=True
    )
    archive.start()
    entry = {"name": "archive", "ae_title": "UPSTREAM", "host": "127.0.0.1", "port": port}
    key = {"creator": KEY.creator, "group": "0019", "element": "xx0c", "level": "image"}
    fill(f"sqlite:///{folder}/log.db", instances)
    rows, reached = [], True
    node = NodeProcess(folder, {}, node={"workers": 1}, upstreams=[entry], query={"index": [key]})
    with node:
        for asked_for in ("2000", "1000", "900-1100", "7", "50"):
            # pydicom refuses a range in an IS.
            value = asked_for.encode() + b" " * (len(asked_for) & 1)
            key_only = Dataset()
            key_only.add_new(0x00190010, "LO", MR_HEADER)
            head = struct.pack("<HH2sH", 0x0019, 0x100C, b"IS", len(value))
            data = encoded(query())
            place = data.index(b"\x20\0\x0d\0UI")
            data = data[:place] + encoded(key_only) + head + value + data[place:]
            ask(node.port, "ATLAS", data)
            taken = [ask(node.port, "ATLAS", data) for _ in range(rounds)]
            last = statistics.median(it.last - it.associated for it in taken)
            count = taken[0].count
            rows.append([asked_for, f"{count:,}", f"{last * 1e3:.1f}"])
            if count <= MOST_FOUND:
                reached = reached and last <= MOST_INDEXED
    archive.kill()
    archive.join()
    return rows, reached


def different(url: str, instances: int, rounds: int) -> tuple[list[list[str]], bool]:
    """Ask an index in which each instance has a value of its own, of attributes of several VRs."""
    index = AttributeIndex(url)
    keys = {
        vr: IndexedKey(MR_HEADER, f"(0019,xx{number:02x})", Level.IMAGE)
        for number, vr in enumerate(("DS", "LO", "PN", "DA", "TM"))
    }
    # So that the keys are known; the study is none of those that are asked for.
    first = {key: (vr, [different_value(vr, instances)]) for vr, key in keys.items()}
    index.record([Indexed(("2.25.1", "2.25.1.1", "2.25.1.1.1"), first)])
    with index._database.writing() as connection:
        ids = dict(connection.execute(select(index_values.c.vr, index_values.c.key_id)).all())
        values = [(vr, 10 + place * instances) for place, vr in enumerate(keys)]
        for begin in range(0, instances, 50_000):
            numbers = range(begin, min(instances, begin + 50_000))
            connection.exec_driver_sql(
                "INSERT INTO index_entities VALUES (?, ?, ?, ?)",
                [(10 + number, *uids_of(number)) for number in numbers],
            )
            for vr, offset in values:
                texts = {offset + number: different_value(vr, number) for number in numbers}
                connection.exec_driver_sql(
                    "INSERT INTO index_values (id, key_id, vr, text, number, moment) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (at, ids[vr], vr, it, as_number(it), moment(vr, it))
                        for at, it in texts.items()
                    ],
                )
                connection.exec_driver_sql(
                    "INSERT INTO index_entries (value_id, entity_id, position) VALUES (?, ?, ?)",
                    [(at, at - offset + 10, 0) for at in texts],
                )
                pack(connection, ((ids[vr], at, it) for at, it in texts.items()))
    rows, reached = [], True
    for vr, asked in (
        ("DS", "777.5"), ("DS", "1000-9000"), ("DS", "-2"), ("LO", "0000777*"), ("LO", "*77777*"),
        ("LO", "*777 b"), ("LO", "*7?77*"), ("LO", "*77*"), ("PN", "family777^given"),
        ("PN", "*77777^*"), ("DA", "20000101"), ("DA", "20000101-20100601"), ("DA", "-00020501"),
        ("TM", "1030"), ("TM", "101500.001-101500.002"),
    ):  # fmt: skip
        condition, taken = parse_key(vr, [asked]), []
        for _ in range(rounds):
            begun = time.perf_counter()
            found = index.entities(keys[vr], condition, Level.STUDY, MOST_FOUND)
            taken.append(time.perf_counter() - begun)
        median = statistics.median(taken)
        count = "more" if found is None else str(len(found))
        rows.append([vr, f"`{asked}`", count, f"{median * 1e3:.1f}"])
        reached = reached and median <= MOST_INDEXED
    index.close()
    return rows, reached


def different_value(vr: str, number: int) -> str:
    """Return a value that no other number has."""
    match vr:
        case "DS":
            return f"{number}.5"
        case "LO":
            return f"{number:07d} b"
        case "PN":
            return f"Family{number}^Given"
        case "DA":
            return (date(1, 1, 1) + timedelta(days=number)).isoformat().replace("-", "")
    seconds, fraction = divmod(number, 1000)
    return f"10{15 + seconds // 60 % 45:02d}{seconds % 60:02d}.{fraction:03d}"


def retrieved(folder: Path, size: int, count: int, rounds: int) -> list[str]:
    """Retrieve a study from Orthanc and from the node in turns; return a row of a table."""
    folder.mkdir()
    study = "2.25.4711"
    objects = [ct_object(number, size, study) for number in range(count)]
    for ds in objects:
        ds.StudyDate, ds.StudyTime, ds.StudyID = "20260101", "120000", "1"
        ds.AccessionNumber, ds.SeriesNumber, ds.PatientName = "A1", 1, "A^B"

    def get(port: int, called: str) -> float:
        command = [
            program("getscu"), "-S", "--ignore", "-aet", "WORKSTATION", "-aec", called,
            "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}",
            "127.0.0.1", str(port),
        ]  # fmt: skip
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment())
        return time.perf_counter() - begun

    hosts = dict.fromkeys(("ATLAS", "WORKSTATION"), ("127.0.0.1", 1))
    with Orthanc(folder / "orthanc", "ARCHIVE", hosts) as archive:
        archive.fill(objects)
        (folder / "node").mkdir()
        upstreams = [archive.upstream()]
        with NodeProcess(folder / "node", {}, node={"workers": 1}, upstreams=upstreams) as node:
            get(node.port, "ATLAS")
            pairs = [(get(archive.port, "ARCHIVE"), get(node.port, "ATLAS")) for _ in range(rounds)]
    direct, through = (statistics.median(it) for it in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    return [
        f"{count} of {len(objects[0].PixelData) / 1e3:,.0f} kB",
        f"{direct * 1e3:.0f}", f"{through * 1e3:.0f}", f"{ratio:.2f}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", type=Path, help="document whose region is written")
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--instances", type=int, default=1_000_000)
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
        found, index_reached = indexed(folder / "five", chosen.instances, chosen.rounds)
        different_rows, different_reached = different(
            f"sqlite:///{folder}/six.db", chosen.instances, chosen.rounds
        )
        got = [
            retrieved(folder / f"get{size}", size, count, max(3, chosen.rounds // 3))
            for size, count in ((20_000, 200), (500_000, 100))
        ]
    head = [
        "archive", "responses", "first, direct", "all, direct", "first, node", "all, node",
        "ratio", "association later", "first later", "µs of processor a response",
    ]  # fmt: skip
    verdict = "reached" if reached else "missed"
    said = (
        f"Milliseconds from the association request on, medians of {chosen.rounds} rounds in "
        f"turns, {processor()}:\n\n{table(head, rows)}\n\n"
        f"Goal with an archive (at most {MOST_RATIO} times, first response within "
        f"{MOST_LATER * 1e3:.0f} ms): {verdict}. Memory of the receiver in a query of {MANY:,} "
        f"responses: {before / 1e6:.1f} MB after a tenth of them, {most / 1e6:.1f} MB at most.\n\n"
        f"By an indexed private key, {chosen.instances:,} instances in the index, studies of 100 "
        "images; milliseconds from the request to the final response:\n\n"
        f"{table(['b-value', 'studies found', 'ms'], found)}\n\n"
        f"Goal with at most {MOST_FOUND} studies ({MOST_INDEXED * 1e3:.0f} ms): "
        f"{'reached' if index_reached else 'missed'}.\n\n"
        f"The same for attributes with {chosen.instances:,} different values, in the index alone:"
        f"\n\n{table(['VR', 'key', 'studies found', 'ms'], different_rows)}\n\n"
        f"Goal ({MOST_INDEXED * 1e3:.0f} ms): {'reached' if different_reached else 'missed'}.\n\n"
        "A study retrieved by getscu from Orthanc, milliseconds:\n\n"
        f"{table(['objects', 'direct', 'node', 'ratio'], got)}"
    )
    print(said)
    if chosen.write:
        write_region(chosen.write, "query", said)


if __name__ == "__main__":
    main()
