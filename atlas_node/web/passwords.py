"""Hashes of passwords and tokens: what the configuration keeps in their place.

`atlas-node access` makes them, `access` holds what a visitor gives against them. A password is
hashed by scrypt (RFC 7914), which costs a thief time and memory for each guess; a token is random
enough for a plain SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import unicodedata
from typing import Final

_LOG_N: Final = 14
_R: Final = 8
_P: Final = 5
"""16 MiB and about 0.2 s: one of the equivalent settings that OWASP's Password Storage Cheat Sheet
gives as the least."""

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_TOKEN_BYTES: Final = 32


def hash_password(password: str) -> str:
    """Return ``scrypt:LOG2_N:R:P:SALT:HASH`` of a password, another one each time."""
    salt = os.urandom(_SALT_BYTES)
    digest = _scrypt(password, salt, _LOG_N, _R, _P)
    return f"scrypt:{_LOG_N}:{_R}:{_P}:{_text(salt)}:{_text(digest)}"


def password_fits(password: str, hashed: str) -> bool:
    """Whether `hashed`, as `hash_password` made it, is of this password; takes its time."""
    _, log_n, r, p, salt, digest = hashed.split(":")
    found = _scrypt(password, _bytes(salt), int(log_n), int(r), int(p))
    return hmac.compare_digest(found, _bytes(digest))


def hash_without_password(like: str) -> str:
    """Return a hash that no password fits, as costly to try as `like`."""
    cost = like.split(":")[:4]
    return ":".join([*cost, _text(os.urandom(_SALT_BYTES)), _text(os.urandom(_HASH_BYTES))])


def new_token() -> str:
    """Return a token that cannot be guessed, in characters that a shell and a header take."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return ``sha256:HASH`` of a token."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def normal(password: str) -> bytes:
    """Return the bytes of a password: the same for each way to type it (RFC 8265 4.2.2, NFC)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    memory = 128 * r * (2**log_n + p + 2)
    return hashlib.scrypt(
        normal(password), salt=salt, n=2**log_n, r=r, p=p, maxmem=memory, dklen=_HASH_BYTES
    )


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
