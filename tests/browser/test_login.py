import pytest
from playwright.sync_api import expect

# Of "sesame", with a small cost so that each test is quick.
SESAME = "scrypt:10:1:1:AAAAAAAAAAAAAAAAAAAAAA:MCVSH9Sz7AaH7GNcSYBFDzww1Jpc1mMXKIr9Qs0O9SM"


@pytest.fixture
def guarded(serve):
    return serve(web=f"users: [{{name: vera, password_hash: '{SESAME}'}}]")


def sign_in(page, password="sesame"):
    page.get_by_label("Name").fill("vera")
    page.get_by_label("Password").fill(password)
    page.get_by_label("Password").press("Enter")


def test_whoever_signs_in_comes_to_the_page_that_was_asked_for(guarded, open_page):
    page = open_page(guarded)
    page.goto("/?modality=MR")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Name")).to_be_focused()

    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("Name and password do not fit.")
    expect(page.get_by_label("Name")).to_have_value("vera")
    expect(page.get_by_label("Password")).to_have_value("")

    sign_in(page)
    expect(page).to_have_url(f"{guarded.url}?modality=MR")
    assert page.evaluate("document.cookie") == ""
    assert page.context.cookies()[0]["sameSite"] == "Strict"


def test_whoever_signs_out_sees_nothing_more(guarded, open_page):
    page = open_page(guarded)
    page.goto("/status")
    sign_in(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.goto("/status")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_page_whose_session_has_ended_goes_to_the_login_page_by_itself(guarded, open_page):
    page = open_page(guarded)
    page.goto("/status")
    sign_in(page)
    expect(page.get_by_role("heading", name="Status")).to_be_visible()

    page.context.clear_cookies()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page)
    expect(page.get_by_role("heading", name="Status")).to_be_visible()


def test_a_link_from_another_site_finds_whoever_is_signed_in(guarded, open_page, serve_form):
    page = open_page(guarded)
    page.goto("/status")
    sign_in(page)
    expect(page.get_by_role("heading", name="Status")).to_be_visible()

    page.goto(serve_form(f"{guarded.url}status"))
    page.get_by_role("link").click()

    expect(page.get_by_role("heading", name="Status")).to_be_visible()


def test_a_form_of_another_site_changes_nothing(guarded, open_page, serve_form):
    page = open_page(guarded)
    page.goto("/status")
    sign_in(page)
    expect(page.get_by_role("heading", name="Status")).to_be_visible()

    page.goto(serve_form(f"{guarded.url}logout"))
    page.get_by_role("button").click()

    expect(page.get_by_text("A page of another origin sent this")).to_be_visible()
    page.goto("/status")
    expect(page.get_by_role("heading", name="Status")).to_be_visible()


@pytest.fixture
def serve_form():
    """Serves a page of a stranger with a form and a link, under another name of this machine."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    target = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            form = f'<form method="post" action="{target[0]}"><button>Win</button></form>'
            form += f'<a href="{target[0]}">Look</a>'
            self.wfile.write(form.encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def page_for(address):
        target.append(address)
        return f"http://localhost:{server.server_port}/"

    yield page_for
    server.shutdown()
    thread.join()
    server.server_close()
