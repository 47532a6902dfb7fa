"""Read certificate authorities of sources: certificates and nothing else, as base64 of PEM."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from togetherctl.disk import read_whole
from togetherctl.errors import ConfigError

_MAX_BYTES = 1024 * 1024
_BEGIN = re.compile(r"-----BEGIN ([^-]*)-----")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def certificates(pem: str) -> str:
    """The certificates in a PEM text as base64 of PEM, without anything else; empty where there are none."""
    found = "".join(f"{block}\n" for block in _CERTIFICATE.findall(pem))
    return base64.b64encode(found.encode("ascii")).decode("ascii")


def pem_of(ca_data: str) -> str:
    """What `ca_data` holds as text; empty where it is no base64, which the configuration says itself."""
    with suppress(binascii.Error, ValueError):
        return base64.b64decode("".join(ca_data.split())).decode("utf-8", "replace")
    return ""


def holds_more(pem: str) -> bool:
    """Whether a PEM text holds anything that is no certificate, such as a key."""
    return any(kind != "CERTIFICATE" for kind in _BEGIN.findall(pem))


def join_certificates(files: Iterable[Path], ca_data: str | None, *, alone: bool) -> str:
    """The certificates of files and of `ca_data` in one `ca_data`.

    With `alone`, whatever else they hold is refused; without, it is left out. Raises ConfigError, which shows nothing
    of a file.
    """
    pem = "".join(f"{_read(path, alone=alone)}\n" for path in files)
    return certificates(pem + pem_of(ca_data or ""))


def _read(path: Path, *, alone: bool) -> str:
    try:
        raw, _ = read_whole(path, limit=_MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ConfigError(f"the CA file {path} cannot be read: {reason}") from None
    text = raw.decode("utf-8", "replace")
    if not certificates(text):
        raise ConfigError(f"the CA file {path} holds no PEM certificate")
    if alone and holds_more(text):
        raise ConfigError(f"the CA file {path} holds more than certificates")
    return text
