"""How many of the vendors' VRs come back: ours, pydicom, DCMTK and GDCM on the same real objects.

    .venv/bin/python tests/bench/bench_accuracy.py [FOLDER] [--write docs/accuracy.md]

Each explicit VR file is made `UN` as a PACS makes it (`tests.peers.make_unknown`), an engine
restores it, and the result is compared element by element with what the vendor wrote, by a reader
that shares nothing with the engine (`tests.ondisk`). Most of these files are among those that the
source `observed` was counted from. So ours is measured twice more: each scan with a dictionary for
which no file of its release was counted, the release being the implementation version name
(0002,0013); and all with a dictionary compiled without that source.

Every private element whose VR the vendor wrote is counted once: restored; left `UN`, or inside a
sequence that stayed `UN`; wrong, with any other VR; or lost, not in the result any more. "Others
changed" are elements whose value is not what the engine was given, and standard elements whose VR
is not. Why ours left an element is what its record says; why it chose a VR that is not the vendor's
is told by the dictionary and the value.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from pydicom.filereader import read_file_meta_info

from atlas_dictionary import Dictionary, open_dictionary
from atlas_dictionary.compiler import compile_tables, read_sources
from atlas_dictionary.importers.observed import is_toolkit, read_observed
from atlas_dictionary.siblings import infer
from atlas_dictionary.statements import SourceTable
from atlas_node.annotate import Annotator
from atlas_node.annotate.charset import encodings_of
from atlas_node.annotate.verify import misfit, multiplicity
from atlas_node.files import annotate_file
from atlas_node.model import ElementRecord, Policy
from tests import ondisk
from tests.bench.document import table, write_region
from tests.ondisk import ElementPath, OnDisk
from tests.peers import (
    REPOSITORY,
    SCANS,
    SHARED,
    environment,
    make_unknown,
    program,
    public_dictionary,
)

Records = dict[str, ElementRecord]
Engine = Callable[[Path, Path], Records]
"""Restores a file into another; ours returns its records by path."""

OUTCOMES = ("restored", "left", "wrong")
SOURCES = REPOSITORY / "dictionary" / "sources"
COUNTS = SHARED / "data" / "observed.tsv"
"""What the source `observed` is made of: files by implementation version name."""
LEFT_OUT = "atlas, release left out"
WITHOUT = "atlas without observed"


def atlas(dictionary: Dictionary) -> Engine:
    annotator = Annotator(dictionary)

    def run(source: Path, target: Path) -> Records:
        report = annotate_file(annotator, source, target, Policy.DECODE)
        return {record.path: record for record in report.elements}

    return run


def pydicom() -> Engine:
    import pydicom

    def run(source: Path, target: Path) -> Records:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(source)
            for _ in ds.iterall():
                pass
            ds.save_as(target)
        return {}

    return run


def dcmtk() -> Engine:
    standard = Path(public_dictionary())
    both = f"{standard}:{standard.with_name('private.dic')}"
    return converter([program("dcmconv"), "+uc"], environment(DCMDICTPATH=both))


def gdcm() -> Engine:
    # Without `--explicit` it leaves what is `UN` already as it is.
    options = ["--explicit", "--use-dict", "--with-private-dict"]
    return converter([program("gdcmconv"), *options], environment())


def converter(command: list[str], variables: dict[str, str]) -> Engine:
    def run(source: Path, target: Path) -> Records:
        subprocess.run([*command, source, target], env=variables, capture_output=True, check=True)
        return {}

    return run


PEERS: dict[str, Callable[[], Engine]] = {"pydicom": pydicom, "dcmtk": dcmtk, "gdcm": gdcm}


class Prepared(NamedTuple):
    """A scan: its elements as the vendor wrote them, and the copy without private VRs."""

    name: str
    vendor: dict[ElementPath, OnDisk]
    unknown: dict[ElementPath, OnDisk]
    copy: Path
    manufacturer: str
    release: str


class Difference(NamedTuple):
    """A private element that did not get the vendor's VR."""

    path: ElementPath
    vendor: OnDisk
    vr: str

    @property
    def key(self) -> str:
        tag = self.path[-1]
        return f"{self.vendor.creator or '(no creator)'} ({tag >> 16:04x},xx{tag & 0xFF:02x})"


@dataclass
class Outcome:
    """What an engine made of all files: counts by manufacturer, and what is behind them."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: {"all": Counter()})
    wrong: Counter[tuple[str, ...]] = field(default_factory=Counter)
    left: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, other: Outcome) -> None:
        for group, count in other.counts.items():
            self.counts.setdefault(group, Counter()).update(count)
        self.wrong.update(other.wrong)
        self.left.update(other.left)


def prepared(root: Path, folder: Path) -> list[Prepared]:
    """Return the files that can be used: explicit VR that DCMTK reads, with private elements."""
    usable = []
    for number, path in enumerate(sorted(p for p in root.rglob("*") if p.is_file())):
        try:
            syntax, vendor = ondisk.read(path)
        except Exception:  # what the test's own reader cannot read is not compared
            continue
        if syntax == "1.2.840.10008.1.2" or not any(step[0] >> 16 & 1 for step in vendor):
            continue
        copy = folder / f"{number}.dcm"
        if make_unknown(path, copy):
            unknown = ondisk.read(copy)[1]
            release = str(read_file_meta_info(path).get("ImplementationVersionName") or "-")
            maker = manufacturer(vendor)
            usable.append(Prepared(path.name, vendor, unknown, copy, maker, release))
    return usable


def manufacturer(vendor: dict[ElementPath, OnDisk]) -> str:
    element = vendor.get((0x00080070,))
    name = element.value.decode("latin-1") if element else ""
    return re.split(r"[^A-Z]", name.strip("\0 ").upper())[0] or "(none)"


def is_counted(scan: Prepared, path: ElementPath) -> bool:
    """Whether an element is private, no creator, and has a VR that the vendor wrote."""
    group, number = path[-1] >> 16, path[-1] & 0xFFFF
    known = scan.vendor[path].vr not in ("", "UN")
    return bool(group & 1) and number >= 0x1000 and known and path in scan.unknown


def compare(
    scan: Prepared, restored: dict[ElementPath, OnDisk]
) -> tuple[Counter[str], list[Difference]]:
    """Count what became of the vendor's elements; `scan.unknown` is what the engine was given."""
    count: Counter[str] = Counter()
    differences = []
    for path, element in scan.vendor.items():
        tag = path[-1]
        if tag & 0xFFFF == 0 or path not in scan.unknown:
            continue
        given, got = scan.unknown[path], restored.get(path)
        # What stands inside a private sequence has no VR in what the engine is given.
        standard = not any(step >> 16 & 1 for step in path[::2])
        changed = standard and (got is None or got.vr != given.vr)
        if got is not None and "SQ" not in (element.vr, got.vr):
            changed |= got.value.rstrip(b"\0 ") != given.value.rstrip(b"\0 ")
        count["others changed"] += changed
        if not is_counted(scan, path):
            continue
        count["private"] += 1
        if got is None:
            count["lost"] += 1
        elif got.vr == element.vr:
            count["restored"] += 1
        else:
            count["left" if got.vr in ("UN", "") else "wrong"] += 1
            differences.append(Difference(path, element, got.vr))
    return count, differences


def measure(
    engine: Engine, dictionary: Dictionary, scans: list[Prepared], scratch: Path
) -> Outcome:
    """Let an engine restore every file."""
    outcome = Outcome()
    target = scratch / "restored.dcm"
    for scan in scans:
        target.unlink(missing_ok=True)
        try:
            records = engine(scan.copy, target)
            count, differences = compare(scan, ondisk.read(target)[1])
        except Exception as error:
            print(f"{scan.name}: {type(error).__name__}", file=sys.stderr)
            private = sum(is_counted(scan, path) for path in scan.vendor)
            count, differences = Counter({"failed files": 1, "private": private}), []
        count["files"] = 1
        for group in ("all", scan.manufacturer):
            outcome.counts.setdefault(group, Counter()).update(count)
        for difference in differences:
            if difference.vr in ("UN", ""):
                outcome.left[status_and_reason(difference, records)] += 1
            else:
                vrs = (difference.vendor.vr, difference.vr)
                why = why_wrong(difference, dictionary, scan)
                outcome.wrong[(difference.key, *vrs, why)] += 1
    return outcome


def status_and_reason(difference: Difference, records: Records) -> tuple[str, str]:
    """Return what the record says of an element that stayed `UN`, without its tag and numbers."""
    record = records.get(text_of(difference.path))
    if record is None:
        return "", "it stands inside a sequence that stays UN"
    reason = re.sub(r"\([0-9a-f]{4},[0-9a-f]{4}\)", "(gggg,00bb)", record.reason)
    return record.status.value, re.sub(r"(?<!0)\b[0-9]+\b", "n", reason)


def text_of(path: ElementPath) -> str:
    """Return a path as records write it: ``(2005,140f)[0].(2005,1013)``."""
    steps = [f"({tag >> 16:04x},{tag & 0xFFFF:04x})" for tag in path[::2]]
    items = [*(f"[{number}]." for number in path[1::2]), ""]
    return "".join(step + item for step, item in zip(steps, items, strict=True))


def why_wrong(difference: Difference, dictionary: Dictionary, scan: Prepared) -> str:
    """Say why the vendor's VR was not chosen: the value, or the dictionary, speaks against it."""
    vendor, tag = difference.vendor, difference.path[-1]
    entry = dictionary.private(vendor.creator, tag >> 16, tag & 0xFFFF)
    if entry is None:
        return "the dictionary has no entry"
    charset = scan.vendor.get((0x00080005,))
    encodings = encodings_of(charset.value) if charset else ("ascii",)
    if vendor.vr != "SQ":
        against = misfit(vendor.vr, memoryview(vendor.value), multiplicity(entry.vm), encodings)
        if against:
            return f"not {vendor.vr} by the standard or the VM: {against}"
    said = {candidate.vr: candidate.weight for candidate in entry.candidates}
    if vendor.vr not in said:
        names = ", ".join(source.id for source in entry.sources)
        return f"no source says {vendor.vr}; {names} say {difference.vr}"
    weights = ", ".join(f"{vr} {weight:g}" for vr, weight in said.items())
    return f"the sources disagree, with the weights {weights}"


def published() -> list[SourceTable]:
    """Return all sources but `observed`, and what is inferred from these alone."""
    tables = [t for t in read_sources([SOURCES]) if t.info.id not in ("observed", "siblings")]
    (usual,) = (t.info for t in read_sources([SOURCES / "siblings.tsv"]))
    return [*tables, infer(tables, usual)]


def compiled(tables: list[SourceTable], folder: Path) -> Dictionary:
    path = folder / "compiled.adict"
    path.write_bytes(compile_tables(sorted(tables, key=lambda table: table.info.rank)))
    return open_dictionary(path)


def unseen(scans: list[Prepared], tables: list[SourceTable], scratch: Path) -> Outcome:
    """Let ours restore each scan with a dictionary that was not counted from its release."""
    by_release = defaultdict(list)
    for scan in scans:
        by_release[scan.release].append(scan)
    total = Outcome()
    for release, same in by_release.items():
        dictionary = compiled([*tables, observed_without(release, scratch)], scratch)
        total.add(measure(atlas(dictionary), dictionary, same, scratch))
    return total


def observed_without(release: str, scratch: Path) -> SourceTable:
    """Return the source `observed` as if no file of a release had been counted.

    How many values such a file had stays known: the counts do not tell that by release.
    """
    (usual,) = (t.info for t in read_sources([SOURCES / "observed.tsv"]))
    path = scratch / "observed.tsv"
    with COUNTS.open(encoding="utf-8", newline="") as counts, path.open("w", newline="") as kept:
        reader = csv.DictReader(counts, delimiter="\t", quoting=csv.QUOTE_NONE)
        fields = reader.fieldnames or ()
        kept.write("\t".join(fields) + "\n")
        for row in without(release, reader):
            kept.write("\t".join(row[name] for name in fields) + "\n")
    table = read_observed(path)
    return replace(table, info=replace(usual, statements=len(table.statements)))


def without(release: str, rows: Iterator[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Yield the lines of the counts that other releases are behind too, these alone counted."""
    writers = ["files_vendor_written", "files_toolkit_written"]
    if is_toolkit(release):
        writers.reverse()
    for row in rows:
        pairs = [name.rpartition(":") for name in row["implementations"].split(";") if name]
        left = sum(int(number) for name, _, number in pairs if name == release)
        for writer in writers:
            taken = min(left, int(row[writer]))
            row[writer] = str(int(row[writer]) - taken)
            left -= taken
        row["implementations"] = ";".join(
            f"{name}:{number}" for name, _, number in pairs if name != release
        )
        if any(int(row[writer]) for writer in writers):
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=SCANS)
    parser.add_argument("--engines", default=",".join(PEERS), help="peers to measure besides ours")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--write", type=Path, help="document to write the tables into")
    options = parser.parse_args()
    for needed in (options.folder, COUNTS):
        if not needed.exists():
            sys.exit(f"{needed}: is not there")
    built_in = open_dictionary()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        scans = prepared(options.folder, scratch)
        outcomes = {"atlas": measure(atlas(built_in), built_in, scans, scratch)}
        for name in filter(None, options.engines.split(",")):
            outcomes[name] = measure(PEERS[name](), built_in, scans, scratch)
        tables = published()
        outcomes[LEFT_OUT] = unseen(scans, tables, scratch)
        alone = compiled(tables, scratch)
        outcomes[WITHOUT] = measure(atlas(alone), alone, scans, scratch)
    if options.json:
        print(json.dumps({name: outcome.counts for name, outcome in outcomes.items()}, indent=1))
        return
    text = report(outcomes)
    print(text)
    if options.write:
        write_region(options.write, "bench_accuracy", text)


def report(outcomes: dict[str, Outcome]) -> str:
    total = outcomes["atlas"].counts["all"]
    seen = {name: o for name, o in outcomes.items() if name not in (LEFT_OUT, WITHOUT)}
    parts = [f"{total['files']} files with {total['private']:,} private elements that count."]
    parts += [accuracy(seen), "### What ours got wrong", wrong(outcomes["atlas"])]
    parts += ["### What ours left, and why", left(outcomes["atlas"])]
    for name, title in (
        (LEFT_OUT, "### Each scan as if its release had never been seen"),
        (WITHOUT, "### Without `observed.tsv`"),
    ):
        parts += [title, accuracy({name: outcomes[name]})]
        parts += [wrong(outcomes[name]), left(outcomes[name])]
    return "\n\n".join(parts)


def accuracy(outcomes: dict[str, Outcome]) -> str:
    """Return a table with a row for each manufacturer and engine."""
    head = ["manufacturer", "files", "private", "engine", *OUTCOMES]
    head += ["lost", "others changed", "failed files"]
    groups = next(iter(outcomes.values())).counts
    rows = []
    for group in ["all", *sorted(set(groups) - {"all"})]:
        for name, outcome in outcomes.items():
            count = outcome.counts[group]
            row = [group, str(count["files"]), f"{count['private']:,}", name]
            row += [f"{100 * count[what] / max(count['private'], 1):.2f} %" for what in OUTCOMES]
            rows.append(row + [str(count[what]) for what in head[7:]])
    return table(head, rows)


def wrong(outcome: Outcome) -> str:
    rows = [[str(times), *what] for what, times in outcome.wrong.most_common()]
    if not rows:
        return "None wrong."
    return table(["wrong", "element", "vendor", "ours", "why not the vendor's"], rows)


def left(outcome: Outcome, most: int = 15) -> str:
    """Return a table of the reasons in the records, the most frequent first."""
    ordered = outcome.left.most_common()
    rows = [[str(times), *what] for what, times in ordered[:most]]
    rest = sum(times for _, times in ordered[most:])
    if rest:
        rows.append([str(rest), "", "other reasons"])
    return table(["left", "status", "reason in the record"], rows)


if __name__ == "__main__":
    main()
