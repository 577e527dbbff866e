import base64
import re
from pathlib import Path

import pytest

from atlas_node import __version__, web
from atlas_node.web.guard import _ASKED_BY_PAGES

WITH_AUTH = "{host: 0.0.0.0, auth: {user: radiology, password: 'sesame: öffne'}}"


@pytest.fixture
def guarded(store, browse, make_config):
    return browse(store, make_config(web=WITH_AUTH), host="atlas.example:8080")


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize("url", ["/", "/objects/o1", "/api/objects", "/x", "/static", "/login/x"])
def test_without_a_password_nothing_is_shown(guarded, url):
    answer = guarded.get(url)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="Atlas Node"')
    assert "PAT-007" not in answer.text


def test_the_api_says_so_in_json(guarded):
    assert "Sign in first" in guarded.get("/api/objects").json()["error"]


@pytest.mark.parametrize("url", ["/healthz", "/login", "/static/atlas.css"])
def test_what_tells_nothing_needs_no_password(guarded, url):
    assert guarded.get(url).status_code == 200


def test_the_login_page_tells_nothing_but_the_name_of_the_node(guarded):
    page = guarded.get("/login").text

    assert "ATLAS" in page
    for told in ("11112", __version__, "/explore", "log.values"):
        assert told not in page


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
        f"Basic {'A' * 100_000}",
        "Digest username=radiology",
    ],
)
def test_other_credentials_are_refused(guarded, authorization):
    answer = guarded.get("/", headers={"Authorization": authorization})

    assert answer.status_code == 401


def test_credentials_cannot_be_tried_for_long(no_time_passes, guarded):
    wrong = [guarded.get("/", headers={"Authorization": basic(f"radiology:{n}")}) for n in range(7)]

    assert [it.status_code for it in wrong] == [401] * 5 + [429] * 2
    assert 1 <= int(wrong[-1].headers["retry-after"]) <= 12
    # Not even the right one is looked at, so that trying on tells nothing.
    right = guarded.get("/", headers={"Authorization": basic("radiology:sesame: öffne")})
    assert right.status_code == 429


def test_tokens_cannot_be_tried_for_long(no_time_passes, guarded):
    codes = {
        guarded.get("/", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(31)
    }

    assert codes == {401, 429}


def test_whoever_gave_the_right_password_is_never_slowed_down(guarded):
    for _ in range(15):
        assert guarded.get("/healthz").status_code == 200
        answer = guarded.get(
            "/api/objects", headers={"Authorization": basic("radiology:sesame: öffne")}
        )
        assert answer.status_code == 200


# What a browser is told


def test_a_browser_is_sent_to_the_login_page_and_back(guarded):
    answer = guarded.get("/?modality=MR&name=a%26b", headers={"Accept": "text/html,*/*"})

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/%3Fmodality%3DMR%26name%3Da%2526b"


def test_a_part_of_a_page_sends_the_whole_page_there(guarded):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://atlas.example:8080/explore?vr=US"}
    answer = guarded.get("/objects", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login?next=/explore%3Fvr%3DUS"


def test_whoever_follows_a_link_from_elsewhere_comes_again_with_the_cookie(guarded):
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    answer = guarded.get("/objects/o1", headers=headers)

    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0"' in answer.text
    assert "PAT-007" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"HX-Request": "true"}, {"Accept": "text/event-stream"}, {"Sec-Fetch-Mode": "cors"}],
)
def test_no_browser_asks_for_a_password_in_a_window_of_its_own(guarded, headers):
    answer = guarded.get("/objects", headers=headers)

    assert answer.status_code == 401
    assert "Basic" not in answer.headers["www-authenticate"]


# Names and origins


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080"])
def test_without_auth_the_viewer_answers_to_this_machine(store, browse, host):
    assert browse(store).get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8080", "[::2]:8080", ""])
def test_without_auth_a_name_of_a_stranger_is_refused(store, browse, host):
    # A page of a stranger can make its own name resolve to 127.0.0.1 and read what it gets.
    answer = browse(store).get("/", headers={"Host": host})

    assert answer.status_code == 403
    assert "set web.users" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8081"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("url", ["/login", "/logout", "/anything"])
def test_no_other_site_can_send_a_change(store, browse, headers, url):
    answer = browse(store).post(url, headers=headers)

    assert answer.status_code == 403
    assert "another origin" in answer.text


@pytest.mark.parametrize(
    ("origin", "code"), [("https://atlas.example", 404), ("http://127.0.0.1:8080", 403)]
)
def test_behind_a_proxy_the_origin_is_the_configured_one(store, browse, make_config, origin, code):
    client = browse(store, make_config(web="{origin: 'https://Atlas.example'}"))

    assert client.post("/nothing", headers={"Origin": origin}).status_code == code


# Every answer


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
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_a_refusal_and_a_fault_of_ours_forbid_it_too(guarded, store, browse, monkeypatch):
    monkeypatch.setattr(type(store), "objects", lambda *_args: 1 / 0)

    for answer in (guarded.get("/"), browse(store).get("/")):
        assert answer.status_code in (401, 500)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_a_browser_keeps_what_has_its_version_in_its_name(store, browse):
    client = browse(store)

    kept = client.get("/static/htmx-2.0.11.min.js").headers["cache-control"]
    assert kept == "max-age=31536000, immutable"
    assert client.get("/static/atlas.css").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "url", ["/static/../guard.py", "/static/%2e%2e/guard.py", "/static//etc/passwd"]
)
def test_nothing_but_the_static_files_is_open(guarded, url):
    assert guarded.get(url).status_code in (401, 404)


def test_what_is_only_shown_cannot_be_changed(store, browse):
    client = browse(store)

    assert client.post("/objects/o1").status_code == 405
    assert client.delete("/api/objects/o1").status_code == 405


# What is written down of it, and what counts as use


def trail(client):
    newest = client.app.state.site.trail.newest(100)
    return [(it.action, it.subject, it.detail) for it in newest[::-1]]


def test_refused_credentials_are_in_the_audit_trail_once_a_minute(guarded):
    for n in range(8):
        guarded.get("/", headers={"Authorization": basic(f"radiology:{n}")})

    assert trail(guarded) == [
        ("sign-in refused", "radiology", ""),
        ("sign-in refused", "radiology", "too many attempts"),
    ]


@pytest.mark.parametrize(
    ("authorization", "subject"),
    [
        (basic("sesame: öffne:x"), "unknown user"),  # a password in the place of the name
        ("Basic !!!", "unknown user"),
        (f"Basic {'A' * 100_000}", "unknown user"),
        ("Bearer cmFkaW9sb2d5", "unknown token"),
    ],
)
def test_of_unknown_credentials_nothing_is_written_down(guarded, authorization, subject):
    guarded.get("/", headers={"Authorization": authorization})

    assert trail(guarded) == [("sign-in refused", subject, "")]


def test_who_brings_no_credentials_leaves_no_trace(guarded):
    guarded.get("/")
    guarded.get("/healthz", headers={"Authorization": "Bearer x"})

    assert trail(guarded) == []


def test_whatever_a_page_asks_by_itself_keeps_no_session_open():
    templates = Path(web.__file__).with_name("templates")
    text = "".join(it.read_text() for it in templates.glob("*.html"))
    polled = r'hx-get="(?:{{ link\(")?(/[a-z/]+)"[^>]*hx-trigger="(?:every|log)'

    followed = re.findall(r'data-follow="(/[a-z]+)"', text)
    assert {*re.findall(polled, text), *followed} == _ASKED_BY_PAGES
