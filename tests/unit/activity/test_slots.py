import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_node.activity.slots import LONGEST, MAGIC, SLOT, SlotFile, read_slots


@pytest.fixture
def path(tmp_path):
    return tmp_path / "activity" / "receiver-0"


def written(path, *texts):
    file = SlotFile(path)
    for text in texts:
        file.write(text)
    file.close()


def test_the_latest_text_is_read(path):
    written(path, b"one", b"two", b"three")
    assert read_slots(path) == b"three"


def test_a_process_that_starts_again_finds_the_latest_text_and_goes_on(path):
    written(path, b"one", b"two")
    file = SlotFile(path)
    assert file.found == b"two"
    file.write(b"three")
    file.close()
    assert read_slots(path) == b"three"


@pytest.mark.parametrize(
    "content", [b"", b"ATLASAC", MAGIC, MAGIC + b"\xff" * 100, b"\0" * 300_000]
)
def test_what_is_no_such_file_is_as_if_it_were_not_there(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    assert read_slots(path) is None
    file = SlotFile(path)
    assert file.found is None
    file.write(b"one")
    file.close()
    assert read_slots(path) == b"one"


def test_a_missing_file_is_nothing(path):
    assert read_slots(path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(cut=st.integers(0, 40))
def test_a_writer_that_is_killed_while_it_writes_leaves_the_text_before(path, cut):
    """Whatever part of the new slot has come to the disk."""
    path.unlink(missing_ok=True)
    written(path, b"first text", b"second text")
    before = path.read_bytes()
    written(path, b"third text")
    after = path.read_bytes()
    begin = len(MAGIC) + SLOT  # the third goes where the first was
    torn = bytearray(before)
    torn[begin : begin + cut] = after[begin : begin + cut]
    path.write_bytes(torn)
    whole = bytes(torn) == after
    assert read_slots(path) == (b"third text" if whole else b"second text")


def test_its_size_is_taken_when_it_is_made_and_never_changes(path):
    file = SlotFile(path)
    size = path.stat().st_blocks
    file.write(b"x" * LONGEST)
    file.write(b"y" * LONGEST)
    assert path.stat().st_blocks == size
    with pytest.raises(ValueError, match="at most"):
        file.write(b"x" * (LONGEST + 1))
    file.close()
    assert read_slots(path) == b"y" * LONGEST
