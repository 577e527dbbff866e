"""Objects retrieved through a node from real archives, by DCMTK's own programs."""

from __future__ import annotations

import copy
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1

from tests.archives import Archive, Dcmqrscp, Orthanc
from tests.fault.nodes import NodeProcess
from tests.fault.pacs import Pacs, ct_object, encoded
from tests.peers import environment, program, scans
from tests.ports import free_port, listens
from tests.unit.dimse.relay.retrievals import Workstation
from tests.waiting import LONG, wait_until

STUDY = "1.2.826.0.1.3680043.8.498.1"
COMPRESSED_STUDY = "1.2.826.0.1.3680043.8.498.2"
COUNT = 12
KINDS = {"dcmqrscp": Dcmqrscp, "orthanc": Orthanc}


def study() -> list[Dataset]:
    objects = [ct_object(number, 20_000, STUDY) for number in range(COUNT)]
    for ds in objects:
        ds.PatientID, ds.PatientName = "P1", "Retrieve^Me"
        ds.StudyDate, ds.StudyTime, ds.StudyID = "20200101", "101010", "1"
        ds.AccessionNumber, ds.SeriesNumber = "A1", 1
    return objects


def compressed(folder: Path) -> Dataset:
    """A real CT image that DCMTK has compressed without loss."""
    source = next(path for path in scans() if path.name == "ct_image.dcm")
    target = folder / "compressed.dcm"
    command = [program("dcmcjpeg"), "+e1", source, target]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    ds = dcmread(target)
    ds.StudyInstanceUID, ds.PatientID = COMPRESSED_STUDY, "P2"
    return ds


class Place:
    """An archive with two studies in it, a node before it, and a PACS that both can send to."""

    def __init__(self, stack: ExitStack, kind: str, folder: Path) -> None:
        self.folder = folder
        self.pacs = stack.enter_context(Pacs(ae_title="PACS"))
        self.plain = free_port()
        there = {"PACS": ("127.0.0.1", self.pacs.port)}
        self.archive: Archive = stack.enter_context(KINDS[kind](folder / "archive", hosts=there))
        self.objects = study()
        self.compressed = compressed(folder)
        self.archive.fill(self.objects)
        if kind == "orthanc":
            self.archive.fill([self.compressed])
        (folder / "node").mkdir()
        self.node = NodeProcess(
            folder / "node",
            {"pacs": self.pacs.port},
            upstreams=[self.archive.upstream()],
            query={
                "move_destinations": [
                    {"name": "STRAIGHT", "ae_title": "PACS"},
                    {"name": "PLAIN", "host": "127.0.0.1", "port": self.plain},
                ]
            },
            peers=[
                {"ae_title": "STATION"},
                {"ae_title": "LOOKER", "services": ["echo", "find"]},
            ],
        )
        stack.enter_context(self.node)

    def forget(self) -> None:
        """Empty the PACS, and let it answer as ever."""
        self.pacs.objects.clear()
        self.pacs.arrived.clear()
        self.pacs.syntaxes.clear()
        self.pacs.answer = lambda event: 0x0000

    def get(
        self, port: int, *options: str, caller: str = "STATION", study: str = STUDY
    ) -> tuple[str, list[Path]]:
        """Have getscu get a study; return what it said, and the files."""
        target = self.folder / f"got-{len(list(self.folder.iterdir()))}"
        target.mkdir()
        more = (*options, "-od", str(target))
        said = self._run("getscu", port, *more, caller=caller, study=study)
        return said, sorted(target.iterdir())

    def move(self, destination: str, *options: str, study: str = STUDY) -> str:
        """Have movescu ask the node to send a study somewhere; return what it said."""
        more = ("-aem", destination, *options)
        return self._run("movescu", self.node.port, *more, caller="STATION", study=study)

    def _run(self, name: str, port: int, *options: str, caller: str, study: str = STUDY) -> str:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
        called = self.archive.ae_title if port == self.archive.port else "ATLAS"
        done = subprocess.run(
            [program(name), "-v", "-S", "-aet", caller, "-aec", called, *keys, *options,
             "127.0.0.1", str(port)],
            capture_output=True, text=True, env=environment(), timeout=LONG, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr


@pytest.fixture(scope="module", params=sorted(KINDS))
def running(request, tmp_path_factory) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def place(running) -> Place:
    running.forget()
    return running


def slowly(event: object) -> int:
    time.sleep(0.5)
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
    place.node.wait_until(lambda: place.node.logged() >= COUNT)


def test_getscu_with_implicit_vr_alone_gets_everything(place):
    said, files = place.get(place.node.port, "+xi")
    assert f"Completed Suboperations : {COUNT}" in said, said
    assert len(files) == COUNT


def test_movescu_sends_to_a_destination_through_the_node(place):
    said = place.move("PACS")
    assert "Received Final Move Response (Success)" in said, said
    assert len(place.pacs.arrived) == COUNT
    arrived = {uid: data for uid, [data] in place.pacs.objects.items()}
    for ds in copy.deepcopy(place.objects):
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


@pytest.mark.parametrize("running", ["orthanc"], indirect=True)
class TestCompressed:
    """A compressed study in Orthanc, and programs of DCMTK that take it or do not."""

    def test_movescu_sends_it_as_it_is(self, place):
        said = place.move("PACS", study=COMPRESSED_STUDY)
        assert "Received Final Move Response (Success)" in said, said
        assert place.pacs.syntaxes == [JPEGLosslessSV1]
        [[arrived]] = place.pacs.objects.values()
        assert place.compressed.PixelData in arrived, "not a byte of it has changed"

    def test_the_archive_decompresses_it_for_a_destination_that_takes_nothing_else(self, place):
        # Without options storescp takes uncompressed objects alone.
        command = [program("storescp"), "-aet", "PLAIN", "-od", place.folder, str(place.plain)]
        receiver = subprocess.Popen(command, env=environment())
        wait_until(lambda: listens(place.plain))
        try:
            said = place.move("PLAIN", study=COMPRESSED_STUDY)
        finally:
            receiver.kill()
            receiver.wait(LONG)
        assert "Received Final Move Response (Success)" in said, said
        [file] = place.folder.glob(f"*{place.compressed.SOPInstanceUID}")
        got = dcmread(file)
        assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert len(got.PixelData) == got.Rows * got.Columns * got.BitsAllocated // 8

    def test_getscu_that_takes_both_in_one_context_gets_it_decompressed(self, place):
        # As without the node: an association has one transfer syntax for a context.
        for port in place.archive.port, place.node.port:
            said, [file] = place.get(port, "+xs", study=COMPRESSED_STUDY)
            assert "Completed Suboperations : 1" in said, said
            assert dcmread(file).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian

    def test_a_caller_with_a_context_of_its_own_for_it_gets_it_as_it_is(self, place):
        station = Workstation(
            place.node.port, classes=[place.compressed.SOPClassUID], syntaxes=[JPEGLosslessSV1]
        )
        keys = Dataset()
        keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", COMPRESSED_STUDY
        outcome = station.get(keys)
        assert outcome.counts == (1, 0, 0)
        [(syntax, data)] = outcome.objects
        assert syntax == JPEGLosslessSV1
        assert place.compressed.PixelData in data, "not a byte of it has changed"


def test_getscu_that_prefers_compressed_objects_gets_those_that_are_not(place):
    for port in place.archive.port, place.node.port:
        said, files = place.get(port, "+xs")
        assert f"Completed Suboperations : {COUNT}" in said, said
        assert len(files) == COUNT


@pytest.fixture(scope="module")
def two_orthancs(tmp_path_factory) -> Iterator[tuple[NodeProcess, Pacs]]:
    """A node before two archives, which have some instances of a study in common."""
    folder = tmp_path_factory.mktemp("two")
    objects = study()
    with ExitStack() as stack:
        pacs = stack.enter_context(Pacs(ae_title="PACS"))
        there = {"PACS": ("127.0.0.1", pacs.port)}
        upstreams = []
        for name, part in ("one", objects[:8]), ("two", objects[4:]):
            archive = stack.enter_context(Orthanc(folder / name, name.upper(), there))
            archive.fill(part)
            upstreams.append(archive.upstream(name))
        (folder / "node").mkdir()
        sent = {"move_destinations": [{"name": "STRAIGHT", "ae_title": "PACS"}]}
        node = NodeProcess(
            folder / "node", {}, upstreams=upstreams, query=sent, node={"workers": 1}
        )
        yield stack.enter_context(node), pacs


def retrieve(name: str, node: NodeProcess, *options: str | Path) -> str:
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}"]
    done = subprocess.run(
        [program(name), "-v", "-S", "-aec", "ATLAS", *keys, *options, "127.0.0.1", str(node.port)],
        capture_output=True, text=True, env=environment(), timeout=LONG, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_getscu_gets_what_two_orthancs_have_once(two_orthancs, tmp_path):
    node, _ = two_orthancs
    said = retrieve("getscu", node, "-od", tmp_path)
    assert f"Completed Suboperations : {COUNT}" in said, said
    assert "Failed Suboperations    : 0" in said
    assert len(list(tmp_path.iterdir())) == COUNT


def test_movescu_straight_has_each_orthanc_send_what_it_has(two_orthancs):
    node, pacs = two_orthancs
    said = retrieve("movescu", node, "-d", "-aem", "STRAIGHT").partition("Final Move Response")[2]
    assert "0x0000: Success" in said, said
    assert f"Completed Suboperations       : {COUNT + 4}" in said, said
    assert len(pacs.arrived) == COUNT + 4
    assert len(pacs.objects) == COUNT


def test_an_archive_that_is_killed_is_named(place):
    place.archive.kill()
    try:
        said, files = place.get(place.node.port)
    finally:
        place.archive.start()
    assert files == []
    assert "UnableToProcess" in said, said
    assert f"{place.archive.ae_title} at 127.0.0.1" in place.node.said()
