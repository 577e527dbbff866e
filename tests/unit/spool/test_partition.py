import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.spool import Doorbell, Intake, Occupancy
from atlas_node.spool.journal import delivery_line
from atlas_node.spool.lock import FORWARDER_LOCK, FolderLock
from atlas_node.spool.partition import Partition
from tests.disks import files_no_longer_than
from tests.streams import element, text

DATA = element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0") + element(
    0x00100010, "PN", text("Doe^Jane")
)


@pytest.fixture
def folder(settings) -> Path:
    return settings.path / "0"


@pytest.fixture
def partition(folder):
    opened = Partition(folder, FORWARDER_LOCK)
    yield opened
    opened.close()


@pytest.fixture(params=["os", "fsync"])
def intake(settings, request):
    changed = settings.model_copy(update={"durability": request.param})
    occupancy, doorbell = Occupancy(1), Doorbell()
    opened = Intake(changed, 0, occupancy, doorbell)
    yield opened
    opened.close()
    occupancy.close()
    doorbell.close()


@pytest.fixture
def object_id(intake, envelope, pacs) -> str:
    """An object in the partition."""
    arrival = intake.begin(envelope)
    arrival.write(DATA)
    return arrival.commit([pacs])


def objects(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix)


def sent(destination: str = "pacs") -> DeliveryRecord:
    return DeliveryRecord(destination, DeliveryStatus.SENT, 1, 2.0, "status 0x0000")


def test_an_object_is_a_dicom_file_that_any_tool_opens(partition, folder, object_id):
    ds = pydicom.dcmread(folder / f"{object_id}.dcm")
    assert ds.PatientName == "Doe^Jane"
    assert ds.file_meta.SourceApplicationEntityTitle == "SCANNER"
    queued = partition.load(object_id)
    assert queued is not None
    assert bytes(partition.read(queued.entry)) == DATA


def test_a_sweep_yields_what_was_accepted_with_its_deliveries(partition, object_id, envelope, pacs):
    partition.append(object_id, delivery_line(sent()))
    [(queued, damage)] = partition.sweep(partition.journals())
    assert (queued.entry.object_id, queued.entry.envelope) == (object_id, envelope)
    assert queued.entry.recipients == (pacs,)
    assert queued.deliveries == {"pacs": sent()}
    assert damage == ""


@pytest.mark.parametrize("kept", ["nothing", "half a line", "all but the newline"])
def test_an_object_whose_entry_is_torn_was_never_accepted(partition, folder, object_id, kept):
    journal = folder / f"{object_id}.job"
    line = journal.read_bytes()
    cuts = {"nothing": 0, "half a line": len(line) // 2, "all but the newline": len(line) - 1}
    journal.write_bytes(line[: cuts[kept]])
    assert list(partition.sweep(partition.journals())) == []
    assert len(objects(folder)) == 2  # a receiver may be writing it at this moment
    partition.remove_torn()
    assert objects(folder) == []


def test_data_without_a_journal_was_never_accepted(partition, folder, object_id):
    (folder / f"{object_id}.job").unlink()
    assert list(partition.sweep(partition.journals())) == []
    partition.remove_torn()
    assert objects(folder) == []


@pytest.mark.parametrize("name", ["only copy.dcm", "0123.dcm", "begun.job", "notes.txt"])
def test_what_somebody_else_put_there_is_left_alone(partition, folder, name):
    (folder / name).write_bytes(b"without a newline")
    partition.remove_torn()
    assert (folder / name).exists()


def test_what_was_accepted_is_not_torn(partition, folder, object_id):
    before = objects(folder)
    latest = partition.remove_torn()
    assert objects(folder) == before
    assert f"{latest:016x}" == object_id[:16]


def test_a_torn_delivery_line_is_cut_off_before_the_next_is_added(partition, folder, object_id):
    journal = folder / f"{object_id}.job"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"delivery":{"destin')
    [(queued, _)] = partition.sweep(partition.journals())
    assert queued.deliveries["pacs"].status is DeliveryStatus.PENDING
    assert journal.read_bytes() == whole


def test_a_journal_of_something_else_is_left_alone(partition, folder, caplog):
    strange = folder / "0000000000000002-000000.job"
    strange.write_bytes(b'{"version": 99}\n')
    assert list(partition.sweep(partition.journals())) == []
    partition.remove_torn()
    assert strange.exists()
    assert "journal version 99, expected 1" in caplog.text


@pytest.mark.parametrize("left", [None, b"short"])
def test_damaged_data_of_an_accepted_object_is_said(partition, folder, object_id, left):
    data = folder / f"{object_id}.dcm"
    size = data.stat().st_size
    data.unlink() if left is None else data.write_bytes(left)
    [(queued, damage)] = partition.sweep(partition.journals())
    assert damage in (
        f"the data file {data.name} is missing",
        f"the data file {data.name} has 5 of {size} bytes",
    )
    with pytest.raises(SpoolError):
        partition.read(queued.entry)


def test_a_delivery_line_that_is_written_in_part_is_taken_back(partition, folder, object_id):
    journal = folder / f"{object_id}.job"
    size = journal.stat().st_size
    line = delivery_line(sent())
    with files_no_longer_than(size + 10), pytest.raises(SpoolError, match="No space left"):
        partition.append(object_id, line)
    assert journal.stat().st_size == size
    partition.append(object_id, line)
    [(queued, _)] = partition.sweep(partition.journals())
    assert queued.deliveries == {"pacs": sent()}


def test_what_is_read_stays_readable_after_it_is_removed(partition, folder, object_id):
    queued = partition.load(object_id)
    assert queued is not None
    data = partition.read(queued.entry)
    partition.remove(object_id)
    assert bytes(data) == DATA
    assert objects(folder) == []


def test_a_finished_object_is_none(partition):
    assert partition.load("0000000000000001-000000") is None


def test_a_folder_that_was_removed_and_made_again_is_found(partition, folder, object_id, caplog):
    shutil.rmtree(folder.parent)
    with pytest.raises(SpoolError, match=f"the spool {folder.parent} is gone; bring it back"):
        partition.load(object_id)
    folder.parent.mkdir()
    assert partition.load(object_id) is None
    assert f"{folder} was removed and made again" in caplog.text
    (folder / f"{object_id}.job").write_bytes(b'{"version": 99}\n')
    assert partition.names() == [f"{object_id}.job", "lock-forwarder"]


def test_another_process_is_kept_out(partition, folder):
    script = (
        "import sys; from pathlib import Path; from atlas_node.spool.lock import FolderLock\n"
        "from atlas_node.errors import SpoolError\n"
        "try: FolderLock(Path(sys.argv[1]), 'lock-forwarder')\n"
        "except SpoolError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"the spool {folder} is in use by another node")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError) as raised:
        FolderLock(tmp_path / "file" / "0")
    assert str(raised.value) == f"cannot write the spool {tmp_path}/file/0: Not a directory"
