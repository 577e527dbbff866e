"""The main job from end to end on real input: scanner, Atlas Node, PACS, log.

``make demo`` runs it. It starts a PACS and the node, sends pydicom's own CT_small.dcm with its
private elements made `UN`, waits until the PACS has it, and prints what was decoded. With real
scanner files in ../shared/data/scans it sends those too. It ends with exit 0 only when every
object arrived and the vendor's VRs stand in the delivered file.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom
from peers import send, start_pacs
from pydicom.data import get_testdata_file
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from unknown import made_unknown

from atlas_node.errors import AtlasError
from atlas_node.log import LogFilter, LogStore
from atlas_node.spool import read_queue

REPOSITORY = Path(__file__).parent.parent
FOLDER = REPOSITORY / "var" / "demo"
SCANS = REPOSITORY.parent / "shared" / "data" / "scans"
CONFIG = """\
node: {{ae_title: ATLAS, host: 127.0.0.1, port: {node}, workers: 2}}
spool: {{path: spool}}
log: {{url: "sqlite:///log.db"}}
destinations:
  - {{name: pacs, ae_title: PACS, host: 127.0.0.1, port: {pacs}}}
routes:
  - {{to: [pacs]}}
web: {{host: 127.0.0.1, port: {web}}}
"""
SECONDS_TO_START = 30
SECONDS_TO_DELIVER = 120

console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def main() -> int:
    """Run the demonstration; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--keep", action="store_true", help="leave PACS, node and viewer running")
    keep = parser.parse_args().keep
    warnings.simplefilter("ignore")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    ports = dict(zip(("node", "pacs", "web"), _free_ports(3), strict=True))
    config = FOLDER / "config.yaml"
    config.write_text(CONFIG.format(**ports), encoding="utf-8")
    ct = Path(get_testdata_file("CT_small.dcm"))

    with contextlib.ExitStack() as running:
        name, pacs = start_pacs(ports["pacs"], FOLDER / "pacs")
        running.callback(_stop, pacs)
        _wait_for_port(ports["pacs"])
        console.print(f"[bold]PACS[/]     {name}, port {ports['pacs']}")
        node = subprocess.Popen([_atlas_node(), "serve", "-c", str(config)])
        running.callback(_stop, node)
        _wait_for_port(ports["node"])

        sent = _send_all(ports["node"], ct)
        _wait_until_delivered(node, sent)
        delivered_well = _show(ct, sent)
        console.print(
            f"\nviewer    http://127.0.0.1:{ports['web']}/"
            f"\nterminal  .venv/bin/atlas-node log -c {config.relative_to(REPOSITORY)}"
            f"\nPACS      {(FOLDER / 'pacs').relative_to(REPOSITORY)}/"
        )
        if keep:
            console.print(f"node      AE ATLAS at 127.0.0.1:{ports['node']}; Ctrl-C ends all three")
            with contextlib.suppress(KeyboardInterrupt):
                node.wait()
        else:
            console.print("they have ended; [bold]make demo KEEP=1[/] leaves them running")
    return 0 if delivered_well else 1


def _atlas_node() -> str:
    return str(Path(sys.executable).parent / "atlas-node")


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"demo: nothing listens on port {port} after {SECONDS_TO_START} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()


def _send_all(port: int, ct: Path) -> int:
    """Send CT_small.dcm, then the scanner files if there are any; return how many were accepted."""
    sources = [ct]
    if SCANS.is_dir():
        found = (p for p in sorted(SCANS.rglob("*")) if p.is_file())
        sources += [p for p in found if p.suffix not in (".tsv", ".md")]
    made = FOLDER / "sent"
    made.mkdir()
    files = []
    for number, source in enumerate(sources):
        # Some of the real files are broken on purpose; they are no part of the show.
        with contextlib.suppress(Exception):
            data = made_unknown(source)
            if data is not None:
                files.append(made / f"{number:03d}.dcm")
                files[-1].write_bytes(data)
    started = time.monotonic()
    statuses = send(port, files)
    accepted = sum(status == 0 for status in statuses.values())
    left_out = len(sources) - len(files)
    if left_out:
        console.print(f"[bold]scanner[/]  {left_out} files are not in uncompressed explicit VR")
    console.print(
        f"[bold]scanner[/]  sent {len(files)} object{'s' * (len(files) != 1)} with all private "
        f"elements made UN, {accepted} accepted, {time.monotonic() - started:.1f} s"
    )
    if accepted != len(files):
        refused = ", ".join(f"{p.name} 0x{s:04x}" for p, s in statuses.items() if s)
        sys.exit(f"demo: not accepted: {refused}")
    return accepted


def _wait_until_delivered(node: subprocess.Popen[bytes], sent: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_DELIVER
    while time.monotonic() < deadline:
        if node.poll() is not None:
            sys.exit(f"demo: the node ended with exit status {node.returncode}")
        with contextlib.suppress(AtlasError), _log() as log:
            if log.totals(LogFilter()).objects >= sent and not any(read_queue(FOLDER / "spool")):
                return
        time.sleep(0.1)
    waiting = [
        f"{d.destination}: {d.detail}"
        for q in read_queue(FOLDER / "spool")
        for d in q.deliveries.values()
        if d.detail
    ]
    sys.exit(f"demo: not all delivered after {SECONDS_TO_DELIVER} s; {'; '.join(waiting[:3])}")


@contextlib.contextmanager
def _log() -> Iterator[LogStore]:
    log = LogStore.open(f"sqlite:///{FOLDER / 'log.db'}", read_only=True)
    try:
        yield log
    finally:
        log.close()


def _show(ct: Path, sent: int) -> bool:
    """Print what the log has, and whether the PACS has the vendor's VRs."""
    uid = pydicom.dcmread(ct, stop_before_pixels=True).SOPInstanceUID
    with _log() as log:
        objects = log.objects(LogFilter(), limit=sent + 1)
        number = next(
            o.object.object_id for o in objects if o.object.envelope.sop_instance_uid == uid
        )
        logged = log.object(number)
    assert logged is not None
    table = Table(title=f"CT_small.dcm, {uid}", title_justify="left", show_edge=False)
    for heading in ("tag", "creator", "name", "before", "after", "value"):
        table.add_column(heading, no_wrap=heading != "name")
    for e in logged.object.elements:
        value = "\\".join(str(v) for v in e.value or ())
        shown = value if len(value) <= 32 else value[:31] + "…"
        style = None if e.status == "decoded" else "yellow"
        table.add_row(
            e.path,
            escape(e.creator),
            escape(e.name),
            e.vr_before,
            e.vr,
            escape(shown) if e.status == "decoded" else escape(e.reason),
            style=style,
        )
    console.print(table)
    if sent > 1:
        _show_totals([o.object for o in objects])
    uids = {o.object.envelope.sop_instance_uid for o in objects}
    return _show_delivered(ct, uid, len(uids))


def _show_totals(objects: list) -> None:
    by_maker: dict[str, Counter[str]] = {}
    for one in objects:
        words = one.identity.manufacturer.upper().split()
        counts = by_maker.setdefault(" ".join(words[:2]) or "(none)", Counter())
        counts.update(one.counts, objects=1)
    columns = ("objects", "private", "decoded", "unknown", "refused", "ambiguous")
    table = Table(title="\nAll objects by manufacturer", title_justify="left", show_edge=False)
    table.add_column("manufacturer")
    for column in (*columns, "share decoded"):
        table.add_column(column, justify="right")
    rows = sorted(by_maker.items())
    total = sum((counts for _, counts in rows), Counter[str]())
    for maker, counts in [*rows, ("all", total)]:
        share = f"{100 * counts['decoded'] / counts['private']:.1f} %" if counts["private"] else ""
        table.add_row(escape(maker), *(str(counts[c]) for c in columns), share)
    console.print(table)
    console.print(
        "The dictionary has seen files of most of these scanners; docs/accuracy.md tells what to "
        "expect of others."
    )


def _show_delivered(ct: Path, uid: str, expected: int) -> bool:
    """Compare the PACS's copy of CT_small.dcm with the vendor's.

    The PACS names its files by SOP Instance UID, of which there are `expected`.
    """
    arrived = [p for p in (FOLDER / "pacs").rglob("*") if p.is_file()]
    copies = [p for p in arrived if uid in p.name]
    if not copies or len(arrived) < expected:
        console.print(f"[red]the PACS has {len(arrived)} of {expected} objects[/]")
        return False
    vendor, copy = pydicom.dcmread(ct), pydicom.dcmread(copies[0])
    private = [t for t in list(vendor.keys()) if t.is_private and not t.is_private_creator]
    same = sum(vendor.get_item(tag).VR == copy.get_item(tag).VR for tag in private)
    wrong = sum(copy.get_item(tag).VR not in ("UN", vendor.get_item(tag).VR) for tag in private)
    console.print(
        f"\nThe PACS has {len(arrived)} objects, one for each SOP Instance UID. In its copy of "
        f"CT_small.dcm {same} of {len(private)} private elements have the vendor's own VR again, "
        f"{wrong} a wrong one."
    )
    return same > 0 and not wrong


if __name__ == "__main__":
    sys.exit(main())
