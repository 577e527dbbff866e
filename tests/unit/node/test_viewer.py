import subprocess

import pytest

from atlas_node.config import load_config
from atlas_node.errors import PeerError
from atlas_node.model import Envelope
from atlas_node.node.viewer import viewer_means
from atlas_node.spool import Entry
from tests.peers import environment, program
from tests.ports import free_port, listens
from tests.waiting import wait_until


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def config(tmp_path, port):
    path = tmp_path / "config.yaml"
    path.write_text(
        f"destinations: [{{name: pacs, ae_title: PACS, host: 127.0.0.1, port: {port}}}]\n"
        "routes: [{match: {calling_ae: MR1}, to: [pacs]}]\n"
    )
    return load_config(path, {})


def test_it_asks_a_peer(config, port, tmp_path):
    arguments = [program("storescp"), "-aet", "PACS", "-od", tmp_path, str(port)]
    with subprocess.Popen(arguments, env=environment()) as pacs:
        try:
            wait_until(lambda: listens(port))
            viewer_means(config).echo(config.destinations[0])
        finally:
            pacs.terminate()


def test_a_peer_that_is_not_there_is_an_error(config):
    with pytest.raises(PeerError, match="PACS"):
        viewer_means(config).echo(config.destinations[0])


def test_it_knows_the_routes_of_the_configuration(config):
    envelope = Envelope(1.0, "MR1", "ATLAS", "192.0.2.7", "1.2", "1.2.3", "1.2.840.10008.1.2")
    [found] = viewer_means(config).find_recipients(Entry("o1", envelope, 0, 0, ()), memoryview(b""))
    assert found.destination == "pacs"


def test_beside_no_node_there_is_nothing_to_reload(config):
    assert viewer_means(config).reload is None
