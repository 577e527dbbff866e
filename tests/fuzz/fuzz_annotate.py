"""Fuzz the annotation engine, guided by coverage; `make fuzz SECONDS=60` runs it.

An input is one byte that says how the rest is annotated, and the rest: a data set, or choices that
`built` makes one from. The corpus starts with streams of both kinds, and with the beginnings of
the real scans beside the repository where they are; it stays in a temporary folder. Every input
is held against `promises`; the first that breaks one is kept in var/fuzz.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

import atheris  # noqa: E402

LIBFUZZER = "--libfuzzer"
"""First argument of the process that libFuzzer runs in, whose engine tells what it covers."""

with (
    atheris.instrument_imports(include=["atlas_node.annotate", "atlas_node.encoding"])
    if sys.argv[1:2] == [LIBFUZZER]
    else nullcontext()
):
    from atlas_node.annotate import Annotator
    from atlas_node.encoding.deflate import deflated
    from atlas_node.encoding.transfer_syntax import (
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
        IMPLICIT_VR_LITTLE_ENDIAN,
    )
    from atlas_node.model import Policy
    from tests.fuzz.promises import SYNTAXES, check, check_alone

from atlas_dictionary import Dictionary, open_layers  # noqa: E402
from tests import ondisk, peers  # noqa: E402
from tests.fuzz.built import CREATORS, Builder  # noqa: E402
from tests.unit.annotate.conftest import ENTRIES  # noqa: E402

FINDINGS = REPOSITORY / "var" / "fuzz"
LONGEST = 1 << 16
POLICIES = tuple(Policy)
BUILT = len(SYNTAXES) * len(POLICIES) * 2


def manner(syntax: str, policy: Policy, other: bool, built: bool) -> bytes:
    """Return the first byte of an input."""
    number = (SYNTAXES.index(syntax) * len(POLICIES) + POLICIES.index(policy)) * 2 + other
    return bytes([number + BUILT * built])


def run(annotator: Annotator, dictionary: Dictionary, data: bytes) -> None:
    """Try one input."""
    if not data:
        return
    number = data[0] % (2 * BUILT)
    rest, other = divmod(number % BUILT, 2)
    syntax, policy = SYNTAXES[rest // len(POLICIES)], POLICIES[rest % len(POLICIES)]
    content = data[1:]
    if number >= BUILT:
        order = ">" if syntax == EXPLICIT_VR_BIG_ENDIAN else "<"
        content = Builder(content).data_set(syntax == IMPLICIT_VR_LITTLE_ENDIAN, order)
        if syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            content = deflated([content])
    check(annotator, content, syntax, policy, bool(other))
    check_alone(annotator, Annotator(dictionary), content, syntax, policy)


def seeds() -> Iterator[bytes]:
    """Yield the inputs that the corpus starts with."""
    random = Random(5)
    for syntax in SYNTAXES:
        for policy in POLICIES:
            for size in (40, 200, 2000):
                yield manner(syntax, policy, False, True) + random.randbytes(size)
                yield manner(syntax, policy, True, True) + random.randbytes(size)
    with tempfile.TemporaryDirectory() as folder:
        unknown = Path(folder) / "unknown.dcm"
        scans = peers.scans() if peers.SCANS.is_dir() else []
        for number, path in enumerate(scans):
            policy = POLICIES[number % len(POLICIES)]
            yield from beginning(path, policy)
            if shutil.which("dcmconv") and peers.make_unknown(path, unknown):
                yield from beginning(unknown, policy)


def beginning(path: Path, policy: Policy) -> Iterator[bytes]:
    """Yield the first whole elements of a scan, as many as an input may have."""
    try:
        syntax, elements = ondisk.read(path)
    except Exception:  # what our reader cannot read is no seed
        return
    headers = sorted(found.header for path, found in elements.items() if len(path) == 1)
    headers = [header for header in headers if header - headers[0] < LONGEST]
    if syntax in SYNTAXES and len(headers) > 1 and syntax != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        yield manner(syntax, policy, False, False) + path.read_bytes()[headers[0] : headers[-1]]


def tokens() -> str:
    """Return libFuzzer's dictionary: what no mutation would come upon."""
    words = [*CREATORS, b"\xfe\xff\0\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"]
    words += [b"\xff\xff\xff\xff", b"UN\0\0", b"SQ\0\0", b"\x08\0\x05\0", b"\x28\0\x03\x01"]
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in words if word)
    return "".join(f'"{word}"\n' for word in escaped)


def fuzz(folder: Path, seconds: int, seed: int) -> int:
    """Run libFuzzer in a process of its own, which ends with it; return the exit code."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(data)
    (folder / "tokens").write_text(tokens(), encoding="ascii")
    FINDINGS.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, __file__, LIBFUZZER, str(corpus), f"-max_total_time={seconds}",
        f"-seed={seed}", f"-max_len={LONGEST}", f"-dict={folder / 'tokens'}", "-timeout=20",
        "-rss_limit_mb=2048", f"-artifact_prefix={FINDINGS}/", "-print_final_stats=1",
    ]  # fmt: skip
    before = set(FINDINGS.iterdir())
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    new = sorted(set(FINDINGS.iterdir()) - before)
    executed = re.findall(r"number_of_executed_units: (\d+)", done.stderr) or ["?"]
    covered = re.findall(r"cov: (\d+)", done.stderr) or ["?"]
    print(f"{executed[-1]} executions, coverage {covered[-1]}, {len(new)} findings")
    if new or done.returncode:
        print((done.stdout or done.stderr)[-4000:])
        for path in new:
            name = path.relative_to(REPOSITORY)
            print(f"repeat with: .venv/bin/python tests/fuzz/fuzz_annotate.py {name}")
        return 1
    return 0


def main() -> None:
    if sys.argv[1:2] == [LIBFUZZER]:
        with tempfile.TemporaryDirectory() as folder:
            dictionary = open_dictionary(Path(folder))
        annotator = Annotator(dictionary)
        atheris.Setup([sys.argv[0], *sys.argv[2:]], lambda data: run(annotator, dictionary, data))
        atheris.Fuzz()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="0: another one every time")
    parser.add_argument("finding", nargs="?", type=Path, help="try this input alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.finding:
            dictionary = open_dictionary(Path(folder))
            run(Annotator(dictionary), dictionary, options.finding.read_bytes())
            print("every promise is kept")
            return
        sys.exit(fuzz(Path(folder), options.seconds, options.seed))


def open_dictionary(folder: Path) -> Dictionary:
    """Return the built-in dictionary with that of the unit tests."""
    table = folder / "test.csv"
    table.write_text(ENTRIES, encoding="utf-8")
    return open_layers([table])


if __name__ == "__main__":
    main()
