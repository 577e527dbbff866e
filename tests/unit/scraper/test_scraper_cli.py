import importlib.util
import json

from typer.testing import CliRunner

from atlas_scraper.cli import app

ROWS = [("Name", "Tag", "VR", "VM"), ("Gain", "(0019,1001)", "DS", "1")]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


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


def test_one_bad_document_costs_one_line_and_the_rest_goes_on(statement, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "a_bad.pdf").write_bytes(b"no pdf")
    statement().table(ROWS).save().rename(folder / "good.PDF")
    result = run(folder, "-o", tmp_path / "out.jsonl", "--json")
    assert result.exit_code == 1
    assert len(lines(tmp_path / "out.jsonl")) == 1
    complaints = [line for line in result.stderr.splitlines() if "a_bad.pdf" in line]
    assert len(complaints) == 1
    bad, good = [json.loads(line) for line in result.stdout.splitlines()]
    assert bad["file"].endswith("a_bad.pdf")
    assert bad["error"]
    assert (good["elements"], good["error"], good["pages"]) == (1, None, 1)


def test_rejected_rows_go_to_their_file(statement, tmp_path):
    made = statement().text("See the element (0009,xx01) for this.")
    result = run(made.save(), "-o", tmp_path / "out.jsonl", "--rejects", tmp_path / "rejects.jsonl")
    assert result.exit_code == 0
    assert lines(tmp_path / "out.jsonl") == []
    (reject,) = lines(tmp_path / "rejects.jsonl")
    assert (reject["page"], reject["source"]) == (1, made.path.name)
    assert "(0009,xx01)" in reject["text"]


def test_elements_to_standard_output(statement):
    result = run(statement().table(ROWS).save(), "-o", "-")
    assert json.loads(result.stdout)["name"] == "Gain"


def test_wrong_use(tmp_path):
    assert run("x.pdf").exit_code == 2
    assert run(tmp_path, "-o", tmp_path / "out.jsonl").exit_code == 2
    assert run("x.pdf", "-o", "-", "--json").exit_code == 2


def test_an_output_that_cannot_be_written(statement, tmp_path):
    result = run(statement().table(ROWS).save(), "-o", tmp_path / "no" / "out.jsonl")
    assert result.exit_code == 1
    assert "out.jsonl" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_pdfplumber_one_line_says_what_to_install(monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "atlas_scraper.pages.find_spec", lambda name: None if name == "pdfplumber" else find(name)
    )
    result = run("x.pdf", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "atlas-scrape: reading PDF needs pdfplumber: pip install 'atlas-node[scraper]'"
    ]
