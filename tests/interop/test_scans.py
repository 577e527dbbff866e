"""Every real scan: nothing lost, nothing else changed, and once is enough."""

from pathlib import Path

import pytest

from atlas_dictionary import open_dictionary
from atlas_node.annotate import Annotator
from atlas_node.encoding.part10 import split_file
from atlas_node.errors import MalformedStreamError
from atlas_node.model import Policy
from tests import ondisk
from tests.peers import make_unknown, scans


@pytest.fixture(scope="module")
def annotator() -> Annotator:
    return Annotator(open_dictionary())


def parts(path: Path) -> tuple[bytes, bytes, str] | None:
    """The file meta information, the data set and the transfer syntax of a file."""
    data = path.read_bytes()
    try:
        part10 = split_file(data)
    except MalformedStreamError:
        return None
    return data[: part10.offset], data[part10.offset :], part10.transfer_syntax_uid


def test_as_they_are(annotator: Annotator) -> None:
    read = 0
    for path in scans():
        split = parts(path)
        if split is None:
            continue
        _, data, syntax = split
        observed = annotator.annotate(data, syntax, Policy.OBSERVE)
        assert b"".join(observed.pieces) == data, path
        for policy in (Policy.DECODE, Policy.DESCRIBE):
            once = annotator.annotate(data, syntax, policy)
            out = b"".join(once.pieces)
            again = annotator.annotate(out, syntax, policy)
            assert b"".join(again.pieces) == out, (path, policy)
            assert again.error == once.error
            assert len(once.elements()) == once.counts["private"]
        read += once.error is None
    assert read > 80


def test_made_unknown_and_decoded(annotator: Annotator, tmp_path: Path) -> None:
    decoded = 0
    for number, path in enumerate(scans()):
        unknown, out = tmp_path / f"{number}.dcm", tmp_path / f"{number}.out"
        if not make_unknown(path, unknown):
            continue
        split = parts(unknown)
        assert split is not None
        meta, data, syntax = split
        annotation = annotator.annotate(data, syntax, Policy.DECODE)
        assert annotation.error is None, path
        out.write_bytes(meta + b"".join(annotation.pieces))
        before, after = ondisk.read(unknown)[1], ondisk.read(out)[1]
        assert before.keys() == after.keys(), path
        for key, element in before.items():
            private = any(step >> 16 & 1 for step in key if step > 0xFFFF)
            if not private:
                assert after[key].vr == element.vr, (path, key)
            if not private and element.vr != "SQ" and key[-1] & 0xFFFF:
                assert after[key].value == element.value, (path, key)
            decoded += private and after[key].vr != element.vr
    assert decoded > 12000
