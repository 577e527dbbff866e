"""What atlas-scrape found, as a source."""

from __future__ import annotations

import json

import pytest

from atlas_dictionary.compiler import read_source

FOUND = {
    "group": "0019", "element": "xx0a", "creator": "ACME 1.0", "vr": "US", "vm": "1",
    "name": "Gate count", "description": None, "source": "acme.pdf", "page": 7, "table": 2,
    "confidence": 0.98, "reasons": [], "box": [0, 0, 1, 1],
}  # fmt: skip


def read(tmp_path, *lines):
    path = tmp_path / "found.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    return read_source(path)


def test_document_and_page_are_the_detail(tmp_path):
    (statement,) = read(tmp_path, json.dumps(FOUND)).statements
    assert (statement.key.creator, str(statement.key)) == ("ACME 1.0", "(0019,xx0a)")
    assert (statement.vrs, statement.vm, statement.name) == (("US",), "1", "Gate count")
    assert statement.detail == "acme.pdf p. 7"


def test_a_vr_that_the_document_does_not_give_is_none(tmp_path):
    (statement,) = read(tmp_path, json.dumps(FOUND | {"vr": None, "vm": None})).statements
    assert (statement.vrs, statement.vm) == ((), "")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (json.dumps(FOUND | {"creator": None}), "has no private creator"),
        (json.dumps(FOUND | {"confidence": 0.43}), "has a confidence of 0.43 only"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
    ],
)
def test_what_names_no_element_for_certain_is_counted_and_named(tmp_path, line, reason):
    table = read(tmp_path, json.dumps(FOUND), line)
    assert (len(table.statements), table.info.unread) == (1, 1)
    assert "found.jsonl, line 2: " in table.notes[0] and reason in table.notes[0]


def test_an_element_over_several_documents_names_each_with_its_pages(tmp_path):
    pages = [("acme.pdf", 7), ("acme.pdf", 12), ("other.pdf", 3), ("acme.pdf", 12)]
    resolved = FOUND | {"sources": [{"source": name, "page": page} for name, page in pages]}
    (statement,) = read(tmp_path, json.dumps(resolved)).statements
    assert statement.detail == "acme.pdf p. 7, 12; other.pdf p. 3"


def test_what_a_person_accepted_needs_no_confidence(tmp_path):
    accepted = FOUND | {"confidence": 0.2, "review": "accepted"}
    (statement,) = read(tmp_path, json.dumps(accepted)).statements
    assert statement.detail == "acme.pdf p. 7, reviewed"


def test_what_a_person_rejected_is_left_out(tmp_path):
    table = read(tmp_path, json.dumps(FOUND), json.dumps(FOUND | {"review": "rejected"}))
    assert (len(table.statements), table.faults) == (1, ())
    assert "line 2: rejected in review" in table.notes[0]
