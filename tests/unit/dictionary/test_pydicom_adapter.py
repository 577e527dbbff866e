"""pydicom with this dictionary behind it."""

from __future__ import annotations

import copy
import threading
from io import BytesIO

import pydicom
import pydicom.config
import pytest
from pydicom.datadict import add_private_dict_entry, get_private_entry, private_dictionary_VR
from pydicom.dataset import Dataset

from atlas_dictionary import open_dictionary, patch_pydicom, unpatch_pydicom

pytestmark = pytest.mark.usefixtures("pydicom_dictionary")


def unknown(creator, group, offset, value):
    """Return an explicit VR data set whose private element has VR UN, written and read."""
    ds = Dataset()
    ds.add_new(group << 16 | 0x10, "LO", creator)
    ds.add_new(group << 16 | 0x1000 | offset, "UN", value)
    buffer = BytesIO()
    ds.save_as(buffer, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer, force=True)


def test_pydicom_decodes_un_after_patching(compiled, say, monkeypatch):
    # pydicom's default, which the node changes for its own processes.
    monkeypatch.setattr(pydicom.config, "replace_un_with_known_vr", True)
    dictionary = compiled([say("ACME 1.0", "0099", "xx0a", "US", name="Gate count")])
    assert unknown("ACME 1.0", 0x99, 0x0A, b"\x24\x00")[0x0099100A].VR == "UN"
    patch_pydicom(dictionary)
    element = unknown("ACME 1.0", 0x99, 0x0A, b"\x24\x00")[0x0099100A]
    assert (element.VR, element.value, element.name) == ("US", 36, "[Gate count]")
    unpatch_pydicom()
    assert unknown("ACME 1.0", 0x99, 0x0A, b"\x24\x00")[0x0099100A].VR == "UN"


def test_fill_repairs_the_keys_that_pydicom_never_finds(pydicom_dictionary):
    lost = [
        (creator, key)
        for creator, entries in pydicom_dictionary.items()
        for key in entries
        if "x" not in key and int(key[3], 16) & 1 and f"{key[:4]}xx{key[6:]}" not in entries
    ]
    assert len(lost) > 1600
    patch_pydicom(open_dictionary())
    for creator, key in lost:
        # In whatever block: pydicom's own entry names one.
        found = get_private_entry(int(key[:4] + "42" + key[6:], 16), creator)
        assert found[0] in ("UN", open_vr(creator, key))


def open_vr(creator, key):
    entry = open_dictionary().private(creator, int(key[:4], 16), int(key[6:], 16))
    return "UN" if entry.ambiguous else entry.vr


def test_fill_keeps_and_override_replaces(compiled, say, pydicom_dictionary):
    pydicom_dictionary["ACME 1.0"] = {
        "0099xx0A": ("US", "1", "Theirs", ""),
        "00991021": ("DS", "1", "In one block alone", ""),
        "60xxxx10": ("US", "1", "In a repeating group", ""),
    }
    dictionary = compiled(
        [
            say("ACME 1.0", "0099", "xx0a", "SS", name="Ours"),
            say("acme 1.0", "0099", "xxfe", "US or SS"),
            say("ACME 1.0", "0099", "xx21", "FD"),
            say("ACME 1.0", "60xx", "xx10", "SL"),
        ]
    )
    patch_pydicom(dictionary)
    assert private_dictionary_VR(0x0099100A, "ACME 1.0") == "US"
    assert private_dictionary_VR(0x0099100A, "acme 1.0") == "SS"
    assert private_dictionary_VR(0x009910FE, "ACME 1.0") == "UN"
    assert private_dictionary_VR(0x00991021, "ACME 1.0") == "DS"
    assert private_dictionary_VR(0x00991121, "ACME 1.0") == "FD"
    assert private_dictionary_VR(0x60031010, "ACME 1.0") == "US"
    patch_pydicom(dictionary, "override")
    assert get_private_entry(0x0099100A, "ACME 1.0") == ("SS", "1-n", "Ours", "")
    assert private_dictionary_VR(0x00991021, "ACME 1.0") == "FD"
    assert private_dictionary_VR(0x60031010, "ACME 1.0") == "SL"


def test_fill_gives_a_vr_where_pydicom_has_un(compiled, say, pydicom_dictionary):
    pydicom_dictionary["ACME 1.0"] = {"0099xx01": ("UN", "1", "A", ""), "0099xx02": ("UN",) * 4}
    patch_pydicom(compiled([say("ACME 1.0", "0099", "xx01", "US"), say("A", "0099", "02", "")]))
    assert private_dictionary_VR(0x00991001, "ACME 1.0") == "US"
    assert private_dictionary_VR(0x00991002, "ACME 1.0") == "UN"


@pytest.mark.parametrize("mode", ["fill", "override"])
def test_unpatch_restores_exactly(pydicom_dictionary, mode):
    before = copy.deepcopy(pydicom_dictionary)
    changed = patch_pydicom(open_dictionary(), mode)
    assert changed > 1000
    assert pydicom_dictionary != before
    assert patch_pydicom(open_dictionary(), mode) == changed
    unpatch_pydicom()
    unpatch_pydicom()
    assert list(pydicom_dictionary) == list(before)
    assert {c: list(e.items()) for c, e in pydicom_dictionary.items()} == {
        c: list(e.items()) for c, e in before.items()
    }


def test_what_others_add_meanwhile_stays(compiled, say):
    patch_pydicom(compiled([say("ACME 1.0", "0099", "xx0a", "US")]))
    add_private_dict_entry("ACME 1.0", 0x00990001, "DS", "Theirs")
    add_private_dict_entry("ACME 1.0", 0x0099000A, "SL", "Theirs too")
    unpatch_pydicom()
    assert private_dictionary_VR(0x00991001, "ACME 1.0") == "DS"
    assert private_dictionary_VR(0x0099100A, "ACME 1.0") == "SL"


def test_an_unknown_mode_changes_nothing(compiled, pydicom_dictionary):
    before = copy.deepcopy(pydicom_dictionary)
    with pytest.raises(ValueError, match="neither 'fill' nor 'override'"):
        patch_pydicom(compiled([]), "replace")
    assert pydicom_dictionary == before


def test_threads_read_while_the_patch_changes(compiled, say, pydicom_dictionary):
    before = copy.deepcopy(pydicom_dictionary)
    said = [say("SIEMENS MR HEADER", "0019", f"xx{n:02x}", "SS") for n in range(256)]
    dictionary = compiled(said)
    answers, done = set(), threading.Event()

    def read():
        while not done.is_set():
            answers.add(private_dictionary_VR(0x0019100A, "SIEMENS MR HEADER"))

    def patch(mode):
        for _ in range(20):
            patch_pydicom(dictionary, mode)
            unpatch_pydicom()

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=patch, args=(mode,)) for mode in ("fill", "override")]
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert answers <= {"US", "SS"} and answers
    assert pydicom_dictionary == before
