import json
import os
import pty
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime

import pytest
import typer
from typer.testing import CliRunner

from atlas_node.cli.log import log
from atlas_node.errors import LogError
from atlas_node.log import LogStore
from atlas_node.model import AnnotatedObject, ElementRecord, ElementStatus, Envelope, Identity
from tests.hostile import FORBIDDEN, PAYLOADS, hostile_objects
from tests.waiting import LONG

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


def test_an_instance_is_found_and_what_came_before_a_time(store):
    for number in range(2):
        one = annotated(f"o{number}", element(), received_at=1_700_000_000.0 + 3600 * number)
        uids = {"series_instance_uid": "1.5", "sop_instance_uid": f"1.6.{number}"}
        store.record([replace(one, identity=replace(one.identity, **uids))])

    def found(*options):
        return [
            json.loads(line)["object_id"] for line in run("--json", *options).stdout.splitlines()
        ]

    assert found("--sop", "1.6.1") == ["o1"]
    assert found("--series", "1.5") == ["o0", "o1"]
    assert found("--series", "1.5", "--until", "2023-11-14T22:30Z") == ["o0"]
    refused = run("--until", "tomorrow")
    assert refused.exit_code == 2
    assert "--until: expected a time such as" in refused.stderr


def test_each_element_is_one_row_with_all_that_is_known(store):
    unknown = element(
        "(0019,100b)", vr="UN", name="", status=ElementStatus.UNKNOWN, value=["00ff"],
        reason="no entry in the dictionary", truncated=True,
    )  # fmt: skip
    store.record([annotated("o1", element(), unknown)])

    result = run()

    assert result.exit_code == 0
    heading, first, second = result.stdout.splitlines()
    zone = datetime.now().astimezone().tzname()
    assert heading.split() == [
        "time", f"({zone})", "from", "object", "tag", "creator", "name", "VR", "status", "value",
    ]  # fmt: skip
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  MR1   o1      \(0019,100a\)  SIEMENS", first)
    assert "Number Of Images In Mosaic  UN→US" in first
    assert re.search(r"decoded +36$", first)
    assert second.endswith("unknown: no entry in the dictionary  00ff …")


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
        rest, _ = follower.communicate(timeout=LONG)
    finally:
        follower.kill()
        follower.communicate()

    assert (follower.returncode, rest) == (0, "")


def in_terminal(folder, *arguments, **environment):
    """Run the command in a terminal of 130 columns; return its rows."""
    ours, theirs = pty.openpty()
    known = {name: text for name, text in os.environ.items() if not name.endswith("_COLOR")}
    size = {"COLUMNS": "130", "LINES": "40", "TERM": "xterm"}
    viewer = start(folder, *arguments, stdout=theirs, env={**known, **size, **environment})
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
    assert viewer.wait(LONG) == 0
    return shown.decode().splitlines()


@pytest.fixture
def with_long_value(store):
    long = element("(0019,100b)", value=["y" * 200], status=ElementStatus.REFUSED, reason="r" * 90)
    store.record([annotated("o1", element(), long)])


def test_a_terminal_gets_rows_of_its_width_in_colour(with_long_value, folder):
    rows = in_terminal(folder)

    assert all(len(re.sub(r"\x1b\[\d+m", "", row)) <= 130 for row in rows)
    assert "\x1b[32mdecoded" in rows[1]
    assert "\x1b[31mrefused" in rows[2]
    assert "y…" in rows[2]


def test_a_terminal_without_colour_gets_none(with_long_value, folder):
    rows = in_terminal(folder, NO_COLOR="1")

    assert len(rows) == 3
    assert "\x1b" not in "".join(rows)


def test_a_pager_can_be_given_colour(with_long_value, folder):
    environment = {**os.environ, "FORCE_COLOR": "1", "NO_COLOR": ""}
    with start(folder, stdout=subprocess.PIPE, text=True, env=environment) as viewer:
        _, first, second = viewer.stdout.read().splitlines()

    assert "\x1b[32mdecoded" in first
    assert "y" * 200 in second


def test_a_long_cell_puts_no_other_row_out_of_line(store):
    long = element("(0019,100b)", value=["y" * 5000], name="z" * 500)
    store.record([annotated("o1", element(), long, element("(0019,100c)"))])

    heading, first, second, third = run().stdout.splitlines()

    assert "y" * 5000 in second
    assert "z" * 500 in second
    assert len(first) == len(third) < 200
    assert heading.index("status") == first.index("decoded")
    assert heading.index("value") == first.index("36")


def test_a_reader_that_has_seen_enough_is_no_fault(store, folder):
    store.record([annotated(f"o{n}", *[element()] * 100) for n in range(40)])
    viewer = start(
        folder, "--limit", "4000", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    viewer.stdout.readline()
    viewer.stdout.close()
    with viewer:
        assert viewer.stderr.read() == ""


def test_what_real_objects_say_of_themselves_is_never_obeyed(store):
    store.record(hostile_objects())

    table, as_json = run().stdout, run("--json").stdout

    assert not FORBIDDEN.search(table + as_json)
    assert "\t" not in table + as_json
    elements = [json.loads(row) for row in as_json.splitlines()]
    assert len(table.splitlines()) == 1 + len(elements) == 1 + 4 * len(PAYLOADS)
    values = {it["value"][0] for it in elements if it["value"]}
    assert values >= {payload[:256] for payload in PAYLOADS}


def test_in_a_terminal_too(store, folder):
    store.record(hostile_objects())

    shown = "".join(in_terminal(folder, NO_COLOR="1"))

    assert not FORBIDDEN.search(shown)
