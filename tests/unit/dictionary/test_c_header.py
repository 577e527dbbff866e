"""The C header, a reader made from FORMAT.md alone, against the Python reader."""

from __future__ import annotations

import re
import subprocess

import pytest

from atlas_dictionary.reader import BUILT_IN, open_dictionary
from tests.peers import program


@pytest.fixture(scope="module")
def example(tmp_path_factory, folder):
    """The example program, which looks for accesses out of bounds where the compiler can."""
    path = tmp_path_factory.mktemp("c") / "example"
    compile_it = [
        *(program("gcc"), "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"),
        *("-o", path, folder / "c" / "example.c"),
    ]
    sanitized = [*compile_it, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    if subprocess.run(sanitized, capture_output=True, check=False).returncode:
        subprocess.run(compile_it, check=True)
    return path


def ask(example, file, questions):
    """Return exit status, an answer for each question, and stderr."""
    lines = "".join(
        f"{creator}\t{group:04x}\t{element:04x}\n" for creator, group, element in questions
    )
    done = subprocess.run(
        [example, file], input=lines.encode(), capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stdout.decode().split("\n")[:-1], done.stderr.decode()


def answer(entry):
    """What the example prints for an entry."""
    if entry is None:
        return ""
    fields = (
        "UN" if entry.ambiguous else entry.vr, entry.vm, entry.keyword, entry.name,
        entry.description, entry.creator or "", f"{entry.key.tag:08x}", f"{entry.key.mask:08x}",
        str(int(entry.flags)), str(round(entry.confidence * 100)),
    )  # fmt: skip
    return "\t".join(fields)


def test_the_header_is_short(folder):
    assert len((folder / "c" / "atlas_dictionary.h").read_text().splitlines()) < 200


def test_every_entry_of_the_shipped_file(example):
    dictionary = open_dictionary()
    questions = []
    for entry in dictionary:
        for group in {entry.group, entry.group | ~entry.key.mask >> 16 & 0xFFFF}:
            questions.append(
                (entry.creator or "", group, entry.element | 0x1000 * bool(entry.creator))
            )
            if entry.creator:
                questions.append(
                    (f"  {entry.creator.swapcase().replace(' ', '  ')} ", group, entry.element)
                )
                questions.append((entry.creator, group, entry.element + 1))
    for creator, spellings in dictionary.spellings().items():
        questions += [(spelling, 0x0019, 0x10) for spelling in (creator, *spellings)]
    questions += [("NOBODY", 0x19, 0x10), (" ", 0x19, 0x10), ("", 0x19, 0x10), ("", 0xFFFE, 0xFFFF)]
    expected = [
        answer(dictionary.private(c, g, e) if c else dictionary.public(g << 16 | e))
        for c, g, e in questions
    ]
    status, answers, err = ask(example, BUILT_IN, questions)
    assert (status, err) == (0, "")
    assert len(questions) > 40000 and sum(map(bool, expected)) > 30000
    assert answers == expected


def test_what_must_be_refused_is_refused_without_a_crash(example, folder):
    questions = [
        (creator, group, element)
        for creator in ("SIEMENS MR HEADER", "siemens mr  header", "X", "")
        for group in (0x0010, 0x0019)
        for element in (0x0010, 0x100A)
    ]
    files = sorted((folder / "bad_data").glob("*.adict"))
    assert len(files) > 40
    for file in files:
        status, answers, err = ask(example, file, questions)
        assert "Sanitizer" not in err and "runtime error" not in err, err
        if file.name.startswith("open-"):
            # The header tells: nothing is looked up.
            assert (status, answers) == (1, []), file.name
            assert re.fullmatch(r".*\.adict: [a-z ]+\n", err)
        else:
            # The body is damaged: answers may be wrong, but come from within the file.
            assert status in (0, 1) and len(answers) == len(questions), (file.name, err)
    assert ask(example, folder / "none.adict", [])[0] == 1
