"""The command as it is typed; where processes are killed, the installed script itself."""

import importlib.util
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas
from typer.testing import CliRunner

from atlas_dictionary.compiler import read_source
from atlas_scraper.cli import app
from tests.unit.scraper import bombs

ROWS = [("Name", "Tag", "VR", "VM"), ("Gain", "(0019,1001)", "DS", "1")]
SCRIPT = Path(sys.executable).with_name("atlas-scrape")


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def encrypted(path):
    canvas = Canvas(str(path), encrypt=StandardEncryption("secret", canPrint=0))
    canvas.drawString(100, 700, "(0019,1001) Gain DS 1")
    canvas.save()
    return path


def scanned(path):
    canvas = Canvas(str(path))
    canvas.rect(100, 100, 300, 300, fill=1)
    canvas.save()
    return path


def test_a_document_to_json_lines(statement, tmp_path):
    made = statement().heading("Private Group TEST_GAIN_01").table(ROWS)
    result = run(made.save(), "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    (found,) = lines(tmp_path / "out.jsonl")
    assert found["source"] == made.path.name
    expected = {"group": "0019", "element": "xx01", "creator": "TEST_GAIN_01", "vr": "DS"}
    expected |= {"vm": "1", "name": "Gain", "description": None, "page": 1, "table": 1}
    assert expected.items() <= found.items()
    assert 0.9 < found["confidence"] < 1


def test_bad_documents_cost_a_line_each_and_the_rest_goes_on(statement, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "broken.pdf").write_bytes(b"no pdf")
    encrypted(folder / "encrypted.pdf")
    scanned(folder / "scanned.pdf")
    # The largest, so that it goes first and the others need a process in the place of its own.
    bombs.slow(folder / "slow.pdf")
    statement().table(ROWS).save().rename(folder / "good.PDF")
    output = tmp_path / "out.jsonl"
    result = run(folder, tmp_path / "gone.pdf", "-o", output, "--json", "--time-limit", 5, "-j", 1)
    assert result.exit_code == 1
    assert [line["name"] for line in lines(output)] == ["Gain"]
    said = {Path(line["file"]).name: line for line in map(json.loads, result.stdout.splitlines())}
    assert list(said) == [
        "broken.pdf", "encrypted.pdf", "good.PDF", "scanned.pdf", "slow.pdf", "gone.pdf",
    ]  # fmt: skip
    reasons = {
        "broken.pdf": "broken",
        "encrypted.pdf": "password",
        "scanned.pdf": "scanned images?",
        "slow.pdf": "given up",
        "gone.pdf": "cannot be opened: No such file",
    }
    for name, reason in reasons.items():
        assert reason in said[name]["error"], name
        assert sum(f"{name}: " in line for line in result.stderr.splitlines()) == 1
    good = said["good.PDF"]
    assert (good["elements"], good["error"], good["pages"]) == (1, None, 1)
    # No bar, for standard error is no terminal here.
    assert len(result.stderr.splitlines()) == 7
    assert "6 documents, 5 not read to the end: 1 private elements" in result.stderr


def test_rejected_rows_go_to_their_file(statement, tmp_path):
    made = statement().text("See the element (0009,xx01) for this.")
    result = run(made.save(), "-o", tmp_path / "out.jsonl", "--rejects", tmp_path / "rejects.jsonl")
    assert result.exit_code == 0
    assert lines(tmp_path / "out.jsonl") == []
    (reject,) = lines(tmp_path / "rejects.jsonl")
    assert (reject["page"], reject["source"]) == (1, made.path.name)
    assert "(0009,xx01)" in reject["text"]


def test_elements_to_standard_output_from_a_list_of_documents(statement):
    made = statement().table(ROWS).save()
    result = run("--list", "-", "-o", "-", input=f"# mine\n{made}\n")
    assert json.loads(result.stdout)["name"] == "Gain"
    assert not list(made.parent.glob("*.part"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["x.pdf"],
        ["-o", "out.jsonl"],
        ["x.pdf", "-o", "-", "--json"],
        ["x.pdf", "-o", "same", "--rejects", "same"],
        ["x.pdf", "-o", "out.jsonl", "--jobs", "0"],
        ["review"],
    ],
)
def test_wrong_use(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments).exit_code == 2


def test_an_output_that_cannot_be_written_costs_no_work(statement, tmp_path):
    made = statement().table(ROWS).save()
    done = subprocess.run(
        [SCRIPT, made, "-o", tmp_path / "no" / "out.jsonl"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("atlas-scrape: ") and "out.jsonl: cannot be" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_pdfplumber_one_line_says_what_to_install(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "atlas_scraper.pages.find_spec", lambda name: None if name == "pdfplumber" else find(name)
    )
    monkeypatch.setattr("sys.argv", ["atlas-scrape", "x.pdf", "-o", str(tmp_path / "out.jsonl")])
    from atlas_scraper.cli import main

    errors = pytest.MonkeyPatch()
    said = []
    with errors.context() as patch:
        patch.setattr("typer.echo", lambda text, **_: said.append(text))
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 1
    assert said == ["atlas-scrape: reading PDF needs pdfplumber: pip install 'atlas-node[scraper]'"]


def test_a_run_that_was_killed_goes_on(statement, tmp_path):
    """Two documents are done when the run dies over a third; they are not read again."""
    folder = tmp_path / "many"
    folder.mkdir()
    for name in ("a.pdf", "b.pdf"):
        statement().table(ROWS).save().rename(folder / name)
    bombs.slow(folder / "slow.pdf")
    output = tmp_path / "out.jsonl"
    command = [SCRIPT, folder, "-o", output, "--jobs", "1", "--json"]
    state = tmp_path / "out.jsonl.part"
    # The longest goes first: the slow one is the smallest but for this.
    for name in ("a.pdf", "b.pdf"):
        with (folder / name).open("ab") as file:
            file.write(b"%" * (folder / "slow.pdf").stat().st_size)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first:
        deadline = time.monotonic() + 60
        while len(list(state.glob("*.jsonl"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
    assert not output.exists()
    statement().table(ROWS).save().rename(folder / "slow.pdf")
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    reports = [json.loads(line) for line in again.stdout.splitlines()]
    assert [report["resumed"] for report in reports] == [True, True, False]
    assert [line["source"] for line in lines(output)] == ["a.pdf", "b.pdf", "slow.pdf"]
    assert not state.exists()


def test_a_state_that_is_kept_saves_the_work_of_the_next_run(statement, tmp_path):
    made = statement().table(ROWS).save()
    for resumed in (False, True):
        result = run(made, "-o", tmp_path / "out.jsonl", "--state", tmp_path / "state", "--json")
        assert json.loads(result.stdout)["resumed"] is resumed
        assert len(lines(tmp_path / "out.jsonl")) == 1


def test_a_bar_on_a_terminal(statement, tmp_path):
    command = [SCRIPT, statement().table(ROWS).save(), "-o", tmp_path / "out.jsonl"]
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, stderr=follower, env=environment) as shown:
        os.close(follower)
        said = b""
        while True:
            try:
                said += os.read(leader, 4096)
            except OSError:
                break
    os.close(leader)
    assert shown.returncode == 0
    assert b"documents" in said and b"0/1" in said


# compare

LINE = {
    "group": "0043", "element": "xx10", "creator": "GEMS_PARM_01", "vr": "US", "vm": "1",
    "name": "Window value", "description": None, "source": "one.pdf", "page": 7, "table": 2,
    "confidence": 0.98, "reasons": [], "box": [1, 2, 3, 4],
}  # fmt: skip


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "found.jsonl"
    changes = [
        {},
        {"source": "two.pdf", "page": 9},
        {"element": "xx1d", "vr": "FD", "name": "Level value"},
        {"creator": "ACME 1", "vr": "US"},
        {"creator": "ACME 2", "vr": "US"},
        {"creator": "ACME 2", "vr": "SS", "source": "two.pdf"},
        {"creator": None, "element": "xx7f"},
    ]
    path.write_text("".join(json.dumps(LINE | change) + "\n" for change in changes))
    return path


def test_compare_tells_what_is_new_and_what_the_dictionary_has_otherwise(found):
    result = run("compare", found)
    assert result.exit_code == 0
    head, *rest = result.stdout.splitlines()
    assert head == (
        "5 elements of 2 documents: 1 disagreeing, 0 completing, 2 new, 0 silent,"
        " 1 without creator, 1 agreeing"
    )
    said = "\n".join(rest)
    assert "the documents contradict each other (1)" in said
    assert "more than one VR is given: US (one.pdf); SS (two.pdf)" in said
    assert "(0043,xx1d)  FD, 1  GEMS_PARM_01  Level value" in said
    assert "VR FD here, SS (" in said
    assert "new (1)" in said and "ACME 1" in said
    assert "Window value" not in said.partition("new (1)")[0].partition("disagreeing (1)")[2]


def test_compare_as_json_and_by_standing(found):
    report = json.loads(run("compare", found, "--json", "--show", "agreeing").stdout)
    assert (report["documents"], report["elements"]) == (["one.pdf", "two.pdf"], 5)
    assert report["counts"]["agreeing"] == 1
    (shown,) = report["shown"]
    assert [(place["source"], place["page"]) for place in shown["sources"]] == [
        ("one.pdf", 7), ("two.pdf", 9),
    ]  # fmt: skip
    assert "US" in {source["stated"] for source in shown["dictionary"]["sources"]}


def test_what_compare_writes_is_a_source_of_the_dictionary(found, tmp_path):
    output = tmp_path / "resolved.jsonl"
    assert run("compare", found, "-o", output).exit_code == 0
    table = read_source(output)
    assert {(s.key.creator, s.detail) for s in table.statements} == {
        ("GEMS_PARM_01", "one.pdf p. 7; two.pdf p. 9"),
        ("GEMS_PARM_01", "one.pdf p. 7"),
        ("ACME 1", "one.pdf p. 7"),
    }
    assert len(table.notes) == 2  # without a creator, and contested


def test_compare_refuses_what_is_no_file_of_rows(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("{}\n")
    done = subprocess.run([SCRIPT, "compare", path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"atlas-scrape: {path}, line 1: neither an element nor the text of a reject;"
        " expected a line that atlas-scrape wrote"
    ]
