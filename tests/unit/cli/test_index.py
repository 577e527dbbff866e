"""``atlas-node index``: a folder into the index, once, and out of it."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import pytest
import yaml

from atlas_node.annotate import Annotator
from tests.small_archive import NOBODYS_SYNTAX, SmallArchive
from tests.streams import element, text
from tests.unit.test_files import dicom_file


@pytest.fixture
def run(atlas_node):
    return partial(atlas_node, "index")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "log": {"url": "sqlite:///log.db"},
                "query": {
                    "index": [{"creator": "SIEMENS MR HEADER", "group": "0019", "element": "xx0a"}]
                },
            }
        )
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "objects"
    folder.mkdir()
    for number in range(3):
        data_set = (
            element(0x00080018, "UI", b"1.2.3.%d\0" % number)
            + element(0x00190010, "LO", text("SIEMENS MR HEADER"))
            + element(0x0019100A, "UN", bytes([number % 2, 0]))
        )
        (folder / f"{number}.dcm").write_bytes(dicom_file(data_set))
    return folder


def test_a_folder_is_read_once(run, config: Path, folder: Path) -> None:
    first = run("backfill", "-c", config, "--folder", folder, "--json")
    assert first.returncode == 0, first.stderr
    counts = json.loads(first.stdout)
    assert counts == {
        "source": str(folder), "objects": 3, "indexed": 3, "skipped": 0, "errors": 0,
    }  # fmt: skip
    second = json.loads(run("backfill", "-c", config, "--folder", folder, "--json").stdout)
    assert (second["objects"], second["skipped"]) == (0, 3)
    again = json.loads(
        run("backfill", "-c", config, "--folder", folder, "--again", "--json").stdout
    )
    assert (again["objects"], again["skipped"]) == (3, 0)
    status = json.loads(run("status", "-c", config, "--json").stdout)
    assert status == [
        {"creator": "SIEMENS MR HEADER", "key": "(0019,xx0a)", "level": "image",
         "values": 2, "entities": 3, "not_kept": 0, "used": True}
    ]  # fmt: skip


def test_a_key_that_is_added_has_the_folder_read_again(run, config: Path, folder: Path) -> None:
    run("backfill", "-c", config, "--folder", folder)
    settings = yaml.safe_load(config.read_text())
    settings["query"]["index"].append(settings["query"]["index"][0] | {"element": "xx0c"})
    config.write_text(yaml.safe_dump(settings))
    done = json.loads(run("backfill", "-c", config, "--folder", folder, "--json").stdout)
    assert (done["objects"], done["skipped"]) == (3, 0)


def test_a_stranger_in_the_folder_is_named_and_the_rest_goes_on(
    run, config: Path, folder: Path
) -> None:
    (folder / "notes.txt").write_text("no DICOM")
    done = run("backfill", "-c", config, "--folder", folder)
    assert done.returncode == 1
    assert "notes.txt: " in done.stderr
    assert done.stdout == "3 objects read, 3 with indexed attributes, 0 read before, 1 failed\n"


def test_without_keys_there_is_nothing_to_do(run, tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("{}\n")
    done = run("backfill", "-c", empty, "--folder", folder)
    assert done.returncode == 1
    assert "query.index names no private attribute" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--folder", ".", "--upstream", "archive"]])
def test_one_source_is_wanted(run, config: Path, arguments: list[str]) -> None:
    assert run("backfill", "-c", config, *arguments).returncode == 2


def test_an_unknown_upstream_is_named(run, config: Path) -> None:
    done = run("backfill", "-c", config, "--upstream", "archive")
    assert done.returncode == 1
    assert "no upstream named 'archive'; the upstreams are: there are none" in done.stderr


@pytest.fixture
def archive(config: Path):
    with SmallArchive() as archive:
        settings = yaml.safe_load(config.read_text())
        settings["upstreams"] = [archive.entry()]
        settings["query"]["index"][0]["element"] = "xx0c"
        config.write_text(yaml.safe_dump(settings))
        for study, number in (("1.2.1", 1), ("1.2.1", 2), ("1.2.2", 1)):
            archive.add(study, number)
        yield archive


def swept(run, config: Path) -> tuple[int, int, int, int, int]:
    """Return the exit status of a backfill, and what it has counted."""
    done = run("backfill", "-c", config, "--upstream", "archive", "--json")
    said = json.loads(done.stdout)
    return done.returncode, *(said[it] for it in ("objects", "indexed", "skipped", "errors"))


def test_a_study_of_an_archive_is_read_again_when_it_has_grown(
    run, config: Path, archive: SmallArchive
) -> None:
    assert swept(run, config) == (0, 3, 3, 0, 0)
    archive.add("1.2.1", 3)
    assert swept(run, config) == (0, 3, 3, 1, 0)
    assert left(run, config) == [(4, True)]
    assert archive.retrieved == ["1.2.1", "1.2.2", "1.2.1"]


def test_a_study_whose_objects_are_not_counted_is_read_once(
    run, config: Path, archive: SmallArchive
) -> None:
    archive.counts = False
    assert swept(run, config) == (0, 3, 3, 0, 0)
    archive.add("1.2.1", 3)
    assert swept(run, config) == (0, 0, 0, 2, 0)


def test_a_study_that_came_in_part_is_an_error_and_asked_for_again(
    run, config: Path, archive: SmallArchive
) -> None:
    archive.add("1.2.2", 2, NOBODYS_SYNTAX)
    assert swept(run, config) == (1, 3, 3, 0, 1)
    done = run("backfill", "-c", config, "--upstream", "archive")
    assert done.returncode == 1
    assert "study '1.2.2' came in part: status 0xB000, 1 of 2 objects failed" in done.stderr
    assert done.stdout == "1 objects read, 1 with indexed attributes, 1 read before, 1 failed\n"


def test_an_object_that_cannot_be_read_is_named_and_may_have_any_value(
    run, config: Path, archive: SmallArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Annotator.annotate

    def annotate(self, data, *arguments):
        annotation = real(self, data, *arguments)
        if b"1.2.2.1.1" in bytes(data):
            annotation.error = "a data element is cut short"
        return annotation

    monkeypatch.setattr(Annotator, "annotate", annotate)
    done = run("backfill", "-c", config, "--upstream", "archive")
    assert done.returncode == 1
    assert "study '1.2.2': 1 of its objects not read: a data element is cut short" in done.stderr
    [status] = json.loads(run("status", "-c", config, "--json").stdout)
    assert (status["entities"], status["not_kept"]) == (2, 1)


def test_an_archive_that_does_not_list_all_of_its_studies_is_an_error(
    run, config: Path, archive: SmallArchive
) -> None:
    archive.last_word = (0xB000, "limited to 2 of 5000 studies")
    done = run("backfill", "-c", config, "--upstream", "archive")
    assert "does not tell all of its studies: status 0xB000, limited to 2 of" in done.stderr
    assert done.stdout == "3 objects read, 3 with indexed attributes, 0 read before, 1 failed\n"
    assert done.returncode == 1


def left(run, config: Path) -> list[tuple[int, bool]]:
    """Return how many entities the index has of each attribute, and whether that is used."""
    found = json.loads(run("status", "-c", config, "--json").stdout)
    return [(it["entities"], it["used"]) for it in found]


def test_an_instance_is_forgotten_when_that_is_confirmed(
    run, config: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backfill", "-c", config, "--folder", folder)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    asked = run("forget", "-c", config, "--instance", "1.2.3.1")
    assert asked.returncode == 1
    assert "forget 1 entity of the image '1.2.3.1'?" in asked.stderr
    assert left(run, config) == [(3, True)]
    done = run("forget", "-c", config, "--instance", "1.2.3.1", "--yes")
    assert (done.returncode, done.stdout) == (0, "1 entity forgotten\n")
    assert left(run, config) == [(2, True)]
    again = run("forget", "-c", config, "--instance", "1.2.3.1", "--json")
    assert json.loads(again.stdout) == {"entities": 0}


def test_an_attribute_is_forgotten_that_is_no_longer_indexed(
    run, config: Path, folder: Path
) -> None:
    run("backfill", "-c", config, "--folder", folder)
    this = ("forget", "-c", config, "--creator", "Siemens MR Header", "--tag", "(0019,XX0A)", "-y")
    refused = run(*this)
    assert refused.returncode == 1
    assert "SIEMENS MR HEADER (0019,xx0a) is in query.index: remove it there" in refused.stderr
    config.write_text(config.read_text().replace("xx0a", "xx0c"))
    assert left(run, config) == [(0, True), (3, False)]
    assert run(*this, "--json").stdout == '{"entities": 3}\n'
    assert left(run, config) == [(0, True)]
    unknown = run(*this)
    assert unknown.returncode == 1
    assert "no longer in query.index are: there are none" in unknown.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["--study", "1", "--series", "2"], ["--tag", "(0019,xx0a)"]]
)
def test_one_thing_is_forgotten_at_a_time(run, config: Path, arguments: list[str]) -> None:
    assert run("forget", "-c", config, *arguments).returncode == 2
