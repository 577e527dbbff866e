import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest

from atlas_node.encoding.part10 import file_header
from atlas_node.errors import SpoolError
from atlas_node.model import DeliveryRecord, DeliveryStatus
from atlas_node.spool.entry import Entry
from atlas_node.spool.partition import FolderLock, Partition
from tests.streams import element, text

DATA = element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.2\0") + element(
    0x00100010, "PN", text("Doe^Jane")
)


@contextmanager
def files_no_longer_than(size: int):
    """What a full disk does, from the operating system itself."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "0"


@pytest.fixture(params=["os", "fsync"])
def partition(folder, request):
    opened = Partition(folder, request.param)
    yield opened
    opened.close()


@pytest.fixture
def header(envelope) -> bytes:
    return file_header(
        sop_class_uid=envelope.sop_class_uid,
        sop_instance_uid=envelope.sop_instance_uid,
        transfer_syntax_uid=envelope.transfer_syntax_uid,
        source_ae=envelope.calling_ae,
    )


@pytest.fixture
def entry(envelope, header, pacs) -> Entry:
    return Entry("0000000000000001-000000", envelope, len(DATA), len(header), (pacs,))


def sent(destination: str = "pacs") -> DeliveryRecord:
    return DeliveryRecord(destination, DeliveryStatus.SENT, 1, 2.0, "status 0x0000")


def test_an_object_is_a_dicom_file_that_any_tool_opens(partition, folder, entry, header):
    partition.write(entry, header, DATA)
    ds = pydicom.dcmread(folder / f"{entry.object_id}.dcm")
    assert ds.PatientName == "Doe^Jane"
    assert ds.file_meta.SourceApplicationEntityTitle == "SCANNER"
    assert bytes(partition.read(entry)) == DATA


def test_a_sweep_yields_what_was_accepted_with_its_deliveries(partition, entry, header):
    partition.write(entry, header, DATA)
    partition.append(entry.object_id, sent())
    [(queued, damage)] = partition.sweep()
    assert queued.entry == entry
    assert queued.deliveries == {"pacs": sent()}
    assert damage == ""


@pytest.mark.parametrize("kept", ["nothing", "half a line", "all but the newline"])
def test_an_object_whose_entry_is_torn_was_never_accepted(partition, folder, entry, header, kept):
    partition.write(entry, header, DATA)
    journal = folder / f"{entry.object_id}.job"
    line = journal.read_bytes()
    cuts = {"nothing": 0, "half a line": len(line) // 2, "all but the newline": len(line) - 1}
    journal.write_bytes(line[: cuts[kept]])
    assert list(partition.sweep()) == []
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_data_without_a_journal_was_never_accepted(partition, folder, entry, header):
    partition.write(entry, header, DATA)
    (folder / f"{entry.object_id}.job").unlink()
    assert list(partition.sweep()) == []
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_torn_delivery_line_is_cut_off_before_the_next_is_added(partition, folder, entry, header):
    partition.write(entry, header, DATA)
    journal = folder / f"{entry.object_id}.job"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"delivery":{"destin')
    [(queued, _)] = partition.sweep()
    assert queued.deliveries["pacs"].status is DeliveryStatus.PENDING
    assert journal.read_bytes() == whole


def test_a_journal_of_something_else_is_left_alone(partition, folder, caplog):
    strange = folder / "0000000000000002-000000.job"
    strange.write_bytes(b'{"version": 99}\n')
    assert list(partition.sweep()) == []
    assert strange.exists()
    assert "journal version 99, expected 1" in caplog.text


@pytest.mark.parametrize("left", [None, b"short"])
def test_damaged_data_of_an_accepted_object_is_said(partition, folder, entry, header, left):
    partition.write(entry, header, DATA)
    data = folder / f"{entry.object_id}.dcm"
    data.unlink() if left is None else data.write_bytes(left)
    [(_, damage)] = partition.sweep()
    assert damage in (
        f"the data file {data.name} is missing",
        f"the data file {data.name} has 5 of {len(header) + len(DATA)} bytes",
    )
    with pytest.raises(SpoolError):
        partition.read(entry)


def test_nothing_is_left_of_an_object_that_cannot_be_written(partition, folder, entry, header):
    with files_no_longer_than(100), pytest.raises(SpoolError, match="cannot write the spool"):
        partition.write(entry, header, DATA)
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_delivery_line_that_is_written_in_part_is_taken_back(partition, folder, entry, header):
    partition.write(entry, header, DATA)
    journal = folder / f"{entry.object_id}.job"
    size = journal.stat().st_size
    with files_no_longer_than(size + 10), pytest.raises(OSError, match="No space left"):
        partition.append(entry.object_id, sent())
    assert journal.stat().st_size == size
    partition.append(entry.object_id, sent())
    [(queued, _)] = partition.sweep()
    assert queued.deliveries == {"pacs": sent()}


def test_what_is_read_stays_readable_after_it_is_removed(partition, folder, entry, header):
    partition.write(entry, header, DATA)
    data = partition.read(entry)
    partition.remove(entry.object_id)
    assert bytes(data) == DATA
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_another_process_is_kept_out(partition, folder):
    script = (
        "import sys; from pathlib import Path; from atlas_node.spool.partition import FolderLock\n"
        "from atlas_node.errors import SpoolError\n"
        "try: FolderLock(Path(sys.argv[1]))\n"
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
