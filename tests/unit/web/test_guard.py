import pytest

WITH_AUTH = "{host: 0.0.0.0, auth: {user: radiology, password: 'sesame: öffne'}}"


@pytest.fixture
def guarded(store, browse, make_config):
    return browse(store, make_config(web=WITH_AUTH), host="atlas.example:8080")


@pytest.mark.parametrize("url", ["/", "/objects/o1", "/api/objects", "/static/atlas.css", "/x"])
def test_without_a_password_nothing_is_shown(guarded, url):
    answer = guarded.get(url)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="Atlas Node"')
    assert "PAT-007" not in answer.text


def test_with_the_password_everything_is(guarded):
    answer = guarded.get("/", auth=("radiology", "sesame: öffne".encode()))

    assert answer.status_code == 200
    assert "PAT-007" in answer.text


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic cmFkaW9sb2d5",  # the user alone
        "Basic cmFkaW9sb2d5OnNlc2FtZQ==",  # another password
        "Basic eDpzZXNhbWU6IMO2ZmZuZQ==",  # another user
        "Bearer cmFkaW9sb2d5OnNlc2FtZTogw7ZmZm5l",
        "Basic cmFkaW9sb2d5OnNlc2FtZTogw7ZmZm5l=x",
    ],
)
def test_other_credentials_are_refused(guarded, authorization):
    answer = guarded.get("/", headers={"Authorization": authorization})

    assert answer.status_code == 401


def test_health_needs_no_password(guarded):
    assert guarded.get("/healthz").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080"])
def test_without_auth_the_viewer_answers_to_this_machine(store, browse, host):
    assert browse(store).get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8080", "[::2]:8080", ""])
def test_without_auth_a_name_of_a_stranger_is_refused(store, browse, host):
    # A page of a stranger can make its own name resolve to 127.0.0.1 and read what it gets.
    answer = browse(store).get("/", headers={"Host": host})

    assert answer.status_code == 403
    assert "set web.auth" in answer.text


@pytest.mark.parametrize("url", ["/", "/objects/o1", "/api/objects", "/nothing", "/?tag=x"])
def test_every_answer_forbids_inline_script_framing_and_caching(store, browse, url):
    headers = browse(store).get(url).headers

    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_nothing_can_be_changed(store, browse):
    client = browse(store)

    assert client.post("/objects/o1").status_code == 405
    assert client.delete("/api/objects/o1").status_code == 405
