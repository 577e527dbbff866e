"""Queries through the node to archives of other projects, by programs of other projects.

What comes through the node is what comes without it, but for the private elements.
"""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Iterator, Sequence

import pydicom.config
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind as StudyRootFind,
)

from tests.archives import Archive, Dcmqrscp, Orthanc
from tests.fault.destination import Misdeed
from tests.fault.nodes import ATLAS_NODE, NodeProcess
from tests.peers import environment, program, public_dictionary, scans
from tests.ports import free_port, listens
from tests.scanner import EXPLICIT, IMPLICIT
from tests.unit.dimse.relay.queries import (
    B_VALUE,
    FF01,
    MR_HEADER,
    SOME_FAILED,
    UNABLE,
    decoded,
    encoded,
    keys,
)
from tests.upstream import PENDING, Asked, Pause, Reply, Upstream
from tests.waiting import LONG, wait_until
from tests.workstation import PATIENT_ROOT, STUDY_ROOT, WORKLIST, Workstation

SUCCESS = 0x0000
CALLERS = dict.fromkeys(("ATLAS", "WORKSTATION", "FINDSCU", "GDCMSCU"), ("127.0.0.1", 1))
B_VALUES = (0, 50, 1000)
EARLIER = 2000
MANY = 300
TRIES = 10
MOSAIC = 0x0019100A
INDEX = [{"creator": MR_HEADER, "group": "0019", "element": "xx0c", "level": "image"}]


ASTRAY = "ASTRAY"
"""A caller whose route leads to an upstream with a wrong AE title."""


def images() -> list[Dataset]:
    """Return real objects in uncompressed transfer syntaxes, each of them once."""
    found = {}
    for path in scans():
        try:
            ds = dcmread(path)
        except Exception:
            continue
        syntax = ds.file_meta.get("TransferSyntaxUID")
        if syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian) and "SOPInstanceUID" in ds:
            found[ds.SOPInstanceUID] = ds
    return [*found.values()][:40]


def diffusion(number: int, b_value: int, patient: str = "DIFFUSION") -> Dataset:
    """Return an MR image of which an archive has b-value and images in mosaic as UN."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
    uid = f"2.25.99{number}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"{uid}.1.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid, f"{uid}.1"
    ds.PatientID, ds.PatientName = f"{patient}{number}", f"Diffusion^{number}"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20260101", "120000", "", "1"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "MR", "1", "1"
    ds.PatientBirthDate, ds.PatientSex, ds.ReferringPhysicianName = "", "", ""
    ds.add_new(0x00190010, "LO", MR_HEADER)
    ds.add_new(MOSAIC, "UN", b"\x24\0")
    text = str(b_value).encode()
    ds.add_new(B_VALUE, "UN", text + b" " * (len(text) & 1))
    return ds


@pytest.fixture(scope="module", params=["Orthanc", "dcmqrscp"])
def archive(request, tmp_path_factory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("archive") / "it"
    if request.param == "Orthanc":
        settings = {"DicomCheckCalledAet": True}
        place: Archive = Orthanc(folder, "ARCHIVE", CALLERS, settings=settings)
    else:
        place = Dcmqrscp(folder, "ARCHIVE", CALLERS)
    with place as running:
        running.fill([*images(), diffusion(len(B_VALUES), EARLIER, "EARLIER")])
        yield running


@pytest.fixture(scope="module")
def node(archive, tmp_path_factory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("node")
    there = {"archive": archive.port}
    upstreams = [archive.upstream(), {**archive.upstream("wrong"), "ae_title": "WRONG"}]
    routes = [{"match": {"calling_ae": [ASTRAY]}, "to": ["wrong"]}, {"to": ["archive"]}]
    query = {"index": INDEX, "routes": routes}
    with NodeProcess(folder, there, upstreams=upstreams, query=query) as running:
        send(running, [diffusion(number, b) for number, b in enumerate(B_VALUES)])
        yield running


def send(node: NodeProcess, objects: Sequence[Dataset]) -> None:
    """Send objects to the node as a scanner does, and wait until they are in the archive."""
    ae = AE("SCANNER")
    ae.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    assoc = ae.associate("127.0.0.1", node.port, ae_title="ATLAS")
    for ds in objects:
        assert assoc.send_c_store(ds).Status == SUCCESS
    assoc.release()
    node.wait_until(lambda: not node.queue())


QUERIES = {
    "all studies": (STUDY_ROOT, keys(StudyInstanceUID="", PatientName="", StudyDate="")),
    "a name with a wildcard": (STUDY_ROOT, keys(StudyInstanceUID="", PatientName="D*")),
    "a range of dates": (STUDY_ROOT, keys(StudyInstanceUID="", StudyDate="20000101-20301231")),
    "what archives may not support": (
        STUDY_ROOT,
        keys(StudyInstanceUID="", ModalitiesInStudy="MR", NumberOfStudyRelatedInstances=""),
    ),
    "patients": (PATIENT_ROOT, keys("PATIENT", PatientID="", PatientName="")),
    "series": (STUDY_ROOT, keys("SERIES", StudyInstanceUID="2.25.990", SeriesInstanceUID="")),
    "nothing": (STUDY_ROOT, keys(StudyInstanceUID="1.2.3.4.5.6.7")),
    "an invalid level": (STUDY_ROOT, keys("STUDY", PatientID="?*?")),
}


def asked(port: int, called: str, sop_class: str, query: Dataset, syntax: str):
    contexts = [(sop_class, (syntax,))]
    with Workstation(port, contexts, called=called) as workstation:
        found = workstation.find(encoded(query, syntax), sop_class)
        workstation.release()
    return [it.status for it in found[-1:]], sorted((it.status, it.identifier) for it in found)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT], ids=["explicit", "implicit"])
@pytest.mark.parametrize("query", QUERIES)
def test_results_are_the_same_with_the_node_and_without(archive, node, query, syntax):
    sop_class, identifier = QUERIES[query]
    direct = asked(archive.port, "ARCHIVE", sop_class, identifier, syntax)
    through = asked(node.port, "ATLAS", sop_class, identifier, syntax)
    assert without_titles(through) == without_titles(direct)


def without_titles(found):
    """Leave out Retrieve AE Title (0008,0054), which some archives set to who was called."""
    statuses, responses = found
    return statuses, [
        (status, re.sub(rb"\x08\x00\x54\x00(AE..|....)(ATLAS|ARCHIVE) ?", b"", data, flags=re.S))
        for status, data in responses
    ]


def findscu(port: int, called: str, *arguments: str, **more: str) -> list[str]:
    """Return the lines of the responses that DCMTK's findscu shows, in an environment of more."""
    command = [program("findscu"), "-v", "-aec", called, *arguments, "127.0.0.1", str(port)]
    done = subprocess.run(command, capture_output=True, check=True, env=environment(**more))
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    shown = [
        it[3:] for it in lines if re.match(r"[IW]: (\(....,....\)|Find Response|Received)", it)
    ]
    return [it for it in shown if "(0008,0054)" not in it]


def test_findscu_gets_what_it_gets_without_the_node(archive, node):
    query = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "-k", "PatientName")
    through = findscu(node.port, "ATLAS", *query)
    assert sorted(through) == sorted(findscu(archive.port, "ARCHIVE", *query))
    assert sum("(0020,000d)" in it for it in through) > 10


def gdcmscu(port: int, called: str) -> list[str]:
    """Return the statuses and the last words of GDCM's query.

    Its version 3.0.21 aborts in its own handling of A-RELEASE-RP, whoever sends that, before it
    prints what was found; so its trace is looked at.
    """
    command = [
        program("gdcmscu"), "-D", "--find", "--studyroot", "--study", "--aetitle", "GDCMSCU",
        "--call", called, "--key", "20,d=", "--key", "10,10=D*", "127.0.0.1", str(port),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False, env=environment())
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return [it for it in lines if it.startswith(("(0000,0900)", "C-Find was"))]


def test_gdcmscu_gets_what_it_gets_without_the_node(archive, node):
    through = gdcmscu(node.port, "ATLAS")
    assert through == gdcmscu(archive.port, "ARCHIVE")
    assert through[-1] == "C-Find was successful."
    assert sum("65280" in it for it in through) >= len(B_VALUES)


def test_pynetdicom_gets_what_it_gets_without_the_node(archive, node):
    def found(port: int, called: str) -> list[str]:
        ae = AE("WORKSTATION")
        ae.add_requested_context(StudyRootFind)
        assoc = ae.associate("127.0.0.1", port, ae_title=called)
        assert assoc.is_established
        responses = list(assoc.send_c_find(keys(StudyInstanceUID="", StudyDate=""), StudyRootFind))
        assoc.release()
        assert responses[-1][0].Status == SUCCESS
        return sorted(str(ds.StudyInstanceUID) for _, ds in responses if ds is not None)

    assert found(node.port, "ATLAS") == found(archive.port, "ARCHIVE")


def test_a_wrong_ae_title_of_the_archive_is_said(archive, node):
    with Workstation(node.port, calling=ASTRAY) as workstation:
        [final] = workstation.find(encoded(keys(StudyInstanceUID="")))
    assert final.status == UNABLE
    assert final.comment.startswith("wrong: rejected the association: Called AE title not")


class TestIndexedKeys:
    """Queries by a b-value, which neither archive knows."""

    @pytest.mark.parametrize(
        ("asked_for", "studies"),
        [
            ("1000", ["2.25.992"]),
            ("10-100", ["2.25.991"]),
            ("", ["2.25.990", "2.25.991", "2.25.992"]),
            ("7", []),
        ],
    )
    def test_the_index_answers_what_the_archive_cannot(self, archive, node, asked_for, studies):
        assert studies_with(node, asked_for, "DIFFUSION*") == studies

    @pytest.mark.parametrize(
        ("asked_for", "studies"),
        [("1000\\0", {"2.25.990", "2.25.992"}), ("7\\40-60", {"2.25.991"}), ("7\\8", set())],
    )
    def test_a_caller_that_knows_the_attribute_asks_for_a_list(
        self, archive, node, tmp_path, asked_for, studies
    ):
        known = tmp_path / "b_value.dic"
        known.write_text(f'(0019,"{MR_HEADER}",0c)\tIS\tBValue\t1-n\tPrivate\n')
        names = ["QueryRetrieveLevel=STUDY", "StudyInstanceUID", "PatientID=DIFFUSION*"]
        names += [f"0019,0010={MR_HEADER}", f"0019,100c={asked_for}"]
        arguments = [it for name in names for it in ("-k", name)]
        dictionaries = f"{public_dictionary()}:{known}"
        lines = findscu(node.port, "ATLAS", "-S", *arguments, DCMDICTPATH=dictionaries)
        text = "\n".join(lines).partition("Find Response")[2]
        assert set(re.findall(r"\(0020,000d\) UI \[([\d.]+)", text)) == studies

    def test_what_the_archive_had_before_is_found_after_a_backfill(self, archive, node):
        assert studies_with(node, str(EARLIER), "EARLIER*") == []
        command = ["index", "backfill", "--upstream", "archive", "-c", str(node.config_path)]
        done = subprocess.run([*ATLAS_NODE, *command], capture_output=True, text=True, check=True)
        assert "0 failed" in done.stdout
        assert studies_with(node, str(EARLIER), "EARLIER*") == [f"2.25.99{len(B_VALUES)}"]


def studies_with(node: NodeProcess, b_value: str, patient: str) -> list[str]:
    """Return the studies that findscu finds, each of them with its b-values."""
    # findscu takes the value of a private key for bytes in hexadecimal.
    value = "\\".join(f"{byte:02x}" for byte in b_value.encode())
    arguments = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID"]
    arguments += ["-k", f"PatientID={patient}"]
    arguments += ["-k", f"0019,0010={MR_HEADER}", "-k", f"0019,100c={value}"]
    text = "\n".join(findscu(node.port, "ATLAS", *arguments)).partition("Find Response")[2]
    found = sorted(re.findall(r"\(0020,000d\) UI \[([\d.]+)", text))
    assert len(re.findall(r"\(0019,100c\) IS", text)) == len(found)
    return found


class TestKeysOfTheArchive:
    """Queries for a private attribute that is not in the index."""

    def image(self, port: int) -> Dataset:
        query = keys("IMAGE", StudyInstanceUID="2.25.992", SeriesInstanceUID="2.25.992.1")
        query.SOPInstanceUID = ""
        query.add_new(0x00190010, "LO", MR_HEADER)
        query.add_new(MOSAIC, "UN", b"")
        with Workstation(port) as workstation:
            *found, final = workstation.find(encoded(query))
        assert final.status == SUCCESS
        [image] = [decoded(it.identifier) for it in found]
        assert image.SOPInstanceUID == "2.25.992.1.1"
        return image

    def test_an_archive_that_does_not_know_it_answers_the_rest(self, archive, node):
        image = self.image(node.port)
        if isinstance(archive, Orthanc):
            # The text of a binary number in UN is not the number, so it is left as it is.
            assert (image.get_item(MOSAIC).VR, image.get_item(MOSAIC).value) == ("UN", b"36")
        else:
            assert MOSAIC not in image


@pytest.fixture(scope="module")
def knowing(tmp_path_factory) -> Iterator[NodeProcess]:
    """A node before an Orthanc that has private attributes in its dictionary."""
    folder = tmp_path_factory.mktemp("knowing")
    known = {
        "0019,100a": ["US", "Mosaic", 1, 1, MR_HEADER],
        "0019,100c": ["IS", "BValue", 1, 1, MR_HEADER],
    }
    with Orthanc(folder / "orthanc", "ARCHIVE", CALLERS, known) as archive:
        there = {"archive": archive.port}
        with NodeProcess(folder, there, upstreams=[archive.upstream()]) as node:
            # Orthanc has values only of what came with a VR, as it does by the node.
            send(node, [diffusion(number, b) for number, b in enumerate(B_VALUES)])
            yield node


class TestOrthancWithADictionary:
    """An archive that knows private attributes by itself, and matches them."""

    def find(self, node: NodeProcess, **more: bytes) -> tuple[list[int], list[Dataset]]:
        query = keys("IMAGE", StudyInstanceUID="", SeriesInstanceUID="", SOPInstanceUID="")
        query.add_new(0x00190010, "LO", MR_HEADER)
        query.add_new(MOSAIC, "UN", more.get("mosaic", b""))
        query.add_new(B_VALUE, "UN", more.get("b_value", b""))
        with Workstation(node.port) as workstation:
            *found, final = workstation.find(encoded(query))
        assert final.status == SUCCESS
        return [it.status for it in found], [decoded(it.identifier) for it in found]

    def test_it_matches_a_private_key_that_the_caller_does_not_know(self, knowing):
        statuses, [image] = self.find(knowing, b_value=b"1000")
        assert statuses == [PENDING]
        assert image.SOPInstanceUID == "2.25.992.1.1"
        assert (image.get_item(B_VALUE).VR, image[B_VALUE].value) == ("IS", 1000)

    def test_it_answers_the_text_of_a_binary_number_which_stays_as_it_is(self, knowing):
        _, images = self.find(knowing)
        found = [(it.get_item(MOSAIC).VR, it.get_item(MOSAIC).value) for it in images]
        assert found == [("UN", b"36")] * len(B_VALUES)

    def test_it_is_not_asked_for_one_reading_of_a_binary_key(self, knowing):
        statuses, _ = self.find(knowing, mosaic=b"36")
        assert statuses == [FF01] * len(B_VALUES)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory) -> Iterator[tuple[Upstream, NodeProcess]]:
    """A node before an upstream that says what a test wants."""
    folder = tmp_path_factory.mktemp("scripted")
    with (
        Upstream(lambda asked: ()) as upstream,
        NodeProcess(folder, {}, upstreams=[upstream.entry()], node={"workers": 1}) as node,
    ):
        yield upstream, node


def test_findscu_cancels(tmp_path):
    (tmp_path / "node").mkdir()
    with (
        Orthanc(tmp_path / "one", "ONE", CALLERS) as one,
        Dcmqrscp(tmp_path / "two", "TWO", CALLERS) as two,
    ):
        for archive in one, two:
            archive.fill(diffusion(number, 0) for number in range(MANY))
        upstreams = [it.upstream(it.ae_title) for it in (one, two)]
        routes = [
            {"match": {"calling_ae": [f"AT_{it.ae_title}"]}, "to": [it.ae_title]}
            for it in (one, two)
        ]
        with NodeProcess(
            tmp_path / "node", {}, upstreams=upstreams, query={"routes": routes}
        ) as node:
            for archive in one, two:
                # A cancel that comes after the last response has no effect, and the
                # sockets alone may hold all of them while findscu prints the first.
                for _ in range(TRIES):
                    said = cancelled_findscu(node.port, f"AT_{archive.ae_title}")
                    if "0xfe00" in said:
                        break
                assert "0xfe00" in said, said[-2000:]
                assert 3 <= said.count("0xff00") <= MANY


def cancelled_findscu(port: int, calling: str) -> str:
    command = [
        program("findscu"), "-d", "-aet", calling, "-aec", "ATLAS", "-S", "--cancel", "3",
        "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "127.0.0.1", str(port),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, check=False, env=environment(), timeout=LONG
    )
    return (done.stdout + done.stderr).decode("latin-1").lower()


class TestScriptedUpstream:
    def test_an_upstream_that_dies_in_the_middle_is_a_failure_for_findscu(self, scripted):
        upstream, node = scripted
        response = Reply(PENDING, encoded(keys(StudyInstanceUID="1.2.3")))
        upstream.script = lambda asked: (response, Pause(0.05), Misdeed.RESET)
        query = ("-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
        command = [program("findscu"), "-v", "-aec", "ATLAS", *query, "127.0.0.1", str(node.port)]
        done = subprocess.run(command, capture_output=True, check=False, env=environment())
        said = (done.stdout + done.stderr).decode("latin-1")
        assert said.count("(Pending)") == 1
        assert "UnableToProcess" in said
        assert "query of 'FINDSCU'" in node.said()

    def test_ten_thousand_responses_take_no_memory(self, scripted):
        upstream, node = scripted
        replies = [
            Reply(PENDING, encoded(keys(StudyInstanceUID=f"1.2.{number}", PatientName="A" * 200)))
            for number in range(100)
        ]

        def many(asked: Asked):
            for _ in range(100):
                yield from replies
            yield Reply(SUCCESS)

        upstream.script = many
        sizes, count = [], 0
        with Workstation(node.port) as workstation:
            workstation.ask(encoded(keys(StudyInstanceUID="")))
            for response in workstation.responses():
                if response.status == PENDING:
                    count += 1
                    if count % 2000 == 1:
                        sizes.append(node.own_memory("receiver-"))
        assert count == 10_000
        assert sizes[-1] - sizes[0] < 1_000_000, sizes


class TestSeveralArchives:
    @pytest.mark.parametrize("kind", [Dcmqrscp, Orthanc])
    def test_studies_come_once_and_an_archive_that_is_off_is_a_warning(self, kind, tmp_path):
        (tmp_path / "node").mkdir()
        query = encoded(keys(StudyInstanceUID="", PatientName=""))
        with (
            kind(tmp_path / "one", "ONE", CALLERS) as one,
            Orthanc(tmp_path / "two", "TWO", CALLERS) as two,
        ):
            one.fill(diffusion(number, 0) for number in (0, 1))
            two.fill(diffusion(number, 0) for number in (1, 2))
            upstreams = [one.upstream("one"), two.upstream("two")]
            with NodeProcess(tmp_path / "node", {}, upstreams=upstreams) as node:
                with Workstation(node.port) as workstation:
                    *both, final = workstation.find(query)
                one.kill()
                with Workstation(node.port) as workstation:
                    *left, warning = workstation.find(query)
        assert sorted(decoded(it.identifier).StudyInstanceUID for it in both) == [
            "2.25.990", "2.25.991", "2.25.992",
        ]  # fmt: skip
        assert final.status == SUCCESS
        assert sorted(decoded(it.identifier).StudyInstanceUID for it in left) == [
            "2.25.991", "2.25.992",
        ]  # fmt: skip
        assert warning.status == SOME_FAILED
        assert warning.comment.startswith("one: cannot connect")


class TestWorklist:
    @pytest.fixture
    def worklists(self, tmp_path) -> Iterator[int]:
        folder = tmp_path / "worklists" / "WLM"
        folder.mkdir(parents=True)
        (folder / "lockfile").touch()
        for number in range(3):
            dcmwrite(folder / f"{number}.wl", worklist_item(number), enforce_file_format=True)
        port = free_port()
        process = subprocess.Popen(
            [program("wlmscpfs"), "-dfp", folder.parent, "-dfr", str(port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
        )  # fmt: skip
        wait_until(lambda: listens(port))
        yield port
        process.kill()
        process.wait(LONG)

    def test_items_are_the_same_with_the_node_and_without(self, tmp_path, worklists):
        (tmp_path / "node").mkdir()
        entry = {"name": "ris", "ae_title": "WLM", "host": "127.0.0.1", "port": worklists}
        step = Dataset()
        step.Modality, step.ScheduledProcedureStepStartDate = "MR", "20260101-20260102"
        query = Dataset()
        query.PatientName = ""
        query.ScheduledProcedureStepSequence = [step]
        by_private_key = copy.deepcopy(query)
        by_private_key.add_new(0x00190010, "LO", MR_HEADER)
        by_private_key.add_new(B_VALUE, "UN", b"1000")
        with NodeProcess(tmp_path / "node", {}, upstreams=[entry]) as node:
            for asked_for, pending in (query, PENDING), (by_private_key, FF01):
                direct = asked(worklists, "WLM", WORKLIST, asked_for, EXPLICIT)
                through = asked(node.port, "ATLAS", WORKLIST, asked_for, EXPLICIT)
                assert through == direct
                # wlmscpfs has the private elements in its files, and gives none.
                assert [status for status, _ in through[1]] == [SUCCESS, pending, pending]


def worklist_item(number: int) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = WORKLIST
    ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.88{number}"
    ds.PatientName, ds.PatientID = f"Work^{number}", f"W{number}"
    ds.PatientBirthDate, ds.PatientSex, ds.AccessionNumber = "19700101", "O", f"A{number}"
    ds.StudyInstanceUID, ds.RequestedProcedureID = f"2.25.77{number}", f"R{number}"
    ds.RequestedProcedureDescription = "MR head"
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = "MR", "MR1"
    step.ScheduledProcedureStepStartDate = f"2026010{number + 1}"
    step.ScheduledProcedureStepStartTime, step.ScheduledProcedureStepID = "0900", f"S{number}"
    step.ScheduledProcedureStepDescription = "head"
    step.ScheduledPerformingPhysicianName = "A^B"
    ds.ScheduledProcedureStepSequence = [step]
    ds.add_new(0x00190010, "LO", MR_HEADER)
    ds.add_new(B_VALUE, "UN", b"1000")
    return ds


@pytest.fixture(autouse=True)
def keep_unknown(monkeypatch):
    """Keep pydicom from putting its own dictionary's VR in the place of UN."""
    monkeypatch.setattr(pydicom.config, "replace_un_with_known_vr", False)
