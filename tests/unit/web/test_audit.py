import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.web import audit
from atlas_node.web.audit import AuditEntry, AuditError, AuditTrail, audit_path

ENTRY = AuditEntry(
    "2026-03-01T08:30:00.000+00:00", "ATLAS", "anna", "operator", "session", "192.0.2.7",
    "delivery.retry", "o1", "to pacs",
)  # fmt: skip


@pytest.fixture
def trail(tmp_path) -> AuditTrail:
    return AuditTrail(tmp_path / "var" / "audit.jsonl")


def test_what_was_added_last_is_read_first(trail):
    for number in range(5):
        trail.add(replace(ENTRY, subject=f"o{number}"))

    assert [it.subject for it in trail.newest(3)] == ["o4", "o3", "o2"]
    assert trail.newest(1)[0] == replace(ENTRY, subject="o4")


def test_each_line_is_a_json_object_for_other_programs(trail, tmp_path):
    trail.add(ENTRY)
    trail.add(replace(ENTRY, detail="two\nlines \x1b[31m\u202e"))
    lines = (tmp_path / "var/audit.jsonl").read_text("ascii").splitlines()

    assert json.loads(lines[0])["action"] == "delivery.retry"
    assert [json.loads(line)["detail"] for line in lines] == [
        "to pacs",
        "two\nlines \x1b[31m\u202e",
    ]


def test_nobody_else_can_read_the_file(trail, tmp_path):
    trail.add(ENTRY)

    assert (tmp_path / "var/audit.jsonl").stat().st_mode & 0o007 == 0


def test_a_trail_that_nobody_wrote_is_empty(trail):
    assert trail.newest(10) == []


def test_a_file_that_was_moved_away_is_begun_again(trail, tmp_path):
    trail.add(ENTRY)
    (tmp_path / "var/audit.jsonl").rename(tmp_path / "old")
    trail.add(replace(ENTRY, subject="o2"))

    assert [it.subject for it in trail.newest(10)] == ["o2"]


def test_lines_that_are_no_entries_are_left_out(trail, tmp_path):
    trail.add(ENTRY)
    with (tmp_path / "var/audit.jsonl").open("ab") as file:
        file.write(b'\xff\n{"at": 1}\n[]\n\nnull\n{"torn')

    assert trail.newest(10) == [ENTRY]


@pytest.mark.parametrize("block", [400, 401, 1000, 65536])
def test_the_end_of_a_long_file_is_found_block_by_block(trail, monkeypatch, block):
    for number in range(20):
        trail.add(replace(ENTRY, subject=f"o{number}"))
    monkeypatch.setattr(audit, "_BLOCK", block)

    assert [it.subject for it in trail.newest(100)] == [f"o{n}" for n in range(19, -1, -1)]


@given(st.text(max_size=3000))
def test_any_text_comes_back_cut(tmp_path_factory, text):
    trail = AuditTrail(tmp_path_factory.mktemp("any") / "audit.jsonl")
    trail.add(replace(ENTRY, detail=text))

    assert trail.newest(1)[0].detail == text[:1000]


def test_threads_do_not_tear_each_others_lines(trail):
    def add(who: str) -> None:
        for _ in range(50):
            trail.add(replace(ENTRY, who=who, detail=who * 900))

    threads = [Thread(target=add, args=(who,)) for who in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(it.who for it in trail.newest(1000)) == sorted("abcd" * 50)


def test_a_trail_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    trail = AuditTrail(tmp_path / "file" / "audit.jsonl")

    for use in (trail.check, lambda: trail.add(ENTRY)):
        with pytest.raises(AuditError, match=r"file/audit\.jsonl: .*web\.audit another place"):
            use()


def test_a_full_disk_is_an_error():
    with pytest.raises(AuditError, match="No space left"):
        AuditTrail(Path("/dev/full")).add(ENTRY)


def test_the_trail_is_beside_the_spool_unless_told_otherwise(make_config, tmp_path):
    assert audit_path(make_config()) == tmp_path / "var/audit.jsonl"
    assert audit_path(make_config(web="{audit: elsewhere.jsonl}")) == tmp_path / "elsewhere.jsonl"


def test_a_change_is_read_as_it_ended_or_as_meant(trail):
    done = replace(ENTRY, change="a", stage="intent", detail="begun")
    lost = replace(ENTRY, change="b", stage="intent", detail="begun")
    for entry in (done, lost, replace(done, stage="outcome", detail="1 done"), ENTRY):
        trail.add(entry)

    read = [(it.change, it.detail) for it in trail.newest(10)]
    assert read == [("", "to pacs"), ("a", "1 done"), ("b", "begun")]


def test_a_line_of_an_earlier_version_is_read(trail, tmp_path):
    trail.add(ENTRY)
    path = tmp_path / "var/audit.jsonl"
    line = json.loads(path.read_text())
    del line["change"], line["stage"]
    path.write_text(json.dumps(line) + "\n")

    assert trail.newest(1) == [ENTRY]


def test_a_line_that_a_full_disk_cut_off_takes_no_other_with_it(trail, tmp_path):
    trail.add(ENTRY)
    path = tmp_path / "var/audit.jsonl"
    path.write_bytes(path.read_bytes()[:40])
    trail.add(replace(ENTRY, subject="o2"))

    assert [it.subject for it in trail.newest(10)] == ["o2"]
