import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from atlas_node.cli.log import log
from atlas_node.errors import LogError
from atlas_node.log import LogStore
from atlas_node.model import AnnotatedObject, ElementRecord, ElementStatus, Envelope, Identity

app = typer.Typer()
app.command()(log)


def annotated(object_id, *elements, received_at=1_700_000_000.0, calling_ae="MR1"):
    return AnnotatedObject(
        object_id=object_id,
        envelope=Envelope(received_at, calling_ae, "ATLAS", "192.0.2.7", "1.2", "1.2.3", "1.2.4"),
        identity=Identity(patient_id="PAT-007", study_instance_uid="1.2.3", modality="MR"),
        size=1,
        changed=True,
        error=None,
        counts={"private": len(elements)},
        elements=elements,
    )


def element(path="(0019,100a)", **changes):
    given = {
        "path": path, "creator": "SIEMENS MR HEADER", "key": "(0019,xx0a)", "vr_before": "UN",
        "vr": "US", "vm": "1", "name": "Number Of Images In Mosaic",
        "status": ElementStatus.DECODED, "reason": "", "value": [36], "truncated": False,
        "sources": ("pydicom",), "confidence": 0.99,
    }  # fmt: skip
    return ElementRecord(**(given | changes))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text("log: {url: 'sqlite:///log.db'}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(folder):
    with LogStore.open(f"sqlite:///{folder}/log.db") as opened:
        yield opened


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_each_element_is_one_row_with_all_that_is_known(store):
    unknown = element(
        "(0019,100b)", vr="UN", name="", status=ElementStatus.UNKNOWN, value=["00ff"],
        reason="no entry in the dictionary", truncated=True,
    )  # fmt: skip
    store.record([annotated("o1", element(), unknown)])

    result = run()

    assert result.exit_code == 0
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == [
        "time", "from", "object", "tag", "creator", "name", "VR", "value", "status",
    ]  # fmt: skip
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  MR1   o1      \(0019,100a\)  SIEMENS", first)
    assert "Number Of Images In Mosaic  UN→US" in first
    assert first.endswith("decoded")
    assert "00ff …" in second
    assert second.endswith("unknown: no entry in the dictionary")


def test_the_newest_stand_at_the_bottom_and_the_limit_keeps_them(store):
    store.record([annotated(f"o{n}", element(value=[n]), element("(0019,100b)")) for n in range(9)])

    rows = run("--limit", "4").stdout.splitlines()[1:]

    assert [re.search(r"o\d", row)[0] for row in rows] == ["o7", "o7", "o8", "o8"]
    assert [re.search(r"100.", row)[0] for row in rows] == ["100a", "100b", "100a", "100b"]


@pytest.mark.parametrize(
    ("arguments", "objects"),
    [
        (["--creator", "siemens*"], ["o1", "o2"]),
        (["--tag", "0019,xx0a", "--vr", "us"], ["o1", "o2"]),
        (["--tag", "0019,100b"], []),
        (["--name", "mosaic", "--status", "decoded"], ["o1", "o2"]),
        (["--patient", "PAT-007", "--study", "1.2.3"], ["o1", "o2"]),
        (["--since", "2030-01-01"], ["o2"]),
        (["--calling-ae", "ct1", "--modality", "MR"], ["o2"]),
        (["--object", "o1"], ["o1"]),
        (["--manufacturer", "GE"], []),
    ],
)
def test_options_filter(store, arguments, objects):
    later = annotated("o2", element(), received_at=2_000_000_000.0, calling_ae="CT1")
    store.record([annotated("o1", element()), later])

    result = run("--json", *arguments)

    assert result.exit_code == 0
    found = [json.loads(line)["object_id"] for line in result.stdout.splitlines()]
    assert found == objects


def test_json_is_one_object_a_line(store):
    store.record([annotated("o1", element())])

    (line,) = run("--json").stdout.splitlines()

    assert json.loads(line) == {
        "received_at": "2023-11-14T22:13:20+00:00",
        "calling_ae": "MR1",
        "object_id": "o1",
        "sop_instance_uid": "",
        "study_instance_uid": "1.2.3",
        "patient_id": "PAT-007",
        **element().to_json(),
    }


def test_an_empty_log_says_so(store, folder):
    result = run()

    assert result.exit_code == 0
    assert result.stdout == f"The log {folder}/log.db is empty: no object has been received yet.\n"


def test_nothing_that_matches_says_among_how_many(store):
    store.record([annotated("o1", element())])

    result = run("--vr", "FD")
    as_json = run("--vr", "FD", "--json")

    assert result.exit_code == 0
    assert "No element matches, among 1 object in the log" in result.stdout
    assert as_json.stdout == ""
    assert "No element matches" in as_json.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tag", "zz"], "--tag: expected a tag such as"),
        (["--status", "lost"], "--status: expected one of decoded"),
        (["--since", "soon"], "--since: expected a time such as"),
        (["--limit", "0"], "limit"),
    ],
)
def test_wrong_use_is_told_with_exit_2(store, arguments, said):
    result = run(*arguments)

    assert result.exit_code == 2
    assert said in " ".join(re.sub(r"[│\s]+", " ", result.stderr).split())


def test_no_log_yet_is_one_line(folder):
    with pytest.raises(LogError, match="there is none yet; `atlas-node serve` makes it"):
        CliRunner().invoke(app, [], catch_exceptions=False)


HOSTILE = [
    "\x1b[31mred\x1b[0m\x07",
    "\x9b2J",
    "[bold red]markup[/bold red]",
    "two\r\nlines",
    "\u202etxt.exe",
    "lone \ud800 surrogate",
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_cannot_move_the_cursor(store, text):
    hostile = element(creator=text, name=text, value=[text], reason=text)
    store.record([annotated("o1", hostile, calling_ae=text)])

    table, as_json = run().stdout, run("--json").stdout

    assert len(table.splitlines()) == 2
    assert len(as_json.splitlines()) == 1
    for shown in (table, as_json):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    if text.startswith("["):
        assert text in table
    assert json.loads(as_json)["value"] == [text]


def start(folder, *arguments, **streams):
    command = "import sys, typer; from atlas_node.cli.log import log; typer.run(log)"
    return subprocess.Popen([sys.executable, "-c", command, *arguments], cwd=folder, **streams)


def test_follow_goes_on_until_it_is_interrupted(store, folder):
    store.record([annotated("o1", element())])
    follower = start(folder, "--follow", "--json", stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(follower.stdout.readline())["object_id"] == "o1"
        store.record([annotated("o2", element())])
        assert json.loads(follower.stdout.readline())["object_id"] == "o2"
        store.record([annotated("o3", element())])
        assert json.loads(follower.stdout.readline())["object_id"] == "o3"
        follower.send_signal(signal.SIGINT)
        rest, _ = follower.communicate(timeout=20)
    finally:
        follower.kill()
        follower.communicate()

    assert (follower.returncode, rest) == (0, "")


def test_a_terminal_gets_rows_of_its_width_in_colour(store, folder):
    long = element("(0019,100b)", value=["y" * 200], status=ElementStatus.REFUSED, reason="r" * 90)
    store.record([annotated("o1", element(), long)])
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "130", "LINES": "40", "TERM": "xterm"}
    viewer = start(folder, stdout=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)

    assert viewer.wait(20) == 0
    rows = shown.decode().splitlines()
    assert all(len(re.sub(r"\x1b\[\d+m", "", row)) <= 130 for row in rows)
    assert "\x1b[32m" in rows[1]
    assert "\x1b[31m" in rows[2]
    assert "y…" in rows[2]
