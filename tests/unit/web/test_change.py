from types import SimpleNamespace

import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route

from atlas_node.web.audit import AuditError, AuditTrail
from atlas_node.web.passwords import hash_token

SESAME = "scrypt:10:1:1:AAAAAAAAAAAAAAAAAAAAAA:MCVSH9Sz7AaH7GNcSYBFDzww1Jpc1mMXKIr9Qs0O9SM"
USERS = (
    f"users: [{{name: olga, role: operator, password_hash: '{SESAME}'}},"
    f" {{name: vera, password_hash: '{SESAME}'}}],"
    f" tokens: [{{name: script, role: operator, token_hash: '{hash_token('a-token')}'}},"
    f" {{name: grafana, token_hash: '{hash_token('b-token')}'}}]"
)


def with_change(client):
    """Add to the viewer a change that says what it was given."""
    site = client.app.state.site
    done = client.app.state.done = []

    async def change(request):
        form, visitor = request.state.form, request.state.visitor
        with site.audited(request, "test.change", form.getlist("of")[0]) as said:
            done.append(form.getlist("of"))
            said.append("done")
        return JSONResponse({"by": visitor.name, "of": form.getlist("of")})

    def plain(request):
        return JSONResponse({"by": request.state.visitor.name, "of": request.state.form["of"]})

    client.app.router.routes[:0] = [
        Route("/change", site.change(change), methods=["POST"]),
        Route("/api/change", site.change(plain), methods=["POST"]),
    ]
    return client


@pytest.fixture
def client(store, browse):
    return with_change(browse(store))


@pytest.fixture
def guarded(store, browse, make_config):
    settings = make_config(web=f"{{host: 0.0.0.0, {USERS}}}")
    return with_change(browse(store, settings, host="atlas.example:8080"))


def csrf(client, **options):
    return client.get("/api/visitor", **options).json()["csrf"]


def signed_in(client, name):
    client.post("/login", data={"name": name, "password": "sesame"})
    return client


def test_a_form_with_its_token_changes_something(client):
    answer = client.post("/change", data={"of": ["a", "b"], "csrf": csrf(client)})

    assert answer.json() == {"by": "local", "of": ["a", "b"]}
    [entry] = client.app.state.site.trail.newest(10)
    assert (entry.who, entry.how, entry.action, entry.subject, entry.detail) == (
        "local", "local", "test.change", "a", "done",
    )  # fmt: skip


def test_the_token_may_be_in_a_header_and_the_form_in_json(client):
    headers = {"X-CSRF-Token": csrf(client)}

    assert client.post("/change", json={"of": ["a", 2, True]}, headers=headers).json()["of"] == [
        "a", "2", "true",
    ]  # fmt: skip
    assert client.post("/api/change", json={"of": "a"}, headers=headers).json()["of"] == "a"


def test_nothing_is_changed_that_the_trail_cannot_hold(store, browse, make_config):
    client = with_change(browse(store, make_config(web="{audit: /dev/full}")))
    answer = client.post("/change", data={"of": "a", "csrf": csrf(client)})

    assert answer.status_code == 503
    assert "No space left" in answer.text
    assert client.app.state.done == []


def test_a_change_whose_outcome_cannot_be_written_is_done_and_said(client, monkeypatch, caplog):
    trail, add = client.app.state.site.trail, AuditTrail.add

    def add_intents(entry):
        if entry.stage == "outcome":
            raise AuditError("audit trail: No space left")
        add(trail, entry)

    monkeypatch.setattr(trail, "add", add_intents)
    assert client.post("/change", data={"of": "a", "csrf": csrf(client)}).status_code == 200

    [entry] = trail.newest(10)
    assert (entry.subject, entry.stage, entry.detail) == ("a", "intent", "begun")
    assert f"test.change of change {entry.change}, outcome, is not in the audit" in caplog.text


def test_a_change_that_fails_is_in_the_trail_with_why(client):
    site = client.app.state.site
    request = SimpleNamespace(state=SimpleNamespace(visitor=None), client=None)
    for error in (ValueError("no such thing"), KeyError("PAT-007")):
        with pytest.raises(type(error)), site.audited(request, "test.change", "a"):
            raise error

    assert [it.detail for it in site.trail.newest(10)] == [
        "failed: KeyError",
        "failed: no such thing",
    ]


@pytest.mark.parametrize("url", ["/change", "/api/change"])
@pytest.mark.parametrize("given", [{}, {"csrf": ""}, {"csrf": "x"}, {"csrf": "é" * 9}])
def test_without_its_token_nothing_is_changed(client, url, given):
    answer = client.post(url, data={"of": "a", **given})

    assert answer.status_code == 403
    assert "Load it again" in answer.text
    assert client.app.state.site.trail.newest(10) == []


def test_the_token_of_one_session_is_not_that_of_another(guarded):
    before = csrf(signed_in(guarded, "olga"))
    signed_in(guarded, "olga")

    assert guarded.post("/change", data={"of": "a", "csrf": before}).status_code == 403
    assert guarded.post("/change", data={"of": "a", "csrf": csrf(guarded)}).status_code == 200


def test_a_viewer_changes_nothing(guarded):
    answer = signed_in(guarded, "vera").post("/change", data={"of": "a", "csrf": csrf(guarded)})

    assert answer.status_code == 403
    assert "vera is a viewer" in answer.text


@pytest.mark.parametrize(("token", "code"), [("a-token", 200), ("b-token", 403), ("c", 401)])
def test_a_program_needs_its_token_alone(guarded, token, code):
    headers = {"Authorization": f"Bearer {token}"}

    assert guarded.post("/api/change", json={"of": "a"}, headers=headers).status_code == code


def test_a_password_that_a_browser_might_send_by_itself_is_not_enough(guarded):
    auth = ("olga", "sesame")
    assert guarded.post("/change", data={"of": "a"}, auth=auth).status_code == 403

    given = csrf(guarded, auth=auth)
    answer = guarded.post("/change", data={"of": "a", "csrf": given}, auth=auth)
    assert answer.json()["by"] == "olga"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"of=a&" * 3000, "application/x-www-form-urlencoded", 400),
        (b"of=\xff", "application/x-www-form-urlencoded", 400),
        (b"of=" + b"a" * 2**20, "application/x-www-form-urlencoded", 413),
        (b"[1]", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"of": {}}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"of": NaN}', "application/json", 400),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
        (b"of=a", "", 415),
    ],
)
def test_what_is_no_form_is_refused(client, body, kind, code):
    headers = {"Content-Type": kind, "X-CSRF-Token": csrf(client)}

    assert client.post("/change", content=body, headers=headers).status_code == code


def test_nothing_is_changed_that_could_not_be_written_down(store, browse, make_config, tmp_path):
    (tmp_path / "file").write_text("")
    settings = make_config(web=f"{{audit: {tmp_path}/file/audit.jsonl}}")
    client = with_change(browse(store, settings))

    answer = client.post("/api/change", data={"of": "a", "csrf": csrf(client)})

    assert answer.status_code == 503
    assert "Audit trail" in answer.json()["error"]
