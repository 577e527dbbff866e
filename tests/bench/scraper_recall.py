"""How much of three vendors' statements the scraper finds, against independent extractions.

    python tests/bench/scraper_recall.py [FOLDER] [--differences]

FOLDER holds the PDFs and, for some, NAME.expected.xml (the dictionaries of GDCM's project, made
from pdftotext by hand and script, with errors of their own). Creator elements (00xx) do not
count. An expected element is found when group and element come out; its VR agrees when it is
the same wherever the element comes out; its creator is counted where the expected file's creator
stands in the document at all.
"""

import argparse
import resource
import time
import xml.etree.ElementTree as ElementTree  # local, trusted files
from dataclasses import dataclass
from pathlib import Path

from atlas_scraper import Element, scrape

DEFAULT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "conformance-pdfs"
Key = tuple[int, int]


@dataclass(frozen=True)
class Expected:
    key: Key
    vr: str | None
    vm: str | None
    name: str
    creator: str


@dataclass(frozen=True)
class Score:
    document: str
    pages: int
    pages_read: int
    seconds: float
    rows: int
    elements: int
    expected: int | None
    found: int
    vr_given: int
    vr_agreeing: int
    creators_stated: int
    creators_agreeing: int
    with_creator: int
    extras: int
    rejects: int
    differences: tuple[str, ...]


def expected_of(path: Path) -> list[Expected]:
    """Read an independent extraction, without its creator elements."""
    entries = []
    for owner in ElementTree.parse(path).getroot().iter("dict"):
        for entry in owner.iter("entry"):
            element = int(entry.get("element", ""), 16)
            if element > 0xFF:
                entries.append(
                    Expected(
                        (int(entry.get("group", ""), 16), element & 0xFF),
                        entry.get("vr"),
                        entry.get("vm"),
                        entry.get("name", ""),
                        owner.get("owner", ""),
                    )
                )
    return entries


def score(pdf: Path) -> Score:
    """Scrape one document and compare it with its extraction, where there is one."""
    turned = {"pages": 0, "read": 0}

    def count(_page: int, pages: int, read: bool) -> None:
        turned["pages"] = pages
        turned["read"] += read

    start = time.perf_counter()
    out = list(scrape(pdf, count))
    seconds = time.perf_counter() - start
    elements = [item for item in out if isinstance(item, Element)]
    by_key: dict[Key, list[Element]] = {}
    for element in elements:
        by_key.setdefault((element.group, element.offset), []).append(element)
    reference = pdf.with_suffix(".expected.xml")
    expected = expected_of(reference) if reference.exists() else None
    differences = []
    found = vr_given = vr_agreeing = stated = agreeing = 0
    creators = {element.creator for element in elements}
    for want in expected or []:
        got = by_key.get(want.key)
        label = f"({want.key[0]:04x},xx{want.key[1]:02x}) {want.name!r}"
        if got is None:
            differences.append(f"missing {label}")
            continue
        found += 1
        if want.vr is not None:
            vr_given += 1
            vrs = {element.vr for element in got if element.vr is not None}
            vr_agreeing += vrs == {want.vr}
            if vrs != {want.vr}:
                differences.append(f"VR {label}: expected {want.vr}, found {sorted(vrs)}")
        if want.creator in creators:
            stated += 1
            ours = {element.creator for element in got}
            agreeing += want.creator in ours
            if want.creator not in ours:
                differences.append(f"creator {label}: expected {want.creator}, found {ours}")
        vms = {element.vm for element in got if element.vm is not None}
        if want.vm is not None and want.vm not in vms:
            differences.append(f"VM {label}: expected {want.vm}, found {sorted(vms)}")
    known = {want.key for want in expected or []}
    extras = sorted(set(by_key) - known) if expected is not None else []
    for key in extras:
        first = by_key[key][0]
        differences.append(
            f"extra ({key[0]:04x},xx{key[1]:02x}) {first.name!r} p{first.place.page}"
        )
    return Score(
        document=pdf.name,
        pages=turned["pages"],
        pages_read=turned["read"],
        seconds=seconds,
        rows=len(elements),
        elements=len({element.key for element in elements}),
        expected=None if expected is None else len(expected),
        found=found,
        vr_given=vr_given,
        vr_agreeing=vr_agreeing,
        creators_stated=stated,
        creators_agreeing=agreeing,
        with_creator=sum(element.creator is not None for element in elements),
        extras=len(extras),
        rejects=len(out) - len(elements),
        differences=tuple(differences),
    )


def main() -> None:
    """Print the table, and with --differences every difference below it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--differences", action="store_true")
    arguments = parser.parse_args()
    print(
        "| document | pages (laid out) | rows | distinct | expected | found | VR agrees "
        "| creator agrees | rows with creator | extras | rejects | pages/s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    scores = [score(pdf) for pdf in sorted(arguments.folder.glob("*.pdf"))]
    for s in scores:
        print(
            f"| {s.document} | {s.pages} ({s.pages_read}) | {s.rows} | {s.elements} "
            f"| {'-' if s.expected is None else s.expected} "
            f"| {_share(s.found, s.expected)} | {_share(s.vr_agreeing, s.vr_given)} "
            f"| {_share(s.creators_agreeing, s.creators_stated)} | {s.with_creator} "
            f"| {'-' if s.expected is None else s.extras} | {s.rejects} "
            f"| {s.pages / s.seconds:.0f} |"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\npeak memory {peak} MiB")
    if arguments.differences:
        for s in scores:
            print(f"\n{s.document}")
            for line in s.differences:
                print(f"  {line}")


def _share(part: int, whole: int | None) -> str:
    return f"{part} ({100 * part / whole:.1f} %)" if whole else "-"


if __name__ == "__main__":
    main()
