"""Objects retrieved through a node from real archives, by DCMTK's own programs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from tests.archives import Archive, Dcmqrscp, Orthanc
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import Pacs, ct_object, encoded
from tests.peers import environment, program

STUDY = "1.2.826.0.1.3680043.8.498.1"
COUNT = 12
KINDS = {"dcmqrscp": Dcmqrscp, "orthanc": Orthanc}


def study() -> list[Dataset]:
    objects = [ct_object(number, 20_000, STUDY) for number in range(COUNT)]
    for ds in objects:
        ds.PatientID, ds.PatientName = "P1", "Retrieve^Me"
        ds.StudyDate, ds.StudyTime, ds.StudyID = "20200101", "101010", "1"
        ds.AccessionNumber, ds.SeriesNumber = "A1", 1
    return objects


class Place:
    """An archive with a study in it, a node before it, and a PACS that both can send to."""

    def __init__(self, stack: ExitStack, kind: str, folder: Path) -> None:
        self.folder = folder
        self.pacs = stack.enter_context(Pacs(ae_title="PACS"))
        there = {"PACS": ("127.0.0.1", self.pacs.port)}
        self.archive: Archive = stack.enter_context(KINDS[kind](folder / "archive", hosts=there))
        self.objects = study()
        self.archive.fill(self.objects)
        (folder / "node").mkdir()
        self.node = NodeProcess(
            folder / "node",
            {"pacs": self.pacs.port},
            upstreams=[self.archive.upstream()],
            query={"move_destinations": [{"name": "STRAIGHT", "ae_title": "PACS"}]},
            peers=[
                {"ae_title": "STATION"},
                {"ae_title": "LOOKER", "services": ["echo", "find"]},
            ],
        )
        stack.enter_context(self.node)

    def get(self, port: int, *options: str, caller: str = "STATION") -> tuple[str, list[Path]]:
        """Have getscu get the study; return what it said, and the files."""
        target = self.folder / f"got-{len(list(self.folder.iterdir()))}"
        target.mkdir()
        said = self._run("getscu", port, *options, "-od", str(target), caller=caller)
        return said, sorted(target.iterdir())

    def move(self, destination: str, *options: str) -> str:
        """Have movescu ask the node to send the study somewhere; return what it said."""
        return self._run("movescu", self.node.port, "-aem", destination, *options, caller="STATION")

    def _run(self, name: str, port: int, *options: str, caller: str) -> str:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}"]
        called = self.archive.ae_title if port == self.archive.port else "ATLAS"
        done = subprocess.run(
            [program(name), "-v", "-S", "-aet", caller, "-aec", called, *keys, *options,
             "127.0.0.1", str(port)],
            capture_output=True, text=True, env=environment(), timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr


@pytest.fixture(params=sorted(KINDS))
def place(request, tmp_path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, request.param, tmp_path)


def slowly(event: object) -> int:
    time.sleep(0.1)
    return 0x0000


def mosaic(path: Path) -> str:
    """What a toolkit that knows no private element prints of (0019,100A)."""
    printed = subprocess.run(
        [program("dcmdump"), "+P", "0019,100a", path],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    return printed.stdout.split("#")[0].strip()


def others(path: Path) -> list[str]:
    """Everything that DCMTK prints of a file but for its meta information and private elements."""
    printed = subprocess.run(
        [program("dcmdump"), path], capture_output=True, text=True, check=True, env=environment()
    )
    lines = printed.stdout.splitlines()
    return [line for line in lines if line[:1] == "(" and line[1:5] not in ("0002", "0019")]


def test_what_getscu_gets_differs_in_private_elements_alone(place):
    direct, there = place.get(place.archive.port)
    said, here = place.get(place.node.port)
    for counted in direct, said:
        assert f"Completed Suboperations : {COUNT}" in counted, counted
        assert "Failed Suboperations    : 0" in counted
    assert [it.name for it in here] == [it.name for it in there]
    assert len(here) == COUNT
    for mine, theirs in zip(here, there, strict=True):
        assert others(mine) == others(theirs)
        assert mosaic(theirs).startswith("(0019,100a) UN")
        assert mosaic(mine).startswith("(0019,100a) US")
    place.node.wait_until(lambda: place.node.logged() == COUNT)


def test_getscu_with_implicit_vr_alone_gets_everything(place):
    said, files = place.get(place.node.port, "+xi")
    assert f"Completed Suboperations : {COUNT}" in said, said
    assert len(files) == COUNT


def test_movescu_sends_to_a_destination_through_the_node(place):
    said = place.move("PACS")
    assert "Received Final Move Response (Success)" in said, said
    assert len(place.pacs.arrived) == COUNT
    arrived = {uid: data for uid, [data] in place.pacs.objects.items()}
    for ds in place.objects:
        ds[0x0019100A].VR = "US"
        ds[0x0019100A].value = int.from_bytes(ds[0x0019100A].value, "little")
        assert arrived[ds.SOPInstanceUID] == encoded(ds)
    assert said.count("(Pending)") >= COUNT - 1


def test_movescu_sends_straight_under_the_name_that_the_archive_knows(place):
    said = place.move("STRAIGHT")
    assert "Received Final Move Response (Success)" in said, said
    assert len(place.pacs.arrived) == COUNT


def test_movescu_is_told_that_a_destination_is_unknown(place):
    assert "MoveDestinationUnknown" in place.move("NOWHERE")


def test_movescu_cancels(place):
    place.pacs.answer = slowly
    said = place.move("PACS", "--cancel", "2")
    assert "Cancel" in said, said
    assert 2 <= len(place.pacs.arrived) < COUNT


def test_a_caller_that_may_not_retrieve_is_told_so(place):
    said, files = place.get(place.node.port, caller="LOOKER")
    assert "0x124" in said, said
    assert files == []


def test_an_archive_that_is_killed_is_named(place):
    place.archive.kill()
    said, files = place.get(place.node.port)
    assert files == []
    assert "UnableToProcess" in said, said
    assert f"{place.archive.ae_title} at 127.0.0.1" in place.node.said()
