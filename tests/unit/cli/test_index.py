"""``atlas-node index``: a folder into the index, once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.streams import element, text
from tests.unit.test_files import dicom_file


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from atlas_node.cli import main; main()", "index", *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


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


def test_a_folder_is_read_once(config: Path, folder: Path) -> None:
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
         "values": 2, "entities": 3, "too_long": 0}
    ]  # fmt: skip


def test_a_key_that_is_added_has_the_folder_read_again(config: Path, folder: Path) -> None:
    run("backfill", "-c", config, "--folder", folder)
    settings = yaml.safe_load(config.read_text())
    settings["query"]["index"].append(settings["query"]["index"][0] | {"element": "xx0c"})
    config.write_text(yaml.safe_dump(settings))
    done = json.loads(run("backfill", "-c", config, "--folder", folder, "--json").stdout)
    assert (done["objects"], done["skipped"]) == (3, 0)


def test_a_stranger_in_the_folder_is_named_and_the_rest_goes_on(config: Path, folder: Path) -> None:
    (folder / "notes.txt").write_text("no DICOM")
    done = run("backfill", "-c", config, "--folder", folder)
    assert done.returncode == 1
    assert "notes.txt: " in done.stderr
    assert done.stdout == "3 objects read, 3 with indexed attributes, 0 read before, 1 failed\n"


def test_without_keys_there_is_nothing_to_do(tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("{}\n")
    done = run("backfill", "-c", empty, "--folder", folder)
    assert done.returncode == 1
    assert "query.index names no private attribute" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--folder", ".", "--upstream", "archive"]])
def test_one_source_is_wanted(config: Path, arguments: list[str]) -> None:
    assert run("backfill", "-c", config, *arguments).returncode == 2


def test_an_unknown_upstream_is_named(config: Path) -> None:
    done = run("backfill", "-c", config, "--upstream", "archive")
    assert done.returncode == 1
    assert "no upstream named 'archive'; the upstreams are: there are none" in done.stderr
