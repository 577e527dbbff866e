import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_node.config import load_config
from atlas_node.web.passwords import (
    hash_password,
    hash_token,
    hash_without_password,
    new_token,
    password_fits,
)

# Of "sesame", made with a small cost so that each test is quick.
CHEAP = "scrypt:10:1:1:AAAAAAAAAAAAAAAAAAAAAA:MCVSH9Sz7AaH7GNcSYBFDzww1Jpc1mMXKIr9Qs0O9SM"


def test_a_password_fits_its_hash_and_no_other():
    hashed = hash_password("sesame")

    assert password_fits("sesame", hashed)
    assert not password_fits("Sesame", hashed)
    assert "sesame" not in hashed


def test_two_hashes_of_one_password_differ():
    assert hash_password("sesame") != hash_password("sesame")


def test_the_configuration_takes_what_is_made(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        f"web: {{users: [{{name: a, password_hash: '{hash_password('x')}'}}],"
        f" tokens: [{{name: b, token_hash: '{hash_token(new_token())}'}}]}}\n"
    )

    assert load_config(path, {}).web.users[0].role == "viewer"


def test_a_password_typed_in_another_way_is_the_same():
    # ö as one character, and as o with a combining mark, as macOS may send it.
    assert password_fits("\u00f6ffne", hash_password("o\u0308ffne"))


@settings(max_examples=20, deadline=None)
@given(st.text())
def test_any_text_can_be_tried(text):
    assert password_fits(text, CHEAP) == (text == "sesame")


def test_tokens_are_long_and_never_the_same():
    made = {new_token() for _ in range(100)}

    assert len(made) == 100
    assert min(map(len, made)) >= 43


@pytest.mark.parametrize("token", ["", "x", "\u0000", "\u00e9" * 1000])
def test_any_token_has_a_hash(token):
    assert len(hash_token(token)) == len("sha256:") + 64


def test_the_hash_of_nobody_costs_as_much_and_fits_nothing():
    nobody = hash_without_password(like=CHEAP)

    assert nobody.split(":")[:4] == CHEAP.split(":")[:4]
    assert not password_fits("sesame", nobody)
