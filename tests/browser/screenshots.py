"""Takes the pictures of the viewer in docs/screenshots, `make screenshots`.

A node of its own receives real scans from four scanners, most of them as a PACS would send them
that has lost their private VRs; one destination takes them, another is down. Every page is then
looked at in headless Chromium. Without the scans beside the repository, those of pydicom do.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import pydicom
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from pydicom.data import get_testdata_files
from pynetdicom import AE, _config
from pynetdicom.sop_class import Verification

from atlas_node.log import LogFilter, LogStore
from atlas_node.web.rendering import link
from atlas_node.web.site import PAGES
from tests.browser.conftest import CHROMIUM_ARGS
from tests.fault.nodes import NodeProcess
from tests.peers import SCANS, environment, make_unknown, program, scans
from tests.ports import free_port
from tests.scan_log import SCANNERS

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"
WIDTH, HEIGHT = 1280, 860
PHONE: Final = (390, 844)
LARGEST: Final = 150_000
"""Bytes of a picture."""

_SLICE_TIMES: Final = ("SIEMENS MR SDI 02", "(0021,xx04)", "(0021,xx5e)")
"""An element worth plotting by another: the time of each slice by its number."""

_SEARCHED: Final = {"/dictionary": "/dictionary?q=b-value"}
"""Pages that show more when something is looked for."""

_MOST_OBJECTS: Final = 150
_EVERY_SO_MANY_AS_IT_IS: Final = 4
_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Picture:
    """A page as it is to be looked at."""

    name: str
    address: str
    dark: bool = False
    size: tuple[int, int] = (WIDTH, HEIGHT)


def main() -> None:
    """Write every picture; leave the old ones where something fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder of the pictures")
    target = parser.parse_args().to
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as (url, store):
        target.mkdir(parents=True, exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program("chromium"), args=CHROMIUM_ARGS
            )
            for picture in pictures(store):
                path = target / f"{picture.name}.png"
                path.write_bytes(taken(browser, url, picture))
                print(f"{path.name}: {path.stat().st_size:,} bytes")
            browser.close()


def pictures(store: LogStore) -> Iterator[Picture]:
    """Yield every page of the navigation and those that lead on from it."""
    for address, name in PAGES:
        yield Picture(name.lower(), _SEARCHED.get(address, address))
    yield Picture("live-dark", "/", dark=True)
    yield Picture("live-phone", "/", size=PHONE)
    most = max(
        store.objects(LogFilter(), _MOST_OBJECTS),
        key=lambda it: it.object.counts["decoded"] if it.object.counts["private"] < 200 else 0,
    )
    yield Picture("object", f"/objects/{most.object.object_id}", size=(WIDTH, 1150))
    creator, key, by = _SLICE_TIMES
    for found in store.objects(LogFilter(creator=creator, tag=key), 1):
        series = {"series": found.object.identity.series_instance_uid}
        element = {"creator": creator, "element": key, "by": f"{by} {creator}"}
        yield Picture("values", link("/explore/values", series | element))


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[str, LogStore]]:
    """Run a node until everything that was sent is in its log; yield its viewer and log."""
    store_port, web_port = free_port(), free_port()
    (folder / "pacs").mkdir()
    pacs = subprocess.Popen(
        [program("storescp"), "--fork", "+xa", "--ignore", "-aet", "PACS", str(store_port)],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    routes = [{"to": ["pacs"]}, {"match": {"modality": "MR"}, "to": ["research"]}]
    try:
        with NodeProcess(
            folder,
            {"pacs": store_port, "research": free_port()},
            node={"ae_title": "ATLAS"},
            routes=routes,
            web={"enabled": True, "port": web_port},
        ) as node:
            sent = send(node.port, list(prepared(folder)))
            with LogStore.open(f"sqlite:///{folder / 'log.db'}", read_only=True) as store:
                node.wait_until(lambda: store.newest() >= sent, _PATIENCE)
                time.sleep(2)  # the tries at the destination that is down
                yield f"http://127.0.0.1:{web_port}", store
            node.stop()
    finally:
        pacs.terminate()
        pacs.wait()


def prepared(folder: Path) -> Iterator[Path]:
    """Yield files with private elements, most of them with their private VRs lost."""
    there = scans() if SCANS.is_dir() else [Path(it) for it in get_testdata_files("*.dcm")]
    number = 0
    for path in there:
        try:
            found = pydicom.dcmread(path, stop_before_pixels=True, force=False)
            private = any(element.tag.is_private for element in found)
        except Exception:
            continue  # some are broken, or no DICOM files
        if not private or "SOPInstanceUID" not in found:
            continue
        number += 1
        unknown = folder / f"{number}.dcm"
        if number % _EVERY_SO_MANY_AS_IT_IS and make_unknown(path, unknown):
            yield unknown
        else:
            yield path


def send(port: int, paths: list[Path]) -> int:
    """Send files as their scanners would; return how many were taken."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    taken = 0
    for path in paths[:_MOST_OBJECTS]:
        found = pydicom.dcmread(path, stop_before_pixels=True)
        ae = AE(SCANNERS.get(str(found.get("Modality", "")), "GATEWAY"))
        ae.add_requested_context(
            found.file_meta.MediaStorageSOPClassUID, found.file_meta.TransferSyntaxUID
        )
        ae.add_requested_context(Verification)
        assoc = ae.associate("127.0.0.1", port, ae_title="ATLAS")
        if not assoc.is_established:
            continue
        with contextlib.suppress(ValueError, AttributeError):
            taken += assoc.send_c_store(path).get("Status") == 0x0000
        assoc.release()
    return taken


def taken(browser: Browser, url: str, picture: Picture) -> bytes:
    """Return a picture as PNG, with as few colours as keep it small."""
    width, height = picture.size
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if picture.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    answer = page.goto(picture.address)
    if answer is None or not answer.ok:
        sys.exit(f"{picture.address}: the viewer answered {answer and answer.status}")
    page.reload()  # with the fonts, which a first visit does not wait for
    page.wait_for_timeout(800)  # the stream stands, and what is asked for later is there
    whole = page.screenshot()
    context.close()
    for colours in (256, 128, 64):
        out = BytesIO()
        image = Image.open(BytesIO(whole)).convert("RGB")
        image.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LARGEST:
            break
    return out.getvalue()


if __name__ == "__main__":
    main()
