"""The annotation log: what recording costs, what an element takes on the disk, how soon it answers.

    .venv/bin/python tests/bench/bench_log.py [--elements 1000000] [--url URL] [--write FILE]

Every scan becomes many series of as many objects as its kind has: other UIDs and patients, and the
values that vary from slice to slice in real series of the same maker vary here, too. The plain way
beside it has one row an element with all its columns, written by sqlite3 alone. Seconds are those
of the processor, in which nothing waits: the file of the log is in the page cache. Of the rounds of
the CT the least counts, for whatever else the machine does only adds to them.
"""

from __future__ import annotations

import argparse
import gc
import io
import random
import re
import sqlite3
import statistics
import struct
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pydicom

sys.path.insert(0, str(Path(__file__).parents[2]))

from atlas_node.annotate import Annotation, Fact, record_of, value_of
from atlas_node.config import SpoolSettings
from atlas_node.encoding.part10 import split_file
from atlas_node.encoding.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from atlas_node.errors import MalformedStreamError
from atlas_node.log import Facts, LogFilter, LogStore, Selection
from atlas_node.log.coding import value_json
from atlas_node.model import (
    AnnotatedObject,
    DeliveryRecord,
    DeliveryStatus,
    ElementStatus,
    Envelope,
    Policy,
)
from atlas_node.route.record import Recorder
from atlas_node.spool import Recipient
from tests.bench.bench_annotate import ANNOTATOR, computed_tomography
from tests.bench.bench_dictionary import processor
from tests.bench.document import table, write_region
from tests.peers import SCANS
from tests.spools import FedSpool

BATCH = 190
PLAIN_ELEMENTS = 200_000
CT_OBJECTS = 1900
QUESTIONS = 30
SHOWN = 12
PLOTTED_RUNS = 100
PAGES = {
    "Live, the newest objects": ("objects, none", "totals of a day"),
    "Live, by creator": ("objects, creator", "totals of a day"),
    "Live, by manufacturer and key": ("objects, manufacturer and key", "totals of a day"),
    "Object": ("one object",),
    "Explore, all": ("facets, none",),
    "Explore, of a manufacturer": ("facets, manufacturer",),
    "Explore, of a creator and a VR": ("facets, creator and VR",),
    "Explore, of the last hour": ("facets, since",),
    "Explore, an element over a series": ("values over a series", "series with an element"),
    "Explore, an element over time": ("values over time", "series with an element"),
    "Explore, two series compared": ("two series", "two series compared"),
    "Coverage": ("coverage", "undecoded"),
    "Coverage, the form of an entry": ("samples",),
}
"""What each page of the viewer asks; their times are added up, question by question."""
EPOCH = 1_750_000_000.0
PLACES = re.compile(r"position|location|time|instance|slice|index|trigger|phase number", re.I)
NUMBERS = {"FL": "<f", "FD": "<d", "SL": "<i", "SS": "<h", "UL": "<I", "US": "<H"}
SERIES = {"CT": 200, "MR": 150, "PT": 200, "US": 4, "CR": 2, "NM": 2, "SR": 1}
Key = tuple[str, int, int]
Batch = tuple[list[AnnotatedObject], list[tuple[str, DeliveryRecord]]]


@dataclass(frozen=True)
class Scan:
    """One real object: what annotation found, and which of its facts vary over a series."""

    path: Path
    annotation: Annotation
    facts: list[Fact]
    varying: frozenset[int]
    objects: int


def scans() -> list[Scan]:
    """Return every scan with private elements that can be annotated."""
    found = []
    for path in sorted(it for it in SCANS.rglob("*") if it.is_file()):
        view = memoryview(path.read_bytes())
        try:
            file = split_file(view)
        except MalformedStreamError:
            continue
        annotation = ANNOTATOR.annotate(
            view[file.offset :], file.transfer_syntax_uid, Policy.DECODE
        )
        if facts := annotation.facts():
            found.append((path, annotation, facts))
    vary = _observed([(annotation, facts) for _, annotation, facts in found])
    return [_scan(*it, vary) for it in found]


def _scan(path: Path, annotation: Annotation, facts: list[Fact], vary: set[Key]) -> Scan:
    varying = {place for place, fact in enumerate(facts) if _key(fact) in vary}
    if not varying:
        # No two scans show how a series of this kind varies: by name, then.
        varying = {
            place
            for place, fact in enumerate(facts)
            if fact[4] and PLACES.search(fact[4].entry.name)
        }
    frames = any("[1]." in fact[0] for fact in facts)
    objects = 1 if frames else SERIES.get(annotation.identity.modality, 10)
    return Scan(path, annotation, facts, frozenset(varying), objects)


def _key(fact: Fact) -> Key:
    return fact[3], fact[1], fact[2] & 0xFF


def _observed(found: list[tuple[Annotation, list[Fact]]]) -> set[Key]:
    """Return the elements whose values differ between two objects of one real series."""
    by_series: dict[str, dict[str, dict[Fact, Fact]]] = defaultdict(dict)
    for annotation, facts in found:
        identity = annotation.identity
        # The same object is there in several transfer syntaxes: one of them is enough.
        by_series[identity.series_instance_uid][identity.sop_instance_uid] = {
            fact[:3]: fact for fact in facts
        }
    return {
        _key(fact)
        for same in by_series.values()
        for one in same.values()
        for other in same.values()
        for place, fact in one.items()
        if place in other and other[place][-1] != fact[-1]
    }


def other_value(fact: Fact, number: int) -> bytes:
    """Return a value of the same form and length, another one for each number."""
    vr, value = fact[6], fact[-1]
    if vr in NUMBERS and len(value) >= (size := struct.calcsize(NUMBERS[vr])):
        first = struct.unpack_from(NUMBERS[vr], value)[0]
        if vr in ("FL", "FD"):
            return struct.pack(NUMBERS[vr], first / 3 + 1.37 * number) + value[size:]
        bits = 8 * size
        low = 1 << (bits - 1) if vr in ("SL", "SS") else 0
        moved = (int(first) + low + number) % (1 << bits) - low
        return struct.pack(NUMBERS[vr], moved) + value[size:]
    digits = iter(f"{number * 7919 % 1000003:06d}"[::-1])
    changed = bytearray(value)
    for place in range(len(changed) - 1, -1, -1):
        if 0x30 <= changed[place] <= 0x39:
            changed[place] = ord(next(digits, "0"))
    return (
        bytes(changed)
        if bytes(changed) != value or vr != "OB"
        else bytes(
            byte ^ (number & 0xFF) if place % 7 == 0 else byte for place, byte in enumerate(value)
        )
    )


def series(scan: Scan, copy: int, serial: int) -> Iterator[AnnotatedObject]:
    """Yield the objects of one series made of a scan; `serial` counts all objects."""
    root = f"1.2.826.0.1.3680043.9.{copy * 7919 + 10_000_000}.{len(scan.facts)}"
    # A series of another patient has other values in a tenth of the elements that do not vary.
    chance = random.Random(copy)
    base = [
        (*fact[:-1], other_value(fact, copy)) if chance.random() < 0.1 else fact
        for fact in scan.facts
    ]
    identity = replace(
        scan.annotation.identity,
        study_instance_uid=f"{root}.{copy // 4}",
        series_instance_uid=f"{root}.{copy // 4}.{copy}",
        patient_id=f"PAT-{copy // 8:06d}",
    )
    for slice_number in range(scan.objects):
        number = serial + slice_number
        facts = [
            (*fact[:-1], other_value(fact, number)) if place in scan.varying else fact
            for place, fact in enumerate(base)
        ]
        uid = f"{identity.series_instance_uid}.{20260301000000 + number}"
        yield AnnotatedObject(
            object_id=f"20260301T000000-0-{number:010d}",
            envelope=Envelope(
                EPOCH + number * 0.2, f"SCANNER{copy % 7}", "ATLAS", f"192.0.2.{copy % 7}",
                identity.sop_class_uid, uid, "1.2.840.10008.1.2.1",
            ),
            identity=replace(identity, sop_instance_uid=uid),
            size=531_000,
            changed=True,
            error=None,
            counts=scan.annotation.counts,
            elements=Facts(partial(list, facts), record_of, value_of),
            fingerprint=number * 2654435761 % 2**32,
        )  # fmt: skip


def batches(elements: int) -> Iterator[Batch]:
    """Yield objects of all scans in turn with a delivery each, up to so many elements."""
    known = scans()
    chance = random.Random(1)
    serial = copy = 0
    objects: list[AnnotatedObject] = []
    while elements > 0:
        for thing in series(chance.choice(known), copy, serial):
            serial += 1
            elements -= len(thing.elements)
            objects.append(thing)
            if len(objects) == BATCH:
                yield objects, [delivered(it) for it in objects]
                objects = []
        copy += 1
    yield objects, [delivered(it) for it in objects]


def delivered(thing: AnnotatedObject) -> tuple[str, DeliveryRecord]:
    at = thing.envelope.received_at + 0.05
    return thing.object_id, DeliveryRecord("pacs", DeliveryStatus.SENT, 1, at, "0x0000 Success")


class Plain:
    """One row an element, with all that is known of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path)
        self.connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE elements (object_id, received_at, calling_ae, patient_id, study_uid,"
            " sop_instance_uid, manufacturer, path, creator, key, vr_before, vr, vm, name, status,"
            " reason, value, truncated, sources, confidence);"
            "CREATE INDEX by_object ON elements (object_id);"
            "CREATE INDEX by_creator ON elements (creator, key)"
        )

    def record(self, objects: list[AnnotatedObject]) -> None:
        rows = [
            (
                thing.object_id, thing.envelope.received_at, thing.envelope.calling_ae,
                thing.identity.patient_id, thing.identity.study_instance_uid,
                thing.identity.sop_instance_uid, thing.identity.manufacturer, it.path, it.creator,
                it.key, it.vr_before, it.vr, it.vm, it.name, it.status.value, it.reason,
                value_json(it.value), it.truncated, " ".join(it.sources), it.confidence,
            )
            for thing in objects
            for it in thing.elements
        ]  # fmt: skip
        with self.connection:
            self.connection.executemany(f"INSERT INTO elements VALUES ({'?,' * 19}?)", rows)


@dataclass
class Cost:
    """Objects, elements and seconds of the processor, added up."""

    objects: int = 0
    elements: int = 0
    seconds: float = 0.0

    def add(self, objects: list[AnnotatedObject], record: Callable[[], None]) -> None:
        begin = time.process_time()
        record()
        self.seconds += time.process_time() - begin
        self.objects += len(objects)
        self.elements += sum(len(thing.elements) for thing in objects)

    @property
    def each(self) -> float:
        """Microseconds an object."""
        return self.seconds / self.objects * 1e6


def fill(store: LogStore, plain: Plain, elements: int) -> tuple[Cost, Cost]:
    """Record elements, the first of them the plain way as well."""
    ours, theirs = Cost(), Cost()
    for objects, deliveries in batches(elements):
        gc.collect()
        ours.add(objects, lambda o=objects, d=deliveries: store.record(o, d))
        if theirs.elements < PLAIN_ELEMENTS:
            theirs.add(objects, lambda o=objects: plain.record(o))
    return ours, theirs


def ct_series(count: int) -> Iterator[bytes]:
    """Yield the data sets of a series of CT objects with `UN` elements."""
    scan = next(it for it in scans() if "CT1_UNC.explicit_little" in it.path.name)
    ds = pydicom.dcmread(io.BytesIO(computed_tomography()))
    for number in range(count):
        ds.SOPInstanceUID = f"1.2.826.0.1.3680043.9.1.{10**9 + number}"
        for place in scan.varying:
            fact = scan.facts[place]
            tag = (fact[1], fact[2])
            if tag in ds:
                ds[tag] = pydicom.DataElement(tag, "UN", other_value(fact, number))
        written = io.BytesIO()
        pydicom.dcmwrite(written, ds)
        yield written.getvalue()[split_file(written.getbuffer()).offset :]


class Stamped(LogStore):
    """A log that notes when it has committed last, in seconds of the processor."""

    committed = 0.0

    def record(
        self,
        objects: Sequence[AnnotatedObject],
        deliveries: Sequence[tuple[str, DeliveryRecord]] = (),
    ) -> None:
        super().record(objects, deliveries)
        self.committed = time.process_time()


def recorder_cost(folder: Path) -> tuple[float, float, float, int]:
    """Return microseconds an object until its rows are committed, until it has left the spool, and
    of the plain way; and how many elements it has.

    It is the recorder of a forwarder, which gets the annotations of the couriers.
    """
    logged, seconds, plainly, count = [], [], [], 0
    spool = FedSpool(SpoolSettings(path=folder / "spool"))
    plain = Plain(folder / "ct-plain.db")
    objects = list(ct_series(CT_OBJECTS))
    with Stamped.open(f"sqlite:///{folder}/ct.db") as store:
        for start in range(0, CT_OBJECTS, BATCH):
            made = [_delivered(spool, data) for data in objects[start : start + BATCH]]
            count = len(made[0].elements)
            gc.collect()
            recorder = Recorder(spool, store, lambda: ANNOTATOR, Policy.DECODE)
            begin = time.process_time()
            recorder.start()
            recorder.stop(60)
            seconds.append((time.process_time() - begin) / BATCH)
            logged.append((store.committed - begin) / BATCH)
            assert not len(spool)
            begin = time.process_time()
            plain.record(made)
            plainly.append((time.process_time() - begin) / BATCH)
    spool.close()
    return min(logged) * 1e6, min(seconds) * 1e6, min(plainly) * 1e6, count


def _delivered(spool: FedSpool, data: bytes) -> AnnotatedObject:
    """Put an object into the spool and deliver it as a courier does."""
    envelope = Envelope(
        time.time(), "CT1", "ATLAS", "192.0.2.7", "1.2.840.10008.5.1.4.1.1.2", "1.2.3",
        EXPLICIT_VR_LITTLE_ENDIAN,
    )  # fmt: skip
    object_id = spool.accept(envelope, data, [Recipient("pacs", Policy.DECODE)])
    delivery = spool.take("pacs", 5.0)
    assert delivery is not None
    read = spool.read(delivery.entry)
    annotation = ANNOTATOR.annotate(read, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)
    sent = replace(delivery.record, status=DeliveryStatus.SENT, tries=1)
    spool.settle(delivery, sent, annotation=annotation)
    return AnnotatedObject(
        object_id, envelope, annotation.identity, len(data), True, None, annotation.counts,
        annotation.elements(),
    )  # fmt: skip


def questions(store: LogStore, objects: int) -> dict[str, list[float]]:
    """Return the seconds that each question of the terminal and the viewer took, often asked."""
    chance = random.Random(2)
    newest = store.newest()
    last = EPOCH + objects * 0.2

    def patient() -> str:
        some = store.objects(LogFilter(), 1, chance.randrange(2, newest))[0]
        return some.object.identity.patient_id

    def study() -> str:
        some = store.objects(LogFilter(), 1, chance.randrange(2, newest))[0]
        return some.object.identity.study_instance_uid

    def name() -> str:
        return store.objects(LogFilter(), 1, chance.randrange(2, newest))[0].object.object_id

    filters: dict[str, Callable[[], LogFilter]] = {
        "none": LogFilter,
        "creator": lambda: LogFilter(creator="GEMS_PARM*"),
        "rare creator": lambda: LogFilter(creator="GEMS_GENIE_1"),
        "tag": lambda: LogFilter(tag="(0019,1024)"),
        "key": lambda: LogFilter(tag="(2005,xx0b)"),
        "VR": lambda: LogFilter(vr="FD"),
        "VR UN": lambda: LogFilter(vr="UN"),
        "name": lambda: LogFilter(name="b-value"),
        "no such name": lambda: LogFilter(name="zzz"),
        "status": lambda: LogFilter(status=ElementStatus.REFUSED),
        "creator and status": lambda: LogFilter(creator="SIEMENS*", status=ElementStatus.UNKNOWN),
        "patient": lambda: LogFilter(patient_id=patient()),
        "study": lambda: LogFilter(study_uid=study()),
        "object": lambda: LogFilter(object_id=name()),
        "since": lambda: LogFilter(since=last - 3600),
        "calling AE": lambda: LogFilter(calling_ae="scanner3"),
        "modality": lambda: LogFilter(modality="CT"),
        "manufacturer": lambda: LogFilter(manufacturer="toshiba"),
        "manufacturer and key": lambda: LogFilter(manufacturer="philips", tag="(2001,xx0a)"),
    }
    taken: dict[str, list[float]] = defaultdict(list)

    def ask(what: str, question: Callable[[], object]) -> None:
        begin = time.process_time()
        question()
        taken[what].append(time.process_time() - begin)

    for _ in range(QUESTIONS):
        for what, make in filters.items():
            wanted = make()
            deep = chance.randrange(2, newest)
            ask(f"objects, {what}", lambda w=wanted: store.objects(w, 51))
            ask(f"objects further down, {what}", lambda w=wanted, d=deep: store.objects(w, 51, d))
            ask(f"elements, {what}", lambda w=wanted: store.elements(w, 100))
            ask(f"elements further down, {what}",
                lambda w=wanted, d=deep: store.elements(w, 100, (d, 3)))  # fmt: skip
            ask(f"followed, {what}", lambda w=wanted: store.after(w, newest - 20))
            ask(f"totals, {what}", lambda w=wanted: store.totals(w))
        some = name()
        ask("one object", lambda n=some: store.object(n))
        _explore(store, chance, newest, last, ask)
        ask("totals of a day", lambda: store.totals(LogFilter(since=last - 86_400)))
        ask("state", store.state)
        ask("newest", store.newest)
    return taken


def _explore(
    store: LogStore,
    chance: random.Random,
    newest: int,
    last: float,
    ask: Callable[[str, Callable[[], object]], None],
) -> None:
    """Ask once what the pages Explore and Coverage do, of an object taken at random."""
    seen = store.objects(LogFilter(), 1, chance.randrange(2, newest))[0].object
    identity = seen.identity
    thing = store.object(seen.object_id)
    assert thing is not None
    element = chance.choice(thing.object.elements)
    named = Selection(creator=element.creator, element=element.key)
    ask("facets, none", lambda: store.facets(Selection()))
    ask("facets, manufacturer", lambda: store.facets(Selection(manufacturer=identity.manufacturer)))
    ask(
        "facets, creator and VR",
        lambda: store.facets(Selection(creator=element.creator, vr=element.vr)),
    )
    ask("facets, since", lambda: store.facets(Selection(since=last - 3600)))
    ask("coverage", lambda: store.coverage(Selection()))
    ask("undecoded", lambda: store.undecoded(Selection(status=ElementStatus.UNKNOWN), 50))
    ask("samples", lambda: store.samples(element.creator, element.key, 200))
    ask("series with an element", lambda: store.series_with(named, 30))
    ask("values over time", lambda: store.values_over_time(named, PLOTTED_RUNS))
    uid = identity.series_instance_uid
    ask(
        "values over a series",
        lambda: store.values_over_series(uid, (element.creator, element.key)),
    )
    others = store.series_with(Selection(manufacturer=identity.manufacturer), 5)
    other = chance.choice(others).uid
    ask("two series", lambda: (store.series(uid), store.series(other)))
    ask("two series compared", lambda: store.compared(uid, other))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to put the logs; by default a new one")
    parser.add_argument("--write", type=Path, help="Markdown file with a region for the tables")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        folder = Path(made)
        ours, removed, plainly, count = recorder_cost(folder)
        path = folder / "log.db"
        url = f"sqlite:///{path}"
        plain = Plain(folder / "plain.db")
        with LogStore.open(url) as store:
            cost, theirs = fill(store, plain, options.elements)
        plain.connection.close()
        each = path.stat().st_size / cost.elements
        theirs_each = plain.path.stat().st_size / theirs.elements
        # What this bench has made to fill the log is nothing that a viewer's collector looks at.
        gc.collect()
        gc.freeze()
        with LogStore.open(url, read_only=True) as store:
            taken = questions(store, cost.objects)
    costs = table(
        ["", "log", "one row an element", "ratio"],
        [
            [f"a CT of {count} elements, from its annotation to committed rows, µs",
             f"{ours:.0f}", f"{plainly:.0f}", f"{plainly / ours:.1f}"],
            ["the same until it has left the spool, µs", f"{removed:.0f}", "", ""],
            ["record an object of the scans, µs", f"{cost.each:.0f}", f"{theirs.each:.0f}",
             f"{theirs.each / cost.each:.1f}"],
            ["bytes an element", f"{each:.1f}", f"{theirs_each:.0f}", f"{theirs_each / each:.1f}"],
        ],
    )  # fmt: skip
    slowest = sorted(taken, key=lambda what: -percentile(taken[what], 0.95))[:SHOWN]
    answers = table(
        ["question", "p50, ms", "p95, ms"],
        [
            [what, f"{statistics.median(taken[what]) * 1e3:.1f}",
             f"{percentile(taken[what], 0.95) * 1e3:.1f}"]
            for what in slowest
        ],
    )  # fmt: skip
    pages = table(
        ["page", "p50, ms", "p95, ms"],
        [
            [page, f"{statistics.median(times) * 1e3:.1f}", f"{percentile(times, 0.95) * 1e3:.1f}"]
            for page, asked in PAGES.items()
            for times in [[sum(it) for it in zip(*(taken[what] for what in asked), strict=True)]]
        ],
    )
    said = (
        f"{cost.elements:,} elements of {cost.objects:,} objects, {processor()}.\n\n"
        f"{costs}\n\nWhat the pages ask of the log:\n\n{pages}\n\n"
        f"The slowest of {len(taken)} questions:\n\n{answers}\n"
    )
    print(said)
    if options.write:
        write_region(options.write, "log", said)


if __name__ == "__main__":
    main()
