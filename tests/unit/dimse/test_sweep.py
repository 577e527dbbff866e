"""All studies of an archive: what it leaves out is said."""

from __future__ import annotations

import pytest
from pydicom.uid import JPEGLosslessSV1

from atlas_node.config import NodeSettings, Upstream
from atlas_node.dimse.peer import Caller, Peer
from atlas_node.dimse.sweep import Retrieved, Study, Sweep
from atlas_node.errors import LogError, PeerError
from tests.small_archive import NOBODYS_SYNTAX, SmallArchive

MR = "1.2.840.10008.5.1.4.1.1.4"


@pytest.fixture
def archive():
    with SmallArchive() as archive:
        archive.add("1.2.1", 1)
        archive.add("1.2.1", 2)
        archive.add("1.2.2", 1)
        yield archive


@pytest.fixture
def sweep(archive):
    node = NodeSettings()
    return Sweep(Caller(Peer.of(Upstream.model_validate(archive.entry()), node), node))


def retrieved(sweep: Sweep, study: str) -> tuple[Retrieved, int]:
    """Return what is said of a study, and how many of its objects were handed on."""
    taken = []
    said = sweep.retrieve(Study(study, (MR,)), lambda data, syntax: taken.append(bytes(data)))
    return said, len(taken)


def test_a_study_comes_with_its_sop_classes_and_the_number_of_its_objects(archive, sweep):
    listing = sweep.studies()
    assert listing.studies == [Study("1.2.1", (MR,), 2), Study("1.2.2", (MR,), 1)]
    assert not listing.missing


def test_an_archive_need_not_tell_how_many_objects_there_are(archive, sweep):
    archive.counts = False
    assert [it.objects for it in sweep.studies().studies] == [None, None]


def test_a_list_that_the_archive_has_cut_short_is_not_taken_for_all(archive, sweep):
    archive.last_word = (0xB000, "limited to 2 of 5000 studies")
    listing = sweep.studies()
    assert len(listing.studies) == 2
    assert listing.missing.endswith(
        "does not tell all of its studies: status 0xB000, limited to 2 of 5000 studies"
    )


def test_a_response_that_names_no_study_is_counted(archive, sweep):
    archive.nameless = 2
    listing = sweep.studies()
    assert len(listing.studies) == 2
    assert listing.missing.endswith("2 responses without a study")


def test_all_objects_of_a_study_come(sweep):
    assert retrieved(sweep, "1.2.1") == (Retrieved(2, ""), 2)


def test_objects_that_the_archive_could_not_send_are_named(archive, sweep):
    archive.add("1.2.1", 3, NOBODYS_SYNTAX)
    said, taken = retrieved(sweep, "1.2.1")
    assert taken == said.objects == 2
    assert said.missing.endswith("study '1.2.1' came in part: status 0xB000, 1 of 3 objects failed")


def test_a_compressed_object_comes_as_it_is(archive, sweep):
    archive.add("1.2.1", 3, JPEGLosslessSV1)
    assert retrieved(sweep, "1.2.1") == (Retrieved(3, ""), 3)


def test_a_fault_of_ours_with_an_object_is_not_taken_for_one_of_the_archive(sweep):
    def take(data: memoryview, transfer_syntax_uid: str) -> None:
        raise LogError("the disk is full")

    with pytest.raises(LogError, match="the disk is full"):
        sweep.retrieve(Study("1.2.1", (MR,)), take)


def test_a_study_that_the_archive_does_not_give_is_named(sweep):
    with pytest.raises(PeerError, match=r"study '1\.2\.9': status 0x"):
        retrieved(sweep, "1.2.9")
