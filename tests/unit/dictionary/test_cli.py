"""The `atlas-dict` command."""

from __future__ import annotations

import json
import re
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
        "candidates", "confidence", "retired", "flags",
    ]  # fmt: skip
    assert record["group"] == "0019"
    assert record["element"] == "xx0a"
    assert record["creator"] == "SIEMENS MR HEADER"
    assert (record["vr"], record["vm"]) == ("US", "1")
    assert record["keyword"] == "NumberOfImagesInMosaic"
    assert {"id": "pydicom", "detail": "", "stated": "US"} in record["sources"]
    assert len({source["id"] for source in record["sources"]}) == len(record["sources"])
    assert record["flags"] == ["observed"]
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
    # What is said on the command line wins.
    _, out, _ = run(*words, "-d", second)
    assert json.loads(out)["vr"] == "SS"


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


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("x.jsonl", '{"a":1', "x.jsonl, line 1: not JSON"),
        ("x.csv", "creator,group,element,vr\nACME,0098,xx01,US\n", "x.csv, line 2: .* even group"),
        ("x.tpl", "# only\nnonsense\n", "x.tpl, line 2: .* expected"),
    ],
)
@pytest.mark.parametrize("command", ["build", "import"])
def test_a_source_of_which_nothing_can_be_used_fails(run, tmp_path, name, text, reason, command):
    (tmp_path / name).write_text(text)
    status, out, err = run(command, tmp_path / name, "-o", tmp_path / "out")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert re.search(f"nothing in it can be used: .*{reason}", err)
    assert not (tmp_path / "out").exists()


def test_build_tells_what_is_no_private_element(run, tmp_path):
    source, target = tmp_path / "acme.csv", tmp_path / "acme.adict"
    source.write_text("creator,group,element,vr\nACME,0098,xx01,US\nACME,0099,xx01,US\n")
    status, _, err = run("build", source, "-o", target)
    assert status == 0
    assert err.startswith(f"note: {source}, line 2: (0098,xx01) of 'ACME' has an even group")


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


@pytest.mark.parametrize(
    "words", [("0019", "0010"), ("(0019,0010)",), ("0019", "00ff", "-c", "SIEMENS MR HEADER")]
)
def test_a_private_creator_element_is_told_apart(run, words):
    status, out, err = run("lookup", *words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "is a Private Creator element" in err
    assert run("lookup", *words, "--json")[:2] == (1, '{"found": false}\n')
    assert run("lookup", "0029", "xx10", "-c", "SIEMENS CSA HEADER")[0] == 0


def test_commands_that_write_or_check_print_one_document_too(run, tmp_path):
    source, target = tmp_path / "acme.csv", tmp_path / "acme.adict"
    source.write_text("creator,group,element,vr\nACME,0098,xx01,US\nACME,0099,xx01,US\n")
    status, out, err = run("build", source, "-o", target, "--json")
    built = json.loads(out)
    assert (status, err) == (0, "")
    assert (built["file"], built["entries"], len(built["notes"])) == (str(target), 1, 1)
    assert built["bytes"] == target.stat().st_size
    checked = json.loads(run("verify", target, "--json")[1])
    assert checked == built | {"notes": []}
    imported = json.loads(run("import", source, "-o", tmp_path / "acme.tsv", "--json")[1])
    assert (imported["statements"], len(imported["notes"])) == (1, 1)


def test_export_to_stdout(run, tmp_path):
    words = ("export", "--to", "csv", "--creator", "SIEMENS MR HEADER")
    status, out, err = run(*words, "-")
    assert (status, err) == (0, "")
    run(*words, tmp_path / "file.csv")
    assert out.encode() == (tmp_path / "file.csv").read_bytes()
    status, out, err = run("export", "--to", "dcm4che", "-")
    assert (status, out) == (1, "") and "is a folder of files" in err


def test_search_lists_what_meets_every_condition(run):
    words = ("search", "mosaic", "--creator", "siemens mr*", "--group", "0019", "--vr", "US")
    status, out, _ = run(*words, "--json")
    records = json.loads(out)
    assert status == 0
    assert [(r["creator"], r["element"]) for r in records] == [("SIEMENS MR HEADER", "xx0a")]
    status, out, _ = run(*words)
    assert out.split()[:2] == ["(0019,xx0a)", "US"] and out.count("\n") == 1
    assert (
        run("search", "--element", "xx0a", "--group", "0019", "-c", "SIEMENS MR HEADER")[1] == out
    )
    assert run("search", "--name", "PatientN?me")[0] == 1
    assert "(0010,0010)" in run("search", "--name", "PatientN*")[1]


def test_search_that_finds_nothing(run):
    assert run("search", "no such words", "--json")[:2] == (1, "[]\n")
    status, out, err = run("search", "no such words")
    assert (status, out, err) == (1, "", "atlas-dict: no entry meets all of this\n")


@pytest.mark.parametrize("words", [(), ("--group", "019"), ("--group", "00z9")])
def test_search_for_nothing_is_wrong_use(run, words):
    status, _, err = run("search", *words)
    assert (status, "Traceback" in err) == (2, False)


def test_conflicts_tell_who_says_what(run, tmp_path):
    path, other = tmp_path / "one.csv", tmp_path / "two.csv"
    head = "creator,group,element,vr,name\n"
    path.write_text(f"{head}ACME,0019,xx01,US,Gate\nACME,0019,xx02,US,Same\n")
    other.write_text(f"{head}ACME,0019,xx01,LO,Gate\nACME,0019,xx02,US,Same\n")
    compiled = tmp_path / "both.adict"
    assert run("build", path, other, "-o", compiled)[0] == 0
    status, out, _ = run("conflicts", "-d", compiled, "--json")
    (ours,) = (record for record in json.loads(out) if record["creator"] == "ACME")
    assert status == 0
    assert (ours["element"], ours["kind"]) == ("xx01", "text against binary")
    assert ours["stated"] == {"US": ["one"], "LO": ["two"]}
    _, out, _ = run("conflicts", "-d", compiled)
    assert "ACME" in out and "text against binary: US says one; LO says two" in out


def test_diff(run, tmp_path):
    before, after = tmp_path / "before.csv", tmp_path / "after.csv"
    head = "creator,group,element,vr,name\n"
    before.write_text(f"{head}ACME,0019,xx01,US,Gate\nACME,0019,xx02,US,Gone\n")
    after.write_text(f"{head}ACME,0019,xx01,SS,Gate\nACME,0019,xx03,US,New\x1b[31m\n")
    status, out, err = run("diff", before, after)
    assert status == 0
    assert err == "1 added, 1 removed, 1 changed\n"
    lines = [line.split()[:3] for line in out.splitlines()]
    assert lines[:3] == [
        ["+", "(0019,xx03)", "US"], ["-", "(0019,xx02)", "US"], ["~", "(0019,xx01)", "SS"],
    ]  # fmt: skip
    assert "    vr: US -> SS" in out and "\x1b" not in out
    record = json.loads(run("diff", before, after, "--json")[1])
    assert [len(record[part]) for part in ("added", "removed", "changed")] == [1, 1, 1]
    assert run("diff", "built-in", "built-in")[1] == ""
    assert run("diff", before, tmp_path / "none.csv")[0] == 1


def test_export_writes_a_file_and_tells_what_it_leaves_out(run, tmp_path):
    source = tmp_path / "acme.csv"
    source.write_text("creator,group,element,vr\nACME/..,0099,xx01,US\nACME/..,0099,10xx,LO\n")
    words = ("--creator", "acme*", "-d", source)
    status, out, err = run("export", "--to", "dcmtk", tmp_path / "acme.dic", *words)
    assert (status, out) == (0, f"{tmp_path / 'acme.dic'}: 1 entries\n")
    assert err == "note: left out 1: names a block as a whole\n"
    assert '(0099,"ACME/..",01)\tUS\tUnknown\t1-n' in (tmp_path / "acme.dic").read_text()
    assert run("export", "--to", "dcm4che", tmp_path / "folder", *words)[0] == 0
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["ACME.xml"]
    # A file is where the folder should be.
    status, _, err = run("export", "--to", "dcm4che", source, *words)
    assert status == 1 and err.splitlines()[-1].startswith(f"atlas-dict: {source}: cannot be made")
    status, _, err = run("export", "--to", "csv", tmp_path / "none.csv", "-c", "nobody")
    assert (status, err) == (1, "atlas-dict: nothing to export\n")
    assert not (tmp_path / "none.csv").exists()
    assert run("export", "--to", "word", tmp_path / "x")[0] == 2


def test_every_command_and_option_has_help(run):
    for command in (
        "lookup", "search", "info", "conflicts", "build", "verify", "import", "diff", "export",
    ):  # fmt: skip
        status, out, _ = run(command, "--help")
        assert status == 0
        assert "Usage:" in out
