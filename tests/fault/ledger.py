"""What was sent and what was answered, held against what arrived: the judge of every fault test.

The law: every object that was answered 0x0000 arrives exactly as annotated, or the queue lists it
as dead with a reason. What arrives beyond that must be something that was sent, annotated.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from atlas_dictionary import open_layers
from atlas_node.annotate import Annotator
from atlas_node.encoding.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from atlas_node.model import Policy
from tests.fault.destination import Destination
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import ct_object, encoded
from tests.fault.results import Tally, note
from tests.scanner import CT_IMAGE_STORAGE, AssociationEndedError, Scanner
from tests.waiting import LONG

ANNOTATOR = Annotator(open_layers((), {}))
_UID = "2.25.1000000000000000000000000000000000"
_SERIES = "2.25.2000000000000000000000000000000000"
_LOOK = 1.0
_PAUSE = 0.05
"""Seconds between looks through all objects, which keep the destination from its work."""
_PIXELS = 2048
_PIXEL_DATA_HEADER = 12
_TEMPLATES: dict[int, bytes] = {}


@dataclass(frozen=True)
class Sample:
    """One made-up object as a scanner sends it."""

    uid: str
    data: bytes | memoryview


def sample(number: int, size: int = _PIXELS, *, series: int = 0, version: int = 0) -> Sample:
    """Return a CT object with private elements that are UN; other numbers are other objects.

    Objects of one number and another `version` have the same SOP Instance UID and other bytes.
    """
    if size not in _TEMPLATES:
        ds = ct_object(0, size)
        ds.SOPInstanceUID, ds.SeriesInstanceUID = _UID, _SERIES
        _TEMPLATES[size] = encoded(ds)
    uid, its_series = str(int(_UID[5:]) + number), str(int(_SERIES[5:]) + series)
    data = _TEMPLATES[size].replace(_UID.encode(), b"2.25." + uid.encode())
    data = data.replace(_SERIES.encode(), b"2.25." + its_series.encode())
    mark = b"nobody knows"
    data = data.replace(mark, b"%06d%06d" % (number % 10**6, version))
    return Sample(f"2.25.{uid}", data)


def long_sample(number: int, size: int) -> Sample:
    """Return a CT object whose Pixel Data have `size` zeros."""
    one = sample(number)
    head = one.data[: -_PIXELS - _PIXEL_DATA_HEADER]
    prefix = head + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
    data = np.zeros(len(prefix) + size, np.uint8)  # what is never written takes no memory
    data[: len(prefix)] = np.frombuffer(prefix, np.uint8)
    return Sample(one.uid, memoryview(data))


def annotated_digest(data: bytes | memoryview) -> str:
    """Return the digest of an object as the policy `decode` delivers it in explicit VR."""
    annotation = ANNOTATOR.annotate(data, EXPLICIT_VR_LITTLE_ENDIAN, Policy.DECODE)
    assert annotation.changed
    digest = hashlib.sha256()
    for piece in annotation.pieces:
        digest.update(piece)
    return digest.hexdigest()


class Ledger:
    """Collects from the threads of several scanners.

    Parameters
    ----------
    fault : str
        What is done to the node, for the table of all faults; empty: it is not in it.
    """

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self._lock = threading.Lock()
        self._sent: dict[str, dict[str, None]] = defaultdict(dict)
        self._answered: dict[tuple[str, str], None] = {}
        self.refusals: list[int] = []

    @property
    def answered(self) -> int:
        return len(self._answered)

    def note_sent(self, one: Sample) -> str:
        """Note that an object is about to be sent; return the digest that it must arrive with."""
        digest = annotated_digest(one.data)
        with self._lock:
            self._sent[one.uid][digest] = None
        return digest

    def note_answer(self, one: Sample, digest: str, status: int) -> None:
        with self._lock:
            if status == 0x0000:
                self._answered[one.uid, digest] = None
            else:
                self.refusals.append(status)

    def scan(self, port: int, objects: Iterable[Sample], timeout: float = LONG) -> int:
        """Send objects over one association, until it ends; return how many were answered 0x0000.

        Nothing is raised when the node or the wire fails: that is what the tests do to them.
        """
        stored = 0
        try:
            with Scanner(port, timeout=timeout) as scanner:
                for one in objects:
                    digest = self.note_sent(one)
                    status = scanner.store(CT_IMAGE_STORAGE, one.uid, one.data)
                    self.note_answer(one, digest, status)
                    stored += status == 0x0000
                scanner.release()
        except (OSError, AssociationEndedError):
            pass
        return stored

    def missing(self, destination: Destination) -> set[tuple[str, str]]:
        """Return what was answered and has not arrived."""
        return {it for it in self._answered if it[1] not in destination.objects.get(it[0], ())}

    def settle(
        self,
        node: NodeProcess,
        destination: Destination,
        name: str = "pacs",
        timeout: float = LONG,
        fault: str = "",
    ) -> Tally:
        """Wait until each answered object has arrived or is dead; judge, print and return.

        `fault` takes the place of the ledger's own where destinations differ in it.

        Raises
        ------
        AssertionError
            When an object is lost, or one arrived otherwise than annotated.
        """
        dead: dict[str, str] = {}
        give_up = time.monotonic() + timeout
        while not _wait(lambda: not self.missing(destination), _LOOK, _PAUSE):
            dead = node.dead(name)
            if {uid for uid, _ in self.missing(destination)} <= dead.keys():
                break
            if time.monotonic() > give_up:
                break
        tally = self.judge(destination, dead)
        if fault or self.fault:
            note(fault or self.fault, (id(self), name), tally)
        return tally

    def judge(self, destination: Destination, dead: dict[str, str]) -> Tally:
        """Hold what arrived against what was answered; `dead` has the reasons by instance."""
        assert all(dead.values()), "a dead delivery without a reason"
        copies = {uid: list(digests) for uid, digests in destination.objects.items()}
        unknown = copies.keys() - self._sent.keys()
        assert not unknown, f"arrived and was not sent: {sorted(unknown)}"
        strange = [u for u, its in copies.items() if not set(its) <= self._sent[u].keys()]
        assert not strange, f"arrived otherwise than annotated: {strange}"
        missing = self.missing(destination)
        tally = Tally(
            sent=sum(map(len, self._sent.values())),
            answered=len(self._answered),
            delivered=sum(len(set(its)) for its in copies.values()),
            duplicated=sum(len(its) - len(set(its)) for its in copies.values()),
            dead=sum(uid in dead for uid, _ in missing),
            lost=sum(uid not in dead for uid, _ in missing),
        )
        print(tally)
        assert tally.lost == 0, f"{tally}: {sorted(missing)[:5]}"
        return tally


class Scanners:
    """Several scanners at once, each with objects of its own, in threads.

    Parameters
    ----------
    port : int
    ledger : Ledger
    lots : sequence of sequences of Sample
        What each of them sends.
    """

    def __init__(self, port: int, ledger: Ledger, lots: Iterable[Iterable[Sample]]) -> None:
        self._ledger = ledger
        self._threads = [
            threading.Thread(target=ledger.scan, args=(port, lot), daemon=True) for lot in lots
        ]

    def __enter__(self) -> Scanners:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(1.5 * LONG)
            assert not thread.is_alive(), "a scanner waits for its answer without end"

    def wait_for_answers(self, count: int, timeout: float = LONG) -> None:
        _wait(lambda: self._ledger.answered >= count or not self._running(), timeout)

    def _running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)


def _wait(done: Callable[[], bool], timeout: float, pause: float = 0.01) -> bool:
    give_up = time.monotonic() + timeout
    while not done():
        if time.monotonic() > give_up:
            return False
        time.sleep(pause)
    return True
