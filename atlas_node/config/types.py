"""The kinds of value a setting can have, each with its check.

Numbers and booleans are taken only as such (``port: "104"`` is refused), so that a slip in the
file is found at start. Messages say what was expected; they never repeat the value.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

_UNITS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([A-Za-z]*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}")
_UID = re.compile(r"(?=.{1,64}\Z)\d+(\.\d+)+")
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?")
_PASSWORD_HASH = re.compile(
    r"scrypt:(1\d|20):([1-9]|[12]\d|3[0-2]):([1-9]|1\d):[\w-]{22}:[\w-]{43}"
)
_TOKEN_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_SQLITE = "sqlite:///"
_DATABASE_URL = re.compile(r"sqlite:///(?!:memory:).+|postgresql(\+psycopg)?://.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be, in words, for messages and for the reference."""

    words: str


def _ae_title(title: str) -> str:
    """Return `title` without its padding, checked as an AE of PS3.5 table 6.2-1."""
    stripped = title.strip(" ")
    if not 1 <= len(stripped) <= 16:
        raise PydanticCustomError(
            "ae_title",
            "an AE title has 1 to 16 characters, this one {length}",
            {"length": len(stripped)},
        )
    if "\\" in stripped or not stripped.isascii() or not stripped.isprintable():
        raise PydanticCustomError(
            "ae_title", "an AE title is printable ASCII without a backslash or control character"
        )
    return stripped


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise PydanticCustomError(
            "name",
            "a name has 1 to 64 letters, digits, '.', '_' or '-' and begins with a letter or digit",
        )
    return name


def _transfer_syntax(name: str) -> str:
    """Return the UID of a transfer syntax; a private one has no name but its UID."""
    uid = name if _UID.fullmatch(name) else _transfer_syntaxes().get(name.casefold())
    if uid is None:
        raise PydanticCustomError(
            "transfer_syntax",
            "expected a transfer syntax: its UID, or a name such as ExplicitVRLittleEndian",
        )
    return uid


@cache
def _transfer_syntaxes() -> dict[str, str]:
    """Return the UIDs of the standard's transfer syntaxes by name and keyword, folded."""
    from pydicom._uid_dict import UID_dictionary  # noqa: PLC0415 takes long; seldom needed

    return {
        name.casefold(): uid
        for uid, (title, kind, _, _, keyword) in UID_dictionary.items()
        if kind == "Transfer Syntax"
        for name in (title, keyword)
    }


def _host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise PydanticCustomError("host", "expected a host name or an IP address")
    return host


def _network(address: str) -> str:
    """Return `address` when it is an IP address or a network in CIDR notation."""
    try:
        ipaddress.ip_network(address)
    except ValueError:
        pass
    else:
        return address
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        raise PydanticCustomError(
            "address", "expected an IP address or a network such as 192.0.2.0/24"
        ) from None
    raise PydanticCustomError(
        "address",
        "the address has bits set beyond its prefix; its network is {network}",
        {"network": str(network)},
    )


def _size(size: object) -> object:
    """Turn ``50 GiB`` into bytes; what is no text is left for the check of the type."""
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size.strip())
    if match is None or match[2] not in _UNITS:
        raise PydanticCustomError(
            "size", "expected bytes, or a number with one of the units kB MB GB TB KiB MiB GiB TiB"
        )
    return int(float(match[1]) * _UNITS[match[2]])


def _one_or_more(patterns: object) -> object:
    return (patterns,) if isinstance(patterns, str) else patterns


def _config_folder(info: ValidationInfo) -> Path:
    return info.context["folder"] if info.context else Path()


def _in_config_folder(path: Path, info: ValidationInfo) -> Path:
    """Take a relative path from the folder of the configuration file."""
    if path == Path():
        raise PydanticCustomError("path", "expected a path, found an empty one")
    return _config_folder(info) / path.expanduser()


def _database_url(url: str, info: ValidationInfo) -> str:
    if not _DATABASE_URL.fullmatch(url):
        raise PydanticCustomError(
            "database_url", "expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    if not url.startswith(_SQLITE):
        return url
    return f"{_SQLITE}{_config_folder(info) / url.removeprefix(_SQLITE)}"


def _origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise PydanticCustomError(
            "origin", "expected scheme and host alone, such as https://atlas.example.org"
        )
    return origin.lower()


def _password_hash(text: SecretStr) -> SecretStr:
    if not _PASSWORD_HASH.fullmatch(text.get_secret_value()):
        raise PydanticCustomError(
            "credential", "expected what `atlas-node access password` prints (scrypt:...)"
        )
    return text


def _token_hash(text: SecretStr) -> SecretStr:
    if not _TOKEN_HASH.fullmatch(text.get_secret_value()):
        raise PydanticCustomError(
            "credential",
            "expected the hash that `atlas-node access token` prints (sha256:...), not the token",
        )
    return text


def _hex_group(group: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{3}[13579BbDdFf]", group):
        raise PydanticCustomError(
            "group", 'expected an odd group of four hexadecimal digits in quotes, such as "0019"'
        )
    return group.lower()


def _hex_offset(element: str) -> str:
    if not re.fullmatch(r"(xx)?[0-9A-Fa-f]{2}", element):
        raise PydanticCustomError(
            "element", 'expected the element in its block in quotes, such as "xx0c"'
        )
    return "xx" + element[-2:].lower()


AETitle = Annotated[str, Kind("an AE title"), AfterValidator(_ae_title)]
Name = Annotated[str, Kind("a name"), AfterValidator(_name)]
Host = Annotated[str, Kind("a host name or IP address"), AfterValidator(_host)]
Network = Annotated[str, Kind("an IP address or CIDR network"), AfterValidator(_network)]
HexGroup = Annotated[
    str, Kind("an odd group of four hexadecimal digits"), AfterValidator(_hex_group)
]
HexOffset = Annotated[str, Kind("an element such as xx0c"), AfterValidator(_hex_offset)]
Port = Annotated[int, Kind("a port, 1 to 65535"), Field(strict=True, ge=1, le=65535)]
Count = Annotated[int, Kind("a whole number from 1"), Field(strict=True, ge=1)]
Days = Annotated[int, Kind("a whole number from 0"), Field(strict=True, ge=0)]
PduLength = Annotated[
    int, Kind("a number of bytes, 4096 to 16777216"), Field(strict=True, ge=4096, le=16777216)
]
Seconds = Annotated[
    float, Kind("a number of seconds above 0"), Field(strict=True, gt=0, allow_inf_nan=False)
]
Duration = Annotated[
    float,
    Kind("a number of seconds, 0 or more"),
    Field(strict=True, ge=0, allow_inf_nan=False),
]
Switch = Annotated[bool, Kind("true or false"), Field(strict=True)]
Size = Annotated[
    int, Kind("a size such as 50 GiB"), Field(strict=True, ge=1), BeforeValidator(_size)
]
Patterns = Annotated[
    tuple[str, ...], Kind("a pattern or a list of patterns"), BeforeValidator(_one_or_more)
]
TransferSyntaxes = Annotated[
    tuple[Annotated[str, AfterValidator(_transfer_syntax)], ...],
    Kind("a transfer syntax or a list of them, by UID or name"),
    BeforeValidator(_one_or_more),
]
ConfigPath = Annotated[Path, Kind("a path"), AfterValidator(_in_config_folder)]
DatabaseUrl = Annotated[str, Kind("a database URL"), AfterValidator(_database_url)]
Origin = Annotated[str, Kind("a scheme and host"), AfterValidator(_origin)]
PasswordHash = Annotated[SecretStr, Kind("a hash of a password"), AfterValidator(_password_hash)]
TokenHash = Annotated[SecretStr, Kind("a hash of a token"), AfterValidator(_token_hash)]
