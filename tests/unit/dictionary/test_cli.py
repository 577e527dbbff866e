"""The `atlas-dict` command."""

from __future__ import annotations

import json
import sys

import pytest

from atlas_dictionary import cli
from atlas_dictionary.reader import BUILT_IN


@pytest.fixture
def run(monkeypatch, capsys):
    """Run ``atlas-dict`` with these words; gives exit status, stdout and stderr."""
    monkeypatch.delenv("ATLAS_DICTPATH", raising=False)

    def atlas_dict(*words):
        monkeypatch.setattr(sys, "argv", ["atlas-dict", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        out, err = capsys.readouterr()
        return status, out, err

    return atlas_dict


def test_lookup_prints_the_contract(run):
    status, out, _ = run("lookup", "0019", "xx0a", "--creator", "SIEMENS MR HEADER", "--json")
    record = json.loads(out)
    assert status == 0
    assert list(record) == [
        "group", "element", "creator", "vr", "vm", "keyword", "name", "description", "sources",
        "candidates", "confidence", "retired",
    ]  # fmt: skip
    assert record["group"] == "0019"
    assert record["element"] == "xx0a"
    assert record["creator"] == "SIEMENS MR HEADER"
    assert (record["vr"], record["vm"]) == ("US", "1")
    assert record["keyword"] == "NumberOfImagesInMosaic"
    assert {"id": "pydicom", "detail": ""} in record["sources"]
    assert record["candidates"][0]["vr"] == "US"
    assert 0 < record["confidence"] <= 1
    assert record["retired"] is False


@pytest.mark.parametrize(
    "words",
    [
        ("0019", "100a", "-c", "SIEMENS MR HEADER"),
        ("0019", "0a", "-c", "siemens MR  header"),
        ("(0019,xx0a)", "-c", "SIEMENS MR HEADER"),
        ("0019100A", "-c", "SIEMENS MR HEADER "),
    ],
)
def test_all_forms_of_a_private_tag(run, words):
    status, out, _ = run("lookup", *words, "--json")
    assert status == 0
    assert json.loads(out)["keyword"] == "NumberOfImagesInMosaic"


@pytest.mark.parametrize(
    "words", [("0010", "0010"), ("(0010,0010)",), ("00100010",), ("PatientName",)]
)
def test_all_forms_of_a_standard_tag(run, words):
    status, out, _ = run("lookup", *words, "--json")
    record = json.loads(out)
    assert status == 0
    assert (record["group"], record["element"]) == ("0010", "0010")
    assert (record["creator"], record["vr"]) == (None, "PN")


def test_a_private_tag_without_creator_lists_all_that_have_it(run):
    status, out, _ = run("lookup", "0019", "100a", "--json")
    creators = [record["creator"] for record in json.loads(out)]
    assert status == 0
    assert "SIEMENS MR HEADER" in creators
    assert len(creators) == len(set(creators)) > 5
    _, text, _ = run("lookup", "0019", "100a")
    assert all(creator in text for creator in creators)


@pytest.mark.parametrize(
    "words",
    [("0019", "xxff", "-c", "SIEMENS MR HEADER"), ("0019", "xx0a", "-c", "Nobody"), ("Nothing",)],
)
def test_nothing_found(run, words):
    assert run("lookup", *words, "--json")[:2] == (1, '{"found": false}\n')
    status, out, err = run("lookup", *words)
    assert (status, out) == (1, "")
    assert err.startswith("atlas-dict: no entry for ") and err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("lookup",),
        ("lookup", "0019", "zz", "-c", "C"),
        ("lookup", "PatientName", "-c", "C"),
        ("lookup", "0019", "100a", "--colour"),
        ("nonsense",),
    ],
)
def test_wrong_use(run, words):
    status, out, err = run(*words)
    assert status == 2
    assert "Traceback" not in out + err


def test_control_characters_and_markup_are_shown_not_obeyed(run, tmp_path):
    path = tmp_path / "evil.tsv"
    path.write_text(
        "creator\tgroup\telement\tvr\tname\n"
        "EVIL\\x1b[31m[red]\t0019\txx01\tUS\t[bold]\\x07name\\nsecond line\n"
    )
    status, out, _ = run("lookup", "0019", "1001", "-c", "EVIL\x1b[31m[red]", "-d", path)
    assert status == 0
    assert r"EVIL\x1b[31m[red]" in out
    assert r"[bold]\x07name\nsecond line" in out
    status, out, err = run("lookup", "0019", "1002", "-c", "EVIL\x1b[31m[red]", "-d", path)
    assert "\x1b" not in out + err
    assert "[red]" in err


def test_layers_by_option_and_environment(run, tmp_path, monkeypatch):
    first, second = tmp_path / "first.dic", tmp_path / "second.dic"
    first.write_text('(0019,"ACME",01)\tUS\tFirst\t1\n')
    second.write_text('(0019,"ACME",01)\tSS\tSecond\t1\n')
    words = ("lookup", "0019", "xx01", "-c", "ACME", "--json")
    _, out, _ = run(*words, "--dictionary", first, "--dictionary", second)
    assert json.loads(out)["vr"] == "SS"
    monkeypatch.setenv("ATLAS_DICTPATH", f"{second}:{first}")
    # `run` clears the variable once, before this line.
    _, out, _ = run(*words)
    assert json.loads(out)["vr"] == "US"


def test_a_layer_that_is_wrong_is_one_line(run, tmp_path):
    path = tmp_path / "bad.dic"
    path.write_text("\n(0019)\n")
    status, out, err = run("lookup", "0019", "xx01", "-d", path)
    assert (status, out) == (1, "")
    assert err.startswith(f"atlas-dict: {path}, line 2: ") and err.count("\n") == 1


def test_info(run):
    status, out, _ = run("info", "--json")
    facts = json.loads(out)
    assert status == 0
    assert facts["private"] > 10000 and facts["public"] > 5000
    assert sum(facts["private_by_vr"].values()) == facts["private"]
    status, out, _ = run("info")
    assert status == 0
    assert f"private              {facts['private']}\n" in out
    assert "pydicom" in out


def test_build_lookup_and_verify(run, tmp_path, folder):
    target = tmp_path / "built.adict"
    status, out, err = run("build", folder / "sources", "-o", target)
    assert (status, err) == (0, "")
    assert target.read_bytes() == BUILT_IN.read_bytes()
    assert run("verify", target)[0] == 0
    damaged = bytearray(target.read_bytes())
    damaged[5000] ^= 1
    target.write_bytes(damaged)
    status, out, err = run("verify", target)
    assert (status, out) == (1, "")
    assert "checksum of the body" in err
    assert run("verify")[0] == 0


def test_build_reports_what_a_source_overrides(run, tmp_path):
    source, target = tmp_path / "s.dic", tmp_path / "s.adict"
    source.write_text('(0019,"C",10)\tUS\tOld\t1\n(0019,"C",10)\tSS\tNew\t1\n')
    status, _, err = run("build", source, "-o", target)
    assert status == 0
    assert "line 2" in err
    assert target.exists()


@pytest.mark.parametrize("name", ["none.tsv", "empty", "file.txt"])
def test_build_refuses_what_is_no_source(run, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("text")
    status, out, err = run("build", tmp_path / name, "-o", tmp_path / "out.adict")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1 and name in err
    assert not (tmp_path / "out.adict").exists()


def test_import_writes_a_source_table(run, tmp_path):
    source, target = tmp_path / "acme.dic", tmp_path / "acme.tsv"
    source.write_text('(0019,"ACME 1.0",10)\tUS\tGateCount\t1\n')
    status, _, _ = run(
        "import", source, "-o", target, "--id", "acme", "--licence", "CC0-1.0", "--title", "Ours"
    )
    assert status == 0
    lines = target.read_text().splitlines()
    assert "# licence: CC0-1.0" in lines
    assert lines[-1].split("\t")[:7] == [
        "ACME 1.0", "0019", "xx10", "US", "1", "GateCount", "GateCount",
    ]  # fmt: skip
    assert run("lookup", "0019", "xx10", "-c", "ACME 1.0", "-d", target)[0] == 0


def test_every_command_and_option_has_help(run):
    for command in ("lookup", "info", "build", "verify", "import"):
        status, out, _ = run(command, "--help")
        assert status == 0
        assert "Usage:" in out
