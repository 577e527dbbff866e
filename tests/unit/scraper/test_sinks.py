import pytest

from atlas_scraper.rows import RowsError
from atlas_scraper.sinks import require_writable, sink


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), sink(path) as file:
        file.write("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    with sink(path) as file:
        file.write("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]
    assert path.read_text() == "whole"


def test_a_device_is_written_to_and_not_replaced():
    from pathlib import Path

    with sink(Path("/dev/null")) as file:
        file.write("gone")
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path):
    with pytest.raises(RowsError, match="it is a folder"):
        require_writable(tmp_path)
    with pytest.raises(RowsError, match="no folder to write in"):
        require_writable(tmp_path / "no" / "out.jsonl")
    require_writable(tmp_path / "out.jsonl")
