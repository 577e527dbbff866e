import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from atlas_node.errors import AtlasError
from atlas_node.log import LogStore
from atlas_node.web import WebServer
from tests.certificates import certificate
from tests.ports import free_port
from tests.waiting import LONG


@pytest.fixture
def port():
    return free_port()


def get(url):
    with urllib.request.urlopen(url, timeout=LONG) as answer:
        return answer.read().decode()


def test_it_serves_in_a_thread_until_it_is_stopped(store, make_config, port):
    server = WebServer(make_config(web=f"{{port: {port}}}"), store)
    server.start()
    try:
        assert "PAT-007" in get(server.url)
    finally:
        server.stop()

    with pytest.raises(OSError):
        get(server.url)


def test_a_port_in_use_is_one_line(store, make_config):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = WebServer(make_config(web=f"{{port: {port}}}"), store)

        with pytest.raises(
            AtlasError, match=f"web: cannot listen on 127.0.0.1 port {port}: "
        ) as it:
            server.start()

    assert "change web.host or web.port" in str(it.value)
    assert "\n" not in str(it.value)
    server.stop()


def test_values_do_not_reach_the_process_log(store, make_config, port, caplog, capfd):
    server = WebServer(make_config(web=f"{{port: {port}}}"), store)
    server.start()
    try:
        get(f"{server.url}?patient_id=PAT-007")
    finally:
        server.stop()

    said = caplog.text + "".join(capfd.readouterr())
    assert "PAT-007" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_viewer_alone_ends_with_a_signal(make_config, tmp_path, port, number):
    settings = make_config(web=f"{{port: {port}}}")
    LogStore.open(settings.log.url).close()
    command = "import sys, typer; from atlas_node.cli.web import web; typer.run(web)"
    viewer = subprocess.Popen(
        [sys.executable, "-c", command, "-c", str(tmp_path / "config.yaml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=os.fspath(tmp_path),
    )
    try:
        assert f"http://127.0.0.1:{port}/" in viewer.stdout.readline()
        assert get(f"http://127.0.0.1:{port}/healthz")
        viewer.send_signal(number)
        rest, _ = viewer.communicate(timeout=LONG)
    finally:
        viewer.kill()
        viewer.communicate()

    assert (viewer.returncode, rest) == (0, "")


def test_no_viewer_is_open_to_the_network(store, config):
    web = config.web.model_copy(update={"enabled": False, "host": "0.0.0.0"})
    server = WebServer(config.model_copy(update={"web": web}), store)

    with pytest.raises(AtlasError, match=r"web\.host: 0\.0\.0\.0 can be reached .* web\.users"):
        server.start()


def test_over_https_it_serves_and_keeps_its_cookies_there(store, make_config, port, tmp_path):
    paths = certificate(tmp_path, "viewer")
    tls = f"tls: {{certificate: {paths[0]}, key: {paths[1]}}}"
    users = "auth: {user: anna, password: sesame}"
    server = WebServer(make_config(web=f"{{port: {port}, {tls}, {users}}}"), store)
    server.start()
    try:
        assert server.url == f"https://127.0.0.1:{port}/"
        trusted = ssl.create_default_context(cafile=paths[0])
        form = urllib.request.Request(f"{server.url}login", b"name=anna&password=sesame")
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trusted), NotFollowed()
        )
        with pytest.raises(urllib.error.HTTPError) as answer:
            opener.open(form, timeout=LONG)
        with answer.value:
            cookie = answer.value.headers["Set-Cookie"]
        assert cookie.startswith(f"__Host-atlas_{port}=")
        assert "; Secure" in cookie
    finally:
        server.stop()


class NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def test_a_certificate_that_cannot_be_used_is_one_line(store, make_config, tmp_path):
    (tmp_path / "bad.pem").write_text("no certificate")
    tls = f"tls: {{certificate: {tmp_path}/bad.pem, key: {tmp_path}/none.key}}"
    server = WebServer(make_config(web=f"{{{tls}}}"), store)

    with pytest.raises(AtlasError, match=r"web\.tls: cannot use certificate and key: ") as it:
        server.start()
    assert "\n" not in str(it.value)
