import re
from urllib.parse import quote

import pytest

from atlas_node.web.login import local_target
from atlas_node.web.passwords import hash_token

# Of "sesame", with a small cost so that each test is quick.
SESAME = "scrypt:10:1:1:AAAAAAAAAAAAAAAAAAAAAA:MCVSH9Sz7AaH7GNcSYBFDzww1Jpc1mMXKIr9Qs0O9SM"
USERS = (
    f"users: [{{name: olga, role: operator, password_hash: '{SESAME}'}},"
    f" {{name: vera, password_hash: '{SESAME}'}}],"
    f" tokens: [{{name: grafana, token_hash: '{hash_token('a-token')}'}}]"
)


@pytest.fixture
def open_viewer(store, browse, make_config):
    def open_one(more=""):
        settings = make_config(web=f"{{host: 0.0.0.0, {USERS}{more}}}")
        return browse(store, settings, host="atlas.example:8080")

    return open_one


@pytest.fixture
def client(open_viewer):
    return open_viewer()


def sign_in(client, name="olga", password="sesame", **more):
    return client.post("/login", data={"name": name, "password": password, **more})


def trail(client):
    return [(it.action, it.subject) for it in client.app.state.site.trail.newest(100)]


def test_whoever_signs_in_sees_the_page_that_was_asked_for(client):
    asked = client.get("/?modality=MR", headers={"Accept": "text/html"})
    page = client.get(asked.headers["location"]).text
    wanted = re.search(r'name="next" value="([^"]+)"', page)[1]

    answer = sign_in(client, next=wanted)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/?modality=MR"
    assert "PAT-007" in client.get("/?modality=MR").text
    assert client.get("/api/visitor").json()["name"] == "olga"


def test_the_cookie_is_for_this_site_and_not_for_script(client):
    cookie = sign_in(client).headers["set-cookie"]

    assert cookie.startswith("atlas_8080=")
    assert {it.strip().lower() for it in cookie.split(";")[1:]} == {
        "httponly", "path=/", "samesite=strict",
    }  # fmt: skip


def test_over_https_the_cookie_goes_nowhere_else(open_viewer):
    cookie = sign_in(open_viewer(", origin: 'https://atlas.example:8080'")).headers["set-cookie"]

    assert cookie.startswith("__Host-atlas_8080=")
    assert "secure" in cookie.lower()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("olga", "wrong"),
        ("nobody", "sesame"),
        ("", ""),
        ("olga", "x" * 100_000),
        ("\x00", "\ud800"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_same_words(client, name, password):
    answer = client.post(
        "/login",
        content=f"name={quote(name)}&password={quote(password, errors='surrogatepass')}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 403
    assert "Name and password do not fit." in answer.text
    assert "set-cookie" not in answer.headers
    assert client.get("/").status_code == 401


def test_the_name_stays_in_the_form_and_the_password_does_not(client):
    page = sign_in(client, name='"><script>', password="secret-1").text

    assert "&#34;&gt;&lt;script&gt;" in page
    assert "secret-1" not in page


def test_passwords_cannot_be_tried_for_long(no_time_passes, client):
    codes = [sign_in(client, password=str(number)).status_code for number in range(7)]

    assert codes == [403] * 5 + [429] * 2
    slow = sign_in(client)
    assert slow.status_code == 429
    assert "Try again in" in slow.text
    # Another user is not held up by it.
    assert sign_in(client, name="vera").status_code == 303


def test_signing_in_and_out_is_in_the_audit_trail(client):
    sign_in(client, password="wrong")
    sign_in(client, name="my-password-typed-here", password="x")
    sign_in(client)
    csrf = client.get("/api/visitor").json()["csrf"]
    client.post("/logout", data={"csrf": csrf})

    assert trail(client) == [
        ("sign-out", "olga"),
        ("sign-in", "olga"),
        ("sign-in refused", "unknown user"),
        ("sign-in refused", "olga"),
    ]


def test_a_trail_that_cannot_be_written_locks_nobody_out(open_viewer, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    client = open_viewer(f", audit: {tmp_path}/file/audit.jsonl")

    assert sign_in(client).status_code == 303
    assert "sign-in of olga is not in the audit trail" in caplog.text


def test_whoever_signs_out_has_no_session_left(client):
    sign_in(client, name="vera")
    cookies = dict(client.cookies)
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/").text)[1]

    answer = client.post("/logout", data={"csrf": csrf})

    assert answer.headers["location"] == "/login"
    assert not client.cookies
    client.cookies.update(cookies)
    assert client.get("/").status_code == 401


def test_nobody_is_signed_out_by_a_forged_form(client):
    sign_in(client)

    assert client.post("/logout", data={"csrf": "x"}).status_code == 403
    assert client.get("/").status_code == 200


def test_signing_in_again_ends_the_session_before(client):
    sign_in(client, name="vera")
    before = client.cookies["atlas_8080"]
    sign_in(client, name="olga")

    assert client.cookies["atlas_8080"] != before
    client.cookies.set("atlas_8080", before)
    assert client.get("/", headers={"Cookie": f"atlas_8080={before}"}).status_code == 401


def test_whoever_is_signed_in_needs_no_login_page(client):
    sign_in(client)

    assert client.get("/login?next=/explore").headers["location"] == "/explore"


def test_where_nobody_signs_in_there_is_no_login_page(store, browse):
    assert browse(store).get("/login").headers["location"] == "/"


@pytest.mark.parametrize(
    ("token", "code"), [("a-token", 200), ("another", 401), ("", 401), ("\u00e9", 401)]
)
def test_a_program_shows_its_token(client, token, code):
    answer = client.get("/api/visitor", headers={"Authorization": f"Bearer {token}".encode()})

    assert answer.status_code == code
    if code == 200:
        assert answer.json() == {"name": "grafana", "role": "viewer", "how": "token", "csrf": ""}


def test_a_user_may_use_basic_authentication(client):
    answer = client.get("/api/visitor", auth=("vera", "sesame"))

    assert (answer.json()["name"], answer.json()["how"]) == ("vera", "basic")


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "",
     "/login", "/login?next=/", "evil", "/\n/evil.example", "/\t//evil", "/ok\r\nSet-Cookie: a=b"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(client, target):
    assert local_target(target) == "/"
    assert sign_in(client, next=target).headers["location"] == "/"


def test_too_many_attempts_are_in_the_audit_trail_once_a_minute(no_time_passes, client):
    answers = [sign_in(client, password="wrong") for _ in range(8)]

    assert [it.status_code for it in answers].count(429) == 3
    details = [it.detail for it in client.app.state.site.trail.newest(100)]
    assert details == ["too many attempts", *[""] * 5]
