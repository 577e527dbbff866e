"""The route with DCMTK's own programs at both ends: storescu, the node, storescp, dcmdump."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from tests import ondisk
from tests.fault.nodes import NodeProcess
from tests.peers import environment, make_unknown, program, public_dictionary, scans
from tests.ports import free_port, listens
from tests.streams import element
from tests.waiting import LONG, wait_until

CT_SMALL = Path(get_testdata_file("CT_small.dcm"))


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """DCMTK's storescp, which writes what it receives bit for bit."""
    folder, port = tmp_path / "pacs", free_port()
    folder.mkdir()
    process = subprocess.Popen(
        [program("storescp"), "-aet", "PACS", "-pm", "+xa", "+B", "-od", folder, str(port)],
        env=environment(),
    )
    wait_until(lambda: listens(port))
    yield port, folder
    process.terminate()
    process.wait(LONG)


@pytest.fixture
def node(tmp_path: Path, pacs: tuple[int, Path]) -> Iterator[NodeProcess]:
    folder = tmp_path / "node"
    folder.mkdir()
    with NodeProcess(folder, {"pacs": pacs[0]}) as running:
        yield running


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """CT_small.dcm as a PACS without a private dictionary passes it on."""
    path = tmp_path / "unknown.dcm"
    assert make_unknown(CT_SMALL, path)
    return path


def storescu(node: NodeProcess, *arguments: str | Path) -> None:
    subprocess.run(
        [program("storescu"), "-aec", "ATLAS", "127.0.0.1", str(node.port), *arguments],
        env=environment(), check=True, timeout=LONG,
    )  # fmt: skip


def delivered(node: NodeProcess, folder: Path, number: int = 1) -> list[Path]:
    def all_there() -> bool:
        return len(list(folder.iterdir())) >= number and not node.spooled()

    node.wait_until(all_there)
    return sorted(folder.iterdir())


def test_echoscu_is_answered(node: NodeProcess) -> None:
    subprocess.run(
        [program("echoscu"), "-aec", "ATLAS", "127.0.0.1", str(node.port)], check=True, timeout=LONG
    )


def test_dcmdump_without_a_private_dictionary_shows_the_vendors_vrs(
    node: NodeProcess, pacs: tuple[int, Path], unknown: Path
) -> None:
    storescu(node, unknown)
    (copy,) = delivered(node, pacs[1])
    dump = subprocess.run(
        [program("dcmdump"), "-q", copy],
        env=environment(DCMDICTPATH=public_dictionary()),
        capture_output=True, text=True, check=True, errors="replace",
    ).stdout  # fmt: skip
    shown = dict(re.findall(r"^\((\w{4},\w{4})\) (\w\w)", dump, re.MULTILINE))
    vendor = pydicom.dcmread(CT_SMALL)
    restored = left = 0
    for tag in list(vendor.keys()):
        if not tag.is_private or tag.is_private_creator:
            continue
        vr = shown[f"{tag.group:04x},{tag.elem:04x}"]
        # Lower-case letters are how dcmdump says that it does not know the element.
        assert vr in (vendor.get_item(tag).VR, "UN"), tag
        restored += vr != "UN"
        left += vr == "UN"
    assert restored >= 150
    assert restored + left == 170


def test_nothing_but_private_headers_has_changed(
    node: NodeProcess, pacs: tuple[int, Path], unknown: Path
) -> None:
    storescu(node, unknown)
    (copy,) = delivered(node, pacs[1])
    assert data_set(copy) != data_set(unknown)
    assert made_unknown_again(copy) == data_set(unknown)


def data_set(path: Path) -> bytes:
    """The encoded data set without trailing padding (FFFC,FFFC), which storescu leaves out."""
    data, (_, elements) = path.read_bytes(), ondisk.read(path)
    padding = elements.get((0xFFFCFFFC,))
    begin = min(e.header for e in elements.values())
    return data[begin : padding.header if padding else len(data)]


def made_unknown_again(path: Path) -> bytes:
    """The data set of `path` with the header of every private element put back to `UN`."""
    data, (_, elements) = path.read_bytes(), ondisk.read(path)
    top = sorted((e.header, key[0], e) for key, e in elements.items() if len(key) == 1)
    ends = [header for header, _, _ in top[1:]] + [len(data)]
    pieces = []
    for (header, tag, found), end in zip(top, ends, strict=True):
        is_private = tag >> 16 & 1 and tag & 0xFFFF >= 0x1000
        pieces.append(element(tag, "UN", found.value) if is_private else data[header:end])
    return b"".join(pieces)


@pytest.mark.parametrize(
    ("proposal", "syntax"),
    [
        ("-xe", "1.2.840.10008.1.2.1"),
        # Big endian is proposed first, with others behind it: the node chooses.
        ("-xb", "1.2.840.10008.1.2.1"),
        # What came in implicit VR is delivered in explicit VR, which shows what was decoded.
        ("-xi", "1.2.840.10008.1.2.1"),
    ],
)
def test_uncompressed_transfer_syntaxes(
    node: NodeProcess, pacs: tuple[int, Path], unknown: Path, proposal: str, syntax: str
) -> None:
    storescu(node, proposal, unknown)
    (copy,) = delivered(node, pacs[1])
    assert pydicom.dcmread(copy, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax


@pytest.mark.parametrize("proposal", ["-xe", "-xi"])
def test_a_pacs_that_takes_implicit_vr_alone_gets_implicit_vr(
    tmp_path: Path, unknown: Path, proposal: str
) -> None:
    folder, port = tmp_path / "implicit", free_port()
    folder.mkdir()
    (tmp_path / "node").mkdir()
    pacs = subprocess.Popen(
        [program("storescp"), "-aet", "PACS", "+xi", "-od", folder, str(port)], env=environment()
    )
    try:
        with NodeProcess(tmp_path / "node", {"pacs": port}) as node:
            storescu(node, proposal, unknown)
            (copy,) = delivered(node, folder)
    finally:
        pacs.terminate()
        pacs.wait(LONG)
    ds = pydicom.dcmread(copy)
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    assert ds.PixelData == pydicom.dcmread(CT_SMALL).PixelData


def test_a_whole_folder_of_real_objects_passes(
    node: NodeProcess, pacs: tuple[int, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    uids = set()
    for number, path in enumerate(scans()):
        try:
            ds = pydicom.dcmread(path, stop_before_pixels=True)
            uids.add(str(ds.SOPInstanceUID))
        except Exception:
            continue
        shutil.copy(path, folder / f"{number}.dcm")
    # Broken ones are among them: storescu passes over what it cannot read (-nh) and goes on.
    subprocess.run(
        [
            *(program("storescu"), "-R", "-nh", "+sd", "-aec", "ATLAS"),
            *("127.0.0.1", str(node.port), folder),
        ],
        env=environment(), check=False, timeout=100,
    )  # fmt: skip
    wait_until_empty(node)
    arrived = {str(pydicom.dcmread(p, stop_before_pixels=True, force=True).SOPInstanceUID)
               for p in pacs[1].iterdir()}  # fmt: skip
    assert len(arrived) >= 0.8 * len(uids)
    assert arrived <= uids


def wait_until_empty(node: NodeProcess) -> None:
    empty: Callable[[], bool] = lambda: not node.spooled()  # noqa: E731
    node.wait_until(empty, 60)
