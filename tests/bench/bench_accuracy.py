"""How many of the vendors' VRs come back: ours, pydicom and DCMTK on the same real objects.

Each explicit VR file is made `UN` as a PACS makes it (`tests.peers.make_unknown`), an engine
restores it, and the result is compared element by element with what the vendor wrote, by a reader
that shares nothing with the engine (`tests.ondisk`).

    .venv/bin/python tests/bench/bench_accuracy.py [FOLDER] [--engines atlas,pydicom,dcmtk]

Columns: private elements with a vendor's VR; restored; left `UN` (those inside a sequence that
stayed `UN` among them); wrong; lost; elements other than private ones whose VR or value changed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests import ondisk
from tests.ondisk import ElementPath, OnDisk
from tests.peers import SCANS, environment, make_unknown, program, public_dictionary

Engine = Callable[[Path, Path], None]
EXPLICIT = {"1.2.840.10008.1.2.1"}


def atlas() -> Engine:
    from atlas_dictionary import open_dictionary
    from atlas_node.annotate import Annotator
    from atlas_node.files import annotate_file
    from atlas_node.model import Policy

    annotator = Annotator(open_dictionary())

    def run(source: Path, target: Path) -> None:
        annotate_file(annotator, source, target, Policy.DECODE, records=False)

    return run


def pydicom() -> Engine:
    import pydicom

    def run(source: Path, target: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(source)
            for _ in ds.iterall():
                pass
            ds.save_as(target)

    return run


def dcmtk() -> Engine:
    standard = Path(public_dictionary())
    both = f"{standard}:{standard.with_name('private.dic')}"

    def run(source: Path, target: Path) -> None:
        subprocess.run(
            [program("dcmconv"), "+uc", source, target],
            env=environment(DCMDICTPATH=both), capture_output=True, check=True,
        )  # fmt: skip

    return run


ENGINES: dict[str, Callable[[], Engine]] = {"atlas": atlas, "pydicom": pydicom, "dcmtk": dcmtk}


def compare(
    vendor: dict[ElementPath, OnDisk], unknown: dict[ElementPath, OnDisk],
    restored: dict[ElementPath, OnDisk], wrong: Counter[str],
) -> Counter[str]:  # fmt: skip
    """Count what became of the vendor's elements; `unknown` is what the engine was given."""
    count: Counter[str] = Counter()
    for path, element in vendor.items():
        tag = path[-1]
        group, number = tag >> 16, tag & 0xFFFF
        if number == 0 or path not in unknown:
            continue
        got = restored.get(path)
        if not group & 1:
            inside_private = any(step >> 16 & 1 for step in path[:-1] if step > 0xFFFF)
            given = unknown[path]
            if not inside_private and (
                got is None or got.vr != given.vr or (given.vr != "SQ" and got.value != given.value)
            ):
                count["others changed"] += 1
            continue
        if number < 0x1000 or element.vr in ("", "UN"):
            continue
        count["private"] += 1
        if got is None:
            count["lost"] += 1
        elif got.vr == element.vr:
            count["restored"] += 1
        elif got.vr in ("UN", ""):
            count["left"] += 1
        else:
            count["wrong"] += 1
            key = f"{element.creator} ({group:04x},xx{number & 0xFF:02x}) {element.vr}->{got.vr}"
            wrong[key] += 1
    return count


def manufacturer(vendor: dict[ElementPath, OnDisk]) -> str:
    element = vendor.get((0x00080070,))
    name = element.value.decode("latin-1").strip("\0 ").upper() if element else ""
    return " ".join(name.split()[:2]) or "(none)"


def prepared(root: Path, folder: Path) -> list[tuple[Path, Path, str]]:
    """Return vendor's file, its `UN` copy and manufacturer, for every file that can be used."""
    usable = []
    for number, path in enumerate(sorted(p for p in root.rglob("*") if p.is_file())):
        try:
            syntax, elements = ondisk.read(path)
        except (ondisk.NotReadableError, Exception):
            continue
        if syntax not in EXPLICIT or not any(path[0] >> 16 & 1 for path in elements):
            continue
        copy = folder / f"{number}.dcm"
        if make_unknown(path, copy):
            usable.append((path, copy, manufacturer(elements)))
    return usable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=SCANS)
    parser.add_argument("--engines", default="atlas,pydicom,dcmtk")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder}: no such folder")
    with tempfile.TemporaryDirectory() as scratch:
        files = prepared(options.folder, Path(scratch))
        report = {}
        for name in options.engines.split(","):
            report[name] = measure(ENGINES[name](), files, Path(scratch))
    if options.json:
        print(json.dumps(report, indent=1))
        return
    print(f"{len(files)} files of {options.folder}")
    columns = ["private", "restored", "left", "wrong", "lost", "others changed", "failed files"]
    print("| engine | manufacturer | " + " | ".join(columns) + " |")
    print("|" + "---|" * (len(columns) + 2))
    for name, result in report.items():
        for group, count in result["by manufacturer"].items():
            total = count.get("private", 0) or 1
            cells = [str(count.get("private", 0))]
            cells += [
                f"{100 * count.get(c, 0) / total:.2f} %" for c in ("restored", "left", "wrong")
            ]
            cells += [str(count.get(c, 0)) for c in columns[4:]]
            print(f"| {name} | {group} | " + " | ".join(cells) + " |")
        for what, times in result["wrong"].items():
            print(f"    {name} wrong {times} x {what}")


def measure(engine: Engine, files: list[tuple[Path, Path, str]], scratch: Path) -> dict[str, dict]:
    wrong: Counter[str] = Counter()
    groups: dict[str, Counter[str]] = {"all": Counter()}
    out = scratch / "restored.dcm"
    for path, copy, group in files:
        out.unlink(missing_ok=True)
        try:
            engine(copy, out)
            count = compare(ondisk.read(path)[1], ondisk.read(copy)[1], ondisk.read(out)[1], wrong)
        except Exception as error:
            print(f"{path.name}: {type(error).__name__}", file=sys.stderr)
            count = Counter({"failed files": 1})
        groups["all"] += count
        groups.setdefault(group, Counter())
        groups[group] += count
    return {
        "by manufacturer": {
            name: dict(groups[name]) for name in ["all", *sorted(set(groups) - {"all"})]
        },
        "wrong": dict(wrong.most_common(20)),
    }


if __name__ == "__main__":
    main()
